"""onnxruntime-web: by its hash, from the cache, from a folder, and told where it cannot be had."""

import hashlib
import io
import itertools
import tarfile
from types import SimpleNamespace

import pytest

from zoo._util.home import state_folder
from zoo.errors import HubUnreachable, InvalidInput, Offline, WeightsError
from zoo.reports.gallery import runtime


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The archive, as the registry would have it: with files of a few bytes, whose hashes are pinned."""
    path, contents = tmp_path / "package.tgz", {name: f"this is {name}".encode() for name in runtime.FILES}
    with tarfile.open(path, "w:gz") as packed:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(runtime, "URL", path.as_uri())
    monkeypatch.setattr(runtime, "SHA512", runtime.base64.b64encode(digest).decode())
    monkeypatch.setattr(
        runtime, "FILES", {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    )
    for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return path


def test_it_is_fetched_once(archive, tmp_path):
    runtime.copy(tmp_path / "site" / "runtime")
    for name in runtime.FILES:
        assert (tmp_path / "site" / "runtime" / name).read_text() == f"this is {name}"
    notice = (tmp_path / "site" / "runtime" / "NOTICE.txt").read_text()
    assert notice.startswith(f"onnxruntime-web {runtime.VERSION}\n{runtime.URL}\n\nMIT License\n")
    assert "this permission notice shall be included in all copies" in notice
    archive.unlink()
    assert runtime.fetched() == state_folder() / f"onnxruntime-web-{runtime.VERSION}"


def test_what_was_damaged_is_fetched_again(archive):
    name = next(iter(runtime.FILES))
    (runtime.fetched() / name).write_text("something else")
    assert (runtime.fetched() / name).read_text() == f"this is {name}"


def test_an_archive_with_another_hash_is_refused(archive):
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match="Nothing of it was kept"):
        runtime.fetched()
    assert not list((state_folder() / f"onnxruntime-web-{runtime.VERSION}").iterdir())


def test_an_archive_without_an_end_is_left(archive, monkeypatch):
    monkeypatch.setattr(runtime, "LARGEST", 10)
    monkeypatch.setattr(runtime, "AT_ONCE", 4)
    with pytest.raises(WeightsError, match=r"12 bytes came in .*; expected 10 at most"):
        runtime.fetched()


def test_an_archive_that_drips_is_left(archive, monkeypatch):
    times = itertools.count(step=50)
    monkeypatch.setattr(runtime, "AT_ONCE", 4)
    monkeypatch.setattr(runtime, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with pytest.raises(WeightsError, match="8 bytes came in 100 seconds"):
        runtime.fetched()


def test_without_network(archive, monkeypatch):
    archive.unlink()
    with pytest.raises(HubUnreachable, match="or name a folder that has it: --runtime DIR"):
        runtime.fetched()
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(Offline, match="--runtime"):
        runtime.fetched()


def test_a_folder_that_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"has no ort.wasm.bundle.min.mjs. Name the folder dist"):
        runtime.copy(tmp_path / "site", tmp_path)
    for name in runtime.FILES:
        (tmp_path / name).write_text("own")
    runtime.copy(tmp_path / "site", tmp_path)
    assert all((tmp_path / "site" / name).read_text() == "own" for name in runtime.FILES)
    assert (tmp_path / "site" / runtime.LICENCE).read_text().startswith("onnxruntime-web of another version\n")
