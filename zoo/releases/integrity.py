"""Is a file what it should be? Looked at before it is opened: the layout of safetensors, the length, the sha256.

A sha256 that was computed once is remembered in a note, together with all that the file system says of the file:
size, time of modification, inode and, where there is one, time of change. The last two cannot be set by whoever copies
a file with its times, or restores it, so a cache that was filled by something other than a download is hashed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from zoo._util.atomic import replacing
from zoo._util.home import state_folder
from zoo._util.paths import real_path
from zoo.errors import ChecksumMismatch, NotSafetensors, TruncatedWeights

HEADER_LIMIT = 100_000_000  # bytes; safetensors itself reads no longer header
RESTORE = "It was left as it is. Reinstall zoo, or restore the file."


def verify(path: Path, *, sha256: str | None, size: int | None = None, fresh: bool = False, cure: str = RESTORE) -> str:
    """Check that `path` is a complete safetensors file with this sha256, and return its sha256.

    A file that was verified before and not touched since is not hashed again, unless `fresh`. With `sha256` None (a
    folder whose card pins nothing) the file's own hash is returned. Nothing is ever deleted. cure: what to do about a
    wrong sha256, the end of the message. Raises NotSafetensors, TruncatedWeights or ChecksumMismatch.
    """
    check_layout(path, size)
    stat = path.stat()
    where = str(real_path(path))
    state = {
        "path": where,
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "ctime_ns": stat.st_ctime_ns,
        "inode": stat.st_ino,
    }
    marker = state_folder() / "verified" / f"{hashlib.sha256(where.encode()).hexdigest()}.json"
    actual = None if fresh else _remembered(marker, state)
    if actual is None or (sha256 is not None and actual != sha256):
        actual = hash_file(path)  # never refused on the word of a note
    if sha256 is not None and actual != sha256:
        raise ChecksumMismatch(
            f"{path} ({stat.st_size} bytes) has sha256 {actual}, but its card says {sha256}. The file was changed or "
            f"damaged and is not loaded. {cure}".strip()
        )
    _remember(marker, {**state, "sha256": actual})
    return actual


def check_layout(path: Path, size: int | None = None) -> None:
    """Raise NotSafetensors or TruncatedWeights unless `path` looks like a complete safetensors file.

    Such a file is an 8-byte little-endian header length, a JSON header, and the tensors' bytes. size: the length that
    the card announces.
    """
    with path.open("rb") as file:
        actual = os.fstat(file.fileno()).st_size  # of this very file, whatever takes its place
        start = file.read(512)
        length = int.from_bytes(start[:8], "little")
        # First of all what a safetensors file looks like: the length of its header may happen to read "PK" or "<".
        if start[8:9] != b"{" or length > HEADER_LIMIT:
            raise _not_weights(path, start, actual, size)
        if size is not None and actual < size:
            raise _truncated(path, actual, f"its card says {size}")
        if size is not None and actual > size:  # however long: it is not hashed to find out
            raise ChecksumMismatch(
                f"{path} has {actual} bytes, but its card says {size}. It is another file. {RESTORE}"
            )
        if 8 + length > actual:
            raise _truncated(path, actual, "it ends inside its header")
        file.seek(8)
        try:
            header = json.loads(file.read(length))
            ends = [int(entry["data_offsets"][1]) for key, entry in header.items() if key != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
            raise NotSafetensors(f"{path} has a damaged header: {error}. Fetch or make it again.") from error
    announced = 8 + length + max(ends, default=0)
    if announced > actual:
        raise _truncated(path, actual, f"its header announces {announced}")


def hash_file(path: Path) -> str:
    """The sha256 of the whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _truncated(path: Path, actual: int, reason: str) -> TruncatedWeights:
    return TruncatedWeights(f"{path} has {actual} bytes, but {reason}. The copy broke off: fetch it again.")


def _not_weights(path: Path, start: bytes, actual: int, size: int | None) -> NotSafetensors | TruncatedWeights:
    """What a file is that does not begin like safetensors, as far as its first bytes tell."""
    if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"):
        return NotSafetensors(
            f"{path} is a pickle, whatever its name says. Pickles run code when opened, and zoo never opens one. "
            "Ask its author for safetensors."
        )
    if start.lstrip()[:1] == b"<" or start.startswith(b"version https://git-lfs"):
        return NotSafetensors(f"{path} is a web page or a pointer, not weights. Download the file itself.")
    if len(start) < 9 and size is not None:
        return _truncated(path, actual, f"its card says {size}")
    return NotSafetensors(f"{path} ({actual} bytes) is not a safetensors file. Fetch or make it again.")


def _remembered(marker: Path, state: dict[str, Any]) -> str | None:
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
        sha256 = known.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return sha256 if known == state and isinstance(sha256, str) else None


def _remember(marker: Path, state: dict[str, Any]) -> None:
    """Best effort: on a read-only or full disk the file is simply hashed again next time."""
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        with replacing(marker) as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")
    except OSError:
        return
