"""Which events of a batch can matter, and by which rule: one pass of a linear engine over the bytes as they came.

Every rule is known by needles (parsers/triggers.py): an event without any of a rule's needles is not taken by it. The
engine is Hyperscan in block mode over stretches of a megabyte; where it is not installed, Polars' Aho-Corasick finds the
same needles. Where needles cannot be trusted (control sequences, unusual escapes) the event is handed on with every rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from parsers import triggers
from parsers.access import OPENING_WORDS
from parsers.batch import Batch
from parsers.formats import ERROR_LEVELS, LEVEL_KEYS, PREFIXES
from parsers.rules import Cache, RuleSet
from parsers.triggers import Choice, Needle

STRETCH_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 16
WEAK_BITS = 18.0  # a choice less telling than that is compared with the others in a sample of the log
BARE_BITS = 9.0  # less than that is a bracket and a blank
FREQUENT = 8.0  # times in the sample: more than that is frequent
FIRST_HALF = 1 << 40
MAX_KNOWN, MAX_KNOWN_CODES = 4_096, 100  # what so many runs of so many needles stand for is remembered
_STEP = 1 << 20  # a hit is packed as end * _STEP + code
ANY_RULE = -1  # an event that has to be looked at with every rule
ANY_PATTERN = -2  # ... with every pattern of `look_at`
LEVEL = -3  # ... for its level
OPENING = -4  # words of a request's beginning stand in it: told of the batch, not of the event
FIRST_PATTERN = -10  # ... with the first pattern of `look_at`; the second is one less, and so on

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_CONTROLS = rb"[\x00-\x08\x0b-\x1f\x7f]"
_ERROR_WORDS = "ERROR|ERR|FATAL|CRITICAL|SEVERE|PANIC|error|fatal"
_LEVEL_NAMES = "|".join(f"[{name[0]}{name[0].upper()}]" + "".join(f"[{c}{c.upper()}]" for c in name[1:]) for name in ERROR_LEVELS)
_LEVEL_KEY_NAMES = "|".join(re.escape(key) for key in LEVEL_KEYS)
_PLAIN_LEVELS = (
    rf"(?:{_ERROR_WORDS})(?:[\]\s:|]|[\x80-\xff])".encode(),
    rf"(?:{_LEVEL_KEY_NAMES})=\"?(?:{_LEVEL_NAMES}|[56][0-9])".encode(),
)
_ESCAPED_LEVELS = (
    rf"(?:{_LEVEL_KEY_NAMES})\\{{0,8}}\"\s{{0,4}}:\s{{0,4}}\\{{0,8}}\"?\s{{0,2}}(?:{_LEVEL_NAMES}|[56][0-9])".encode(),
)
# What the first line of a request holds, the one before its answer; `<` as Go's JSON writes it, too.
_OPENINGS = f"(?i:{OPENING_WORDS}|003c-- )".encode()

# A prefix before a plain line: what is anchored to the line's beginning cannot be looked for behind it.
_PREFIXES = tuple(
    b"^(?:"
    + re.sub(r"\(\?=[^)]*\)", "", text).replace(r"[\w", r"[\w\x80-\xff").replace(r"\s+", r"[\s\x80-\xff]+").encode()
    + b")"
    for text in PREFIXES
    if r"(?=\{)" not in text
)


def _other_digits() -> bytes:
    """The digits of the scripts beyond ASCII, in UTF-8: `\\d` takes them, needles don't hold them."""
    ways: dict[bytes, list[int]] = {}
    for zero in triggers.OTHER_DIGITS:
        for number in range(10):
            written = chr(ord(zero) + number).encode()
            ways.setdefault(written[:-1], []).append(written[-1])
    return b"|".join(
        b"".join(b"\\x%02x" % byte for byte in head) + b"[" + b"".join(b"\\x%02x" % byte for byte in lasts) + b"]"
        for head, lasts in ways.items()
    )


_CASE_FOLDS = b"|".join(b"".join(b"\\x%02x" % byte for byte in char.encode()) for char in triggers.CASE_FOLDS)
_UNTRUSTED = (_CONTROLS, _CASE_FOLDS, _other_digits())


Written = list[list[list[list[str]]]]  # rule -> pattern -> choice -> needles, a letter for its kind in front of each


@dataclass(frozen=True, slots=True)
class Candidates:
    """The choices of each rule's patterns, for both kinds of text: what can be known before a log is seen."""

    plain: Written
    escaped: Written

    @staticmethod
    def of(rules: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Candidates:
        """Of each rule its patterns, any of which is enough, and what it requires beside them."""
        pairs = list(rules)
        plain, escaped = ([[_written(c) for c in _choices(p, r, escaped=kind)] for p, r in pairs] for kind in (False, True))
        return Candidates(plain=[list(some) for some in plain], escaped=[list(some) for some in escaped])

    def dump(self) -> bytes:
        return msgspec.json.encode((self.plain, self.escaped))

    @staticmethod
    def load(data: bytes, rules: int) -> Candidates:
        """Raises ValueError when `data` is not what `dump` wrote for that many rules."""
        plain, escaped = msgspec.json.decode(data, type=tuple[Written, Written])
        if not len(plain) == len(escaped) == rules:
            raise ValueError("written for other rules")
        return Candidates(plain=plain, escaped=escaped)


def _choices(patterns: Sequence[str], requires: Sequence[str], *, escaped: bool) -> Iterator[list[Choice]]:
    """Of each pattern its choices, the most telling first; what is required beside it is a choice too."""
    shared = [choice for text in requires for choice in triggers.candidates(text, escaped=escaped)]
    for text in patterns:
        yield sorted((*triggers.candidates(text, escaped=escaped), *shared), key=triggers.worth, reverse=True)


_KINDS = {
    "e": (False, False, False), "c": (True, False, False), "a": (False, True, False), "b": (True, True, False), "n": (False, False, True),
    "m": (True, False, True),
}  # fmt: skip
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}


def _written(choices: Sequence[Choice]) -> list[list[str]]:
    return [[_LETTERS[needle.caseless, needle.alone, needle.apart] + needle.text for needle in choice] for choice in choices]


def _needles(written: Sequence[str]) -> Choice:
    return tuple(Needle(text[1:], *_KINDS[text[0]]) for text in written)


# ---- engines ----


class Engine(Protocol):
    def find(self, data: memoryview, ends: Integers) -> tuple[Integers, Integers]:
        """Numbers of the events (whose texts end at `ends`) and codes of what stands in them, in the events' order."""
        ...


_APART = rb"(?:^|\W|\\u00[0-9a-fA-F]{2})"
_SPELLED = re.compile(rb"[^A-Za-z0-9]")


def _expression(needle: Needle) -> bytes:
    text = b"".join(
        bytes([byte]) if byte < 128 and chr(byte).isalnum() else b"\\x%02x" % byte
        for byte in needle.text.encode("utf-8", "replace")
    )
    if needle.alone:
        return rb"(?:[^\w\n]|\\u00[0-9a-fA-F]{2})" + text + rb"[^\w\n]"
    return _APART + text if needle.apart else text


class HyperscanEngine:
    """Hyperscan in block mode. A hit costs a quarter of a microsecond, a byte a nanosecond or two."""

    def __init__(self, needles: Sequence[Needle], specials: Sequence[bytes], cache: Cache | None = None) -> None:
        import hyperscan

        expressions = [*map(_expression, needles), *specials]
        flags = [hyperscan.HS_FLAG_CASELESS if needle.caseless else 0 for needle in needles]
        flags += [hyperscan.HS_FLAG_MULTILINE] * len(specials)
        digest = hashlib.sha256(b"\n".join((*expressions, bytes(str(flags), "ascii")))).hexdigest()[:24]
        key = f"hyperscan-{getattr(hyperscan, '__version__', '')}-{digest}"
        self._database = _loaded(cache.get(key)) if cache is not None else None
        if self._database is None:
            self._database = hyperscan.Database()
            self._database.compile(
                expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions), flags=flags
            )
            if cache is not None:
                cache.put(key, hyperscan.dumpb(self._database))

    def find(self, data: memoryview, ends: Integers) -> tuple[Integers, Integers]:
        found: list[int] = []
        add = found.append

        def hit(code: int, _start: int, end: int, _flags: int, _context: object) -> None:
            add(end * _STEP + code)

        self._database.scan(data, match_event_handler=hit)  # type: ignore[union-attr]  # any buffer will do
        packed = np.array(found, dtype=np.int64)
        return np.searchsorted(ends, packed // _STEP - 1), packed % _STEP  # by the last byte of each hit


def _loaded(data: bytes | None) -> Any:
    """A database from the cache; None when there is none, or it is damaged or another version's."""
    import hyperscan

    if not data:
        return None
    try:
        database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.error:
        return None
    return database


class LiteralEngine:
    """The same needles by Polars' Aho-Corasick, the specials by `re`: where Hyperscan is not installed."""

    def __init__(self, needles: Sequence[Needle], specials: Sequence[bytes], _cache: Cache | None = None) -> None:
        self._codes: dict[str, list[int]] = {}
        for code, needle in enumerate(needles):
            self._codes.setdefault(needle.text.lower(), []).append(code)
        self._specials = [(len(needles) + number, re.compile(special, re.MULTILINE)) for number, special in enumerate(specials)]

    def find(self, data: memoryview, ends: Integers) -> tuple[Integers, Integers]:
        import polars as pl

        starts = np.concatenate(([0], ends[:-1] + 1))
        raw = bytes(data)
        lines = [raw[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        texts = [line.decode("utf-8", "replace") for line in lines]
        hits = pl.Series(texts, dtype=pl.String).str.extract_many(
            list(self._codes), ascii_case_insensitive=True, overlapping=True
        )
        pairs = [
            (event, code)
            for event, words in enumerate(hits.to_list())
            for word in words or ()
            for code in self._codes.get(word.lower(), ())
        ]
        for code, special in self._specials:
            # Event by event: a match that goes on into the next would be taken for the next one's alone.
            pairs.extend((event, code) for event, text in enumerate(lines) if special.search(text) is not None)
        pairs.sort()
        events, codes = zip(*pairs, strict=True) if pairs else ((), ())
        return np.array(events, dtype=np.int64), np.array(codes, dtype=np.int64)


EngineMaker = Callable[[Sequence[Needle], Sequence[bytes], Cache | None], Engine]


def best_engine() -> EngineMaker:
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        return LiteralEngine
    return HyperscanEngine


# ---- the scanner ----


@dataclass(slots=True)
class Marks:
    """What the scan says of a batch. `rules`: event -> numbers of the rules that may take it, and what else it has to be looked at for (negative).

    `escaped`: which events are JSON or its like; None: not one of them. `openings`: any of those may be the beginning of a request.
    """

    rules: dict[int, frozenset[int]]
    escaped: Flags | None
    openings: bool


class Scanner:
    """The needles of a rule set, chosen by a sample of the log to be read."""

    def __init__(
        self,
        rules: RuleSet,
        *,
        look_at: Sequence[str] = (),
        sample: bytes = b"",
        cache: Cache | None = None,
        engine: EngineMaker | None = None,
    ) -> None:
        """`look_at`: patterns of events that have to be looked at though no rule takes them (error-like lines, openers)."""
        candidates = _candidates(rules, look_at, cache)
        maker = engine or best_engine()

        def build(needles: Sequence[Needle], specials: Sequence[bytes]) -> Engine:
            return maker(needles, specials, cache)

        count = len(rules.rules)
        targets = [*range(count), *(FIRST_PATTERN - number for number in range(len(look_at)))]
        lines = sample.split(b"\n")
        # Patterns of brackets and blanks hold no telling needle: they are looked for as they are.
        loose = {
            number: text
            for number, (pattern, some) in enumerate(zip(look_at, candidates.plain[count:], strict=True), count)
            if not _is_telling(some) and (text := triggers.loosened(pattern)) is not None
        }
        specials = [(text.encode(), targets[number]) for number, text in loose.items()]
        specials += [(text, LEVEL) for text in _PLAIN_LEVELS] + [(text, ANY_PATTERN) for text in _PREFIXES]
        covered = [[] if number in loose else some for number, some in enumerate(candidates.plain)]
        self._plain = _Side(covered, targets, specials, b"\n".join(x for x in lines if b"{" not in x), build)
        # What is opened anyway (JSON and its like) can be asked for the patterns that no needle is known of.
        self.unknown_when_escaped = tuple(
            text for text, some in zip(look_at, candidates.escaped[count:], strict=True) if not all(some)
        )
        covered = candidates.escaped[:count] + [some if all(some) else [] for some in candidates.escaped[count:]]
        specials = [(text, LEVEL) for text in _ESCAPED_LEVELS] + [
            (triggers.UNUSUAL_ESCAPES.encode(), ANY_RULE),
            (_OPENINGS, OPENING),
        ]
        self._escaped = _Side(covered, targets, specials, b"\n".join(x for x in lines if b"{" in x), build)

    def mark(self, batch: Batch) -> Marks:
        """Which events of the batch can matter, and by which rules."""
        data = memoryview(batch.data)
        ends = np.asarray(batch.ends, dtype=np.int64)
        rules: dict[int, frozenset[int]] = {}
        flags: Flags | None = None
        openings = False
        for first, last in _stretches(ends):
            begin, end = batch.start(first), int(ends[last - 1]) + 1
            part, part_ends = data[begin:end], ends[first:last] - begin
            escaped = _escaped_events(batch.data, begin, end, part_ends)
            if escaped is None:
                self._plain.mark(part, part_ends, first, None, rules)
                continue
            flags = np.zeros(len(ends), dtype=np.bool_) if flags is None else flags
            flags[first:last] = escaped
            self._plain.mark_some(part, part_ends, first, ~escaped, rules)
            openings |= self._escaped.mark_some(part, part_ends, first, escaped, rules)
        return Marks(rules=rules, escaped=flags, openings=openings)


def _is_telling(patterns: Sequence[Sequence[Sequence[str]]]) -> bool:
    return all(some and triggers.worth(_needles(some[0])) >= BARE_BITS for some in patterns)


def _candidates(rules: RuleSet, look_at: Sequence[str], cache: Cache | None) -> Candidates:
    wanted: list[tuple[Sequence[str], Sequence[str]]] = [(rule.pattern_texts, rule.requires_texts) for rule in rules.rules]
    wanted.extend(((text,), ()) for text in look_at)
    key = f"needles-2-{rules.digest}-{len(look_at)}"
    known = cache.get(key) if cache is not None else None
    if known is not None:
        try:
            return Candidates.load(known, len(wanted))
        except (ValueError, TypeError):
            pass  # damaged or of an older version: derived anew
    candidates = Candidates.of(wanted)
    if cache is not None:
        cache.put(key, candidates.dump())
    return candidates


class _Side:
    """One kind of text: its needles, chosen, and what each of them stands for."""

    def __init__(
        self,
        choices: Written,
        targets: Sequence[int],
        specials: Sequence[tuple[bytes, int]],
        sample: bytes,
        build: Callable[[Sequence[Needle], Sequence[bytes]], Engine],
    ) -> None:
        frequency = _Frequency(sample[:SAMPLE_BYTES])
        found: dict[Needle, set[int]] = {}
        everywhere: set[int] = set()  # rules that no needle is known of
        self._halves: list[int] = []  # of pattern n, the target that needs both of FIRST_HALF + 2n and FIRST_HALF + 2n + 1
        for target, patterns in zip(targets, choices, strict=True):
            for some in patterns:
                chosen = _chosen(some, frequency)
                if not chosen:
                    everywhere.add(target)
                tokens = [target] if len(chosen) == 1 else [FIRST_HALF + 2 * len(self._halves) + half for half in (0, 1)]
                if len(chosen) > 1:
                    self._halves.append(target)
                for token, choice in zip(tokens, chosen, strict=False):
                    for needle in choice:
                        found.setdefault(needle, set()).add(token)
        self.everywhere = frozenset(everywhere)
        self._known: dict[tuple[int, ...], frozenset[int]] = {}
        self.needles = sorted(found)
        self._targets = [tuple(found[needle]) for needle in self.needles]
        specials = [*specials, *((text, ANY_RULE) for text in _UNTRUSTED)]
        self._targets += [(target,) for _, target in specials]
        self._opening = self._targets.index((OPENING,)) if (OPENING,) in self._targets else -1
        self._engine = build(self.needles, [text for text, _ in specials])

    def mark_some(self, data: memoryview, ends: Integers, first: int, which: Flags, rules: dict[int, frozenset[int]]) -> bool:
        """As `mark`, of some of a stretch's events: few of them are copied together, most of them are scanned among the others."""
        count = int(which.sum())
        if 2 * count > len(ends):
            return self.mark(data, ends, first, None if count == len(ends) else which, rules)
        if not count:
            return False
        numbers = np.flatnonzero(which)
        texts = [bytes(data[a:b]) for a, b in zip((ends[numbers - 1] + 1).tolist(), ends[numbers].tolist(), strict=True)]
        if numbers[0] == 0:
            texts[0] = bytes(data[: int(ends[0])])
        some = memoryview(b"\n".join((*texts, b"")))
        some_ends = np.cumsum([len(text) + 1 for text in texts]) - 1
        marked: dict[int, frozenset[int]] = {}
        openings = self.mark(some, some_ends, 0, None, marked)
        rules.update((first + int(numbers[event]), found) for event, found in marked.items())
        return openings

    def mark(self, data: memoryview, ends: Integers, first: int, only: Flags | None, rules: dict[int, frozenset[int]]) -> bool:
        """Marks a stretch's events, or `only` some. Gives whether an OPENING stands in any of them, which marks none."""
        events, codes = self._engine.find(data, ends)
        if only is not None and len(events):
            kept = only[events]
            events, codes = events[kept], codes[kept]
        openings = codes == self._opening
        if found_any := bool(openings.any()):
            events, codes = events[~openings], codes[~openings]
        if self.everywhere:
            some = range(first, first + len(ends)) if only is None else (np.flatnonzero(only) + first).tolist()
            rules.update((event, self.everywhere) for event in some)
        bounds = [0, *(np.flatnonzero(np.diff(events)) + 1).tolist(), len(events)] if len(events) else [0]
        found, standing = codes.tolist(), (events[bounds[:-1]] + first).tolist()
        for event, begin, end in zip(standing, bounds, bounds[1:], strict=False):
            whole = self._stand_for(tuple(found[begin:end]))
            if whole:
                rules[event] = whole
        return found_any

    def _stand_for(self, codes: tuple[int, ...]) -> frozenset[int]:
        """What the codes found in one event stand for. Lines of one kind hold the same needles in the same order."""
        known = self._known.get(codes)
        if known is None:
            tokens = set(self.everywhere).union(*[self._targets[code] for code in codes])
            known = frozenset(self._whole(tokens))
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            if len(codes) <= MAX_KNOWN_CODES:
                self._known[codes] = known
        return known

    def _whole(self, tokens: set[int]) -> set[int]:
        """The targets among tokens; of what has two halves only where both are."""
        if max(tokens) < FIRST_HALF:
            return tokens
        whole = {token for token in tokens if token < FIRST_HALF}
        for token in tokens:
            if token >= FIRST_HALF and not token & 1 and token + 1 in tokens:
                whole.add(self._halves[(token - FIRST_HALF) // 2])
        return whole


def _chosen(written: Sequence[Sequence[str]], frequency: Callable[[Needle], float]) -> list[Choice]:
    """The choice to look for; two of them, both of which must stand in an event, when even the rarest is frequent."""
    if not written:
        return []
    first = _needles(written[0])
    if triggers.worth(first) >= WEAK_BITS and sum(map(frequency, first)) <= FREQUENT:
        return [first]
    some = sorted([first, *map(_needles, written[1:])], key=lambda choice: sum(map(frequency, choice)))
    if sum(map(frequency, some[0])) <= FREQUENT:
        return some[:1]
    texts = {needle.text for needle in some[0]}
    return [some[0], *[choice for choice in some[1:] if texts.isdisjoint(needle.text for needle in choice)][:1]]


class _Frequency:
    """How often a needle stands in a sample, counted when it is first asked for."""

    def __init__(self, sample: bytes) -> None:
        self._sample, self._lowered = sample, sample.lower()
        self._known: dict[Needle, float] = {}

    def __call__(self, needle: Needle) -> float:
        count = self._known.get(needle)
        if count is None:
            text = needle.text.encode("utf-8", "replace")
            sample = self._lowered if needle.caseless else self._sample
            count = len(re.findall(rb"(?<!\w)" + re.escape(text), sample)) if needle.apart else sample.count(text)
            count = count / (2 if needle.alone else 1)
            self._known[needle] = count
        return count


def _stretches(ends: Integers) -> Iterable[tuple[int, int]]:
    """Runs of events of about STRETCH_BYTES: [first, last)."""
    first, start = 0, 0
    while first < len(ends):
        last = max(first + 1, int(np.searchsorted(ends, start + STRETCH_BYTES, side="right")))
        yield first, last
        first, start = last, int(ends[last - 1]) + 1


def _escaped_events(data: bytes, begin: int, end: int, ends: Integers) -> Flags | None:
    """The events whose text `decode` may not take as it is: those with a `{` or a backslash. None: not one."""
    if data.find(b"{", begin, end) < 0 and data.find(b"\\", begin, end) < 0:
        return None
    part = np.frombuffer(data, dtype=np.uint8, count=end - begin, offset=begin)
    starts = np.concatenate(([0], ends[:-1] + 1))
    flags: Flags = part[np.minimum(starts, len(part) - 1)] == 123
    rest = np.flatnonzero((part == 123) | (part == 92)) if not flags.all() else np.empty(0, dtype=np.int64)
    if len(rest):
        flags[np.searchsorted(ends, rest)] = True
    return flags
