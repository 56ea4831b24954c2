"""Images decoded once, into a file, or whenever they are asked for."""

import errno
import os
import shutil
import threading

import pytest
import torch
from PIL import Image

from zoo.errors import DataError, InvalidInput, LeftOut
from zoo.files import decoded
from zoo.files.reading import READ, Reader

SHAPE = (3, 8, 8)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(decoded, "LEAST", 1)
    return tmp_path / "home" / "decoded"


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(6)]
    for k, path in enumerate(paths):
        Image.new("RGB", (9 + k, 8), (40 * k, 9, 200)).save(path)
    return paths


def folders(home):
    return sorted(path for path in home.iterdir() if path.is_dir())


def test_pixels_rows_and_changes_are_those_of_memory_and_decoded_once(files, home, monkeypatch):
    said, plain = [], Reader()
    (pixels,), rows = plain.read(files, SHAPE)
    first = Reader(store="disk", say=said.append)
    (mapped,), found = first.read(files, SHAPE)
    assert (torch.equal(mapped, pixels), found, first.changes) == (True, rows, plain.changes)
    assert said == [
        f"Decoding 6 images once, into {home}, where they take 1 kB; --no-cache decodes them when they are needed "
        "instead, zoo cache rm --all removes them."
    ]
    monkeypatch.setattr(Reader, "each", lambda *arguments: pytest.fail("decoded again"))
    again = Reader(store="disk", say=said.append)
    (mapped,), found = again.read(files, SHAPE)
    assert (torch.equal(mapped, pixels), found, again.changes, len(said)) == (True, rows, plain.changes, 1)


def test_another_file_time_size_shape_fit_or_crop_is_decoded_anew(files, home):
    def count(*crops, paths=files, shape=SHAPE, **choices):
        (pixels, *_), _ = Reader(store="disk", **choices).read(paths, shape, *crops)
        (plain, *_), _ = Reader(**choices).read(paths, shape, *crops)
        assert torch.equal(pixels, plain)
        return len(folders(home))

    assert count() == count() == 1
    os.utime(files[0], ns=(1, 1))
    assert count() == 2
    Image.new("L", (8, 8)).save(files[1])
    os.utime(files[1], ns=(1, 1))
    assert count() == 3
    assert [count(paths=files[:4]), count(shape=(1, 8, 8)), count(fit="pad"), count((0, 0, 0.5, 1))] == [4, 5, 6, 7]


def test_what_is_said_of_files_is_said_again(files):
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 90)]
    frames[0].save(files[0].with_suffix(".gif"), save_all=True, append_images=frames[1:])
    files[1].write_bytes(b"no image")
    named = [files[0].with_suffix(".gif"), *files]
    for _ in range(2):
        reader = Reader(store="disk", skip_bad=True)
        with pytest.warns(LeftOut, match="1 of 7 images have several frames"):
            _, rows = reader.read(named, SHAPE)
        assert (rows, len(reader.bad)) == ([0, 1, 3, 4, 5, 6], 1)
        with pytest.raises(DataError, match=r"1\.png is not a readable image"), pytest.warns(LeftOut):
            Reader(store="disk").read(named, SHAPE)  # which takes nothing of what was skipped


def test_nothing_is_left_of_what_failed_and_a_full_disk_is_told_before(files, home, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 5))
        with pytest.raises(InvalidInput, match=r"6 decoded images would take about 1 kB.*--no-cache\.$"):
            Reader(store="disk").read(files, SHAPE)
    files[2].write_bytes(b"")
    with pytest.raises(DataError, match="it is empty"):
        Reader(store="disk").read(files, SHAPE)
    assert [path.suffix for path in home.iterdir()] == [".lock"] * len(list(home.iterdir()))


def test_what_a_killed_process_had_half_decoded_gives_its_room_back(files, home):
    Reader(store="disk").read(files, SHAPE)
    (whole,) = folders(home)
    half = whole.rename(home / f".{whole.name}.0123456789abcdef")
    Reader(store="disk").read(files, SHAPE)
    assert folders(home) == [whole]
    assert not half.exists()


def test_several_at_once_decode_once(files, home, monkeypatch):
    made, plain, found = [], Reader._fill, []

    def fill(*arguments):
        made.append(1)
        return plain(*arguments)

    monkeypatch.setattr(Reader, "_fill", fill)
    many = [threading.Thread(target=lambda: found.append(Reader(store="disk").read(files, SHAPE))) for _ in range(4)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    assert (len(made), len(found), len(folders(home))) == (1, 4, 1)
    assert all(torch.equal(each[0][0], found[0][0][0]) for each in found)


def test_few_pixels_are_decoded_each_time(files, home, monkeypatch):
    monkeypatch.setattr(decoded, "LEAST", 6 * 3 * 8 * 8 + 1)
    Reader(store="disk").read(files, SHAPE)
    assert not home.exists()


def test_rows_are_decoded_when_they_are_asked_for_and_what_is_bad_is_told_then(files, home):
    (plain,), _ = Reader().read(files, SHAPE)
    reader = Reader(store="none", exclude=(str(files[0]),))
    (rows,), places = reader.read(files, SHAPE)
    assert (places, rows.shape, len(rows)) == ([1, 2, 3, 4, 5], (5, *SHAPE), 5)
    assert torch.equal(rows[torch.tensor([4, 0])], plain[[5, 1]])
    assert torch.equal(decoded.part(rows, slice(2, 4))[:], plain[3:5])
    files[3].write_bytes(b"")
    assert torch.equal(rows[:2], plain[1:3])
    with pytest.raises(DataError, match="it is empty"):
        rows[2:]
    assert not home.exists()
    with pytest.raises(InvalidInput, match="Leave out --skip-bad or --no-cache"):
        Reader(store="none", skip_bad=True)


def test_what_is_resized_when_it_is_asked_for_is_told_of_some_before(files, monkeypatch):
    def looked(paths):
        reader = Reader(store="none")
        reader.read(paths, SHAPE)
        return reader.summary(SHAPE)

    assert looked(files) == "6 of 6 images looked at are made 8×8, RGB: 6 shrunk, 6 cropped."
    files[2].write_bytes(b"")
    monkeypatch.setattr("zoo.files.reading.LOOKED", 3)  # the first, third and fifth
    assert looked(files) == "2 of 2 images looked at are made 8×8, RGB: 2 shrunk, 2 cropped."


def test_where_nothing_can_be_written_pixels_are_held_in_memory(files, home, monkeypatch):
    said, (plain,) = [], Reader().read(files, SHAPE)[0]
    home.parent.write_bytes(b"a file")
    reader = Reader(store="disk", say=said.append)
    (pixels,), rows = reader.read(files, SHAPE)
    assert (torch.equal(pixels, plain), rows, reader.changes[READ]) == (True, list(range(6)), 6)
    assert "so that decoded images are held in memory. Set ZOO_HOME" in said[0]
    assert said[0].endswith(": --no-cache.")
    home.parent.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", lambda *names: os.listdir(files[0]))  # fails once all is read
        late = Reader(store="disk")
        assert (late.read(files, SHAPE)[1], late.changes[READ]) == (list(range(6)), 6)
    home.rename(home.with_suffix(".old"))
    home.write_bytes(b"a file")
    monkeypatch.setattr("zoo._util.shortage.memory", lambda: 10)
    with pytest.raises(InvalidInput, match=r"cannot be written to.* 6 decoded images would take 1 kB of memory"):
        reader.read(files, SHAPE)


def test_a_disk_that_is_full_after_all_is_an_error_before_pixels_are_written(files, home, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(Reader, "_fill", lambda *arguments: pytest.fail("written to"))
    with pytest.raises(InvalidInput, match=r"the disk is full.*--no-cache\.$"):
        Reader(store="disk").read(files, SHAPE)
    assert not folders(home)


def test_what_was_bad_is_read_once_it_may_be(files, monkeypatch):
    def rows():
        return Reader(store="disk", skip_bad=True).read(files, SHAPE)[1]

    monkeypatch.setenv("ZOO_MAX_PIXELS", "80")
    assert rows() == [0, 1]
    monkeypatch.setenv("ZOO_MAX_PIXELS", "1000")
    assert rows() == list(range(6))
    before = decoded._digest([], files, [SHAPE])
    files[0].chmod(0o400)
    assert decoded._digest([], files, [SHAPE]) != before
