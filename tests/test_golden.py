"""Golden files: written, verified, and what is said of those that do not fit."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import zoo
from zoo import golden
from zoo.errors import GoldenMismatch, InvalidInput, NotSafetensors, WeightsError, WeightsNotFound
from zoo.releases.cards import GOLDEN


def make(name, **config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return zoo.create(name, **config).eval()


def vae():
    return make("vae", image_size=8, width=4, latent_dim=3)


def about(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["zoo-golden"])


@pytest.fixture
def tampered(tmp_path):
    """Rewrites a golden file of the small VAE after `change` was made to its tensors or its metadata."""

    def tamper(change):
        path = golden.write(vae(), tmp_path / "golden.safetensors")
        tensors, metadata = load_file(path), about(path)
        change(tensors, metadata)
        save_file(tensors, path, metadata={"zoo-golden": json.dumps(metadata)})
        return path

    return tamper


def test_round_trip_of_all_four_methods(tmp_path):
    path = golden.write(vae(), tmp_path / "folder" / "golden.safetensors", seed=3)
    differences = golden.verify(vae(), path)
    calls = ["generate(n=2, seed=3)", "decode(latents)", "encode(generate)", "log_prob(generate, seed=3)"]
    assert [difference.call for difference in differences] == calls
    assert all(difference.largest <= 1e-5 and difference.share < 1 for difference in differences)
    assert [file.name for file in path.parent.iterdir()] == ["golden.safetensors"]


def test_tensors_are_what_the_calls_return(tmp_path):
    model = vae()
    tensors = load_file(golden.write(model, tmp_path / "golden.safetensors"))
    kinds = {name: tensor.dtype for name, tensor in tensors.items()}
    assert kinds.pop("generate") == kinds.pop("decode") == torch.uint16
    assert set(kinds.values()) == {torch.float32}
    pixels, decoded = (tensors[name].float() / 65535 for name in ("generate", "decode"))
    for stored, made in ((pixels, model.generate(2, seed=0)), (decoded, model.decode(tensors["latents"]))):
        assert (stored - made).abs().max() <= 0.5001 / 65535
    # What goes in is what is stored, not what was before it was rounded.
    assert torch.equal(tensors["encode"], model.encode(pixels))
    assert torch.equal(tensors["log_prob"], model.log_prob(pixels))


def test_a_model_that_generates_probabilities_of_pixels_scores_rounded_ones(tmp_path):
    model = make("vae", image_size=8, width=4, latent_dim=3, likelihood="bernoulli")
    path = golden.write(model, tmp_path / "golden.safetensors")
    assert [call["input"] for call in about(path)["calls"]] == [None, "latents", "generate", "rounded"]
    rounded = load_file(path)["rounded"].float() / 65535
    assert torch.equal(rounded, model.generate(2, seed=0).round())
    assert all(difference.share < 1 for difference in golden.verify(model, path))
    assert golden.lost(model, model)["log_prob"] == 0


def test_vectors_are_stored_as_they_are(tmp_path):
    model = make("flow-2d", steps=2, width=8)
    tensors = load_file(golden.write(model, tmp_path / "golden.safetensors"))
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert torch.equal(tensors["generate"], model.generate(2, seed=0))


def test_labels_are_recorded_and_a_search_is_left_out(tmp_path):
    path = golden.write(make("cgan", image_size=8, width=4), tmp_path / "golden.safetensors")
    assert about(path)["calls"][0]["arguments"] == {"n": 2, "seed": 0, "condition": [0, 1]}
    assert about(path)["left out"] == {"encode": "is an optimisation, which magnifies rounding"}
    assert len(golden.verify(make("cgan", image_size=8, width=4), path)) == 2


def test_a_model_conditioned_on_images_is_given_small_ones_that_are_stored(tmp_path):
    def pix2pix():
        return make("pix2pix", image_shape=(1, 64, 64), source_channels=3, width=4, depth=5)

    path = golden.write(pix2pix(), tmp_path / "golden.safetensors")
    tensors = load_file(path)
    assert about(path)["calls"] == [{"method": "translate", "input": "sources", "arguments": {"seed": 0}}]
    assert tensors["sources"].shape == (2, 3, 32, 32)
    made = pix2pix().translate(tensors["sources"].float() / 65535, seed=0)
    assert (tensors["translate"].float() / 65535 - made).abs().max() <= 0.5001 / 65535
    assert [difference.call for difference in golden.verify(pix2pix(), path)] == ["translate(sources, seed=0)"]


def test_a_file_of_when_translating_was_generating_is_replayed(tmp_path):
    model = make("cyclegan", image_shape=(1, 24, 24), width=2, blocks=1, domains=("horse", "zebra"))
    path = golden.write(model, tmp_path / "golden.safetensors")
    tensors, metadata = load_file(path), about(path)
    arguments = {"n": 2, "seed": 0, "condition": "sources"}
    metadata["calls"] = [
        {"method": "generate", "input": None, "arguments": arguments},
        {"method": "generate", "input": None, "arguments": {**arguments, "to": "horse"}, "output": "back"},
    ]
    tensors["generate"] = tensors.pop("translate")
    save_file(tensors, path, metadata={"zoo-golden": json.dumps(metadata)})
    assert [difference.call for difference in golden.verify(model, path)] == [
        "translate(sources, seed=0)",
        "translate(sources, seed=0, to='horse')",
    ]
    tensors["back"] = tensors["generate"].clone()
    save_file(tensors, path, metadata={"zoo-golden": json.dumps(metadata)})
    with pytest.raises(GoldenMismatch, match="to='horse'"):
        golden.verify(model, path)


def test_a_translation_is_recorded_both_ways(tmp_path):
    def cyclegan():
        return make("cyclegan", image_shape=(1, 64, 64), width=4, blocks=1, domains=("horse", "zebra"))

    path = golden.write(cyclegan(), tmp_path / "golden.safetensors")
    assert [call["arguments"].get("to") for call in about(path)["calls"]] == [None, "horse"]
    assert all(difference.share < 1 for difference in golden.verify(cyclegan(), path))
    for i, call in enumerate((r"seed=0\)", r"seed=0, to='horse'\)")):
        other = cyclegan()
        with torch.no_grad():
            other.generators[i][-2].bias.add_(0.1)
        with pytest.raises(GoldenMismatch, match=call):
            golden.verify(other, path)


def test_a_file_without_the_sources_of_its_calls_is_refused(tmp_path):
    model = make("cyclegan", image_shape=(1, 24, 24), width=2, blocks=1)
    path = golden.write(model, tmp_path / "golden.safetensors")
    tensors, calls = load_file(path), about(path)
    del tensors["sources"]
    save_file(tensors, path, metadata={"zoo-golden": json.dumps(calls)})
    with pytest.raises(NotSafetensors, match="whose tensors it does not hold"):
        golden.verify(model, path)


@pytest.mark.parametrize(
    ("image_size", "calls"),
    [(64, ["generate(n=1, seed=0)", "decode(latents)"]), (160, ["generate(n=1, seed=0)"])],
)
def test_large_images_stay_within_the_budget(tmp_path, image_size, calls):
    model = make("dcgan", image_size=image_size, width=1)
    path = golden.write(model, tmp_path / "golden.safetensors")
    assert path.stat().st_size <= 200 * 1024
    assert [difference.call for difference in golden.verify(model, path)] == calls


def test_image_beyond_the_budget_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"\(3, 256, 256\)"):
        golden.write(make("dcgan", image_size=256, width=1), tmp_path / "golden.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["generate", "decode", "encode", "log_prob"])
def test_tampered_tensor_is_caught_and_its_call_named(tampered, name):
    def change(tensors, metadata):
        if name in ("generate", "decode"):
            tensors[name] = tensors[name].float() / 65535  # pixels may be stored as floats
        tensors[name].view(-1)[-1] += 0.01 * (1 + tensors[name].abs().max())

    with pytest.raises(GoldenMismatch, match=rf"^{name}\(.*differs from"):
        golden.verify(vae(), tampered(change))


def test_other_weights_are_caught(tampered):
    model = vae()
    with torch.no_grad():
        model.decoder[-2].bias += 0.01
    with pytest.raises(GoldenMismatch, match="times what is tolerated"):
        golden.verify(model, tampered(lambda tensors, metadata: None))


def test_spoilt_weights_are_told_apart_from_a_mismatch(tampered):
    model = vae()
    with torch.no_grad():
        model.decoder[-2].bias.fill_(float("nan"))
    path = tampered(lambda tensors, metadata: metadata.update(calls=metadata["calls"][:2]))
    with pytest.raises(WeightsError, match="computed NaN"):
        golden.verify(model, path)


def test_another_shape_is_a_mismatch(tampered):
    with pytest.raises(GoldenMismatch, match=r"^decode"):
        golden.verify(vae(), tampered(lambda tensors, metadata: tensors.update(decode=tensors["decode"][:1])))


def test_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(WeightsNotFound, match=r"golden\.safetensors is not there"):
        golden.verify(vae(), tmp_path / "golden.safetensors")


def test_other_safetensors_are_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(NotSafetensors, match="no golden file"):
        golden.verify(vae(), tmp_path / "x.safetensors")
    (tmp_path / "y.safetensors").write_bytes(b"nonsense, and much too short")
    with pytest.raises(NotSafetensors, match="damaged"):
        golden.verify(vae(), tmp_path / "y.safetensors")


@pytest.mark.parametrize("method", ["save", "no_such_method"])
def test_only_the_public_methods_are_ever_called(tampered, method):
    def change(tensors, metadata):
        metadata["calls"][1]["method"] = method
        tensors[method] = tensors["decode"].clone()

    with pytest.raises(NotSafetensors, match="lists calls"):
        golden.verify(vae(), tampered(change))


def many_calls(tensors, metadata):
    metadata["calls"] *= 10


def many_rows(tensors, metadata):
    tensors["decode"] = tensors["decode"].repeat(20, 1, 1, 1)


def ask(**arguments):
    return lambda tensors, metadata: metadata["calls"][0]["arguments"].update(arguments)


@pytest.mark.parametrize(
    "change",
    [many_calls, many_rows, ask(n=10**9), ask(steps=10**9), ask(batch_size=10**9), ask(n=None)],
    ids=["calls", "rows", "n", "steps", "batch size", "no n"],
)
def test_what_a_file_may_ask_for_is_bounded(tampered, monkeypatch, change):
    path = tampered(change)
    monkeypatch.setattr(golden, "_call", lambda *_: pytest.fail("something was computed"))
    with pytest.raises(NotSafetensors, match=r"golden\.safetensors (lists calls|is damaged)"):
        golden.verify(vae(), path)


@pytest.mark.parametrize("name", [name for name in zoo.list_models() if (zoo.info(name).folder / GOLDEN).is_file()])
def test_release_gives_its_golden_tensors(name):
    golden.verify(zoo.load(name), zoo.info(name).folder / GOLDEN)


@pytest.mark.parametrize(("moved", "passes"), [(10, True), (100, False)])
def test_vectors_are_compared_by_their_size(tmp_path, moved, passes):
    model = make("flow-2d", steps=1, width=4)
    model.bijection.layers[0].shift.data.fill_(-3e5)
    path = golden.write(model, tmp_path / "golden.safetensors")
    tensors, metadata = load_file(path), about(path)
    tensors["decode"] += moved
    save_file(tensors, path, metadata={"zoo-golden": json.dumps(metadata)})
    if passes:
        golden.verify(model, path)
    else:
        with pytest.raises(GoldenMismatch, match="decode"):
            golden.verify(model, path)
