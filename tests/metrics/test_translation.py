"""Translation: distances, errors in and out of holes, and cycles, by hand on models whose results are known."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from zoo import registry
from zoo.conditions import Images as Sources
from zoo.data.dataset import TensorDataset
from zoo.metrics import frechet
from zoo.metrics.evaluate import Subject
from zoo.metrics.translation import translation
from zoo.models._translator import Translator
from zoo.nn.features import FeatureNetwork
from zoo.spaces import Images


@dataclass(frozen=True)
class Plain:
    pass


class Brighten(Translator):
    """Every value a tenth larger."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__(Plain())
        self.space, self.condition = Images((3, 8, 8)), Sources(channels)
        self.step = nn.Parameter(torch.tensor(0.1))

    def _translate_tile(self, sources: Tensor) -> Tensor:
        return (sources[:, :3] + self.step).clamp(0, 1)


class Both(Brighten):
    """A tenth lighter, or a fifth darker, but never darker than a tenth."""

    domains = ("dark", "light")

    def _translate(self, images, noise, temperature, *, tile=None, to=None):
        return self._tiled(lambda x: (x + (-0.2 if to == "dark" else 0.1)).clamp(0.1, 1), images, tile)


class Enlarge(Brighten):
    enlargement = 4


def network() -> FeatureNetwork:
    """Features are the means of the channels."""
    return FeatureNetwork("means", "0" * 64, Means(), dimensions=3, channels=3, sizes=(1, 64))


class Means(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.factor * images.mean((2, 3))


def pictures(n: int, seed: int, low: int = 51, high: int = 153) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    # Of one colour each, so that means and errors can be told from the colour.
    return torch.randint(low, high, (n, 3, 1, 1), generator=generator).expand(-1, -1, 8, 8).to(torch.uint8)


def subject(model: Translator, *, paired: bool = True, sources: tuple[Tensor, Tensor] | None = None) -> Subject:
    train, test = pictures(20, 0), pictures(10, 1)
    first, second = sources or (train, test)
    data = [
        TensorDataset("d", split, images, sources=given, paired=paired)
        for split, images, given in (("train", train, first), ("test", test, second))
    ]
    return Subject(model, network(), data[0], data[1], n=10)


def by_type(records):
    assert len({record.type for record in records}) == len(records)
    return {record.type: record for record in records}


def test_errors_of_pairs_are_the_models_own():
    records = by_type(translation(subject(Brighten())))
    assert list(records) == ["frechet-distance", "mae", "psnr"]
    # A tenth of 255 is 25.5; results are rounded to 8 bits.
    assert records["mae"].value == pytest.approx(0.1, abs=0.5 / 255)
    assert records["psnr"].value == pytest.approx(20, abs=0.2)
    assert records["mae"].args == {"split": "test", "n_real": 10, "seed": 0}


def test_the_distance_is_between_what_is_made_and_training_images():
    measured = subject(Brighten())
    record = by_type(translation(measured))["frechet-distance"]
    made = measured.model.eval().translate(measured.test.sources.float() / 255)
    made = (255 * made).round().to(torch.uint8)
    real = measured.measure(measured.train.images)
    expected = frechet.between_samples(measured.measure(made), real).value
    assert record.value == pytest.approx(expected, rel=1e-3)
    assert record.args["floor"] == record.args["unchanged"] < record.value  # the sources are the held-out images here
    assert record.args["features"] == "means"
    assert (record.args["n_real"], record.args["n_generated"]) == (20, 10)


def test_of_a_hole_its_inside_counts():
    images = pictures(10, 1)
    known = torch.full((10, 1, 8, 8), 255, dtype=torch.uint8)
    known[:9, :, 2:6, 2:4] = 0  # the last image has no hole
    sources = torch.cat([images, known], 1)
    sources[:, :, 0, 0] = 0  # a hole of one pixel, in which the source is black
    train = torch.cat([pictures(20, 0), torch.full((20, 1, 8, 8), 255, dtype=torch.uint8)], 1)
    model = Brighten(4)
    records = by_type(translation(subject(model, sources=(train, sources))))
    assert list(records) == ["frechet-distance", "mae-hole", "psnr-hole"]
    corner = (images[:, :, 0, 0].double() / 255 - 0.1).abs().sum(1)
    inside = torch.tensor([9.0] * 9 + [1.0])
    expected = ((corner + 3 * 0.1 * (inside - 1)) / (3 * inside)).mean()
    assert records["mae-hole"].value == pytest.approx(expected.item(), abs=1 / 255)
    assert records["mae-hole"].args["n_real"] == 10
    squares = (images[:, :, 0, 0].double() / 255 - 0.1).square().sum(1) + 3 * 0.01 * (inside - 1)
    assert records["psnr-hole"].value == pytest.approx((-10 * (squares / (3 * inside)).log10()).mean().item(), abs=0.1)


def test_images_without_a_hole_have_no_error_in_it():
    whole = [
        torch.cat([images, torch.full_like(images[:, :1], 255)], 1) for images in (pictures(20, 0), pictures(10, 1))
    ]
    records = translation(subject(Brighten(4), sources=(whole[0], whole[1])))
    assert [record.type for record in records] == ["frechet-distance"]


def test_both_ways_and_back():
    train, test = pictures(15, 2, 51, 77), pictures(6, 3, 51, 77)
    measured = subject(Both(), paired=False, sources=(train, test))
    records = by_type(translation(measured))
    assert list(records) == ["frechet-distance", "frechet-distance-dark", "cycle-error-dark", "cycle-error-light"]
    there, back = records["frechet-distance"], records["frechet-distance-dark"]
    assert (there.args["n_real"], there.args["n_generated"]) == (20, 6)  # as many as there are sources
    assert (back.args["n_real"], back.args["n_generated"]) == (15, 10)

    def distance(first, second):
        return pytest.approx(frechet.between_samples(measured.measure(first), measured.measure(second)).value, rel=1e-3)

    light = measured.test.images
    assert there.args["floor"] == distance(light, measured.train.images)
    assert there.args["unchanged"] == distance(test, measured.train.images)
    assert back.args["floor"] == distance(test, train)
    assert back.args["unchanged"] == distance(light, train)
    assert back.value == distance((light.float() - 51).clamp(min=25.5).round().to(torch.uint8), train)
    # There a tenth and back a fifth, to no less than a tenth: what was dark comes back as a tenth.
    levels = light.double()
    assert records["cycle-error-light"].value == pytest.approx(
        ((levels - 51).clamp(min=25.5) + 25.5 - levels).abs().mean().item() / 255, abs=1 / 255
    )
    assert records["cycle-error-dark"].value == pytest.approx(
        ((test.double() - 25.5).clamp(min=25.5) - test.double()).abs().mean().item() / 255, abs=1 / 255
    )
    assert records["cycle-error-dark"].value != pytest.approx(records["cycle-error-light"].value, rel=0.1)


def test_no_record_where_it_does_not_apply():
    assert translation(subject(Enlarge())) == []
    plain = TensorDataset("d", "test", pictures(4, 0))
    assert translation(Subject(Brighten(), network(), plain, plain, n=4)) == []


def test_it_is_registered_for_translators():
    entry = next(entry for entry in registry.list_entries("metrics") if entry.name == "translation")
    assert entry.resolve() is translation
    assert entry.needs == {"translate", "images"}
