"""Samples in files of which some are bad, and results that are no numbers."""

import pytest
import torch
import typer
from PIL import Image

from zoo.cli.reading import end, finite, read_samples
from zoo.errors import DataError, InvalidInput
from zoo.spaces import Images


class Model:
    name, space = "tiny", Images((1, 2, 2))

    def check_weights(self, what):
        self.asked = what


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        Image.new("L", (2, 2), 51 * i).save(tmp_path / f"{i}.png")
    return tmp_path


def test_files_and_folders_become_samples_in_order(folder):
    names, samples = read_samples(Model(), [folder / "2.png", folder], most=3)
    assert [name.rpartition("/")[2] for name in names] == ["2.png", "0.png", "1.png"]
    assert (samples[:, 0, 0, 0] * 5).tolist() == pytest.approx([2, 0, 1])


def test_bad_files_are_an_error_or_are_listed(folder):
    (folder / "1.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1\.png"):
        read_samples(Model(), [folder])
    bad = []
    names, samples = read_samples(Model(), [folder], bad=bad)
    assert [name.rpartition("/")[2] for name in names] == ["0.png", "2.png", "3.png"]
    assert (samples[:, 0, 0, 0] * 5).tolist() == pytest.approx([0, 2, 3])
    assert len(bad) == 1
    assert "1.png" in bad[0]


def test_when_none_is_left_all_are_told(folder):
    for name in ("0.png", "1.png"):
        (folder / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0\.png.*1\.png"):
        read_samples(Model(), [folder / "0.png", folder / "1.png"], bad=[])


def test_rows_without_nan_are_kept_and_the_others_told():
    results = torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [torch.inf, 0.0]])
    bad, model = [], Model()
    assert finite(model, ["a", "b", "c"], results, bad) == [0, 2]
    assert bad == ["b: tiny computed NaN; it is too far from what that was trained on."]
    assert model.asked == "b"
    assert finite(model, ["a", "c"], results[[0, 2]], None) == [0, 1]


@pytest.mark.parametrize(
    ("count", "arguments", "told"),
    [
        (1, {}, "tiny computed NaN of 0: too far from what it was trained on. Leave it out, or pass --skip-bad"),
        (1, {"skips": False}, "Leave it out."),
        (9, {}, "of 0, 1, 2, 3, 4, 5, 6, 7 and 1 more: too far from what it was trained on. Leave them out, or pass"),
    ],
)
def test_nan_is_an_error_unless_it_may_be_left_out(count, arguments, told):
    results = torch.full((count + 1,), torch.nan)
    results[-1] = 0
    with pytest.raises(InvalidInput) as caught:
        finite(Model(), [str(i) for i in range(count + 1)], results, None, **arguments)
    assert told in str(caught.value)


def test_nan_alone_is_an_error_in_any_case():
    with pytest.raises(InvalidInput, match="tiny computed NaN of a"):
        finite(Model(), ["a"], torch.tensor([torch.nan]), [])


def test_of_a_part_no_row_need_be_left():
    nan, bad = torch.full((1, 2), torch.nan), []
    assert finite(Model(), ["a"], nan, bad, part=True) == []
    assert bad == ["a: tiny computed NaN; it is too far from what that was trained on."]
    with pytest.raises(InvalidInput, match="computed NaN of a"):
        finite(Model(), ["a"], nan, [])
    with pytest.raises(InvalidInput, match="computed NaN of a"):
        finite(Model(), ["a"], nan, None, part=True)


def test_several_processes_list_it_and_let_the_others_go_on(capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    end(["one"])
    assert capsys.readouterr().err.endswith("  one\n")


def test_what_went_wrong_is_listed_at_the_end(capsys):
    end([])
    end(None)
    with pytest.raises(typer.Exit) as caught:
        end(["one", "two"], "row", "scored")
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err == "2 rows could not be scored:\n  one\n  two\n"
