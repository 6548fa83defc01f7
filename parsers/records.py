"""Events of one stream -> records: stack traces, printed objects and split messages joined.

A record begins at an event that means something (`opens`: a rule, a pack's opener or an error-like line takes it) and
swallows what continues it. Every other event is a record of its own. So only the events after a start are ever looked
at, and the fast path, which finds the starts in bulk, joins the same records as a loop over every event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from parsers.formats import Payload, decode
from parsers.frozen import quickly_made
from parsers.model import Event

MAX_EVENTS = 400
MAX_CHARS = 65_536
MAX_SILENCE_MS = 2_000

HARD_START = re.compile(
    r'^(?:\{"|\S{1,60} \S{1,60} \S{1,60} \[\d|(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d'
    r"|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /|\[Nest\]|\[GIN\]"
    # indented steps of migration tools, each a record of its own: Django, Sqitch, Laravel, Atlas
    r"|[ \t]+(?:(?:Una|A)pplying [\w.]+\.\.\.|No migrations to apply|[+*-] \S+ {1,60}\.{2,} |\d{4}_\d\d_\d\d_\d{6}_\w+ \.+ "
    r"|INFO  |ERROR  |-- (?:migrating|ok|error)\b))"
)
_SERVER_LOG_DETAIL = re.compile(r"\b(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")
_CONTINUATION = re.compile(
    r"^(?:[ \t]|at |[}\])]|[└├│✖→]|\^|~{2,}|[+-]   |Caused by: |\.\.\. \d+ more|During handling of |The above exception was "
    r"|DETAIL: |HINT: |CONTEXT: |STATEMENT: |QUERY: |LINE \d+: |Position: |\[SQL: |\[parameters: |\[cached since |\(Background on this error at: "
    r"|List of constraint violations:|migrations/$|Node\.js v\d|Error Code *: |SQL State *: |Message *: |Location *: |Line *: |Statement *: |-> "
    r"|Tasks: TOP => |\(See full trace|For further information visit |Environment:$)"
)
_PRISMA_MIGRATE_HEAD = re.compile(
    r"^(?:[^\n]{0,80}\b)?Error: (?:P\d{4}\b|external connector error|Schema engine error)", re.IGNORECASE
)
_PRISMA_MIGRATE_BODY = re.compile(
    r"^(?:A migration failed to apply|Migration name: |Database error|Database error code: |ERROR: |DbError |Position|migrate found failed"
    r"|The `|The database schema is not empty|Please |Read more|Context: |Error code|Prisma Migrate could|Original error|Migration `|Error querying"
    r"|Error:$|Error code: |Can't reach|Timed out |Raw query|New migrations cannot|The migration|More information)"
)
_PRISMA_CLIENT_HEAD = re.compile(r"(?:^prisma:error *$|PrismaClient\w{3,30}Error: *$|^Invalid `[\w$.]{1,120}\(\)` invocation)")
_PRISMA_INVOCATION = re.compile(r"^Invalid `[\w$.]{1,120}\(\)` invocation")
_INFORMS = re.compile(r"\b(?:INFO|DEBUG|NOTICE)\b|\.\.\.\s*$|^Running migrations:")  # a step, not the name of a failure
_TRACEBACK_HEAD = re.compile(r"Traceback \(most recent call last\)")
_PYTHON_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]{0,120}(?:: |:$|$)")
_NAMES_HEAD = re.compile(r"have not yet been applied:|following migration|have been applied:|unapplied migration")
_NAME_LINE = re.compile(r"^[\w.-]{6,200}$")
_PYDANTIC_HEAD = re.compile(r"\b\d{1,4} validation errors? for ")
_PYDANTIC_FIELD = re.compile(r"^[\w.\-\[\]> ]{1,160}$")
_BRACKETS = ("{", "[", "(")  # open at a line's end
_NODE_HEAD = re.compile(r"^(?:/|file:///|node:|[A-Z]:\\)[^\s:]{1,300}:\d{1,7}$")
_ERROR_HEAD_EMPTY = re.compile(r"(?:(?:Error|Exception):|external connector error) *$")


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Events that belong together, decoded. `seq` orders records of equal time within their stream."""

    events: tuple[Event, ...]
    payload: Payload  # of the first event
    texts: tuple[str, ...]  # each event's decoded text
    seq: int
    cut: bool = False  # a bound was reached: the rest became records of their own

    @property
    def text(self) -> str:
        return self.texts[0] if len(self.texts) == 1 else "\n".join(self.texts)


@dataclass(slots=True)
class Framing:
    """What decides which event continues an open record, but for the time between them: a function of the texts so far."""

    events: int = 0
    chars: int = 0
    structured: bool = False  # the first event is JSON or its like
    last: str = ""
    depth: int = 0  # brackets that are open at line ends
    prisma_text: int = 0  # lines of plain text that a Prisma block may still take
    traceback: bool = False
    migrate: bool = False
    names: bool = False
    pydantic: bool = False
    node_head: bool = False

    def add(self, payload: Payload) -> None:
        text = self.last = payload.text
        if not self.events:
            self.structured = payload.fields is not None
        self.events += 1
        self.chars += len(text) + 1
        self._note(text)

    def _note(self, text: str) -> None:
        for line in text.split("\n")[:MAX_EVENTS]:
            stripped = line.rstrip()
            if not self.traceback and "Traceback (" in stripped:
                self.traceback = _TRACEBACK_HEAD.search(stripped) is not None
            if self.traceback and stripped[:1] in (" ", "\t"):
                continue  # source lines end with open brackets that nothing closes
            if stripped.endswith(_BRACKETS) and (not stripped.startswith(("at ", "    at ")) or stripped.endswith(") {")):
                self.depth += 1
            elif self.depth and stripped.lstrip()[:1] in ("}", "]", ")"):
                self.depth -= 1
            if ("risma" in stripped or "Invalid `" in stripped) and _PRISMA_CLIENT_HEAD.search(stripped):
                self.prisma_text = 2
            elif self.prisma_text and self.depth == 0 and stripped[:1] not in ("", " ", "}", "{"):
                self.prisma_text -= 1
            self._note_heads(stripped)

    def _note_heads(self, line: str) -> None:
        """What a line announces. A pattern is asked only of lines that hold a word of it: most lines are frames of a stack trace."""
        if not self.migrate and "rror: " in line.lower():
            self.migrate = _PRISMA_MIGRATE_HEAD.search(line) is not None
        if not self.names and ("migration" in line or "applied" in line):
            self.names = _NAMES_HEAD.search(line) is not None
        if not self.pydantic and " validation error" in line:
            self.pydantic = _PYDANTIC_HEAD.search(line) is not None
        if not self.node_head and line[-1:].isdigit():
            self.node_head = _NODE_HEAD.search(line) is not None

    def takes(self, payload: Payload) -> bool:
        """Whether the next event of the stream, if it comes in time, continues this record."""
        if self.full or payload.fields is not None or self.structured:
            return False
        text = payload.text
        if HARD_START.match(text):
            return _SERVER_LOG_DETAIL.search(text[:300]) is not None and _SERVER_LOG_DETAIL.search(text[:300]).start() < 200  # type: ignore[union-attr]
        return self._continues(text)

    @property
    def full(self) -> bool:
        return self.events >= MAX_EVENTS or self.chars >= MAX_CHARS

    def _continues(self, text: str) -> bool:
        last = self.last
        if not text.strip() or _CONTINUATION.match(text):
            return True
        if self.depth > 0:
            return True
        if self.prisma_text:
            return (
                _PRISMA_INVOCATION.match(text) is not None
                or (_PRISMA_CLIENT_HEAD.search(text) is None and _PRISMA_INVOCATION.match(last.split("\n")[-1]) is not None)
                or text == "{"
                or (last.startswith("}") and not _PRISMA_CLIENT_HEAD.search(text))
            )
        if self.migrate and _PRISMA_MIGRATE_BODY.match(text):
            return True
        if self.pydantic and _PYDANTIC_FIELD.match(text) and (last[:1] == " " or _PYDANTIC_HEAD.search(last) is not None):
            return True
        if self.events == 1 and _TRACEBACK_HEAD.match(text) and not _INFORMS.search(last[:120]):
            return True  # logging.exception, uvicorn: the line that names the failure stands before its traceback
        if self.traceback:
            return (last[:1] in (" ", "\t") and _PYTHON_EXCEPTION.match(text) is not None) or _TRACEBACK_HEAD.match(
                text
            ) is not None
        if self.names and _NAME_LINE.match(text):
            return True
        if self.node_head and last[:1] in (" ", "^"):
            return True
        return _ERROR_HEAD_EMPTY.search(last) is not None and self.events == 1


@dataclass(slots=True)
class Block:
    """An open record."""

    events: list[Event] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    seq: int = 0
    framing: Framing = field(default_factory=Framing)

    def add(self, event: Event, payload: Payload) -> None:
        self.events.append(event)
        self.payloads.append(payload)
        self.framing.add(payload)

    def takes(self, event: Event, payload: Payload) -> bool:
        """Whether the next event of the stream continues this record."""
        return event.timestamp_ms - self.events[-1].timestamp_ms <= MAX_SILENCE_MS and self.framing.takes(payload)

    def record(self) -> Record:
        return Record(
            events=tuple(self.events),
            payload=self.payloads[0],
            texts=tuple(payload.text for payload in self.payloads),
            seq=self.seq,
            cut=self.framing.full,
        )


Opens = Callable[[str, Payload], bool]


def frame(events: Iterator[tuple[int, Event]], opens: Opens, block: Block | None = None) -> Iterator[Record | Block]:
    """Records of one stream in order; the block that is still open at the end comes last, as a Block.

    `events` are (seq, event) in the stream's order. `block`: what the piece before left open.
    """
    for seq, event in events:
        payload = decode(event.text)
        if block is not None:
            if block.takes(event, payload):
                block.add(event, payload)
                continue
            yield block.record()
            block = None
        if opens(payload.text, payload):
            block = Block(seq=seq)
            block.add(event, payload)
        else:
            yield Record(events=(event,), payload=payload, texts=(payload.text,), seq=seq)
    if block is not None:
        yield block
