import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from zoo.errors import ChecksumMismatch, InvalidInput, MissingExtra, WeightsNotFound
from zoo.metrics.frechet import between_samples
from zoo.nn import features, inception
from zoo.nn.features import FeatureNetwork

fidelity = pytest.importorskip("torch_fidelity")
from torch_fidelity import feature_extractor_inceptionv3 as theirs  # noqa: E402


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights of the network, since the real ones are fetched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = {name: getattr(theirs, name) for name in dir(theirs) if name.startswith(("Inception", "BasicConv"))}
        assert layers
        path = tmp_path_factory.mktemp("inception") / "weights.pth"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
            torch.save({}, path)
            network = theirs.FeatureExtractorInceptionV3("random", ["2048"], str(path))
        torch.save(network.state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch would have the file, online and with nothing cached."""
    for switch in ("ZOO_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(switch, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / theirs.URL_INCEPTION_V3.rpartition("/")[2]


@pytest.fixture
def network(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], FeatureNetwork]:
    """The network of these weights, which are fetched from nowhere, with the features of a layer."""

    def fetched(address: str, **options: object) -> dict[str, torch.Tensor]:
        assert address == theirs.URL_INCEPTION_V3
        assert options["check_hash"]
        assert options["weights_only"]
        state: dict[str, torch.Tensor] = torch.load(weights, weights_only=True)
        return state

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetched)
    return lambda layer: inception.inception_fid(layer=layer)


class Pictures(Dataset[torch.Tensor]):
    """What torch-fidelity takes: images of 8 bits."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


def pictures(n: int, *, seed: int, most: int) -> torch.Tensor:
    return torch.randint(0, most, (n, 3, 24, 24), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


# 64 features of few images, whose covariances have an inverse; 2,048 take a minute.
@pytest.mark.parametrize(("layer", "n"), [(64, 100), pytest.param(2048, 40, marks=pytest.mark.long)])
def test_the_distance_is_that_of_torch_fidelity(
    network: Callable[[int], FeatureNetwork], weights: Path, layer: int, n: int
) -> None:
    first, second = pictures(n, seed=1, most=256), pictures(n, seed=2, most=180)
    expected = fidelity.calculate_metrics(
        input1=Pictures(first),
        input2=Pictures(second),
        fid=True,
        feature_extractor_weights_path=str(weights),
        feature_layer_fid=str(layer),
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )["frechet_inception_distance"]
    measuring = network(layer)
    given = [measuring.features(images / 255) for images in (first, second)]
    assert given[0].shape == (n, layer)
    assert between_samples(*given).value == pytest.approx(expected, rel=1e-3)


def test_what_a_record_says_of_it(network: Callable[[int], FeatureNetwork]) -> None:
    measuring = network(64)
    assert measuring.name == "inception-fid"
    assert measuring.resize((3, 64, 64)) == "TensorFlow's bilinear to 299×299"
    grey = pictures(2, seed=1, most=256)[:, :1] / 255
    torch.testing.assert_close(measuring.features(grey), measuring.features(grey.expand(-1, 3, -1, -1)))
    with pytest.raises(InvalidInput, match="no classes"):
        measuring.logits(grey)


def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)
    with pytest.raises(WeightsNotFound, match=r"no route to host.*colour64"):
        features.load("inception-fid")


def test_what_is_cached_must_have_the_hash_in_its_name(cache: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2)}, cache)
    with pytest.raises(ChecksumMismatch, match=r"expected one that begins with 6726825d\. Remove it"):
        features.load("inception-fid")


@pytest.mark.parametrize("switch", ["ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_nothing_is_fetched_offline(switch: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(switch, "1")
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **options: pytest.fail("asked"))
    with pytest.raises(WeightsNotFound, match=f"are not in {cache}, and offline mode is on"):
        features.load("inception-fid")


def test_without_torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(MissingExtra, match=r"generative-zoo\[fid\]"):
        features.load("inception-fid")
