"""UNet2DModel of diffusers: what its own code computes, and what a folder says of it."""

import json
import shutil

import pytest
import torch
from reference import FIXTURES, difference
from safetensors.torch import load_file, save_file
from zoo_convert.converting import convert

from zoo.plugin import errors

pytest.importorskip("zoo_diffusion")

FIXTURE = FIXTURES / "diffusers-ddpm"
WEIGHTS = "diffusion_pytorch_model.safetensors"
TOLD = {"image_size": 8, "groups": 2, "timesteps": 20, "first_beta": 0.001, "last_beta": 0.3}


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FIXTURE, tmp_path / "ddpm")


def expected():
    return load_file(FIXTURE / "expected.safetensors")


def write(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_folder_says_all_that_shapes_do_not():
    made = convert([FIXTURE])
    config = made.model.config
    assert {name: getattr(config, name) for name in TOLD} == TOLD
    assert (config.width, config.multipliers, config.attention, config.blocks) == (4, (1, 2, 2), 1, 2)
    assert made.files[0][0] == WEIGHTS
    alone = convert([FIXTURE / WEIGHTS], "ddpm", TOLD).model
    for one, other in zip(made.model.state_dict().values(), alone.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_noise_that_is_predicted_is_the_same(mode):
    model, held = convert([FIXTURE]).model.train(mode == "train"), expected()
    with torch.no_grad():
        difference(model.network(held["x"], held["t"].long() + 1), held[mode])  # whose times are 1 … T


def test_noisy_images_and_ddims_steps_are_the_same():
    model, held = convert([FIXTURE]).model, expected()
    difference(model.noisy(2 * held["images"] - 1, held["noise"], torch.tensor([4, 20])), held["noisy"])
    x = held["x"]
    with torch.no_grad():
        difference(model._down(x, 1, *model._factors(0, 1))[0], held["posterior"])  # of the last step back
        for s, t in model._ladder(20):
            x, _ = model._down(x, t, *model._factors(s, t))
    difference(x, held["ddim"])
    difference(model.decode(held["x"], steps=20), (held["ddim"] / 2 + 0.5).clamp(0, 1))


def test_names_of_attention_before_diffusers_0_13(tmp_path):
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = load_file(FIXTURE / WEIGHTS)
    for new, old in older.items():
        state = {key.replace(f".{new}.", f".{old}."): tensor for key, tensor in state.items()}
    save_file(state, tmp_path / "old.safetensors")
    made = convert([tmp_path / "old.safetensors"], None, TOLD).model
    assert torch.equal(
        made.network.middle.attention.to_qkv.weight, convert([FIXTURE]).model.network.middle.attention.to_qkv.weight
    )


def test_a_pipelines_folder_has_the_model_and_the_scheduler_in_folders(tmp_path):
    for inner, names in (("unet", ("config.json", WEIGHTS)), ("scheduler", ("scheduler_config.json",))):
        (tmp_path / inner).mkdir()
        for name in names:
            shutil.copy(FIXTURE / name, tmp_path / inner)
    assert convert([tmp_path]).model.config == convert([FIXTURE]).model.config


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("config.json", {"flip_sin_to_cos": True}, "its flip_sin_to_cos is True, where False was expected"),
        ("config.json", {"_class_name": "UNet2DConditionModel"}, "its _class_name is 'UNet2DConditionModel'"),
        ("scheduler_config.json", {"beta_schedule": "squaredcos_cap_v2"}, "its beta_schedule is"),
    ],
)
def test_settings_of_another_model_are_refused(folder, name, changes, told):
    write(folder / name, **changes)
    with pytest.raises(errors.WeightsMismatch, match=told):
        convert([folder], "ddpm")


def test_what_is_no_such_folder_is_said(folder, tmp_path):
    (folder / "config.json").write_text("[")
    with pytest.raises(errors.DataError, match=r"config\.json cannot be read as JSON"):
        convert([folder])
    (folder / "config.json").write_text("[]")
    with pytest.raises(errors.DataError, match=r"config\.json holds a list; expected an object"):
        convert([folder])
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.DataError, match=r"config\.json cannot be read"):
        convert([tmp_path / "empty"])


def test_the_size_of_images_must_be_said_of_a_file_alone():
    with pytest.raises(errors.ConfigError, match=r"do not tell image_size .* --set image_size="):
        convert([FIXTURE / WEIGHTS])


def test_attention_at_several_levels_is_refused(tmp_path):
    state = load_file(FIXTURE / WEIGHTS)
    state["down_blocks.0.attentions.0.group_norm.weight"] = torch.ones(4)
    save_file(state, tmp_path / "two.safetensors")
    with pytest.raises(errors.WeightsMismatch, match="self-attention at 2 levels"):
        convert([tmp_path / "two.safetensors"], "ddpm")
