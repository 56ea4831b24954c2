import json

import pytest
from zoo_sequences import tunes

from zoo.plugin import errors


def test_tunes_are_read_by_the_kind_of_their_file(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"name": "one", "unit": 2, "melody": [[76, 4, 2], [74, 6, 1]], "chords": [[43, 6, 6]]})
        + "\n"
        + json.dumps({"unit": 1024, "melody": [[60, 0, 341], [62, 341, 683]]})
        + "\n"
    )
    (tmp_path / "a.ABC").write_text("X:1\nT:One\nK:C\nC8\n\nX:2\nT:Two\nK:C\nD8\n")
    # Times that are rounded thirds come back to whole ticks.
    assert tunes.read(tmp_path / "a.jsonl") == [
        (f"{tmp_path / 'a.jsonl'}:1", [(76, 24, 80, 48), (74, 12, 80, 0)]),
        (f"{tmp_path / 'a.jsonl'}:2", [(60, 8, 80, 0), (62, 16, 80, 0)]),
    ]
    assert [tune.name for tune in tunes.read(tmp_path / "a.ABC")] == [
        f"{tmp_path / 'a.ABC'}:{name}" for name in ("One", "Two")
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "it holds no melody"),
        ("{", "it holds no melody"),
        ("[1]", "it holds no melody"),
        ('{"unit": 0, "melody": [[60, 0, 1]]}', "it holds no melody"),
        ('{"unit": 1}', "it holds no melody"),
        ('{"unit": 1, "melody": [[60, 0]]}', "it holds no melody"),
        ('{"unit": 1, "melody": []}', "the melody has no notes"),
        ('{"unit": 1, "melody": [[128, 0, 1]]}', "the pitch 128 is none of 0 … 127"),
        ('{"unit": 1, "melody": [["60", 0, 1]]}', "the pitch 60 is none of"),
        ('{"unit": 1, "melody": [[60, 0, 1e30]]}', r"a note ends after 1e\+30 quarters"),
        ('{"unit": 2, "melody": [[60, 0, 1], [62, 1, -1]]}', "a note of pitch 62 lasts -0.5 quarters"),
        ("[" * 100_000, "it holds no melody"),
        ('{"unit": 1, "melody": [[60, -1, 1]]}', "one before its beginning"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, told):
    (tmp_path / "a.jsonl").write_text('{"unit": 1, "melody": [[60, 0, 1]]}\n' + line + "\n")
    with pytest.raises(errors.DataError, match=f"a.jsonl, line 2: .*{told}"):
        tunes.read(tmp_path / "a.jsonl")


def test_notes_that_last_no_time_are_told(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"unit": 1, "melody": [[60, 0, 0], [62, 0, 1]]}\n')
    with pytest.warns(errors.LeftOut, match="a.jsonl, line 1: left out 1 notes that last no time"):
        ((_, notes),) = tunes.read(tmp_path / "a.jsonl")
    assert notes == [(62, 24, 80, 0)]


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(errors.DataError, match=r"a.jsonl holds no tune"):
        tunes.read(tmp_path / "a.jsonl")
    with pytest.raises(errors.InvalidInput, match=r"a.wav is no file of melodies; expected .mid, .midi, .abc, .jsonl"):
        tunes.read(tmp_path / "a.wav")
