"""What a translation is called, and what tells it from any other file."""

from pathlib import Path

import pytest
from PIL import Image

from zoo.cli.results import Job, plan
from zoo.errors import DataError, InvalidInput

NOTE = {"model": "cyclegan 0123", "source": "45", "frame": 0}


def results(names, **options):
    files = [(Path("in", name), Path(name)) for name in names]
    jobs = plan(files, Path("out"), **{"all_frames": False, "resume": True} | options)
    return [str(job.result.relative_to("out")) for job in jobs]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "sub/a.jpg"], ["a.png", "sub/a.png"]),
        (["a.jpg", "a.png", "b.jpg"], ["a.jpg.png", "a.png.png", "b.png"]),
        # The first becomes what the second was to be called, which then keeps its suffix too.
        (["a.jpg", "a.gif", "a.jpg.bmp"], ["a.jpg.png", "a.gif.png", "a.jpg.bmp.png"]),
        (["no-suffix"], ["no-suffix.png"]),
    ],
)
def test_suffixes_are_kept_where_names_would_be_one(names, expected):
    assert results(names) == expected


def test_one_file_named_twice_is_refused():
    with pytest.raises(InvalidInput, match=r"in/a\.jpg and in/a\.jpg would both become out/a\.png"):
        results(["a.jpg", "a.jpg"])


def test_each_frame_has_a_number_if_there_are_several(tmp_path):
    still, moving = Image.new("L", (2, 2)), [Image.new("L", (2, 2), 100 * i) for i in range(3)]
    still.save(tmp_path / "still.png")
    moving[0].save(tmp_path / "moving.gif", save_all=True, append_images=moving[1:])
    files = [(tmp_path / name, Path(name)) for name in ("still.png", "moving.gif")]
    jobs = plan(files, tmp_path / "out", all_frames=True, resume=False)
    assert [(job.result.name, job.frame) for job in jobs] == [
        ("still.png", None),
        *((f"moving-{i:04d}.png", i) for i in range(3)),
    ]


def test_a_result_that_is_there_is_an_error_unless_one_goes_on(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    files = [(tmp_path / "a.jpg", Path("a.jpg"))]
    with pytest.raises(InvalidInput, match=r"make only what is missing \(--resume\)"):
        plan(files, tmp_path, all_frames=False, resume=False)
    for options in ({"resume": True}, {"resume": False, "force": True}):
        assert len(plan(files, tmp_path, all_frames=False, **options)) == 1


def test_a_result_says_what_it_was_made_of_and_is_done_when_it_is_whole(tmp_path):
    job = Job(tmp_path / "a.jpg", tmp_path / "sub" / "a.png")
    assert not job.is_done(NOTE)
    job.write(Image.new("L", (2, 2), 7), NOTE)
    assert job.is_done(NOTE)
    with Image.open(job.result) as picture:
        assert (picture.getpixel((1, 1)), "srgb" in picture.info) == (7, True)
    whole = job.result.read_bytes()
    for damaged in (b"", whole[:-1]):
        job.result.write_bytes(damaged)
        assert not job.is_done(NOTE)


@pytest.mark.parametrize("note", [{**NOTE, "frame": 1}, {**NOTE, "model": "cyclegan 4567"}])
def test_what_something_else_made_is_left_alone(tmp_path, note):
    job = Job(tmp_path / "a.jpg", tmp_path / "a.png")
    job.write(Image.new("L", (2, 2)), note)
    with pytest.raises(
        DataError, match=r"a\.png is there, and is not what this command makes of .*a\.jpg; it was left"
    ):
        job.is_done(NOTE)


def test_a_note_is_of_the_bytes_of_the_source(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    sources = (("a", None), ("a", 2), ("b", None))
    notes = [Job(tmp_path / name, tmp_path / "r", frame).note({"options": {}}) for name, frame in sources]
    assert [note["frame"] for note in notes] == [0, 2, 0]
    assert notes[0]["source"] == notes[1]["source"] != notes[2]["source"]
    with pytest.raises(DataError):
        Job(tmp_path / "gone", tmp_path / "r").note({})
