"""Weights: every way a file can be wrong has its own error, and loading leaves no trace but the model."""

import json
import os
import pickle
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import zoo
from zoo import building, rounding
from zoo.errors import (
    ChecksumMismatch,
    ConfigError,
    InvalidInput,
    NotSafetensors,
    TruncatedWeights,
    UnknownArchitecture,
    WeightsError,
    WeightsMismatch,
    WeightsNotFound,
)
from zoo.releases import integrity
from zoo.releases.cards import FORMAT, Card


@pytest.fixture
def path(release):
    return release / "model.safetensors"


def contents(path):
    """Tensors and header of a weights file."""
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["zoo"])  # noqa: SIM118


@pytest.fixture
def rewrite(release, path):
    """Change tensors or header of the file, and pin the new sha256 on the card, as by an author's mistake."""

    def change(edit):
        state, header = contents(path)
        metadata = {"zoo": edit(state, header) or json.dumps(header)}
        save_file(state, path, metadata=metadata)
        repin(release)

    return change


def repin(release):
    path = release / "model.safetensors"
    card = Card.read(release)
    block = {**card.weights, "sha256": integrity.hash_file(path), "bytes": path.stat().st_size}
    card.replace(weights=block).write()


def refused(release, error, *words):
    """Loading raises exactly `error`, whose message names the file and each of `words`; the file stays as it is."""
    path = release / "model.safetensors"
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(WeightsError if issubclass(error, WeightsError) else error) as caught:
        zoo.load(release)
    assert type(caught.value) is error
    for word in (str(path), *words):
        assert word in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == before
    return str(caught.value)


# A good file ---------------------------------------------------------------------------------------------------------


def test_loads_what_was_saved(release):
    model = zoo.load(release)
    state, header = contents(release / "model.safetensors")
    assert header == {
        "format": 1,
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


def test_half_precision_storage_is_widened(release, path):
    zoo.load(release).save(path, dtype=torch.float16)
    repin(release)
    assert contents(path)[0]["generator.0.weight"].dtype is torch.float16
    assert zoo.load(release).dtype is torch.float32


@pytest.fixture
def all_rounded(monkeypatch):
    """Matrices of any size are kept as whole numbers: the model here has no large ones."""
    monkeypatch.setattr(rounding, "rounded", partial(rounding.rounded, least=0))


@pytest.mark.usefixtures("all_rounded")
def test_storage_of_one_byte_a_weight(release, path):
    model = zoo.load(release)
    model.save(path, dtype=torch.int8)
    repin(release)
    stored, loaded = contents(path)[0], zoo.load(release)
    assert stored["generator.0.weight"].dtype is torch.int8
    assert stored["generator.1.weight"].dtype is torch.float32  # batch norm's, a vector
    for key, exact in model.state_dict().items():
        got = loaded.state_dict()[key]
        assert got.dtype == exact.dtype
        if exact.ndim > 1:
            largest = exact.flatten(1).abs().amax(1).view(-1, *[1] * (exact.ndim - 1))
            assert ((got - exact).abs() <= largest / 254 * 1.0001).all()
        else:
            assert torch.equal(got, exact)
    again = zoo.load(release).save(path, dtype=torch.int8)
    assert again == Card.read(release).weights["sha256"]  # nothing more is lost


@pytest.mark.usefixtures("all_rounded")
def test_whole_numbers_without_their_scales_are_refused(release, path, rewrite):
    zoo.load(release).save(path, dtype=torch.int8)
    rewrite(lambda state, header: state.__delitem__("generator.0.weight:scale"))
    refused(release, WeightsMismatch, "generator.0.weight torch.int8 instead of torch.float32")


@pytest.mark.usefixtures("all_rounded")
def test_scales_that_do_not_fit_are_refused(release, path, rewrite):
    zoo.load(release).save(path, dtype=torch.int8)
    rewrite(lambda state, header: state.update({"generator.0.weight:scale": torch.ones(99)}))
    refused(release, WeightsMismatch, "unexpected: generator.0.weight:scale", "of wrong type: generator.0.weight")


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


def test_device_as_string_and_as_object(release):
    assert zoo.load(release, device="cpu").device == zoo.load(release, device=torch.device("cpu")).device


# A file that is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 5, 8, 100, -1])
def test_truncated_file(release, path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    refused(release, TruncatedWeights, "fetch it again")


def test_truncated_file_of_an_unpinned_folder(release, path):
    card = Card.read(release)
    card.replace(weights={}).write()
    data = path.read_bytes()
    for keep in (100, len(data) - 1):
        path.write_bytes(data[:keep])
        refused(release, TruncatedWeights, "fetch it again")


@pytest.mark.parametrize("weights_block", [True, False])
def test_empty_file(release, path, weights_block):
    if not weights_block:
        Card.read(release).replace(weights={}).write()
    path.write_bytes(b"")
    refused(release, TruncatedWeights if weights_block else NotSafetensors, "0 bytes")


def test_flipped_bit_names_both_hashes_and_what_to_do(release, path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    message = refused(release, ChecksumMismatch, Card.read(release).weights["sha256"], integrity.hash_file(path))
    assert "restore the file" in message


def test_flipped_bit_in_the_header(release, path):
    data = bytearray(path.read_bytes())
    data[data.index(b'"shape"') + 3] ^= 1
    path.write_bytes(data)
    refused(release, ChecksumMismatch, "was left as it is")


def test_extra_bytes_at_the_end(release, path):
    path.write_bytes(path.read_bytes() + b"more")
    refused(release, ChecksumMismatch)
    repin(release)
    refused(release, NotSafetensors, "Restore the file")


def test_renamed_key(release, rewrite):
    rewrite(lambda state, header: state.update(scale=state.pop("generator.1.weight")))
    refused(release, WeightsMismatch, "missing: generator.1.weight", "unexpected: scale", "nothing was loaded")


def test_missing_key(release, rewrite):
    rewrite(lambda state, header: state.__delitem__("generator.0.weight"))
    message = refused(release, WeightsMismatch, "missing: generator.0.weight", "Restore it")
    assert "unexpected" not in message


def test_wrong_shape(release, rewrite):
    rewrite(lambda state, header: state.update({"generator.1.weight": torch.zeros(7)}))
    refused(release, WeightsMismatch, "of wrong shape: generator.1.weight (7,) instead of (2,)")


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, torch.bool])
def test_wrong_type(release, rewrite, dtype):
    rewrite(lambda state, header: state.update({"generator.1.weight": torch.zeros(2, dtype=dtype)}))
    refused(release, WeightsMismatch, f"of wrong type: generator.1.weight {dtype} instead of torch.float32")


def test_many_faults_are_cut_short(release, rewrite):
    rewrite(lambda state, header: state.update({f"extra{i}": torch.zeros(1) for i in range(9)}))
    assert "extra4, …" in refused(release, WeightsMismatch, "unexpected: extra0")


def test_unknown_architecture_in_the_header(release, rewrite):
    rewrite(lambda state, header: header.update(architecture="dcgam"))
    refused(release, UnknownArchitecture, "'dcgam'", "Did you mean 'dcgan'", "install that plugin")


@pytest.mark.parametrize(
    "zoo_entry",
    [
        "not JSON",
        "[]",
        "null",
        "{}",
        '{"architecture": "dcgan"}',
        '{"architecture": 3, "config": {}}',
        '{"architecture": "dcgan", "config": []}',
        "[" * 100_000,
    ],
)
def test_header_that_names_no_architecture(release, rewrite, zoo_entry):
    rewrite(lambda state, header: zoo_entry)
    refused(release, UnknownArchitecture, "model.save(path)")


def test_safetensors_of_another_program(release, path):
    save_file({"weight": torch.zeros(3)}, path)
    repin(release)
    refused(release, UnknownArchitecture, "not written by zoo")


def test_unknown_config_key_in_the_header(release, rewrite):
    rewrite(lambda state, header: header["config"].update(widht=3))
    refused(release, ConfigError, "'widht'", "'width'")


def test_config_value_of_wrong_type_in_the_header(release, rewrite):
    rewrite(lambda state, header: header["config"].update(width="rm -rf"))
    refused(release, ConfigError, "width='rm -rf'; expected a whole number")


def test_card_and_header_disagree_on_the_config(release):
    card = Card.read(release)
    card.replace(config={**card.config, "latent_dim": 5}).write()
    refused(release, WeightsMismatch, "'latent_dim': 4", "'latent_dim': 5", "Restore the pair")


def test_card_and_header_disagree_on_the_architecture(release):
    Card.read(release).replace(architecture="vae", config={}).write()
    refused(release, WeightsMismatch, "holds a dcgan", "a vae with")


def test_unknown_config_key_on_the_card_names_the_card(release):
    Card.read(release).replace(config={"widht": 3}).write()
    with pytest.raises(ConfigError, match=r"README\.md: config of dcgan has no field 'widht'"):
        zoo.load(release)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_pickle_renamed_to_safetensors_is_never_opened(release, path, legacy, pinned):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(release / "exploded"),))

    torch.save({"weight": Bomb()}, path, _use_new_zipfile_serialization=not legacy)
    if pinned:
        repin(release)
    refused(release, NotSafetensors, "is a pickle", "Ask its author for safetensors")
    assert not (release / "exploded").exists()


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles(release, path, protocol):
    path.write_bytes(pickle.dumps({"weight": list(range(1000))}, protocol))
    refused(release, NotSafetensors, "is a pickle")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html>404</html>", "web page or a pointer"),
        (b"\n  <html>sign in</html>", "web page or a pointer"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "web page or a pointer"),
        (b'{"error": "Repository not found"}' * 20, "not a safetensors file"),
        (bytes(1000), "not a safetensors file"),
        ((20).to_bytes(8, "little") + b"{" + b"x" * 19, "damaged header"),
        ((20).to_bytes(8, "little") + b'{"a":{"data_off":1}}', "damaged header"),
        ((33).to_bytes(8, "little") + b'{"a":{"data_offsets":[0,"many"]}}', "damaged header"),
        ((2**62).to_bytes(8, "little") + b'{"a":1}', "not a safetensors file"),
    ],
)
def test_files_that_are_something_else(release, path, data, words):
    path.write_bytes(data)
    repin(release)
    refused(release, NotSafetensors, words)


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580, 0x4B50, 0x3C20])
def test_a_header_whose_length_reads_like_a_pickle_or_a_page_is_fine(release, path, length):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    del header["__metadata__"]["zoo"]
    entry = {"zoo": json.dumps(contents(path)[1]), "note": ""}
    header["__metadata__"] = entry
    short = json.dumps(header, separators=(",", ":")).encode()
    if len(short) > length:
        length += 0x10000  # the same low bytes
    entry["note"] = "x" * (length - len(short))
    padded = json.dumps(header, separators=(",", ":")).encode()
    assert len(padded) == length
    path.write_bytes(length.to_bytes(8, "little") + padded + data[8 + size :])
    repin(release)
    assert zoo.load(release).provenance.architecture == "dcgan"


def test_missing_file_says_how_to_make_it(release, path):
    path.unlink()
    with pytest.raises(WeightsNotFound) as caught:
        zoo.load(release)
    message = str(caught.value)
    for word in (str(release), "model.safetensors", "not on the Hub", "zoo train tiny-made-up --data DIR"):
        assert word in message


def test_buffers_that_the_file_cannot_fill_are_an_error(release, path, monkeypatch):
    from zoo.models.gans.dcgan import DCGAN

    build = DCGAN.__init__

    def with_table(self, config):
        build(self, config)
        self.register_buffer("table", torch.arange(3), persistent=False)

    monkeypatch.setattr(DCGAN, "__init__", with_table)
    refused(release, WeightsMismatch, "cannot fill table", "persistent=True")


# The remembered sha256 -----------------------------------------------------------------------------------------------


@pytest.fixture
def hashed(monkeypatch):
    """The files hashed so far."""
    calls, real = [], integrity.hash_file

    def count(path):
        calls.append(path)
        return real(path)

    monkeypatch.setattr(integrity, "hash_file", count)
    return calls


def test_a_file_is_hashed_once(release, hashed):
    first, second = zoo.load(release), zoo.load(release)
    assert len(hashed) == 1
    assert first.provenance.sha256 == second.provenance.sha256


def test_a_file_is_hashed_again_when_its_time_or_size_changed(release, path, hashed):
    zoo.load(release)
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    zoo.load(release)
    assert len(hashed) == 2
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    refused(release, ChecksumMismatch)
    assert len(hashed) == 3


def test_a_wrong_file_is_not_remembered_as_right(release, path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for _ in range(2):
        refused(release, ChecksumMismatch)
    path.write_bytes(data)
    assert zoo.load(release)


def test_a_copy_of_the_release_is_hashed_on_its_own(release, tmp_path, hashed):
    zoo.load(release)
    zoo.load(shutil.copytree(release, tmp_path / "copy"))
    assert len(hashed) == 2


def marker():
    (found,) = (Path(os.environ["ZOO_HOME"]) / "verified").iterdir()
    return found


@pytest.mark.parametrize("note", ["", "[]", "null", '{"sha256": 3}', "{", "\x00"])
def test_a_damaged_note_is_ignored(release, hashed, note):
    zoo.load(release)
    marker().write_text(note)
    zoo.load(release)
    assert len(hashed) == 2


def test_a_note_with_a_wrong_hash_neither_refuses_nor_admits(release, path, hashed):
    zoo.load(release)
    note = json.loads(marker().read_text())
    marker().write_text(json.dumps({**note, "sha256": "0" * 64}))
    assert zoo.load(release).provenance.sha256 == note["sha256"]
    assert len(hashed) == 2


def test_works_where_nothing_can_be_remembered(release, tmp_path, monkeypatch, hashed):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file"))
    for _ in range(2):
        assert zoo.load(release).provenance.release == "tiny-made-up"
    assert len(hashed) == 2


# Writing -------------------------------------------------------------------------------------------------------------


def test_saving_is_reproducible_and_returns_the_sha256(release, tmp_path):
    model = zoo.load(release)
    first, second = model.save(tmp_path / "a" / "b.safetensors"), model.save(tmp_path / "c.safetensors")
    assert first == second == integrity.hash_file(tmp_path / "c.safetensors")
    assert first == model.provenance.sha256


def test_an_interrupted_save_leaves_the_old_file_and_no_litter(release, path, monkeypatch):
    model = zoo.load(release)
    before = path.read_bytes()

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in release.iterdir()) == ["README.md", "model.safetensors"]


def test_saving_refuses_a_type_that_would_lose_the_weights(release, tmp_path):
    with pytest.raises(InvalidInput, match=r"dtype=torch\.int16"):
        zoo.load(release).save(tmp_path / "x.safetensors", dtype=torch.int16)
    assert not (tmp_path / "x.safetensors").exists()


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


# Formats -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def aged(release, path, rewrite):
    """The release as before formats had numbers, with other names of its layers and of a field of its config."""

    def age(state, header):
        for key in list(state):
            state[f"old.{key}"] = state.pop(key)
        del header["format"], header["made_with"]
        header["config"]["features"] = header["config"].pop("width")

    rewrite(age)
    card = Card.read(release)
    card.replace(config={("features" if key == "width" else key): value for key, value in card.config.items()}).write()
    return release


def migrate(cls, config, state, format):
    assert format == 0
    config = {("width" if key == "features" else key): value for key, value in config.items()}
    return config, {key.removeprefix("old."): tensor for key, tensor in state.items()}


def test_a_file_of_format_0_is_read_through_migrate_with_the_same_values(path, request, monkeypatch, tmp_path):
    release = request.getfixturevalue("release")
    expected = zoo.load(release)
    request.getfixturevalue("aged")
    assert "format" not in contents(path)[1]
    monkeypatch.setattr(type(expected), "migrate", classmethod(migrate))
    model = zoo.load(release)
    assert model.config == expected.config
    assert model.state_dict().keys() == expected.state_dict().keys()
    assert torch.equal(model.generate(3, seed=0), expected.generate(3, seed=0))
    # Written again it is of this format, and what reads it has nothing to translate.
    model.save(tmp_path / "again.safetensors")
    monkeypatch.setattr(type(expected), "migrate", None)
    assert torch.equal(building.read(tmp_path / "again.safetensors").generate(3, seed=0), expected.generate(3, seed=0))


def test_a_renamed_layer_without_migrate_is_refused(aged):
    refused(aged, ConfigError, "features")


@pytest.mark.parametrize(
    ("format", "writer", "words"),
    [
        (FORMAT + 1, "zoo 9.1.0", ("was written by zoo 9.1.0", "--upgrade 'generative-zoo>=9.1.0'")),
        (FORMAT + 1, None, ("comes from a later zoo", "pip install --upgrade generative-zoo")),
        (-1, None, ("its format is -1",)),
        ("1", None, ("its format is '1'",)),
    ],
)
def test_another_format_is_an_error_that_names_the_zoo_that_reads_it(release, rewrite, format, writer, words):
    def edit(state, header):
        # A later zoo may spell all else otherwise.
        return json.dumps({"format": format, "made_with": writer, "design": header["architecture"]})

    rewrite(edit)
    refused(release, WeightsMismatch, *words)
