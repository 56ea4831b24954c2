import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from zoo import registry
from zoo.errors import (
    ChecksumMismatch,
    InvalidInput,
    NotSafetensors,
    UnknownName,
    WeightsError,
    WeightsNotFound,
    ZooError,
)
from zoo.metrics.frechet import between_samples
from zoo.nn import features
from zoo.nn.classifier import COLOUR64, GREY28, Design
from zoo.nn.features import FeatureNetwork
from zoo.releases import networks

TINY = "test_resnet"  # timm's own model for tests, 0.5 million parameters


def batch(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def grey() -> FeatureNetwork:
    return features.load("grey28")


@pytest.fixture(scope="module")
def colour() -> FeatureNetwork:
    return features.load("colour64")


def test_shipped_networks_are_registered() -> None:
    assert {"grey28", "colour64"} <= {entry.name for entry in registry.list_entries("feature networks")}
    assert (features.default(1), features.default(3)) == ("grey28", "colour64")


@pytest.mark.parametrize("design", [GREY28, COLOUR64])
def test_shipped_files_are_pinned_small_and_half_precision(design: Design) -> None:
    path = networks.FOLDER / f"{design.name}.safetensors"
    assert path.stat().st_size <= {"grey28": 1, "colour64": 2}[design.name] * 2**20
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    network = features.load(design.name)
    assert network.sha256 == networks.page().hashes[path.name]
    assert network.dimensions == design.widths[-1]


@pytest.mark.parametrize("name", ["grey28", "colour64"])
def test_loading_leaves_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    features.load(name)
    assert torch.equal(torch.get_rng_state(), before)


def test_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = load_file(networks.FOLDER / "grey28.safetensors")
    state["head.bias"][0] += 1
    save_file(state, tmp_path / "grey28.safetensors")
    shutil.copy(networks.FOLDER / "README.md", tmp_path)
    monkeypatch.setattr(networks, "FOLDER", tmp_path)
    with pytest.raises(ChecksumMismatch, match="grey28"):
        features.load("grey28")
    (tmp_path / "grey28.safetensors").unlink()
    with pytest.raises(WeightsNotFound, match="Reinstall"):
        features.load("grey28")


def test_grey_network_tells_a_bag_from_trousers(grey: FeatureNetwork) -> None:
    bag, trousers = torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 28, 28)
    bag[:, :, 10:26, 2:26] = 0.7
    trousers[:, :, 1:27, 8:13] = trousers[:, :, 1:27, 15:20] = trousers[:, :, 1:6, 8:20] = 0.7
    clothes = grey.logits(torch.cat([bag, trousers]))[:, 10:]
    assert [grey.classes[10 + i] for i in clothes.argmax(1)] == ["Bag", "Trouser"]


@pytest.mark.parametrize(("shape", "resize"), [((1, 28, 28), "none"), ((3, 64, 64), "antialiased bicubic to 28×28")])
def test_grey_takes_any_size_and_channels(grey: FeatureNetwork, shape: tuple[int, ...], resize: str) -> None:
    found = grey.features(batch(2, *shape))
    assert (found.shape, found.dtype) == ((2, 128), torch.float32)
    assert grey.resize(shape) == resize


@pytest.mark.parametrize(
    ("shape", "prepared"),
    [((3, 32, 32), 32), ((3, 48, 48), 48), ((1, 64, 64), 64), ((3, 96, 96), 64), ((1, 28, 28), 32)],
)
def test_colour_takes_32_to_64_pixels_as_they_are(
    colour: FeatureNetwork, shape: tuple[int, ...], prepared: int
) -> None:
    images = batch(2, *shape)
    assert colour.prepare(images).shape == (2, 3, prepared, prepared)
    assert colour.features(images).shape == (2, 160)
    assert (colour.resize(shape) == "none") == (shape[1] == prepared)


def test_resize_is_antialiased(colour: FeatureNetwork) -> None:
    # A pattern finer than the target has no trace of itself left; plain bicubic sampling would alias it.
    checks = (torch.arange(256)[:, None] + torch.arange(256)).remainder(2).float().expand(1, 3, -1, -1)
    assert colour.prepare(checks).std() < 0.01


def test_grey_of_colour_is_luma(grey: FeatureNetwork) -> None:
    green = torch.zeros(1, 3, 28, 28)
    green[:, 1] = 1
    assert grey.prepare(green).unique().tolist() == pytest.approx([0.587])


def test_batch_size_does_not_matter(grey: FeatureNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = batch(150, 1, 28, 28), batch(150, 1, 28, 28, seed=1) ** 2
    whole = grey.features(first), grey.features(second)
    expected = between_samples(*whole).value
    monkeypatch.setattr(features, "CHUNK", 7)
    parts = grey.features(first), grey.features(second)
    torch.testing.assert_close(parts[0], whole[0], rtol=1e-4, atol=1e-5)
    assert between_samples(*parts).value == pytest.approx(expected, rel=1e-4)


def test_large_images_are_computed_a_few_at_once_on_a_cpu() -> None:
    # 64² pixels: 48 of them are within 200,000; images that are resized count by what the network gets.
    seen: list[int] = []
    network = nn.AdaptiveAvgPool2d(1)
    network.register_parameter("weight", nn.Parameter(torch.zeros(1)))
    network.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    pooled = FeatureNetwork("pooled", "0" * 64, network, dimensions=3, channels=3, sizes=(1, 64))
    for side in (64, 100):
        assert len(pooled.features(torch.zeros(100, 3, side, side))) == 100
    assert seen == [48, 48, 4] * 2


def test_network_is_frozen_in_eval_mode(grey: FeatureNetwork) -> None:
    grey.train()
    assert not any(module.training for module in grey.modules())
    assert not any(parameter.requires_grad for parameter in grey.parameters())


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 1, 28, 28, dtype=torch.uint8),
        torch.zeros(2, 28, 28),
        torch.zeros(2, 2, 28, 28),
        torch.zeros(0, 1, 28, 28),
        torch.full((2, 1, 28, 28), 1.5),
        torch.full((2, 1, 28, 28), torch.nan),
    ],
)
def test_bad_batches(grey: FeatureNetwork, images: torch.Tensor) -> None:
    with pytest.raises(InvalidInput, match="images"):
        grey.features(images)


def test_timm_network(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.get_rng_state()
    network = features.timm_network(TINY, pretrained=False)
    assert torch.equal(torch.get_rng_state(), state)
    size = network.sizes[0]
    assert network.name == f"timm:{TINY}"
    assert network.features(batch(2, 1, 28, 28)).shape == (2, network.dimensions)
    assert network.resize((1, 28, 28)) == f"antialiased bicubic to {size}×{size}"
    with pytest.raises(InvalidInput, match="no classes"):
        network.logits(batch(1, 3, 28, 28))
    # Grey 0.5 arrives at the model as (0.5 − mean) / std of its own configuration.
    seen: list[torch.Tensor] = []
    network.network.network.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    network.features(torch.full((1, 3, size, size), 0.5))
    config = timm.get_pretrained_cfg(TINY)
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx(
        [(0.5 - m) / s for m, s in zip(config.mean, config.std, strict=True)], abs=1e-6
    )


def test_timm_hash_follows_the_weights() -> None:
    first = features.timm_network(TINY, pretrained=False)
    same = features.hashed(first.network.network)
    assert first.sha256 == same
    next(first.network.parameters()).data[0] += 1
    assert features.hashed(first.network.network) != same


def saved(path: Path, **changed: torch.Tensor | None) -> Path:
    """A file of TINY's weights as timm has them, its classifier too; changed: tensors by their names, None for none."""
    state: dict[str, torch.Tensor | None] = {**seeded().state_dict(), **changed}
    save_file({key: value.contiguous() for key, value in state.items() if value is not None}, path)
    return path


def seeded() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return timm.create_model(TINY, pretrained=False).eval()


def test_weights_of_a_timm_network_come_from_a_file(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.safetensors")
    network = features.load(f"timm:{TINY}={whole}")
    model = seeded()
    size = network.sizes[0]
    images = batch(3, 3, size, size)
    mean, std = (torch.tensor(model.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    with torch.inference_mode():
        expected = model.forward_head(model.forward_features((images - mean) / std), pre_logits=True)
    torch.testing.assert_close(network.features(images), expected, rtol=1e-4, atol=1e-5)
    assert network.name == f"timm:{TINY}"  # where the weights lay is nobody's business


def test_the_same_weights_of_two_files_are_the_same_network(tmp_path: Path) -> None:
    state = seeded().state_dict()
    counters = {key: None for key in state if key.endswith("num_batches_tracked")}
    assert counters
    whole = saved(tmp_path / "whole.safetensors")
    bare = saved(tmp_path / "bare.safetensors", **counters, **{"fc.weight": None, "fc.bias": None})
    more = saved(tmp_path / "more.safetensors", **{"AuxLogits.fc.weight": torch.zeros(1)})  # as files of Inception have
    other = saved(tmp_path / "other.safetensors", **{"conv1.0.weight": state["conv1.0.weight"] + 1})
    of_whole, of_bare, of_more, of_other = (
        features.load(f"timm:{TINY}={path}").sha256 for path in (whole, bare, more, other)
    )
    assert of_whole == of_bare == of_more != of_other


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"conv1.0.weight": None}, "lacks conv1.0.weight"),
        ({"conv1.0.weight": torch.zeros(2, 3)}, r"conv1.0.weight is torch.float32 \(2, 3\)"),
        ({"conv1.0.weight": torch.zeros(24, 3, 3, 3, dtype=torch.int32)}, "conv1.0.weight is torch.int32"),
    ],
)
def test_a_file_of_other_weights_is_refused(
    tmp_path: Path, changed: dict[str, torch.Tensor | None], words: str
) -> None:
    with pytest.raises(WeightsError, match=words):
        features.load(f"timm:{TINY}={saved(tmp_path / 'w.safetensors', **changed)}")


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    pickle = tmp_path / "w.pth"
    torch.save({"conv1.0.weight": torch.zeros(1)}, pickle)
    with pytest.raises(NotSafetensors, match="no safetensors file"):
        features.load(f"timm:{TINY}={pickle}")
    with pytest.raises(WeightsNotFound, match="is not there"):
        features.load(f"timm:{TINY}={tmp_path / 'missing.safetensors'}")
    with pytest.raises(InvalidInput, match="names no file"):
        features.load(f"timm:{TINY}=")


def test_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*args: object, **options: object) -> None:
        raise LocalEntryNotFoundError("cannot find the requested files in the local cache.")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(ZooError, match="grey28 or colour64"):
        features.load(f"timm:{TINY}")


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="grey28"):
        features.load("grey29")
    with pytest.raises(UnknownName, match=r"^no feature network .*Others are timm's: timm:MODEL, or timm:MODEL=FILE"):
        features.load("nosuch")
    with pytest.raises(UnknownName, match=r"test_features\.py is a file\. no feature network .*timm:MODEL=FILE"):
        features.load(__file__)
    with pytest.raises(UnknownName, match="test_resnet"):
        features.load("timm:test_resnett")


def test_registering_imports_no_torch() -> None:
    code = (
        "import sys; from zoo.registry import list_entries; list_entries('metrics'); list_entries('feature networks')"
    )
    code += "; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
