"""Samples in two dimensions, by the codes of a model and by methods that need none, and what each picture keeps.

Of every picture two numbers are taken. Trustworthiness (Venna, Kaski 2001) says whether neighbours in the picture are
neighbours in the data: 1 less a penalty for each of the K nearest points that is farther off among the samples
themselves; random pictures have about a half. It is always of the pixels (or standardised columns), for codes as well.
The accuracy of K nearest neighbours, each point left out once, says whether those of a class lie together.

Two codes are a picture as they are. Of more, the principal components are shown unless something else is asked for: a
linear picture has nothing that the codes do not have, where t-SNE and UMAP would find clusters of their own, and their
merit would be taken for the model's. What is made of codes by either is to be set beside the same of the pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo._util import inputs, shortage
from zoo.data.dataset import Dataset
from zoo.errors import CapabilityError, DataError, InvalidInput, MissingExtra, UnknownName, nearest
from zoo.metrics.evaluate import draw
from zoo.metrics.units import standardised
from zoo.model import Model
from zoo.spaces import Images

MOST, SEARCHED = 2000, 200  # samples unless n says otherwise; of models that search for codes by optimisation
K = 5  # neighbours
TITLES = {"pca": "PCA", "nmf": "NMF", "tsne": "t-SNE", "umap": "UMAP"}
ITERATIONS = 1000  # of NMF


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture `points` (n, 2) of codes or pixels, which `of` says; by: a method, or "" for codes as they are. knn:
    None where there are no classes."""

    of: str
    by: str
    points: Tensor
    trustworthiness: float
    knn: float | None

    @property
    def title(self) -> str:
        """For people, as in "t-SNE of pixels"."""
        return f"{TITLES[self.by]} of {self.of}" if self.by else self.of


@dataclass(frozen=True, eq=False)
class Projection:
    """`panels` of the same `n` samples of a data set: first those of the model's codes of so many numbers, `code`, then
    those of what is `seen`, pixels or columns. labels: indices (n,) of `classes`, −1 for what has none; None where
    nothing has."""

    release: str
    dataset: str
    n: int
    seed: int
    code: int
    seen: str
    classes: tuple[str, ...]
    labels: Tensor | None
    panels: list[Panel]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the points."""
        fields = ("of", "by", "trustworthiness", "knn")
        shown = {"release": self.release, "dataset": self.dataset, "n": self.n, "seed": self.seed, "code": self.code}
        return {**shown, "k": K, "panels": [{name: getattr(panel, name) for name in fields} for panel in self.panels]}


def project(
    model: Model,
    data: Dataset,
    against: Sequence[str] = (),
    *,
    codes_by: Sequence[str] = ("pca",),
    n: int | None = None,
    seed: int = 0,
    tell: Callable[[str], object] = str,
) -> Projection:
    """Pictures of samples of `data` by the codes of `model` and, of the pixels, by each of the methods `against`.

    against, codes_by: some of pca, nmf, tsne and umap; the latter make pictures of codes of more than two numbers. n:
    samples, drawn by `seed`; default 2,000, of models that encode by optimisation 200, or as many as there are. tell:
    called with what each picture will be of. The same call gives the same numbers. Raises UnknownName for a method,
    MissingExtra for one that is not installed, InvalidInput for a bad number or NMF of negative ones, DataError for too
    few samples, and CapabilityError for a model that does not encode, or whose codes are of what it is told besides.
    """
    check_methods([*against, *codes_by])
    model.require("encode")
    if model.condition.name is not None:
        raise CapabilityError(
            f"codes of {model.name} leave out the {model.condition.name} that it is told. Use an unconditional model."
        )
    usual = SEARCHED if model.encodes_by == "optimisation" else MOST
    count = min(usual, len(data)) if n is None else inputs.integer("n", n, 1)
    if len(data) <= 2 * K:
        raise DataError(f"of {data.name} {len(data)} are held out, and a picture takes {2 * K + 1} or more. Pass more.")
    if not 2 * K < count <= len(data):
        raise DataError(f"n={count}; {data.name} allows {2 * K + 1} to {len(data)}: fewer make no picture.")
    rows = draw(len(data), count, inputs.seed(seed))
    shortage.check_memory(
        32 * len(rows) ** 2, f"distances of {shortage.many(len(rows), 'sample')}", "Pass a smaller n."
    )
    x = data.floats(rows)
    samples = x.flatten(1) if isinstance(model.space, Images) else standardised(x, x)
    tell(f"codes of {model.name}")
    codes = model.encode(x, seed=seed).detach().float().cpu().flatten(1)
    named = f"{codes.shape[1]} numbers" if codes.shape[1] > 1 else "1 number"
    parts = [(f"codes of {named}", by, codes) for by in (codes_by if codes.shape[1] > 2 else [""])]
    seen = "pixels" if isinstance(model.space, Images) else "columns"
    parts += [(seen, by, samples) for by in against]
    labels = None if data.labels is None or not (data.labels[rows] >= 0).any() else data.labels[rows]
    panels = []
    for of, by, values in parts:
        tell(f"{TITLES[by]} of {of}" if by else of)
        points = reduced(values, by, seed, of)
        panels.append(Panel(of, by, points, trustworthiness(samples, points), knn_accuracy(points, labels)))
    return Projection(model.name, data.name, len(rows), seed, codes.shape[1], seen, tuple(data.classes), labels, panels)


def check_methods(names: Sequence[str]) -> None:
    """Raise UnknownName or MissingExtra for a method that is unknown or not installed."""
    for name in names:
        if name not in TITLES:
            raise UnknownName(f"no method is called {name!r}. {nearest(name, TITLES)}")
    _require("sklearn.manifold", "pictures in two dimensions need scikit-learn", "'generative-zoo[train]'")
    if "umap" in names:
        _require("umap", "UMAP needs umap-learn", "umap-learn")


def reduced(values: Tensor, method: str, seed: int = 0, what: str = "they") -> Tensor:
    """Vectors (n, d) as points (n, 2), by a method with its usual settings, or, by "", up to two numbers as they are.

    Raises InvalidInput for NMF of negative numbers, saying `what` has them.
    """
    if not method:
        return torch.nn.functional.pad(values, (0, 2 - values.shape[1]))
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    if method == "nmf" and bool((values < 0).any()):
        raise InvalidInput(f"NMF takes no negative numbers, and {what} have some. Leave nmf out.")
    # Sums of many threads differ in their last digits from run to run, which t-SNE makes other pictures of.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        points = _method(method, len(values), seed).fit_transform(values.numpy())
    return torch.from_numpy(points).float()


def trustworthiness(samples: Tensor, points: Tensor) -> float:
    """That of points (n, 2) as a picture of samples (n, d), in [0, 1]."""
    from sklearn.manifold import trustworthiness as measured

    return float(measured(samples.numpy(), points.numpy(), n_neighbors=K))


def knn_accuracy(points: Tensor, labels: Tensor | None) -> float | None:
    """Share of labelled points (n, 2) whose label is that of most of their K nearest other ones; of as many, the nearer
    ones'. None where fewer than K + 1 are labelled."""
    if labels is None or int((labels >= 0).sum()) <= K:
        return None
    from sklearn.neighbors import NearestNeighbors

    points, labels = points[labels >= 0], labels[labels >= 0]
    around = torch.from_numpy(NearestNeighbors(n_neighbors=K).fit(points.numpy()).kneighbors(return_distance=False))
    weights = 1 + torch.arange(K, 0, -1, dtype=torch.float64, device="cpu") / 100  # which turn ties alone
    votes = torch.zeros(len(points), int(labels.max()) + 1, dtype=torch.float64, device="cpu")
    votes.scatter_add_(1, labels[around], weights.expand(len(points), K))
    return float((votes.argmax(1) == labels).double().mean())


def _method(name: str, n: int, seed: int) -> Any:
    from sklearn import decomposition, manifold

    if name == "pca":
        return decomposition.PCA(2, random_state=seed)
    if name == "nmf":
        return decomposition.NMF(2, init="nndsvda", max_iter=ITERATIONS, random_state=seed)
    if name == "tsne":
        return manifold.TSNE(2, init="pca", learning_rate="auto", perplexity=min(30, (n - 1) / 3), random_state=seed)
    from umap import UMAP

    return UMAP(n_components=2, n_neighbors=min(15, n - 1), random_state=seed, n_jobs=1)


def _require(module: str, what: str, package: str) -> None:
    try:
        __import__(module)
    except ImportError as error:
        raise MissingExtra(f"{what}. Install it with: pip install {package}") from error
