"""Values printed into log text: JSON, Node's `util.inspect`, Python's `repr`. One tolerant, bounded reader that never raises.

Log lines are cut, prefixed and mixed with stack frames, so no real JSON or Python parser reads them. This one takes
what is there: unquoted keys, three kinds of quotes, `[Array]`, `undefined`, `ErrorDetail(string='…')`, missing ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from parsers.late import late
from parsers.surrogates import whole, whole_escapes

MAX_TOKENS = 8_000
MAX_DEPTH = 16

_TOKEN = late(
    r"""(?P<space>\s+)
    |(?P<open>[\[{(])
    |(?P<close>[\]})])
    |(?P<mark>[,:=])
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\\n]|\\.)*`)
    |(?P<number>-?\d+(?:\.\d+)?)(?![\w.])
    |(?P<name>[A-Za-z_$][\w$.-]*)
    |(?P<other>\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS: dict[str, Any] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
    "undefined": None,
}
_ESCAPE = late(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}


class Bare(str):
    """A word without quotes that is no constant: `Array` in `[Array]`, a class name."""

    __slots__ = ()


def values(text: str) -> Iterator[Any]:
    """Every outermost `{…}` and `[…]` in `text` as dicts and lists, in order; a cut one holds what was there."""
    reader = _Reader(text)
    while (token := reader.next()) is not None:
        kind, word = token
        if kind == "open" and word != "(":
            yield reader.container(word, 0)


def loads(text: str) -> Any:
    """One JSON text, or what the tolerant reader makes of it; None when it holds no value."""
    try:
        return json.loads(whole_escapes(text))
    except (ValueError, RecursionError):
        return next(values(text), None)


class _Reader:
    """A cursor over tokens. `budget` bounds the work whatever the text holds."""

    __slots__ = ("_ahead", "_tokens", "budget")

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.finditer(text)
        self._ahead: tuple[str, str] | None = None
        self.budget = MAX_TOKENS

    def next(self) -> tuple[str, str] | None:
        if self._ahead is not None:
            token, self._ahead = self._ahead, None
            return token
        for hit in self._tokens:
            if hit.lastgroup != "space":
                self.budget -= 1
                return (str(hit.lastgroup), hit[0]) if self.budget >= 0 else None
        return None

    def peek(self) -> tuple[str, str] | None:
        if self._ahead is None:
            self._ahead = self.next()
        return self._ahead

    def container(self, opener: str, depth: int) -> dict[str, Any] | list[Any]:
        """What stands between an opener (already taken) and its closer: a dict when anything in it has a key."""
        items: list[Any] = []
        keyed: dict[str, Any] = {}
        while (token := self.next()) is not None:
            if token[0] == "close":
                break
            if token == ("mark", ","):
                continue
            key, value = self._item(token, depth)
            if key is None:
                items.append(value)
            else:
                keyed.setdefault(key, value)
        return keyed if keyed or (opener == "{" and not items) else items

    def _item(self, token: tuple[str, str], depth: int) -> tuple[str | None, Any]:
        """`value`, `key: value` or `key=value`; what follows up to the next comma is taken for a more telling value."""
        value = self._value(token, depth)
        key: str | None = None
        ahead = self.peek()
        if ahead is not None and ahead[0] == "mark" and ahead[1] in ":=" and isinstance(value, str | int):
            self.next()
            key = str(value)
            following = self.peek()
            value = None
            if following is not None and following[0] != "close" and following != ("mark", ","):
                value = self._value(self.next() or following, depth)
        return key, self._rest(value, depth)

    def _rest(self, value: Any, depth: int) -> Any:
        """Swallows what follows a value: string concatenation, a class name before its object, stack frames."""
        telling = "([{"  # a call's arguments stand right behind its name; later parentheses are stack frames
        while (ahead := self.peek()) is not None and ahead[0] != "close" and ahead != ("mark", ","):
            self.next()
            if ahead[0] == "open":
                inner = self._inside(ahead[1], depth)
                value = inner if ahead[1] in telling and (isinstance(value, Bare) or value is None) else value
            elif ahead[0] == "string" and type(value) is str:
                value += _unquoted(ahead[1])
            telling = "[{"
        return value

    def _value(self, token: tuple[str, str], depth: int) -> Any:
        kind, word = token
        if kind == "open":
            return self._inside(word, depth)
        if kind == "string":
            return _unquoted(word)
        if kind == "number":
            return int(word) if word.lstrip("-").isdigit() and len(word) < 18 else word
        if kind == "name":
            return _WORDS[word] if word in _WORDS else Bare(word)
        return Bare(word)

    def _inside(self, opener: str, depth: int) -> Any:
        """A container inside a container; one that stands too deep is passed over."""
        if depth < MAX_DEPTH:
            return self.container(opener, depth + 1)
        open_now = 1
        while open_now and (token := self.next()) is not None:
            open_now += {"open": 1, "close": -1}.get(token[0], 0)
        return None


def _unquoted(word: str) -> str:
    inner = word[1:-1]
    return whole(_ESCAPE.sub(_unescaped, inner)) if "\\" in inner else inner


def _unescaped(hit: re.Match[str]) -> str:
    what = hit[1]
    if what[0] in "ux" and len(what) > 1:
        return chr(int(what[1:], 16))
    return _SIMPLE_ESCAPES.get(what, what)
