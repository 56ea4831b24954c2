"""PixelCNN: each token's probabilities depend on those before it alone, and draws follow them."""

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.pixelcnn import PixelCNN
from zoo.noise import Noise


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = PixelCNN(5, 16, 2).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2)  # far from uniform
    return made


def test_logits_depend_on_all_that_is_before_and_nothing_else(network):
    side = 4
    tokens = torch.randint(0, 5, (1, side, side), generator=torch.Generator().manual_seed(1))
    before = network(tokens)[0]
    reached = torch.zeros(side * side, side * side, dtype=torch.bool)
    for place in range(side * side):
        for shift in range(1, 5):
            other = tokens.clone()
            other.view(-1)[place] = (other.view(-1)[place] + shift) % 5
            reached[place] |= ((network(other)[0] - before).abs().amax(0) > 1e-12).flatten()
    later = torch.ones(side * side, side * side).triu(1).bool()
    assert not reached[~later].any()
    # What is to the upper right is seen as far as filters reach; all to the left and straight above always is.
    row, column = torch.arange(side * side) // side, torch.arange(side * side) % side
    near = later & (column[:, None] <= column[None]) & (row[None] - row[:, None] <= 2)
    assert reached[near].all()


def test_draws_follow_the_probabilities(network):
    drawn = network.draw(Noise(0, 0, 4000), 1, 2)
    first = F.softmax(network(torch.zeros(1, 1, 2, dtype=torch.int64))[0, :, 0, 0], 0)
    assert (drawn[:, 0, 0].bincount(minlength=5) / 4000).tolist() == pytest.approx(first.tolist(), abs=0.03)
    common = int(first.argmax())
    second = F.softmax(network(torch.tensor([[[common, 0]]]))[0, :, 0, 1], 0)
    given = drawn[drawn[:, 0, 0] == common][:, 0, 1]
    assert (given.bincount(minlength=5) / len(given)).tolist() == pytest.approx(second.tolist(), abs=0.04)


def test_a_draw_is_of_its_seed_and_number_alone(network):
    many = network.draw(Noise(3, 0, 6), 3, 3)
    assert torch.equal(network.draw(Noise(3, 4, 2), 3, 3), many[4:])
    assert network.training  # and the network is as it was


def test_at_temperature_0_the_likeliest_is_drawn(network):
    cold = network.draw(Noise(3, 0, 3), 2, 2, temperature=0.0)
    assert torch.equal(cold, cold[:1].expand(3, 2, 2))
    assert torch.equal(network(cold).argmax(1), cold)
