"""BigGAN-deep of huggingface/pytorch-pretrained-BigGAN: what its own code computes, under two truncations.

The fixture has every fourth pixel of images of 64 × 64.
"""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors

FIXTURE = "huggingface-biggan"


def test_images_are_the_same_under_each_truncation():
    made, expected = reference(FIXTURE)
    model, labels = made.model, [str(int(label)) for label in expected["y"]]
    config = model.config
    assert (config.multipliers, config.width, config.attention) == ((16, 8, 4, 2, 1), 3, 16)
    assert (config.latent_dim, config.embedding_dim, config.levels) == (3, 3, 3)
    for options, name in (({}, "whole"), ({"truncation": 1.0}, "whole"), ({"truncation": 0.5}, "some")):
        images = model.decode(expected["z"], condition=labels, **options)
        difference(2 * images[:, :, ::4, ::4] - 1, expected[name])


def test_self_attention_within_a_stage_is_refused(tmp_path):
    state = torch.load(FIXTURES / FIXTURE / "checkpoint.pth", weights_only=True)
    moved = {key.replace(".layers.4.", ".layers.5.") if "snconv" in key or "gamma" in key else key for key in state}
    assert moved != set(state)
    held = dict(zip(sorted(moved), (state[key] for key in sorted(state)), strict=True))
    torch.save(held, tmp_path / "moved.pth")
    with pytest.raises(errors.WeightsMismatch, match="self-attention before the layers"):
        convert([tmp_path / "moved.pth"], FIXTURE)
