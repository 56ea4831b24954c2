"""Outliers: the AUROC and the scores against hand numbers, on densities that are known."""

import io
import math
import zlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from zoo.conditions import Labels
from zoo.data.dataset import TensorDataset
from zoo.errors import CapabilityError, DataError, InvalidInput
from zoo.metrics.outliers import auroc, compare, png_bits
from zoo.model import Model
from zoo.noise import Noise
from zoo.spaces import BinaryImages, of_shape

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


class Grey(Model):
    """p(x) = Π 2·(1 − x_i): dark pixels are likely. ln p of a pixel is ln 2 at 0 and falls without end towards 1."""

    log_prob_kind = "exact"

    def __init__(self, shape: tuple[int, ...] = (1, 2, 2), classes: tuple[str, ...] = ()) -> None:
        from zoo.models.gans.dcgan import Config as AnyConfig

        super().__init__(AnyConfig())
        self.space, self.latent_shape = of_shape(shape), shape
        if classes:
            self.condition = Labels(classes)

    def _log_prob(self, images: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return (2 * (1 - images)).log().flatten(1).sum(1)


def grey(name: str, *levels: int) -> TensorDataset:
    """One image of 2 × 2 equal pixels for each level."""
    return TensorDataset(name, "test", torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2))


# AUROC ---------------------------------------------------------------------------------------------------------------


def test_auroc_by_hand():
    """Of the six pairs (1, 2), (1, 3), (2, 2), (2, 3), (4, 2), (4, 3) the outsider wins 3 and draws 1: 3.5 / 6."""
    assert auroc(torch.tensor([4.0, 1.0, 2.0]), torch.tensor([2.0, 3.0])) == pytest.approx(3.5 / 6)


@pytest.mark.parametrize(("inside", "outside", "area"), [([1, 2], [3, 4], 1.0), ([3, 4], [1], 0.0), ([5], [5, 5], 0.5)])
def test_auroc_at_its_ends_and_at_chance(inside, outside, area):
    assert auroc(torch.tensor(inside), torch.tensor(outside)) == area


@settings(max_examples=50, deadline=None)
@given(SCORES, SCORES)
def test_auroc_counts_pairs_and_turns_round(inside, outside):
    won = sum((b > a) + 0.5 * (b == a) for a in inside for b in outside)
    a, b = torch.tensor(inside), torch.tensor(outside)
    assert auroc(a, b) == pytest.approx(won / len(inside) / len(outside))
    assert auroc(a, b) + auroc(b, a) == pytest.approx(1)
    assert auroc(a.double().exp(), b.double().exp()) == auroc(a, b), "a rising function changes no rank"


# PNG -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_png_bits_are_those_of_a_file_that_holds_the_image(channels):
    image = torch.randint(0, 256, (1, channels, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    (bits,) = png_bits(image).tolist()
    length = round(bits * image.numel() / 8)
    # Noise cannot be compressed: signature, header, one data chunk, end, and the pixels behind a filter byte a row.
    rows = 8 * (1 + 8 * channels)
    assert length == pytest.approx(8 + 25 + 12 + 12 + len(zlib.compress(bytes(rows), 0)), abs=4)
    assert bits > 8


def test_png_bits_tell_simple_images_from_complex_ones():
    flat = torch.full((1, 1, 28, 28), 200, dtype=torch.uint8)
    ramp = torch.arange(28, dtype=torch.uint8).expand(1, 1, 28, 28)
    noise = torch.randint(0, 256, (1, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    bits = png_bits(torch.cat([flat, ramp, noise]))
    assert bits.shape == (3,)
    assert bits.dtype is torch.float64
    assert bits[0] < bits[1] < 1.5 < 8 < bits[2]


# Scores --------------------------------------------------------------------------------------------------------------


def bits_of(level: int) -> float:
    """Bits per dimension of a grey image under `Grey`, but for the noise of dequantisation: −log2(2·(1 − y) / 256)."""
    return 8 - math.log2(2 * (1 - (level + 0.5) / 256))


def test_scores_by_hand():
    """Training images are at level 100, so typical ones are; darker outsiders are likelier than what is held out."""
    train, inside, outside = grey("train", *[100] * 50), grey("here", *[101] * 40), grey("there", *[5] * 30)
    found = compare(Grey(), train, inside, outside)
    assert (found.inside, found.outside, found.kind) == ("here", "there", "exact")
    assert (found.n_train, found.n_inside, found.n_outside, found.together) == (50, 40, 30, 1)
    likelihood, typicality, complexity = found.scores
    assert [score.name for score in found.scores] == ["likelihood", "typicality", "complexity"]
    near, far, usual = bits_of(101), bits_of(5), bits_of(100)
    assert (likelihood.inside, likelihood.outside) == (pytest.approx(near, abs=2e-3), pytest.approx(far, abs=2e-3))
    assert likelihood.auroc == 0.0, "the known failure"
    assert typicality.inside < 0.03
    assert typicality.outside == pytest.approx(usual - far, abs=2e-3)
    assert typicality.auroc == 1.0
    sizes = []
    for level in (101, 5):
        file = io.BytesIO()
        Image.new("L", (2, 2), level).save(file, format="PNG", optimize=True)
        sizes.append(8 * file.tell() / 4)
    assert complexity.inside == pytest.approx(near - sizes[0], abs=2e-3)
    assert complexity.outside == pytest.approx(far - sizes[1], abs=2e-3)


def test_the_complexity_corrects_what_simple_outsiders_gain():
    """The model is fair, 8 bits per dimension for all: the likelihood knows nothing, the PNG of noise is larger."""

    class Uniform(Grey):
        def _log_prob(self, images, condition, noise):
            return 0 * images.flatten(1).sum(1)

    noise = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    inside, outside = TensorDataset("noise", "test", noise), TensorDataset("flat", "test", torch.zeros_like(noise))
    likelihood, typicality, complexity = compare(Uniform((1, 8, 8)), inside, inside, outside).scores
    assert (likelihood.auroc, typicality.auroc, complexity.auroc) == (0.5, 0.5, 1.0)
    assert likelihood.inside == likelihood.outside == 8
    assert complexity.inside == pytest.approx(8 - float(png_bits(noise).mean()))


def test_groups_are_judged_by_their_means():
    """Levels 50 and 150 together are as bright as the training images; alone each is far from typical."""
    train, inside, outside = grey("a", *[100] * 9), grey("b", *[98] * 9), grey("c", *[50] * 200, *[150] * 200)
    alone, together = (compare(Grey(), train, inside, outside, n=400, together=k) for k in (1, 4))
    assert (alone.scores[0].inside, alone.scores[0].outside) == pytest.approx(
        (together.scores[0].inside, together.scores[0].outside), abs=0.01
    )
    assert together.scores[1].outside < 0.7 * alone.scores[1].outside
    assert (together.n_inside, together.n_outside) == (9, 400)


def test_a_seed_fixes_everything_and_n_limits_it():
    train, inside, outside = grey("a", *range(60)), grey("b", *range(50)), grey("c", *range(90))
    first = compare(Grey(), train, inside, outside, n=20, seed=3)
    assert first == compare(Grey(), train, inside, outside, n=20, seed=3)
    assert first.scores != compare(Grey(), train, inside, outside, n=20, seed=4).scores
    assert (first.n_train, first.n_inside, first.n_outside, first.seed) == (20, 20, 20, 3)


def test_a_data_set_against_itself_is_chance():
    data = grey("a", *range(60))
    assert [score.auroc for score in compare(Grey(), data, data, data, n=30).scores] == [0.5] * 3


def test_vectors_have_a_density_and_no_png():
    """Uniform on a cube of side 1/2: ln p = 3 ln 2, one bit less than none in each dimension."""

    class Cube(Grey):
        def _log_prob(self, images, condition, noise):
            return torch.full((len(images),), 3 * math.log(2))

    rows = TensorDataset("table", "test", torch.rand(10, 3, generator=torch.Generator().manual_seed(0)))
    scores = compare(Cube((3,)), rows, rows, rows).scores
    assert [score.name for score in scores] == ["likelihood", "typicality"]
    assert scores[0].inside == pytest.approx(-1)


def test_grey_images_are_made_binary_for_a_model_of_binary_pixels():
    """p(1) = 1/8 of every pixel: 3 bits for a one, and log2(8/7) for a zero."""

    class Coins(Grey):
        def __init__(self):
            super().__init__()
            self.space = BinaryImages((1, 2, 2), probabilities=True)

        def _log_prob(self, images, condition, noise):
            ones = images.flatten(1).sum(1)
            return ones * math.log(1 / 8) + (4 - ones) * math.log(7 / 8)

    half, white = grey("half", *[128] * 500), grey("white", *[255] * 5)
    likelihood = compare(Coins(), half, half, white).scores[0]
    assert likelihood.inside == pytest.approx((3 + math.log2(8 / 7)) / 2, abs=0.1)
    assert likelihood.outside == pytest.approx(3)


def test_what_cannot_be_compared():
    data = grey("few", 1, 2, 3)
    with pytest.raises(CapabilityError, match="an image and a label, and outsiders have none"):
        compare(Grey(classes=("a", "b")), data, data, data)
    with pytest.raises(DataError, match="few: 3 images make no group of 4"):
        compare(Grey(), data, data, data, together=4)
    with pytest.raises(DataError, match="2 images make no group of 3"):
        compare(Grey(), data, data, data, n=2, together=3)
    for wrong in ({"n": 0}, {"together": 0}, {"seed": -1}):
        with pytest.raises(InvalidInput, match=f"{next(iter(wrong))}="):
            compare(Grey(), data, data, data, **wrong)

    class Mute(Grey):
        _log_prob = Model._log_prob

    with pytest.raises(CapabilityError, match="has no log_prob"):
        compare(Mute(), data, data, data)


# Reconstruction ------------------------------------------------------------------------------------------------------


class Halver(Model):
    """Gives back half of what it is given: the error of a grey image is (x / 2)²."""

    def __init__(self, shape: tuple[int, ...] = (1, 2, 2)) -> None:
        from zoo.models.gans.dcgan import Config as AnyConfig

        super().__init__(AnyConfig())
        self.space, self.latent_shape = of_shape(shape), shape

    def _encode(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return x / 2

    def _decode(self, z: Tensor, condition: Tensor | None) -> Tensor:
        return z


def test_the_error_of_reconstruction_by_hand():
    """Darker outsiders are given back better, and are taken for the more familiar ones."""
    found = compare(Halver(), grey("a", 0, 9), grey("b", *[102] * 4, 51), grey("c", *[51] * 3))
    (score,) = found.scores
    assert score.name == "reconstruction"
    assert (score.inside, score.outside) == pytest.approx(((4 * 0.04 + 0.01) / 5, 0.01))
    assert score.auroc == pytest.approx(1.5 / 15)
    assert found.kind == ""
    (grouped,) = compare(Halver(), grey("a", 0), grey("b", 102, 0), grey("c", 102, 51), together=2).scores
    assert (grouped.inside, grouped.outside, grouped.auroc) == pytest.approx((0.02, 0.025, 1.0))


def test_of_a_model_with_both_both_are_told():
    class Both(Halver):
        log_prob_kind = "lower-bound"
        _log_prob = Grey._log_prob

    data = grey("a", *range(20))
    found = compare(Both(), data, data, data)
    assert [score.name for score in found.scores] == ["likelihood", "typicality", "complexity", "reconstruction"]
    assert found.kind == "lower-bound"


def test_of_what_gives_everything_back_nothing_is_told():
    class Bijection(Halver):
        log_prob_kind = "exact"
        _log_prob = Grey._log_prob

    class Searching(Halver):
        encodes_by = "optimisation"

    data = grey("a", *range(20))
    assert [score.name for score in compare(Bijection(), data, data, data).scores][-1] == "complexity"
    with pytest.raises(CapabilityError, match="has no log_prob"):
        compare(Searching(), data, data, data)


def test_columns_count_by_their_own_units():
    train = TensorDataset("t", "train", torch.tensor([[-1.0, -1000.0], [1.0, 1000.0]]))
    rows = TensorDataset("r", "test", torch.tensor([[2.0, 2000.0]] * 3))
    (score,) = compare(Halver((2,)), train, rows, rows).scores
    assert score.inside == pytest.approx(0.5), "each half a column off, of deviation √2"
