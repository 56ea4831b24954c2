"""Data sets by name: reading, splitting, batching, and what happens to damaged ones."""

import dataclasses
import gzip
import struct
from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.data import datasets as data
from zoo.data.datasets import Dataset
from zoo.errors import DataError, UnknownName


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


@pytest.fixture
def folder(tmp_path):
    for i in range(6):
        Image.new("RGB", (10, 12), (40 * i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not an image")
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
    with pytest.raises(DataError, match=r"FashionMNIST in .* missing or damaged.*--download"):
        data.load("fashion-mnist", tmp_path, "train", shape=(1, 28, 28))


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        data.load("mnist", tmp_path / "nowhere", "train", shape=(1, 28, 28))


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


def test_unknown_name_and_split(tmp_path):
    with pytest.raises(UnknownName, match="'mnist'"):
        data.load("mnits", tmp_path, "train", shape=(1, 28, 28))
    with pytest.raises(DataError, match="'train' or 'test'"):
        data.load("mnist", tmp_path, "validation", shape=(1, 28, 28))


def test_folder_holds_out_its_last_names(folder):
    train = data.load("image-folder", folder, "train", shape=(3, 12, 10), holdout=2)
    test = data.load("image-folder", folder, "test", shape=(3, 12, 10), holdout=2)
    assert train.images[:, 0, 0, 0].tolist() == [0, 40, 80, 120]
    assert test.images[:, 0, 0, 0].tolist() == [160, 200]


def test_folder_without_holdout_has_no_test_split(folder):
    with pytest.raises(DataError, match=r"no test samples.*held out \(0\)"):
        data.load("image-folder", folder, "test", shape=(3, 12, 10))


def test_subfolders_are_classes_and_train_test_folders_are_splits(tmp_path):
    for split in ("train", "test"):
        for index, name in enumerate(("cat", "dog")):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(2):
                Image.new("L", (4, 4), 100 * index + i).save(tmp_path / split / name / f"{i}.png")
    train = data.load("image-folder", tmp_path, "train", shape=(1, 4, 4))
    assert train.classes == ("cat", "dog")
    assert train.labels.tolist() == [0, 1, 0, 1]
    assert train.images[:, 0, 0, 0].tolist() == [0, 100, 1, 101]


def test_what_is_held_out_of_class_folders_has_every_class(tmp_path):
    for index, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("L", (4, 4), 100 * index + i).save(tmp_path / name / f"{i}.png")
    test = data.load("image-folder", tmp_path, "test", shape=(1, 4, 4), holdout=2)
    assert test.classes == ("cat", "dog")
    assert test.images[:, 0, 0, 0].tolist() == [2, 102]
    assert test.labels.tolist() == [0, 1]


def test_hidden_files_are_no_images(folder):
    (folder / ".thumbnails").mkdir()
    for name in (".thumbnails/0.png", "._0.png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    assert len(data.load("image-folder", folder, "train", shape=(3, 8, 8))) == 6


def test_labels_are_matched_to_a_model_s_classes_by_name():
    numbers = Dataset("n", "test", torch.zeros(3, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 1, 1]), ("b", "C"))
    assert numbers.indices(("a", "B", "c")).tolist() == [1, 2, 2]
    assert numbers.indices(("a", "b")) is None
    assert Dataset("n", "test", numbers.images).indices(("b", "c")) is None


@pytest.fixture
def portraits(tmp_path):
    """Five pictures with CelebA's proportions: a face of one grey on a white ground, and two attributes of each."""
    lines = ["file,smiling,eyeglasses"]
    for i in range(5):
        picture = Image.new("RGB", (89, 109), "white")
        picture.paste((40 * i,) * 3, (18, 28, 72, 82))  # the central 108 × 108 of 178 × 218, at half the size
        picture.save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{i % 2},{int(i > 2)}")
    (tmp_path / "attributes.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_celeba_attributes_cuts_out_the_face_and_keeps_attributes_with_their_pictures(portraits):
    train = data.load("celeba-attributes", portraits, "train", shape=(3, 54, 54), holdout=2)
    test = data.load("celeba-attributes", portraits, "test", shape=(3, 54, 54), holdout=2)
    assert (train.name, train.labels, len(train), len(test)) == ("celeba", None, 3, 2)
    for part, greys in ((train, [0, 40, 80]), (test, [120, 160])):
        assert part.images.flatten(1).min(1).values.tolist() == greys
        assert part.images.flatten(1).max(1).values.tolist() == greys  # nothing of the white ground
        assert part.attribute_names == ("smiling", "eyeglasses")
        assert part.attributes.dtype == torch.bool
    assert train.attributes.tolist() == [[False, False], [True, False], [False, False]]
    assert test.attributes.tolist() == [[True, True], [False, True]]
    assert data.load("celeba-attributes", portraits, "train", shape=(1, 16, 16)).images.shape == (5, 1, 16, 16)


def test_celeba_combinations_are_classes_that_count_attributes_in_binary(portraits):
    train = data.load("celeba-combinations", portraits, "train", shape=(3, 8, 8), holdout=2)
    test = data.load("celeba-combinations", portraits, "test", shape=(3, 8, 8), holdout=2)
    assert train.classes == test.classes == ("plain", "smiling", "eyeglasses", "smiling + eyeglasses")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 0], [3, 2])
    assert train.batch(0, 3, seed=0, flip=False).labels.dtype == torch.int64
    assert (train.name, train.attributes, len(train.images)) == ("celeba", None, 3)


def test_celeba_attributes_without_what_is_held_out(portraits):
    with pytest.raises(DataError, match=r"no test \w+ in"):
        data.load("celeba-attributes", portraits, "test", shape=(3, 8, 8))
    with pytest.raises(DataError, match=r"no train \w+ in"):
        data.load("celeba-attributes", portraits, "train", shape=(3, 8, 8), holdout=9)


@pytest.mark.parametrize(
    "table",
    [
        None,
        "",
        "file,smiling\n",
        "file,smiling\n0.png,1\n1.png,0,1\n",
        "file,smiling,eyeglasses\n0.png,1\n",
        "file,smiling\n0.png,yes\n",
        "file,smiling\n0.png,-1\n1.png,1\n",
        "file,smiling\n0.png,2\n",
        "file,smiling\n0.png,1\n\n",
    ],
)
def test_malformed_tables_of_attributes_are_named(portraits, table):
    path = portraits / "attributes.csv"
    path.unlink()
    if table is not None:
        path.write_text(table)
    with pytest.raises(DataError, match=r"attributes\.csv is missing or malformed: .+ Expected file,smiling"):
        data.load("celeba-attributes", portraits, "train", shape=(3, 8, 8))


def test_picture_that_the_table_of_attributes_lists_but_is_not_there(portraits):
    (portraits / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png is missing"):
        data.load("celeba-attributes", portraits, "train", shape=(3, 8, 8))


def test_damaged_image_is_named(folder):
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(DataError, match=r"3\.png"):
        data.load("image-folder", folder, "train", shape=(3, 8, 8))


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        data.load("image-folder", tmp_path, "train", shape=(3, 8, 8))


def numbered(n: int) -> Dataset:
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 1, 2).clone()
    pixels[:, :, :, 1] = 255
    return Dataset("numbers", "train", pixels, torch.arange(n))


def test_an_epoch_shows_every_image_once_and_epochs_differ():
    numbers = numbered(10)
    epochs = [
        [label for step in (0, 1) for label in numbers.batch(2 * epoch + step, 5, seed=0, flip=False).labels.tolist()]
        for epoch in range(3)
    ]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_labels_stay_with_their_images_and_processes_share_the_batch():
    numbers = numbered(12)
    whole = numbers.batch(1, 6, seed=3, flip=True)
    parts = [numbers.batch(1, 6, seed=3, flip=True, rank=rank, world=2) for rank in (0, 1)]
    for batch in (whole, *parts):
        left, right = (batch.images[:, 0, 0, side] * 255 for side in (0, 1))
        assert torch.equal(torch.minimum(left, right).round().long(), batch.labels)
    assert sorted(parts[0].labels.tolist() + parts[1].labels.tolist()) == sorted(whole.labels.tolist())


def test_flip_mirrors_about_half_of_the_images():
    numbers = numbered(200)
    images = numbers.batch(0, 200, seed=0, flip=True).images
    mirrored = (images[:, 0, 0, 0] == 1).sum().item()
    assert 70 < mirrored < 130
    assert (numbers.batch(0, 200, seed=0, flip=False).images[:, 0, 0, 1] == 1).all()


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("step", [0, 1, 5])
def test_batches_of_images_are_what_they_were_before_there_were_sources(seed, step):
    """A run of an earlier version is made again, bit for bit; this is its formula."""
    numbers = numbered(13)

    def mixed(counter, stream):
        return (seed * 2 + stream) * 0x9E3779B1 + counter & 0xFFFFFFFF

    epoch, within = divmod(step, 13 // 4)
    order = torch.randperm(13, generator=torch.Generator().manual_seed(mixed(epoch, 0)))
    coins = torch.rand(4, generator=torch.Generator().manual_seed(mixed(step, 1)))
    for rank, world in ((0, 1), (1, 2)):
        rows = order[within * 4 : within * 4 + 4][rank::world]
        images = numbers.images[rows].float() / 255
        flipped = torch.where(coins[rank::world][:, None, None, None] < 0.5, images, images.flip(3))
        for flip, expected in ((False, images), (True, flipped)):
            batch = numbers.batch(step, 4, seed=seed, flip=flip, rank=rank, world=world)
            assert torch.equal(batch.images, expected)
            assert torch.equal(batch.labels, rows)
            assert batch.sources is None


def sourced(n, m, *, paired):
    """`numbered` with m sources, the numbers from 100 on, each beside a black pixel."""
    pixels = torch.zeros(m, 1, 1, 2, dtype=torch.uint8)
    pixels[:, 0, 0, 0] = 100 + torch.arange(m, dtype=torch.uint8)
    return dataclasses.replace(numbered(n), sources=pixels, paired=paired)


def numbers_of(sources):
    return ((sources.amax((1, 2, 3)) * 255).round().long() - 100).tolist()


def test_pairs_stay_together_and_are_mirrored_together():
    pairs, plain = sourced(12, 12, paired=True), numbered(12)
    for rank in (0, 1):
        batch = pairs.batch(1, 6, seed=3, flip=True, rank=rank, world=2)
        assert torch.equal(batch.images, plain.batch(1, 6, seed=3, flip=True, rank=rank, world=2).images)
        assert numbers_of(batch.sources) == batch.labels.tolist()
        mirrored = batch.images[:, 0, 0, 0] == 1
        assert torch.equal(batch.sources[:, 0, 0, 1] > 0, mirrored)
    assert (pairs.batch(0, 6, seed=3, flip=False).sources[:, 0, 0, 1] == 0).all()


def test_sources_without_pairs_have_epochs_and_coins_of_their_own():
    data, plain = sourced(10, 15, paired=False), numbered(10)
    met, alike = [], []
    for step in range(6):
        batch = data.batch(step, 5, seed=0, flip=True)
        assert torch.equal(batch.images, plain.batch(step, 5, seed=0, flip=True).images)
        assert torch.equal(batch.sources, data.batch(step, 5, seed=0, flip=True).sources)
        met += numbers_of(batch.sources)
        alike += ((batch.images[:, 0, 0, 0] == 1) == (batch.sources[:, 0, 0, 1] > 0)).tolist()
    assert sorted(met[:15]) == sorted(met[15:]) == list(range(15))
    assert 5 < sum(alike) < 25
    shares = [data.batch(2, 4, seed=1, flip=True, rank=rank, world=2).sources for rank in (0, 1)]
    assert torch.equal(torch.stack(shares, 1).flatten(0, 1), data.batch(2, 4, seed=1, flip=True).sources)
    with pytest.raises(DataError, match="3 train samples, fewer than a batch of 5"):
        sourced(10, 3, paired=False).batch(0, 5, seed=0, flip=False)


def test_captions_follow_their_images_and_processes_share_them():
    """The captions of `numbered` images are their numbers, once and twice."""
    plain = numbered(12)
    assert plain.batch(0, 6, seed=3, flip=True).captions == ()
    captions = tuple((f"{i}", f"{i} and {i}") for i in range(12))
    told = dataclasses.replace(plain, captions=captions)
    seen = []
    for step in (0, 1):
        whole = told.batch(step, 6, seed=3, flip=True)
        parts = [told.batch(step, 6, seed=3, flip=True, rank=rank, world=2) for rank in (0, 1)]
        for batch in (whole, *parts):
            assert batch.captions == tuple(captions[label] for label in batch.labels.tolist())
        assert (parts[0].captions, parts[1].captions) == (whole.captions[::2], whole.captions[1::2])
        assert torch.equal(whole.images, plain.batch(step, 6, seed=3, flip=True).images)
        seen += whole.captions
    assert sorted(seen) == sorted(captions)


def test_batch_larger_than_the_data():
    with pytest.raises(DataError, match=r"4 train samples, fewer than a batch of 8.*batch_size"):
        numbered(4).batch(0, 8, seed=0, flip=False)
