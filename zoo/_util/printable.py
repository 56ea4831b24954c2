"""What may go to a terminal: text in which nothing is an order to it."""

from __future__ import annotations

import re

# Controls but for tab and line feed, and what turns the direction of writing, so that text reads as another.
_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """`text` with every control and turn of direction as its escape: cards, servers and names of files may hold any."""
    return _ORDERS.sub(lambda order: order[0].encode("unicode_escape").decode(), text)


def printable_json(text: str) -> str:
    """JSON with the same as escapes of its own. Its strings hold them, and nothing else of it does."""
    return _ORDERS.sub(lambda order: f"\\u{ord(order[0]):04x}", text)


def brief(value: object, most: int = 200) -> str:
    """`value` as Python writes it, cut where it is long: what files hold may have any size, and a message has one
    line. Of an integer that Python writes out in no decimals, so."""
    try:
        text = repr(value)
    except ValueError:
        return "an integer of thousands of digits"
    return text if len(text) <= most else f"{text[: most - 1]}…"
