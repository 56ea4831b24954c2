"""A file that is replaced is the old one or the new one, a new folder is whole, and nothing stays beside them."""

import errno
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoo._util import atomic, signals
from zoo._util.atomic import making, renewing, replacing
from zoo.errors import Interrupted


def test_the_new_content_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def break_off():
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_lies_where_it_was_asked_to(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with replacing(folder / "file", within=tmp_path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert not list(folder.iterdir())
    assert (folder / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_appears_when_the_block_ends(tmp_path):
    folder = tmp_path / "folder"
    with making(folder) as temporary:
        (temporary / "file").write_text("new")
        assert not folder.exists()
    assert (folder / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_could_not_be_filled_is_not_there(tmp_path):
    def break_off():
        with making(tmp_path / "folder") as temporary:
            (temporary / "file").write_text("half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_came_up_meanwhile_is_kept(tmp_path):
    folder = tmp_path / "folder"

    def collide():
        with making(folder) as temporary:
            (temporary / "file").write_text("new")
            folder.mkdir()
            (folder / "file").write_text("theirs")

    with pytest.raises(OSError, match="folder"):
        collide()
    assert (folder / "file").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [folder]


def test_two_threads_of_one_process_never_write_to_one_file(tmp_path):
    path = tmp_path / "file"
    both, texts = threading.Barrier(2), ["a" * 100_000, "b" * 50_000]

    def write(text):
        with replacing(path) as temporary:
            both.wait(10)
            temporary.write_text(text)
            both.wait(10)
            assert temporary.read_text() == text
            found.append(temporary)

    found = []
    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 2
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_somebody_has_is_left_alone_and_another_taken(tmp_path, monkeypatch):
    names = iter(["taken", "taken", "free"])
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: next(names))
    theirs = tmp_path / ".file.taken"
    theirs.write_text("theirs")
    with replacing(tmp_path / "file") as temporary:
        assert temporary.name == ".file.free"
        temporary.write_text("new")
    assert theirs.read_text() == "theirs"


def test_a_name_that_is_a_link_to_elsewhere_is_never_followed(tmp_path, monkeypatch):
    names = iter(["planted", "free"])
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: next(names))
    victim = tmp_path / "victim"
    (tmp_path / ".file.planted").symlink_to(victim)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert not victim.exists()
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127])
def test_the_longest_names_there_are(tmp_path, name):
    with replacing(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert (tmp_path / name).read_text() == "new"


def test_what_is_durable_is_on_the_disk_before_it_takes_the_place_of_what_was(tmp_path, monkeypatch):
    path, seen, flush = tmp_path / "file", [], os.fsync
    path.write_text("old")

    def fsync(handle):
        seen.append((os.fstat(handle).st_size if not seen else "folder", path.read_text()))
        flush(handle)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    with replacing(path) as temporary:
        temporary.write_text("quick")
    assert seen == []
    with replacing(path, durable=True) as temporary:
        temporary.write_text("lasting")
    assert seen == [(7, "quick"), ("folder", "lasting")]


def test_an_error_names_the_path_that_was_to_be_written(tmp_path):
    def fill(path, number, named):
        with replacing(path) as temporary:
            raise OSError(number, os.strerror(number), *([str(temporary)] if named else []))

    for named in (False, True):
        with pytest.raises(OSError, match="No space left") as caught:
            fill(tmp_path / "s.png", errno.ENOSPC, named)
        assert caught.value.filename == str(tmp_path / "s.png")
        assert str(caught.value) == f"[Errno {errno.ENOSPC}] No space left on device: '{tmp_path / 's.png'}'"
    with pytest.raises(FileNotFoundError) as caught:
        fill(tmp_path / "nowhere" / "s.png", errno.ENOSPC, False)
    assert caught.value.filename == str(tmp_path / "nowhere" / "s.png")


def test_an_error_names_the_folder_that_was_to_be_made(tmp_path):
    def fill():
        with making(tmp_path / "folder") as temporary:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(temporary / "inner" / "file"))

    with pytest.raises(OSError, match="File too large") as caught:
        fill()
    assert caught.value.filename == str(tmp_path / "folder")
    with pytest.raises(FileNotFoundError) as missing, making(tmp_path / "nowhere" / "folder"):
        pass
    assert missing.value.filename == str(tmp_path / "nowhere" / "folder")


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    def read():
        with replacing(tmp_path / "file"):
            (tmp_path / "source").read_text()

    with pytest.raises(FileNotFoundError) as caught:
        read()
    assert caught.value.filename == str(tmp_path / "source")


def test_an_error_of_a_copy_names_what_was_to_be_written(tmp_path):
    def copy():
        with replacing(tmp_path / "copy") as temporary:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "source"), None, str(temporary))

    with pytest.raises(OSError, match="No space left") as caught:
        copy()
    assert caught.value.filename == str(tmp_path / "copy")


def test_an_error_without_a_number_keeps_its_words(tmp_path):
    def fill():
        with replacing(tmp_path / "s.png"):
            raise OSError("encoder error")

    with pytest.raises(OSError, match=r"^encoder error$"):
        fill()


NAMES = ("weights", "golden", "card")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in (*NAMES, "mine"):
        (folder / name).write_text("old")
    return folder


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_files_of_a_folder_are_renewed_together_and_no_former_one_stays_among_them(folder):
    with renewing(folder, NAMES) as temporary:
        for name in ("card", "weights"):
            (temporary / name).write_text("new")
        assert contents(folder / temporary.name) == {"card": "new", "weights": "new"}
        assert {name: (folder / name).read_text() for name in NAMES} == dict.fromkeys(NAMES, "old")
    assert contents(folder) == {"card": "new", "weights": "new", "mine": "old"}


def test_an_error_leaves_all_files_of_a_folder_as_they_were(folder, tmp_path):
    def break_off(at):
        with renewing(at, NAMES) as temporary:
            (temporary / "weights").write_text("new")
            raise KeyError

    for at in (folder, tmp_path / "new" / "folder"):
        with pytest.raises(KeyError):
            break_off(at)
    assert contents(folder) == dict.fromkeys((*NAMES, "mine"), "old")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("number", signals.STOPPING)
def test_a_signal_does_not_come_between_the_files_of_a_folder(folder, monkeypatch, number):
    move = Path.replace

    def asked(self, target):
        signal.raise_signal(number)
        return move(self, target)

    def renew():
        with renewing(folder, NAMES) as temporary:
            for name in NAMES:
                (temporary / name).write_text("new")

    monkeypatch.setattr(Path, "replace", asked)
    with pytest.raises(Interrupted) as caught, signals.raising(signals.Asked()):
        renew()
    assert caught.value.number == number
    assert contents(folder) == dict.fromkeys(NAMES, "new") | {"mine": "old"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("moves", range(4))
def test_what_is_killed_between_the_files_of_a_folder_is_put_back(folder, monkeypatch, moves):
    """A process killed after 0, 1 or 2 of three files, one of them new, or, after 3, when all were there."""
    (folder / "golden").unlink()
    before, move, count = contents(folder), Path.replace, []

    def killed(self, target):
        if len(count) == moves:
            os._exit(1)
        count.append(self)
        return move(self, target)

    def rename(self, target):
        if len(count) == 3:
            os._exit(1)
        return plain(self, target)

    plain = Path.rename
    if (child := os.fork()) == 0:
        monkeypatch.setattr(Path, "replace", killed)
        monkeypatch.setattr(Path, "rename", rename)
        with renewing(folder, NAMES) as temporary:
            for name in NAMES:
                (temporary / name).write_text("new")
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    os.utime(folder / atomic.MOVING, (0, 0))
    atomic.restore(folder, NAMES)
    assert contents(folder) == before
    with renewing(folder, NAMES) as temporary:
        (temporary / "weights").write_text("new")
    assert contents(folder) == {"weights": "new", "mine": "old"}


def test_who_moves_files_is_waited_for(folder, monkeypatch):
    (folder / atomic.MOVING / atomic.FORMER).mkdir(parents=True)
    before = {name: (folder / name).read_text() for name in NAMES}
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: (folder / atomic.MOVING).rename(folder / "done"))
    atomic.restore(folder, NAMES)
    assert {name: (folder / name).read_text() for name in NAMES} == before


@pytest.mark.parametrize("ahead", [3600, 0])
def test_who_moves_files_is_waited_for_no_longer_than_that_takes(folder, monkeypatch, ahead):
    """Whether its time is one to come, or the clock stands still."""
    (folder / atomic.MOVING / atomic.FORMER).mkdir(parents=True)
    (folder / atomic.MOVING / atomic.FORMER / "card").write_text("former")
    os.utime(folder / atomic.MOVING, (1000 + ahead, 1000 + ahead))
    slept = [0.0]
    clock = SimpleNamespace(time=lambda: 1000.0, monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(atomic, "time", clock)
    atomic.restore(folder, NAMES)
    assert (folder / "card").read_text() == "former"
    assert sum(slept) == pytest.approx(0 if ahead else atomic.PATIENCE, abs=0.1)


def test_former_files_that_cannot_be_put_back_either_stay_for_the_next(folder, monkeypatch):
    before, move, count = contents(folder), Path.replace, []

    def fail(self, target):
        count.append(target)
        if len(count) > 1:
            raise OSError(errno.EIO, "Input/output error")
        return move(self, target)

    def renew():
        with renewing(folder, NAMES) as temporary:
            for name in NAMES:
                (temporary / name).write_text("new")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="Input/output"):
            renew()
    os.utime(folder / atomic.MOVING, (0, 0))
    atomic.restore(folder, NAMES)
    assert contents(folder) == before


def test_a_file_that_cannot_be_moved_leaves_the_others_as_they_were(folder, monkeypatch):
    move = Path.replace

    def fail(self, target):
        if target == folder / NAMES[-1] and self.read_text() == "new":
            raise PermissionError(errno.EACCES, "in use")
        return move(self, target)

    def renew():
        with renewing(folder, NAMES) as temporary:
            for name in NAMES[1:]:  # and of the first none is to be left
                (temporary / name).write_text("new")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PermissionError, match="in use"):
        renew()
    assert contents(folder) == dict.fromkeys((*NAMES, "mine"), "old")


def test_an_error_of_a_folder_names_the_file_in_it_that_was_to_be_written(folder):
    def fail():
        with renewing(folder, NAMES) as temporary, replacing(temporary / "card"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        fail()
    assert caught.value.filename == str(folder / "card")


def test_what_killed_processes_left_of_files_called_so_is_removed_and_nothing_else(tmp_path):
    hexadecimal = "0123456789abcdef"
    for name, when in (("a.npy", 5), ("b.npy", 5), ("a.npy", atomic.BEGUN + 5)):
        with replacing(tmp_path / name) as temporary:
            (kept := tmp_path / f".{name}.{hexadecimal[::-1] if when > 5 else hexadecimal}").write_text("half")
            assert temporary.name[:7] == f".{name}."
        os.utime(kept, (when, when))
    folder = tmp_path / f".a.{hexadecimal}"
    folder.mkdir()
    (folder / "inner").touch()
    os.utime(folder, (5, 5))
    (tmp_path / ".a.npy.mine").touch()
    others = {"a.npy", "b.npy", ".a.npy.mine", f".b.npy.{hexadecimal}"}
    atomic.sweep(tmp_path, ["a.npy", "a"])
    assert {path.name for path in tmp_path.iterdir()} == others | {f".a.npy.{hexadecimal[::-1]}"}
    atomic.sweep(tmp_path, ["a.npy"], before=atomic.BEGUN + 6)
    assert {path.name for path in tmp_path.iterdir()} == others
    atomic.sweep(tmp_path, None)
    assert {path.name for path in tmp_path.iterdir()} == others - {f".b.npy.{hexadecimal}"}
    atomic.sweep(tmp_path / "nowhere", None)
    atomic.sweep(tmp_path / "a.npy", None)


@pytest.mark.parametrize("name", ["x" * 200, "ä" * 127])
def test_of_a_long_name_as_much_as_there_may_be_is_in_that_of_the_temporary_file(tmp_path, name):
    with replacing(tmp_path / name) as temporary:
        assert name[:118] in temporary.name
        assert len(os.fsencode(temporary.name)) <= 255
