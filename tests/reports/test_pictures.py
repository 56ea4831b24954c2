"""The picture on a card: which rows it has, and that they are what they claim."""

import dataclasses

import numpy as np
import pytest
import torch

import zoo
from zoo import images, latent
from zoo.conditions import Images as Sources
from zoo.conditions import combinations
from zoo.data.attributes import directions
from zoo.data.dataset import Dataset, TensorDataset
from zoo.errors import WeightsError
from zoo.models._translator import Translator
from zoo.reports import pictures
from zoo.reports.pictures import COLUMNS, captioned, overview, portrait, rebuilt, snapshot, translated
from zoo.spaces import Images


@dataclasses.dataclass(frozen=True)
class Unset:
    """A config of a model of which nothing is to be set."""


@pytest.fixture
def digits():
    pixels = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return TensorDataset("noise", "test", pixels, torch.arange(20) % 2, ("even", "odd"))


def test_rows_of_an_unconditional_model(digits):
    torch.manual_seed(0)
    model = zoo.create("vae", image_size=4, width=2, latent_dim=3)
    picture, columns = overview(model, digits, digits)
    rows = picture.split(columns)
    assert len(rows) == 4 + 1 + 1 + 1
    torch.testing.assert_close(torch.cat(rows[:4]), model.generate(4 * COLUMNS, seed=0))
    pick = torch.linspace(0, 19, COLUMNS).long()
    assert torch.equal(rows[4], digits.floats(pick))
    torch.testing.assert_close(rows[5], model.reconstruct(rows[4]))
    # The walk leads from the first reconstruction to the last.
    torch.testing.assert_close(rows[6][[0, -1]], rows[5][[0, -1]])


@pytest.mark.parametrize(("size", "factor"), [(4, 14), (28, 3), (32, 3), (64, 1), (104, 1)])
def test_small_images_are_enlarged_pixel_by_pixel(monkeypatch, size, factor):
    row = torch.rand(COLUMNS, 1, size, size)
    monkeypatch.setattr(pictures, "translated", lambda *_: (row, COLUMNS))
    grid = np.asarray(images.grid(row, columns=COLUMNS))
    drawn = np.asarray(portrait(Copies(side=size), None, None))
    assert np.array_equal(drawn, grid.repeat(factor, 0).repeat(factor, 1))


def test_of_two_latents_all_are_shown(digits):
    torch.manual_seed(0)
    model = zoo.create("vae", image_size=4, width=2, latent_dim=2)
    picture, columns = overview(model, digits, digits)
    torch.testing.assert_close(picture[: COLUMNS**2], model.decode(latent.plane(COLUMNS)))
    assert len(picture.split(columns)) == COLUMNS + 3
    plain = zoo.create("wae", image_shape=[1, 4, 4], width=2, latent_dim=2, components=2)
    plain.conclude(digits)
    codes = plain.encode(digits.floats(torch.arange(20)))
    torch.testing.assert_close(overview(plain, digits, digits)[0][:64], plain.decode(latent.plane(COLUMNS, codes)))


def test_the_last_row_of_samples_is_the_first_with_truncated_latents():
    torch.manual_seed(0)
    model = zoo.create("gan", image_shape=(1, 4, 4), latent_dim=3, hidden=(8,))
    model._encode = lambda images, condition, noise: torch.zeros(len(images), 3)  # inversion is slow
    blank = TensorDataset("blank", "test", torch.zeros(20, 1, 4, 4, dtype=torch.uint8))
    picture, columns = overview(model, blank, blank)
    rows = picture.split(columns)
    torch.testing.assert_close(torch.cat(rows[:3]), model.generate(3 * COLUMNS, seed=0))
    torch.testing.assert_close(rows[3], model.generate(COLUMNS, seed=0, truncation=1.5))


def test_a_grown_model_shows_every_resolution_of_the_same_latents():
    torch.manual_seed(0)
    model = zoo.create("progan", widths=(3, 3, 2), latent_dim=3)
    model._encode = lambda images, condition, noise: torch.zeros(len(images), 3)  # inversion is slow
    blank = TensorDataset("blank", "test", torch.zeros(20, 3, 16, 16, dtype=torch.uint8))
    picture, columns = overview(model, blank, blank)
    rows = picture.split(columns)
    assert len(rows) == 2 + 2 + 3
    small = model.generate(COLUMNS, seed=0, resolution=8)
    torch.testing.assert_close(rows[0], small.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(rows[1], model.generate(COLUMNS, seed=0))
    torch.testing.assert_close(torch.cat(rows[2:4]), model.generate(4 * COLUMNS, seed=0)[-2 * COLUMNS :])


def test_a_model_with_styles_shows_how_they_mix():
    torch.manual_seed(0)
    model = zoo.create("stylegan-lite", widths=(3, 3, 2), latent_dim=3)
    model._encode = lambda images, condition, noise: torch.zeros(len(images), 6, 3)  # inversion is slow
    blank = TensorDataset("blank", "test", torch.zeros(20, 3, 16, 16, dtype=torch.uint8))
    picture, columns = overview(model, blank, blank)
    rows = picture.split(columns)
    assert len(rows) == 2 + 1 + 1 + 3 + 3
    torch.testing.assert_close(torch.cat(rows[:2]), model.generate(2 * COLUMNS, seed=0))
    torch.testing.assert_close(rows[2], model.generate(COLUMNS, seed=0, truncation=0.7))
    styles = model.styles(latent.Noise(1, 0, COLUMNS + 2).normal(3), truncation=0.7)
    assert bool((rows[3][0] == 1).all())
    torch.testing.assert_close(rows[3][1:], model.decode(styles[:7]))
    torch.testing.assert_close(torch.stack([rows[4 + i][0] for i in range(3)]), model.decode(styles[7:]))
    torch.testing.assert_close(rows[5][3:4], model.decode(latent.mix(styles[8:9], styles[2:3], 3)))


def test_a_conditional_model_shows_a_row_for_each_class():
    torch.manual_seed(0)
    digits = TensorDataset(
        "blank", "test", torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20) % 2, ("even", "odd")
    )
    model = zoo.create("cgan", image_size=8, width=2, latent_dim=3, classes=("even", "odd")).eval()
    model._encode = lambda images, condition, noise: torch.zeros(len(images), 3)  # inversion is slow
    picture, columns = overview(model, digits, digits)
    rows = picture.split(columns)
    assert len(rows) == 2 + 1 + 1 + 1
    # The same latents in both rows.
    torch.testing.assert_close(rows[0], model.generate(COLUMNS, condition="even", seed=0))
    torch.testing.assert_close(rows[1], model.generate(COLUMNS, condition="odd", seed=0))


@pytest.mark.parametrize(("seen", "steps"), [(None, None), (100, 10), (19_200, 30), (192_000, 200)])
def test_a_search_for_latents_is_short_where_training_was(monkeypatch, seen, steps):
    digits = TensorDataset("blank", "test", torch.zeros(20, 1, 8, 8, dtype=torch.uint8))
    model, asked = zoo.create("dcgan", image_size=8, channels=1, width=2, latent_dim=3).eval(), []

    def encode(images, condition, noise, *, steps=200):
        asked.append(steps)
        return torch.zeros(len(images), 3)

    monkeypatch.setattr(model, "_encode", encode)
    overview(model, digits, digits, seen=seen)
    assert asked == [steps or 200]


def test_a_model_with_codes_shows_a_row_for_each_category_and_number(digits):
    torch.manual_seed(0)
    model = zoo.create("infogan", image_size=8, categories=3, continuous=2, noise_dim=2, width=2, reader_width=2).eval()
    digits = TensorDataset("blank", "test", torch.zeros(20, 1, 8, 8, dtype=torch.uint8))
    picture, columns = overview(model, digits, digits)
    rows = picture.split(columns)
    assert len(rows) == 3 + 2 + 1 + 1 + 1
    noise = model._draw(latent.Noise(0, 0, COLUMNS))[:, 3:]
    second = torch.tensor([0.0, 1.0, 0.0]).expand(COLUMNS, -1)
    torch.testing.assert_close(rows[1], model.decode(torch.cat([second, noise], 1)))
    # Along the row of a number nothing else changes, from −1 to 1.
    ends = model._draw(latent.Noise(0)).repeat(2, 1)
    ends[:, 4] = torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(rows[4][[0, -1]], model.decode(ends))


@pytest.mark.parametrize(("count", "shown"), [(1, [0, 1]), (2, [0, 1, 2, 3]), (4, [0, 1, 2, 4, 8, 9])])
def test_of_combinations_of_attributes_some_are_shown(count, shown):
    classes = combinations([f"attribute {k}" for k in range(count)])
    assert pictures._shown(classes) == shown


def faces(split, attributes, size=4):
    """Random pixels with two attributes, the first of which makes the upper half of an image brighter."""
    pixels = torch.randint(
        0, 100, (len(attributes), 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(len(split))
    )
    chosen = torch.tensor(attributes, dtype=torch.bool)
    pixels[:, :, : size // 2] += 100 * chosen[:, :1, None, None]
    return TensorDataset("faces", split, pixels, attributes=chosen, attribute_names=("lit", "odd"))


def untrained_flow():
    torch.manual_seed(0)
    config = {"image_shape": (1, 4, 4), "widths": (4,), "checkerboard": 2, "channelwise": 0, "blocks": 1}
    return zoo.create("realnvp", **config)


def test_a_density_is_sampled_at_both_temperatures(digits):
    model = untrained_flow()
    rows = overview(model, digits, digits)[0].split(COLUMNS)
    assert len(rows) == 4 + 1 + 1 + 1
    torch.testing.assert_close(torch.cat(rows[:2]), model.generate(2 * COLUMNS, seed=0, temperature=0.7))
    torch.testing.assert_close(torch.cat(rows[2:4]), model.generate(4 * COLUMNS, seed=0)[2 * COLUMNS :])


def test_each_attribute_is_given_to_the_plainest_image_that_lacks_it():
    train, test = (
        faces("train", [(i % 2, i % 3 == 0) for i in range(40)]),
        faces("test", [(1, 0), (1, 1), (0, 1), (0, 0)]),
    )
    model = untrained_flow()
    rows = overview(model, test, train)[0].split(COLUMNS)
    assert len(rows) == 4 + 1 + 1 + 1 + 2
    for row, towards in zip(rows[-2:], directions(model, train).values(), strict=True):
        plain = test.floats(slice(3, 4))
        torch.testing.assert_close(row[:1], plain, atol=1e-4, rtol=0)
        torch.testing.assert_close(row[-1:], model.decode(model.encode(plain) + 2 * towards))
    brighter = rows[-2][:, 0, :2].mean((1, 2))
    assert (brighter.diff() > 0).all()
    assert brighter[-1] - brighter[0] > 0.3


def test_a_few_examples_are_enough(monkeypatch):
    monkeypatch.setattr(pictures, "EXAMPLES", 3)
    train, test = faces("train", [(i % 2, 0) for i in range(40)]), faces("test", [(0, 0)] * 3)
    model = untrained_flow()
    rows = overview(model, test, train)[0].split(COLUMNS)
    with_, without = torch.tensor([1, 3, 5]), torch.tensor([0, 2, 4])
    towards = latent.direction(model, train.floats(with_), train.floats(without))
    torch.testing.assert_close(rows[-1][-1:], model.decode(model.encode(test.floats(slice(0, 1))) + 2 * towards))


@pytest.mark.parametrize(
    ("known", "shown"),
    [([(0, 1), (1, 1)], [(0, 1), (0, 0)]), ([(0, 1), (1, 0)], [(0, 1), (1, 1)])],
    ids=["nobody to learn the second one from", "nobody who lacks the second one"],
)
def test_attributes_without_examples_or_without_a_face_are_left_out(known, shown):
    rows = overview(untrained_flow(), faces("test", shown), faces("train", known))[0].split(COLUMNS)
    assert len(rows) == 4 + 1 + 1 + 1 + 1


def test_a_search_for_latents_is_spared_thousands_of_images():
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=3, channels=1)
    looked_at = []
    searching = model._encode
    model._encode = lambda images, condition, noise, *, steps=1: (
        looked_at.append(len(images)) or searching(images, condition, noise, steps=steps)
    )
    train = faces("train", [(i % 2, 0) for i in range(40)], size=8)
    assert len(overview(model, train, train)[0]) == 7 * COLUMNS
    assert looked_at == [COLUMNS]


class Shelf:
    """Latents are pixels, and images past a brightness of `edge` explode, or turn to NaN."""

    def __init__(self, edge, *, nan=False):
        self.edge, self.nan = edge, nan

    def encode(self, images):
        return torch.where(images > 0.99, 1e9, images)

    def decode(self, z):
        if self.nan and (z > self.edge).any():
            raise WeightsError("computed NaN")
        return torch.where((z > self.edge).flatten(1).any(1).view(-1, 1, 1, 1), 1.0, z)


@pytest.mark.parametrize(("edge", "which", "strength"), [(0.75, 0, 2.0), (0.65, 1, 2.0), (0.45, 1, 1.0)])
def test_the_first_face_that_bears_the_most_is_moved(edge, which, strength):
    candidates = torch.tensor([0.3, 0.2, 0.1]).view(3, 1, 1, 1).expand(3, 1, 2, 2) + 0.0
    candidates[2] = 0.9
    (row,) = pictures._moved(Shelf(edge), candidates, torch.full((1, 2, 2), 0.2))
    expected = candidates[which] + strength * 0.2 * torch.linspace(0, 1, COLUMNS).view(-1, 1, 1, 1)
    torch.testing.assert_close(row, expected)


def test_what_bears_nothing_or_turns_to_nan_is_not_shown():
    candidates, towards = torch.full((2, 1, 2, 2), 0.3), torch.full((1, 2, 2), 0.2)
    assert pictures._moved(Shelf(0.35), candidates, towards) == []
    assert pictures._moved(Shelf(0.35, nan=True), candidates, towards) == []
    (row,) = pictures._moved(Shelf(0.45, nan=True), candidates, towards)
    assert row[-1].max().item() == pytest.approx(0.4), "half the way holds"


def pairs(n, *, paired=True, sources=None):
    """Images that are all of one level, of which the sources are half, or `sources`."""
    levels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 8, 8) * 2
    return TensorDataset("pairs", "test", levels, sources=levels // 2 if sources is None else sources, paired=paired)


class Copies(Translator):
    """Gives back what it is given, in the channels of its images."""

    config_class = Unset

    def __init__(self, sources=1, side=8, scale=1):
        super().__init__(Unset())
        self.space, self.condition, self.enlargement = Images((1, side, side)), Sources(sources), scale

    def _translate_tile(self, sources):
        return sources[:, :1].repeat_interleave(self.enlargement, 2).repeat_interleave(self.enlargement, 3)


class BothWays(Copies):
    domains = ("dark", "light")

    def _translate(self, images, noise, temperature, *, to=None):
        return {None: images, "dark": 1 - images}[to]


class Batches(Dataset):
    """Data that make batches and nothing else."""

    name, split = "batches", "train"

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def batch(self, *where, **how):
        return self.data.batch(*where, **how)


def test_what_has_no_prior_in_training_is_shown_by_what_it_rebuilds(digits):
    torch.manual_seed(0)
    small = {"image_shape": (1, 4, 4), "hidden": (6,), "latent_dim": 3}
    model = zoo.create("autoencoder", **small)
    for data in (digits, Batches(digits)):
        picture, columns = rebuilt(model, data)
        made, real = picture.view(4, 2, columns, 1, 4, 4).unbind(1)
        torch.testing.assert_close(made.flatten(0, 1), model.reconstruct(real.flatten(0, 1)))
        shown = model.space.preview(picture, columns=columns)
        assert snapshot(model, data).tobytes() == images.enlarged(shown, 14).tobytes()
    assert torch.equal(rebuilt(model, digits)[0][COLUMNS], digits.floats(slice(1))[0])
    drawing = zoo.create("autoencoder", **small, components=0)
    expected = drawing.space.preview(drawing.generate(64, seed=0), columns=COLUMNS)
    assert snapshot(drawing, digits).tobytes() == images.enlarged(expected, 14).tobytes()


def test_a_translation_is_shown_between_its_source_and_its_target():
    data = pairs(20)
    picture, columns = translated(Copies(), data)
    assert columns == COLUMNS
    pick = torch.linspace(0, 19, COLUMNS).long()
    given, made, wanted = picture.split(columns)
    assert torch.equal(given, data.sources[pick].float() / 255)
    assert torch.equal(made, given)
    assert torch.equal(wanted, data.floats(pick))
    assert portrait(Copies(), data, data).size == snapshot(Copies(), data).size


def test_without_pairs_there_is_no_target_and_both_ways_are_shown():
    data = pairs(20, paired=False)
    pick = torch.linspace(0, 19, COLUMNS).long()
    rows = translated(BothWays(), data)[0].split(COLUMNS)
    assert len(rows) == 4
    assert torch.equal(rows[1], rows[0])
    assert torch.equal(rows[2], data.floats(pick))
    assert torch.equal(rows[3], 1 - rows[2])


def test_large_images_are_shown_in_fewer_columns():
    picture, columns = translated(Copies(side=128), pairs(3))
    assert columns == 5
    assert len(picture) == 3 * 5


@pytest.mark.parametrize(("sides", "shown"), [((140, 200), 104), ((50, 30), 28)])
def test_of_scenes_the_middle_is_shown(sides, shown):
    generator = torch.Generator().manual_seed(0)
    scenes = [
        torch.randint(0, 256, (1, height, 60 + height), dtype=torch.uint8, generator=generator) for height in sides
    ]
    data = dataclasses.replace(pairs(3), scenes={"first": tuple(scenes), "second": (scenes[0],)})
    picture, columns = translated(Copies(side=128, scale=4), data)
    assert columns == 2
    given, made, wanted = picture.split(columns)
    top, left = ((side // 4 - shown // 4) // 2 * 4 for side in scenes[0].shape[1:])
    assert torch.equal(wanted[0], scenes[0][:, top : top + shown, left : left + shown].float() / 255)
    assert torch.equal(made, given)
    assert (given - wanted).abs().mean() > 0.1


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_sources_are_shown_in_the_size_of_the_images_and_without_alpha(channels):
    levels = torch.arange(20, dtype=torch.uint8).view(20, 1, 1, 1).expand(20, channels, 4, 4) * 3
    picture, columns = translated(Copies(channels, scale=2), pairs(20, sources=levels))
    given, made, wanted = picture.split(columns)
    assert given.shape == made.shape == wanted.shape == (COLUMNS, 1, 8, 8)
    torch.testing.assert_close(given, made)


SAYINGS = ("a red circle", "blue", "a circle, red and blue", "red red", "a blue zebra")
SMALL_PAINTER = {
    "vocabulary": ("a", "blue", "circle", "red"),
    "words": 5,
    "text_dim": 6,
    "condition_dim": 3,
    "latent_dim": 4,
    "sketch": (4, 4),
    "refine": (4, 4, 3),
}


def said(shape, n):
    """Random images of which five things are said in turn, each beside something else."""
    pixels = torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return TensorDataset("said", "test", pixels, captions=tuple((SAYINGS[i % 5], "a") for i in range(n)))


@pytest.mark.filterwarnings("ignore::zoo.errors.UnknownWord")
def test_what_is_told_is_shown_at_each_stage_and_on_the_way_to_something_else(perturbed):
    torch.manual_seed(0)
    model = perturbed(zoo.create("stackgan", **SMALL_PAINTER), 0.3)
    data = said((3, 16, 16), n=15)
    picture, columns = captioned(model, data)
    assert columns == COLUMNS
    rows = picture.split(columns)
    assert len(rows) == 1 + 2 + 4 + 1
    pick = torch.arange(0, 15, 2)
    assert torch.equal(rows[0], data.floats(pick))
    captions = [SAYINGS[row % 5] for row in pick.tolist()]
    sketches = model.generate(COLUMNS, condition=captions, seed=0, stage=1)
    torch.testing.assert_close(rows[1], sketches.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(rows[2], model.generate(COLUMNS, condition=captions, seed=0))
    for row, caption in zip(rows[3:7], captions[:4], strict=True):
        torch.testing.assert_close(row, model.generate(COLUMNS, condition=caption, seed=0))
    first, last = model.embed([captions[0], captions[-1]])
    z = latent.Noise(0).normal(10)
    for place, share in ((0, 0), (3, 3 / 7), (7, 1)):
        between = (first + share * (last - first))[None]
        torch.testing.assert_close(rows[7][place : place + 1], model.decode(z, condition=between))
    # They differ, so that a row in another's place would show.
    assert all((a - b).abs().max() > 1e-2 for i, a in enumerate(rows) for b in rows[:i])


def test_a_model_without_stages_shows_a_row_less_and_large_images_come_in_fewer_columns(speller):
    model, data = speller(("a", "red"), shape=(1, 65, 2)), said((1, 65, 2), n=3)
    picture, columns = captioned(model, data)
    assert columns == 5
    rows = picture.split(columns)
    assert len(rows) == 1 + 1 + 4 + 1
    # Of three images some come more than once; "a red circle" and "a circle, red and blue" both begin with word 2.
    assert torch.equal(rows[0], data.floats(torch.tensor([0, 0, 1, 1, 2])))
    assert (rows[1][:, 0, 0, 0] * 255).round().tolist() == [2, 2, 1, 1, 2]
    size = (3 * (5 * (2 + 2) + 2), 3 * (7 * (65 + 2) + 2))  # three times as large as the grid
    assert portrait(model, data, data).size == snapshot(model, data).size == size
