"""A rule's pattern -> its needles: fixed texts, one of which stands in everything that the pattern takes.

They find more than the pattern, on purpose: the rule's own pattern decides. There are two kinds, because a rule sees
decoded text and the scan sees events as they came:

- `plain`: for events whose text is their own (less a prefix).
- `escaped`: for JSON and its like. Decoding writes `"code":"P2011"` as `code: 'P2011'`, joins keys with dots and opens
  `\\"`, so a needle holds nothing that decoding can have made or opened: no quotes, colons, dots, slashes and backslashes,
  no blank or digit at its beginning.

What this relies on is said at the top of parsers/formats.py; tests/parsers/test_triggers.py holds it with generated texts.
Which of a pattern's candidates is looked for is decided by how often they stand in a sample of the log itself:
"status" tells much in one log and nothing in another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from re import _constants as sre  # type: ignore[attr-defined]  # the parsed form of a pattern; CPython's own, stable since 3.11
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from parsers.formats import MAX_LEAVES

SHORTEST = 3  # characters of a needle
LONGEST = 48
MAX_WAYS = 96  # texts that alternatives and small classes may be multiplied out to
MAX_UNION = 400
UNUSUAL_ESCAPES = r"\\u00(?:2[013-589ac-fAC-F]|3[0-9abdfABDF]|[45][0-9a-fA-F]|6[1-9a-fA-F]|7[0-9a-eA-E]|09)"
"""JSON that escapes letters and digits, as nobody does on purpose: no needle can be trusted there."""
CASE_FOLDS = ("\u017f", "\u212a", "\u0130", "\u0131")
"""Letters beyond ASCII that Python's IGNORECASE takes for s, k and i: where they stand, caseless needles can't be trusted."""

OTHER_DIGITS = tuple(chr(code) for code in range(128, 0x1FBFA) if unicodedata.decimal(chr(code), 1) == 0)
"""The zeros of the other scripts, each followed by its nine digits: `\\d` takes them too."""

# What decoding makes (quotes, `: `, dots) or opens (control characters, quotes, slashes).
_MADE_BY_DECODING = frozenset((*map(chr, range(32)), *"\"'./:\\\x7f")) - {"\t"}
_OFTEN_ESCAPED = {"\t": ("\t", "\\t"), **{char: (char, f"\\u{ord(char):04x}") for char in "&+<>`"}}  # Go, .NET
_MARKS = frozenset("\"'.:/")
_WORD = re.compile(r"[a-z0-9]+")
_DIGIT_CLASSES = ([(sre.CATEGORY, sre.CATEGORY_DIGIT)], [(sre.RANGE, (48, 57))])
# Words of ordinary log lines, access lines and stack frames: a text made of them says little.
_COMMON = frozenset(
    "a access and api app application array async at auth be body by class client code com completed config connect connection content could "
    "create data database date db debug email env environment err error errors event exception execute failed false field file for found from "
    "function get has host http https id in index info input int internal invalid is java js json key length level lib line list local log "
    "main message method migrate migration migrations missing mjs model module modules msg name net no node not null number object of on or "
    "org packages param params path port post process property python query received request required res response route run running select "
    "server service site size sql src start started starting state status statuscode string system table test text the time timestamp to "
    "token true ts type undefined update url user users usr utils v1 v2 valid validation value version warn warning was web with x py".split()
)


@dataclass(frozen=True, slots=True, order=True)
class Needle:
    """A fixed text to look for; lower-case when it is looked for whatever its case.

    `alone`: in escaped text it stands between characters that are no letters (or behind an escape that ends in one).
    `apart`: it begins with a digit, and stands behind such a character: not in the middle of a time, an id or an amount.
    """

    text: str
    caseless: bool = False
    alone: bool = False
    apart: bool = False


Choice = tuple[Needle, ...]  # any of them


@dataclass(frozen=True, slots=True)
class _Any:
    """An element that no needle crosses; `inside`: choices one of whose needles stands in everything it takes."""

    inside: tuple[Choice, ...] = ()
    mark: bool = False  # one character that ends a word, however it is escaped
    digit: bool = False  # begins with a digit


_BREAK = _Any()
_MARK = _Any(mark=True)
_DIGIT = _Any(digit=True)
_NOTHING: Choice = (Needle(""),)


def candidates(pattern: str, *, escaped: bool) -> tuple[Choice, ...]:
    """The choices of one pattern, each enough by itself; () when nothing can be named in it."""
    try:
        tree = sre_parser.parse(pattern, re.MULTILINE)
    except re.error:
        return ()
    for shortest in (SHORTEST, SHORTEST - 1):
        maker = _Maker(escaped=escaped, shortest=shortest).with_flags(tree.state.flags, 0)
        found = maker.choices(maker.elements(tree))
        if found:
            return found
    return ()


def worth(choice: Choice) -> float:
    """How telling the weakest needle of a choice is, in bits; a guess, for want of a log to count in."""
    return min((_telling(needle.text) for needle in choice), default=0.0) - len(choice) / 4


def _telling(text: str) -> float:
    lowered = text.lower()
    words = _WORD.findall(lowered)
    letters = sum(min(5.0, 2.5 * len(word)) if word in _COMMON else 3.5 * len(word) for word in words)
    return letters + sum(1 for char in lowered if not char.isalnum()) + (4.0 if not text.isascii() else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """The flags in force, and which kind of needles is made."""

    escaped: bool
    shortest: int = SHORTEST
    caseless: bool = False

    def with_flags(self, add: int, remove: int) -> _Maker:
        return replace(self, caseless=(self.caseless or bool(add & re.IGNORECASE)) and not remove & re.IGNORECASE)

    def elements(self, tree: Iterable[Any]) -> list[Choice | _Any]:
        """A sequence as fixed texts (in all ways they may be written) and what no needle crosses."""
        out: list[Choice | _Any] = []
        for kind, value in tree:
            if kind is sre.SUBPATTERN:
                maker = self.with_flags(value[1], value[2]) if value[1] or value[2] else self
                out.extend(maker.elements(value[3]))
            elif kind is sre.BRANCH:
                out.append(self.branch(value[1], _fixed_end(out)))
            elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
                out.extend(self.repeat(value[0], int(value[1]), value[2]))
            elif kind is not sre.AT and kind is not sre.ASSERT and kind is not sre.ASSERT_NOT:
                out.append(self.element(kind, value))
        return out

    def element(self, kind: Any, value: Any) -> Choice | _Any:
        if kind is sre.LITERAL:
            return self.characters((value,))
        if kind is sre.IN:
            if value in _DIGIT_CLASSES:
                return _DIGIT
            codes = _members(value)
            return self.characters(codes) if codes else _BREAK
        if kind is sre.ATOMIC_GROUP:
            return _Any(self.choices(self.elements(value)))
        return _BREAK

    def characters(self, codes: Sequence[int]) -> Choice | _Any:
        chars = [chr(code) for code in codes]
        if "\n" in chars:
            return _BREAK
        if self.escaped and any(char in _MADE_BY_DECODING for char in chars):
            return _MARK if _MARKS.issuperset(chars) else _BREAK
        needles: list[Needle] = []
        for char in chars:
            if self.escaped and char in _OFTEN_ESCAPED:
                raw, written = _OFTEN_ESCAPED[char]
                needles.extend((Needle(raw), Needle(written, caseless=True)))
            elif char.isascii():
                needles.append(Needle(char.lower(), caseless=True) if self.caseless and char.isalpha() else Needle(char))
            else:
                needles.append(Needle(char))
                needles.extend([Needle(_escapes(char), caseless=True)] if self.escaped else [])
                needles.extend([Needle(other) for other in {char.lower(), char.upper()} - {char}] if self.caseless else [])
        both = {needle.text.lower() for needle in needles}
        if len(needles) > 1 and len(both) == 1:
            return (Needle(both.pop(), caseless=True),)
        return tuple(dict.fromkeys(needles))

    def repeat(self, low: int, high: int, inner: Any) -> list[Choice | _Any]:
        """What is repeated stands once at the beginning and once at the end of what it takes, whatever stands between."""
        elements = self.elements(inner)
        if low and elements == [_DIGIT]:
            return [_DIGIT]
        if self.escaped and low >= 2 and list(inner) == [(sre.LITERAL, 46)]:
            elements = [(Needle("."),)]  # decoding makes single dots only
        whole = self.whole(elements)
        if whole is None:
            return [_Any(self.choices(elements)) if low >= 1 else _BREAK]
        if high == 1:
            return [whole if low == 1 else tuple(dict.fromkeys((*_NOTHING, *whole)))]
        if low == 0:
            return [_BREAK]
        if len(whole) == 1:
            once = (replace(whole[0], text=whole[0].text * min(low, 4)),)
            return [once] if low == high <= 4 else [once, _BREAK, once]
        return [whole, _BREAK, whole]

    def branch(self, options: Sequence[Any], before: Sequence[Choice]) -> Choice | _Any:
        """`before`: the fixed text right before the branch, which each of its options goes on from."""
        branches = [self.elements(option) for option in options]
        wholes = [self.whole(branch) for branch in branches]
        ways = [needle for whole in wholes if whole is not None for needle in whole]
        if all(whole is not None for whole in wholes) and len(set(ways)) <= MAX_WAYS:
            return tuple(dict.fromkeys(ways))
        bests = [max(self.choices([*before, *branch]), key=worth, default=()) for branch in branches]
        union = tuple(dict.fromkeys(needle for best in bests for needle in best))
        return _Any((union,)) if all(bests) and len(union) <= MAX_UNION else _BREAK

    def whole(self, elements: Sequence[Choice | _Any]) -> Choice | None:
        """A sequence written out in all its ways; None when it holds what can't be written out."""
        parts: list[Choice] = []
        ways = 1
        for element in elements:
            if isinstance(element, _Any):
                return None
            ways *= len(element)
            parts.append(element)
        return tuple(dict.fromkeys(map(_concatenated, product(*parts)))) if ways <= MAX_WAYS else None

    def choices(self, elements: Sequence[Choice | _Any]) -> tuple[Choice, ...]:
        found: list[Choice] = []
        run: list[Choice] = []
        marked = False
        for element in (*elements, _BREAK):
            if isinstance(element, _Any):
                found.extend(self.usable(choice, marked=marked and not start) for start, choice in _windows(run))
                if run and (element.mark or element.digit) and (whole := self.whole(run)) is not None:
                    found.append(
                        self.usable(_alone(whole) if element.mark and marked else _numbered(whole) if element.digit else ())
                    )
                found.extend(element.inside)
                run, marked = [], element.mark
            else:
                run.append(element)
        some = dict.fromkeys(choice for choice in found if choice)
        return tuple(sorted(some, key=worth, reverse=True)[:12])

    def usable(self, choice: Choice, *, marked: bool = False) -> Choice:
        """A choice whose needles are long enough; () when one is not. `marked`: a character that ends a word stands before it."""
        trimmed = tuple(dict.fromkeys(self._trimmed(needle, marked=marked) for needle in choice))
        return trimmed if all(self._tells(needle) for needle in trimmed) else ()

    def _tells(self, needle: Needle) -> bool:
        return bool(needle.text.strip()) and len(needle.text) >= (SHORTEST - 1 if needle.alone else self.shortest)

    def _trimmed(self, needle: Needle, *, marked: bool) -> Needle:
        if not self.escaped:
            return replace(needle, text=needle.text[:LONGEST])
        text = _unmade(needle.text)[:LONGEST]
        # What was taken off its beginning ends in a blank.
        apart = text[:1].isdecimal() and not needle.alone and (marked or not needle.text.startswith(text))
        return replace(needle, text=text, apart=apart)


def _alone(choice: Choice) -> Choice:
    return tuple(replace(needle, alone=True) for needle in choice)


def _numbered(choice: Choice) -> Choice:
    """Short texts in front of a number, each with its first digit."""
    if len(choice) > 8 or any(len(needle.text) > 4 for needle in choice):
        return ()
    return tuple(replace(needle, text=needle.text + digit) for needle in choice for digit in "0123456789")


def _fixed_end(elements: Sequence[Choice | _Any]) -> list[Choice]:
    """The fixed text at the end of a sequence."""
    end: list[Choice] = []
    for element in reversed(elements):
        if isinstance(element, _Any) or len(element) > 1:
            break
        end.insert(0, element)
    return end


def _unmade(text: str) -> str:
    """Without the blank and the number that decoding may have put there; an index of an array is below MAX_LEAVES."""
    if "\\" in text[1:]:  # JSON in JSON doubles the backslash: an escape stands at a needle's beginning or not in it
        text = max(text[: text.index("\\", 1)], text[text.rindex("\\") :], key=len)
    text = text.lstrip(" ")
    number = text[: len(text) - len(text.lstrip("0123456789"))]
    return text if len(number) > 3 or (number and int(number) >= MAX_LEAVES) else text[len(number) :].lstrip(" ")


def _windows(run: Sequence[Choice]) -> Iterator[tuple[int, Choice]]:
    """Stretches of a run, each with its beginning: each longest one without alternatives, and each longest one that can be written out."""
    begin = 0
    for end, choice in enumerate((*run, ())):
        if len(choice) != 1:
            if begin < end:
                yield begin, tuple(map(_concatenated, product(*run[begin:end])))
            begin = end + 1
    for start in range(len(run)):
        if start and len(run[start - 1]) == 1:
            continue
        ways = 1
        end = start
        while end < len(run) and ways * len(run[end]) <= MAX_WAYS:
            ways *= len(run[end])
            end += 1
        if ways > 1:
            yield start, tuple(dict.fromkeys(map(_concatenated, product(*run[start:end]))))


def _concatenated(needles: Sequence[Needle]) -> Needle:
    caseless = any(needle.caseless for needle in needles)
    text = "".join([needle.text for needle in needles])
    return Needle(text.lower() if caseless else text, caseless)


def _members(value: Any) -> tuple[int, ...]:
    """The characters of a small class; () when it is negated, named or large."""
    codes: list[int] = []
    for kind, what in value:
        if kind is sre.LITERAL:
            codes.append(what)
        elif kind is sre.RANGE and what[1] - what[0] < 6:
            codes.extend(range(what[0], what[1] + 1))
        else:
            return ()
    return tuple(codes) if len(codes) <= 6 else ()


def _escapes(char: str) -> str:
    """As JSON may write a character beyond ASCII: one or two \\uXXXX, lower-case."""
    units = char.encode("utf-16-be", "replace").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


def loosened(pattern: str) -> str | None:
    """The whole pattern for bytes of UTF-8 and the flag MULTILINE: for patterns of brackets and blanks, which hold no telling needle.

    None: it holds something that this cannot write.
    """
    try:
        return _loose(sre_parser.parse(pattern, re.MULTILINE))
    except (re.error, LookupError):
        return None


def _loose(tree: Iterable[Any]) -> str:
    """Raises LookupError for what cannot be written."""
    out = ""
    for kind, value in tree:
        if kind is sre.AT:
            out += {sre.AT_BEGINNING: "^", sre.AT_END: "$", sre.AT_BOUNDARY: ""}[value]
        elif kind is sre.SUBPATTERN and not value[1] and not value[2]:
            out += f"(?:{_loose(value[3])})"
        elif kind is sre.BRANCH:
            out += "(?:" + "|".join(map(_loose, value[1])) + ")"
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high = value[0], int(value[1])
            out += f"(?:{_loose(value[2])})" + (f"{{{low},{4 * high}}}" if high <= 25 else "+" if low else "*")
        else:
            out += _loose_character(kind, value)
    return out


_LOOSE_CATEGORIES = {sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_DIGIT: "0-9", sre.CATEGORY_WORD: r"\w"}


def _loose_character(kind: Any, value: Any) -> str:
    if kind is sre.LITERAL and value < 128:
        return f"\\x{value:02x}"
    if kind is sre.NOT_LITERAL and value < 128:
        return f"[^\\n\\x{value:02x}]" if value != 10 else r"[^\n]"
    if kind is not sre.IN:
        raise LookupError(kind)
    negated = value[0][0] is sre.NEGATE
    inner = ""
    for what, code in value[1:] if negated else value:
        if what is sre.CATEGORY:
            inner += _LOOSE_CATEGORIES[code]
        elif what is sre.LITERAL and code < 128:
            inner += f"\\x{code:02x}"
        elif what is sre.RANGE and code[1] < 128:
            inner += f"\\x{code[0]:02x}-\\x{code[1]:02x}"
        else:
            raise LookupError(what)
    return f"[^\\n{inner}]" if negated else rf"[{inner}\x80-\xff]"
