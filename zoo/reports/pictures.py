"""The picture on a release's card: what the model makes, what it makes of real images, and what lies in between; or, of
vectors, the plots of `zoo.reports.plots`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from zoo import conditions, images, latent
from zoo.data import attributes
from zoo.data.captions import embedded
from zoo.data.dataset import Dataset, Rows, floats
from zoo.data.patches import SCALE, patches
from zoo.errors import WeightsError
from zoo.metrics.evaluate import draw
from zoo.model import Model
from zoo.nn.features import match_channels
from zoo.spaces import Images

COLUMNS, SMALL = 8, 64  # images in a row, if they have at most so many pixels on a side
MIDDLE = 104  # pixels on a side of what is shown of a scene: more would have to be shown in fewer colours
WIDE = 720  # pixels, about, of a picture, and twice as many in height at most
COOL = 0.7  # temperature: Kingma & Dhariwal 2018, section 6, find the samples of a flow best around it
STRENGTHS = (2.0, 1.5, 1.0, 0.5)  # of an attribute at the end of its row; 1 leads from the mean without to that with it
NOISE = 0.5  # deviation of what a model that denoises is shown to take off
CAPTIONS = 4  # captions of which several samples are shown
LEAST, SEEN = 10, 640  # steps of a search, and images seen in training for each: it takes a twentieth of that time
EXAMPLES = 1000  # training images with and without each attribute, at most, from which its direction is taken


def portrait(model: Model, data: Dataset, train: Dataset, *, seen: int | None = None) -> Image.Image:
    """The picture on the card of `model`: `overview` of images, with real ones from `data`, or what it makes of their
    captions (`captioned`) or sources (`translated`); or the plots of vectors."""
    return _picture(model, data, lambda model: overview(model, data, train, seen=seen))


def snapshot(model: Model, data: Dataset) -> Image.Image:
    """The picture of a model in training: 64 images, what it makes of captions or sources, or the plots of vectors
    beside those of `data`; of a model that has nothing to draw from yet, `rebuilt` ones instead of drawn ones."""
    rebuilds = model.draws_when_concluded and model.condition.name is None

    def drawn(model: Model) -> tuple[Tensor, int]:
        return rebuilt(model, data) if rebuilds else (_generated(model, 64, seed=0), COLUMNS)

    return _picture(model, data, drawn, rebuilds=rebuilds)


def _picture(
    model: Model, data: Dataset, drawn: Callable[[Model], tuple[Tensor, int]], *, rebuilds: bool = False
) -> Image.Image:
    """Plots, or a grid: what the model makes of captions or sources or, if it needs neither, what is `drawn`. Small
    images are enlarged to be seen."""
    with model.evaluating() as model:
        if (own := model.portrait(data)) is not None:
            return own
        if model.space.name == "vectors":
            from zoo.reports import plots  # which needs matplotlib

            return plots.sheet(model, data, rebuilds=rebuilds)
        if isinstance(model.condition, conditions.Texts):
            batch, columns = captioned(model, data)
        else:
            translates = isinstance(model.condition, conditions.Images)
            batch, columns = translated(model, data) if translates else drawn(model)
        picture = model.space.preview(batch, columns=columns)
    if isinstance(model.space, Images):
        return images.enlarged(picture, round(WIDE / max(picture.width, picture.height / 2)))
    return picture


def rebuilt(model: Model, data: Dataset) -> tuple[Tensor, int]:
    """Images for a grid and its number of columns: four times a row of what `model` makes of images of `data` again,
    above these."""
    count = 4 * COLUMNS
    if data.images is None:
        real = data.first_batch(count)
        real = real[torch.arange(count, device="cpu") % len(real)]
    else:
        real = data.floats(torch.linspace(0, len(data) - 1, count, dtype=torch.float32, device="cpu").long())
    rows = zip(torch.split(model.reconstruct(real).cpu(), COLUMNS), torch.split(real, COLUMNS), strict=True)
    return torch.cat([row for pair in rows for row in pair]), COLUMNS


def translated(model: Model, data: Dataset) -> tuple[Tensor, int]:
    """Images for a grid and its number of columns: sources from `data`, what `model` makes of them and, where they are
    paired, what they should have become; then, of a model of two domains, the same the other way. Of data with scenes,
    whose patches show little, the middle of those of the first set."""
    assert data.sources is not None
    columns = _columns(model)
    targets, sources = data.stored, data.sources
    if data.scenes:
        targets, sources = _middles(next(iter(data.scenes.values()))[:columns])
        columns = len(targets)
    rows = _there(model, columns, sources, targets if data.paired else None)
    if model.domains:
        rows += _there(model, columns, targets, None, to=model.domains[0])
    shape = rows[1].shape[1:]
    return torch.cat([row if row.shape[1:] == shape else _like(row, shape) for row in rows]), columns


def captioned(model: Model, data: Dataset) -> tuple[Tensor, int]:
    """Images for a grid and its number of columns: from `data` a real image in each column; what `model` draws for its
    caption, at each stage of those it has; in four rows, samples for each of the first four captions; and the way from
    the first caption to the last, all from one latent."""
    columns = _columns(model)
    pick = torch.linspace(0, len(data) - 1, columns, dtype=torch.float32, device="cpu").long()
    captions, shape = embedded(model, data, pick), model.space.shape[1:]
    z = model.latents(columns, seed=0)
    rows = [data.floats(pick)]
    if "stage" in model.options("decode"):
        rows.append(F.interpolate(model.decode(z, condition=captions, stage=1), size=shape, mode="nearest"))
    rows.append(model.decode(z, condition=captions))
    rows += [model.decode(z, condition=caption[None]) for caption in captions[:CAPTIONS]]
    way = latent.path(captions[0], captions[-1], columns, spherical=False)
    rows.append(model.decode(z[:1].expand(columns, *z.shape[1:]), condition=way))
    return torch.cat([row.cpu() for row in rows]), columns


def _columns(model: Model) -> int:
    """Of a picture of large images less, since the file has a budget."""
    return COLUMNS if max(model.space.shape) <= SMALL else COLUMNS // 2 + 1


def _there(model: Model, n: int, sources: Rows, targets: Rows | None, **options: Any) -> list[Tensor]:
    pick = torch.linspace(0, len(sources) - 1, n, dtype=torch.float32, device="cpu").long()
    given = floats(sources[pick])
    made = model.translate(given, seed=0, **options).cpu()
    return [given, made] if targets is None else [given, made, floats(targets[pick])]


def _middles(scenes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The squares in the middle of `scenes`, all as large as they can be but no larger than `MIDDLE`, and their
    sources."""
    side = min(MIDDLE, *(min(scene.shape[1:]) for scene in scenes))
    pairs = [patches(scene, (side - side % SCALE,) * 2, middle=True) for scene in scenes]
    large, small = zip(*pairs, strict=True)
    return torch.cat(large), torch.cat(small)


def _like(given: Tensor, shape: torch.Size) -> Tensor:
    """Sources as images of `shape`, to be shown beside these: without alpha, of their size, pixel by pixel."""
    colours = match_channels(given[:, : given.shape[1] - 1 + given.shape[1] % 2], shape[0])
    return F.interpolate(colours, size=shape[1:], mode="nearest")


def overview(
    model: Model, data: Dataset, train: Dataset, *, seed: int = 0, seen: int | None = None
) -> tuple[Tensor, int]:
    """Images for a grid and its number of columns, a row after another:

    - samples: a row for each class of a conditional model, or, if these are combinations of attributes, for none of
      them, each alone, and the first with the last; for each category and each number of a model with codes; the same
      latents in every row; for each resolution of a model that has grown, from 8 × 8 on; of two latents a map of all
      there are; else four rows, and of these the first two at temperature 0.7 where the density is exact, the last one
      the first again with latents truncated where that can be done, as far as its generator bears;
    - for models with styles: a sample in each column but the first, then others each at the start of a row, followed by
      what it becomes with the fine styles of the columns; this stands for the first two of the four rows;
    - for models that encode and decode: real images from `data`; their reconstructions; and the walk through latent
      space from the first reconstruction to the last, of a conditional model all in the first one's class;
    - of a model that denoises, these real images with noise, and what it makes of them;
    - of a model with filters, two rows of them, in place of the last two of the four rows of samples;
    - if the data set has attributes, and the model an encoder and no classes: a row for each of them, in which a real
      image without it is moved in the direction that `zoo.data.attributes` finds in `train`, as far as it holds.

    seen: on how many images the model was trained, each time counted, if a search for latents is not to take longer.
    """
    classes = model.condition.classes if isinstance(model.condition, conditions.Labels) else ()
    rows = _samples(model, train, classes, seed)
    if {"encode", "decode"} <= model.capabilities():
        pick = torch.linspace(0, len(data) - 1, COLUMNS, dtype=torch.float32, device="cpu").long()
        condition: Any = model.condition.example(COLUMNS)
        if classes and (known := data.indices(classes)) is not None:
            labelled = torch.nonzero(known >= 0)[:, 0]
            pick = labelled[torch.linspace(0, len(labelled) - 1, COLUMNS, dtype=torch.float32, device="cpu").long()]
            condition = known[pick]
        real = data.floats(pick)
        codes = model.encode(real, condition=condition, **_search(model, seen))
        rows += [real, model.decode(codes, condition=condition)]
        walk = latent.path(codes[0], codes[-1], COLUMNS, spherical=model.spherical)
        rows.append(model.decode(walk, condition=None if condition is None else condition[:1]))
        if "translate" in model.capabilities() and model.condition.name is None:
            given = images.noisy(real, NOISE, seed=seed)
            rows += [given, model.translate(given, seed=seed)]
        if not classes and model.encodes_by == "network":
            rows += _attributes(model, data, train)
    return torch.cat([row.cpu() for row in rows]), COLUMNS


def _search(model: Model, seen: int | None) -> dict[str, Any]:
    """The option of `encode` by which a search for latents is as short as training was; none where there is none."""
    if seen is None or model.encodes_by != "optimisation" or "steps" not in model.options("encode"):
        return {}
    usual: int = inspect.signature(model._encode).parameters["steps"].default
    return {"steps": max(LEAST, min(usual, seen // SEEN))}


def _samples(model: Model, train: Dataset, classes: tuple[str, ...], seed: int) -> list[Tensor]:
    """Rows of what the model makes of latents."""
    if classes:
        return [model.generate(COLUMNS, condition=label, seed=seed) for label in _shown(classes)]
    if model.code[0]:
        return _coded(model, seed)
    if tuple(model.latent_shape) == (2,) and "decode" in model.capabilities():
        return [_map(model, train)]
    rows = [_generated(model, 4 * COLUMNS, seed=seed)]
    if "truncation" in model.options("generate"):
        rows[0][-COLUMNS:] = _generated(model, COLUMNS, seed=seed, truncation=model.truncated)
    if model.resolutions:
        rows = [*_grown(model, seed), rows[0][-2 * COLUMNS :]]
    if model.style_layers:
        rows = [rows[0][: -2 * COLUMNS], rows[0][-COLUMNS:], _mixed(model, seed + 1)]
    if model.log_prob_kind == "exact":
        rows[0][: 2 * COLUMNS] = _generated(model, 2 * COLUMNS, seed=seed, temperature=COOL)
    if (filters := model.filters(2 * COLUMNS)) is not None:
        rows = [rows[0][: 2 * COLUMNS], filters]
    return rows


def _generated(model: Model, n: int, **options: Any) -> Tensor:
    """`n` samples, under the usual conditions."""
    return model.generate(n, condition=model.condition.usual(n), **options)


def _shown(classes: tuple[str, ...]) -> list[int]:
    """The classes that a picture shows: all, or of combinations of attributes some."""
    count = len(conditions.attributes(classes))
    if not count:
        return list(range(len(classes)))
    return list(dict.fromkeys([0, *(1 << k for k in range(count)), 1 | 1 << count - 1]))


def _grown(model: Model, seed: int) -> list[Tensor]:
    """The same latents drawn at every resolution from 8 × 8 on, each as large as the last."""
    side = model.space.shape[1]
    sizes = [size for size in model.resolutions if size >= 8]
    drawn = (_generated(model, COLUMNS, seed=seed, resolution=size) for size in sizes)
    return [F.interpolate(images, size=(side, side), mode="nearest") for images in drawn]


def _map(model: Model, train: Dataset) -> Tensor:
    """A square of what lies in a latent space of two dimensions: where the prior is, or else where codes are."""
    if model.spherical:
        return model.decode(latent.plane(COLUMNS))
    return model.decode(latent.plane(COLUMNS, model.encode(train.floats(draw(len(train), EXAMPLES, 0)))))


def _mixed(model: Any, seed: int) -> Tensor:
    """A row of samples after a white one, then three rows: a sample, and it with their fine styles."""
    z = model.noise_class(seed, 0, COLUMNS + 2).normal(model.config.latent_dim)
    fine, coarse = torch.split(model.styles(z, truncation=model.truncated), [COLUMNS - 1, 3])
    return latent.mixtures(model, coarse, fine, model.style_layers // 2)


def _coded(model: Model, seed: int) -> list[Tensor]:
    """Of a model whose latents begin with a categorical code and numbers, as InfoGAN's do: a row for each category, and
    one for each number from −1 to 1 in the first sample."""
    categories, numbers = model.code
    z = model.latents(COLUMNS, seed=seed)
    rows = []
    for category in range(categories):
        chosen = torch.arange(categories, device="cpu") == category
        rows.append(model.decode(torch.cat([chosen.to(z).expand(COLUMNS, -1), z[:, categories:]], 1)))
    for number in range(categories, categories + numbers):
        way = z[:1].repeat(COLUMNS, 1)
        way[:, number] = torch.linspace(-1, 1, COLUMNS, dtype=torch.float32, device="cpu")
        rows.append(model.decode(way))
    return rows


def _attributes(model: Model, data: Dataset, train: Dataset) -> list[Tensor]:
    """A row for each attribute that some training images have and some have not, on one of the images that have as few
    attributes as there are."""
    if data.attributes is None or train.attributes is None:
        return []
    counts = train.attributes.sum(0).tolist()
    varied = [k for k, count in enumerate(counts) if 0 < count < len(train)]
    names = [train.attribute_names[k] for k in varied]
    ways = attributes.directions(model, train, names, examples=EXAMPLES) if varied else {}
    plainest = data.attributes.sum(1).argsort(stable=True)
    rows = []
    for k, towards in zip(varied, ways.values(), strict=True):
        lacking = plainest[~data.attributes[plainest, k]]
        if len(lacking):
            rows += _moved(model, data.floats(lacking[:COLUMNS]), towards)
    return rows


def _moved(model: Model, candidates: Tensor, towards: Tensor) -> list[Tensor]:
    """A row: the first candidate that can be moved in the direction `towards` at eight strengths, from 0 to the largest
    that any of them bears; no row if none bears the smallest.

    The inverse of a flow can explode where it was not trained (Behrmann et al. 2021, arXiv:2006.09347). Then what was
    decoded no longer encodes to where it came from; farther off than the origin is counted as broken.
    """
    codes = model.encode(candidates)
    for strength in STRENGTHS:
        ways = torch.cat([latent.path(z, z + strength * towards, COLUMNS, spherical=False) for z in codes])
        try:
            moved = model.decode(ways)
            off = (model.encode(moved) - ways).flatten(1).norm(dim=1).view(-1, COLUMNS).amax(1)
        except WeightsError:  # beyond infinity there is NaN
            continue
        held = off < codes.flatten(1).norm(dim=1)
        if held.any():
            return [torch.split(moved, COLUMNS)[int(held.int().argmax())]]
    return []
