import pytest
import torch
from zoo_sequences import data

import zoo
from zoo.plugin import data as loading
from zoo.plugin import errors

CHOICES = {"shape": (4,), "holdout": 0, "download": False}


def test_lines_of_a_file_are_parted_by_the_sentence(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(["a dog", "a cat", "a dog", "a b c d e", ""] * 3 + ["the mat", "one", "two"]) + "\n")
    splits = [data.sentences(file, split, **{**CHOICES, "holdout": 3}) for split in ("train", "test")]
    texts = [{captions[0] for captions in each.captions} for each in splits]
    assert not texts[0] & texts[1]
    assert [len(each) for each in splits] == [9 + 3 - len(splits[1]), len(splits[1])]
    assert 1 <= len(splits[1]) <= 3
    assert "left out, empty or too long" in splits[0].summary
    assert splits[0].division == splits[1].division
    assert splits[0].images.dtype == torch.int64
    assert splits[0].config == splits[1].config  # the vocabulary of the training split


def test_a_folder_that_is_parted_stays_so(tmp_path):
    (tmp_path / "train.txt").write_text("a dog\na cat\n")
    (tmp_path / "test.txt").write_text("a dog\na mat\n")
    (tmp_path / "notes.txt").write_text("never read\n")
    train, test = (data.coco_captions(tmp_path, split, **CHOICES) for split in ("train", "test"))
    assert train.captions == (("a dog",), ("a cat",))
    assert test.captions == (("a mat",),)  # but for what was trained on
    assert train.config == {"vocabulary": "a cat dog"}
    assert test.images.tolist() == [[2, 1, 0, 0]]


def test_pairs_of_one_source_stay_together(tmp_path):
    (tmp_path / "fra.txt").write_text("Go.\tVa !\tCC-BY\nGo.\tAllez !\nRun!\tCours !\nHi.\tSalut !\nWho?\tQui ?\n")
    (tmp_path / "_about.txt").write_text("Where they are from.\n")
    train, test = (data.eng_fra(tmp_path, split, **{**CHOICES, "holdout": 2}) for split in ("train", "test"))
    assert len(train) + sum(map(len, test.captions)) == 5
    assert len(train.sources) == len(train.images)
    (tmp_path / "fra.txt").rename(tmp_path / "fra.tsv")
    both = [data.pairs(tmp_path, split, **{**CHOICES, "holdout": 4}) for split in ("train", "test")]
    given = [{tuple(row) for row in part.sources.tolist()} for part in both]
    assert not (given[0] - {(1, 1, 0, 0)}) & given[1]
    references = [captions for captions in (*train.captions, *test.captions) if "Va !" in captions]
    assert references in ([("Va !",)], [("Va !", "Allez !")])


def test_bad_lines_of_pairs_are_named(tmp_path):
    (tmp_path / "pairs.tsv").write_text("Go.\tVa !\nRun!\n")
    with pytest.raises(errors.DataError, match=r"pairs.tsv, line 2: no tab"):
        data.pairs(tmp_path / "pairs.tsv", "train", **CHOICES)


def test_data_are_found_by_name_and_read_for_the_model(tmp_path):
    (tmp_path / "lines.txt").write_text("a dog\na cat\n")
    model = zoo.create("rnn-lm", length=4, vocabulary="cat a")
    read = loading.load("sentences", tmp_path, "train", shape=(4,), model=model)
    assert read.images.tolist() == [[3, 1, 0, 0], [3, 2, 0, 0]]
    (tmp_path / "lines.txt").unlink()
    with pytest.raises(errors.DataError, match="has no file of sentences"):
        loading.load("sentences", tmp_path, "train", shape=(4,))
    with pytest.raises(errors.DataError, match=r"gone.*file or folder of the data set"):
        loading.load("sentences", tmp_path / "gone", "train", shape=(4,))
    with pytest.raises(errors.DataError, match="the model is one of images"):
        loading.load("sentences", tmp_path, "train", shape=(1, 28, 28), model=zoo.create("gan"))


def test_data_of_a_name_are_read_for_the_model_too(tmp_path):
    (tmp_path / "train.txt").write_text("a dog\na cat\n")
    (tmp_path / "test.txt").write_text("a mat\n")
    model = zoo.create("rnn-lm", length=4, vocabulary="cat a")
    read = loading.load("coco-captions", tmp_path, "train", shape=(4,), model=model)
    assert read.images.tolist() == [[3, 1, 0, 0], [3, 2, 0, 0]]
    (tmp_path / "fra.txt").write_text("Go on.\tVa !\nRun!\tCours !\n")
    model = zoo.create("seq2seq", length=4, source_length=2, words=1)
    read = loading.load("eng-fra", tmp_path / "fra.txt", "train", shape=(4,), model=model)
    assert (read.sources.shape, read.config["vocabulary"]) == ((1, 2), "!")


def test_what_differs_by_case_and_spaces_alone_is_never_parted(tmp_path):
    lines = [f"{start} dog  number w{k}{end}" for k in range(10) for start, end in (("A", ""), ("a", " "))]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "pairs.tsv").write_text("".join(f"{line.strip()}\tthat {k}\n" for k, line in enumerate(lines)))
    for made, file in ((data.sentences, "lines.txt"), (data.pairs, "pairs.tsv")):
        for seed in (0, None):
            choices = {"shape": (5,), "holdout": 7, "download": False, "holdout_seed": seed}
            model = zoo.create("seq2seq", length=5, source_length=5) if made is data.pairs else None
            train, test = (made(tmp_path / file, split, model=model, **choices) for split in ("train", "test"))
            rows = [part.sources if made is data.pairs else part.images for part in (train, test)]
            words = [{row[3] for row in part.tolist()} - {1} for part in rows]
            assert len(words[0]) == 7
            assert not words[0] & words[1]
            assert len(test) == (3 if made is data.pairs else 6)
    assert all(len(captions) == 2 for captions in test.captions)


def test_sentences_of_test_that_stand_in_training_are_counted(tmp_path):
    (tmp_path / "train.txt").write_text("a dog\na cat\n")
    (tmp_path / "test.txt").write_text("A  dog\na mat\na cat\n")
    test = data.sentences(tmp_path, "test", **CHOICES)
    assert test.captions == (("a mat",),)
    assert test.summary.endswith("1 for test; 2 of test left out, which stand in training.")


@pytest.mark.parametrize("names", [("train.txt", "valid.txt"), ("Train.jsonl", "dev.txt"), ("train.tsv", "test.txt")])
def test_two_files_of_parts_are_a_pair(tmp_path, names):
    for name, text in zip(names, ("a\tb", "c\td"), strict=True):
        (tmp_path / name).write_text(f'"{text}"\n'.replace("\t", " ") if name.endswith("jsonl") else f"{text}\n")
    (tmp_path / "more.txt").write_text("e\tf\n")
    made = data.pairs if names[0].endswith("tsv") else data.sentences
    assert [len(made(tmp_path, split, **CHOICES)) for split in ("train", "test")] == [1, 1]


@pytest.mark.parametrize(
    "names", [("train.txt", "train.jsonl", "test.txt"), ("train.txt", "valid.txt", "test.txt"), ("test.txt", "a.txt")]
)
def test_files_of_parts_that_are_no_pair_are_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text('"a dog"\n')
    with pytest.raises(errors.DataError, match=r"test.txt.*expected one file of training"):
        data.sentences(tmp_path, "train", **CHOICES)


SMALL = {"config.length": 4, "config.embedding": 4, "config.hidden": 4, "steps": 1}


@pytest.mark.parametrize(("name", "row"), [("rnn-lm", "dog number {}"), ("seq2seq", "dog number {}\tchien {}")])
def test_a_tenth_is_held_out_unless_it_says_what_is(tmp_path, name, row):
    def fitted(path):
        zoo.train(name, str(path), out=tmp_path / "mine", force=True, progress=False, **SMALL)
        training = zoo.load(tmp_path / "mine").provenance.training
        return training["holdout"], training["batch_size"]

    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "all.txt").write_text("".join(f"{row.format(k, k)}\n" for k in range(42)))
    assert [fitted(path) for path in (texts, texts / "all.txt")] == [(4, 38)] * 2
    (texts / "all.txt").rename(texts / "train.txt")
    (texts / "valid.txt").write_text(f"{row.format(50, 50)}\n")
    assert fitted(texts) == (0, 42)


def test_what_was_held_out_by_itself_is_measured(tmp_path):
    (tmp_path / "all.txt").write_text("".join(f"dog number {k}\n" for k in range(40)))
    zoo.train("rnn-lm", str(tmp_path / "all.txt"), out=tmp_path / "mine", progress=False, **SMALL)
    records = zoo.evaluate(str(tmp_path / "mine"), str(tmp_path / "all.txt"), metrics=["perplexity"])
    assert [record.args["n_real"] for record in records] == [4, 4]
