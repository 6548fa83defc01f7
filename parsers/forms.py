"""How a logger writes its JSON lines: such a line is told apart by a pattern of its bytes, without decoding it.

A logger prints its records with the same keys in the same order. What a class of records is made of (parsers/shapes.py) are a
few of their values; the others only have to be of the same kind. So a form is made of a line that was decoded: its keys and
all that stands between the values as they are, a pattern for each value, and groups around those that matter. A line that takes
the pattern is of the same shape, and its class is made of its groups. Any other line is decoded.

The patterns are stricter than JSON: no escapes and nothing beyond ASCII in texts that are read, no exponents. They can't
backtrack: each value is possessive and ends where its kind does.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

MAX_FORMS, MAX_OF_A_HEAD = 128, 8  # in all, and of lines that begin alike: so many are tried
LINES_BEFORE = (
    24  # of a shape are decoded before a form is made of the next: a pattern takes as long to compile as a hundred of them
)
MAX_TRIES = 6  # forms of one shape: what lists and nested records hold may differ
MAX_SEEN = 4_096  # shapes whose lines are counted
MAX_KNOWN, MAX_FEW_BYTES = 4_096, 2_000  # values that are read once, and their size in a line
MAX_LINE_BYTES = 16_384  # longer ones are read by themselves, as in parsers/bulk.py
MAX_LITERAL_BYTES = 512  # of a list, which stands in the pattern as it is
_HEAD_BYTES = 4

Line = re.Match[bytes]
Reading = Callable[[str], Hashable]
ReadingOfBytes = Callable[[bytes], Hashable]
Place = tuple[tuple[str, ...], int]  # the names that lead to a value, and its group


class Unfit(Exception):  # noqa: N818  not an error: such a line is decoded
    """A line that no form is made of."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """The value matters as it is. `loose`: it may be any, and hold escapes: its bytes alone are compared."""

    loose: bool = False


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Of a text it matters what `reading` makes of it, which may raise Unfit."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Target:
    """A request's target, of which it matters what is made of its bytes; `of_path`: where it is a path and perhaps a query, of the path's."""

    of_whole: ReadingOfBytes
    of_path: ReadingOfBytes


@dataclass(frozen=True, slots=True)
class OfItsKind:
    """Only the value's kind matters, and of a text whether it is one of `nothing`. `asked`: what it is may be asked for."""

    nothing: tuple[str, ...] = ()
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """A record in the record: `take` says what is to be made of its values."""

    take: Take


Taken = Exactly | ReadBy | Target | OfItsKind | Within
Take = Callable[[str, Any], Taken]
"""What is to be made of a value, by its name. Raises Unfit."""


@dataclass(slots=True)
class Form:
    """A pattern of lines. Of its groups `few` hold the same in many lines, `targets` another text in most.

    `readings`: of each of `few` what is read of its text; None: it matters as it is. `paths`: the places of the targets that are
    paths. `asked`: those of the values that may be asked for.
    """

    pattern: re.Pattern[bytes]
    few: tuple[int, ...]
    readings: tuple[Reading | None, ...]
    targets: tuple[tuple[ReadingOfBytes, int], ...]
    paths: tuple[Place, ...]
    asked: tuple[Place, ...]
    known: dict[Any, int] = field(default_factory=dict)  # what stands in the few groups -> number of what they say


class Forms:
    """The forms that were made. Lines that have none are noted until one is made of them."""

    def __init__(self) -> None:
        self._by_head: dict[bytes, list[Form]] = {}
        self._count = 0
        self._seen: Counter[Hashable] = Counter()
        self._said: dict[Hashable, int] = {}
        self._numbers = count()

    def find(self, data: bytes, start: int, end: int) -> tuple[Form, Line] | None:
        """The form of the line that stands in `data` from `start` to `end`, and the line by it."""
        if end - start > MAX_LINE_BYTES:
            return None
        for form in self._by_head.get(data[start : start + _HEAD_BYTES], ()):
            line = form.pattern.fullmatch(data, start, end)
            if line is not None:
                return form, line
        return None

    def classes_of(
        self, data: bytes, ends: Sequence[int], numbers: Iterable[int]
    ) -> Iterator[tuple[int, int, int, Hashable | None]]:
        """Of some of the lines that end at `ends`: number, beginning, end, and as `class_by` its class, None where it has no form."""
        for number in numbers:
            start, end = ends[number - 1] + 1 if number else 0, ends[number]
            found = self.find(data, start, end)
            yield number, start, end, self.class_by(*found) if found is not None else None

    def class_by(self, form: Form, line: Line) -> Hashable | None:
        """Equal for lines of which all that is read is equal; None for one that is to be decoded."""
        few = line.group(*form.few)
        said = form.known.get(few)
        if said is None:
            said = self._say(form, few)
        if said is None or not form.targets:
            return said
        if len(form.targets) == 1:
            [(reading, group)] = form.targets
            return said, reading(line[group])
        return (said, *[reading(line[group]) for reading, group in form.targets])

    def _say(self, form: Form, few: Any) -> int | None:
        """The number of what stands in the few groups: equal where it is read the same."""
        texts = few if isinstance(few, tuple) else (few,)
        if sum(map(len, texts)) > MAX_FEW_BYTES:
            return None
        try:
            read = [
                text if reading is None else reading(text.decode()) for reading, text in zip(form.readings, texts, strict=True)
            ]
        except Unfit:
            return None
        if len(form.known) >= MAX_KNOWN or len(self._said) >= MAX_KNOWN:
            self._said.clear()
            for one in self:
                one.known.clear()
        said = self._said.setdefault((id(form), *read), next(self._numbers))
        form.known[few] = said
        return said

    def __iter__(self) -> Iterator[Form]:
        for some in self._by_head.values():
            yield from some

    def note(self, shape: Hashable, line: bytes, take: Take) -> None:
        """A line without a form was decoded; `shape`: equal for lines that may have one in common."""
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        seen = self._seen[shape] = self._seen[shape] + 1
        if seen % LINES_BEFORE or seen > LINES_BEFORE * MAX_TRIES or self._count >= MAX_FORMS:
            return
        some = self._by_head.setdefault(line[:_HEAD_BYTES], [])
        if len(some) >= MAX_OF_A_HEAD:
            return
        try:
            some.append(form_of(line, take))
        except Unfit:
            return
        self._count += 1


def form_of(line: bytes, take: Take) -> Form:
    """The form of a line that is one JSON record. Raises Unfit when none can be made of it."""
    writer = _Writer()
    try:
        text = line.decode()
        writer.record(text, take)
    except (UnicodeDecodeError, IndexError, RecursionError, ValueError):
        raise Unfit from None
    pattern = re.compile(writer.pattern.encode())
    if pattern.fullmatch(line) is None:
        raise Unfit
    return writer.form(pattern)


# ---- values, as they are written ----

_INNER = r"[ !#-\[\]-~]*+"  # of a text that is read: ASCII without quotes, backslashes and controls
_ANY_TEXT = r'"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+"'
_WHOLE = r"(?:0|-?[1-9][0-9]{0,17}+)"
_BROKEN = r"-?(?:0|[1-9][0-9]{0,17}+)\.[0-9]{1,17}+"
_PATH, _QUERY = r"/[ !$-:<->@-\[\]-~]{0,1000}+", r"(?:\?[ !$-:<-\[\]-~]{0,900}+)?+"  # without `;` and `#`
_IS_PATH = re.compile(_PATH + _QUERY)
_MAX_NESTED = 4


def _nested() -> str:
    """Any list or record of a line whose like was decoded: only its end has to be found, its bytes are compared."""
    plain = rf'[^"\\{{}}\[\]\x00-\x1f]++|{_ANY_TEXT}'
    pattern = plain
    for _ in range(_MAX_NESTED):
        pattern = rf"{plain}|[\[{{](?:{pattern})*+[\]}}]"
    return rf"[\[{{](?:{pattern})*+[\]}}]"


_ANY_NESTED = _nested()


def _any_of_kind(value: Any) -> str:
    """The same of any value."""
    if isinstance(value, str):
        return _ANY_TEXT
    return _ANY_NESTED if isinstance(value, list | dict) else r'[^"\\,{}\[\]\x00-\x20]++'


def _kind(value: Any) -> str:
    match value:
        case str():
            return f'"{_INNER}"'
        case bool():
            return "(?:true|false)"
        case None:
            return "null"
        case int():
            return _WHOLE
        case float():
            return _BROKEN
    raise Unfit


def _says(value: str, nothing: Sequence[str]) -> str:
    """A text that is, like `value`, one of `nothing` or none of them."""
    some = "|".join(f'{re.escape(one)}"' for one in nothing)
    return f'"(?:{some})' if value in nothing else f'"(?!{some}){_INNER}"'


def _literal(text: str) -> str:
    """Byte by byte, as the pattern is one of bytes."""
    return "".join([chr(byte) if byte < 128 and chr(byte).isalnum() else f"\\x{byte:02x}" for byte in text.encode()])


class _Writer:
    """Writes a form's pattern along a line."""

    def __init__(self) -> None:
        self.pattern = "()"  # so that there is always a group to ask for
        self._groups = 1
        self._few: list[int] = [1]
        self._readings: list[Reading | None] = [None]
        self._targets: list[tuple[ReadingOfBytes, int]] = []
        self._paths: list[Place] = []
        self._asked: list[Place] = []

    def form(self, pattern: re.Pattern[bytes]) -> Form:
        return Form(
            pattern=pattern,
            few=tuple(self._few),
            readings=tuple(self._readings),
            targets=tuple(self._targets),
            paths=tuple(self._paths),
            asked=tuple(self._asked),
        )

    def record(self, text: str, take: Take, way: tuple[str, ...] = ()) -> None:
        """The record that `text` begins with. `way`: the names that lead to it."""
        names: set[str] = set()
        written = 0
        for name, value, begin, end in _members(text):
            if name in names:
                raise Unfit  # which of the two counts is the decoder's business
            names.add(name)
            self.pattern += _literal(text[written:begin])
            self._value(text[begin:end], value, take(name, value), (*way, name))
            written = end
        self.pattern += _literal(text[written : text.index("}", written) + 1])

    def _group(self, pattern: str) -> int:
        self._groups += 1
        self.pattern += f"({pattern})"
        return self._groups

    def _value(self, text: str, value: Any, taken: Taken, way: tuple[str, ...]) -> None:
        match taken:
            case Within(take):
                self.record(text, take, way)
            case OfItsKind(nothing, asked):
                pattern = _says(value, nothing) if isinstance(value, str) and nothing else _kind(value)
                if asked:
                    self._asked.append((way, self._group(pattern)))
                else:
                    self.pattern += pattern
            case ReadBy(reading):
                self._few.append(self._text(_INNER))
                self._readings.append(reading)
            case Target():
                self._target(text[1:-1], taken, way)
            case Exactly(loose):
                self._exactly(text, value, loose=loose)

    def _text(self, inner: str, after: str = "") -> int:
        """A text's group, without its quotes and what stands `after` in it."""
        self.pattern += '"'
        group = self._group(inner)
        self.pattern += f'{after}"'
        return group

    def _target(self, text: str, target: Target, way: tuple[str, ...]) -> None:
        if _IS_PATH.fullmatch(text) is None:
            self._targets.append((target.of_whole, self._text(_INNER)))
            return
        group = self._text(_PATH, _QUERY)
        self._targets.append((target.of_path, group))
        self._paths.append((way, group))

    def _exactly(self, text: str, value: Any, *, loose: bool) -> None:
        if loose or not isinstance(value, list | dict):
            self._few.append(self._group(_any_of_kind(value) if loose else _kind(value)))
            self._readings.append(None)
        elif len(text) <= MAX_LITERAL_BYTES:
            self.pattern += _literal(text)
        else:
            raise Unfit


_BLANKS = re.compile(r"[ \t\n\r]*+")
_decoded = json.JSONDecoder().raw_decode


def _members(text: str) -> Iterator[tuple[str, Any, int, int]]:
    """Of the record that `text` begins with, each member's name and value, and where the value begins and ends."""
    at = _after_blanks(text, 1)
    while text[at] != "}":
        name, at = _decoded(text, at)
        begin = _after_blanks(text, _after_blanks(text, at) + 1)
        value, end = _decoded(text, begin)
        yield name, value, begin, end
        at = _after_blanks(text, end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)


def _after_blanks(text: str, at: int) -> int:
    hit = _BLANKS.match(text, at)
    return hit.end() if hit is not None else at
