"""Small models with weights from a seed, and every sentence of a small space."""

import itertools

import pytest
import torch

import zoo


@pytest.fixture
def made():
    """A function that makes an architecture with weights large enough to matter, in eval mode."""

    def make(name, *, seed=0, **config):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = zoo.create(name, **config).eval()
            for parameter in model.parameters():
                parameter.data += 0.3 * torch.randn_like(parameter)
        return model

    return make


@pytest.fixture
def every():
    """A function that gives every sentence of a space."""

    def sentences(space):
        length, words = space.shape[0], range(1, space.size)
        rows = [
            [*sentence, *[0] * (length - count)]
            for count in range(1, length + 1)
            for sentence in itertools.product(words, repeat=count)
        ]
        return torch.tensor(rows)

    return sentences
