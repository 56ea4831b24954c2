"""StackGAN-v1: what is drawn from an embedding, both stages, the preset, and what it cannot be."""

import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.errors import CapabilityError, ConfigError, InvalidInput
from zoo.models.gans.stackgan_v1 import Augmentation, Config

SMALL = {"text_dim": 5, "condition_dim": 3, "latent_dim": 4, "width": 4}


@pytest.fixture
def model(perturbed):
    return perturbed(zoo.create("stackgan-v1", **SMALL).eval(), 0.3)


def test_the_preset_is_the_authors_network():
    with torch.device("meta"):
        model = zoo.create("stackgan-v1", preset="paper")
    assert model.space.shape == (3, 256, 256)
    assert model.latent_shape == (100 + 2 * 128,)
    stage_one, stage_two = model.generator.draw
    # model.py of the authors' code with cfg/coco_s2.yml: 192 · 8 channels at 4 × 4,
    # 4 · 192 at 16 × 16 and 192 / 4 at the end.
    assert stage_one.network[0].out_features == 1536 * 16
    assert (stage_two.joint[0].in_channels, stage_two.joint[0].out_channels) == (768 + 128, 768)
    assert (stage_two.grow[-2].in_channels, len(stage_two.residual)) == (48, 2)


def test_what_is_drawn_for_a_text_by_hand():
    augmentation = Augmentation(Config(**SMALL))
    texts, noise = torch.randn(2, 5), torch.randn(2, 3)
    moments = (texts @ augmentation.moments.weight.T + augmentation.moments.bias).clamp_min(0)
    mean, deviation = moments[:, :3], moments[:, 3:].exp().sqrt()
    torch.testing.assert_close(augmentation(texts, noise), mean + deviation * noise)


def test_the_second_stage_sees_the_image_of_the_first_and_the_text_again(model):
    z, texts = torch.randn(2, 10), torch.randn(2, 5)
    noise, first, second = torch.split(z, [4, 3, 3], 1)
    augment, (draw, refine) = model.generator.augment, model.generator.draw
    sketch = draw(noise, augment[0](texts, first))
    image = refine(sketch, augment[1](texts, second))
    torch.testing.assert_close(2 * model.decode(z, condition=texts, stage=1) - 1, sketch)
    torch.testing.assert_close(2 * model.decode(z, condition=texts) - 1, image)
    planes = augment[1](texts, second)[:, :, None, None].expand(-1, -1, 16, 16)
    hidden = refine.joint(torch.cat([refine.down(sketch), planes], 1))
    for block in refine.residual:
        hidden = F.relu(hidden + block.change(hidden))
    torch.testing.assert_close(refine.grow(hidden), image)


def test_texts_and_noise_of_each_stage_matter(model):
    z, text = torch.randn(1, 10), torch.randn(5)
    usual = model.decode(z, condition=text)
    for change in range(3):
        moved = z.clone()
        moved[:, (0, 4, 7)[change]] += 2
        assert (model.decode(moved, condition=text) - usual).abs().max() > 1e-3
    assert (model.decode(z, condition=text + 1) - usual).abs().max() > 1e-3


def test_the_first_stage_alone():
    model = zoo.create("stackgan-v1", **SMALL, stages=1)
    assert model.space.shape == (3, 64, 64)
    assert model.latent_shape == (7,)
    assert model.generate(1, seed=0, condition=torch.zeros(5)).shape == (1, 3, 64, 64)
    with pytest.raises(InvalidInput, match="stage=2; expected at most 1"):
        model.generate(1, seed=0, condition=torch.zeros(5), stage=2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"width": 6}, "multiple of 4"),
        ({"stages": 3}, "expected 1 or 2"),
        ({"stages": 0}, "stages"),
        ({"width": 0}, "width"),
    ],
)
def test_impossible_configs(config, message):
    with pytest.raises(ConfigError, match=message):
        zoo.create("stackgan-v1", **SMALL | config)


def test_it_is_not_trained_here(tmp_path):
    with pytest.raises(CapabilityError, match="stackgan-v1 has no training: it is there for weights from elsewhere"):
        zoo.train("stackgan-v1", torch.rand(4, 3, 64, 64), tmp_path / "out", steps=1)
    assert not (tmp_path / "out").exists()
