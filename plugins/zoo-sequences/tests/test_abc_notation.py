import re

import pytest
from zoo_sequences import abc_notation

from zoo.plugin import errors

HEAD = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:G\n"


def read(tmp_path, text):
    file = tmp_path / "a.abc"
    file.write_text(text)
    return list(abc_notation.read(file))


def pitches(tmp_path, text, head=HEAD):
    ((_, notes),) = read(tmp_path, head + text + "\n")
    return [note[0] for note in notes]


def test_a_tune_is_what_is_written_by_hand(tmp_path):
    text = 'X:7\nT:Short\nT:also called this\nM:6/8\nK:D\nP:A\nA|"D"f2z c\'3|[FA]2 F,/>G/ c-c|% a remark\nw:words\n'
    ((name, notes),) = read(tmp_path, text)
    assert name == f"{tmp_path / 'a.abc'}:Short"
    # An eighth is 12 ticks; F and C are sharp; G of the broken rhythm is shorter; the last two are one.
    assert notes == [
        (69, 12, 80, 0),
        (78, 24, 80, 0),
        (85, 36, 80, 12),
        (66, 24, 80, 0),
        (69, 24, 80, -24),
        (54, 9, 80, 0),
        (67, 3, 80, 0),
        (73, 24, 80, 0),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("G|A:|B", "GAGAB"),  # from the beginning
        ("G|:A|B:|c", "GABABc"),
        ("|G:|:A:|", "GGAA"),
        ("|G::A:|", "GGAA"),
        ("|:G|[1A:|[2B|c||d", "GAGBcd"),
        ("|:G |1 A :|2 B || d:|", "GAGBdd"),
        ('|:G "D7"A|[1 "G"A:| [2 "Am"B||:c:|', "GAAGABcc"),
        ("|:C|1D:|2E:|3F|]", "CDCECF"),
        ("|:C|1D:|2E:|3F|]G", "CDCECFG"),
        ("|:C|1D:|2E:|\n[3F|]", "CDCECF"),
        ("|:C|1D:|2E:|G|A:|", "CDCEGAGA"),
    ],
)
def test_repeats_are_played(tmp_path, text, expected):
    assert pitches(tmp_path, text) == pitches(tmp_path, expected)


def test_parts_are_played_in_their_order(tmp_path):
    head = "X:1\nT:A tune\nP:ABA\nK:C\n"
    assert pitches(tmp_path, "P:A\n|C:|\nP:B\nD", head) == [60, 60, 62, 60, 60]
    assert pitches(tmp_path, "P:A\n|C:|\nP:B\nD", head.replace("P:ABA\n", "")) == [60, 60, 62]
    assert pitches(tmp_path, "CD", head) == [60, 62], "without parts it is played once"


def test_parts_that_are_not_played_are_told(tmp_path):
    told = (
        "left out part B, which P:CAC lacks, part C of P:CAC, which there is not, of the tune 'A tune' that ends here"
    )
    with pytest.warns(errors.LeftOut, match=f"a.abc, line 8: {told}"):
        assert pitches(tmp_path, "P:A\n|C:|\nP:B\nD", "X:1\nT:A tune\nP:CAC\nK:C\n") == [60, 60]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("C", [60, 62, 64, 65, 67, 69, 71]),
        ("Am", [60, 62, 64, 65, 67, 69, 71]),
        ("Bb", [60, 62, 63, 65, 67, 69, 70]),
        ("E", [61, 63, 64, 66, 68, 69, 71]),
        ("F#m", [61, 62, 64, 66, 68, 69, 71]),
        ("none", [60, 62, 64, 65, 67, 69, 71]),
        ("", [60, 62, 64, 65, 67, 69, 71]),
        ("C clef=treble", [60, 62, 64, 65, 67, 69, 71]),
        ("D dorian", [60, 62, 64, 65, 67, 69, 71]),
        ("Gmix", [60, 62, 64, 65, 67, 69, 71]),
    ],
)
def test_keys_have_their_signs(tmp_path, key, expected):
    assert pitches(tmp_path, "CDEFGAB", f"X:1\nT:A tune\nK:{key}\n") == expected


def test_a_sign_holds_to_the_end_of_its_bar(tmp_path):
    assert pitches(tmp_path, "^GgG=GG|G_B^^c|B") == [68, 80, 68, 67, 67, 67, 70, 74, 71]
    assert pitches(tmp_path, "=F-|F") == [65]
    assert pitches(tmp_path, "_B-|B B") == [70, 71]
    assert pitches(tmp_path, "[^C_E]-|[CE] C") == [61, 63, 60]
    assert pitches(tmp_path, "F[K:none]F") == [66, 65]
    assert pitches(tmp_path, "F\nK:F\nB[K:C]B") == [66, 70, 71]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("G2G/2G/G3/2G//", [24, 6, 6, 18, 3]),
        ("(3GGGG", [8, 8, 8, 12]),
        ("(3G2GG", [16, 8, 8]),
        ("G>GG<G", [18, 6, 6, 18]),
        ("G-|G2 G", [36, 12]),
        ("=F-|F2 F", [36, 12]),
        ("A[C>E]G", [12, 18, 18, 12]),
        ("A[CE>]G", [12, 12, 12, 12]),
        ("A>[CE]G", [18, 6, 6, 12]),
        ("[CC]D", [12, 12]),
        ("L:1\nG", [96]),
        ("V:1\nG[V:1]G", [12, 12]),
        ("[G2B2][GB]2", [24, 24, 24, 24]),
    ],
)
def test_notes_last_as_long_as_is_written(tmp_path, text, expected):
    ((_, notes),) = read(tmp_path, HEAD + text + "\n")
    assert [note[1] for note in notes] == expected


@pytest.mark.parametrize(("meter", "ticks"), [("4/4", 12), ("C", 12), ("3/4", 12), ("6/8", 12), ("2/4", 6)])
def test_a_unit_follows_from_the_meter(tmp_path, meter, ticks):
    ((_, notes),) = read(tmp_path, f"X:1\nT:A\nM:{meter}\nK:C\nC\n")
    assert notes == [(60, ticks, 80, 0)]


@pytest.mark.parametrize(
    ("meter", "ticks"),
    [("6/8", 7), ("9/8", 7), ("12/8", 7), ("3/8", 5), ("3/4", 5), ("6/4", 5), ("4/4", 5), ("none", 5)],
)
def test_a_tuplet_of_five_takes_the_time_of_three_in_compound_time(tmp_path, meter, ticks):
    ((_, notes),) = read(tmp_path, f"X:1\nT:A\nM:{meter}\nL:1/8\nK:C\n(5CDEFG\n")
    assert notes[0][1] == ticks


def test_tunes_without_titles_are_tunes_and_a_header_of_the_file_is_of_all(tmp_path):
    found = read(tmp_path, "% a book\nB:A book\nL:1/4\n\nX:\nT:\nK:C\nC\n\nX:2\nK:C\nD\n\nX:3\nT:\nT:A\nK:C\nE\n")
    assert [name.rpartition(":")[2] for name, _ in found] == ["", "2", "A"]
    assert [notes for _, notes in found] == [[(pitch, 24, 80, 0)] for pitch in (60, 62, 64)]


def test_notes_that_last_no_time_are_told(tmp_path):
    with pytest.warns(errors.LeftOut, match="a.abc, line 6: left out 2 notes that last no time, of the tune 'A tune'"):
        assert pitches(tmp_path, "G0A//////G") == [67]


def test_many_tunes_are_one_after_the_other(tmp_path):
    found = read(tmp_path, HEAD + "G\n\n" + HEAD.replace("A tune", "B") + "A\n")
    assert [(name.rpartition(":")[2], len(notes)) for name, notes in found] == [("A tune", 1), ("B", 1)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "GAB\nG&A\n", "a.abc, line 7: '&' in column 2 is no sign of music that is known"),
        (HEAD + "G]\n", "a.abc, line 6: ']' ends no chord"),
        (HEAD + "\n" + HEAD + "G\n", "a.abc, line 7: the tune 'A tune' that ends here has no notes"),
        ("", "a.abc, line 0: the file ends without a tune. Begin each with a line X:1."),
        ("T:A\nM:4/4\nK:C\nC\n\n" + HEAD + "G\n", "a.abc, line 3: here is music before the first X:"),
        ("CDE\n" + HEAD + "G\n", "a.abc, line 1: here is music before the first X:"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, told):
    with pytest.raises(errors.DataError, match=told):
        read(tmp_path, text)


def test_a_chord_without_an_end_ends_with_its_bar_or_at_a_tuplet(tmp_path):
    assert pitches(tmp_path, "A [CE|A") == pitches(tmp_path, "A [CE]|A")
    assert pitches(tmp_path, "A [CE\nA") == pitches(tmp_path, "A [CE]\nA")
    assert pitches(tmp_path, "[CE(3ABA") == pitches(tmp_path, "[CE](3ABA")


def test_ties_within_a_chord_are_of_the_chord(tmp_path):
    ((_, notes),) = read(tmp_path, HEAD + "G[E2A2-]A\n")
    assert [note[:2] for note in notes] == [(67, 12), (64, 24), (69, 36)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A/0", "line 6: a length is no number, such as 1/0. Correct it."),
        ("A\nM:4/0\nB", "line 7: a length is no number, such as 1/0. Correct it."),
        ("A\nL:1/0\nB", "line 7: a length is no number, such as 1/0. Correct it."),
        ("L:0\nB", "line 6: the length L:0 is not understood. Write one such as L:1/8."),
        ("L:0/8\nB", "line 6: the length L:0/8 is not understood."),
        ("L:quick\nB", "line 6: the length L:quick is not understood."),
        ("A[M:2+3/8]B", "line 6: the meter M:2+3/8 is not understood. Write one such as M:6/8, M:C or M:none."),
        ("M:0/4\nB", "line 6: the meter M:0/4 is not understood."),
        ("K:HP\nB", "line 6: the key K:HP is not understood. Write one such as K:Bb, K:F#m, K:D dor or K:none."),
        ("K:D ^G\nB", "line 6: the key K:D ^G is not understood."),
        ("K:D blue\nB", "line 6: the key K:D blue is not understood."),
        ("K:G#\nB", "line 6: the key K:G# has more than 7 signs. Write the one that sounds alike."),
        ("A\nX:2\nP:A2B\nK:C\nB", "line 8: the order of parts P:A2B is not understood. Write one such as P:AAB."),
        ("V:1\nA\nV:2\nB", "line 8: the voice V:2 is one more than V:1. Keep one voice, the melody."),
        ("A9999999999", "line 6: the tune 'A tune' that ends here: a note ends after 5e"),
        ("C,,,,,,,", "line 6: the tune 'A tune' that ends here: the pitch -24 is none of 0 … 127"),
        ("c'''''", "line 6: the tune 'A tune' that ends here: the pitch 132 is none of 0 … 127"),
    ],
)
def test_what_is_no_length_or_pitch_is_named(tmp_path, text, told):
    with pytest.raises(errors.DataError, match=re.escape(told)):
        read(tmp_path, HEAD + text + "\n")
