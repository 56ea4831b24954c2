"""onnxruntime-web, which runs models in a browser: fetched from npm's registry, once, or taken from a folder."""

from __future__ import annotations

import base64
import hashlib
import shutil
import tarfile
import tempfile
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import IO

from zoo._util.atomic import replacing
from zoo._util.home import RUNTIME, state_folder
from zoo.errors import HubUnreachable, InvalidInput, Offline, WeightsError
from zoo.hub.address import is_offline
from zoo.hub.answers import SLOWEST
from zoo.releases.integrity import hash_file

VERSION = "1.30.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # as npm has it
# The build for CPUs, which every browser has; with its loader in one file.
FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
LICENCE = "NOTICE.txt"
NOTICE = Path(__file__).parent / "templates" / "notice.txt"
TIMEOUT = 60.0  # seconds without an answer
LARGEST = 200 * 10**6  # bytes of the archive; it has a sixth of them
AT_ONCE = 2**20


def copy(folder: Path, source: Path | None = None) -> None:
    """Put the runtime and its licence into `folder`: from the folder `source`, such as
    node_modules/onnxruntime-web/dist, whatever version that is, or else `fetched`. Raises InvalidInput for a source
    without it, and as `fetched`."""
    if source is not None and (lacking := [name for name in FILES if not (source / name).is_file()]):
        raise InvalidInput(
            f"{source} has no {lacking[0]}. Name the folder dist of the npm package onnxruntime-web, or leave it out, "
            "and it is fetched."
        )
    found = source or fetched()
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(found / name, folder / name)
    known = _is_pinned(found)
    told = {"version": VERSION if known else "of another version", "url": URL if known else "Taken from a folder."}
    (folder / LICENCE).write_text(NOTICE.read_text(encoding="utf-8").format(**told), encoding="utf-8")


def fetched() -> Path:
    """A folder with the runtime's files, which are fetched unless they were before, and have the hashes pinned here.
    Raises Offline, HubUnreachable, and WeightsError for an archive that has another hash, no end, or takes too long."""
    folder = state_folder() / f"{RUNTIME}-{VERSION}"
    if _is_pinned(folder):
        return folder
    if is_offline(None):
        raise Offline(
            f"onnxruntime-web {VERSION} is not in {folder}, and network access is forbidden. Name a folder that has "
            "it: --runtime node_modules/onnxruntime-web/dist."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as archive:
        _download(archive)
        with tarfile.open(fileobj=archive) as packed:
            for name in FILES:
                member = packed.extractfile(f"package/dist/{name}")
                assert member is not None  # the archive is the one whose hash is known
                with replacing(folder / name) as temporary, temporary.open("wb") as file:
                    shutil.copyfileobj(member, file)
    return folder


def _download(archive: IO[bytes]) -> None:
    """The archive, into a file, at whose beginning it is left. Raises HubUnreachable and WeightsError."""
    digest, count, begun = hashlib.sha512(), 0, time.monotonic()
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer:
            while part := answer.read1(AT_ONCE):
                digest.update(part)
                archive.write(part)
                count, over = count + len(part), time.monotonic() - begun - TIMEOUT
                if count > LARGEST or (over > 0 and count < SLOWEST * over):
                    raise WeightsError(
                        f"{URL}: {count:,} bytes came in {over + TIMEOUT:.0f} seconds; expected {LARGEST:,} at most, "
                        "and sooner. Name a folder that has it: --runtime DIR."
                    )
    except (OSError, HTTPException) as error:
        raise HubUnreachable(
            f"{URL} cannot be fetched: {error}. Try again later, or name a folder that has it: --runtime DIR."
        ) from error
    found = base64.b64encode(digest.digest()).decode()
    if found != SHA512:
        raise WeightsError(f"{URL} has the sha512 {found}; expected {SHA512}. Nothing of it was kept.")
    archive.seek(0)


def _is_pinned(folder: Path) -> bool:
    """Whether the folder holds the files whose hashes are pinned here."""
    return all((folder / name).is_file() and hash_file(folder / name) == digest for name, digest in FILES.items())
