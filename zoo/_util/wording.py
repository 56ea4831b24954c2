"""What messages say of arguments, in the words of who reads them: in those of the command line in a shell, and in those
of Python in Python. The one place where that is translated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.errors import CapabilityError, DataError, InvalidInput, UnknownName, WeightsError, ZooError

SAID = (InvalidInput, UnknownName, CapabilityError, WeightsError, DataError)  # errors that speak of arguments
# Of the functions that commands call; those whose options are called otherwise than with dashes for underscores.
_OPTIONS = {"n": "-n", "condition": "-c"}
# What others call arguments.
SYNONYMS = {
    **dict.fromkeys(("class", "class_", "classes", "label", "labels", "prompt", "text"), "condition"),
    **dict.fromkeys(("count", "num", "number", "samples", "num_samples", "num_images"), "n"),
}
_ARGUMENTS = "n|condition|seed|temperature|truncation|batch_size|device|dtype|to|tile|together|labels|components"
# Compiled at first use, as _SHELL is. Calls are left as they are, and settings, which look the same on both sides, and
# names of files; of an argument, "=" and what follows.
_NAMED = (
    r"\w\([^()]*\)|--(?:set|option) \S+"
    rf"|(?<![\w./-])(?P<name>{_ARGUMENTS})=(?!\S*\.[A-Za-z])(?P<sign>[:,.…]?)(?:'(?P<word>[\w.:/-]+)')?"
)
_SENTENCES = {
    ", or pass keep_nan=True for the results of the others, with NaN in these": "",
    "zoo.images.binarise(images), or with seed= by chance": "an image editor does",
    " Take them in chunks: generate_chunks(n, …).": " Make fewer.",
    "Call .float().": "Leave out --dtype.",
}
# What data and training say of options; whole commands are left as they are.
_SHELL = (
    r"\bzoo [a-z]+ (?:(?!(?<=[.,;:)]) |(?:or|and) )[^\n])+"
    r"|(?P<passed>Pass )?--(?:set '(?P<quoted>[^']+)'|set (?P<setting>[\w.]+=\S+)"
    r"|(?P<switch>force|resume|download)(?![\w-])|(?P<option>data|out)(?![\w-]))"
)


def in_shell(error: ZooError, command: str) -> str:
    """The message of an error that `command` ended with. A recipe's fields, of which `train` and cards speak, are
    called the same everywhere."""
    text = str(error)
    if command == "train" or not isinstance(error, SAID):
        return text
    for said, meant in _SENTENCES.items():
        text = text.replace(said, meant)
    if command == "probe":  # which has an option for the one field of a recipe that it needs
        text = re.sub(r"(?:--set )?\bholdout=", "--holdout ", text)
    return re.sub(_NAMED, _option, text)


@contextmanager
def in_python() -> Iterator[None]:
    """Within the block, what errors say of options is said of arguments."""
    try:
        yield
    except ZooError as error:
        error.args = (re.sub(_SHELL, _argument, str(error)), *error.args[1:])
        raise


def _argument(found: re.Match[str]) -> str:
    if found["switch"]:
        said = f"{found['switch']}=True"
    elif not (said := found["quoted"] or found["setting"] or found["option"]):
        return found[0]
    return f"Pass as {said}" if found["passed"] and found["option"] else f"{found['passed'] or ''}{said}"


def _option(found: re.Match[str]) -> str:
    if found["name"] is None:
        return found[0]
    option = _OPTIONS.get(found["name"], f"--{found['name'].replace('_', '-')}")
    return f"{option}{found['sign'] or ' '}{found['word'] or ''}"
