"""CloudWatch Logs, page by page: FilterLogEvents and GetLogEvents, paged by hand.

botocore's paginators stop at tokens that AWS repeats in mid-scan, others at the first empty page; both lose events. Here:
FilterLogEvents ends when there is no token, GetLogEvents when the token that was sent comes back. Empty pages and repeated
tokens are counted and passed over, up to a bound; beyond it the chain breaks and says how far it came.
Windows are half-open inside; FilterLogEvents' inclusive end is asked as end - 1, and every event is checked again here.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.session import Aws, LogPage, RawEvent
from dashboard.fetchers.slices import Scope, Window

MAX_REPEATED_TOKENS = 50
MAX_EMPTY_PAGES = 5_000
MAX_RESTARTS = 5  # of one chain without progress, when AWS no longer takes its token
STREAM_NAMES_A_CALL = 100
REMEMBERED = 5_000  # events or ids kept to know a repeat by
READABLE_CLASSES = ("STANDARD", "")
_by_time = attrgetter("timestamp")


class ChainBroken(Exception):  # noqa: N818 -- says what happened
    """A chain of pages that came to no end: what was delivered stands, the rest was not seen."""


@dataclass(slots=True)
class Tally:
    """What the calls brought, counted over all chains. Thread-safe through `add`."""

    pages: int = 0
    empty_pages: int = 0
    repeated_tokens: int = 0
    restarts: int = 0
    events: int = 0
    repeated_events: int = 0
    outside: int = 0  # events that were not asked for
    response_bytes: int = 0
    probes: int = 0  # milliseconds read again to tell twins from repeats
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **counts: int) -> None:
        """Add to the counters of these names."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events in order, and how far the chain has come: of what lies before `cut_ms` nothing more will be delivered.

    `disturbed_ms`: an event older than what was already delivered turned up; from there on, read again.
    """

    events: list[RawEvent]
    cut_ms: int
    disturbed_ms: int | None = None


class _Timed(NamedTuple):
    """Events and their times, taken out of them once: a page has ten thousand, and each question of it is about these."""

    events: list[RawEvent]
    times: list[int]

    @staticmethod
    def of(events: list[RawEvent]) -> _Timed:
        return _Timed(events, [event.timestamp for event in events])

    @property
    def oldest_ms(self) -> int:
        return min(self.times)

    def those(self, wanted: Callable[[RawEvent], bool]) -> _Timed:
        return _Timed.of([event for event in self.events if wanted(event)])


class _Joiner:
    """Joins the pages of one chain: checks windows and streams, drops repeats, holds back the newest millisecond."""

    def __init__(self, scope: Scope, window: Window, tally: Tally) -> None:
        self.scope = scope
        self.window = window
        self.tally = tally
        self.cut_ms = window.start_ms
        self.held: list[RawEvent] = []
        self.disturbed_ms: int | None = None
        self._ids: set[str | None] = set()
        self._ids_before: set[str | None] = set()
        self._delivered: list[RawEvent] = []

    def restart(self) -> Window:
        """Forget what is held back; the window that is still to be read."""
        self.held = []
        self._ids, self._ids_before = set(), set()
        self.window = Window(start_ms=self.cut_ms, end_ms=self.window.end_ms)
        return self.window

    def take(self, page: LogPage) -> Chunk:
        """One page in; out comes what is certain now."""
        wanted = self._wanted(_Timed.of(page.events))
        fresh = self._fresh(wanted) if wanted.events else wanted
        self.tally.add(
            pages=1,
            empty_pages=int(not page.events),
            events=len(fresh.events),
            response_bytes=page.size,
            outside=len(page.events) - len(wanted.events),
            repeated_events=len(wanted.events) - len(fresh.events),
        )
        return self._deliver(fresh)

    def finish(self) -> Chunk:
        """The chain has ended: what was held back is certain too."""
        events, self.held = self.held, []
        self.cut_ms = self.window.end_ms
        return Chunk(events, self.cut_ms, self.disturbed_ms)

    def _wanted(self, page: _Timed) -> _Timed:
        start, end, scope = self.window.start_ms, self.window.end_ms, self.scope
        if scope.prefix or scope.streams:  # asked of each stream, not of each event
            named = {event.stream for event in page.events}
            held = {name for name in named if scope.holds(name)}
            if len(held) < len(named):
                page = page.those(lambda event: event.stream in held)
        if not page.events or (start <= page.oldest_ms and max(page.times) < end):
            return page
        return page.those(lambda event: start <= event.timestamp < end)

    def _fresh(self, page: _Timed) -> _Timed:
        events = page.events
        if events[0].event_id is None:
            return self._fresh_without_ids(page)
        ids = {event.event_id for event in events}
        if len(ids) == len(events) and self._ids.isdisjoint(ids) and self._ids_before.isdisjoint(ids):
            self._remember(ids)
            return self._older_marked(page)
        fresh: dict[str | None, RawEvent] = {}
        for event in events:
            if event.event_id not in self._ids and event.event_id not in self._ids_before:
                fresh.setdefault(event.event_id, event)
        self._remember(ids)
        return self._older_marked(_Timed.of(list(fresh.values())))

    def _remember(self, ids: set[str | None]) -> None:
        """Repeats come from the pages just before: two generations of ids are enough, and memory stays flat."""
        if len(self._ids) > REMEMBERED:
            self._ids_before, self._ids = self._ids, set()
        self._ids |= ids

    def _older_marked(self, page: _Timed) -> _Timed:
        """Nothing may be older than what was delivered; if something is, that stretch must be read again."""
        if not page.events or page.oldest_ms >= self.cut_ms:
            return page
        oldest = page.oldest_ms
        self.disturbed_ms = oldest if self.disturbed_ms is None else min(oldest, self.disturbed_ms)
        return page.those(lambda event: event.timestamp >= self.cut_ms)

    def _fresh_without_ids(self, page: _Timed) -> _Timed:
        """Pages without ids: older than the cut is a repeat when it was delivered, and a disturbance when it was not."""
        if page.oldest_ms >= self.cut_ms:
            return page
        delivered = {_composite(event) for event in self._delivered}
        return self._older_marked(page.those(lambda e: e.timestamp >= self.cut_ms or _composite(e) not in delivered))

    def twins_in_doubt(self, page: LogPage) -> bool:
        """Whether equal lines of the newest millisecond stand in this page and the one before: twins or a repeat?"""
        if not self.held or not page.events or page.events[0].event_id is not None:
            return False
        held = {_composite(event) for event in self.held}
        return any(event.timestamp == self.cut_ms and _composite(event) in held for event in page.events)

    def settle_twins(self, page: LogPage, exact: list[RawEvent]) -> None:
        """Take the exact events of the newest millisecond in place of what two pages said of it."""
        page.events = [event for event in page.events if event.timestamp != self.cut_ms]
        self.held = exact

    def _deliver(self, fresh: _Timed) -> Chunk:
        pool = self.held + fresh.events
        if not pool:
            return Chunk([], self.cut_ms, self.disturbed_ms)
        times = [event.timestamp for event in self.held] + fresh.times
        if sorted(times) != times:
            pool.sort(key=_order)
        self.cut_ms = max(self.cut_ms, pool[-1].timestamp)
        edge = len(pool)
        while edge and pool[edge - 1].timestamp >= self.cut_ms:
            edge -= 1
        events, self.held = pool[:edge], pool[edge:]
        if self.held and self.held[0].event_id is None:
            self._delivered = [*self._delivered[-REMEMBERED:], *events]
        return Chunk(events, self.cut_ms, self.disturbed_ms)


def _order(event: RawEvent) -> tuple[int, int, str]:
    return event.timestamp, event.ingestion or 0, event.event_id or ""


def _composite(event: RawEvent) -> tuple[int, int | None, str]:
    return event.timestamp, event.ingestion, event.message


def filter_chain(aws: Aws, scope: Scope, window: Window, tally: Tally) -> Iterator[Chunk]:
    """All events of a scope in a window, oldest first, through FilterLogEvents.

    Raises:
        AwsError: AWS said no.
        ChainBroken: too many repeated tokens, empty pages or restarts.
    """
    joiner = _Joiner(scope, window, tally)
    bounds = _Bounds(tally)
    token: str | None = None
    rest = window
    while True:
        parameters = scope.parameters() | {"startTime": rest.start_ms, "endTime": rest.end_ms - 1}
        if token:
            parameters["nextToken"] = token
        try:
            page = aws.page("filter_log_events", region=scope.region, about=scope.log_group, **parameters)
        except AwsError as error:
            rest, token = bounds.restarted(error, token, joiner), None
            continue
        chunk = joiner.take(page)
        if not page.next_token:
            yield _with_the_last(chunk, joiner.finish())
            return
        yield chunk
        bounds.check(page, joiner, repeated=page.next_token == token)
        token = page.next_token
        del page, chunk  # two dozen chains wait for their next page: none of them keeps the last one meanwhile


def stream_chain(aws: Aws, scope: Scope, stream: str, window: Window, tally: Tally) -> Iterator[Chunk]:
    """All events of one stream in a window, oldest first, through GetLogEvents (no event ids, no stream's name on them).

    Raises:
        AwsError: AWS said no.
        ChainBroken: too many empty pages or restarts.
    """
    joiner = _Joiner(Scope(region=scope.region, log_group=scope.log_group), window, tally)
    bounds = _Bounds(tally)
    token: str | None = None
    rest = window
    where = {"logGroupName": scope.log_group, "logStreamName": stream, "startFromHead": True}
    while True:
        parameters = where | {"startTime": rest.start_ms, "endTime": rest.end_ms} | ({"nextToken": token} if token else {})
        try:
            page = aws.page("get_log_events", region=scope.region, about=f"{scope.log_group} {stream}", **parameters)
        except AwsError as error:
            rest, token = bounds.restarted(error, token, joiner), None
            continue
        if joiner.twins_in_doubt(page):
            joiner.settle_twins(page, _exact_millisecond(aws, scope, stream, joiner.cut_ms, tally))
        chunk = joiner.take(page)
        at_the_end = page.forward_token is None or page.forward_token == token
        if at_the_end:
            chunk = _with_the_last(chunk, joiner.finish())
        yield chunk
        if at_the_end:
            return
        bounds.check(page, joiner, repeated=False)
        token = page.forward_token
        del page, chunk


def _with_the_last(chunk: Chunk, last: Chunk) -> Chunk:
    """One chunk of both: who reads it sees that the chain has ended, and gives nothing of it away."""
    return Chunk(chunk.events + last.events, last.cut_ms, last.disturbed_ms)


def _of_stream(event: RawEvent, stream: str) -> RawEvent:
    event.stream = stream
    return event


def _exact_millisecond(aws: Aws, scope: Scope, stream: str, at_ms: int, tally: Tally) -> list[RawEvent]:
    """One millisecond of a stream through FilterLogEvents, whose event ids tell twins from repeats."""
    tally.add(probes=1)
    alone = Scope(region=scope.region, log_group=scope.log_group, streams=(stream,))
    try:
        chunks = list(filter_chain(aws, alone, Window(start_ms=at_ms, end_ms=at_ms + 1), Tally()))
    except AwsError as error:
        if not error.denied:
            raise
        return _millisecond_alone(aws, scope, stream, at_ms)
    events = [event for chunk in chunks for event in chunk.events]
    return [RawEvent(event.timestamp, event.message, event.ingestion) for event in events]


def _millisecond_alone(aws: Aws, scope: Scope, stream: str, at_ms: int) -> list[RawEvent]:
    """The same where FilterLogEvents is denied: one window of GetLogEvents, which has one page unless 10,000 events share it."""
    where: dict[str, object] = {"logGroupName": scope.log_group, "logStreamName": stream, "startFromHead": True}
    where |= {"startTime": at_ms, "endTime": at_ms + 1}
    found: list[RawEvent] = []
    token: str | None = None
    for _ in range(MAX_REPEATED_TOKENS):
        page = aws.page(
            "get_log_events", region=scope.region, about=scope.log_group, **where, **({"nextToken": token} if token else {})
        )
        found.extend(event for event in page.events if event.timestamp == at_ms)
        if page.forward_token is None or page.forward_token == token:
            break
        token = page.forward_token
    return found


@dataclass(slots=True)
class _Bounds:
    """How much nothing one chain puts up with."""

    tally: Tally
    empty: int = 0
    repeated: int = 0
    restarts: int = 0
    reached_ms: int | None = None

    def check(self, page: LogPage, joiner: _Joiner, *, repeated: bool) -> None:
        """Count a page that brought nothing.

        Raises:
            ChainBroken: too many of them in a row.
        """
        self.empty = 0 if page.events else self.empty + 1
        self.repeated = self.repeated + 1 if repeated else 0
        if repeated:
            self.tally.add(repeated_tokens=1)
        if self.repeated > MAX_REPEATED_TOKENS:
            raise ChainBroken(f"AWS repeated one page token {self.repeated} times at {joiner.cut_ms}")
        if self.empty > MAX_EMPTY_PAGES:
            raise ChainBroken(f"{self.empty} empty pages in a row at {joiner.cut_ms}")

    def restarted(self, error: AwsError, token: str | None, joiner: _Joiner) -> Window:
        """The window to go on with when AWS no longer takes a page token; any other error is raised."""
        if token is None or error.code != "InvalidParameterException":
            raise error
        self.restarts = self.restarts + 1 if self.reached_ms == joiner.cut_ms else 1
        self.reached_ms = joiner.cut_ms
        self.tally.add(restarts=1)
        if self.restarts > MAX_RESTARTS:
            raise ChainBroken(f"AWS refused its own page token {self.restarts} times at {joiner.cut_ms}") from error
        return joiner.restart()


# ---- listings ----------------------------------------------------------------------------------------------------------------
# GetQueryResults tells each event as a list of fields; `triage classify` reads objects with these names.
_EVENTS_OF_INSIGHTS = (
    "results[*].{timestamp:[?field=='@timestamp'].value|[0],logStreamName:[?field=='@logStream'].value|[0],"
    "message:[?field=='@message'].value|[0]}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    """What DescribeLogGroups says of a group."""

    name: str
    region: str
    log_class: str
    arn: str
    stored_bytes: int | None
    created_ms: int | None
    retention_days: int | None

    @property
    def readable(self) -> bool:
        """Whether FilterLogEvents and GetLogEvents work on it."""
        return self.log_class in READABLE_CLASSES

    @property
    def what_to_do(self) -> str:
        """When they don't. Logs Insights could: it bills every byte it scans, and nothing here spends money unasked."""
        return (
            f"Its class can't be changed: aws logs create-log-group --region {self.region} --log-group-name {self.name}-standard, "
            "then name that as awslogs-group in the task definition. What is there already Logs Insights can export: "
            f"aws logs start-query --region {self.region} --log-group-name {self.name} --start-time $(($(date +%s)-7200)) "
            "--end-time $(date +%s) --query-string 'fields @timestamp, @logStream, @message | sort @timestamp asc | limit 10000'; "
            f"then, with the id it prints: aws logs get-query-results --region {self.region} --query-id ID --output json "
            f'--query "{_EVENTS_OF_INSIGHTS}" > logs.json; triage classify logs.json'
        )

    @property
    def why_not(self) -> str:
        """What happened when they don't."""
        return (
            f"log group {self.name} in {self.region} is of class {self.log_class}: FilterLogEvents and GetLogEvents can't read it, "
            "only Logs Insights can"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStream:
    """What DescribeLogStreams says of a stream. The last event time may lag by an hour and more: it excludes nothing live."""

    name: str
    created_ms: int | None
    first_event_ms: int | None
    last_event_ms: int | None
    last_ingestion_ms: int | None

    def born_ms(self) -> int | None:
        """Not later than its first event, as far as AWS says."""
        return min((time for time in (self.created_ms, self.first_event_ms) if time is not None), default=None)


def find_log_group(aws: Aws, name: str, region: str) -> LogGroup | None:
    """The group of exactly this name, or None.

    Raises:
        AwsError: DescribeLogGroups was refused.
    """
    return next((group for group in list_log_groups(aws, region, prefix=name) if group.name == name), None)


def list_log_groups(aws: Aws, region: str, *, prefix: str = "") -> Iterator[LogGroup]:
    """The log groups whose name starts with `prefix`."""
    chosen: dict[str, object] = {"logGroupNamePrefix": prefix} if prefix else {}
    for answer in _pages(aws, "describe_log_groups", region, prefix, chosen):
        for entry in answer.get("logGroups", []):
            yield LogGroup(
                name=entry["logGroupName"],
                region=region,
                log_class=entry.get("logGroupClass", "STANDARD"),
                arn=entry.get("logGroupArn", ""),
                stored_bytes=entry.get("storedBytes"),
                created_ms=entry.get("creationTime"),
                retention_days=entry.get("retentionInDays"),
            )


def list_streams(aws: Aws, scope: Scope, *, at_most: int) -> list[LogStream] | None:
    """The streams of a scope by name, or None when there are more than `at_most`: a group may have a million."""
    chosen: dict[str, object] = {"logGroupName": scope.log_group}
    if scope.prefix:
        chosen["logStreamNamePrefix"] = scope.prefix
    found: list[LogStream] = []
    for answer in _pages(aws, "describe_log_streams", scope.region, scope.log_group, chosen):
        entries = [entry for entry in answer.get("logStreams", []) if scope.holds(entry["logStreamName"])]
        found.extend(map(_log_stream, entries))
        if len(found) > at_most:
            return None
    return found


def _log_stream(entry: dict[str, object]) -> LogStream:
    def time(key: str) -> int | None:
        value = entry.get(key)
        return value if isinstance(value, int) else None

    return LogStream(
        name=str(entry["logStreamName"]),
        created_ms=time("creationTime"),
        first_event_ms=time("firstEventTimestamp"),
        last_event_ms=time("lastEventTimestamp"),
        last_ingestion_ms=time("lastIngestionTime"),
    )


def _pages(aws: Aws, method: str, region: str, about: str, parameters: dict[str, object]) -> Iterator[dict[str, Any]]:
    token: object = None
    seen: Counter[object] = Counter()
    while True:
        answer = aws.call("logs", method, region=region, about=about, **parameters, **({"nextToken": token} if token else {}))
        yield answer
        token = answer.get("nextToken")
        seen[token] += 1
        if not token or seen[token] > MAX_REPEATED_TOKENS:
            return


# ---- a few lines around an event -----------------------------------------------------------------------------------------------
def lines_around(aws: Aws, scope: Scope, stream: str, at_ms: int, lines: int) -> list[RawEvent]:
    """The events of a stream around an instant: at most `lines` before it and `lines` from it on, oldest first.

    Two chains of GetLogEvents, one to each side, each with few and small pages.
    """
    where = {"logGroupName": scope.log_group, "logStreamName": stream, "limit": max(lines, 1)}
    about = f"{scope.log_group} {stream}"
    before = _some(aws, scope.region, about, {**where, "endTime": at_ms, "startFromHead": False}, lines, forward=False)
    after = _some(aws, scope.region, about, {**where, "startTime": at_ms, "startFromHead": True}, lines + 1, forward=True)
    kept_before = [event for event in before if event.timestamp < at_ms][-lines:] if lines else []
    kept_after = [event for event in after if event.timestamp >= at_ms][: lines + 1]
    return [_of_stream(event, stream) for event in (*kept_before, *kept_after)]


def _some(aws: Aws, region: str, about: str, parameters: dict[str, object], wanted: int, *, forward: bool) -> list[RawEvent]:
    found: list[RawEvent] = []
    token: str | None = None
    for _ in range(MAX_REPEATED_TOKENS):
        page = aws.page("get_log_events", region=region, about=about, **parameters, **({"nextToken": token} if token else {}))
        found = _unrepeated([*found, *page.events] if forward else [*page.events, *found])
        following = page.forward_token if forward else page.backward_token
        if len(found) >= wanted or following is None or following == token:
            break
        token = following
    return found


def _unrepeated(events: Iterable[RawEvent]) -> list[RawEvent]:
    """A page that was delivered twice is shown once; order as it came."""
    seen: set[tuple[int, int | None, str]] = set()
    kept = []
    for event in events:
        if _composite(event) not in seen:
            seen.add(_composite(event))
            kept.append(event)
    return sorted(kept, key=_by_time)
