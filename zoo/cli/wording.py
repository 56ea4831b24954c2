"""What messages say of Python's arguments, in the words of the command line: the one place where that is translated."""

from __future__ import annotations

import re

from zoo.errors import CapabilityError, InvalidInput, UnknownName, WeightsError, ZooError

# Of the functions that commands call; those whose options are called otherwise than with dashes for underscores.
_OPTIONS = {"n": "-n", "condition": "-c"}
_ARGUMENTS = "n|condition|seed|temperature|truncation|batch_size|device|dtype|to|tile|together"
# Calls are left as they are, and settings, which look the same on both sides; of an argument, "=" and what follows.
_NAMED = re.compile(
    rf"\w\([^()]*\)|--(?:set|option) \S+|(?<![\w.-])(?P<name>{_ARGUMENTS})=(?P<sign>[:,.…]?)(?:'(?P<word>[\w.:/-]+)')?"
)
_SENTENCES = {
    ", or pass keep_nan=True for the results of the others, with NaN in these": "",
    "zoo.images.binarise(images), or with seed= by chance": "an image editor does",
    " Take them in chunks: generate_chunks(n, …).": " Make fewer.",
    "Call .float().": "Leave out --dtype.",
}


def in_shell(error: ZooError, command: str) -> str:
    """The message of an error that `command` ended with. A recipe's fields, of which `train` and cards speak, are
    called the same everywhere."""
    text = str(error)
    if command == "train" or not isinstance(error, InvalidInput | UnknownName | CapabilityError | WeightsError):
        return text
    for said, meant in _SENTENCES.items():
        text = text.replace(said, meant)
    return _NAMED.sub(_option, text)


def _option(found: re.Match[str]) -> str:
    if found["name"] is None:
        return found[0]
    option = _OPTIONS.get(found["name"], f"--{found['name'].replace('_', '-')}")
    return f"{option}{found['sign'] or ' '}{found['word'] or ''}"
