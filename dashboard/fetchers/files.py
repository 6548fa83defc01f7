"""Files, folders and standard input as log events. What a file is, is read from its content, never from its name.

    JSON lines        one object a line, as `aws logs filter-log-events` gives them, with or without `logGroup`
    whole answers     {"events": [...]} of filter-log-events and get-log-events, on one line or pretty-printed; a bare array
    Firehose objects  {"messageType": ..., "logEvents": [...]} one after the other, line ends or not; CONTROL_MESSAGE dropped
    timestamped text  CreateExportTask objects and `aws logs tail` in its short, detailed and json formats
    plain text        one event a line, without a time (`timestamp_ms` 0)

gzip (several members, gzip in gzip) is taken off first. A folder is a scene: every log file in it, and `ecs.json`.
What cannot be read is an `Event(undecodable=True)` and a notice, never an exception: only a path that is not there is.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from parsers import Batch, Event, InputError, StreamKey

CHUNK_BYTES = 1 << 20
LATEST_MS = 10**15  # a time after the year 33,000 is none
SNIFF_BYTES = 1 << 16
BLOCK_BYTES = 4 << 20
LARGE_BLOCKS = 3  # a plain file of so many blocks or more is read in batches
MAX_LINE_BYTES = 16 << 20  # an event has at most 1 MB; more than this without a line end is cut and counted
MAX_JOINED_CHARS = 1 << 20  # CloudWatch's own limit for one event: more lines than that are no continuation
NO_LOGS = frozenset({".md", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".py", ".html", ".png", ".svg", ".db", ".parquet", ".lock"})
# PNG, ZIP, ELF, SQLite, PDF, zstd, bzip2, xz, Parquet
NOT_TEXT = (b"\x89PNG", b"PK\3\4", b"\x7fELF", b"SQLite format 3\0", b"%PDF-", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"PAR1")


class Format(StrEnum):
    JSON_LINES = "json lines"
    JSON_STREAM = "json answers"  # whole answers, arrays and Firehose objects
    TIMESTAMPED = "timestamped text"
    PLAIN = "plain text"


@dataclass(slots=True, kw_only=True)
class Scene:
    """What some paths hold. `pieces` (or `events`) can be walked once; `notices` grows while they are.

    `pieces`: events, and batches of the lines of large plain files, for which an event each would take most of the time and memory.
    """

    pieces: Iterator[Event | Batch]
    ecs: dict[str, Any] | None = None
    notices: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    last_seen_ms: int | None = None  # newest ingestion (or event) time of the events walked so far

    @property
    def events(self) -> Iterator[Event]:
        """All of it as events."""
        for piece in self.pieces:
            yield from (piece,) if isinstance(piece, Event) else piece

    @property
    def as_of_ms(self) -> int | None:
        """The scene's clock: `_about.as_of` of ecs.json, else the newest time among the events walked so far."""
        about = (self.ecs or {}).get("_about")
        told = about.get("as_of") if isinstance(about, dict) else None
        return _iso_ms(told) if isinstance(told, str) else self.last_seen_ms


def read_paths(paths: Sequence[str], *, stdin: BinaryIO | None = None) -> Scene:
    """The events of files, folders and `-` (standard input), in the order of their names.

    Raises InputError, before anything is read, for a path that does not exist or may not be read.
    """
    scene = Scene(pieces=iter(()))
    sources = _sources(paths, scene)
    scene.files = [shown for shown, _ in sources]
    scene.pieces = _walk(scene, sources, stdin)
    return scene


def find_scenes(path: str) -> list[str]:
    """The scenes under a folder: itself when it holds an ecs.json or log files, else its sub-folders that do."""
    folder = Path(path)
    if not folder.is_dir() or (folder / "ecs.json").is_file() or any(_may_hold_logs(p) for p in folder.iterdir() if p.is_file()):
        return [path]
    return [scene for inner in sorted(folder.iterdir()) if inner.is_dir() for scene in find_scenes(str(inner))]


# ---- which files -------------------------------------------------------------------------------------------------------------


def _sources(paths: Sequence[str], scene: Scene) -> list[tuple[str, str]]:
    """(path, name of the stream when the content names none) of every file, each once, sorted by path."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(dict.fromkeys(paths)):
        for shown, stream in _files_of(path, scene):
            if os.path.realpath(shown) in found and shown != "-":
                scene.notices.append(f"{shown}: given twice, read once")
                continue
            found[os.path.realpath(shown)] = (shown, stream)
    _names_apart(found)
    return sorted(found.values())


def _files_of(path: str, scene: Scene) -> Iterator[tuple[str, str]]:
    if path == "-":
        yield "-", ""
    elif Path(path).is_dir():
        yield from _files_of_folder(Path(path), scene)
    elif not Path(path).exists():
        raise InputError(f"{path}: no such file or folder", hint=_nearby(path))
    elif not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read", hint=f"check its permissions: ls -l {path}")
    elif Path(path).name == "ecs.json":
        _take_ecs(Path(path), scene)
    else:
        yield path, Path(path).name


def _files_of_folder(folder: Path, scene: Scene) -> Iterator[tuple[str, str]]:
    seen = False
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        inner = path.relative_to(folder)
        if any(part.startswith(".") for part in inner.parts):
            continue
        if inner.name == "ecs.json":
            _take_ecs(path, scene)
        elif inner.name == "aws-logs-write-test" or not _may_hold_logs(path):  # the first: CreateExportTask's permission check
            continue
        elif not os.access(path, os.R_OK):
            scene.notices.append(f"{path}: may not be read, left out")
        else:
            seen = True
            yield str(path), inner.as_posix()
    if not seen:
        scene.notices.append(f"{folder}: no log files in this folder")


def _may_hold_logs(path: Path) -> bool:
    name = path.name.lower()
    return path.suffix.lower() not in NO_LOGS and not name.startswith((".", "readme", "license", "ecs.json", "expected."))


def _take_ecs(path: Path, scene: Scene) -> None:
    if scene.ecs is not None:
        scene.notices.append(f"{path}: a second ecs.json; the first one counts. Load one scene at a time to judge each")
        return
    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            raise ValueError("not an object")  # noqa: TRY004, TRY301 -- one notice for every way to be broken
    except (OSError, ValueError, RecursionError) as error:
        scene.notices.append(f"{path}: cannot be read as ECS answers ({error}); deployments are unknown")
        return
    scene.ecs = data


def _names_apart(found: dict[str, tuple[str, str]]) -> None:
    """Two files of one name are two streams: both then carry their whole path."""
    names = [stream for _, stream in found.values()]
    for real, (shown, stream) in found.items():
        if stream and names.count(stream) > 1:
            found[real] = (shown, Path(shown).as_posix())


def _nearby(path: str) -> str:
    import difflib

    folder = Path(path).parent
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    close = difflib.get_close_matches(Path(path).name, names, n=1)
    return f"did you mean {folder / close[0]}?" if close else f"look into {folder}" if names else f"{folder} is not there either"


# ---- bytes -------------------------------------------------------------------------------------------------------------------


def _walk(scene: Scene, sources: Sequence[tuple[str, str]], stdin: BinaryIO | None) -> Iterator[Event | Batch]:
    exported = _exported_names(scene.ecs)
    for shown, stream in sources:
        try:
            with nullcontext(stdin or sys.stdin.buffer) if shown == "-" else Path(shown).open("rb") as raw:
                file = _File(name=shown, stream=_exported_stream(shown, exported) or stream, notices=scene.notices)
                for piece in file.pieces(raw):
                    newest = (
                        (piece.ingestion_ms or piece.timestamp_ms) if isinstance(piece, Event) else 0
                    )  # plain lines have no times
                    if newest and (scene.last_seen_ms is None or newest > scene.last_seen_ms):
                        scene.last_seen_ms = newest
                    yield piece
        except OSError as error:
            scene.notices.append(f"{shown}: reading stopped ({error.strerror or error})")


def _chunks(raw: BinaryIO) -> Iterator[bytes]:
    while chunk := raw.read(CHUNK_BYTES):
        yield chunk


def _gunzip(chunks: Iterable[bytes], cut: list[str]) -> Iterator[bytes]:
    """Every member of a gzip; what stands before a damage is given, and `cut` says that there was one."""
    zlib = _inflater()
    reader = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        rest = chunk
        while rest:
            if reader.eof:
                rest = rest.lstrip(b"\0")  # padding between members
                reader = zlib.decompressobj(wbits=31)
                continue
            try:
                out = reader.decompress(rest, CHUNK_BYTES * 4)
            except zlib.error as error:
                cut.append(f"damaged gzip ({error})")
                return
            if out:
                yield out
            rest = reader.unused_data if reader.eof else reader.unconsumed_tail
    if not reader.eof:
        cut.append("gzip cut before its end")


def _inflater() -> Any:
    """ISA-L reads gzip about three times as fast as zlib, through the same calls."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib


def _opened(chunks: Iterator[bytes], cut: list[str]) -> Iterator[bytes]:
    """gzip off, twice at most (Firehose: a gzip object of gzip records); UTF-16 with a byte order mark becomes UTF-8."""
    for _ in range(2):
        first, chunks = _peek(chunks)
        if not first.startswith(b"\x1f\x8b"):
            break
        chunks = _gunzip(chunks, cut)
    first, chunks = _peek(chunks)
    return _from_utf16(chunks) if first.startswith((b"\xff\xfe", b"\xfe\xff")) else chunks


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes (two at least, if there are), and all chunks from the beginning."""
    first = next(chunks, b"")
    while 0 < len(first) < 2 and (more := next(chunks, b"")):
        first += more
    return first, itertools.chain([first] if first else [], chunks)


def _from_utf16(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import codecs

    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends; what is longer than MAX_LINE_BYTES comes in pieces."""
    kept = b""
    for chunk in chunks:
        pieces = (kept + chunk).split(b"\n")
        kept = pieces.pop()
        yield from pieces
        while len(kept) > MAX_LINE_BYTES:
            yield kept[:MAX_LINE_BYTES]
            kept = kept[MAX_LINE_BYTES:]
    if kept:
        yield kept


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines by megabytes: each block ends with a line's end, the last one perhaps not."""
    kept = b""
    for chunk in chunks:
        kept += chunk
        if len(kept) < BLOCK_BYTES:
            continue
        end = kept.rfind(b"\n") + 1
        if not end and len(kept) <= MAX_LINE_BYTES:
            continue
        yield kept[:end] or kept[:MAX_LINE_BYTES] + b"\n"
        kept = kept[end or MAX_LINE_BYTES :]
    if kept:
        yield kept


def _batch_of(block: bytes, key: StreamKey, file: str, first_line: int) -> Batch:
    """Plain lines without times, as `_File._plain_events` gives them: empty ones left out, bad bytes U+FFFD."""
    import numpy as np

    data = (block if block.endswith(b"\n") else block + b"\n").replace(b"\r\n", b"\n")
    undecodable: frozenset[int] = frozenset()
    filled = np.flatnonzero(np.diff(_ends_of(data), prepend=-1) > 1)
    if len(filled) < data.count(b"\n"):
        data = b"\n".join([*filter(None, data.split(b"\n")), b""])
    try:
        data.decode()
    except UnicodeDecodeError:
        texts = [_text(line) for line in data.split(b"\n")[:-1]]
        undecodable = frozenset(number for number, (_, clean) in enumerate(texts) if not clean)
        data = "".join([f"{text}\n" for text, _ in texts]).encode()
    nothing = np.zeros(len(filled), dtype=np.int64)
    return Batch(
        data=data, ends=_ends_of(data), timestamps_ms=nothing, streams=nothing, keys=(key,), file=file, lines=filled + first_line,
        undecodable=undecodable,
    )  # fmt: skip


def _ends_of(data: bytes) -> Any:
    import numpy as np

    return np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)


# ---- what is it --------------------------------------------------------------------------------------------------------------

_TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?"
_COLOUR = r"(?:\x1b\[[\d;]*m)*"
_COLOURS = re.compile(_COLOUR)
_HEADER = re.compile(rf"^{_COLOUR}{_TIME}{_COLOUR}(?:[ \t](.*))?$", re.DOTALL)
_ECS_STREAM = re.compile(r"[^\s/]+/[^\s/]+/[0-9a-f]{32}|[^\s/]+-firelens-[0-9a-f]{32}")
_TAIL_STREAM = re.compile(r"[^\s:*{}\"'=<>()?&,;|\[\]/][^\s:*{}\"'=<>()?&,;|]*")
_FIREHOSE = re.compile(r'"messageType"\s*:\s*"(?:DATA|CONTROL)_MESSAGE"')
_ANSWER = re.compile(r'"events"\s*:\s*\[')
_EVENT_KEYS = ("timestamp", "message")


def sniff(head: bytes) -> Format:
    """What the first bytes of a file (decompressed) say it is."""
    text = head.decode("utf-8", "replace")
    start = text.lstrip()
    lines = [line for line in text.split("\n") if line.strip()]
    if start[:1] in ("{", "["):
        found = _sniff_json(start, lines)
        if found is not None:
            return found
    if any(_looks_like_event_line(line) for line in lines[:50]):  # the first lines may be cut or broken
        return Format.JSON_LINES
    sample = lines[:200]
    headers = sum(1 for line in sample if _HEADER.match(line))
    return Format.TIMESTAMPED if headers and headers * 3 >= len(sample) else Format.PLAIN


def _sniff_json(start: str, lines: Sequence[str]) -> Format | None:
    if _FIREHOSE.search(start[:2000]):
        return Format.JSON_STREAM
    first = lines[0].strip()
    if _looks_like_event_line(first):
        return Format.JSON_LINES
    if start[0] == "[":
        is_array = re.match(r"\[\s*\{", start) and '"timestamp"' in start and '"message"' in start
        return Format.JSON_STREAM if is_array else None
    try:
        whole = json.loads(first)
    except (ValueError, RecursionError):
        return Format.JSON_STREAM if _ANSWER.search(start[:4000]) else None
    return Format.JSON_STREAM if isinstance(whole, dict) and isinstance(whole.get("events"), list) else None


def _looks_like_event_line(line: str) -> bool:
    """A CloudWatch event, not an application's own JSON line that also has a time and a message."""
    if not line.lstrip().startswith("{") or not all(f'"{key}"' in line for key in _EVENT_KEYS):
        return False
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return False
    named = any(key in data for key in ("logStreamName", "eventId", "ingestionTime", "logStream"))
    return isinstance(data.get("timestamp"), int) and isinstance(data.get("message"), str) and (named or len(data) == 2)


# ---- one file ----------------------------------------------------------------------------------------------------------------


class _Line(msgspec.Struct):
    timestamp: int
    message: str
    logStreamName: str = ""  # noqa: N815 -- CloudWatch's names
    logGroup: str = ""  # noqa: N815 -- as AWS writes it
    eventId: str | None = None  # noqa: N815 -- the same
    ingestionTime: int | None = None  # noqa: N815 -- the same


_decode_line = msgspec.json.Decoder(_Line).decode


@dataclass(slots=True, kw_only=True)
class _File:
    name: str
    stream: str  # used where the content names none
    notices: list[str]
    previous_ms: int = 0
    streams: dict[tuple[str, str, str], StreamKey] = field(default_factory=dict)

    def pieces(self, raw: BinaryIO) -> Iterator[Event | Batch]:
        cut: list[str] = []
        chunks = _opened(_chunks(raw), cut)
        head = bytearray()
        while len(head) < SNIFF_BYTES and (chunk := next(chunks, b"")):
            head += chunk
        start = bytes(head).removeprefix(b"\xef\xbb\xbf")
        if start.startswith(NOT_TEXT):
            self.notices.append(f"{self.name}: not a text, left out; unpack it first if it is an archive")
            yield self._broken("", None)
            return
        yield from self._read(sniff(start[:SNIFF_BYTES]), itertools.chain([start], chunks))
        for damage in cut:
            self.notices.append(f"{self.name}: {damage}; what stands before it was read")
            yield self._broken("", None)

    def _read(self, kind: Format, chunks: Iterator[bytes]) -> Iterator[Event] | Iterator[Event | Batch]:
        if kind is Format.JSON_STREAM:
            return self._json_stream(chunks)
        if kind is Format.JSON_LINES:
            return self._json_lines(_lines(chunks))
        if kind is Format.TIMESTAMPED:
            return self._timestamped(_lines(chunks))
        return self._plain(_blocks(chunks))

    def _key(self, log_stream: str, log_group: str = "", account: str = "") -> StreamKey:
        name = (log_group, log_stream, account)
        key = self.streams.get(name)
        if key is None:
            key = self.streams[name] = StreamKey(log_group=log_group, log_stream=log_stream, account=account)
        return key

    def _broken(self, text: str, line: int | None, **known: Any) -> Event:
        """Something is here and cannot be read: kept at the place where it stands."""
        stream = known.pop("stream", None) or (next(reversed(self.streams.values())) if self.streams else self._key(self.stream))
        return Event(
            stream=stream, timestamp_ms=known.pop("timestamp_ms", self.previous_ms), text=text, file=self.name, line=line,
            undecodable=True, **known,
        )  # fmt: skip

    # JSON lines

    def _json_lines(self, lines: Iterable[bytes]) -> Iterator[Event]:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                data = _decode_line(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                yield from self._odd_json_line(line, number)
                continue
            if not 0 <= data.timestamp < LATEST_MS:
                yield from self._odd_json_line(line, number)
                continue
            self.previous_ms = data.timestamp
            yield Event(
                stream=self._key(data.logStreamName or self.stream, data.logGroup),
                timestamp_ms=data.timestamp,
                text=data.message,
                event_id=data.eventId,
                ingestion_ms=data.ingestionTime,
                file=self.name,
                line=number,
            )

    def _odd_json_line(self, line: bytes, number: int) -> Iterator[Event]:
        """Bad bytes, other shapes, or cut: as much of it as can be had."""
        text, clean = _text(line)
        try:
            data = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            yield self._salvaged(text, number)
            return
        if isinstance(data, dict) and ("logEvents" in data or isinstance(data.get("events"), list)):
            yield from self._answer(data, number)
        elif isinstance(data, dict) and isinstance(data.get("message"), str):
            yield self._from_object(data, number, clean=clean)
        else:
            yield self._broken(text, number)

    def _salvaged(self, text: str, number: int) -> Event:
        """A cut JSON line still tells its stream and time, and the beginning of its message."""
        stream, message = _string_at(text, "logStreamName"), _string_at(text, "message")
        stamp = re.search(r'"timestamp"\s*:\s*(\d{12,14})', text)
        key = self._key(stream, _string_at(text, "logGroup") or "") if stream else None
        return self._broken(
            text if message is None else message, number, stream=key, timestamp_ms=int(stamp[1]) if stamp else self.previous_ms,
            event_id=_string_at(text, "eventId"),
        )  # fmt: skip

    def _from_object(
        self, data: Mapping[str, Any], number: int | None, *, clean: bool = True, outer: Mapping[str, Any] | None = None
    ) -> Event:
        outer = outer or {}
        stream = _first_string(data, "logStreamName", "logStream") or _first_string(outer, "logStream") or self.stream
        group = _first_string(data, "logGroup", "logGroupName") or _first_string(outer, "logGroup")
        stamp = _milliseconds(data.get("timestamp"))
        message = data.get("message")
        if stamp is not None:
            self.previous_ms = stamp
        return Event(
            stream=self._key(stream, group, _first_string(outer, "owner")),
            timestamp_ms=self.previous_ms if stamp is None else stamp,
            text=_no_surrogates(message if isinstance(message, str) else json.dumps(data, ensure_ascii=False)),
            event_id=_first_string(data, "eventId", "id") or None,
            ingestion_ms=_milliseconds(data.get("ingestionTime")),
            file=self.name,
            line=number,
            undecodable=not clean or stamp is None or not isinstance(message, str),
        )

    # whole answers, arrays, Firehose

    def _json_stream(self, chunks: Iterable[bytes]) -> Iterator[Event]:
        for value, line, clean in _json_values(chunks):
            if isinstance(value, str):
                yield self._salvaged(value, line)
            else:
                yield from self._answer(value, line, clean=clean)

    def _answer(self, data: Mapping[str, Any], line: int, *, clean: bool = True) -> Iterator[Event]:
        """The events of one object: an event itself, a Firehose record, or a whole answer on one line."""
        if data.get("messageType") == "CONTROL_MESSAGE":
            return
        inner = data.get("logEvents", data.get("events"))
        if isinstance(inner, list):
            for one in inner:
                if isinstance(one, dict):
                    yield self._from_object(one, line, clean=clean, outer=data)
                else:
                    yield self._broken(json.dumps(one), line)
        elif "message" in data or "timestamp" in data:
            yield self._from_object(data, line, clean=clean)
        # anything else belongs to the answer, not to the log: searchedLogStreams, tokens

    # text

    def _timestamped(self, lines: Iterable[bytes]) -> Iterator[Event]:
        """Lines without a time belong to the event before them: one event may hold many lines."""
        pending: _Pending | None = None
        for number, raw in enumerate(lines, start=1):
            text, clean = _text(raw)
            header = _HEADER.match(text)
            stamp = _stamp_ms(header) if header else None
            if header is None or stamp is None:
                if pending is not None and pending.size + len(text) < MAX_JOINED_CHARS:
                    pending.add(text, clean)
                elif text:
                    if pending is not None:
                        yield self._told(pending)
                    pending = _Pending(stamp=self.previous_ms, stream=None, line=number, parts=[text], clean=clean)
                continue
            if pending is not None:
                yield self._told(pending)
            stream, message = _stream_and_message(header[4] or "", header[3])
            pending = _Pending(stamp=stamp, stream=stream, line=number, parts=[message], clean=clean)
            self.previous_ms = stamp
        if pending is not None:
            yield self._told(pending)

    def _told(self, pending: _Pending) -> Event:
        return Event(
            stream=self._key(pending.stream or self.stream),
            timestamp_ms=pending.stamp,
            text="\n".join(pending.parts).rstrip("\n"),
            file=self.name,
            line=pending.line,
            undecodable=not pending.clean,
        )

    def _plain(self, blocks: Iterator[bytes]) -> Iterator[Event | Batch]:
        """One event a line; of large files in batches."""
        key, line = self._key(self.stream), 1
        first = list(itertools.islice(blocks, LARGE_BLOCKS))
        if len(first) < LARGE_BLOCKS:
            yield from self._plain_events(key, _lines(first))
            return
        for block in itertools.chain(first, blocks):
            yield _batch_of(block, key, self.name, line)
            line += block.count(b"\n")

    def _plain_events(self, key: StreamKey, lines: Iterable[bytes]) -> Iterator[Event]:
        for number, line in enumerate(lines, start=1):
            text, clean = _text(line)
            if text:  # the awslogs driver drops empty lines too
                yield Event(stream=key, timestamp_ms=0, text=text, file=self.name, line=number, undecodable=not clean)


@dataclass(slots=True, kw_only=True)
class _Pending:
    stamp: int
    stream: str | None
    line: int
    parts: list[str]
    clean: bool
    size: int = 0

    def add(self, text: str, clean: bool) -> None:
        self.parts.append(text)
        self.clean = self.clean and clean
        self.size += len(text) + 1


# ---- small readers -----------------------------------------------------------------------------------------------------------


def _stream_and_message(rest: str, zone: str | None) -> tuple[str | None, str]:
    """`aws logs tail` writes an offset and the stream's name before the message; an export writes `Z` and no stream."""
    word, _, message = rest.partition(" ")
    if "\x1b" in word:
        word = _COLOURS.sub("", word)
    return (word, message) if _is_stream(word, zone is not None and zone[0] in "+-") else (None, rest)


@lru_cache(maxsize=4_096)
def _is_stream(word: str, from_tail: bool) -> bool:
    if from_tail and _TAIL_STREAM.fullmatch(word) is not None and ("/" in word or re.search("[0-9a-f]{8}", word) is not None):
        return True
    return _ECS_STREAM.fullmatch(word) is not None


def _text(line: bytes) -> tuple[str, bool]:
    """The line as text, and whether every byte of it could be read."""
    line = line.removesuffix(b"\r")
    try:
        return line.decode("utf-8"), True
    except UnicodeDecodeError:
        return line.decode("utf-8", "replace"), False


def _no_surrogates(text: str) -> str:
    """Half a surrogate pair (a cut emoji) is valid JSON, and no text that can be written anywhere."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _first_string(data: Mapping[str, Any], *keys: str) -> str:
    return _no_surrogates(next((data[key] for key in keys if isinstance(data.get(key), str)), ""))


def _milliseconds(value: Any) -> int | None:
    """Epoch ms of a number, or of an ISO text (Athena and some exports write it so)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if 0 <= value < LATEST_MS else None
    if isinstance(value, str):
        return int(value) if value.isdigit() and len(value) < 16 else _iso_ms(value)
    return None


def _iso_ms(text: str) -> int | None:
    hit = _HEADER.match(text.strip().replace(" ", "T", 1))
    return _stamp_ms(hit) if hit else None


def _stamp_ms(hit: re.Match[str]) -> int | None:
    """Epoch ms of a matched time; without a zone it is UTC, as `aws logs tail --format short` prints it."""
    second_ms = _second_ms(hit[1], "+00:00" if hit[3] in (None, "Z") else hit[3])
    return None if second_ms is None else second_ms + int((hit[2] or "0").ljust(3, "0")[:3])


@lru_cache(maxsize=1_024)
def _second_ms(told: str, zone: str) -> int | None:
    """Epoch ms of a second: hundreds of lines have the same."""
    try:
        moment = datetime.fromisoformat(f"{told}{zone}")
    except ValueError:
        return None
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000


def _string_at(text: str, key: str) -> str | None:
    """The value of a JSON string in a text that is not whole; its beginning when it is the part that was cut."""
    hit = re.search(rf'"{key}"\s*:\s*"((?:[^"\\]|\\.)*)', text, re.DOTALL)
    if hit is None:
        return None
    try:
        return str(json.loads(f'"{hit[1]}"', strict=False))
    except ValueError:
        return hit[1]


def _json_values(chunks: Iterable[bytes]) -> Iterator[tuple[dict[str, Any] | str, int, bool]]:
    """The objects in concatenated JSON, in arrays, and in the "events" of a whole answer; (object, its line, all bytes readable).

    Holds one object at a time, however long the answer is. A broken object is given as its text, and reading goes on at the next.
    """
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    scan = json.JSONDecoder(strict=False).raw_decode
    buffer, at, line = "", 0, 1
    source = iter(chunks)
    ended = False
    while True:
        at, line = _to_next_object(buffer, at, line)
        if at < len(buffer):
            try:
                value, end = scan(buffer, at)
            except (ValueError, RecursionError):
                value, end = None, at
            if value is not None:
                text = buffer[at:end]
                yield value, line, "\ufffd" not in text
                line += text.count("\n")
                at = end
                continue
            if ended or len(buffer) - at > MAX_LINE_BYTES:
                end = _end_of_broken(buffer, at)
                yield buffer[at:end], line, False
                line += buffer.count("\n", at, end)
                at = end
                continue
        if ended:
            return
        chunk = next(source, b"")
        ended = not chunk
        buffer, at = buffer[at:] + decoder.decode(chunk, final=ended), 0


_NEXT_OBJECT = re.compile(r"\}\s*,?\s*(?=\{)|\n\s*(?=\{)")
_OPENING = re.compile(r'\{\s*"(?:events|searchedLogStreams|nextToken|nextForwardToken|nextBackwardToken)"\s*:')


def _to_next_object(buffer: str, at: int, line: int) -> tuple[int, int]:
    """Position of the next object that is an event or a record: steps into whole answers, over what stands between."""
    while True:
        start = buffer.find("{", at)
        if start < 0:
            return len(buffer), line + buffer.count("\n", at)
        line += buffer.count("\n", at, start)
        opening = _OPENING.match(buffer, start)
        if opening is None:
            return start, line
        line += buffer.count("\n", start, opening.end())
        at = opening.end()


def _end_of_broken(buffer: str, at: int) -> int:
    """Where the next object may start after a broken one: its own lines are over, or a new event begins."""
    hit = _NEXT_OBJECT.search(buffer, at + 1)
    return hit.end() if hit else len(buffer)


# ---- names of exported streams -----------------------------------------------------------------------------------------------


def _exported_names(ecs: Mapping[str, Any] | None) -> dict[str, str]:
    """`ecs-app` -> `ecs/app` for every prefix and container that the task definitions name."""
    names: dict[str, str] = {}
    answers = (ecs or {}).get("describe_task_definition")
    for answer in answers.values() if isinstance(answers, dict) else ():
        definition = answer.get("taskDefinition", {}) if isinstance(answer, dict) else {}
        for container in definition.get("containerDefinitions", []):
            options = (container.get("logConfiguration") or {}).get("options") or {}
            prefix, name = options.get("awslogs-stream-prefix"), container.get("name")
            if prefix and name:
                names[f"{prefix}/{name}".replace("/", "-")] = f"{prefix}/{name}"
    return names


def _exported_stream(path: str, exported: Mapping[str, str]) -> str | None:
    """The log stream that a file or its folder is named after: CreateExportTask writes `/` as `-` and adds `/000000.gz`.

    Only the slash before the task id is certain; those before it are known when the task definitions are.
    """
    for part in reversed(Path(path).parts[-3:]):
        stem = re.sub(r"(?:\.(?:log|txt|jsonl?|ndjson|gz))+$", "", part)
        hit = re.fullmatch(r"(.+)-([0-9a-f]{32})", stem)
        if hit:
            return stem if hit[1].endswith("-firelens") else f"{exported.get(hit[1], hit[1])}/{hit[2]}"
    return None
