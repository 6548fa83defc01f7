"""Log text on its way out: nothing in it may steer a terminal, a page or a table."""

from __future__ import annotations

import unicodedata

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")


def show(text: str, *, newlines: bool = False) -> str:
    """Text for a terminal, a report or a page: control codes, bidi controls and invisible characters as escapes (`\\x1b`, `\\u202e`).

    Line ends are escapes too, so one event stays one row; with `newlines` they and tabs stay.
    """
    if text.isprintable() and _BLANK_LETTERS.isdisjoint(text):
        return text
    return "".join(_shown(char, newlines=newlines) for char in text)


def _shown(char: str, *, newlines: bool) -> str:
    if char.isprintable() and char not in _BLANK_LETTERS:
        return char
    if char in "\n\t":
        return char if newlines else {"\n": "\\n", "\t": "\\t"}[char]
    if unicodedata.category(char) == "Zs":
        return char
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
