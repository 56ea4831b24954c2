"""One step: its noise, and gradients averaged over processes."""

import torch
from torch import nn

from zoo.training.run import _average_gradients, _step_seed


def test_each_seed_step_and_process_has_noise_of_its_own():
    torch.manual_seed(0)
    seeds = {_step_seed(seed, step, rank) for seed in range(4) for step in range(50) for rank in range(4)}
    assert len(seeds) == 4 * 50 * 4
    assert max(seeds) < 2**32  # the CPU engine ignores higher bits
    draws = {torch.randn(1, generator=torch.Generator().manual_seed(seed)).item() for seed in seeds}
    assert len(draws) > 790


def test_a_parameter_that_no_process_has_a_gradient_for_keeps_none():
    """Of three the second process has a gradient for the second alone; zeros for the third would be a step to Adam."""
    parameters = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
    parameters[0].grad = torch.tensor([2.0, 4.0])

    class Two:
        world_size = 2

        def all_reduce(self, tensor, reduce_op):
            if reduce_op == "sum":
                return tensor + torch.tensor([0.0, 1.0, 0.0])
            return (tensor + torch.tensor([0.0, 0.0, 6.0, 8.0])) / 2

    _average_gradients(Two(), parameters)
    assert [None if p.grad is None else p.grad.tolist() for p in parameters] == [[1, 2], [3, 4], None]
