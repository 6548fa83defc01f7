"""What the lines of a form say (parsers/forms.py): worked out once, and of each line taken only what differs.

Requests: lines of one class (parsers/shapes.py) say the same of a request but for its path, its id and its client. Where in the
line these stand is found out by asking the one reader of records (parsers/access.py): it is given the record with marks in
their place, and the marks come out where it takes what.

Failures: lines of one form that differ in passing values only say the same but for the id of their request.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from parsers.access import access_of_record, path_of
from parsers.classify import REQUEST_ID_KEYS, redacted_id, request_id_of
from parsers.formats import field_of, structured_of
from parsers.forms import Form, Forms, Line
from parsers.masks import Redactor
from parsers.model import Access
from parsers.shapes import Sayings

MAX_REQUESTS, MAX_SAID = 4_096, 2_048
_MARK = "\0mark"  # no line that has a form holds a NUL
_MAX_VALUE_CHARS = 200  # as access.py cuts what it takes
_decode = msgspec.json.Decoder[Any]().decode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Request:
    """What all lines of a class say, and the groups that hold what each says itself; None: none of them says it."""

    access: Access
    path: int
    request_id: int | None
    client: int | None

    def of(self, line: Line) -> Access:
        first = self.access
        return Access(  # dataclasses.replace takes three times as long
            method=first.method,
            path=path_of(line[self.path].decode()) or "/",
            route=first.route,
            status=first.status,
            aborted=first.aborted,
            health_check=first.health_check,
            request_id=_text(line[self.request_id]) if self.request_id is not None else None,
            client=_text(line[self.client]) if self.client is not None else None,
            opening=first.opening,
            framework=first.framework,
        )


def _text(written: bytes) -> str:
    return str(_decode(written))[:_MAX_VALUE_CHARS]


class Requests:
    """The requests that lines with a form say."""

    def __init__(self, forms: Forms, health_paths: tuple[str, ...]) -> None:
        self._forms, self._health_paths = forms, health_paths
        self._known: dict[Hashable, _Request | None] = {}
        self._places: dict[Hashable, tuple[int, int | None, int | None] | None] = {}

    def access(self, data: bytes, start: int, end: int) -> Access | None:
        """The request that the line says, as parsers/access.py reads it of its record. None: it has no form, or is to be read."""
        found = self._forms.find(data, start, end)
        if found is None:
            return None
        form, line = found
        key = self._forms.class_by(form, line)
        if key is None:
            return None
        if key not in self._known:
            if len(self._known) >= MAX_REQUESTS:
                self._known.clear()
            self._known[key] = self._request(form, line, key)
        known = self._known[key]
        return known.of(line) if known is not None else None

    def _request(self, form: Form, line: Line, key: Hashable) -> _Request | None:
        access = self._access(_decode(line[0]))
        if access is None:
            return None
        # Where all targets are paths it doesn't matter which: thousands of paths that nobody has make no difference.
        alike = key[0] if isinstance(key, tuple) and len(form.paths) == len(form.targets) else key
        if alike not in self._places:
            if len(self._places) >= MAX_REQUESTS:
                self._places.clear()
            self._places[alike] = self._find_places(form, _decode(line[0]))
        places = self._places[alike]
        if places is None:
            return None
        made = _Request(access, *places)
        return made if made.of(line) == access else None

    def _find_places(self, form: Form, record: dict[str, Any]) -> tuple[int, int | None, int | None] | None:
        """The groups of path, request id and client. None: the path stands in a message, where lines of one class may differ."""
        marks = {f"{_MARK}{group}": group for _, group in form.asked}
        for names, group in form.asked:
            _put(record, names, f"{_MARK}{group}")
        # A path begins with a slash: a mark in its place decides nothing else.
        paths = {f"/{_MARK}{group}": group for _, group in form.paths}
        for names, group in form.paths:
            _put(record, names, f"/{_MARK}{group}")
        marked = self._access(record)
        path = paths.get(marked.path or "") if marked is not None else None
        if marked is None or path is None:
            return None
        return path, marks.get(marked.request_id or ""), marks.get(marked.client or "")

    def _access(self, record: dict[str, Any]) -> Access | None:
        whole = structured_of(record)
        return access_of_record(*whole, health_paths=self._health_paths) if whole is not None else None


def _put(record: dict[str, Any], names: tuple[str, ...], value: str) -> None:
    for name in names[:-1]:
        record = record[name]
    record[names[-1]] = value


@dataclass(frozen=True, slots=True)
class _Known(Generic[T]):
    """`id_in`: the value that names the request of each line; None: it is `request_id` in all."""

    saying: T
    id_in: int | None
    request_id: str | None


class Failures(Generic[T]):
    """What is known of lines of failures. `T`: what stands for it."""

    def __init__(self, sayings: Sayings, redactor: Redactor) -> None:
        self._sayings, self._redactor = sayings, redactor
        self._forms = Forms()
        self._known: dict[Hashable, _Known[T]] = {}

    def find(self, data: bytes, start: int, end: int) -> tuple[T, str | None] | None:
        """What the line says, and the redacted id of its request; None when that isn't known."""
        found = self._forms.find(data, start, end)
        if found is None:
            return None
        known = self._known.get(_key(*found))
        if known is None:
            return None
        if known.id_in is None:
            return known.saying, known.request_id
        return known.saying, redacted_id(_decode(found[1][known.id_in]), self._redactor)

    def note(self, line: bytes, fields: Mapping[str, Any], saying: T) -> None:
        """A line that was decoded to `fields` says so."""
        found = self._forms.find(line, 0, len(line))
        if found is None:
            self._forms.note(tuple(fields), line, self._sayings.taken)
            return
        name = next((name for name in REQUEST_ID_KEYS if field_of(fields, name) is not None), None)
        asked = dict(found[0].asked)
        if len(self._known) >= MAX_SAID:
            self._known.clear()
        self._known[_key(*found)] = _Known(
            saying, asked.get((name,)) if name is not None else None, request_id_of(fields, self._redactor)
        )


def _key(form: Form, line: Line) -> Hashable:
    """Equal for lines that differ in passing values only."""
    # No line that has a form holds a NUL.
    return id(form), blake2b(b"\0".join(line.group(*form.few)), digest_size=16).digest()
