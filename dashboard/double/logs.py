"""CloudWatch Logs as the double answers it: the semantics of botocore's service model, with every trap in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dashboard.double.answers import ApiError, Request
from dashboard.double.faults import FaultKind, roll
from dashboard.double.patterns import PatternError, Predicate, compile_pattern
from dashboard.double.scene import LogGroup, SceneTruth, StoredEvent, index_after

MAX_EVENTS = 10_000
MAX_BYTES = 1_048_576
MAX_STREAM_NAMES = 100
LISTING_PAGE = 50
NEWEST_FIRST_SINCE_MS = 1_704_067_200_000  # startFromHead=false works from 2024-01-01
TOKEN_LIFE_MS = 24 * 3_600_000
END_OF_TIME_MS = 2**47
UNREADABLE_CLASSES = ("INFREQUENT_ACCESS", "DELIVERY")
LAST_EVENT_LAG_MS = 1_800_000
LATE_BY_MS = 120_000


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open stretch of event ids, and who may pass."""

    low_id: int
    high_id: int
    wanted: Callable[[StoredEvent], bool]


class LogsDouble:
    """Answers of CloudWatch Logs over a scene. Page caps can be lowered so that small scenes have many pages."""

    def __init__(self, truth: SceneTruth, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self.truth = truth
        self.max_events = max_events
        self.max_bytes = max_bytes
        self.answers: dict[str, Callable[[Request], dict[str, Any]]] = {
            "FilterLogEvents": self.filter_log_events,
            "GetLogEvents": self.get_log_events,
            "DescribeLogGroups": self.describe_log_groups,
            "DescribeLogStreams": self.describe_log_streams,
        }

    # ---- events ----
    def filter_log_events(self, request: Request) -> dict[str, Any]:
        """Both ends inclusive, streams interleaved, end = no nextToken; a page is cut by what was scanned, not by what matched."""
        body = request.body
        group = self._readable_group(request)
        window = self._filter_window(group, request)
        token = _decode_token(body.get("nextToken"), request)
        newest_first = bool(token["d"]) if token else body.get("startFromHead") is False
        if newest_first and int(body.get("startTime") or 0) < NEWEST_FIRST_SINCE_MS:
            raise ApiError("InvalidParameterException", "startFromHead=false needs a startTime on or after January 1, 2024.")
        if token and request.strikes(FaultKind.REPEATED_TOKEN):
            return {"events": [], "searchedLogStreams": [], "nextToken": body["nextToken"]}
        position = token["p"] if token else (window.high_id if newest_first else window.low_id)
        if request.strikes(FaultKind.EMPTY_PAGE):
            empty = _encode_token(position, newest_first, request, (token or {"n": 0})["n"] + 1)
            return {"events": [], "searchedLogStreams": [], "nextToken": empty}
        scan = self._scan_back if newest_first else self._scan
        events, next_position = scan(group.events, position, window, request)
        return self._filter_page(group, request, events, next_position, newest_first)

    def _filter_page(
        self, group: LogGroup, request: Request, events: list[StoredEvent], next_position: int | None, newest_first: bool
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {"searchedLogStreams": []}
        if next_position is not None:
            answer["nextToken"] = _encode_token(next_position, newest_first, request, 0)
            if request.body.get("nextToken") and request.strikes(FaultKind.REPEATED_PAGE):
                answer["nextToken"] = request.body["nextToken"]
        answer["events"] = [_with_id(event) for event in self._disturbed(group.events, events, request)]
        return answer

    def get_log_events(self, request: Request) -> dict[str, Any]:
        """Start inclusive, end exclusive, end of chain = the token that was sent comes back; there are no event ids."""
        body = request.body
        group = self._readable_group(request)
        events = group.streams.get(body.get("logStreamName", ""))
        if events is None or not any(self._visible(event, request) for event in events[:1]):
            raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")
        low = group.position(int(body.get("startTime") or 0))
        high = group.position(int(body.get("endTime") or END_OF_TIME_MS))
        window = Window(low, high, lambda event: True)  # noqa: ARG005
        direction, position, nonce = self._get_position(request, window)
        if request.strikes(FaultKind.EMPTY_PAGE):
            return _get_page([], direction, position, position, nonce + 1)
        if direction == "b":
            page, before = self._scan_back(events, position, window, request)
            return _get_page(_without_ids(page), direction, position, before if before is not None else low, nonce)
        page, after = self._scan(events, position, window, request)
        end = page[-1].event_id + 1 if page else position
        shown = self._disturbed(events, page, request)
        return _get_page(_without_ids(shown), direction, position, after if after is not None else end, nonce)

    def _get_position(self, request: Request, window: Window) -> tuple[str, int, int]:
        token = request.body.get("nextToken")
        if not token:
            forward = bool(request.body.get("startFromHead"))
            return ("f", window.low_id, 0) if forward else ("b", window.high_id, 0)
        if request.strikes(FaultKind.STALE_TOKEN):
            raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
        try:
            direction, number, suffix = token.split("/")
            position, nonce = int(number), int(suffix.lstrip("s") or 0)
        except ValueError:
            raise ApiError("InvalidParameterException", "The specified nextToken is invalid.") from None
        if direction == "f" and not request.body.get("startFromHead"):
            raise ApiError("InvalidParameterException", "startFromHead must be true with a forward token.")
        return direction, position, nonce

    def _visible(self, event: StoredEvent, request: Request) -> bool:
        late = LATE_BY_MS if self._is_late(event, request) else 0
        return event.visible_ms + late <= request.now_ms

    def _is_late(self, event: StoredEvent, request: Request) -> bool:
        if not request.faults.has(FaultKind.LATE_EVENTS):
            return False
        return roll(request.faults.seed, "late", event.event_id) < 0.1

    def _scan(
        self, events: list[StoredEvent], position: int, window: Window, request: Request
    ) -> tuple[list[StoredEvent], int | None]:
        """Events from a position on, within the page caps, and the position that comes next (None: the window is read)."""
        page: list[StoredEvent] = []
        size = 0
        index = index_after(events, max(position, window.low_id))
        cap = self._page_cap(request)
        last = min(index + cap, len(events))
        while index < last:
            event = events[index]
            if event.event_id >= window.high_id:
                return page, None
            if self._answered(event, window, request):
                size += event.size
                if size > self.max_bytes and page:
                    return page, event.event_id
                page.append(event)
            index += 1
        if index < len(events) and events[index].event_id < window.high_id:
            return page, events[index].event_id
        return page, None

    def _scan_back(
        self, events: list[StoredEvent], position: int, window: Window, request: Request
    ) -> tuple[list[StoredEvent], int | None]:
        """The same towards the past: events with an id below the position, oldest first within the page."""
        index = index_after(events, min(position, window.high_id)) - 1
        lowest = max(index - self._page_cap(request), -1)
        page: list[StoredEvent] = []
        size = 0
        while index > lowest and events[index].event_id >= window.low_id:
            event = events[index]
            if self._answered(event, window, request):
                size += event.size
                if size > self.max_bytes and page:
                    break
                page.append(event)
            index -= 1
        more = index >= 0 and events[index].event_id >= window.low_id
        return page[::-1], (events[index].event_id + 1 if more else None)

    def _answered(self, event: StoredEvent, window: Window, request: Request) -> bool:
        """Whether an event is in the answer: wanted, visible by now, and not left out this once."""
        if not (window.wanted(event) and self._visible(event, request)):
            return False
        rate = request.faults.rate_of(FaultKind.SHORT_READ, request.api)
        if not rate or roll(request.faults.seed, event.stream, event.timestamp // 60_000) >= rate:
            return True
        return not request.faults.first_time(f"event {event.event_id}")

    def _page_cap(self, request: Request) -> int:
        cap = min(self.max_events, int(request.body.get("limit") or self.max_events))
        return max(1, cap // 10) if request.strikes(FaultKind.SMALL_PAGE) else cap

    def _disturbed(self, events: list[StoredEvent], page: list[StoredEvent], request: Request) -> list[StoredEvent]:
        """A page with the faults of its request: overlapping, shuffled, holding more than was asked for."""
        shown = list(page)
        if page and request.strikes(FaultKind.OVERLAP):
            first = index_after(events, page[0].event_id)
            shown = [event for event in events[max(0, first - 3) : first] if self._visible(event, request)] + shown
        if page and request.strikes(FaultKind.TOO_MUCH):
            last = index_after(events, page[-1].event_id) + 1
            shown += [event for event in events[last : last + 4] if self._visible(event, request)]
        if request.strikes(FaultKind.SHUFFLED_PAGE):
            shown.sort(key=lambda event: roll(request.faults.seed, event.event_id))
        return shown

    def _filter_window(self, group: LogGroup, request: Request) -> Window:
        body = request.body
        names, prefix = body.get("logStreamNames"), body.get("logStreamNamePrefix")
        if names and prefix:
            raise ApiError("InvalidParameterException", "logStreamNames and logStreamNamePrefix cannot be used together.")
        if names and len(names) > MAX_STREAM_NAMES:
            raise ApiError("InvalidParameterException", f"logStreamNames has more than {MAX_STREAM_NAMES} members.")
        start, end = int(body.get("startTime") or 0), int(body.get("endTime") or END_OF_TIME_MS)
        if end < start:
            raise ApiError("InvalidParameterException", "endTime is before startTime.")
        wanted = _chooser(set(names or ()), prefix or "", _pattern(body.get("filterPattern") or ""))
        return Window(group.position(start), group.position(end + 1), wanted)

    # ---- listings ----
    def describe_log_groups(self, request: Request) -> dict[str, Any]:
        """50 a page; prefix and pattern exclude each other."""
        body = request.body
        prefix, pattern = body.get("logGroupNamePrefix"), body.get("logGroupNamePattern")
        if prefix and pattern:
            raise ApiError("InvalidParameterException", "logGroupNamePrefix and logGroupNamePattern exclude each other.")
        groups = [
            self._group_entry(group)
            for (region, name), group in sorted(self.truth.groups.items())
            if region == request.region
            and name.startswith(prefix or "")
            and (pattern or "") in name
            and body.get("logGroupClass") in (None, group.log_class)
        ]
        if pattern:  # then no more than this comes back
            groups = [{key: group[key] for key in ("logGroupName", "creationTime", "arn")} for group in groups]
        return _listing("logGroups", groups, request)

    def _group_entry(self, group: LogGroup) -> dict[str, Any]:
        arn = f"arn:aws:logs:{group.region}:{self.truth.account}:log-group:{group.name}"
        entry = {
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "storedBytes": sum(event.size for event in group.events),
            "logGroupClass": group.log_class,
            "logGroupArn": arn,
        }
        return entry | ({"retentionInDays": group.retention_days} if group.retention_days else {})

    def describe_log_streams(self, request: Request) -> dict[str, Any]:
        """50 a page, by name or by (lagging) last event time; a prefix is refused with LastEventTime."""
        body = request.body
        group = self._group(request)
        by_time = body.get("orderBy") == "LastEventTime"
        if by_time and body.get("logStreamNamePrefix"):
            raise ApiError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
        prefix = body.get("logStreamNamePrefix") or ""
        names = [name for name in group.streams if name.startswith(prefix)]
        entries = [entry for name in names if (entry := self._stream_entry(group, name, request))]
        order = (lambda entry: entry.get("lastEventTimestamp", 0)) if by_time else (lambda entry: entry["logStreamName"])
        entries.sort(key=order, reverse=bool(body.get("descending")))
        return _listing("logStreams", entries, request)

    def _stream_entry(self, group: LogGroup, name: str, request: Request) -> dict[str, Any] | None:
        events = [event for event in group.streams[name] if self._visible(event, request)]
        if not events:
            return None
        lag = 12 * LAST_EVENT_LAG_MS if request.faults.has(FaultKind.STALE_LAST_EVENT) else LAST_EVENT_LAG_MS
        told = [event for event in events if event.ingestion <= request.now_ms - lag]
        arn = f"arn:aws:logs:{group.region}:{self.truth.account}:log-group:{group.name}:log-stream:{name}"
        entry = {
            "logStreamName": name,
            "creationTime": events[0].timestamp - 500,
            "arn": arn,
            "storedBytes": 0,
            "uploadSequenceToken": "0",
        }
        if told:
            entry |= {
                "firstEventTimestamp": told[0].timestamp,
                "lastEventTimestamp": told[-1].timestamp,
                "lastIngestionTime": max(event.ingestion for event in told),
            }
        return entry

    # ---- groups ----
    def _group(self, request: Request) -> LogGroup:
        name = request.body.get("logGroupName") or _name_of(request.body.get("logGroupIdentifier") or "")
        if not name:
            raise ApiError("InvalidParameterException", "You must include logGroupName or logGroupIdentifier.")
        group = self.truth.groups.get((request.region, name))
        if group is None:
            raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    def _readable_group(self, request: Request) -> LogGroup:
        group = self._group(request)
        if group.log_class in UNREADABLE_CLASSES:
            raise ApiError("InvalidOperationException", f"{request.api} is not supported on {group.log_class} log groups.")
        return group


def _name_of(identifier: str) -> str:
    return identifier.split(":log-group:", 1)[-1].removesuffix(":*") if identifier.startswith("arn:") else identifier


def _pattern(text: str) -> Predicate | None:
    try:
        return compile_pattern(text) if text.strip() else None
    except PatternError as error:
        raise ApiError("InvalidParameterException", f"Invalid filter pattern: {error}") from None


def _chooser(names: set[str], prefix: str, pattern: Predicate | None) -> Callable[[StoredEvent], bool]:
    def wanted(event: StoredEvent) -> bool:
        if names and event.stream not in names:
            return False
        return event.stream.startswith(prefix) and (pattern is None or pattern(event.message))

    return wanted


def _decode_token(token: str | None, request: Request) -> dict[str, Any] | None:
    if not token:
        return None
    if request.strikes(FaultKind.STALE_TOKEN):
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    try:
        decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token))
        expected = _signature(request)
    except ValueError:
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.") from None
    if decoded.get("s") != expected or decoded.get("t", 0) + TOKEN_LIFE_MS < request.now_ms:
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    return decoded


def _encode_token(position: int, newest_first: bool, request: Request, nonce: int) -> str:
    token = {"p": position, "d": int(newest_first), "s": _signature(request), "t": request.now_ms, "n": nonce}
    return base64.urlsafe_b64encode(json.dumps(token).encode()).decode()


def _signature(request: Request) -> int:
    asked = {key: value for key, value in request.body.items() if key not in ("nextToken", "startFromHead", "limit")}
    return int(roll(asked) * 2**52)


def _get_page(events: list[dict[str, Any]], direction: str, position: int, onward: int, nonce: int) -> dict[str, Any]:
    """A page with both tokens; an onward position that did not move gives back the token that was sent."""
    suffix = "s" if nonce == 0 else f"s{nonce}"
    forward, backward = (onward, position) if direction == "f" else (position, onward)
    return {
        "events": events,
        "nextForwardToken": f"f/{forward:056d}/{suffix}",
        "nextBackwardToken": f"b/{backward:056d}/{suffix}",
    }


def _with_id(event: StoredEvent) -> dict[str, Any]:
    return {
        "logStreamName": event.stream,
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingestion,
        "eventId": f"{event.event_id:056d}",
    }


def _without_ids(events: Iterable[StoredEvent]) -> list[dict[str, Any]]:
    return [{"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingestion} for event in events]


def _listing(key: str, entries: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    limit = int(request.body.get("limit") or LISTING_PAGE)
    if limit > LISTING_PAGE:
        raise ApiError("InvalidParameterException", f"limit must be at most {LISTING_PAGE}.")
    start = int(request.body.get("nextToken") or 0)
    answer: dict[str, Any] = {key: entries[start : start + limit]}
    return answer | ({"nextToken": str(start + limit)} if start + limit < len(entries) else {})
