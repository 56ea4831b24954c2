"""Data sets by name, decoded once into memory, images as uint8, so that training never waits for files and any batch of
any epoch can be rebuilt from a seed.

MNIST, Fashion-MNIST, CIFAR-10 and CelebA are torchvision's; everything else is a folder of images, or the vectors of
`zoo.data.tables`. A missing or damaged file is an error before the first step.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo import images as imaging
from zoo.conditions import combinations
from zoo.errors import DataError
from zoo.objective import Batch
from zoo.registry import entries as registered

# The central 108 × 108 pixels of CelebA's aligned 178 × 218: left, top, right, bottom as fractions.
CELEBA_FACE = (35 / 178, 55 / 218, 143 / 178, 163 / 218)
UNPAIRED = 0x5DEECE66  # sets the seed of the other kind of images apart
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@dataclass(frozen=True)
class Dataset:
    """A split in memory: images uint8 (n, channels, height, width), or vectors float32 (n, features); class indices
    int64 (n,) or None, class names; attributes bool (n, k) or None, and their k names; of vectors the names of the
    features, if they have any, and, where they are known, the true ln p (n,) and the `modes`: the centres (m, features)
    of the Gaussians that they were drawn from, all of standard deviation `mode_deviation`. Of data to translate,
    `sources`: uint8 images (m, …), image i of which is to become image i, or, if it is not `paired`, any of its kind;
    `scenes`: by the name of a test set its images, uint8 (channels, height, width), each whole and of its own size.
    `captions`: for each image the texts that say what it shows, if there are any."""

    name: str
    split: str
    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    log_density: Tensor | None = None
    modes: Tensor | None = None
    mode_deviation: float = 0.0
    sources: Tensor | None = None
    paired: bool = True
    scenes: dict[str, tuple[Tensor, ...]] = field(default_factory=dict)
    captions: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def vectors(self) -> bool:
        """Whether these are vectors and not images."""
        return self.images.ndim == 2

    def floats(self, rows: Tensor | slice) -> Tensor:
        """The images at `rows` as float32 in [0, 1], or vectors as they are."""
        return floats(self.images[rows])

    def indices(self, classes: Sequence[str]) -> Tensor | None:
        """The labels as indices (n,) into `classes`, matched by name; None without labels or with an unknown class."""
        known = {name.casefold(): index for index, name in enumerate(classes)}
        if self.labels is None or not {name.casefold() for name in self.classes} <= known.keys():
            return None
        return torch.tensor([known[name.casefold()] for name in self.classes])[self.labels]

    def batch(self, step: int, size: int, *, seed: int, flip: bool, rank: int = 0, world: int = 1) -> Batch:
        """Process `rank`'s share of the batch of `step`: a function of the arguments alone, so runs can be resumed.

        Each epoch is a permutation of its own; the last, incomplete batch of an epoch is dropped. Raises DataError when
        the split has fewer than `size` samples, or when vectors are to be flipped.
        """
        if flip and self.vectors:
            raise DataError(f"{self.name} holds vectors, which cannot be mirrored. Train with --set flip=false.")
        mine = slice(rank, None, world)
        rows = self._rows(len(self), step, size, seed)[mine]
        coins = _coins(size, step, seed)[mine] if flip else None
        images, sources = _flipped(self.floats(rows), coins), None
        if self.sources is not None and self.paired:
            sources = _flipped(floats(self.sources[rows]), coins)
        elif self.sources is not None:
            # Of a seed of its own, or the two kinds would always meet in the same order.
            other = seed ^ UNPAIRED
            rows_there = self._rows(len(self.sources), step, size, other)[mine]
            sources = _flipped(floats(self.sources[rows_there]), _coins(size, step, other)[mine] if flip else None)
        captions = tuple(self.captions[row] for row in rows.tolist()) if self.captions else ()
        return Batch(images, None if self.labels is None else self.labels[rows], sources, captions)

    def _rows(self, n: int, step: int, size: int, seed: int) -> Tensor:
        """The rows (size,) of `step`'s batch out of `n`."""
        per_epoch = n // size
        if not per_epoch:
            raise DataError(
                f"{self.name} has {n} {self.split} samples, fewer than a batch of {size}. "
                "Train with a smaller one: --set batch_size=N."
            )
        epoch, within = divmod(step, per_epoch)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(_mix(seed, epoch, 0)))
        return order[within * size : (within + 1) * size]


def floats(samples: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1]; vectors as they are."""
    return samples.float() / 255 if samples.dtype == torch.uint8 else samples


def _coins(size: int, step: int, seed: int) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(_mix(seed, step, 1))) < 0.5


def _flipped(images: Tensor, kept: Tensor | None) -> Tensor:
    """Images (n, …, width), mirrored but for those that are `kept` (n,)."""
    return images if kept is None else torch.where(kept[:, None, None, None], images, images.flip(3))


def _mix(seed: int, counter: int, stream: int) -> int:
    return (seed * 2 + stream) * 0x9E3779B1 + counter & 0xFFFFFFFF


def load(
    name: str, root: str | Path | None, split: str, *, shape: Sequence[int], holdout: int = 0, download: bool = False
) -> Dataset:
    """The `split` ("train" or "test") of data set `name`, as `shape`: (channels, height, width), or (features,).

    root: its folder or file, or None for one that is made from a seed. Images are resized with antialiasing, and turned
    to grey or RGB, where they differ from `shape`; vectors must have it. Raises UnknownName for the name and DataError
    for anything missing, damaged or of another shape.
    """
    entry = registered.pick(name, registered.datasets(), "data set")
    if split not in ("train", "test"):
        raise DataError(f"split={split!r}; expected 'train' or 'test'.")
    path = _source(entry, root, download)
    data: Dataset = entry.resolve()(path, split, shape=tuple(shape), holdout=holdout, download=download)
    if not len(data):
        where = "" if root is None else f" in {path}"
        raise DataError(f"{name} has no {split} samples{where}. Check it and how many are held out ({holdout}).")
    if data.images.shape[1:] != tuple(shape):
        raise DataError(
            f"{name} has samples of shape {tuple(data.images.shape[1:])}, the model is made for {tuple(shape)}. "
            "Train an architecture of that kind, with a config that fits."
        )
    return data


def _source(entry: registered.Entry, root: str | Path | None, download: bool) -> Path:
    """`root` as a path to what the data set is read from, or DataError."""
    path = Path(root or ".").expanduser()
    if entry.source == "none":
        if path.is_file():
            raise DataError(
                f"{entry.name} is made from a seed, not read from {path}. Leave out --data. To train on your own "
                "table, name an architecture: zoo train flow-2d --data table.csv."
            )
    elif root is None:
        raise DataError(f"{entry.name} is read from a {entry.source}. Pass --data that {entry.source}.")
    elif entry.source == "file" and not path.is_file():
        raise DataError(f"{path} is not a file. Pass --data the file of the data set ({entry.name}).")
    elif entry.source == "folder" and not path.is_dir() and not download:
        raise DataError(f"{path} is not a folder. Pass --data the folder of the data set ({entry.name}).")
    return path


def mnist(root: Path, split: str, **options: Any) -> Dataset:
    """MNIST (LeCun et al.), as torchvision.datasets.MNIST reads it from `root`."""
    return _torchvision("MNIST", root, split, **options)


def mnist_edges(root: Path, split: str, **options: Any) -> Dataset:
    """MNIST in two domains that have no image in common, for coupled models (Liu & Tuzel 2016, section 4): digits, the
    images at even places, and edges, the others' brightest neighbour within a pixel less the pixel itself."""
    data = mnist(root, split, **options)
    images, domains = data.images.clone(), torch.arange(len(data)) % 2
    digits = data.floats(domains == 1)
    outlines = torch.nn.functional.max_pool2d(digits, 3, stride=1, padding=1) - digits
    images[domains == 1] = (255 * outlines).round().to(torch.uint8)
    return Dataset("mnist-edges", split, images, domains, ("digits", "edges"))


def fashion_mnist(root: Path, split: str, **options: Any) -> Dataset:
    """Fashion-MNIST (Xiao et al. 2017), as torchvision.datasets.FashionMNIST reads it from `root`."""
    return _torchvision("FashionMNIST", root, split, **options)


def cifar10(root: Path, split: str, **options: Any) -> Dataset:
    """CIFAR-10 (Krizhevsky 2009), as torchvision.datasets.CIFAR10 reads it from `root`."""
    return _torchvision("CIFAR10", root, split, **options)


def celeba(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> Dataset:
    """CelebA (Liu et al. 2015), as torchvision.datasets.CelebA reads it from `root`: aligned, the central 108 × 108."""
    from torchvision.datasets import CelebA
    from torchvision.transforms.functional import center_crop

    source = _open(CelebA, "CelebA", root, download, split=split)
    pictures = [imaging.to_bytes(center_crop(_item(source, i, root)[0], [108, 108]), shape) for i in range(len(source))]
    return Dataset("celeba", split, torch.stack(pictures))


def celeba_attributes(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> Dataset:
    """CelebA's aligned pictures in a folder, at any size, with `attributes.csv`: a header (file, then a name for each
    attribute) and a row of 0s and 1s for each picture. The face is cut out, as `celeba` does; the last `holdout` rows
    are the test split."""
    table = root / "attributes.csv"
    try:
        with table.open(newline="", encoding="utf-8") as file:
            names, *rows = list(csv.reader(file))
        values = torch.tensor([[int(value) for value in row[1:]] for row in rows])
        if values.ndim != 2 or values.shape[1] != len(names) - 1:
            raise ValueError(f"{len(names) - 1} names for rows of shape {tuple(values.shape)}")
        attributes = values == 1
        if not torch.equal(attributes, values != 0):  # CelebA's own file has −1 for no
            raise ValueError(f"values from {int(values.min())} to {int(values.max())}")
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"{table} is missing or malformed: {error}. Expected file,smiling,… and rows of 0 and 1."
        ) from error
    kept = max(len(rows) - holdout, 0)
    chosen = slice(0, kept) if split == "train" else slice(kept, None)
    pictures = torch.empty((len(rows[chosen]), *shape), dtype=torch.uint8)
    for i, row in enumerate(rows[chosen]):
        pictures[i] = imaging.read_bytes(root / row[0], shape, CELEBA_FACE)
    return Dataset("celeba", split, pictures, attributes=attributes[chosen], attribute_names=tuple(names[1:]))


def celeba_combinations(root: Path, split: str, **options: Any) -> Dataset:
    """`celeba_attributes` with a label for each picture, that of the combination of all its attributes, as
    `zoo.conditions.combinations` counts them; for models conditioned on attributes."""
    data = celeba_attributes(root, split, **options)
    assert data.attributes is not None
    labels = (data.attributes.long() << torch.arange(len(data.attribute_names))).sum(1)
    classes = combinations(data.attribute_names)
    return Dataset(data.name, split, data.images, labels, classes)


def image_folder(root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> Dataset:
    """Images under `root`, in order of their file names; the last `holdout` are the test split. Subfolders are classes.

    A folder that has `train` and `test` subfolders is split by them instead. Hidden files and folders are left out.
    """
    base = root / split if (root / "train").is_dir() and (root / "test").is_dir() else root
    found = (path for path in base.rglob("*") if path.suffix.lower() in SUFFIXES)
    shown = (path for path in found if not any(part.startswith(".") for part in path.relative_to(base).parts))
    # By file name before folder, so that what is held out has images of every class.
    files = sorted(shown, key=lambda path: (path.name, path))
    if not files:
        raise DataError(f"{base} holds no images ({', '.join(SUFFIXES)}). Pass --data the folder with your images.")
    sorted_by_class = all(path.parent.parent == base for path in files)
    classes = tuple(sorted({path.parent.name for path in files})) if sorted_by_class else ()
    if base is root:
        kept = max(len(files) - holdout, 0)
        files = files[:kept] if split == "train" else files[kept:]
    labels = torch.tensor([classes.index(path.parent.name) for path in files]) if classes else None
    pictures = torch.empty((len(files), *shape), dtype=torch.uint8)
    for row, path in enumerate(files):
        pictures[row] = imaging.read_bytes(path, shape)
    return Dataset(root.resolve().name, split, pictures, labels, classes)


def _torchvision(kind: str, root: Path, split: str, *, shape: tuple[int, ...], holdout: int, download: bool) -> Dataset:
    from torchvision import datasets

    source = _open(getattr(datasets, kind), kind, root, download, train=split == "train")
    pixels = torch.as_tensor(source.data)
    pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()
    labels = torch.as_tensor(source.targets)
    if len(pixels) != len(labels):
        raise DataError(f"{kind} in {root}: {len(pixels)} images but {len(labels)} labels. Download the set again.")
    classes = tuple(name.split(" - ")[0] if kind == "MNIST" else name for name in source.classes)
    return Dataset(kind, split, imaging.resize_bytes(pixels, shape), labels, classes)


def _open(cls: Any, kind: str, root: Path, download: bool, **options: Any) -> Any:
    try:
        return cls(str(root), download=download, **options)
    except Exception as error:  # torchvision raises RuntimeError, ValueError, AssertionError, EOFError, struct.error …
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{kind} in {root} is missing or damaged: {reason} Pass --data the folder that torchvision.datasets.{kind} "
            "takes as root, or --download to fetch the set into it."
        ) from error


def _item(source: Any, index: int, root: Path) -> Any:
    try:
        return source[index]
    except OSError as error:
        raise DataError(f"image {index} of the data set in {root} is missing or damaged: {error}.") from error
