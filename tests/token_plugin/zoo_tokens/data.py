"""Lines in which every a is followed by b, and a metric of them."""

import torch

from zoo.plugin import Batch, Dataset


class Rhymes(Dataset):
    """32 lines of a split, from a seed."""

    name = "rhymes"

    def __init__(self, split, shape):
        generator = torch.Generator().manual_seed(("train", "test").index(split))
        self.split, self.images = split, torch.randint(3, (32, *shape), generator=generator)
        for i in range(1, shape[0]):
            self.images[self.images[:, i - 1] == 0, i] = 1

    def __len__(self):
        return len(self.images)

    def batch(self, step, size, *, seed, flip, rank=0, world=1):
        start = step * size % len(self)
        return Batch(self.images[start : start + size][rank::world])


def rhymes(root, split, *, shape, holdout, download, model=None):
    found = Rhymes(split, shape)
    # Three letters, however many the model is configured for.
    found.config = {"alphabet": "abc"} if model is not None else {}
    return found


def pairs(subject):
    """How often an a is followed by b in what is generated, where the data always have one."""
    made = subject.generated
    after = made[:, 1:][made[:, :-1] == 0]
    return [subject.record("pairs", "a before b", float((after == 1).float().mean()))]
