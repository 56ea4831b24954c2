"""Latents on the command line: what seeds, their samples and files stand for, and files of directions."""

from __future__ import annotations

import re
import secrets
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo._util import matching
from zoo._util.atomic import replacing
from zoo._util.paths import absent
from zoo.cli.arguments import parts
from zoo.cli.output import note
from zoo.cli.reading import finite, read_samples
from zoo.cli.targets import refuse
from zoo.errors import DataError, InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

SUFFIX = ".safetensors"
NARROW = 0.5  # a truncation in standard deviations below which images of models that cut latents off are flat
_SAMPLE = re.compile(r"(\d+)(?::(\d+))?")  # a seed, and which of its samples, counted from 0


def is_sample(word: str) -> bool:
    """Whether `word` means a seed or one of its samples, and not a file."""
    return bool(_SAMPLE.fullmatch(word)) and not Path(word).exists()


def listed(text: str) -> list[str]:
    """The parts of a list with commas; a file whose name has commas is one."""
    whole = text and Path(text).exists()  # "" is the folder one is in
    return [text] if whole else parts(text, "seeds, samples or files, such as 3,7:2")


def seed(value: int | None) -> int:
    """A seed for the command to tell: `value`, or a new one."""
    return secrets.randbits(32) if value is None else value


def draw(
    model: Model, count: int, seed: int, first: int = 0, temperature: float = 1.0, truncation: float | None = None
) -> Tensor:
    """Latents from the prior of `model`, on the CPU, as `generate` decodes them at this temperature and truncation."""
    if truncation is not None and "truncation" not in model.options("generate"):
        raise InvalidInput(f"{model.name} has no truncation, which is for GANs. Try --temperature 0.7.")
    options: dict[str, Any] = {} if truncation is None else {"truncation": truncation}
    return model.latents(count, seed=seed, first=first, temperature=temperature, **options).cpu()


def tell_narrow(model: Model, truncation: float | None) -> None:
    """Note that a truncation leaves latents so near to 0 as there was none in training, of models that cut them off;
    for others, whose truncation is a share, 0 is a mean that the model knows."""
    cuts = model.truncated > 1 and "truncation" in model.options("generate")
    if cuts and truncation is not None and truncation < NARROW:
        note(
            f"a truncation of {truncation:g} leaves only latents near 0, where {model.name} was not trained: images "
            f"become alike and flat. Try --truncation {model.truncated}."
        )


def check(model: Model, items: Iterable[str], most: int | None = None) -> None:
    """Raise, before a search of minutes for the first of `items`, for one that is no sample and cannot be read, the
    first `most` of each."""
    files = [item for item in items if not is_sample(item)]
    for item in files:
        if not Path(item).exists():
            raise InvalidInput(f"{absent(item)}, nor a seed or one of its samples, such as 7:3. Name a file.")
    for item in files:
        model.require("encode")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say is said when it is read
            read_samples(model, [Path(item)], most)


def read(
    model: Model,
    items: Iterable[str],
    label: str | int | None,
    options: dict[str, Any],
    temperature: float = 1.0,
    truncation: float | None = None,
    *,
    most: int | None = None,
) -> Tensor:
    """Latents (n, *latent_shape), on the CPU: drawn for a seed (its first sample) or SEED:SAMPLE; encoded, under
    `label` and with `options`, for an image file, a folder's images or a table's rows, the first `most` of each; all
    of which passed `check`."""
    import torch

    found = []
    for item in items:
        if is_sample(item):
            start, _, sample = item.partition(":")
            found.append(draw(model, 1, int(start), int(sample or 0), temperature, truncation))
        else:
            names, samples = read_samples(model, [Path(item)], most)
            z = model.encode(samples[:most], condition=label, keep_nan=True, **options).cpu()
            finite(model, names[:most], z, None, skips=False)
            found.append(z)
    return torch.cat(found)


def sample(model: Model, file: str) -> Tensor:
    """The image in a file, a folder's first, or a table's first row, of which `read` has said all there is to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_samples(model, [Path(file)], 1)[1][0]


def split_options(model: Model, options: dict[str, Any], items: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of `options` those of encode and those of decode. Where `items` are samples alone, nothing will be encoded, so
    that decode gets all of them, to refuse what neither of the two has."""
    of_encode, of_decode = model.split_options(options)
    return of_encode, options if all(map(is_sample, items)) else of_decode


def with_truncation(model: Model, options: dict[str, Any], truncation: float | None) -> dict[str, Any]:
    """`options` of decode, with the truncation that latents were drawn at where decoding depends on it as well; of a
    narrow one is told."""
    tell_narrow(model, truncation)
    shared = truncation is not None and "truncation" in model.options("decode")
    return {"truncation": truncation, **options} if shared else options


def in_name(items: Iterable[str]) -> str:
    """Seeds, samples and files as a part of a file's name: `seed3`, `seed7.2`, `photo`."""
    return "+".join(f"seed{item.replace(':', '.')}" if is_sample(item) else Path(item).stem for item in items)


def check_save(path: Path | None, *, force: bool) -> None:
    """Raise InvalidInput, before anything is computed, when `save_directions` could not or should not write there."""
    if path is None:
        return
    if path.suffix != SUFFIX or not path.parent.is_dir():
        raise InvalidInput(f"--save {path}; expected a name such as directions{SUFFIX}, in a folder that is there.")
    refuse([path], force=force, option="--save")


def save_directions(path: Path, directions: dict[str, Tensor], model: Model | None = None) -> None:
    """Write directions, by the names of their attributes, as safetensors, with the sha256 of the weights of `model`."""
    from safetensors.torch import save

    metadata = {"content": "directions", "model": (model.provenance.sha256 if model else None) or ""}
    content = save({name: way.contiguous() for name, way in directions.items()}, metadata)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def named(directions: dict[str, Tensor], names: Sequence[str], missing: str) -> dict[str, Tensor]:
    """Those of `directions` that `names` mean, or all. Raises UnknownName, which begins with `missing`."""
    known = list(directions)
    wanted = [known[matching.find(name, known, missing)] for name in names]
    return {name: directions[name] for name in wanted or known}


def load_directions(path: Path, model: Model, names: Sequence[str]) -> dict[str, Tensor]:
    """The directions called `names`, or all, from a file of `save_directions`. Raises DataError and UnknownName."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dictionary
            sha256 = (file.metadata() or {}).get("model")
    except (OSError, SafetensorError) as error:
        what = f"is no file of directions: {error}" if path.exists() else "is not there"
        raise DataError(f"{path} {what}. Make one with --data and --save.") from error
    chosen = named(found, names, f"{path} has no direction")
    if sha256 and model.provenance.sha256 and sha256 != model.provenance.sha256:
        raise DataError(
            f"the directions in {path} were found for another model than {model.name}. Find its own with --data and "
            "--save."
        )
    for name, way in chosen.items():
        if tuple(way.shape) != model.latent_shape:
            raise DataError(
                f"{path}: the direction {name!r} has shape {tuple(way.shape)}; this model's latents have "
                f"{model.latent_shape}. Directions serve only the model they were found for."
            )
    return chosen
