"""Images with captions: which caption goes with which picture, what is held out, and what is wrong with a table."""

import json

import pytest
import torch
from PIL import Image

from zoo.data import loading as data
from zoo.data.captions import embedded
from zoo.data.dataset import TensorDataset
from zoo.errors import DataError
from zoo.images import Reader


def load(root, split="train", *, holdout=0, seed=0):
    return data.load("captioned-images", root, split, shape=(3, 8, 8), holdout=holdout, holdout_seed=seed)


def places(dataset):
    """Of pictures of `captioned` in its table, counted from 0: they are redder by 20 levels each."""
    return (dataset.images[:, 0, 0, 0] // 20).tolist()


@pytest.fixture
def table(tmp_path):
    """`table("captions.csv", text)`: a folder that has it and the picture a.png."""

    def write(name, text):
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def as_lines(root):
    """The table of `captioned` as captions.jsonl, with the blank lines that editors leave."""
    found = load(root)
    (root / "captions.csv").unlink()
    files = [f"{letter}.png" for letter in "mlkjihgfedcb"] + ["more/a.png"]
    lines = [json.dumps({"file": file, "captions": each}) for file, each in zip(files, found.captions, strict=True)]
    (root / "captions.jsonl").write_text("\n" + "\n \n".join(lines) + "\n\n\n")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_pictures_come_in_the_order_of_the_table_each_with_all_its_captions(captioned, form):
    if form == "jsonl":
        as_lines(captioned)
    found = load(captioned)
    assert (found.name, found.split, found.images.dtype) == ("captioned", "train", torch.uint8)
    assert places(found) == list(range(13))
    assert found.captions == tuple((f"{i} parts of red, on black", f"RED: {100 + i}") for i in range(13))
    assert (found.labels, found.classes) == (None, ())


def test_csv_captions_may_be_quoted_and_lines_blank(table):
    root = table(
        "captions.csv", 'file,more,caption\r\n\r\na.png,7,"a red ""square"", and\na circle"\r\na.png,,Étoile\r\n'
    )
    assert load(root).captions == (('a red "square", and\na circle', "Étoile"),)


def test_a_picture_under_two_spellings_is_one(table):
    root = table("captions.csv", "file,caption\na.png,one\n./a.png,two\nmore/../a.png,three\n")
    (root / "more").mkdir()
    found = load(root)
    assert (found.names, found.captions) == (("a.png",), (("one", "two", "three"),))


def test_jsonl_captions_of_a_picture_may_come_in_several_lines(table):
    root = table(
        "captions.jsonl", '{"file": "a.png", "captions": ["one", "two"]}\r\n{"captions": ["three"], "file": "a.png"}'
    )
    assert load(root).captions == (("one", "two", "three"),)


@pytest.mark.parametrize(
    ("holdout", "held"),
    [(1, [0]), (2, [0, 12]), (3, [0, 6, 12]), (5, [0, 3, 6, 9, 12]), (12, [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])],
)
def test_what_is_held_out_is_spread_evenly_over_the_table_without_a_seed(captioned, holdout, held):
    train, test = (load(captioned, split, holdout=holdout, seed=None) for split in ("train", "test"))
    assert places(test) == held
    assert places(train) == [place for place in range(13) if place not in held]
    for part in (train, test):
        assert [own[1] for own in part.captions] == [f"RED: {100 + place}" for place in places(part)]


def test_what_is_held_out_is_drawn_by_seed(captioned):
    train, test = (load(captioned, split, holdout=4) for split in ("train", "test"))
    assert sorted(places(train) + places(test)) == list(range(13))
    assert (len(test), train.division) == (4, test.division)
    assert len({tuple(places(load(captioned, "test", holdout=4, seed=seed))) for seed in range(6)}) == 6
    assert [own[1] for own in test.captions] == [f"RED: {100 + place}" for place in places(test)]


def test_siblings_of_another_skin_tone_are_not_parted(tmp_path):
    lines, tones = ["file,caption"], ["", " light skin tone", " medium-dark skin tone", ": medium skin tone"]
    for place, name in enumerate(["waving hand", "thumbs up", "clown", "men holding hands", "dark moon", "pencil"]):
        for tone in tones if place % 2 == 0 else [""]:
            lines.append(f"{len(lines)}.png,{name}{tone}")
            Image.new("RGB", (8, 8)).save(tmp_path / f"{len(lines) - 1}.png")
    (tmp_path / "captions.csv").write_text("\n".join(lines) + "\n")
    for seed in range(8):
        train, test = (load(tmp_path, split, holdout=6, seed=seed) for split in ("train", "test"))
        shown = [{" ".join(own[0].replace(":", "").split()[:2]) for own in part.captions} for part in (train, test)]
        assert not shown[0] & shown[1]
        assert 4 <= len(test) <= 6


@pytest.mark.parametrize("holdout", [13, 100])
def test_all_may_be_held_out_and_then_there_is_none_to_train_on(captioned, holdout):
    assert len(load(captioned, "test", holdout=holdout)) == 13
    with pytest.raises(DataError, match=rf"no train samples in .*held out: holdout={holdout}\."):
        load(captioned, holdout=holdout)
    with pytest.raises(DataError, match=r"no test samples in .*held out: holdout=0\."):
        load(captioned, "test")


def test_without_a_table_both_names_are_told(tmp_path):
    with pytest.raises(DataError, match=r"has neither captions\.csv nor captions\.jsonl\. Pass --data"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file,text\na.png,red\n", "line 1: the columns are file, text; expected a header that names file and caption"),
        ("picture;caption\na.png;red\n", "line 1: the columns are picture, caption; expected a header"),
        ("a.png,red\na.png,blue\n", r"line 1: the columns are a\.png, red; expected a header"),
        ("", "line 1: the columns are none; expected a header"),
        ("file,caption,caption\na.png,red,blue\n", "line 1: two columns are called caption"),
        ('file,caption\na.png,"red\n', "line 2: unexpected end of data"),
        (
            "file,caption\na.png,red\na.png,\u2019s\n".encode("cp1252"),
            "line 3: the byte 0x92 is no UTF-8. Save the table",
        ),
        ("file,caption\na.png,red\na.png\n", "line 3: more or fewer than 2 columns; texts with ',' need quotes"),
        (
            "file;caption\n\na.png;a red square; and\n",
            "line 3: more or fewer than 2 columns; texts with ';' need quotes",
        ),
    ],
    ids=[
        "no caption column",
        "no file column",
        "no header",
        "empty",
        "twice",
        "open quote",
        "cp1252",
        "short row",
        "long row",
    ],
)
def test_malformed_csv_is_named_with_its_line(table, text, reason):
    with pytest.raises(DataError, match=rf"captions\.csv, {reason}") as caught:
        load(table("captions.csv", text))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("names", ["file{}caption", '"file"{}"caption"', "more{}file{}caption", " file{} caption"])
def test_columns_may_be_apart_by_what_spreadsheets_write(table, delimiter, names):
    header = names.replace("{}", delimiter)
    row = delimiter.join(["7"] * ("more" in names) + ["a.png", f'"red{delimiter} and\u2028blue"'])
    assert load(table("captions.csv", f"{header}\n{row}\n")).captions == ((f"red{delimiter} and\u2028blue",),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"file": "a.png"', "is no JSON"),
        ("file,captions\n", "is no JSON"),
        ('["a.png", "red"]', "has no file, or no list of texts"),
        ("3", "has no file, or no list of texts"),
        ('{"captions": ["red"]}', "has no file, or no list of texts"),
        ('{"file": "a.png"}', "has no file, or no list of texts"),
        ('{"file": "a.png", "captions": "red"}', "has no file, or no list of texts"),
        ('{"file": "a.png", "captions": {"red": 1}}', "has no file, or no list of texts"),
        ('{"file": "a.png", "captions": ["red", null]}', "has no file, or no list of texts"),
        ('{"file": 3, "captions": ["red"]}', "has no file, or no list of texts"),
    ],
)
def test_malformed_jsonl_is_named(table, text, reason):
    good = '{"file": "a.png", "captions": ["red"]}\n'
    with pytest.raises(DataError, match=rf"captions\.jsonl, line 2 {reason}"):
        load(table("captions.jsonl", good + text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", "file,caption\na.png,\n"),
        ("captions.csv", 'file,caption\na.png,red\na.png," "\n'),
        ("captions.jsonl", '{"file": "a.png", "captions": []}'),
        ("captions.jsonl", '{"file": "a.png", "captions": ["red", "\\t"]}'),
        ("captions.csv", "file,caption\na.png,…\n"),
    ],
)
def test_captions_without_words_are_named(table, name, text):
    with pytest.raises(DataError, match=rf"{name} has no caption for a\.png, or one without words\. Write one"):
        load(table(name, text))


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_pictures_that_are_not_there_are_named(captioned, damage):
    path = captioned / "more" / "a.png"
    path.unlink()
    if damage == "damaged":
        path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(DataError, match=r"more/a\.png is not (there|a readable image)"):
        load(captioned)


# Embeddings ----------------------------------------------------------------------------------------------------------


def captions_of(*captions):
    return TensorDataset("made up", "test", torch.zeros(len(captions), 1, 1, 1, dtype=torch.uint8), captions=captions)


def test_first_captions_are_embedded_strange_words_unknown_and_long_ones_cut(speller):
    """Any warning is an error in these tests."""
    model = speller(("a", "red"), words=3)
    made_up = captions_of(("red", "a"), ("a zebra",), ("", "a"), ("A red! A red.", "a"))
    assert embedded(model, made_up, torch.tensor([3, 0, 1])).tolist() == [[2, 3, 2], [3, 0, 0], [2, 1, 0]]


def test_captions_are_embedded_in_eval_mode_and_without_gradients(speller):
    class Moody(speller):
        def _embed(self, indices):
            return (1 + self.training) * super()._embed(indices)

    model = Moody(("red",)).train()
    embeddings = embedded(model, captions_of(("red",)), torch.tensor([0]))
    assert (embeddings.tolist(), embeddings.requires_grad, model.training) == ([[2]], False, True)


def test_without_captions_there_is_nothing_to_embed(speller):
    with pytest.raises(DataError, match=r"conditioned on texts, but made up has no captions\. Use its data set"):
        embedded(speller(("red",)), captions_of(), torch.tensor([], dtype=torch.long))


def test_pictures_that_are_excluded_do_not_count(captioned):
    more = {"shape": (3, 8, 8), "reader": Reader(exclude=("m.png",))}
    found = data.load("captioned-images", captioned, "train", **more)
    assert len(found) == 12
    assert "12 training, none held out" in found.summary
