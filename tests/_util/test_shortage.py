"""What is too much for the machine is known beforehand, or said as what it is."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import datasets

import zoo
from zoo import golden, images
from zoo._util import shortage
from zoo.data.torchvision_sets import open_set
from zoo.errors import InvalidInput
from zoo.training import checkpoint


@pytest.fixture
def told(monkeypatch):
    """Have the system say so much of its memory: what files hold, by their paths, and pages of 4 KiB, or nothing."""

    def tell(files, pages=None):
        def read(self, **_):
            if str(self) not in files:
                raise FileNotFoundError
            return files[str(self)]

        def sysconf(name):
            if pages is None:
                raise ValueError("unrecognized configuration name")
            return {"SC_PHYS_PAGES": pages, "SC_PAGE_SIZE": 4096}[name]

        monkeypatch.setattr(Path, "read_text", read)
        monkeypatch.setattr(os, "sysconf", sysconf, raising=False)

    return tell


MEMINFO = "MemTotal:       24683656 kB\nMemAvailable:      2000 kB\nHugePages_Total:       0\nSwapFree:       500 kB\n"


def test_a_full_disk_is_told_with_what_was_written_or_as_that_of_the_output():
    full = errno.ENOSPC, "No space left on device"
    assert shortage.explain(OSError(*full, "a.png")).startswith("a.png could not be written: the disk is full")
    assert shortage.explain(OSError(*full)).startswith("the output could not be written: the disk is full")
    kept = "What was there before"
    assert kept in shortage.explain(OSError(*full, "a.png"))
    assert kept not in shortage.explain(OSError(*full))


def test_memory_is_what_is_available_or_there_at_all_or_allowed(told):
    told({"/proc/meminfo": MEMINFO}, pages=10**6)
    assert shortage.memory() == 2500 * 1024
    told({"/proc/meminfo": MEMINFO, "/sys/fs/cgroup/memory.max": "max\n"}, pages=10**6)
    assert shortage.memory() == 2500 * 1024
    told({"/proc/meminfo": MEMINFO, "/sys/fs/cgroup/memory.max": "1000000\n"}, pages=10**6)
    assert shortage.memory() == 10**6
    told({}, pages=10)
    assert shortage.memory() == 40960
    told({})
    assert shortage.memory() == shortage.UNTOLD


def test_memory_of_this_machine():
    assert 2**24 < shortage.memory() < 2**48


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried …"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    ],
)
def test_what_reads_takes_no_lack_of_memory_for_a_damaged_file(error, tmp_path, release, publishable, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    model = zoo.load(release)
    parts, optimizers = {"net": nn.Linear(1, 1)}, {}
    checkpoint.save(tmp_path / "checkpoint", 1, {}, parts, optimizers)
    reads = {
        "zoo.files.decoding.plain": lambda: images.load(tmp_path / "a.png", (3, 8, 8)),
        "zoo.weights.load": lambda: zoo.load(release),
        "zoo.golden._call": lambda: golden.verify(model, release / "golden.safetensors"),
        "torch.nn.Linear.load_state_dict": lambda: checkpoint.load(tmp_path / "checkpoint", {}, parts, optimizers),
        "torchvision.datasets.MNIST.__init__": lambda: open_set(datasets.MNIST, "MNIST", tmp_path, False),
    }
    for target, read in reads.items():
        with monkeypatch.context() as patch:
            patch.setattr(target, fail)
            with pytest.raises(type(error)) as caught:
                read()
        assert shortage.explain(caught.value).startswith("there is not enough memory for this. Compute fewer at once")


def test_more_than_there_is_memory_for_is_refused(monkeypatch):
    monkeypatch.setattr(shortage, "memory", lambda: 3 * 10**9)
    shortage.check_memory(3 * 10**9, "this", "")
    with pytest.raises(InvalidInput, match=r"this would take 3.5 TB of memory, and there are 3.0 GB\. Make fewer\."):
        shortage.check_memory(3_500 * 10**9, "this", "Make fewer.")
    with pytest.raises(InvalidInput, match=r"would take more than 10\^21 bytes of memory"):
        shortage.check_memory(10**5000, shortage.many(10**5000, "image"), "Make fewer.")


def test_more_than_the_disk_has_room_for_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10**6 if folder == tmp_path else 0))
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_favail=100))
    shortage.check_room(tmp_path, 10**6, "this", files=100)
    with pytest.raises(InvalidInput, match=rf"this would take about 2.0 MB, and there are 1.0 MB free in {tmp_path}\."):
        shortage.check_room(tmp_path / "new" / "newer", 2 * 10**6, "this")
    with pytest.raises(InvalidInput, match="101 files are more than the 100 that the disk still takes"):
        shortage.check_room(tmp_path, 10, "101 files", files=101)


def test_numbers_are_for_people():
    assert shortage.many(10**6, "row") == "1,000,000 rows"
    assert shortage.many(10**5000, "row") == "more than 10^18 rows"
    assert [shortage.amount(count) for count in (10**3, 10**6, 10**9, 10**15)] == [
        "1 kB",
        "1.0 MB",
        "1.0 GB",
        "1,000.0 TB",
    ]
