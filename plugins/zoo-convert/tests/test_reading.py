"""What the files of real training runs hold beside tensors, and what wrappers call these."""

import argparse
import pathlib

import numpy
import pytest
import torch
from reference import FIXTURES
from zoo_convert import command
from zoo_convert.converting import convert
from zoo_convert.reading import read

from zoo.plugin import errors

OPTIMIZER = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
OTHER = {"main.0.weight": torch.zeros(4, 1, 4, 4)}  # a discriminator's


def fixture(name):
    held = torch.load(FIXTURES / name / "checkpoint.pth", weights_only=True)
    return next((each for each in (held.get("net"), held.get("g_ema")) if each), held)


@pytest.fixture
def state():
    return fixture("pytorch-examples-dcgan")


def saved(folder, held, name="weights.pth", **options):
    torch.save(held, folder / name, **options)
    return folder / name


def begun(first, state):
    return {f"{first}{key}": tensor for key, tensor in state.items()}


@pytest.mark.parametrize(
    ("held", "entry", "unused"),
    [
        (lambda s: {"netG_state_dict": s}, "netG_state_dict", []),
        (lambda s: {"epoch": 3, "G": s, "D": OTHER, "noise": torch.zeros(4)}, "G", ["epoch", "D", "noise"]),
        (
            lambda s: {"models": {"netG": s, "netD": OTHER}, "optimizer": OPTIMIZER},
            "models.netG",
            ["optimizer", "models.netD"],
        ),
        (
            lambda s: {"state_dict": {**begun("generator.", s), **begun("discriminator.", OTHER)}, "hyper": {"lr": 1}},
            "state_dict.generator",
            ["hyper", "state_dict.discriminator"],
        ),
        (lambda s: {"n_averaged": torch.tensor(7), **begun("module.", s)}, "module", ["n_averaged"]),
        (lambda s: {**s, "epoch": 3}, "", ["epoch"]),
        (lambda s: begun("module._orig_mod.", s), "", []),
        (lambda s: begun("_orig_mod.module.", s), "", []),
    ],
    ids=["named", "both", "nested", "lightning", "averaged", "mixed", "parallel", "compiled"],
)
def test_a_network_is_found_wherever_it_is_in_a_checkpoint(tmp_path, state, held, entry, unused):
    made = convert([saved(tmp_path, held(state))])
    assert (made.entries, made.unused) == ([entry] if entry else [], unused)
    assert torch.equal(made.model.generator[0].weight, state["main.0.weight"])
    assert all(f"`{each}`" in made.summary for each in (*made.entries, *unused) if unused)


def test_of_two_networks_that_fit_the_one_that_is_meant_is_asked_for(tmp_path, state):
    other = {key: tensor + 1 for key, tensor in state.items()}
    path = saved(tmp_path, {"netG": state, "netG_average": other})
    for source in (None, "dcgan"):
        with pytest.raises(errors.InvalidInput, match=r"netG and netG_average are all weights of .*--entry netG"):
            convert([path], source)
    with pytest.raises(errors.UnknownName, match=r"'netD'\. There are: netG, netG_average"):
        convert([path], entries=["netD"])
    command.convert([str(path)], tmp_path / "out", [], [], entries=["netG_average"], force=False)
    made = convert([path], entries=["netG_average"])
    assert torch.equal(made.model.generator[0].weight, other["main.0.weight"])
    assert made.origin["entry"] == "netG_average"


def test_of_entries_that_a_layout_has_the_first_is_taken(tmp_path):
    state = fixture("rosinality-stylegan2")
    held = {"g": {key: tensor + 1 for key, tensor in state.items()}, "g_ema": state, "args": argparse.Namespace(lr=1)}
    made = convert([saved(tmp_path, held)])
    assert (made.entries, made.unused) == (["g_ema"], ["g", "args"])
    assert torch.equal(made.model.generator.start, state["input.input"])


def test_both_generators_of_cyclegan_come_from_one_file(tmp_path):
    folder = FIXTURES / "junyanz-cyclegan"
    files = [folder / "0_net_G_A.pth", folder / "1_net_G_B.pth"]
    held = {name: torch.load(path, weights_only=True) for name, path in zip(("A", "B"), files, strict=True)}
    made, expected = convert([saved(tmp_path, held)], entries=["A", "B"]), convert(files)
    assert (made.origin["entry"], made.unused) == ("A, B", [])
    for key, tensor in expected.model.state_dict().items():
        assert torch.equal(made.model.state_dict()[key], tensor)


def test_settings_and_numbers_of_numpy_are_passed_over_and_nothing_is_made_of_them(tmp_path, state):
    before = torch.serialization.get_safe_globals()
    held = {
        "args": argparse.Namespace(lr=0.1),
        "best": numpy.float64(3.0),
        "losses": numpy.zeros(3),
        "folder": pathlib.Path("/a"),
        "netG": state,
    }
    made = convert([saved(tmp_path, held)])
    assert (made.entries, made.unused) == (["netG"], ["args", "best", "losses", "folder"])
    assert torch.serialization.get_safe_globals() == before
    with pytest.raises(Exception, match="argparse"):
        torch.load(tmp_path / "weights.pth", weights_only=True)


def test_a_checkpoint_that_holds_itself_is_read_once(tmp_path, state):
    held = {"netG": state}
    held["again"] = held
    (found,) = (each for each in read(saved(tmp_path, held)) if each.entry == "netG")
    assert found.others == ("again",)


def test_what_is_not_there_is_not_made_up_for_by_a_part_that_fits(tmp_path):
    path = FIXTURES / "hanzhanggit-stackgan" / "netG_epoch_120.pth"
    held = torch.load(path, weights_only=True)
    del held["img.0.weight"]
    with pytest.raises(errors.WeightsMismatch, match="no known layout"):
        convert([saved(tmp_path, held)])
    with pytest.raises(errors.WeightsMismatch, match="lacks"):
        convert([saved(tmp_path, held)], "hanzhanggit-stackgan")


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("chrischute-realnvp", {"weight_g": "original0", "weight_v": "original1"}),
        ("huggingface-biggan", {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}),
    ],
)
def test_norms_of_weights_have_the_names_of_either_interface_of_torch(tmp_path, name, renamed):
    state, told = fixture(name), {}
    for key, tensor in state.items():
        layer, _, last = key.rpartition(".")
        told[f"{layer}.parametrizations.weight.{renamed[last]}" if last in renamed else key] = tensor
    assert told.keys() != state.keys()
    expected = convert([FIXTURES / name / "checkpoint.pth"]).model.state_dict()
    for key, tensor in convert([saved(tmp_path, told)], name).model.state_dict().items():
        assert torch.equal(tensor, expected[key])


@pytest.mark.parametrize("name", ["weights.pkl", "weights"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_may_have_any_name(tmp_path, state, name, zipped):
    path = saved(tmp_path, state, name, _use_new_zipfile_serialization=zipped)
    assert torch.equal(convert([path]).model.generator[0].weight, state["main.0.weight"])


def test_a_checkpoint_without_tensors_says_what_it_has(tmp_path):
    with pytest.raises(errors.DataError, match=r"has no tensors; its entries are epoch, args\. Save"):
        read(saved(tmp_path, {"epoch": 3, "args": {"lr": 1}}))
