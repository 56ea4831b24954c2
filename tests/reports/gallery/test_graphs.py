"""Which graphs a room has, and that they are made once."""

import pytest

import zoo
from zoo import releases
from zoo._util.home import state_folder
from zoo.reports.gallery import graphs


def test_graphs_are_kept(publishable, without_export, tmp_path):
    release, model = releases.find(publishable), zoo.load(publishable)
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(graphs.write(release, model, tmp_path / name))
        assert (tmp_path / name / "decode.onnx").read_bytes() == b"onnx"
    assert made[0] == made[1]
    assert without_export == ["decode"]


@pytest.mark.parametrize(
    ("suffix", "content"), [(".onnx", b"onn"), (".json", b"null"), (".json", b'{"sha256": 1}'), (".json", b"\xff")]
)
def test_a_graph_that_is_not_as_it_was_kept_is_made_again(publishable, without_export, tmp_path, suffix, content):
    release, model = releases.find(publishable), zoo.load(publishable)
    made = graphs.write(release, model, tmp_path)
    (kept,) = (state_folder() / "gallery").rglob(f"*{suffix}")
    kept.write_bytes(content)
    assert graphs.write(release, model, tmp_path) == made
    assert (tmp_path / "decode.onnx").read_bytes() == b"onnx"
    assert without_export == ["decode", "decode"]


def test_a_graph_that_cannot_be_kept_is_drawn_all_the_same(publishable, without_export, tmp_path):
    state_folder().mkdir(parents=True, exist_ok=True)
    (state_folder() / "gallery").write_bytes(b"no folder")
    made, refused = graphs.write(releases.find(publishable), zoo.load(publishable), tmp_path)
    assert list(made) == ["decode"]
    assert refused == []


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("dcgan-celeba", ["decode"]),
        ("vae-mnist", ["decode", "encode"]),
        ("denoising-autoencoder-mnist", ["decode", "encode", "translate"]),
        ("cyclegan-horse2zebra", ["translate-zebra", "translate-horse"]),
        ("flow-2d-two-moons", ["decode", "log_prob"]),
        ("glow-mnist", ["decode", "encode"]),
        ("progan-celeba", ["decode", "decode-4", "decode-8", "decode-16", "decode-32"]),
    ],
)
def test_what_a_room_wants_follows_from_what_the_model_is(name, keys):
    found = list(graphs.wanted(zoo.load(name)))
    assert [each.key for each in found] == keys
    assert len({each.stem for each in found}) == len(keys)  # a file each


def test_no_name_of_a_domain_is_a_path():
    model = zoo.load("cyclegan-horse2zebra")
    model.domains = ("a/../../../evil", "b")
    assert [each.stem for each in graphs.wanted(model)] == ["translate-1", "translate-0"]
    assert [each.options["to"] for each in graphs.wanted(model)] == ["b", "a/../../../evil"]
