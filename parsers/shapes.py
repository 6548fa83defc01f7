"""JSON records that say the same of a request are read once for all of them.

Services print millions of records of a handful of shapes, and what parsers/access.py reads of a record depends on few of its
values. So records are put into classes: those that have the same keys and agree in the values that are looked at. LOOKED_AT
names their keys (tests/parsers/test_shapes.py holds access.py to them). Of ids of requests and clients it only matters whether
they are there; of targets and messages, ids, times and numbers that mean nothing are taken off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import count
from operator import itemgetter
from typing import Any

import msgspec

from parsers.access import (
    AGENT_KEYS,
    CLIENT_KEYS,
    CONTAINERS,
    ERROR_SIGNS,
    LOGGER_KEYS,
    METHOD_AND_TARGET,
    METHOD_KEYS,
    PATH_KEYS,
    REQUEST_ID_KEYS,
    STATUS_KEYS,
    TARGET_HOLDERS,
    is_health_agent,
)
from parsers.formats import LEVEL_KEYS, MESSAGE_KEYS, PASSING_KEYS, WRAPPER_KEYS, strip_controls
from parsers.forms import Exactly, OfItsKind, ReadBy, ReadingOfBytes, Taken, Target, Unfit, Within
from parsers.layouts import MAYBE

MAX_DEPTH = 6
MAX_SHAPES = 4_096
MAX_CHARS = 2_000  # of a target or message: longer ones are classes of their own
MAX_NAMES_CHARS = 4_000  # of all keys of a record: with more, it is read by itself
_NOTHING = ("", "-")


def _segments(*lists: Sequence[str]) -> frozenset[str]:
    """Every key of some paths, whole and in parts: a key may itself hold dots."""
    paths = [path for some in lists for path in some]
    return frozenset((*paths, *(part for path in paths for part in path.split("."))))


_TARGETS = _segments(PATH_KEYS)
_TEXTS = frozenset((*MESSAGE_KEYS, *TARGET_HOLDERS))
_AGENTS = frozenset(
    ("userAgent", "user_agent", "user-agent", "User-Agent", "ua", "useragent", "http.useragent", "request_User-Agent", "agent")
)
_IDS_AND_CLIENTS = frozenset(path for path in (*REQUEST_ID_KEYS, *CLIENT_KEYS)) | {
    "id",
    "remoteAddress",
    "remoteIp",
    "client_ip",
    "remote_ip",
}
LOOKED_AT = (
    _segments(STATUS_KEYS, METHOD_KEYS, PATH_KEYS, REQUEST_ID_KEYS, CLIENT_KEYS, AGENT_KEYS, LEVEL_KEYS)
    | frozenset((*MESSAGE_KEYS, *CONTAINERS, *ERROR_SIGNS, *TARGET_HOLDERS, *LOGGER_KEYS, *WRAPPER_KEYS, "event", "code", "res", "span"))
)  # fmt: skip
"""Keys whose values may matter to the reading of a request. Of all others it may matter whether they are there."""
_TRUTHS = frozenset(ERROR_SIGNS) - {"code"}


class Odd(Exception):  # noqa: N818  not an error: such a record is read by itself
    """A record that has to be looked at by itself: a wrapper, a logger inside a logger."""


Values = tuple[Any, ...]
Shape = tuple[tuple[str, ...], tuple[type, ...]]  # keys and types
Part = tuple[int, Callable[[Values], Hashable], tuple[tuple[Callable[[Any], Hashable], int], ...]]
"""Number of a shape, its values that matter as they are, and how to read the others that matter, each with its place."""


class Shapes:
    """The shapes that were seen: of each, how the class of such a record is made of its values."""

    def __init__(self) -> None:
        self._known: list[dict[Shape, Part]] = [{} for _ in range(MAX_DEPTH + 1)]  # by depth
        self._numbers = count()

    def class_of(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """What a reading of the request in `record` depends on, its shape first. Raises Odd when the record has to be read by itself."""
        return self._class(record, 0)

    def _class(self, record: Mapping[str, Any], depth: int) -> tuple[Any, ...]:
        values = tuple(record.values())
        shape = tuple(record), tuple(map(type, values))
        part = self._known[depth].get(shape)
        if part is None:
            part = self._note(shape, depth)
        number, picked, others = part
        return (number, picked(values), *[reading(values[at]) for reading, at in others])

    def _note(self, shape: Shape, depth: int) -> Part:
        if sum(map(len, shape[0])) > MAX_NAMES_CHARS:
            raise Odd
        known = self._known[depth]
        if len(known) >= MAX_SHAPES:
            known.clear()
        part = known[shape] = self._part(*shape, depth)
        return part

    def _part(self, names: tuple[str, ...], types: tuple[type, ...], depth: int) -> Part:
        """Of records with these keys and types what their class is made of. The shape itself is a part of it."""
        exact: list[int] = []
        others: list[tuple[Callable[[Any], Hashable], int]] = []
        for at, (name, kind) in enumerate(zip(names, types, strict=True)):
            if name in WRAPPER_KEYS and kind is str and depth == 0:
                return 0, _odd, ()
            reading = self._reading(name, kind, depth)
            if reading is _exactly:
                exact.append(at)
            elif reading is not None:
                others.append((reading, at))
        return next(self._numbers), itemgetter(*exact) if exact else _nothing, tuple(others)

    def _reading(self, name: str, kind: type, depth: int) -> Callable[[Any], Hashable] | None:
        reading = reading_of(name, kind)
        return reading if reading is not _inside or depth >= MAX_DEPTH else lambda inner: self._class(inner, depth + 1)

    def taken(self, name: str, value: Any) -> Taken:
        """Of a record's value what a form of its line keeps: what the class is made of. Raises Unfit."""
        if name in WRAPPER_KEYS and isinstance(value, str):
            raise Unfit
        return self._taken(0, name, value)

    def _taken(self, depth: int, name: str, value: Any) -> Taken:
        reading = reading_of(name, type(value))
        if reading is _inside and depth < MAX_DEPTH:
            return Within(partial(self._taken, depth + 1))
        if reading is _agent_in:
            return Within(_taken_of_headers)
        if isinstance(value, dict):
            return Within(_of_its_kind) if reading is None or reading is bool else _unfit()
        if not isinstance(value, str) or reading is _exactly:
            known = reading is not None or isinstance(value, list)
            return Exactly() if known else OfItsKind(asked=name in _IDS_AND_CLIENTS and type(value) is int)
        if reading is _target_class:
            return Target(of_whole=_whole_target_class, of_path=_path_class)
        if reading is None:
            return OfItsKind()
        if reading is _says_something:
            return OfItsKind(nothing=_NOTHING, asked=value not in _NOTHING)
        return ReadBy(_message_written if reading is _message_class else reading)


def reading_of(name: str, kind: type) -> Callable[[Any], Hashable] | None:
    """What of a value matters, None when nothing does: its presence and type are known by the shape."""
    if name == "headers":
        return _agent_in if kind is dict else None
    if name not in LOOKED_AT:
        return None
    if name in _TRUTHS and name not in CONTAINERS:
        return bool
    if kind is dict:
        return _inside
    if kind is list:
        return _written
    if kind is not str:
        return None if name in _IDS_AND_CLIENTS else _exactly
    return _reading_of_text(name)


def _unfit() -> Taken:
    raise Unfit


def _of_its_kind(_name: str, value: Any) -> Taken:
    if isinstance(value, dict):
        return Within(_of_its_kind)
    return Exactly() if isinstance(value, list) else OfItsKind()


def _taken_of_headers(name: str, value: Any) -> Taken:
    if name not in _AGENTS:
        return _of_its_kind(name, value)
    if isinstance(value, dict):
        raise Unfit
    return ReadBy(_agent_class) if isinstance(value, str) else Exactly()


class Sayings:
    """Tells JSON records apart by what rules, extractors and access.py see of them: by all but the values of formats.PASSING_KEYS."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[int, Callable[[Values], Any], tuple[int, ...]] | None] = {}  # None: odd
        self._numbers = count()

    def class_of(self, record: Mapping[str, Any]) -> Hashable:
        """Equal for records that say the same. Raises Odd when the record has to be read by itself."""
        names = tuple(record)
        if names not in self._known:
            self._note(names)
        shape = self._known[names]
        if shape is None:
            raise Odd
        number, said, passing = shape
        values = tuple(record.values())
        digest = blake2b(_written(said(values)), digest_size=16).digest()
        return number, digest, *[_kind(values[at]) for at in passing]

    def _note(self, names: tuple[str, ...]) -> None:
        if sum(map(len, names)) > MAX_NAMES_CHARS:
            raise Odd
        if len(self._known) >= MAX_SHAPES:
            self._known.clear()
        passing = tuple(at for at, name in enumerate(names) if name in PASSING_KEYS)
        kept = [at for at in range(len(names)) if at not in passing]
        said = itemgetter(*kept) if kept else _nothing
        self._known[names] = None if not set(WRAPPER_KEYS).isdisjoint(names) else (next(self._numbers), said, passing)

    @staticmethod
    def taken(name: str, value: Any) -> Taken:
        """As Shapes.taken: the passing values by their kind, all others as they are. Raises Unfit."""
        if name in WRAPPER_KEYS:
            raise Unfit
        if name in PASSING_KEYS and type(value) in (str, int, float):
            return OfItsKind(nothing=_NOTHING, asked=name in REQUEST_ID_KEYS)
        return Exactly(loose=True)


def _kind(value: Any) -> Hashable:
    """Of a passing value what matters: whether it says something, and its type."""
    if type(value) is str:
        return _says_something(value)
    kind = type(value)
    return kind.__name__ if kind in (int, float) else _written(value)


def _reading_of_text(name: str) -> Callable[[str], Hashable]:
    if name in _TEXTS:
        return _message_class
    if name in _TARGETS and name not in LOGGER_KEYS:
        return _target_class
    if name in _AGENTS:
        return _agent_class
    return _says_something if name in _IDS_AND_CLIENTS else _exactly


def _odd(_values: Values) -> Hashable:
    raise Odd


def _nothing(_values: Values) -> Hashable:
    return None


def _exactly(value: Hashable) -> Hashable:
    return value


def _inside(record: Mapping[str, Any]) -> Hashable:
    """Of a record in the record that lies too deep for a class of its own: as it is written."""
    return _written(record)


def _written(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _says_something(value: str) -> bool:
    return value not in _NOTHING


def _agent_in(headers: Mapping[str, Any]) -> Hashable:
    return tuple(
        [_agent_class(agent) if isinstance(agent, str) else _written(agent) for name, agent in headers.items() if name in _AGENTS]
    )


@lru_cache(maxsize=4_096)
def _agent_class(agent: str) -> Hashable:
    return bool(agent), is_health_agent(agent)


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PATH_IDS = re.compile(rf"/(?:[0-9]{{1,18}}|{_UUID})(?=/|\Z)")


def _target_class(target: str) -> Hashable:
    """A path without its query, each id in it 0. What is no target matters to nothing."""
    if not target.startswith(("/", "http://", "https://")):
        return None
    if len(target) > MAX_CHARS or ";" in target or "#" in target:
        return target
    return _PATH_IDS.sub("/0", target.partition("?")[0])


_PATH_IDS_WRITTEN = re.compile(_PATH_IDS.pattern.encode())


def _whole_target_class(target: bytes) -> Hashable:
    return _target_class(target.decode())


_path_class: ReadingOfBytes = partial(_PATH_IDS_WRITTEN.sub, b"/0")  # as `_target_class`, of a path without parameters


_MESSAGE_IDS = re.compile(
    rf'/(?:[0-9]{{1,18}}|{_UUID})(?=[/"? ]|\Z)|(?<= )[0-9]{{1,12}}(?:\.[0-9]{{1,12}})?(?= ?ms\b)|(?<=ms - )[0-9]{{1,12}}\Z'
)
_COMBINED = re.compile(
    r"[0-9A-Fa-f.:]{2,45} - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
    r'"([A-Z]{3,7}) (/[^\s"#,;{]*) HTTP/\d(?:\.\d)?" ([1-5]\d\d) (?:\d{1,12}|-) "[^"\\\n]*" "([^"\\\n]*)"\Z'
)
_ZEROS = str.maketrans("123456789", "000000000")


def _message_class(message: str) -> Hashable:
    """A message without what does not matter in it: numbers, and in the line of a request ids, times and sizes."""
    if message[:1] == "{":
        raise Odd  # a logger inside of a logger
    return _remembered_message(message) if len(message) < MAX_CHARS else message


def _message_written(message: str) -> Hashable:
    if message[:1] == "{":
        raise Unfit
    return _message_class(message)


@lru_cache(maxsize=8_192)
def _remembered_message(message: str) -> Hashable:
    if not any(char.isdigit() for char in message):
        return message
    said = strip_controls(message).strip()
    if "=" in said and "status=" in said:
        return message
    hit = _COMBINED.match(message)
    if hit is not None:
        return hit[1], _target_class(hit[2]), hit[3], _agent_class(hit[4])
    if MAYBE.search(said) is not None or METHOD_AND_TARGET.match(message) is not None:
        return _MESSAGE_IDS.sub(_zero, message)
    return message.translate(_ZEROS)  # as long as it was, and words stay words


def _zero(hit: re.Match[str]) -> str:
    return "/0" if hit[0][0] == "/" else "0"
