"""Cards: reading, checking and writing a release's README.md."""

import base64
import copy
import dataclasses
import os

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zoo
from zoo.errors import CardError
from zoo.releases import cards
from zoo.releases.cards import FORMAT, Card

# PyYAML folds U+0085, a line end of its own, into a space; control characters have no place on a card.
PRINTABLE = st.characters(exclude_categories=["Cc", "Cs"])
METRIC = {
    "type": "frechet",
    "name": "Fréchet distance",
    "value": 12.3456,
    "args": {"floor": 1.5, "n": 10, "seed": None},
}


def index(*metrics):
    return [{"name": "tiny", "results": [{"task": {"type": "image-generation"}, "metrics": list(metrics)}]}]


def text_of(front, body="# Title\n"):
    return f"---\n{yaml.safe_dump(front)}---\n{body}"


@pytest.fixture
def read(tmp_path):
    """Write bytes or text as a card and read it."""

    def write(text):
        (tmp_path / "README.md").write_bytes(text if isinstance(text, bytes) else text.encode())
        return Card.read(tmp_path)

    return write


def test_reads_what_the_front_matter_says(read, front):
    front["zoo"]["weights"] = {"sha256": "0" * 64, "bytes": 5, "repo": "org/name", "revision": "a" * 40}
    front["model-index"] = index(METRIC)
    card = read(text_of(front))
    assert card.architecture == "dcgan"
    assert card.config == front["zoo"]["config"]
    assert card.dataset == "made-up"
    assert card.license == "apache-2.0"
    assert card.shape == (3, 8, 8)
    assert card.weights["bytes"] == 5
    assert card.training == {"dataset": "image-folder", "steps": 7}
    assert card.metrics == [METRIC]
    assert card.body == "# Title\n"


def test_a_card_before_the_first_training_has_neither_weights_nor_metrics(read, front):
    card = read(text_of(front))
    assert card.weights == {}
    assert card.metrics == []


def test_round_trip_keeps_everything(tmp_path, front):
    front["zoo"]["data"]["description"] = "60 000 images · “quoted”: yes, no, 1e3, null"
    card = Card(tmp_path, front, "\n# Title\n\ntext --- with dashes\n---\nand a rule\n")
    card.write()
    assert Card.read(tmp_path) == card


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(text=st.text(PRINTABLE, max_size=20), key=st.text(PRINTABLE, min_size=1, max_size=8))
def test_any_text_survives_the_round_trip(tmp_path, front, text, key):
    front = copy.deepcopy(front)
    front["zoo"]["training"][key] = text
    Card(tmp_path, front, "body\n").write()
    assert Card.read(tmp_path).training[key] == text


@pytest.mark.parametrize("change", [lambda t: t.replace(b"\n", b"\r\n"), lambda t: b"\xef\xbb\xbf" + t])
def test_windows_line_ends_and_byte_order_mark(read, front, change):
    card = read(change(text_of(front).encode()))
    assert card.front == front
    assert card.body == "# Title\n"


def test_card_without_text(read, front):
    assert read(text_of(front, "").rstrip("\n")).body == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "no front matter"),
        (b"# Title\n", "no front matter"),
        (b"---\nlicense: mit\n", "no front matter"),
        (b"---\na: [1\n---\n", "not valid YAML"),
        (b"---\na: &x *x\n---\n", "not valid YAML"),
        (b"---\na: 2024-13-45\n---\n", "not valid YAML"),
        (b"---\na: !!timestamp then\n---\n", "not valid YAML"),
        (b"---\na: !!int ''\n---\n", "not valid YAML"),
        (b"---\na: !!bool maybe\n---\n", "not valid YAML"),
        (b"---\na: !!python/object/apply:os.getcwd []\n---\n", "not valid YAML"),
        (b"---\n- 1\n---\n", "front matter is list"),
        (b"---\n\n---\n", "front matter is NoneType"),
        (b"---\n\xff\xfe: 1\n---\n", "cannot be read"),
    ],
)
def test_unreadable_front_matter_names_the_file_and_the_problem(read, tmp_path, text, problem):
    with pytest.raises(CardError, match=problem) as caught:
        read(text)
    assert str(tmp_path / "README.md") in str(caught.value)


def test_missing_card_is_named(tmp_path):
    with pytest.raises(CardError, match="cannot be read") as caught:
        Card.read(tmp_path)
    assert str(tmp_path / "README.md") in str(caught.value)


@pytest.mark.parametrize("key", ["license", "library_name", "pipeline_tag", "tags", "datasets", "zoo"])
def test_missing_hub_key(read, front, key):
    del front[key]
    with pytest.raises(CardError, match=f"front matter lacks '{key}'"):
        read(text_of(front))


@pytest.mark.parametrize("key", ["architecture", "config", "data", "training"])
def test_missing_key_of_our_block(read, front, key):
    del front["zoo"][key]
    with pytest.raises(CardError, match=f"zoo lacks '{key}'"):
        read(text_of(front))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("license", 3, "license is int; expected str"),
        ("tags", "gans", "tags is str; expected list"),
        ("zoo", [], "zoo is list; expected dict"),
        ("zoo.architecture", "", "zoo.architecture is empty"),
        ("zoo.config", None, "zoo.config is NoneType"),
        ("zoo.weights", {"sha256": "0" * 64, "bytes": -1}, "zoo.weights.bytes is no length"),
        ("zoo.weights", {"sha256": "0" * 64, "bytes": 10**400}, "zoo.weights.bytes is no length"),
        ("zoo.data.name", 1, "zoo.data.name is int"),
        ("zoo.data.shape", "3x8x8", "zoo.data.shape is str"),
        ("zoo.data.shape", [8, 8], "channels, height, width"),
        ("zoo.data.shape", [3, 8, "8"], "channels, height, width"),
        ("zoo.data.shape", [3, 0, 8], "channels, height, width"),
        ("zoo.data.shape", [], "channels, height, width"),
        ("zoo.data.extent", "", "zoo.data.extent is ''; expected how large"),
        ("zoo.data.extent", "8×8", "zoo.data.extent is for other spaces; the shape tells how large images are"),
        ("zoo.data.extent", 3, "zoo.data.extent is 3; expected how large a sample is, in words"),
        ("zoo.data.space", 3, "zoo.data.space is 3; expected the name of a space"),
        ("zoo.data.space", "vectors", r"shape is \[3, 8, 8\], of vectors; expected \[features\]"),
        ("zoo.weights", "model.safetensors", "zoo.weights is str"),
        ("zoo.weights", {"bytes": 1}, "zoo.weights lacks 'sha256'"),
        ("zoo.weights", {"sha256": "AB", "bytes": 1}, "64 lower-case hexadecimal"),
        ("zoo.weights", {"sha256": "0" * 64, "bytes": True}, "zoo.weights.bytes is bool"),
        ("zoo.weights", {"sha256": "0" * 64, "bytes": 1, "revision": 1234567}, "revision is 1234567; quote it"),
        ("zoo.weights", {"sha256": "0" * 64, "bytes": 1, "revision": "main"}, "revision is 'main'; expected the 40"),
        ("model-index", {"a": 1}, "model-index is dict"),
        ("model-index", [{"name": "x"}], "model-index lacks 'results'"),
        ("model-index", [{"results": [{}]}], "results lacks 'metrics'"),
        ("model-index", index({"type": "t", "name": "n"}), "metrics lacks 'value'"),
        ("model-index", index({"type": "t", "name": "n", "value": "12"}), "'12'; expected a number"),
        ("model-index", index({"type": "t", "name": "n", "value": 10**400}), "'n' has a number beyond all numbers"),
        (
            "model-index",
            index({"type": "t", "name": "n", "value": 1, "args": {"floor": "1"}}),
            "'1'; expected a number",
        ),
        ("model-index", index({"type": "t", "name": "n", "value": 1, "args": [1]}), "args is list"),
        ("model-index", index({"type": "t", "name": "n", "value": 1, "args": {"seeds": [1, 2]}}), "seeds is list"),
        (
            "model-index",
            index({"type": "t", "name": "n", "value": 1, "args": {"seeds": {0: "1"}}}),
            "'1'; expected a number",
        ),
    ],
)
def test_wrong_values_are_named(read, front, tmp_path, path, value, problem):
    *blocks, key = path.split(".")
    place = front
    for block in blocks:
        place = place[block]
    place[key] = value
    with pytest.raises(CardError, match=problem) as caught:
        read(text_of(front))
    assert str(tmp_path / "README.md") in str(caught.value)


def test_measured_table_is_rendered_between_its_comments(tmp_path, front):
    body = "before\n<!-- zoo:measured -->\nstale\n<!-- /zoo:measured -->\nafter\n"
    plain = {"type": "mse", "name": "MSE", "value": 3, "args": {"split": "a|b"}}
    card = Card(tmp_path, front, body).replace(model_index=index(METRIC, plain))
    card.write()
    assert Card.read(tmp_path).body == (
        "before\n"
        "<!-- zoo:measured -->\n"
        "| metric | value | real data | how |\n"
        "| --- | ---: | ---: | --- |\n"
        "| Fréchet distance | 12.35 | 1.5 | n 10 |\n"
        "| MSE | 3 |  | split a\\|b |\n"
        "<!-- /zoo:measured -->\n"
        "after\n"
    )
    assert METRIC["args"]["floor"] == 1.5


def test_a_hash_that_is_no_text_is_shown_as_it_is(tmp_path, front):
    card = Card(tmp_path, front, "").replace(model_index=index({**METRIC, "args": {"sha256": 1234567890123}}))
    assert "sha256 123456789012…" in card.render_measured()


def test_spread_over_seeds_stands_beside_the_value_of_the_release(tmp_path, front):
    # Of 1, 2 and 6 the mean is 3 and the sample variance (4 + 1 + 9) / 2 = 7, whose root is 2.65.
    metric = {**METRIC, "value": 2.0, "args": {"n": 10, "seeds": {0: 2.0, 1: 1, 7: 6.0}}}
    card = Card(tmp_path, front, "").replace(model_index=index(metric))
    row = "| Fréchet distance | 2<br>3 ± 2.6 (3 seeds) |  | n 10; by training seed 0: 2, 1: 1, 7: 6 |"
    assert row in card.render_measured()
    card.write()
    assert Card.read(tmp_path).metrics == [metric]


def test_measured_table_says_when_there_is_nothing(tmp_path, front):
    Card(tmp_path, front, "<!-- zoo:measured -->\n<!-- /zoo:measured -->\n").write()
    assert "Not measured yet." in Card.read(tmp_path).body


def test_replace_leaves_the_original_alone(tmp_path, front):
    card = Card(tmp_path, front, "")
    other = card.replace(config={"width": 3}, model_index=index(METRIC))
    assert other.config == {"width": 3}
    assert other.metrics == [METRIC]
    assert card.config == front["zoo"]["config"]
    assert card.metrics == []
    assert list(other.front)[-1] == "zoo"


def test_invalid_card_is_not_written(tmp_path, front):
    (tmp_path / "README.md").write_text("the old one")
    with pytest.raises(CardError):
        Card(tmp_path, {**front, "license": None}, "").write()
    assert (tmp_path / "README.md").read_text() == "the old one"


def test_an_interrupted_write_leaves_the_old_card_and_no_litter(tmp_path, front, monkeypatch):
    (tmp_path / "README.md").write_text("the old one")

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(cards.Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        Card(tmp_path, front, "").write()
    assert [p.name for p in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "the old one"


def test_all_built_in_cards_are_valid():
    folders = [path.parent for path in sorted(cards.built_in_folder().glob("*/README.md"))]
    assert len(folders) >= 3
    for folder in folders:
        assert Card.read(folder).architecture in folder.name


@pytest.mark.parametrize(
    ("data", "space", "extent"),
    [
        ({"shape": [3, 8, 6]}, "images", "8×6"),
        ({"shape": [1, 8, 6], "space": "binary-images"}, "binary-images", "8×6"),
        ({"shape": [2]}, "vectors", "2 columns"),
        ({"shape": [40], "space": "tokens"}, "tokens", "40"),
        ({"shape": [40], "space": "tokens", "extent": "≤ 40 words"}, "tokens", "≤ 40 words"),
        ({"shape": [16, 3, 8, 6], "space": "video"}, "video", "16×3×8×6"),
    ],
)
def test_the_space_of_a_sample_and_its_extent(read, front, data, space, extent):
    front["zoo"]["data"] = {"name": "made-up", "license": "none", **data}
    card = read(text_of(front))
    assert (card.space, card.extent, card.shape) == (space, extent, tuple(data["shape"]))


@pytest.mark.parametrize(
    ("format", "writer", "words"),
    [
        (FORMAT + 1, "zoo 9.1.0, torch 9.0", ("written by zoo 9.1.0", "--upgrade 'generative-zoo>=9.1.0'")),
        (FORMAT + 1, None, ("comes from a later zoo", "--upgrade generative-zoo")),
        (-1, None, (f"its format is -1; expected a whole number up to {FORMAT}",)),
        (True, None, ("its format is True",)),
        ("1", None, ("its format is '1'",)),
    ],
)
def test_another_format_is_an_error_that_names_the_zoo_that_reads_it(read, front, format, writer, words):
    weights = {"sha256": "0" * 64, "bytes": 9} | ({"made_with": writer} if writer else {})
    # Whatever else the block may hold: a later zoo may spell it otherwise.
    front["zoo"] = {"format": format, "weights": weights}
    with pytest.raises(CardError) as caught:
        read(text_of(front))
    assert all(word in str(caught.value) for word in words)


def test_a_card_without_a_format_is_of_format_0(read, front):
    assert read(text_of(front)).format == 0
    front["zoo"]["format"] = FORMAT
    assert read(text_of(front)).format == FORMAT


@pytest.mark.parametrize(
    "aliased",
    [
        "a: &x [1]\nb: *x\n",
        "a: &x\n  b: *x\n",  # contains itself
        "a: &x [" + "1, " * 99 + "]\nb: &y [" + "*x, " * 99 + "]\nc: [" + "*y, " * 99 + "]\n",
        "? &x a\n: *x\n",
    ],
)
def test_aliases_are_refused_before_they_unfold(release, aliased):
    path = release / "README.md"
    path.write_text(f"---\n{aliased}---\n")
    with pytest.raises(CardError, match=r"has a YAML alias \(\*name\)"):
        Card.read(release)


def test_stars_and_ampersands_that_are_no_aliases_are_read(release):
    card = Card.read(release)
    card.front["tags"] = ["*bold* & - *x", "a *b", "&c", "x: *y"]
    card.write()
    assert Card.read(release).front["tags"] == card.front["tags"]


def test_a_card_is_a_regular_file_of_moderate_length(release, tmp_path):
    path = release / "README.md"
    text = path.read_text()
    path.write_text(text + "x" * (cards.LARGEST - len(text.encode())))
    assert Card.read(release)
    path.write_text(text + "x" * cards.LARGEST)
    with pytest.raises(CardError, match="has more than 1,000,000 bytes"):
        Card.read(release)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CardError, match="it is no regular file"):
        Card.read(release)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(CardError, match="it is no regular file"):
        Card.read(release)


def test_each_measured_part_is_rendered_and_one_without_an_end_left_alone(release):
    card = Card.read(release)
    begin, end = cards.BEGIN, cards.END
    body = f"a {begin} old {end} b {begin}{begin} old {end} c {begin} d\n"
    made = dataclasses.replace(card, body=body).render()
    measured = card.render_measured()
    assert made.endswith(f"---\na {measured} b {measured} c {begin} d\n")


@pytest.mark.parametrize("before", ["version:", "steps:", "shape: [3, 8,", "floor: 0.5\n      more: [", "? "])
def test_an_integer_that_python_writes_out_in_no_decimals_is_refused(release, before):
    path = release / "README.md"
    text = path.read_text(encoding="utf-8")
    number = "0x" + "f" * 5000
    after = "]" if "[" in before else "\n  : 1" if before == "? " else ""
    path.write_text(text.replace("\nzoo:\n", f"\nzoo:\n  {before} {number}{after}\n", 1), encoding="utf-8")
    with pytest.raises(CardError) as caught:
        Card.read(release)
    assert len(str(caught.value)) < 1000


def test_a_notebook_shows_the_text_with_its_pictures_in_it(release):
    card = dataclasses.replace(Card.read(release), body="# It\n![a](samples.png) ![b](../up.png) ![c](none.png)\n")
    (release / "samples.png").write_bytes(b"pixels")
    (release.parent / "up.png").write_bytes(b"secret")
    pixels = base64.b64encode(b"pixels").decode()
    expected = f"# It\n![a](data:image/png;base64,{pixels}) ![b](../up.png) ![c](none.png)\n"
    assert card._repr_markdown_() == expected
    (release / "README.md").write_text(card.render())
    assert zoo.info(release)._repr_markdown_() == expected
    assert zoo.info("planar")._repr_markdown_().startswith("**planar**: normalizing flow of planar layers")


def test_directions_go_with_the_weights(release):
    card = Card.read(release)
    assert card.directions == {}
    card.with_directions({"smiling": [0.123456, -2.0], "facial hair": iter([1e-9, 3])}).write()
    found = Card.read(release)
    assert found.directions == {"smiling": [0.123, -2.0], "facial hair": [1e-9, 3.0]}
    more = found.with_directions({"smiling": [1.0, 1.0]})
    assert more.directions == {"smiling": [1.0, 1.0], "facial hair": [1e-9, 3.0]}
    assert found.replace(weights=card.weights).directions == {}
