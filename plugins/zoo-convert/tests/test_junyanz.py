"""CycleGAN and pix2pix: what their authors' code computes."""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors


@pytest.mark.parametrize(
    ("fixture", "norm", "blocks", "both_ways"),
    [
        ("junyanz-cyclegan", "instance", 9, True),
        ("junyanz-cyclegan+batch", "batch", 6, False),
        ("junyanz-cyclegan+old", "instance", 6, False),
    ],
)
def test_cyclegan_translates_alike_in_eval_and_in_train_mode(fixture, norm, blocks, both_ways):
    made, expected = reference(fixture)
    model, x = made.model, expected["x"]
    config = model.config
    assert (config.norm, config.blocks, config.both_ways, config.bias) == (norm, blocks, both_ways, norm == "instance")
    for way in range(1 + both_ways):
        option = {"to": config.domains[1 - way]} if both_ways else {}
        difference(2 * model.eval().translate((x + 1) / 2, **option) - 1, expected[f"eval_{way}"])
        with torch.no_grad():
            difference(model.train().generators[way](x), expected[f"train_{way}"])


def test_running_statistics_of_old_instance_norms_are_left_out_and_that_is_said():
    made, _ = reference("junyanz-cyclegan+old")
    assert len(made.fit.unneeded) == 3 * (1 + 2 + 2 + 2 * 6)
    assert "Left out: `0/model." in made.summary


def test_the_generator_back_may_come_alone_but_not_first_of_three():
    files = sorted((FIXTURES / "junyanz-cyclegan").glob("*.pth"))
    assert not convert(files[1:]).model.config.both_ways
    with pytest.raises(errors.WeightsMismatch, match="3 files came"):
        convert([*files, files[0]], "cyclegan")


def test_dropout_in_residual_blocks_is_named(tmp_path):
    state = torch.load(FIXTURES / "junyanz-cyclegan" / "0_net_G_A.pth", weights_only=True)
    moved = {key.replace("conv_block.5", "conv_block.6"): tensor for key, tensor in state.items()}
    torch.save(moved, tmp_path / "dropout.pth")
    with pytest.raises(errors.WeightsMismatch, match="residual blocks have dropout"):
        convert([tmp_path / "dropout.pth"], "cyclegan")


@pytest.mark.parametrize(
    ("fixture", "norm", "depth"),
    [("junyanz-pix2pix", "batch", 7), ("junyanz-pix2pix+256", "batch", 8), ("junyanz-pix2pix+instance", "plain", 7)],
)
def test_pix2pix_translates_alike_in_eval_and_in_train_mode(fixture, norm, depth):
    made, expected = reference(fixture)
    model, x = made.model, torch.kron(expected["coarse"], expected["tile"])
    assert (model.config.norm, model.config.depth, model.config.width) == (norm, depth, 1)
    difference(2 * model.translate(x, seed=0)[..., ::3, ::3] - 1, expected["eval"])
    with torch.no_grad():
        difference(model.train().network(2 * x - 1)[..., ::3, ::3], expected["train"])
