"""`zoo convert`: files that are read and refused, tensors that are left over, and the release that comes of it."""

import os
import subprocess
import sys
import zipfile

import pytest
import torch
import yaml
from reference import FIXTURES
from safetensors import safe_open
from safetensors.torch import save_file
from zoo_convert import command
from zoo_convert.converting import convert
from zoo_convert.layout import Row
from zoo_convert.layouts import LAYOUTS

import zoo
from zoo.plugin import errors

DCGAN = FIXTURES / "pytorch-examples-dcgan" / "checkpoint.pth"


@pytest.fixture
def state():
    return torch.load(DCGAN, weights_only=True)


def saved(path, held):
    torch.save(held, path)
    return path


def run(*words, status=0):
    """What the command prints, as a user runs it."""
    done = subprocess.run([sys.executable, "-m", "zoo", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_file_that_wants_to_run_code_is_refused_by_name_and_runs_none(tmp_path, state):
    path = saved(tmp_path / "bad.pth", {**state, "extra": Harmful(str(tmp_path / "made"))})
    with pytest.raises(errors.DataError, match=r"bad\.pth wants to run code to be read \(\w+\.mkdir\).*state_dict"):
        convert([path])
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("weights.h5", b"\x89HDF\r\n", r"weights\.h5 is damaged or no checkpoint; it begins with '\\x89HDF"),
        (
            "weights.pth",
            b"<!DOCTYPE html>",
            r"weights\.pth is damaged or no checkpoint; it begins with '<!DOCTYPE html>'",
        ),
        ("weights.pth", b"", r"weights\.pth is damaged or no checkpoint; it is empty"),
        ("weights.safetensors", b"short", "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=told):
        convert([tmp_path / name])


def test_a_pickle_that_breaks_off_anywhere_is_said_to_be_damaged(tmp_path, state):
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "old.pth").read_bytes()
    for end in [*range(1, 400, 7), *range(400, len(content), 5000)]:
        (tmp_path / "broken.pth").write_bytes(content[:end])
        with pytest.raises(errors.DataError, match=r"broken\.pth"):
            convert([tmp_path / "broken.pth"])


@pytest.mark.parametrize(
    ("tensor", "told"),
    [
        (torch.zeros(1).expand(100_000, 10_000), r"of shape \(100000, 10000\), and the file has 4 bytes of it"),
        (torch.empty(100_000, 10_000, device="meta"), r"of torch\.float32 on meta"),
        (torch.eye(3).to_sparse(), "sparse_coo"),
        (torch.ones(100, dtype=torch.complex64), r"of torch\.complex64"),
        (torch.empty(10**9, 0), r"of shape \(1000000000, 0\), of no elements"),
    ],
    ids=["repeated", "meta", "sparse", "complex", "empty"],
)
def test_what_is_no_array_of_numbers_is_refused_before_a_model_is_made_for_it(tmp_path, state, tensor, told):
    for held in ({**state, "main.0.weight": tensor}, {"state_dict": {**state, "main.0.weight": tensor}}):
        with pytest.raises(errors.DataError, match=rf"bad\.pth: main\.0\.weight is .*{told}"):
            convert([saved(tmp_path / "bad.pth", held)])


def test_a_model_of_other_shapes_than_the_file_is_not_allocated(tmp_path, state, monkeypatch):
    made, create = [], zoo.create
    monkeypatch.setattr("zoo.create", lambda *args, **config: made.append(create(*args, **config)) or made[-1])
    odd = {"main.0.weight": torch.zeros(8, 800, 1, 1), "main.12.weight": torch.zeros(100, 1, 1, 1)}
    with pytest.raises(errors.WeightsMismatch, match="expected"):
        convert([saved(tmp_path / "odd.pth", state | odd)], "pytorch-examples-dcgan")
    assert made
    assert all(tensor.is_meta for model in made for tensor in model.state_dict().values())


def test_a_file_that_was_packed_by_others_is_read(tmp_path, state):
    torch.save(state, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for each in plain.namelist():
            packed.writestr(each, plain.read(each))
    assert sum(each.file_size for each in packed.infolist()) > (tmp_path / "packed.pth").stat().st_size
    assert torch.equal(convert([tmp_path / "packed.pth"]).model.generator[0].weight, state["main.0.weight"])


def test_the_command_says_which_files_it_reads():
    told = " ".join(run("convert", "--help").split())
    assert "pickles of any name" in told
    assert ".onnx" in told


def test_a_file_that_unpacks_to_more_than_it_is_is_not_unpacked(tmp_path):
    with (
        zipfile.ZipFile(DCGAN) as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for each in plain.namelist():
            packed.writestr(each, bytes(10**6) if "/data/" in each else plain.read(each))
    with pytest.raises(errors.DataError, match=r"bomb\.pth has \d+ bytes and unpacks to \d+"):
        convert([tmp_path / "bomb.pth"])


@pytest.mark.parametrize("text", ["[3", "2026-13-45", "&x [*x"])
def test_a_setting_that_is_no_yaml_is_refused(tmp_path, text):
    with pytest.raises(errors.InvalidInput, match="is no YAML"):
        command.convert([str(DCGAN)], tmp_path / "out", [f"image_shape={text}"], [], force=False)


def test_parts_of_a_tensor_that_do_not_go_together_are_named(tmp_path):
    held = torch.load(FIXTURES / "pytorch-examples-vae" / "checkpoint.pth", weights_only=True)
    path = saved(tmp_path / "vae.pth", {**held, "fc22.weight": held["fc22.weight"][:, :-1].clone()})
    with pytest.raises(errors.WeightsMismatch, match=r"fc21\.weight of .*, fc22\.weight of .* do not make one tensor"):
        convert([path], "pytorch-examples-vae")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(errors.DataError, match="is no file"):
        convert([tmp_path / "nothing.pth"])


def test_keys_that_are_numbers_are_named(tmp_path):
    path = saved(tmp_path / "numbered.pth", {0: torch.zeros(2), 1: torch.zeros(2)})
    with pytest.raises(errors.WeightsMismatch, match="no known layout has these keys: 0, 1"):
        convert([path])


def test_a_tensor_too_many_is_named(tmp_path, state):
    path = saved(tmp_path / "more.pth", {**state, "head.weight": torch.zeros(2)})
    with pytest.raises(errors.WeightsMismatch, match=r"head\.weight is no part of pytorch-examples-dcgan"):
        convert([path], "pytorch-examples-dcgan")
    with pytest.raises(errors.WeightsMismatch, match="no known layout has these keys"):
        convert([path])


def test_a_tensor_too_few_is_named(tmp_path, state):
    del state["main.4.running_mean"]
    with pytest.raises(errors.WeightsMismatch, match=r"lacks generator\.4\.running_mean for the dcgan"):
        convert([saved(tmp_path / "less.pth", state)], "dcgan")


def test_a_tensor_of_another_shape_is_named(tmp_path, state):
    state["main.4.weight"] = torch.ones(5)
    with pytest.raises(errors.WeightsMismatch, match=r"main\.4\.weight is \(5,\); expected \(12,\)"):
        convert([saved(tmp_path / "other.pth", state)], "dcgan")


def test_counters_that_torch_had_not_yet_may_be_missing(tmp_path, state):
    old = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    model = convert([saved(tmp_path / "old.pth", old)]).model
    assert torch.equal(model.generator[1].running_mean, state["main.1.running_mean"])


def test_a_state_dict_is_found_in_a_checkpoint_and_without_data_parallel(tmp_path, state):
    held = {"epoch": 3, "state_dict": {f"module.{key}": tensor for key, tensor in state.items()}, "optimizer": {}}
    made = convert([saved(tmp_path / "wrapped.pth", held)])
    assert (made.entries, made.unused) == (["state_dict"], ["epoch", "optimizer"])
    assert "`state_dict` was taken, and not `epoch`, `optimizer`" in made.summary
    assert torch.equal(made.model.generator[0].weight, state["main.0.weight"])


def test_safetensors_and_half_precision(tmp_path, state):
    save_file({key: t.half() if t.is_floating_point() else t for key, t in state.items()}, tmp_path / "w.safetensors")
    weight = convert([tmp_path / "w.safetensors"]).model.generator[0].weight
    assert torch.equal(weight, state["main.0.weight"].half().float())


def test_an_unknown_layout_and_no_file():
    with pytest.raises(errors.UnknownName, match="no layout is called 'dgcan'"):
        convert([DCGAN], "dgcan")
    with pytest.raises(errors.InvalidInput, match="no file came"):
        convert([])


def test_a_plugin_that_is_not_there_is_named(monkeypatch):
    def unknown(name, **_):
        raise errors.UnknownName(f"no architecture is called {name!r}.")

    monkeypatch.setattr("zoo.create", unknown)
    for source in (None, "diffusers-ddpm"):
        with pytest.raises(errors.PluginError, match=r"diffusers-ddpm is of ddpm, .*\./plugins/zoo-diffusion"):
            convert([FIXTURES / "diffusers-ddpm"], source)
    with pytest.raises(errors.UnknownName, match="dcgan"):
        convert([DCGAN], "dcgan")


def test_a_row_without_all_of_its_tensors_uses_none():
    row = Row(("a.{i}", "b.{i}"), "c.{i}")
    assert row.uses(["a.1", "b.1", "a.2"]) == {"c.1": ("a.1", "b.1")}


def test_a_release_comes_of_it_that_loads_and_says_where_it_is_from(tmp_path):
    out = tmp_path / "my-dcgan"
    told = run("convert", DCGAN, "--out", out)
    assert "zoo card" in told
    files = {"README.md", "model.safetensors", "golden.safetensors", "samples.png"}
    assert {path.name for path in out.iterdir()} == files
    _, front, body = (out / "README.md").read_text().split("---\n", 2)
    front = yaml.safe_load(front)
    origin = front["zoo"]["origin"]
    assert (front["license"], origin["layout"], origin["tensors"]) == ("unknown", "pytorch-examples-dcgan", 25)
    assert origin["files"][0]["sha256"] in body
    assert torch.equal(zoo.load(out).generate(2, seed=0), convert([DCGAN]).model.generate(2, seed=0))
    assert "license is 'unknown'" in run("card", out, "--check", status=1)


def test_the_card_has_what_the_authors_report_and_why_it_does_not_compare(tmp_path):
    command.convert([DCGAN], tmp_path / "mine", [], [], "FID 37.1 of 50,000 images {x}", force=False)
    text = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    origin = text[text.index("## Origin") : text.index("## Numbers")]
    assert "Its authors report FID 37.1 of 50,000 images {x}. The numbers below are of the one protocol" in origin
    assert "inception-fid" in origin
    command.convert([DCGAN], tmp_path / "other", [], [], force=False)
    assert "authors report" not in (tmp_path / "other" / "README.md").read_text(encoding="utf-8")


def test_what_is_in_the_folder_is_not_written_over_unless_asked_for(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(errors.TrainingError, match=r"already holds README\.md"):
        command.convert([str(DCGAN)], tmp_path, [], [], force=False)
    assert (tmp_path / "README.md").read_text() == "mine"
    command.convert([str(DCGAN)], tmp_path, [], [], force=True)
    zoo.load(tmp_path)


def test_without_a_folder_nothing_is_written():
    with pytest.raises(errors.InvalidInput, match="--out"):
        command.convert([str(DCGAN)], None, [], [], force=False)


def test_a_layout_may_be_named_before_the_file(tmp_path):
    command.convert(["dcgan", str(DCGAN)], tmp_path / "a", ["config.latent_dim=8"], [], force=False)
    with pytest.raises(errors.UnknownName, match="dcgna"):
        command.convert(["dcgna", str(DCGAN)], tmp_path / "b", [], [], force=False)
    with pytest.raises(errors.InvalidInput, match="no setting"):
        command.convert([str(DCGAN)], tmp_path / "b", ["latent_dim"], [], force=False)


def test_the_list_names_every_layout_and_every_layout_has_a_fixture(capsys):
    command.say_list()
    told = capsys.readouterr().out
    for name, layout in LAYOUTS.items():
        assert name in told
        assert layout.repository in told
        fixtures = {name, name.replace("-srgan", "-srresnet")}  # one network, one fixture
        assert any(list(FIXTURES.glob(f"{fixture}*/expected.safetensors")) for fixture in fixtures)


def test_fixtures_are_small_and_say_where_they_are_from():
    for folder in FIXTURES.iterdir():
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 200 * 1024
        with safe_open(folder / "expected.safetensors", "pt") as file:
            about = file.metadata()
        layout = LAYOUTS[folder.name.partition("+")[0]]
        assert (about["repository"], about["commit"]) == (layout.repository, layout.commit)
