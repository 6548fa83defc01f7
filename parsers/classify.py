"""Record -> matches -> facts. Redaction stands between extraction and everything that leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parsers.access import parse_access
from parsers.extract import EXTRACTORS, Extracted
from parsers.formats import Payload, field_of, leaves, strip_controls, without_passing
from parsers.late import late
from parsers.masks import Redactor, fingerprint, route_template, skeleton
from parsers.model import Access, Category, Event, Evidence, Fact, Layer, Mark, Match, Severity
from parsers.records import Record
from parsers.rules import Rule, RuleSet, shorten

MAX_EVIDENCE_CHARS = 500
MAX_EVIDENCE_LINES = 12

ERROR_LIKE = re.compile(
    r"\b(?:[A-Z]\w*)?(?:Error|Exception)\b(?::|\s*\(|\s+\[|$)|\bTraceback \(most recent call last\)|\b(?:ERROR|FATAL|CRITICAL|PANIC|SEVERE)\b"
    r"|\b(?:[Uu]nhandled|[Uu]ncaught)\b|\bpanic:|\b(?:fatal|error|failed|failure)\b[:!]|\bfailed (?:to|with)\b|\bcould not\b|\bexited with code [1-9]"
)
_ERROR_FREE = re.compile(
    r"\b(?:0|no|zero|without) (?:errors?|failures?|failed)\b|\berrors?[=:]\s*0\b|\b0 (?:error|failure)\(s\)|\bNOTICE\b|\bWARN(?:ING)?\b|\bDEBUG\b",
    re.IGNORECASE,
)
_METHOD_PATH = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?:https?://[^/\s\"]{1,200})?(/[^\s\"'`,:;)\]}]{0,600})")
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))

_METHOD_KEYS = (
    "method",
    "req.method",
    "request.method",
    "http.method",
    "httpMethod",
    "http_method",
    "context.method",
    "meta.req.method",
    "http.request.method",
)
_PATH_KEYS = (
    "path", "url", "req.url", "originalUrl", "uri", "request.path", "request.url", "request.uri", "http.path", "requestPath", "request_path",
    "endpoint", "http.url", "url.path", "meta.req.url", "context.path", "http.target", "instance",
)  # fmt: skip
REQUEST_ID_KEYS = (
    "requestId", "reqId", "request_id", "req.id", "correlationId", "correlation_id", "x-request-id", "requestID", "req_id", "traceId",
    "trace_id", "trace.id", "request.id", "awsRequestId", "aws_request_id", "@trace_id", "id",
)  # fmt: skip
_STATUS_KEYS = (
    "statusCode",
    "status_code",
    "res.statusCode",
    "http.status_code",
    "httpStatus",
    "response.status",
    "status",
    "err.statusCode",
    "error.statusCode",
)
_CLIENT_KEYS = (
    "userId",
    "user_id",
    "user.id",
    "usr.id",
    "accountId",
    "ip",
    "remoteAddress",
    "req.remoteAddress",
    "clientIp",
    "client_ip",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKeys:
    """What a structured record says of the request it belongs to."""

    method: str | None = None
    path: str | None = None
    request_id: str | None = None
    status: int | None = None
    client: str | None = None


def match_text(
    text: str,
    rules: RuleSet,
    fields: Mapping[str, Any] | None = None,
    redactor: Redactor | None = None,
    keys: RequestKeys | None = None,
) -> tuple[Match, ...]:
    """Every rule's hit on one decoded record, the deciding one first; () when no rule takes it. `keys`: its request's, when known."""
    redactor = redactor or Redactor()
    seen = shorten(text)
    hits = [(rule, hit) for rule in rules.candidates(seen) if (hit := rule.search(seen)) is not None]
    if not hits:
        return ()
    keys = keys or request_keys(fields, text, redactor)
    fields = without_passing(fields) if fields is not None else None
    barrier = max((rule.priority for rule, _ in hits if rule.dependency), default=None)
    extracted: dict[str, Extracted] = {}  # several rules ask for the same
    matches = [
        _match(rule, hit, _extract(rule, seen, fields, extracted), keys, redactor)
        for rule, hit in hits
        if not rule.dependency and (barrier is None or rule.priority > barrier or rule.category is None)
    ]
    return tuple(_enriched(matches))


def _match(rule: Rule, hit: re.Match[str], extracted: Extracted, keys: RequestKeys, redactor: Redactor) -> Match:
    named = _named(hit)
    code = named.get("code") or rule.code or extracted.code
    path = named.get("path") or keys.path
    clean_path = redactor.path(path) if path else None
    field_names = rule.fields or _listed(named) or extracted.fields
    status = _number(named.get("status")) or rule.status or extracted.status or keys.status
    return Match(
        rule_id=rule.id,
        category=rule.category,
        system=rule.system,
        code=code,
        db_code=named.get("db_code") or rule.db_code or extracted.db_code,
        implied_code=_implied(rule, code),
        layer=rule.layer,
        severity=rule.severity,
        status=status,
        method=named.get("method") or keys.method,
        path=clean_path,
        route=route_template(clean_path) if clean_path else None,
        fields=field_names,
        table=named.get("table") or extracted.table,
        title=_title(rule, named, field_names, code),
        request_id=redactor.request_id(named.get("request_id")) or keys.request_id,
        client=keys.client,
        mark=_mark(rule, named, extracted, code),
        in_run=rule.in_run,
        priority=rule.priority,
        framework=rule.framework,
    )


def _implied(rule: Rule, code: str | None) -> str | None:
    """The code that the wording stands for; None when the record prints that very code."""
    implied = rule.implied_code or (rule.code_map.get(code) if code else None)
    return implied if implied != code else None


def _named(hit: re.Match[str]) -> dict[str, str]:
    """Named groups that took part; `code2` counts as `code`."""
    named: dict[str, str] = {}
    for name, value in hit.groupdict().items():
        if value:
            named.setdefault(name.rstrip("0123456789"), value.strip())
    return named


_NOTHING = Extracted()


def _extract(rule: Rule, text: str, fields: Mapping[str, Any] | None, known: dict[str, Extracted]) -> Extracted:
    """What the rule's extractors read, the first of them first. `known`: what was read of this record already."""
    result = _NOTHING
    for name in rule.extract:
        one = known.get(name)
        if one is None:
            one = known[name] = EXTRACTORS[name](text, fields)
        if result is _NOTHING:
            result = one
            continue
        result = Extracted(
            fields=result.fields or one.fields,
            code=result.code or one.code,
            db_code=result.db_code or one.db_code,
            table=result.table or one.table,
            migrations=result.migrations or one.migrations,
            status=result.status or one.status,
        )
    return result


_LIST_SPLIT = re.compile(r"[^\w.$\[\]-]+")


def _listed(named: Mapping[str, str]) -> tuple[str, ...]:
    value = named.get("field") or named.get("column") or named.get("argument")
    if not value:
        return ()
    return tuple(dict.fromkeys(part for part in _LIST_SPLIT.split(value) if part))


def _mark(rule: Rule, named: Mapping[str, str], extracted: Extracted, code: str | None) -> Mark | None:
    if rule.mark is None:
        return None
    migration = named.get("migration")
    return Mark(
        kind=rule.mark,
        tool=rule.tool,
        code=code,
        implied_code=_implied(rule, code),
        db_code=named.get("db_code") or rule.db_code or extracted.db_code,
        migration=migration or (extracted.migrations[0] if len(extracted.migrations) == 1 else None),
        migrations=extracted.migrations or ((migration,) if migration else ()),
        count=_number(named.get("count")),
        exit_code=_number(named.get("exit_code")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _title(rule: Rule, named: Mapping[str, str], fields: Sequence[str], code: str | None) -> str:
    """The rule's title with what the record says filled in; nothing free-text of the record beyond names and codes."""
    values = _Blank({key: value[:120] for key, value in named.items() if key != "message"})
    values.update(fields=", ".join(fields[:6]), code=code or "")
    try:
        return " ".join(rule.title.format_map(values).split())
    except (ValueError, IndexError, KeyError, AttributeError):
        return rule.title


def _enriched(matches: Sequence[Match]) -> Iterator[Match]:
    """The deciding match borrows what it lacks from the others of its record: the database's code, fields, table."""
    if not matches:
        return
    first, *rest = matches
    causes = [match for match in rest if match.category is not None and not match.framework]
    if first.category is not None:
        database = next((m for m in causes if m.category in (Category.DATABASE, Category.CONNECTION)), None)
        first = replace(
            first,
            db_code=first.db_code or (database.code if database is not None and database.system != first.system else None),
            implied_code=first.implied_code or (database.implied_code if database is not None else None),
            fields=first.fields or next((m.fields for m in causes if m.fields), ()),
            table=first.table or next((m.table for m in causes if m.table), None),
            status=first.status or next((m.status for m in rest if m.status), None),
        )
    yield first
    yield from rest


def request_keys(fields: Mapping[str, Any] | None, text: str, redactor: Redactor) -> RequestKeys:
    """Method, path, request id, status and client, from a structured record's usual keys, else from `POST /x` in its first line."""
    if fields is None:
        hit = _METHOD_PATH.search(text[:2_000].split("\n", 1)[0])
        return RequestKeys(method=hit[1], path=hit[2]) if hit else RequestKeys()
    method = field_of(fields, *_METHOD_KEYS)
    path = field_of(fields, *_PATH_KEYS)
    status = field_of(fields, *_STATUS_KEYS)
    request_id = field_of(fields, *REQUEST_ID_KEYS)
    client = field_of(fields, *_CLIENT_KEYS)
    usable = isinstance(path, str) and path.startswith(("/", "http://", "https://"))
    return RequestKeys(
        method=method.upper() if isinstance(method, str) and method.upper() in _METHODS else None,
        path=re.sub(r"^https?://[^/]*", "", path) or "/" if usable else None,
        request_id=redacted_id(request_id, redactor),
        status=_own_status(status),
        client=redactor.token("client", str(client)) if isinstance(client, str | int) and client != "" else None,
    )


def request_id_of(fields: Mapping[str, Any], redactor: Redactor) -> str | None:
    """The request id that `request_keys` gives of a structured record."""
    return redacted_id(field_of(fields, *REQUEST_ID_KEYS), redactor)


def redacted_id(value: Any, redactor: Redactor) -> str | None:
    """A request id as it stood in a record, redacted; None for what is none."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return redactor.request_id(str(value)[:120])
    return None


def _own_status(value: Any) -> int | None:
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599 else None


def classify_record(record: Record, rules: RuleSet, redactor: Redactor, health_paths: Sequence[str] = ()) -> Fact | None:
    """One record's fact: its access line, its matches, or that it reads like an error no rule took. None: it says nothing."""
    payload = record.payload
    access = parse_access(payload, health_paths=health_paths) if len(record.events) == 1 else None
    if access is not None:
        return access_fact(record, access, rules, redactor)
    said = say(payload, record.texts, rules, redactor)
    return fact_of(record, said, redactor) if said is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a record that is no access line says: a function of its texts alone, so equal records say the same."""

    matches: tuple[Match, ...] = ()
    unexplained: bool = False
    deciding: int = 0  # number of the event that proves it


def say(
    payload: Payload, texts: Sequence[str], rules: RuleSet, redactor: Redactor, keys: RequestKeys | None = None
) -> Said | None:
    """What the rules make of a record's texts. `payload`: of its first event; `keys`: its request's, when known. None: nothing."""
    text = texts[0] if len(texts) == 1 else "\n".join(texts)
    matches = match_text(text, rules, payload.fields, redactor, keys)
    if matches:
        return Said(matches=matches, deciding=_deciding_event(texts, rules, matches[0]))
    return Said(unexplained=True) if reads_like_error(payload, text) else None


def fact_of(record: Record, said: Said, redactor: Redactor) -> Fact:
    return _fact(record, redactor, matches=said.matches, unexplained=said.unexplained, evidence_at=said.deciding)


def said_nothing(record: Record, redactor: Redactor) -> Fact:
    """The fact of a plain record, which only a transcript asks for."""
    first = record.events[0]
    evidence = LaterEvidence(first, 0, _Redacted(record, 1, redactor))
    return Fact(timestamp_ms=first.timestamp_ms, seq=record.seq, last_ms=record.events[-1].timestamp_ms, evidence=(evidence,))


def access_fact(record: Record, access: Access, rules: RuleSet, redactor: Redactor) -> Fact:
    """The fact of an access line; a refused one in JSON may carry its cause."""
    access = redacted_access(access, redactor)
    same_line = _same_line_causes(record.payload, rules, redactor) if (access.status or 0) >= 400 else ()
    refused = (access.status or 0) >= 400 or access.aborted
    return _fact(record, redactor, matches=same_line, access=access, evidence_at=0 if refused else None)


def refused_fact(record: Record, access: Access, redactor: Redactor) -> Fact:
    """The same of a refused plain line whose request is redacted already."""
    return _fact(record, redactor, access=access)


def redacted_access(access: Access, redactor: Redactor) -> Access:
    """An access line without what may name a person: path, client and request id."""
    return Access(  # dataclasses.replace takes three times as long, and this is done for every refused request
        method=access.method,
        path=redactor.path(access.path) if access.path else access.path,
        route=access.route,
        status=access.status,
        aborted=access.aborted,
        health_check=access.health_check,
        request_id=redactor.request_id(access.request_id),
        client=redactor.token("client", access.client) if access.client else access.client,
        opening=access.opening,
        framework=access.framework,
    )


def _same_line_causes(payload: Payload, rules: RuleSet, redactor: Redactor) -> tuple[Match, ...]:
    """An access line in JSON may carry its own cause (an `err` object); a plain one never does."""
    if payload.fields is None:
        return ()
    return tuple(m for m in match_text(payload.text, rules, payload.fields, redactor) if m.category is not None or m.framework)


def reads_like_error(payload: Payload, text: str) -> bool:
    """An error by its level or its words, when nothing in it says otherwise."""
    if payload.level in ("error", "fatal"):
        return True
    if payload.level in ("info", "debug", "trace", "warn"):
        return False
    head = text[:2_000]
    return ERROR_LIKE.search(head) is not None and _ERROR_FREE.search(head) is None and not _is_continuation_only(head)


def _is_continuation_only(text: str) -> bool:
    return text[:1] in (" ", "\t", "}", "]", ")")


_FRAME = late(r"[ \t]+(?:File \"|at )")
_EXCEPTION = late(r"(?:[A-Za-z_]\w*\.){1,8}[A-Z]\w*(?:: |\s*$)|[A-Z]\w*(?:Error|Exception)\b")


def _deciding_event(texts: Sequence[str], rules: RuleSet, match: Match) -> int:
    """Number of the event in the record that the rule hits by itself; 0 when only the whole record does.

    A rule may know a record by a frame of its stack trace. That proves whose failure it is, but says nothing: there the first line
    that names an exception decides, which in a chain is the cause.
    """
    rule = rules.by_id[match.rule_id]
    some = texts[:200]
    hit = next((number for number, text in enumerate(some) if any(pattern.search(text) for pattern in rule.patterns)), 0)
    if _FRAME.match(some[hit]) is None:
        return hit
    return next((number for number, text in enumerate(some) if _EXCEPTION.match(text) is not None), hit)


def _fact(
    record: Record,
    redactor: Redactor,
    *,
    matches: tuple[Match, ...] = (),
    access: Any = None,
    unexplained: bool = False,
    evidence_at: int | None = 0,
) -> Fact:
    first = record.events[0]
    marked = unexplained or matches
    return Fact(
        timestamp_ms=first.timestamp_ms,
        seq=record.seq,
        last_ms=record.events[-1].timestamp_ms,
        events=len(record.events),
        event_ids=tuple(e.event_id for e in record.events[:50] if e.event_id) if marked or evidence_at is not None else (),
        evidence=tuple(_evidence(record, evidence_at, redactor)) if evidence_at is not None else (),
        matches=matches,
        access=access,
        unexplained=unexplained,
        fingerprint=_unexplained_fingerprint(record, redactor) if unexplained else "",
    )


def _evidence(record: Record, deciding: int, redactor: Redactor) -> Iterator[Evidence]:
    """The deciding line first, then the record's first lines in order. Redacted as one block: structure spans lines."""
    if len(record.events) == 1:
        yield LaterEvidence(record.events[0], 0, _Redacted(record, 1, redactor))
        return
    seen = min(len(record.events), MAX_EVIDENCE_LINES + deciding + 1)
    block = _Redacted(record, seen, redactor)
    order = [deciding, *(n for n in range(min(seen, MAX_EVIDENCE_LINES)) if n != deciding)]
    for number in order[:MAX_EVIDENCE_LINES]:
        yield LaterEvidence(record.events[number], number, block)


class _Redacted:
    """The first lines of a record, redacted together when one of them is first asked for."""

    __slots__ = ("_lines", "_raw", "_redactor")

    def __init__(self, record: Record, seen: int, redactor: Redactor) -> None:
        # The texts alone: a record with its decoded fields takes several times their memory, and findings live long.
        self._raw: tuple[str, ...] | None = tuple([event.text for event in record.events[:seen]])
        self._redactor = redactor
        self._lines: list[str] = []

    def line(self, number: int) -> str:
        if self._raw is not None:
            texts = [strip_controls(text) for text in self._raw]
            redacted = self._redactor.text("\n".join(texts)).split("\n")
            at = 0
            for text in texts:
                end = at + text.count("\n") + 1
                self._lines.append(_cut("\n".join(redacted[at:end])))
                at = end
            self._raw = None
        return self._lines[number]


def _cut(text: str) -> str:
    """A line of evidence; one that is too long says that it was cut."""
    return text if len(text) <= MAX_EVIDENCE_CHARS else f"{text[: MAX_EVIDENCE_CHARS - 1]}…"


class LaterEvidence(Evidence):
    """Evidence whose text is redacted when it is first asked for: most of what is read is counted and never shown.

    It is an Evidence in every other way; comparing, printing, copying and pickling it see the redacted text only.
    """

    __slots__ = ("_block", "_number")
    _block: _Redacted
    _number: int

    def __init__(self, event: Event, number: int, block: _Redacted) -> None:
        object.__setattr__(self, "__class__", _Made)  # as parsers/frozen.py does, for the fields of both classes
        self.timestamp_ms, self.event_id, self.file, self.line = event.timestamp_ms, event.event_id, event.file, event.line  # type: ignore[misc]
        self._number, self._block = number, block
        self.__class__ = LaterEvidence

    @property
    def text(self) -> str:  # read-only in both
        return self._block.line(self._number)

    def settled(self) -> Evidence:
        return Evidence(timestamp_ms=self.timestamp_ms, text=self.text, event_id=self.event_id, file=self.file, line=self.line)

    def __eq__(self, other: object) -> bool:
        return self.settled() == (other.settled() if isinstance(other, LaterEvidence) else other)

    def __hash__(self) -> int:
        return hash(self.settled())

    def __reduce__(self) -> tuple[Any, ...]:
        return _evidence_again, (self.timestamp_ms, self.text, self.event_id, self.file, self.line)


class _Made(LaterEvidence):
    """A LaterEvidence while its fields are set."""

    __slots__ = ()
    __setattr__ = object.__setattr__


def _evidence_again(timestamp_ms: int, text: str, event_id: str | None, file: str | None, line: int | None) -> Evidence:
    return Evidence(timestamp_ms=timestamp_ms, text=text, event_id=event_id, file=file, line=line)


def _unexplained_fingerprint(record: Record, redactor: Redactor) -> str:
    """Of the redacted words: a name in the text neither splits the group nor stands in the hash."""
    words = skeleton(redactor.grouping_text(record.text[:400]))
    return fingerprint(category="unexplained", system=None, code=None, route=None, words=words)


def severity_of(category: Category, layer: Layer | None, status: int | None, declared: Severity | None) -> Severity:
    """DESIGN: critical (migration failed, crash loop), error (5xx; refused by orm, database, unhandled), info (401, 404, 429), warning."""
    if declared is not None:
        return declared
    if category is Category.MIGRATION:
        return Severity.CRITICAL
    if status in (401, 404, 429):
        return Severity.INFO
    if (status or 0) >= 500 or category is Category.HTTP_5XX or layer in (Layer.ORM, Layer.DATABASE, Layer.UNHANDLED):
        return Severity.ERROR
    if category in (Category.DATABASE, Category.CONNECTION, Category.STARTUP):
        return Severity.ERROR
    return Severity.WARNING


def string_leaves(fields: Mapping[str, Any]) -> Iterable[str]:
    """Every string of a structured record."""
    return (value for _, value in leaves(fields) if isinstance(value, str))
