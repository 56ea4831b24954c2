"""Every test of a translator starts from one state of the global generator, and leaves it as it was."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
