"""What a model covers, judged of models that cover what they are told to."""

from dataclasses import dataclass

import pytest
import torch

from zoo.conditions import Labels
from zoo.data import loading as data
from zoo.data.dataset import TensorDataset
from zoo.model import Model
from zoo.spaces import of_shape
from zoo.training.monitor import SAMPLES, Monitor


@dataclass(frozen=True)
class Nothing:
    """A config without fields."""


class Replay(Model):
    """Draws some of `samples`, as they are."""

    def __init__(self, samples):
        super().__init__(Nothing())
        self.samples = samples
        self.space, self.latent_shape = of_shape(tuple(samples.shape[1:])), (1,)

    def _generate(self, noise, condition, temperature):
        return self.samples[noise.integers(len(self.samples))]

    def _decode(self, z, condition):
        raise AssertionError("not asked for")


@pytest.fixture(scope="module")
def ring():
    return data.load("gaussian-ring", None, "train", shape=(2,))


@pytest.fixture
def pictures():
    """600 images of 28 × 28: halves bright at eight levels, with noise."""
    generator = torch.Generator().manual_seed(0)
    kind = torch.randint(8, (600,), generator=generator)
    level = (kind[:, None, None, None] + 1) * 25.0
    upper = (torch.arange(28) < 14)[None, None, :, None]
    pixels = upper * level + 20 * torch.rand(600, 1, 28, 28, generator=generator)
    return TensorDataset("halves", "train", pixels.to(torch.uint8)), kind


def test_other_samples_of_the_data_cover_it_as_well_as_can_be(ring):
    found = Monitor(ring).measure(Replay(ring.images))
    assert found["coarse_coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
    assert found["coarse_precision"] > 0.8
    assert found["spread"] == pytest.approx(1, abs=0.03)
    assert (found["modes"], found["modes_of"]) == (8, 8)
    assert found["high_quality"] == pytest.approx(0.989, abs=0.012)


@pytest.mark.parametrize("kept", [1, 3])
def test_coverage_is_the_share_of_the_modes_that_are_left(ring, kept):
    mode = torch.cdist(ring.images, ring.modes).argmin(1)
    found = Monitor(ring).measure(Replay(ring.images[mode < kept][:5000]))
    assert found["coarse_coverage"] == pytest.approx(kept / 8, abs=0.04)
    assert found["modes"] == kept
    # Of the radius 2 that the whole ring has: the modes' distance from their common centre.
    left = ring.modes[:kept]
    assert found["spread"] == pytest.approx(float(left.sub(left.mean(0)).square().sum(1).mean().sqrt()) / 2, abs=0.02)
    assert found["coarse_precision"] > 0.8


def test_noise_covers_nothing(ring):
    found = Monitor(ring).measure(Replay(torch.rand(SAMPLES, 2, generator=torch.Generator().manual_seed(0))))
    assert (found["coarse_coverage"], found["modes"], found["high_quality"]) == (0, 0, 0)


def test_a_conditional_model_is_asked_for_the_classes_of_the_data(ring):
    class Sorted(Replay):
        def _generate(self, noise, condition, temperature):
            picked = noise.integers(len(self.samples) // 2)
            return self.samples[2 * picked + condition]

    mode = torch.cdist(ring.images, ring.modes).argmin(1)
    most, few = ring.images[mode > 0], ring.images[mode == 0]
    n = len(few)
    named = TensorDataset(
        "ring",
        "train",
        ring.images,
        (mode == 0).long(),
        ("Most", "few"),
        modes=ring.modes,
        mode_deviation=ring.mode_deviation,
    )
    model = Sorted(torch.stack([most[:n], few], 1).flatten(0, 1))
    model.condition = Labels(("most", "few"))
    found = Monitor(named).measure(model)
    assert found["coarse_coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
    assert found["spread"] == pytest.approx(1, abs=0.03)


def test_a_model_conditioned_on_texts_is_asked_for_the_captions_of_the_real_samples(speller, monkeypatch):
    """Half of 40 images are looked at; drawn as their captions say, they are the very same. Strange words are no reason
    to warn, which would fail here."""
    monkeypatch.setattr("zoo.training.monitor.SAMPLES", 20)
    numbers = [str(number) for number in range(40)]
    levels = torch.arange(2, 42, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 1, 2, 2)
    said = TensorDataset("said", "train", levels, captions=tuple((f"{number} zebra", "0") for number in numbers))
    found = Monitor(said).measure(speller(numbers, shape=(1, 2, 2)))
    assert found == {"coarse_coverage": 1.0, "coarse_precision": 1.0, "spread": 1.0, "copies": 0}


def test_a_column_with_large_numbers_does_not_drown_the_others():
    points = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e4, 1e-2])
    flat = points * torch.tensor([1, 0])
    found = Monitor(TensorDataset("t", "train", points)).measure(Replay(flat))
    assert found["coarse_coverage"] < 0.5
    assert set(found) == {"coarse_coverage", "coarse_precision", "spread", "copies"}


def test_images_are_compared_by_their_broad_lines(pictures):
    images, kind = pictures
    few = images.floats(kind < 2)
    shuffled = images.floats(slice(None))
    # What happens inside of a patch is averaged out: rows and columns of patches moved about.
    moved = shuffled.roll(1, 3)
    share = float((kind < 2).double().mean())
    monitor = Monitor(images)
    assert monitor.measure(Replay(few))["coarse_coverage"] == pytest.approx(share, abs=0.02)
    assert monitor.measure(Replay(moved))["coarse_coverage"] > 0.95


def test_classes_are_counted_where_the_classifier_knows_them(pictures, monkeypatch):
    images, kind = pictures

    class Judge:
        classes = ("other", *"01234567")

        def logits(self, x):
            level = (x[:, 0, :14].mean((1, 2)) * 255 / 25 - 0.5).round().long()
            return torch.nn.functional.one_hot(level, 9).float() + torch.tensor([2.0] + [0] * 8)

    monkeypatch.setattr("zoo.nn.features.load", lambda name: Judge())
    named = TensorDataset("halves", "train", images.images, kind, tuple("01234567"))
    assert Monitor(named).measure(Replay(images.floats(kind < 3)))["classes"] == 3
    # A single picture of a class is not enough.
    one = torch.cat([images.floats(kind == 0).repeat(5, 1, 1, 1), images.floats(kind == 1)[:1]])
    found = Monitor(named).measure(Replay(one))
    assert (found["classes"], found["classes_of"]) == (1, 8)
    strange = TensorDataset("halves", "train", images.images, kind, tuple("abcdefgh"))
    assert "classes" not in Monitor(strange).measure(Replay(images.floats(slice(None))))


def test_global_noise_and_the_mode_of_the_model_are_left_alone(ring):
    model = Replay(ring.images).train()
    before = torch.get_rng_state()
    first = Monitor(ring).measure(model)
    assert Monitor(ring).measure(model) == first
    assert torch.equal(before, torch.get_rng_state())
    assert model.training


def test_nothing_is_said_where_nothing_can_be(ring):
    class Mute(Replay):
        _generate, _decode = Model._generate, Model._decode

    assert Monitor(ring).measure(Mute(ring.images)) == {}
    assert Monitor(ring).measure(Replay(torch.full((3, 2), torch.inf))) == {}
    assert Monitor(TensorDataset("few", "train", ring.images[:5])).measure(Replay(ring.images)) == {}


def test_copies_are_counted_beyond_those_in_the_data(pictures):
    data, _ = pictures
    real = data.images.float() / 255
    faint = torch.rand(1000, 1, 1, 1, generator=torch.Generator().manual_seed(1)) / 2000  # is no difference
    assert Monitor(data).measure(Replay(real[:50] + faint[:50]))["copies"] == pytest.approx(0.95, abs=0.001)
    assert Monitor(data).measure(Replay(real[:1] + faint))["copies"] > 0.99
    halves = TensorDataset("halves", "train", data.images[:300].repeat(2, 1, 1, 1))
    assert Monitor(halves).measure(Replay(real[:50]))["copies"] == pytest.approx(0.45, abs=0.001)
    assert Monitor(halves).measure(Replay(torch.rand(5000, 1, 28, 28)))["copies"] == 0


def test_noise_contrast_and_brightness_show_against_the_data(pictures):
    data, _ = pictures
    real, monitor = data.images.float() / 255, Monitor(data)
    noise = torch.rand(600, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    assert monitor.measure(Replay(real)) == pytest.approx(
        monitor.measure(Replay(real)) | {"contrast": 1, "roughness": 1, "brightness": 0}, abs=0.05
    )
    assert monitor.measure(Replay(noise))["roughness"] > 3
    pale = monitor.measure(Replay(0.2 * real + 0.4))
    assert pale["contrast"] == pytest.approx(0.2, abs=0.02)
    assert pale["roughness"] == pytest.approx(1, abs=0.05)
    assert pale["brightness"] == pytest.approx(0.4 - 0.8 * real.mean().item(), abs=0.02)
    grey = monitor.measure(Replay(torch.full_like(real, 0.5)))
    assert (grey["contrast"], grey["spread"]) == (0, 0)
    assert "roughness" not in grey
