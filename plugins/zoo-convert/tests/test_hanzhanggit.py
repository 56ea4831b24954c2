"""StackGAN-Pytorch of hanzhanggit: what its own code draws, by stage I alone and by both.

The fixtures have every fourth pixel of images of 64 × 64 and every sixteenth of 256 × 256. Both codes compute them in
float64: in train mode the many batch norms of a small batch make of float32's rounding more than is tolerated.
"""

import pytest
import torch
from reference import FIXTURES, difference, reference
from zoo_convert.converting import convert

from zoo.plugin import errors


@pytest.mark.parametrize(("fixture", "stages", "every"), [("+stage1", 1, 4), ("", 2, 16)])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_images_are_the_same(fixture, stages, every, mode):
    made, expected = reference("hanzhanggit-stackgan" + fixture)
    model = made.model.double().train(mode == "train")
    z = torch.cat([expected["noise"], expected[f"{mode}.eps"]], 1).double()
    texts = expected["texts"].double()
    with torch.no_grad():
        images = model._decode(z, texts)
        difference(2 * images[:, :, ::every, ::every] - 1, expected[f"{mode}.images"])
        if stages == 2 and mode == "eval":
            sketches = model._decode(z, texts, stage=1)
            difference(2 * sketches[:, :, ::8, ::8] - 1, expected["eval.sketches"])
    assert (model.config.stages, model.config.residual) == (stages, 2 * stages - 2)


def test_a_stage_of_another_depth_is_refused(tmp_path):
    state = torch.load(FIXTURES / "hanzhanggit-stackgan/netG_epoch_120.pth", weights_only=True)
    del state["upsample4.1.weight"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(errors.WeightsMismatch, match=r"draw\.1\.grow\.13\.weight"):
        convert([tmp_path / "cut.pth"], "hanzhanggit-stackgan")
