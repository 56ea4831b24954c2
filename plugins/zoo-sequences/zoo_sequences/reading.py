"""Lines of text files: .txt, a text each, and .jsonl, an object with a `text` or a text each."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from zoo.plugin import errors

SUFFIXES = (".txt", ".jsonl")
SHOWN = 5  # bad lines that are quoted


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number and the text of each line of a file. Raises DataError, naming file and line, for what is not there, is
    not UTF-8, has control characters, or, of .jsonl, is no text; and InvalidInput for another kind of file."""
    if path.suffix.lower() not in SUFFIXES:
        raise errors.InvalidInput(f"{path} is no file of sentences; expected .txt or .jsonl, a sentence a line.")
    yield from numbered(path, _text if path.suffix.lower() == ".jsonl" else str)


def numbered(path: Path, read: Callable[[str], str] = str) -> Iterator[tuple[int, str]]:
    """The number and the text of each line of a file, of which `read` makes the text; as `lines`."""
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise errors.DataError(f"{path} cannot be read: {error.strerror}. Check its name and permissions.") from error
    rows = content.replace(b"\r\n", b"\n").split(b"\n")
    for number, row in enumerate(rows[:-1] if rows[-1] == b"" else rows, 1):
        try:
            text = read(row.decode())
        except UnicodeDecodeError as error:
            wrong = f"the byte 0x{row[error.start]:02x} is no UTF-8. Save the file as UTF-8"
            raise errors.DataError(f"{path}, line {number}: {wrong}.") from error
        except ValueError as error:
            raise errors.DataError(f"{path}, line {number}: {error}") from error
        if strange := next((sign for sign in text if unicodedata.category(sign) == "Cc" and sign != "\t"), ""):
            raise errors.DataError(f"{path}, line {number}: the control character {strange!r}. Take it out.")
        yield number, text


def texts(path: Path) -> list[tuple[str, str]]:
    """A name, FILE:LINE, and the text of each line of a file, none of which may be empty. Raises as `lines`."""
    found = list(lines(path))
    refuse((f"{path}, line {number}: it is empty" for number, text in found if not text.strip()), "Take them out.")
    return [(f"{path}:{number}", text) for number, text in found]


def refuse(wrong: Iterable[str], advice: str) -> None:
    """Raise DataError with what is wrong with lines, the first of them in full, if anything is."""
    told = list(wrong)
    if told:
        more = f" ({len(told) - SHOWN} more)" if told[SHOWN:] else ""
        raise errors.DataError(f"{'; '.join(told[:SHOWN])}{more}. {advice}")


def save(rows: Sequence[str], path: Path) -> None:
    """Write a text a line. Raises InvalidInput for a name that ends otherwise than in .txt or .jsonl."""
    if path.suffix.lower() not in SUFFIXES:
        raise errors.InvalidInput(f"{path} is no file of sentences; expected a name that ends in .txt or .jsonl.")
    as_json = path.suffix.lower() == ".jsonl"
    shown = [json.dumps({"text": row}, ensure_ascii=False) if as_json else row for row in rows]
    path.write_text("".join(f"{row}\n" for row in shown), encoding="utf-8")


def _text(row: str) -> str:
    """The text of a line of JSON. Raises ValueError."""
    try:
        entry = json.loads(row) if row.strip() else ""
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error}). Correct it.") from error
    text = entry.get("text") if isinstance(entry, dict) else entry
    if not isinstance(text, str):
        raise ValueError('it holds no text; expected {"text": "a red car"}, or a text alone.')
    return text
