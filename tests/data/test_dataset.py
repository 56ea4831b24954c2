"""Batches of a data set: a function of step and seed, shared out among processes."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from zoo.data import dataset, loading
from zoo.data.dataset import Dataset, TensorDataset
from zoo.errors import DataError, InvalidInput
from zoo.objective import Batch


def test_labels_are_matched_to_a_model_s_classes_by_name():
    numbers = TensorDataset(
        "n", "test", torch.zeros(3, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 1, 1]), ("b", "C")
    )
    assert numbers.indices(("a", "B", "c")).tolist() == [1, 2, 2]
    assert numbers.indices(("a", "b")) is None
    assert TensorDataset("n", "test", numbers.images).indices(("b", "c")) is None
    assert numbers.indices(("B", "b", "C", "c")).tolist() == [1, 2, 2]  # what is so exactly comes first
    with pytest.raises(InvalidInput, match=r"'café' is as like 'Café' and 'CAFÉ'\. Write"):
        dataclasses.replace(numbers, classes=("café", "C")).indices(("Café", "CAFÉ", "C"))


def test_classes_that_the_model_does_not_tell_apart_are_refused():
    labels = torch.tensor([0, 1])
    cats = TensorDataset("cats", "test", torch.zeros(2, 1, 1, 1, dtype=torch.uint8), labels, ("Cat", "cat"))
    assert cats.indices(("cat", "dog", "Cat")).tolist() == [2, 0]
    with pytest.raises(DataError, match=r"cats has 'Cat' and 'cat', the model 'cat' alone\. Rename one"):
        cats.indices(("cat", "dog"))


def numbered(n: int) -> TensorDataset:
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 1, 2).clone()
    pixels[:, :, :, 1] = 255
    return TensorDataset("numbers", "train", pixels, torch.arange(n))


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


def test_what_torch_takes_for_granted_changes_no_batch():
    numbers, default = numbered(12), torch.get_default_dtype()
    plain = numbers.batch(1, 6, seed=3, flip=True)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = numbers.batch(1, 6, seed=3, flip=True)
    finally:
        torch.set_default_dtype(default)
    assert torch.equal(found.labels, plain.labels)
    assert torch.equal(found.images, plain.images)
    assert found.images.dtype == torch.float32


class Ramps(Dataset):
    """Makes batches and nothing else."""

    name, split = "ramps", "train"

    def __init__(self, shape):
        self.asked, self.made = [], shape

    def __len__(self):
        return 40

    def batch(self, step, size, *, seed, flip, rank=0, world=1):
        self.asked.append(size)
        return Batch(torch.linspace(0, 1, size).view(-1, *[1] * len(self.made)).expand(size, *self.made))


def test_data_that_make_batches_alone_say_what_their_samples_are():
    ramps = Ramps((1, 2, 3))
    assert (ramps.sample_shape, ramps.vectors, Ramps((5,)).vectors) == ((1, 2, 3), False, True)
    assert (len(ramps.first_batch(7)), len(ramps.first_batch(100)), len(ramps.all_samples())) == (7, 40, 40)
    assert ramps.fingerprint() == Ramps((1, 2, 3)).fingerprint() != Ramps((1, 2, 2)).fingerprint()
    for look in (lambda: ramps.stored, lambda: ramps.floats(slice(1))):
        with pytest.raises(DataError, match=r"ramps makes batches and nothing else.*Measure and show"):
            look()


def test_data_that_make_batches_alone_are_loaded_by_name(monkeypatch):
    entry = SimpleNamespace(
        name="ramps", source="none", resolve=lambda: lambda root, split, *, shape, **_: Ramps((2, 3))
    )
    monkeypatch.setattr(loading, "pick", lambda *_: entry)
    assert len(loading.load("ramps", None, "train", shape=(2, 3))) == 40
    with pytest.raises(DataError, match=r"ramps has samples of shape \(2, 3\), the model is made for \(4,\)"):
        loading.load("ramps", None, "train", shape=(4,))


def test_a_dataset_in_memory_has_images():
    with pytest.raises(TypeError, match="images"):
        TensorDataset("n", "test")


def test_a_permutation_is_made_once_for_an_epoch(monkeypatch):
    made, plain = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *args, **options: made.append(args) or plain(*args, **options))
    data = TensorDataset("noise", "train", torch.zeros(1234, 1, 2, 2, dtype=torch.uint8))
    for step in range(2 * (1234 // 64)):
        data.batch(step, 64, seed=99, flip=False)
    assert made == [(1234,)] * 2


def test_of_samples_that_are_not_held_in_memory_some_tell_the_data_from_others(monkeypatch):
    pixels = torch.zeros(1024, 1, 2, 2, dtype=torch.uint8)

    def told(row):
        other = pixels.clone()
        other[row] = 1
        return TensorDataset("noise", "train", other).fingerprint()

    assert told(1) != told(3)
    monkeypatch.setattr(dataset, "HELD", 1024)
    assert told(1) == told(3) != told(4)
