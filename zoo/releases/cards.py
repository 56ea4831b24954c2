"""A release folder's card: its README.md, whose YAML front matter is the only machine-readable record of the release.

The front matter holds the Hub's keys (license, library_name, pipeline_tag, tags, datasets, model-index) and one block
`zoo:` with architecture, config, data, weights and training. The text below it is for people; the part between the
two `zoo:measured` comments is rendered from the front matter, so the two cannot disagree.
"""
# Long because every field of a card is checked before it is used.

from __future__ import annotations

import base64
import dataclasses
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from zoo._util.atomic import replacing
from zoo._util.paths import real_path
from zoo._util.printable import brief
from zoo._util.version import __version__
from zoo.errors import CardError, ZooError
from zoo.releases.front import LENGTHS, check_directions, check_keys, check_metrics, check_numbers, check_shape
from zoo.releases.record import Record

FILES = CARD, WEIGHTS, GOLDEN, SAMPLES = "README.md", "model.safetensors", "golden.safetensors", "samples.png"
RUN = "run"  # where in a release's folder its training has checkpoint, log and pictures
# Of cards and weights files, counted up whenever a later zoo has to read them otherwise. 0: files that name no format,
# whose int8 tensors may be deflated; 1: they are plain, and the file names its format;
# 2: what its samples are drawn from has seeds of 64 bits.
FORMAT = 2
LARGEST = 10**6  # bytes of a card
BEGIN, END = "<!-- zoo:measured -->", "<!-- /zoo:measured -->"
BUDGETS = {WEIGHTS: 5 * 2**20, GOLDEN: 200 * 2**10, SAMPLES: 200 * 2**10}  # bytes of a release's files, at most

_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)---[ \t]*(?:\n(.*))?\Z", re.DOTALL)
_ALIAS = re.compile(r"(?:^|[\s\[{,:-])[*&]\S", re.MULTILINE)  # where there may be one
# libyaml's loader is about ten times faster than the pure Python one; both build the same plain values.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

HUB_KEYS: dict[str, type] = {
    "license": str,
    "library_name": str,
    "pipeline_tag": str,
    "tags": list,
    "datasets": list,
}
_ZOO_KEYS: dict[str, type] = {"architecture": str, "config": dict, "data": dict, "training": dict}
_DATA_KEYS: dict[str, type] = {"name": str, "license": str, "shape": list}


@dataclasses.dataclass(frozen=True)
class Card:
    """A card read from `folder`: the parsed front matter and the text below it."""

    folder: Path
    front: dict[str, Any]
    body: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Parse and validate `folder`/README.md. Raises CardError naming the file and what is wrong in it."""
        path = folder / CARD
        match = _FRONT.match(read_text(path))
        if match is None:
            raise CardError(f"{path} has no front matter; expected it to begin with YAML between two '---' lines.")
        try:
            _check_plain(path, match[1])
            front = yaml.load(match[1], _Loader)
        except CardError:
            raise
        except Exception as error:  # an impossible date is a ValueError, and what !!bool and !!int meet is of any kind
            raise CardError(f"{path}: the front matter is not valid YAML: {' '.join(str(error).split())}.") from error
        card = cls(folder, front, match[2] or "")
        card.validate()
        check_numbers(path, front)
        return card

    def write(self, folder: Path | None = None) -> None:
        """Write the card to its folder, or to another, in one step."""
        text = self.render()
        with replacing((folder or self.folder) / CARD) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def render(self) -> str:
        """The card's text, with the measured part rendered from the front matter. Raises CardError as `validate`."""
        self.validate()
        front = yaml.safe_dump(self.front, sort_keys=False, allow_unicode=True, width=120)
        return f"---\n{front}---\n{''.join(_measured(self.body, self.render_measured()))}"

    def validate(self) -> None:
        """Raise CardError unless every required key is there with the right type."""
        where = self.folder / CARD
        check_keys(where, "front matter", self.front, HUB_KEYS)
        check_keys(where, "front matter", self.front, {"zoo": dict})
        # Before anything else of the block, which a later zoo may well spell otherwise.
        weights = self.zoo.get("weights")
        writer = weights.get("made_with") if isinstance(weights, dict) else None
        check_format(where, self.zoo.get("format", 0), writer, CardError)
        integer(where, "version", self.zoo.get("version", 0), CardError)
        check_keys(where, "zoo", self.zoo, _ZOO_KEYS)
        check_keys(where, "zoo.data", self.zoo["data"], _DATA_KEYS)
        if not self.zoo["architecture"]:
            raise CardError(f"{where}: zoo.architecture is empty; expected the name of an architecture.")
        if self.weights:
            check_keys(where, "zoo.weights", self.weights, {"sha256": str, "bytes": int})
            if not re.fullmatch(r"[0-9a-f]{64}", self.weights["sha256"]):
                raise CardError(f"{where}: zoo.weights.sha256 must be 64 lower-case hexadecimal digits.")
            if not 0 <= self.weights["bytes"] < 2**63:
                raise CardError(f"{where}: zoo.weights.bytes is no length of a file.")
            check_directions(where, self.weights.get("directions") or {})
            for key in ("repo", "revision"):
                if not isinstance(self.weights.get(key), (str, type(None))):
                    raise CardError(f"{where}: zoo.weights.{key} is {brief(self.weights[key])}; quote it, it is text.")
            # A branch would mean other files tomorrow, and would have to be asked for each time.
            if not re.fullmatch(r"[0-9a-f]{40}", self.weights.get("revision") or "0" * 40):
                raise CardError(
                    f"{where}: zoo.weights.revision is {brief(self.weights['revision'])}; expected the 40 hexadecimal "
                    "digits of a commit."
                )
        for key, expected in (("space", "the name of a space"), ("extent", "how large a sample is, in words")):
            if not isinstance(said := self.zoo["data"].get(key, "-"), str) or not said:
                raise CardError(f"{where}: zoo.data.{key} is {brief(said)}; expected {expected}.")
        if "extent" in self.zoo["data"] and self.space in LENGTHS:
            raise CardError(
                f"{where}: zoo.data.extent is for other spaces; the shape tells how large {self.space} are."
            )
        check_shape(where, self.space, self.zoo["data"]["shape"])
        check_metrics(where, self.front.get("model-index"))

    def replace(self, **blocks: Any) -> Self:
        """A copy with blocks of `zoo:` replaced, or, for `model_index`, the Hub's list of results."""
        front = dict(self.front)
        if "model_index" in blocks:
            front.pop("model-index", None)
            zoo = front.pop("zoo")
            index = blocks.pop("model_index")
            front |= ({"model-index": index} if index else {}) | {"zoo": zoo}
        front["zoo"] = {**front["zoo"], **blocks}
        return dataclasses.replace(self, front=front)

    @property
    def zoo(self) -> dict[str, Any]:
        """The block of our own."""
        return self.front["zoo"]  # type: ignore[no-any-return]

    @property
    def format(self) -> int:
        """The card's format: 0 for cards that name none."""
        return int(self.zoo.get("format", 0))

    @property
    def version(self) -> int:
        """The version of its architecture's fields that the config has: 0 for cards that name none."""
        return int(self.zoo.get("version", 0))

    @property
    def name(self) -> str:
        """The release's name: the folder's."""
        return real_path(self.folder).name

    @property
    def architecture(self) -> str:
        """Name of the architecture."""
        return str(self.zoo["architecture"])

    @property
    def config(self) -> dict[str, Any]:
        """Fields of the architecture's Config."""
        return self.zoo["config"]  # type: ignore[no-any-return]

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.zoo["data"]["name"])

    @property
    def license(self) -> str:
        """The licence as the Hub spells it."""
        return str(self.front["license"])

    @property
    def space(self) -> str:
        """Name of the space of a sample: unless it is said, images, or vectors where the shape has one entry."""
        data = self.zoo["data"]
        return str(data["space"]) if "space" in data else "vectors" if len(data["shape"]) == 1 else "images"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: of an image (channels, height, width), of a vector (features,)."""
        return tuple(self.zoo["data"]["shape"])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features of a vector; empty for images and where the data have none."""
        return tuple(self.zoo["data"].get("columns") or ())

    @property
    def extent(self) -> str:
        """How large one sample is, in words: 28×28 pixels, or 2 columns."""
        if "extent" in self.zoo["data"]:
            return str(self.zoo["data"]["extent"])
        if self.space == "vectors":
            return f"{self.shape[0]} columns"
        return "×".join(map(str, self.shape[1:] if LENGTHS.get(self.space) == 3 else self.shape))

    @property
    def weights(self) -> dict[str, Any]:
        """repo, revision, sha256, bytes and dtype of the weights; empty before the first training."""
        return self.zoo.get("weights") or {}

    @property
    def directions(self) -> dict[str, list[float]]:
        """By attribute the numbers of its direction in the latent space of the weights; empty where none were found."""
        texts: dict[str, str] = self.weights.get("directions") or {}
        return {name: [float(word) for word in text.split()] for name, text in texts.items()}

    def with_directions(self, directions: Mapping[str, Iterable[float]]) -> Self:
        """A copy with these directions, to three digits, beside those of other names; they go with the weights."""
        texts = {name: " ".join(f"{number:.3g}" for number in numbers) for name, numbers in directions.items()}
        return self.replace(weights={**self.weights, "directions": {**(self.weights.get("directions") or {}), **texts}})

    @property
    def training(self) -> dict[str, Any]:
        """The recipe: everything `zoo train <name>` needs."""
        return self.zoo["training"]  # type: ignore[no-any-return]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The measured records: dictionaries with type, name, value and args (the protocol, and the floor)."""
        results = [r for index in self.front.get("model-index") or [] for r in index["results"]]
        return [metric for result in results for metric in result["metrics"]]

    @property
    def records(self) -> list[Record]:
        """The same as records."""
        return [Record.from_dict(metric) for metric in self.metrics]

    def _repr_markdown_(self) -> str:
        """The text with the pictures beside it in it: a notebook is elsewhere."""

        def inside(found: re.Match[str]) -> str:
            path = self.folder / found[2]
            if path.parent != self.folder or not path.is_file():
                return found[0]
            content = base64.b64encode(path.read_bytes()).decode()
            return f"{found[1]}(data:image/png;base64,{content})"

        return re.sub(r"(!\[[^\]]*\])\(([\w.-]+\.png)\)", inside, self.body)

    def render_measured(self) -> str:
        """The measured part as a Markdown table between its two comments."""
        rows = ["| metric | value | real data | how |", "| --- | ---: | ---: | --- |"]
        for metric in self.metrics:
            args = dict(metric.get("args") or {})
            floor, seeds = args.pop("floor", None), args.pop("seeds", None)
            if "sha256" in args:
                args["sha256"] = f"{str(args['sha256'])[:12]}…"  # the front matter has all of it
            if seeds:
                args["by training seed"] = ", ".join(f"{seed}: {value:.4g}" for seed, value in seeds.items())
            how = "; ".join(f"{key} {value}" for key, value in args.items() if value is not None).replace("|", "\\|")
            real = "" if floor is None else f"{floor:.4g}"
            values = f"{metric['value']:.4g}<br>{Record.from_dict(metric).spread}".removesuffix("<br>")
            rows.append(f"| {metric['name']} | {values} | {real} | {how} |")
        table = "\n".join(rows) if self.metrics else "Not measured yet."
        return f"{BEGIN}\n{table}\n{END}"


def read_text(path: Path) -> str:
    """The text of a card, which is a regular file of no more than `LARGEST` bytes: a pipe would be waited for, and a
    device has no end. Raises CardError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CardError(f"{path} cannot be read: it is no regular file. Put the card itself there.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise CardError(f"{path} has more than {LARGEST:,} bytes, too many for a card. Shorten it.")
        # Editors on Windows may leave a byte order mark and line ends of their own.
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{path} cannot be read: {error}.") from error


def _check_plain(path: Path, front: str) -> None:
    """Raise CardError for YAML aliases: a few lines of them stand for more values than any machine holds, or for one
    that contains itself."""
    if _ALIAS.search(front) and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(front, _Loader)):
        raise CardError(f"{path}: the front matter has a YAML alias (*name). Write out what it stands for.")


def _measured(body: str, measured: str) -> Iterator[str]:
    """The pieces of a text in which each measured part is replaced."""
    while True:
        before, begin, rest = body.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            break
        yield before + measured
        body = after
    yield body


def check_format(where: Path, format: Any, writer: Any, error: type[ZooError]) -> int:
    """`format`, a format number that this zoo reads. Raises `error` for anything else, naming the zoo that wrote it."""
    if integer(where, "format", format, error, f" up to {FORMAT}") > FORMAT:
        wrote = f"was written by {writer}" if isinstance(writer, str) else "comes from a later zoo"
        version = re.match(r"zoo (\d[\w.]*)", writer) if isinstance(writer, str) else None
        wanted = f"'generative-zoo>={version[1]}'" if version else "generative-zoo"
        raise error(
            f"{where} is of format {format} and {wrote}; this is zoo {__version__}, which reads formats up to "
            f"{FORMAT}. Get that one: pip install --upgrade {wanted}"
        )
    return int(format)


def integer(where: Path, what: str, number: Any, error: type[ZooError], range: str = "") -> int:
    """`number`, the format or version of a file. Raises `error` for what is none; `range` says which are."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise error(f"{where}: its {what} is {brief(number)}; expected a whole number{range}. Restore the file.")
    return number


def built_in_folder() -> Path:
    """The folder of the built-in cards: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside, beside = package / "cards", package.parent / "cards"
    return inside if inside.is_dir() else beside
