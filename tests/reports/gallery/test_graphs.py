"""Which graphs a room has, and that they are made once."""

import pytest

import zoo
from zoo import releases
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
    ("name", "keys"),
    [
        ("dcgan-celeba", ["decode"]),
        ("vae-mnist", ["decode", "encode"]),
        ("denoising-autoencoder-mnist", ["decode", "encode", "translate"]),
        ("cyclegan-horse2zebra", ["translate-horse", "translate-zebra"]),
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
    assert [each.stem for each in graphs.wanted(model)] == ["translate-0", "translate-1"]
    assert [each.options["to"] for each in graphs.wanted(model)] == list(model.domains)
