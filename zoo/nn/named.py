"""What names of feature networks mean, told before torch is imported for one."""

from __future__ import annotations

from typing import Any

from zoo import registry
from zoo._util.paths import user_path
from zoo.errors import InvalidInput, UnknownName
from zoo.registry.names import pick

TIMM = "timm:"
INCEPTION = "inception-fid"


def network(name: str) -> Any:
    """The entry of the feature network called `name`; None for "timm:MODEL" and "timm:MODEL=FILE", which timm knows.

    Raises UnknownName or DuplicateName, and InvalidInput for a file that is not named.
    """
    if name.startswith(TIMM):
        if name.endswith("=") and name.count("=") == 1:
            raise InvalidInput(f"{name} names no file. Leave out the =, or give the safetensors file of its weights.")
        return None
    try:
        return pick(name, registry.list_entries("feature networks"), "feature network")
    except UnknownName as error:
        file = f"{name} is a file. " if user_path(name).is_file() else ""
        hint = "Others are timm's: timm:MODEL, or timm:MODEL=FILE with weights of your own in safetensors."
        raise UnknownName(f"{file}{error} {hint}") from error
