"""Integrity: what no safetensors file looks like is never opened, and a file is hashed when it may have changed."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import zoo
from zoo.errors import (
    ChecksumMismatch,
    NotSafetensors,
    TruncatedWeights,
)
from zoo.releases import integrity
from zoo.releases.cards import Card


@pytest.mark.parametrize("keep", [0, 5, 8, 100, -1])
def test_truncated_file(release, path, keep, refused):
    path.write_bytes(path.read_bytes()[:keep])
    refused(release, TruncatedWeights, "fetch it again")


def test_truncated_file_of_an_unpinned_folder(release, path, refused):
    card = Card.read(release)
    card.replace(weights={}).write()
    data = path.read_bytes()
    for keep in (100, len(data) - 1):
        path.write_bytes(data[:keep])
        refused(release, TruncatedWeights, "fetch it again")


@pytest.mark.parametrize("weights_block", [True, False])
def test_empty_file(release, path, weights_block, refused):
    if not weights_block:
        Card.read(release).replace(weights={}).write()
    path.write_bytes(b"")
    refused(release, TruncatedWeights if weights_block else NotSafetensors, "0 bytes")


def test_flipped_bit_names_both_hashes_and_what_to_do(release, path, refused):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    message = refused(release, ChecksumMismatch, Card.read(release).weights["sha256"], integrity.hash_file(path))
    assert "restore the file" in message


def test_flipped_bit_in_the_header(release, path, refused):
    data = bytearray(path.read_bytes())
    data[data.index(b'"shape"') + 3] ^= 1
    path.write_bytes(data)
    refused(release, ChecksumMismatch, "was left as it is")


def test_extra_bytes_at_the_end(release, path, repin, refused):
    path.write_bytes(path.read_bytes() + b"more")
    refused(release, ChecksumMismatch)
    repin(release)
    refused(release, NotSafetensors, "Restore the file")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_pickle_renamed_to_safetensors_is_never_opened(release, path, legacy, pinned, repin, refused):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(release / "exploded"),))

    torch.save({"weight": Bomb()}, path, _use_new_zipfile_serialization=not legacy)
    if pinned:
        repin(release)
    refused(release, NotSafetensors, "is a pickle", "Ask its author for safetensors")
    assert not (release / "exploded").exists()


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles(release, path, protocol, refused):
    path.write_bytes(pickle.dumps({"weight": list(range(1000))}, protocol))
    refused(release, NotSafetensors, "is a pickle")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html>404</html>", "web page or a pointer"),
        (b"\n  <html>sign in</html>", "web page or a pointer"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "web page or a pointer"),
        (b'{"error": "Repository not found"}' * 20, "not a safetensors file"),
        (bytes(1000), "not a safetensors file"),
        ((20).to_bytes(8, "little") + b"{" + b"x" * 19, "damaged header"),
        ((20).to_bytes(8, "little") + b'{"a":{"data_off":1}}', "damaged header"),
        ((33).to_bytes(8, "little") + b'{"a":{"data_offsets":[0,"many"]}}', "damaged header"),
        ((2**62).to_bytes(8, "little") + b'{"a":1}', "not a safetensors file"),
    ],
)
def test_files_that_are_something_else(release, path, data, words, repin, refused):
    path.write_bytes(data)
    repin(release)
    refused(release, NotSafetensors, words)


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580, 0x4B50, 0x3C20])
def test_a_header_whose_length_reads_like_a_pickle_or_a_page_is_fine(release, path, length, contents, repin):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    del header["__metadata__"]["zoo"]
    entry = {"zoo": json.dumps(contents(path)[1]), "note": ""}
    header["__metadata__"] = entry
    short = json.dumps(header, separators=(",", ":")).encode()
    if len(short) > length:
        length += 0x10000  # the same low bytes
    entry["note"] = "x" * (length - len(short))
    padded = json.dumps(header, separators=(",", ":")).encode()
    assert len(padded) == length
    path.write_bytes(length.to_bytes(8, "little") + padded + data[8 + size :])
    repin(release)
    assert zoo.load(release).provenance.architecture == "dcgan"


# The remembered sha256 -----------------------------------------------------------------------------------------------


@pytest.fixture
def hashed(monkeypatch):
    """The files hashed so far."""
    calls, real = [], integrity.hash_file

    def count(path):
        calls.append(path)
        return real(path)

    monkeypatch.setattr(integrity, "hash_file", count)
    return calls


def test_a_file_is_hashed_once(release, hashed):
    first, second = zoo.load(release), zoo.load(release)
    assert len(hashed) == 1
    assert first.provenance.sha256 == second.provenance.sha256


def test_a_file_is_hashed_again_when_its_time_or_size_changed(release, path, hashed, refused):
    zoo.load(release)
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    zoo.load(release)
    assert len(hashed) == 2
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    refused(release, ChecksumMismatch)
    assert len(hashed) == 2  # what is longer is another file, and not read to its end to find out


def test_a_wrong_file_is_not_remembered_as_right(release, path, refused):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for _ in range(2):
        refused(release, ChecksumMismatch)
    path.write_bytes(data)
    assert zoo.load(release)


def test_a_copy_of_the_release_is_hashed_on_its_own(release, tmp_path, hashed):
    zoo.load(release)
    zoo.load(shutil.copytree(release, tmp_path / "copy"))
    assert len(hashed) == 2


def marker():
    (found,) = (Path(os.environ["ZOO_HOME"]) / "verified").iterdir()
    return found


@pytest.mark.parametrize("note", ["", "[]", "null", '{"sha256": 3}', "{", "\x00"])
def test_a_damaged_note_is_ignored(release, hashed, note):
    zoo.load(release)
    marker().write_text(note)
    zoo.load(release)
    assert len(hashed) == 2


def test_a_note_with_a_wrong_hash_neither_refuses_nor_admits(release, path, hashed):
    zoo.load(release)
    note = json.loads(marker().read_text())
    marker().write_text(json.dumps({**note, "sha256": "0" * 64}))
    assert zoo.load(release).provenance.sha256 == note["sha256"]
    assert len(hashed) == 2


def test_works_where_nothing_can_be_remembered(release, tmp_path, monkeypatch, hashed):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file"))
    for _ in range(2):
        assert zoo.load(release).provenance.release == "tiny-made-up"
    assert len(hashed) == 2


def test_a_file_that_is_replaced_as_it_is_opened_is_looked_at_alone(path, monkeypatch):
    save_file({"a": torch.zeros(2)}, path)
    larger, plain = path.with_name("larger"), Path.open
    save_file({"a": torch.zeros(2000)}, larger)

    def replaced(self, *arguments):
        larger.replace(path)
        return plain(self, *arguments)

    monkeypatch.setattr(Path, "open", replaced)
    integrity.check_layout(path)
