import pytest
from zoo_sequences import reading

from zoo.plugin import errors


def test_what_is_saved_is_read(tmp_path):
    rows = ['a "red" car', "l'été"]
    for name in ("a.txt", "a.jsonl"):
        reading.save(rows, tmp_path / name)
        assert reading.texts(tmp_path / name) == [(f"{tmp_path / name}:{n}", row) for n, row in enumerate(rows, 1)]
    (tmp_path / "a.jsonl").write_text('"alone"\n')
    assert list(reading.lines(tmp_path / "a.jsonl")) == [(1, "alone")]
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    assert list(reading.lines(tmp_path / "a.txt")) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"one\n\ntwo\n", r"a.txt, line 2: it is empty. Take them out"),
        ("a.txt", b"\n" * 7, r"line 5: it is empty \(2 more\)"),
        ("a.txt", b"one\n\xff\n", "a.txt, line 2: the byte 0xff is no UTF-8"),
        ("a.txt", b"one\ntw\x00o\n", r"a.txt, line 2: the control character '\\x00'"),
        ("a.jsonl", b'{"text": "one"}\n{"text": 1}\n', "a.jsonl, line 2: it holds no text"),
        ("a.jsonl", b'{"text": "one"\n', "a.jsonl, line 1: it is no JSON"),
    ],
)
def test_bad_lines_are_named(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=told):
        reading.texts(tmp_path / name)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(errors.DataError, match=r"gone.txt cannot be read: No such file"):
        reading.texts(tmp_path / "gone.txt")
    with pytest.raises(errors.InvalidInput, match=r"a.csv is no file of sentences"):
        reading.texts(tmp_path / "a.csv")
    with pytest.raises(errors.InvalidInput, match=r"ends in \.txt or \.jsonl"):
        reading.save(["one"], tmp_path / "a.csv")
