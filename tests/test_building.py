"""Weights: every way a file can be wrong has its own error, and loading leaves no trace but the model."""

import dataclasses
import functools
import importlib
import json
import re
import resource
import shutil
import threading
from pathlib import Path

import pytest
import torch

import zoo
from zoo import building, registry, releases, weights
from zoo._util.atomic import renewing
from zoo.errors import (
    ChecksumMismatch,
    ConfigError,
    InvalidInput,
    UnknownArchitecture,
    WeightsMismatch,
    WeightsNotFound,
)
from zoo.noise import EarlierNoise, Noise
from zoo.releases.cards import CARD, FILES, FORMAT, WEIGHTS, Card

ROOT = Path(__file__).parent.parent

# A good file ---------------------------------------------------------------------------------------------------------


def test_loads_what_was_saved(release, contents):
    model = zoo.load(release)
    state, header = contents(release / "model.safetensors")
    assert header == {
        "format": FORMAT,
        "made_with": f"zoo {zoo.__version__}",
        "architecture": "dcgan",
        "config": model.provenance.config,
    }
    loaded = model.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_loaded_model_is_ready(release):
    model = zoo.load(release)
    assert not any(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    assert model.dtype is torch.float32
    assert model.device.type == "cpu"


def test_of_a_file_of_an_earlier_format_a_seed_draws_what_it_drew(release, rewrite, tmp_path):
    """And of what is saved of it; only new files have the samples of seeds of 64 bits."""
    new = zoo.load(release)
    rewrite(lambda state, header: json.dumps(header | {"format": 1}))
    old = zoo.load(release)
    assert (new.noise_class, old.noise_class) == (Noise, EarlierNoise)
    assert torch.equal(old.latents(2, seed=0).flatten(), EarlierNoise(0, 0, 2).normal(*old.latent_shape).flatten())
    assert torch.equal(new.latents(2, seed=0).flatten(), Noise(0, 0, 2).normal(*new.latent_shape).flatten())
    assert torch.equal(old.generate(2, seed=0), old.decode(old.latents(2, seed=0)))
    for model in (old, new):
        model.save(tmp_path / "copy.safetensors")
        assert weights.read(tmp_path / "copy.safetensors").format == FORMAT
        again = building.read(tmp_path / "copy.safetensors")
        assert torch.equal(again.generate(2, seed=0), model.generate(2, seed=0))


def test_provenance_says_where_everything_came_from(release):
    card = Card.read(release)
    where = zoo.load(release).provenance
    assert where.architecture == "dcgan"
    assert where.release == "tiny-made-up"
    assert where.sha256 == card.weights["sha256"]
    assert str(release / "model.safetensors") in where.source
    assert where.training == card.training
    assert where.metrics == []
    assert (where.repo, where.revision) == (None, None)


def test_loading_draws_no_random_numbers(release):
    before = torch.get_rng_state()
    zoo.load(release)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_loaded_in_inference_mode_can_still_be_inverted(release):
    with torch.inference_mode():
        model = zoo.load(release)
    codes = model.encode(torch.full((1, 3, 8, 8), 0.5), steps=2)
    assert codes.shape == (1, 4)


@pytest.mark.parametrize("dtype", ["float16", torch.bfloat16, "float64", torch.float32])
def test_dtype(release, dtype):
    model = zoo.load(release, dtype=dtype)
    assert str(model.dtype).removeprefix("torch.") == str(dtype).removeprefix("torch.")
    assert model.generator[1].num_batches_tracked.dtype is torch.int64
    assert model.generate(1, seed=0).dtype is model.dtype


@pytest.mark.parametrize("dtype", ["half", "fp16", "", 16, float, torch.int8, torch.complex64, "torch.float16", []])
def test_wrong_dtype(release, dtype):
    with pytest.raises(InvalidInput, match=r"dtype=.*expected one of float32, float64, bfloat16, float16"):
        zoo.load(release, dtype=dtype)


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", 1.5, "meta", ["cpu"]])
def test_wrong_device(release, device):
    with pytest.raises(InvalidInput, match=r"device=.* Try device='cpu'\."):
        zoo.load(release, device=device)


def test_a_device_that_is_not_here_is_refused_in_a_sentence(release, monkeypatch):
    def empty(*size, device):
        raise NotImplementedError("Could not run 'aten::empty' on 'MPS'. This could be because " + "[CPU, CUDA] " * 200)

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(InvalidInput, match=r"^device='mps' cannot be used here: Could .* 'MPS'\. Try device='cpu'\.$"):
        zoo.load(release, device="mps")


def test_device_as_string_and_as_object(release):
    assert zoo.load(release, device="cpu").device == zoo.load(release, device=torch.device("cpu")).device


# A file that is wrong ------------------------------------------------------------------------------------------------


def test_renamed_key(release, rewrite, refused):
    rewrite(lambda state, header: state.update(scale=state.pop("generator.1.weight")))
    refused(release, WeightsMismatch, "missing: generator.1.weight", "unexpected: scale", "nothing was loaded")


def test_missing_key(release, rewrite, refused):
    rewrite(lambda state, header: state.__delitem__("generator.0.weight"))
    message = refused(release, WeightsMismatch, "missing: generator.0.weight", "Restore it")
    assert "unexpected" not in message


def test_wrong_shape(release, rewrite, refused):
    rewrite(lambda state, header: state.update({"generator.1.weight": torch.zeros(7)}))
    refused(release, WeightsMismatch, "of wrong shape: generator.1.weight (7,) instead of (2,)")


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, torch.bool])
def test_wrong_type(release, rewrite, dtype, refused):
    rewrite(lambda state, header: state.update({"generator.1.weight": torch.zeros(2, dtype=dtype)}))
    refused(release, WeightsMismatch, f"of wrong type: generator.1.weight {dtype} instead of torch.float32")


def test_many_faults_are_cut_short(release, rewrite, refused):
    rewrite(lambda state, header: state.update({f"extra{i}": torch.zeros(1) for i in range(9)}))
    assert "extra4, …" in refused(release, WeightsMismatch, "unexpected: extra0")


def test_unknown_architecture_in_the_header(release, rewrite, refused):
    rewrite(lambda state, header: header.update(architecture="dcgam"))
    refused(release, UnknownArchitecture, "'dcgam'", "Did you mean 'dcgan'", "install that plugin")


def test_unknown_config_key_in_the_header(release, rewrite, refused):
    rewrite(lambda state, header: header["config"].update(widht=3))
    refused(release, ConfigError, "'widht'", "'width'")


def test_config_value_of_wrong_type_in_the_header(release, rewrite, refused):
    rewrite(lambda state, header: header["config"].update(width="rm -rf"))
    refused(release, ConfigError, "width='rm -rf'; expected a whole number")


def test_card_and_header_disagree_on_the_config(release, refused):
    card = Card.read(release)
    card.replace(config={**card.config, "latent_dim": 5}).write()
    refused(release, WeightsMismatch, "'latent_dim': 4", "'latent_dim': 5", "Restore the pair")


def test_card_and_header_disagree_on_the_architecture(release, refused):
    Card.read(release).replace(architecture="vae", config={}).write()
    refused(release, WeightsMismatch, "holds a dcgan", "a vae with")


def test_unknown_config_key_on_the_card_names_the_card(release):
    Card.read(release).replace(config={"widht": 3}).write()
    with pytest.raises(ConfigError, match=r"README\.md: config of dcgan has no field 'widht'"):
        zoo.load(release)


def test_missing_file_says_how_to_make_it(release, path):
    path.unlink()
    with pytest.raises(WeightsNotFound) as caught:
        zoo.load(release)
    message = str(caught.value)
    for word in (str(release), "model.safetensors", "not on the Hub", "zoo train tiny-made-up --data DIR"):
        assert word in message


def test_buffers_that_the_file_cannot_fill_are_an_error(release, path, monkeypatch, refused):
    from zoo.models.gans.dcgan import DCGAN

    build = DCGAN.__init__

    def with_table(self, config):
        build(self, config)
        self.register_buffer("table", torch.arange(3), persistent=False)

    monkeypatch.setattr(DCGAN, "__init__", with_table)
    refused(release, WeightsMismatch, "cannot fill table", "persistent=True")


# Files that are not to be trusted -------------------------------------------------------------------------------------


SIZELESS = {  # no tensor depends on these: the longest text of the training, and channels of a network that is dense
    ("stackgan-aerial", "words"),
    ("stackgan-emoji", "words"),
    ("denoising-autoencoder-mnist", "widths"),
}


def oversized():
    """(release, field, value): every size in the configs of the releases, as large as somebody may write it there."""
    seen = {}
    for name in zoo.list_models():
        seen.setdefault(releases.find(name).card.architecture, name)
    for name in seen.values():
        for field, value in releases.find(name).card.config.items():
            if isinstance(value, int) and not isinstance(value, bool):
                yield pytest.param(name, field, 10**9, id=f"{name}-{field}")
            elif isinstance(value, list) and value:
                many = [f"a{i}" for i in range(3000)] if isinstance(value[0], str) else [10**9] * len(value)
                yield pytest.param(name, field, many, id=f"{name}-{field}")


@functools.lru_cache(maxsize=1)  # tests of a release follow one another
def stored_weights(name):
    return weights.read(ROOT / "cards" / name / "model.safetensors")


@pytest.mark.parametrize(("name", "field", "value"), list(oversized()))
def test_a_config_larger_than_its_file_is_refused_before_it_fills_memory(name, field, value):
    if (name, field) in SIZELESS:
        return
    stored = stored_weights(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((ConfigError, WeightsMismatch)) as caught:
        building._filled(
            dataclasses.replace(stored, config={**stored.config, field: value}), releases.find(name).architecture
        )
    assert "model.safetensors" in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_loaded_model_does_not_depend_on_its_file_any_more(release, path):
    """float32 weights used to stay mapped to it: a shorter file would kill the process, another change the images."""
    model = zoo.load(release)
    before = model.generate(2, seed=0)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size // 2))
    assert torch.equal(model.generate(2, seed=0), before)
    with path.open("r+b") as file:
        file.truncate(0)
    assert torch.equal(model.generate(2, seed=0), before)


def test_what_was_hashed_is_what_is_loaded(release, path, monkeypatch):
    """A file that is replaced between the two, time and again, is refused."""
    good, read = path.read_bytes(), weights.read

    def replaced(path, **arguments):
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        try:
            return read(path, **arguments)
        finally:
            path.write_bytes(good)

    monkeypatch.setattr(weights, "read", replaced)
    with pytest.raises(ChecksumMismatch, match="was changed while it was read"):
        zoo.load(release)


@pytest.mark.parametrize("when", ["zoo.releases.files.verify", "zoo.weights.read"])
def test_of_a_release_that_is_renewed_while_it_is_loaded_the_new_one_is_loaded(release, tmp_path, monkeypatch, when):
    """Card and file are read one after the other, and need not belong together."""
    newer = tmp_path / "newer"
    shutil.copytree(release, newer)
    model = zoo.load(newer)
    with torch.no_grad():
        next(model.parameters()).add_(1)
    sha256, old = model.save(newer / WEIGHTS), Card.read(release).weights["sha256"]
    card = newer / CARD
    card.write_text(card.read_text().replace(old, sha256))
    module, _, name = when.rpartition(".")
    function, renewed = getattr(importlib.import_module(module), name), []

    def renew(*arguments, **named):
        if not renewed:
            renewed.append(True)
            with renewing(release, FILES) as temporary:
                shutil.copytree(newer, temporary, dirs_exist_ok=True)
        return function(*arguments, **named)

    monkeypatch.setattr(importlib.import_module(module), name, renew)
    loaded = zoo.load(release)
    assert (loaded.provenance.sha256, renewed) == (sha256, [True])
    assert torch.equal(next(loaded.parameters()), next(model.parameters()))


# The source of the package -------------------------------------------------------------------------------------------


def test_there_is_no_pickle_path_in_the_package():
    package = Path(zoo.__file__).parent
    sources = sorted(package.rglob("*.py"))
    assert len(sources) > 30
    # zip() too takes strict=False, which says nothing about weights.
    forbidden = re.compile(
        r"\b(cloud)?pickle\.|import (cloud)?pickle|torch\.(load|save)\b|load_state_dict\(.*strict=False"
    )
    for source in sources:
        for number, line in enumerate(source.read_text().splitlines(), 1):
            assert not forbidden.search(line), f"{source}:{number}: {line}"


def test_loading_a_state_dict_is_strict_everywhere():
    for source in sorted(Path(zoo.__file__).parent.rglob("*.py")):
        for call in re.finditer(r"(?<!def )\bload_state_dict\(([^()]|\([^()]*\))*\)", source.read_text()):
            assert "strict=False" not in call[0], f"{source}: {call[0]}"


# Presets -------------------------------------------------------------------------------------------------------------


def test_a_preset_names_fields_and_what_is_said_besides_counts():
    vae = zoo.create("vae", preset="paper", latent_dim=3)
    assert (vae.config.hidden, vae.config.activation, vae.config.latent_dim) == ((400,), "relu", 3)
    assert zoo.create("dcgan", preset="paper").config == type(zoo.create("dcgan").config)(width=64, output_bias=False)


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"dcgan has no preset 'papier'\. Its presets: paper\."):
        zoo.create("dcgan", preset="papier")
    with pytest.raises(ConfigError, match="ebgan has no preset 'paper'"):
        zoo.create("ebgan", preset="paper")


@pytest.mark.parametrize("entry", registry.list_entries("architectures"), ids=lambda entry: entry.qualified)
def test_presets_are_those_that_are_registered_and_can_be_made(entry):
    assert entry.presets == tuple(building.resolve(entry).presets)
    for name in entry.presets:
        with torch.device("meta"):
            building.create(entry, {}, preset=name)


def test_models_are_made_in_several_threads_at_once(release):
    path, found, bad = release / "model.safetensors", [], []

    def make():
        try:
            for _ in range(10):
                found.append(building.read(path))
        except Exception as error:
            bad.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), bad) == (40, [])


def test_what_is_counted_in_one_thread_changes_nothing_that_others_go_through(path):
    hooks = torch.nn.modules.module._global_module_registration_hooks
    before = list(hooks)
    with building._bounded(weights.read(path)):
        assert list(hooks) == before


@pytest.mark.parametrize(("world", "device"), [("1", "cuda"), ("4", "cuda:1")])
def test_of_several_processes_each_takes_a_gpu_of_its_own(monkeypatch, world, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("WORLD_SIZE", world)
    monkeypatch.setenv("LOCAL_RANK", "3")
    found = []
    monkeypatch.setattr("torch.empty", lambda *shape, device: found.append(str(device)))
    building._device("auto")
    assert found == [device]
