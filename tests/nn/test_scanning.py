"""A repeated step gives what a loop gives, and is one step of an exported graph, for batches of any size."""

import pytest
import torch
from torch import nn

from zoo.errors import InvalidInput
from zoo.nn import scanning
from zoo.nn.scanning import scan

ROWS = [0.5, -0.25, 2.0, 0.125]


class Sampler(nn.Module):
    """x ← a·x + W x + d, told its sum at each step; asks for sizes and returns views, as networks do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x, drawn):
        def step(state, factor, added):
            x, total = state
            x = (factor * x + self.layer(x) + added).reshape(x.shape)
            return (x, total + torch.ones(x.shape[0])), x.sum(1)

        (x, total), sums = scan(step, (x, torch.zeros_like(x[:, 0])), ROWS, (each for each in drawn))
        return x, total, sums


def by_hand(sampler, x, drawn):
    sums = []
    for factor, added in zip(ROWS, drawn, strict=True):
        x = factor * x + sampler.layer(x) + added
        sums.append(x.sum(1))
    return x, torch.full((len(x),), 4.0), torch.stack(sums)


def given(n):
    return torch.randn(n, 3), torch.randn(4, n, 3)


def test_it_is_a_loop():
    sampler, inputs = Sampler(), given(5)
    for got, expected in zip(sampler(*inputs), by_hand(sampler, *inputs), strict=True):
        torch.testing.assert_close(got, expected)


def test_gradients_flow_through_steps():
    sampler, (x, drawn) = Sampler(), given(2)
    sampler(x.requires_grad_(), drawn)[0].sum().backward()
    assert x.grad.abs().min() > 0


def test_a_row_is_taken_when_its_step_comes():
    came = []
    rows = (came.append(f"row {i}") or torch.tensor(i) for i in range(2))
    scan(lambda state, row: (came.append(f"step {int(row)}") or state, None), torch.zeros(1), rows)
    assert came == ["row 0", "step 0", "row 1", "step 1"]


def test_columns_are_of_equal_length():
    with pytest.raises(ValueError, match="shorter"):
        scan(lambda state, a, b: (state, None), torch.zeros(1), [1, 2], [1])


@pytest.mark.skipif(not hasattr(torch.compiler, "is_exporting"), reason="this torch does not say that it exports")
def test_steps_give_all_or_none_and_there_is_one():
    with pytest.raises(InvalidInput, match="0 steps, of which 0 gave something; expected some"):
        scan(lambda x, row: (x, x), torch.ones(1), [])
    with pytest.raises(InvalidInput, match="2 steps, of which 1 gave something"):
        scan(lambda x, row: (x, x if row else None), torch.ones(1), [0.0, 1.0])


def test_exported_it_is_one_step():
    sampler, batch = Sampler(), torch.export.Dim("batch")
    with torch.no_grad():
        program = torch.export.export(sampler, given(3), dynamic_shapes=({0: batch}, {1: batch}))
        for n in (1, 5):
            inputs = given(n)
            for got, expected in zip(program.module()(*inputs), by_hand(sampler, *inputs), strict=True):
                torch.testing.assert_close(got, expected)
    targets = [str(node.target) for graph in program.graph_module.modules() for node in graph.graph.nodes]
    assert sum("linear" in target for target in targets) == 1
    assert "scan" in targets


def test_of_a_torch_that_does_not_say_that_it_exports_it_is_a_loop(monkeypatch):
    monkeypatch.delattr(torch.compiler, "is_exporting", raising=False)
    assert not scanning._exporting()
