"""Addresses on the Hub, and whether it may be asked."""

from __future__ import annotations

import dataclasses
import os
import re

from zoo._util.switches import ON, is_on
from zoo.errors import InvalidInput

PREFIX = "hf:"
COMMIT = re.compile(r"[0-9a-f]{40}")
REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
REVISION = re.compile(r"(?!.*\.\.)\w[\w.+#@=-]*(/\w[\w.+#@=-]*)*", re.ASCII)  # the client makes a path of it


@dataclasses.dataclass(frozen=True)
class Address:
    """A repository of the Hub at a revision: a commit, a branch or a tag; None is the head of main."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def parse(cls, name: str) -> Address:
        """Read "hf:org/repo" or "hf:org/repo@revision". Raises InvalidInput."""
        repo, at, revision = name.removeprefix(PREFIX).partition("@")
        if not REPOSITORY.fullmatch(repo) or (at and not REVISION.fullmatch(revision)):
            raise InvalidInput(f"{name!r} is no address on the Hub; expected 'hf:org/repo' or 'hf:org/repo@revision'.")
        return cls(repo, revision or None)

    @property
    def pinned(self) -> bool:
        """Whether the revision is a full commit hash, which always means the same files."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None


def is_offline(asked: bool | None) -> bool:
    """Whether network access is forbidden: as asked, or, when nobody asked, by ZOO_OFFLINE or HF_HUB_OFFLINE."""
    if asked is not None:
        return asked
    return is_on("ZOO_OFFLINE") or os.environ.get("HF_HUB_OFFLINE", "").lower() in ON
