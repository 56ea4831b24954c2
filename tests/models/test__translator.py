"""What translators share: padding, tiles, chunks, and what a condition may be."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import SMALL

import zoo
from zoo import conditions, images
from zoo.errors import DataError, InvalidInput
from zoo.models import _translator as translation
from zoo.models._translator import Translator, padded, spans, tiled
from zoo.nn.layers import InstanceNorm2d
from zoo.noise import Noise
from zoo.spaces import Images


def ramp(height, width):
    """An image in which every pixel has a value of its own."""
    return torch.linspace(0, 1, height * width, dtype=torch.float64).view(1, 1, height, width)


def enlarged(images, scale):
    return images.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


@pytest.mark.parametrize("fade", [None, 0, 1])
@pytest.mark.parametrize(("side", "overlap"), [(12, 4), (9, 4), (17, 8), (3, 1), (40, 4)])
@pytest.mark.parametrize("length", [1, 8, 9, 10, 17, 18, 41, 100])
def test_spans_cover_every_place_with_weights_that_add_up_to_one(length, side, overlap, fade):
    total, slices = torch.zeros(length), list(spans(length, side, overlap, fade))
    for places, weights in slices:
        assert 0 <= places.start < places.stop <= length
        assert places.stop - places.start == len(weights) <= side
        assert (weights >= 0).all()
        total[places] += weights
    torch.testing.assert_close(total, torch.ones(length))
    assert (slices[0][0].start, slices[-1][0].stop) == (0, length)


@pytest.mark.parametrize("length", [33, 40, 100, 1000])
def test_a_border_inside_of_the_image_counts_for_nothing(length):
    for places, weights in spans(length, 32, 8):
        first, last = weights[:4], weights[-4:]  # overlap/2
        assert first.eq(0).all() or places.start == 0
        assert last.eq(0).all() or places.stop == length


@pytest.mark.parametrize(("length", "side"), [(1, 1), (7, 1), (7, 3), (9, 4)])
def test_spans_without_overlap_are_pieces(length, side):
    total = torch.zeros(length)
    for places, weights in spans(length, side, 0):
        total[places] += weights
    assert torch.equal(total, torch.ones(length))


def test_spans_are_no_longer_than_needed():
    assert [places for places, _ in spans(30, 28, 4)] == [slice(0, 19), slice(11, 30)]
    assert [places for places, _ in spans(30, 28, 4, multiple=4)] == [slice(0, 20), slice(10, 30)]
    assert [places for places, _ in spans(30, 28, 4, multiple=32)] == [slice(0, 28), slice(2, 30)]


def test_neighbours_are_faded_over_overlap_pixels_or_cut():
    faded, cut = (next(spans(100, 32, 8, fade))[1] for fade in (None, 0))
    assert ((faded > 0) & (faded < 1)).sum() == 8
    assert set(cut.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("size", [(30, 70), (16, 16), (17, 3), (64, 65)])
@pytest.mark.parametrize("scale", [1, 2])
def test_tiles_of_a_function_of_single_pixels_are_its_result(size, scale):
    image = ramp(*size)
    made = tiled(lambda part: enlarged(part, scale), image, 16, scale=scale, overlap=3, multiple=4)
    assert made.dtype == torch.float64
    torch.testing.assert_close(made, enlarged(image, scale))


def test_cut_tiles_are_exact_where_the_overlap_is_the_receptive_field():
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 1, 7, padding=3).double().requires_grad_(False)

    def function(images):
        return torch.sigmoid(network(images))

    image = torch.rand(1, 1, 50, 61, dtype=torch.float64)
    torch.testing.assert_close(tiled(function, image, 20, overlap=3, fade=0), function(image))
    seams = (tiled(function, image, 20, overlap=2, fade=0) - function(image)).abs()
    assert seams.max() > 1e-3


def test_tiles_stay_in_range_in_any_dtype():
    for dtype in (torch.float32, torch.bfloat16):
        made = tiled(torch.ones_like, torch.zeros(1, 1, 90, 90, dtype=dtype), 32, overlap=8)
        assert made.dtype == dtype
        assert made.max() == 1
        assert made.min() > 0.98


def test_tiles_are_no_larger_than_asked_for_and_none_are_cut_with_zero():
    sizes = []

    def function(images):
        sizes.append(tuple(images.shape[2:]))
        return images

    tiled(function, ramp(40, 90), 32, overlap=4)
    assert len(sizes) == 2 * 4
    assert set(sizes) == {(24, 29)}  # no larger than needed either
    sizes.clear()
    tiled(function, ramp(40, 90), 0, overlap=4)
    assert sizes == [(40, 90)]


@pytest.mark.parametrize(
    ("size", "multiple", "smallest", "given"),
    [
        ((8, 12), 4, 1, (8, 12)),
        ((9, 12), 4, 1, (12, 12)),
        ((1, 1), 4, 1, (4, 4)),
        ((1, 1), 4, 6, (8, 8)),
        ((5, 20), 1, 16, (16, 20)),
    ],
)
def test_images_are_padded_at_the_right_and_bottom_and_cropped_back(size, multiple, smallest, given):
    seen = []

    def function(images):
        seen.append(images)
        return enlarged(images, 2)

    image = ramp(*size)
    made = tiled(function, image, 0, scale=2, multiple=multiple, smallest=smallest)
    assert torch.equal(made, enlarged(image, 2))
    assert tuple(seen[0].shape[2:]) == given
    assert torch.equal(seen[0][:, :, : size[0], : size[1]], image)


def test_padding_reflects_where_there_is_enough_and_repeats_the_edge_otherwise():
    line, square = torch.tensor([[[[1.0, 2, 3]]]]), torch.arange(9.0).view(1, 1, 3, 3)
    assert padded(line, multiple=5)[0, 0, 0].tolist() == [1, 2, 3, 3, 3]
    assert padded(square, multiple=5)[0, 0, 0].tolist() == [0, 1, 2, 1, 0]
    assert padded(square, multiple=3) is square


@pytest.mark.parametrize("length", [32, 40, 56, 104, 200])
@pytest.mark.parametrize("overlap", [0, 3, 4, 8])
def test_slices_begin_at_multiples_where_length_and_side_are_such(length, overlap):
    total, last = torch.zeros(length), None
    for places, weights in spans(length, 32, overlap, 0, multiple=8):
        assert places.start % 8 == places.stop % 8 == 0
        assert places.stop - places.start <= 32
        assert last is None or last - places.start >= 2 * overlap
        last = places.stop
        total[places] += weights
    assert torch.equal(total, torch.ones(length))


@pytest.mark.parametrize(("size", "multiple", "tile"), [(130, 128, 100), (600, 512, 256), (90, 64, 20), (65, 64, 64)])
def test_what_is_padded_may_be_more_than_a_tile(size, multiple, tile):
    image = ramp(size, size)
    made = tiled(lambda part: enlarged(part, 2), image, tile, scale=2, overlap=8, multiple=multiple)
    torch.testing.assert_close(made, enlarged(image, 2))


@pytest.mark.parametrize("size", [(60, 50), (31, 97), (64, 200)])
def test_tiles_of_what_halves_images_are_exact_too(size):
    """The mean of each 8 × 8 block less that of the blocks around: depends on where blocks begin, and on 15 pixels."""

    def function(images):
        blocks = torch.nn.functional.avg_pool2d(images, 8)
        around = torch.nn.functional.avg_pool2d(blocks, 3, stride=1, padding=1, count_include_pad=False)
        return enlarged((blocks - around).sigmoid(), 8)

    image = torch.rand(1, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = tiled(function, image, 0, multiple=8)
    assert whole.shape == image.shape
    torch.testing.assert_close(tiled(function, image, 48, overlap=15, multiple=8, fade=0), whole)


@dataclasses.dataclass(frozen=True)
class Config:
    """A config without fields."""


class Shade(Translator):
    """Darkens each image by a factor drawn for it, the same in all its tiles, and notes what it computes."""

    config_class = Config
    deterministic = False
    tile, overlap = 32, 4

    def __init__(self):
        super().__init__(Config())
        self.space, self.condition = Images((3, 8, 8)), conditions.Images(3)
        self.seen = []

    def _translate(self, images, noise, temperature, *, tile=None):
        factor = noise.uniform(1, 1, 1)

        def darkened(part):
            self.seen.append(tuple(part.shape))
            return part * factor

        return self._tiled(darkened, images, tile)


class Copy(Translator):
    """Returns what it is given."""

    config_class = Config

    def __init__(self, channels=3):
        super().__init__(Config())
        self.space, self.condition = Images((channels, 8, 8)), conditions.Images(channels)

    def _translate_tile(self, sources):
        return sources


SOURCES = torch.rand(5, 3, 6, 9, generator=torch.Generator().manual_seed(0))


def test_results_have_the_size_and_number_of_the_conditions():
    model = Copy().eval()
    assert torch.equal(model.translate(SOURCES), SOURCES)
    assert torch.equal(model.translate(SOURCES[0]), SOURCES[:1])
    assert torch.equal(model.translate(SOURCES[0], 4), SOURCES[:1].expand(4, -1, -1, -1))
    assert torch.equal(model.translate(SOURCES, 5, batch_size=2), SOURCES)


def test_results_do_not_share_memory_with_the_condition():
    given = SOURCES.clone()
    made = Copy().eval().translate(given)
    made.zero_()
    assert torch.equal(given, SOURCES)


def test_sample_i_depends_neither_on_n_nor_on_the_chunks():
    model = Shade().eval()
    whole = model.translate(SOURCES, seed=3)
    assert torch.equal(model.translate(SOURCES, seed=3, batch_size=2), whole)
    assert torch.equal(model.translate(SOURCES[:2], seed=3), whole[:2])
    assert not torch.equal(model.translate(SOURCES, seed=4), whole)
    same = model.translate(SOURCES[0], 3, seed=3)
    assert torch.equal(same[0], whole[0])
    assert not torch.equal(same[0], same[1])


def test_the_more_pixels_the_fewer_images_at_once(monkeypatch):
    monkeypatch.setattr(translation, "PIXELS", 1000)
    model = Shade().eval()
    model.translate(SOURCES.expand(5, 3, 6, 9))
    model.translate(SOURCES[0, :, :1, :1], 70)
    model.translate(SOURCES[0, :, :1, :1].expand(3, 24, 24), 3)
    assert [shape[0] for shape in model.seen] == [5, 64, 6, 1, 1, 1]
    model.seen.clear()
    model.translate(torch.rand(3, 40, 40), 3, batch_size=2)
    assert [shape[0] for shape in model.seen] == [2, 2, 2, 2, 1, 1, 1, 1]  # four tiles each


def test_large_images_go_through_in_tiles_one_after_another():
    model = Shade().eval()
    photo = torch.rand(2, 3, 600, 450)
    made = model.translate(photo, seed=0)
    assert {shape[0] for shape in model.seen} == {1}
    assert max(max(shape[2:]) for shape in model.seen) == 32
    factors = (made / photo.clamp(min=0.01))[photo.min(1, keepdim=True).values.expand_as(photo) > 0.1]
    assert factors.std() > 0.01  # of two images
    torch.testing.assert_close(made[:1], model.translate(photo[:1], seed=0, tile=0), rtol=1e-5, atol=1e-6)


def test_what_was_put_together_from_tiles_is_not_copied(monkeypatch):
    made = []
    monkeypatch.setattr(translation, "tiled", lambda *a, **k: made.append(tiled(*a, **k)) or made[-1])
    large = Shade().eval().translate(torch.rand(1, 3, 60, 45), seed=0)
    assert large.data_ptr() == made[-1].data_ptr()
    large.requires_grad_().sum().backward()  # it is the caller's, for autograd too
    two = Shade().eval().translate(torch.rand(2, 3, 60, 45), seed=0, batch_size=1)
    assert two.shape == (2, 3, 60, 45)
    two.requires_grad_().sum().backward()


class Levels(Shade):
    """Adds each tile's mean, so that it shows where tiles are cut."""

    multiple = 8

    def _translate(self, images, noise, temperature, *, tile=None):
        factor = noise.uniform(1, 1, 1)
        return self._tiled(lambda part: (part + part.mean((1, 2, 3), keepdim=True)) * factor / 2, images, tile)


@pytest.mark.parametrize("size", [(7, 9), (90, 20), (75, 101)])
def test_a_picture_is_what_is_generated_to_the_byte(size):
    source = torch.rand(3, *size)
    made = images.to_pil(Levels().eval().translate(source, seed=4))[0]
    assert Levels().picture(source, seed=4).tobytes() == made.tobytes()


@pytest.mark.parametrize("tile", [8, 1, -1, 2.5, "64", True])
def test_tiles_that_are_all_border(tile):
    with pytest.raises(InvalidInput, match=r"tile="):
        Shade().eval().translate(SOURCES, tile=tile)


def test_what_is_said_of_conditions():
    model = Copy().eval()
    for n, condition, message in (
        (None, None, r"conditioned on an image. Pass a tensor"),
        (2, SOURCES, r"5 images came as conditions of 2 samples"),
        (None, SOURCES[:, :1], r"1 channels; this model takes RGB.*Repeat the grey"),
        (None, SOURCES[:, :0], r"0 channels; this model takes RGB"),
        (None, SOURCES[0, 0], r"shape \(6, 9\); expected \(n, 3, height, width\)"),
        (None, SOURCES[:0], r"empty batch"),
        (None, SOURCES[:, :, :0], r"at least a pixel"),
        (None, SOURCES * 255, r"pixels range from .* Perhaps images / 255"),
        (None, (SOURCES * 255).byte(), r"torch\.uint8; expected floats"),
        (None, SOURCES / 0, r"NaN or infinite"),
        (None, (SOURCES * 255).byte().numpy(), r"torch\.uint8; expected floats"),
        (None, [SOURCES[0], SOURCES[0, :, 1:]], r"one shape; \(3, 5, 9\), \(3, 6, 9\)"),
        (None, [], r"no images came"),
        (None, 3, r"an image came as int"),
        (None, [Image.new("RGB", (2, 3)), Image.new("L", (3, 2))], r"one size; 2×3, 3×2"),
        (None, Image.new("RGB", (0, 3)), r"no pixels"),
        (0, SOURCES, r"n=0"),
    ):
        with pytest.raises((InvalidInput, DataError), match=message):
            model.translate(condition, n)


def test_arrays_and_lists_of_images_are_one_batch():
    model = Copy().eval()
    for given in (SOURCES.numpy(), list(SOURCES), list(SOURCES.numpy())):
        assert torch.equal(model.translate(given), model.translate(SOURCES))


def test_half_precision_and_other_floats_are_taken():
    model = Copy().eval()
    model.register_buffer("weight", torch.zeros((), dtype=torch.bfloat16))
    assert model.translate(SOURCES[0].double(), 3).dtype == torch.bfloat16


@pytest.mark.parametrize("affine", [False, True])
def test_norms_of_tiles_have_the_statistics_of_the_image(affine):
    """Of as many tiles as there are, or of sixteen spread over it, which is near."""
    torch.manual_seed(0)
    norm = InstanceNorm2d(2, affine=affine).double()
    image = torch.rand(1, 2, 64, 64, dtype=torch.float64) * torch.linspace(0, 1, 64, dtype=torch.float64)

    def function(part):
        return norm(part).sigmoid()

    with torch.no_grad():
        exact = tiled(function, image, 16, normed=True)
        torch.testing.assert_close(exact, function(image))
        near = tiled(function, image, 8, normed=True)
        assert (near - function(image)).abs().mean() < 0.1 * (tiled(function, image, 8) - function(image)).abs().mean()
        assert torch.equal(norm(image), norm(image)), "nothing of it is left"
        torch.testing.assert_close(function(image), torch.nn.functional.instance_norm(image).sigmoid())


def test_a_picture_that_memory_does_not_hold_is_told_before_it_is_made(monkeypatch):
    monkeypatch.setattr("zoo._util.shortage.memory", lambda: 1000)
    with pytest.raises(InvalidInput, match=r"^an image of 8 by 64 pixels would take 2 kB of memory.* smaller\.$"):
        tiled(lambda images: images, torch.zeros(1, 1, 64, 8), 16, overlap=2)


@pytest.mark.parametrize(("name", "settings"), [("cyclegan", {}), ("pix2pix", {"norm": "instance"})])
def test_a_compiled_model_norms_tiles_by_what_they_share(name, settings):
    torch.manual_seed(0)
    model = zoo.create(name, **{**SMALL[name][0], **settings}).eval()
    channels = model.condition.channels
    image = Images((channels, 80, 112)).example(1, Noise(0, count=1))
    image[..., 60:] *= 0.2  # else all tiles are alike
    call = {"tile": 2 * model.overlap + 16, "seed": 0}
    usual, pictured = model.translate(image, **call), np.asarray(model.picture(image, **call), np.float32)
    torch._dynamo.reset()
    model.compile(backend="eager")
    torch.testing.assert_close(model.translate(image, **call), usual, rtol=1e-3, atol=1e-3)
    assert np.abs(np.asarray(model.picture(image, **call), np.float32) - pictured).max() <= 1
    torch._dynamo.reset()
