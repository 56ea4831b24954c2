"""What the files of real training runs hold beside tensors, and what wrappers call these."""

import argparse
import pathlib

import numpy
import pytest
import torch
from reference import FIXTURES
from zoo_convert import command, reading
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


@pytest.fixture
def translators(tmp_path):
    """Two files of cyclegan, each with a generator and another that is twice as large a number everywhere."""
    files = []
    for name in ("0_net_G_A.pth", "1_net_G_B.pth"):
        state = torch.load(FIXTURES / "junyanz-cyclegan" / name, weights_only=True)
        held = {"netG": state, "netG_avg": {key: 2 * tensor for key, tensor in state.items()}}
        files.append(saved(tmp_path, held, name))
    return files


def first_weights(made):
    return [generator[0].weight for generator in made.model.generators]


def test_of_several_files_an_entry_is_one_of_each(translators):
    with pytest.raises(errors.InvalidInput, match=r"Say which is meant: --entry netG --entry netG$"):
        convert(translators, "junyanz-cyclegan")
    weights = [torch.load(path, weights_only=True)["netG"]["model.1.weight"] for path in translators]
    for entries in (["netG"], ["netG", "netG"]):
        made = convert(translators, entries=entries)
        assert all(map(torch.equal, first_weights(made), weights))
        assert made.unused == ["netG_avg"]
        assert [name for name, _ in made.files] == ["0_net_G_A.pth", "1_net_G_B.pth"]


def test_what_was_taken_of_one_file_and_not_of_another_is_said_of_each(translators):
    weights = [torch.load(path, weights_only=True) for path in translators]
    made = convert(translators, entries=["netG", "netG_avg"])
    first, second = first_weights(made)
    assert torch.equal(first, weights[0]["netG"]["model.1.weight"])
    assert torch.equal(second, weights[1]["netG_avg"]["model.1.weight"])
    assert "Of `0_net_G_A.pth`, `netG` was taken, and not `netG_avg`." in made.summary
    assert "Of `1_net_G_B.pth`, `netG_avg` was taken, and not `netG`." in made.summary


def test_a_file_of_which_nothing_would_be_taken_is_refused(tmp_path, translators):
    other = saved(tmp_path, {"netD": OTHER}, "other.pth")
    with pytest.raises(errors.UnknownName, match=r"other\.pth has no entry 'netG'\. There are: netD\."):
        convert([translators[0], other], entries=["netG"])
    with pytest.raises(errors.InvalidInput, match="3 entries came for 2 files"):
        convert(translators, entries=["netG", "netG", "netG"])


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
    assert set(torch.serialization.get_safe_globals()) == set(before)
    with pytest.raises(Exception, match="argparse"):
        torch.load(tmp_path / "weights.pth", weights_only=True)


def test_a_checkpoint_that_holds_itself_is_read_once(tmp_path, state):
    held = {"netG": state}
    held["again"] = held
    (found,) = (each for each in read(saved(tmp_path, held)) if each.entry == "netG")
    assert found.others == ["again"]


def test_all_networks_under_one_entry_are_found(tmp_path):
    names = ["netG_A", "netG_B", "netG_C", "generator", "g_ema", "gen_d", "model", "vae"]
    held = {f"{name}.w": torch.full((2,), float(place)) for place, name in enumerate([*names, "netD_A"])}
    found = {each.entry: each for each in read(saved(tmp_path, {"state_dict": held, "epoch": 3}))}
    assert found.keys() == {"state_dict", *(f"state_dict.{name}" for name in names)}
    for place, name in enumerate(names):
        each = found[f"state_dict.{name}"]
        assert each.state["w"].tolist() == [place, place]
        assert each.others == ["epoch", *(f"state_dict.{other}" for other in [*names, "netD_A"] if other != name)]


def test_many_keys_are_read_in_one_pass(tmp_path, monkeypatch):
    asked = []

    class Asked(str):
        def partition(self, separator):
            asked.append(self)
            return super().partition(separator)

        def startswith(self, *_):
            raise AssertionError("each key is looked at for each word")

    monkeypatch.setattr(reading, "_renamed", lambda _, held: {Asked(key): each for key, each in held.items()})
    (found,) = read(saved(tmp_path, {f"layer{i}.weight": torch.zeros(1) for i in range(300)}))
    assert (len(found.state), len(asked)) == (300, 300)


def test_networks_and_dictionaries_that_are_too_deep_are_refused(tmp_path):
    nested = {"w": torch.zeros(1)}
    for _ in range(60):
        nested = {"inner": nested}
    for held in (nested, {"netG." * 3000 + "w": torch.zeros(1), "netD.w": torch.zeros(1)}):
        with pytest.raises(
            errors.DataError, match=r"weights\.pth has more than 50 dictionaries or networks one in ano"
        ):
            read(saved(tmp_path, held))
    (found,) = read(saved(tmp_path, {"module." * 3000 + "w": torch.ones(1)}))
    assert list(found.state) == ["w"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["_orig_mod.w", "w"], "'_orig_mod.w' and 'w' are both called w"),
        ([0, "0"], "0 and '0' are both called 0"),
        (
            ["a.weight_g", "a.parametrizations.weight.original0"],
            "'a.weight_g' and 'a.para.* are both called a.weight_g",
        ),
    ],
)
def test_tensors_that_would_have_one_name_are_refused(tmp_path, keys, told):
    with pytest.raises(errors.DataError, match=told):
        read(saved(tmp_path, {key: torch.zeros(1) for key in keys}))


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
