"""MNIST and its like: read as they lie, and what happens to damaged files."""

import gzip
import struct
from pathlib import Path

import pytest
import torch

from zoo.data import loading as data
from zoo.errors import DataError


def write_idx(path: Path, values: torch.Tensor) -> None:
    """An IDX file as LeCun's page describes it: magic number, one 32-bit size for each dimension, bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.numpy().tobytes())


@pytest.fixture
def mnist(tmp_path):
    for split, n in (("train", 12), ("t10k", 6)):
        pixels = torch.arange(n * 784, dtype=torch.int64).remainder(251).to(torch.uint8).view(n, 28, 28)
        write_idx(tmp_path / f"MNIST/raw/{split}-images-idx3-ubyte", pixels)
        write_idx(tmp_path / f"MNIST/raw/{split}-labels-idx1-ubyte", (torch.arange(n) % 10).to(torch.uint8))
    return tmp_path


def test_mnist_is_read_as_it_lies(mnist):
    train = data.load("mnist", mnist, "train", shape=(1, 28, 28))
    assert train.images.shape == (12, 1, 28, 28)
    assert train.images.dtype == torch.uint8
    assert train.images[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert train.labels.tolist()[:3] == [0, 1, 2]
    assert train.classes[3] == "3"
    assert len(data.load("mnist", mnist, "test", shape=(1, 28, 28))) == 6


def test_mnist_is_resized_and_coloured_on_request(mnist):
    assert data.load("mnist", mnist, "test", shape=(3, 32, 32)).images.shape == (6, 3, 32, 32)


def test_missing_data_set_says_which_folder_and_how_to_get_it(tmp_path):
    with pytest.raises(
        DataError,
        match=r"^FashionMNIST is .* damaged\. Fetch them .*\(--download of zoo train or .*--data.* train an arch",
    ):
        data.load("fashion-mnist", tmp_path, "train", shape=(1, 28, 28))


def test_truncated_idx_file(mnist):
    path = mnist / "MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="missing or damaged"):
        data.load("mnist", mnist, "train", shape=(1, 28, 28))


def test_archive_in_place_of_the_unpacked_file(mnist):
    path = mnist / "MNIST/raw/train-labels-idx1-ubyte"
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(DataError, match="missing or damaged"):
        data.load("mnist", mnist, "train", shape=(1, 28, 28))


def test_images_and_labels_that_do_not_match(mnist):
    write_idx(mnist / "MNIST/raw/train-labels-idx1-ubyte", torch.zeros(5, dtype=torch.uint8))
    with pytest.raises(DataError, match="12 images but 5 labels"):
        data.load("mnist", mnist, "train", shape=(1, 28, 28))
