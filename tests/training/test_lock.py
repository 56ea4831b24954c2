"""A folder is one run's at a time; who else wants it is told whose it is."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import TrainingError
from zoo.training import lock

MINE = f"process {os.getpid()} on {socket.gethostname()}"


def test_a_second_run_is_told_which_process_has_the_folder(tmp_path):
    def again():
        with lock.holding(tmp_path):
            raise AssertionError("two runs in one folder")

    with lock.holding(tmp_path):
        with pytest.raises(TrainingError, match=f"{MINE} is training into {tmp_path}. Wait until it ends"):
            again()
        with pytest.raises(TrainingError, match=MINE):
            lock.check(tmp_path)
    lock.check(tmp_path)
    with lock.holding(tmp_path):
        pass


def test_another_process_is_named_and_its_death_frees_the_folder(tmp_path):
    source = (
        "import sys\nfrom pathlib import Path\nfrom zoo.training import lock\n"
        "with lock.holding(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", source, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(TrainingError, match=f"process {other.pid} on "):
            lock.check(tmp_path)
        other.kill()
    assert (tmp_path / lock.NAME).exists()
    lock.check(tmp_path)
    with lock.holding(tmp_path), pytest.raises(TrainingError, match=MINE):
        lock.check(tmp_path)


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_of_a_lock_nor_of_folders_that_stayed_empty(tmp_path, fails):
    with contextlib.suppress(KeyError), lock.holding(tmp_path / "a" / "run"):
        assert (tmp_path / "a" / "run" / lock.NAME).exists()
        if fails:
            raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_file(tmp_path, little_room):
    with little_room(0), pytest.raises(OSError, match="too large") as caught, lock.holding(tmp_path / "run"):
        pass
    assert caught.value.filename == str(tmp_path / "run" / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_or_written_into_stays(tmp_path):
    (tmp_path / "a").mkdir()
    with lock.holding(tmp_path / "a" / "run"):
        pass
    assert list((tmp_path / "a").iterdir()) == []
    with lock.holding(tmp_path / "a" / "run"):
        (tmp_path / "a" / "run" / "log.jsonl").touch()
    assert [path.name for path in (tmp_path / "a" / "run").iterdir()] == ["log.jsonl"]


def test_a_lock_of_a_file_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """Whoever opened the file just before its holder removed it would otherwise hold a lock that nobody sees."""
    plain, removed = lock._lock, []

    def late(handle, folder):
        if not removed:
            removed.append((folder / lock.NAME).unlink())
        plain(handle, folder)

    monkeypatch.setattr(lock, "_lock", late)
    with lock.holding(tmp_path):
        assert removed
        with pytest.raises(TrainingError, match=MINE):
            lock.check(tmp_path)


def test_nobody_trains_where_there_is_nothing(tmp_path):
    lock.check(tmp_path / "nowhere")


def test_where_no_open_file_can_be_removed_nothing_is_left_either(tmp_path, monkeypatch):
    remove, taken, close, opened = Path.unlink, lock._taken, os.close, []

    def take(folder):
        opened.append(taken(folder))
        return opened[0]

    def shut(handle):
        opened.remove(handle)
        close(handle)

    def unlink(path, **options):
        if opened:
            raise PermissionError
        remove(path, **options)

    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        windows.setattr(lock, "_taken", take)
        windows.setattr(os, "close", shut)
        windows.setattr(Path, "unlink", unlink)
        with lock.holding(tmp_path / "run"):
            assert opened
    assert opened == []
    assert list(tmp_path.iterdir()) == []
