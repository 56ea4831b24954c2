"""The architecture of the shipped feature networks, and how its weights are read."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo.errors import NotSafetensors, WeightsNotFound
from zoo.nn import classifier
from zoo.nn.classifier import COLOUR64, GREY28, Classifier, Design, Residual, load

TINY = Design("tiny", 1, (8, 16), (16, 32), ("a", "b", "c"))


@pytest.fixture
def network() -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Classifier(TINY).eval()


def batch(n: int, *shape: int) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(0))


def test_features_have_the_last_width_at_any_size(network: Classifier) -> None:
    for side in (8, 12, 16):
        features = network(batch(2, 1, side, side))
        assert features.shape == (2, 32)
        assert network.head(features).shape == (2, 3)


def test_a_feature_does_not_depend_on_its_batch_or_on_the_mode(network: Classifier) -> None:
    images = batch(4, 1, 8, 8)
    together = network(images)
    torch.testing.assert_close(together, torch.cat([network(image[None]) for image in images]), rtol=1e-4, atol=1e-5)
    assert torch.equal(network.train()(images), together)


def test_residual_adds_to_what_came(network: Classifier) -> None:
    block = Residual(16)
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    x = batch(2, 16, 4, 4)
    assert torch.equal(block(x), x)
    assert torch.equal(block(-x), torch.zeros_like(x))


def test_the_networks_of_the_package_know_the_classes_of_their_data() -> None:
    assert (len(GREY28.classes), len(COLOUR64.classes)) == (20, 14)
    assert GREY28.classes[3] == "3"
    assert len({name.casefold() for name in GREY28.classes}) == 20
    assert classifier.grey28().classes == GREY28.classes
    assert classifier.colour64().classes == COLOUR64.classes


def test_weights_of_a_path_are_read_whatever_their_hash(network: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file({key: value.half() for key, value in network.state_dict().items()}, path)
    loaded = load(TINY, path)
    assert (loaded.name, loaded.dimensions, loaded.channels, loaded.sizes) == ("tiny", 32, 1, (8, 16))
    images = batch(2, 1, 8, 8)
    torch.testing.assert_close(loaded.features(images), network(images), rtol=0.02, atol=0.02)
    torch.testing.assert_close(loaded.logits(images), network.head(network(images)), rtol=0.02, atol=0.02)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound, match="another feature network"):
        load(TINY, tmp_path / "nothing.safetensors")
    (tmp_path / "page.safetensors").write_text("<!doctype html>" * 20)
    with pytest.raises(NotSafetensors):
        load(TINY, tmp_path / "page.safetensors")
