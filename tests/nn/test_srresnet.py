"""SRResNet's network: its size, and the order of what its pixel shuffle gives."""

import torch
from torch.nn import functional as F

from zoo.nn.srresnet import Network, Shuffle


def test_the_paper_has_as_many_weights() -> None:
    """64 channels and sixteen blocks (figure 4), batch norms and all but four slopes counted by hand."""
    counted = sum(p.numel() for p in Network(3, 64, 16).parameters())
    convolution = 9 * 64 * 64
    blocks = 16 * (2 * (convolution + 128) + 1) + convolution + 128
    ends = 81 * 3 * 64 + 64 + 1 + 81 * 64 * 3 + 3
    assert counted == ends + blocks + 2 * (4 * convolution + 256)


def test_shuffling_is_shis_but_for_the_order_of_channels() -> None:
    x = torch.randn(2, 12, 3, 5)
    reordered = x.view(2, 4, 3, 3, 5).transpose(1, 2).flatten(1, 2)
    assert torch.equal(Shuffle()(x), F.pixel_shuffle(reordered, 2))


def test_with_instance_norms_an_image_is_made_alone_as_in_a_batch_and_in_train_mode() -> None:
    torch.manual_seed(0)
    network = Network(3, 8, 2, bicubic=False, signed=False, norm="instance").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        x = torch.rand(2, 3, 9, 7)
        together = network(x)
        for i in range(2):
            torch.testing.assert_close(network(x[i : i + 1]), together[i : i + 1])
        torch.testing.assert_close(network.train()(x), together)


def test_squashed_it_ends_with_a_tanh_and_takes_pixels_as_it_is_told() -> None:
    network = Network(3, 4, 1, bicubic=False, signed=False, squashed=True).eval()
    x = torch.rand(2, 3, 5, 6)
    made = network(x)
    network.squashed = False
    torch.testing.assert_close(made, (network(x).tanh() + 1) / 2)
