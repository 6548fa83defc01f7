"""What the double knows: the events and the ECS answers of one scene, laid out for paging."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dashboard.fetchers.files import read_paths
from parsers import Event

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
_ARN = re.compile(r"arn:aws[a-z-]*:ecs:([a-z0-9-]+):(\d{12}):")


@dataclass(slots=True)
class StoredEvent:
    """One event as the double keeps it. `visible_ms`: from when a reader can see it (ingestion, or later for a late one)."""

    event_id: int
    timestamp: int
    ingestion: int
    stream: str
    message: str
    visible_ms: int
    size: int


def event_id_of(timestamp_ms: int, ingestion_ms: int, batch: int, index: int) -> int:
    """An event id in the layout that published ids have: numeric order is the order in which the API answers."""
    return (timestamp_ms << 144) | (ingestion_ms << 80) | ((batch & (2**64 - 1)) << 16) | (index & 0xFFFF)


@dataclass(slots=True)
class LogGroup:
    """Events of one log group in API order, whole and by stream."""

    name: str
    region: str
    log_class: str = "STANDARD"
    retention_days: int | None = None
    events: list[StoredEvent] = field(default_factory=list)
    streams: dict[str, list[StoredEvent]] = field(default_factory=dict)
    created_ms: int = 0

    def add(self, events: Iterable[StoredEvent]) -> None:
        """Insert events and keep the order; late ones land where their timestamp says."""
        self.events.extend(events)
        self.events.sort(key=lambda event: event.event_id)
        self.streams = {}
        for event in self.events:
            self.streams.setdefault(event.stream, []).append(event)
        self.created_ms = min((event.timestamp for event in self.events), default=0) - 1000

    def position(self, timestamp_ms: int) -> int:
        """The smallest event id that an event of this millisecond can have."""
        return max(timestamp_ms, 0) << 144


def index_after(events: list[StoredEvent], event_id: int) -> int:
    """Index of the first event whose id is at least `event_id`."""
    return bisect_left(events, event_id, key=lambda event: event.event_id)


class SceneTruth:
    """Log groups and ECS answers of one scene, and the region and account it plays in."""

    def __init__(self, *, ecs: dict[str, Any] | None = None, account: str = "", region: str = "") -> None:
        self.ecs: dict[str, Any] = ecs or {}
        found = _ARN.search(json.dumps(self.ecs)) if self.ecs else None
        self.region = region or (found.group(1) if found else DEFAULT_REGION)
        self.account = account or (found.group(2) if found else DEFAULT_ACCOUNT)
        self.groups: dict[tuple[str, str], LogGroup] = {}
        self._group_regions = dict(self._log_configurations())
        self._batch = 0

    @classmethod
    def load(cls, folder: Path) -> SceneTruth:
        """A scene as the product reads it: every log file of the folder and its `ecs.json`. What can't be read is left out."""
        scene = read_paths([str(folder)])
        truth = cls(ecs=scene.ecs)
        truth.add_rows(_row(event, truth.default_group) for event in scene.events if not event.undecodable and event.timestamp_ms)
        return truth

    @property
    def default_group(self) -> str:
        """Where events go whose file names no log group: the first group of the task definitions."""
        return next(iter(self._group_regions), "/ecs/scene")

    def _log_configurations(self) -> Iterator[tuple[str, str]]:
        for answer in self.ecs.get("describe_task_definition", {}).values():
            for container in answer.get("taskDefinition", {}).get("containerDefinitions", []):
                options = (container.get("logConfiguration") or {}).get("options") or {}
                if options.get("awslogs-group"):
                    yield options["awslogs-group"], options.get("awslogs-region") or self.region

    def group(self, name: str, region: str = "") -> LogGroup:
        """The log group of this name, made when it is new."""
        region = region or self._group_regions.get(name, self.region)
        return self.groups.setdefault((region, name), LogGroup(name=name, region=region))

    def add_rows(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add events given as `filter-log-events` gives them, with or without `eventId` and `logGroup`."""
        by_group: dict[str, list[StoredEvent]] = {}
        for row in rows:
            by_group.setdefault(row.get("logGroup") or "/ecs/scene", []).append(self._stored(row))
        for name, events in by_group.items():
            self.group(name).add(events)

    def _stored(self, row: dict[str, Any]) -> StoredEvent:
        timestamp, message = int(row["timestamp"]), str(row["message"])
        ingestion = int(row.get("ingestionTime") or timestamp + 1000)
        self._batch += 1
        event_id = int(row.get("eventId") or 0) or event_id_of(timestamp, ingestion, self._batch, 0)
        visible = int(row.get("visible_ms") or ingestion)
        stream = row.get("logStreamName") or row.get("logStream") or "scene"
        return StoredEvent(event_id, timestamp, ingestion, stream, message, visible, len(message.encode("utf-8", "replace")))

    @property
    def as_of_ms(self) -> int:
        """The scene's own clock: `_about.as_of`, else the last ingestion."""
        as_of = (self.ecs.get("_about") or {}).get("as_of")
        if as_of:
            return int(datetime.fromisoformat(as_of).timestamp() * 1000)
        return max((event.ingestion for group in self.groups.values() for event in group.events), default=0)


def _row(event: Event, default_group: str) -> dict[str, Any]:
    return {
        "logGroup": event.stream.log_group or default_group, "logStreamName": event.stream.log_stream, "timestamp": event.timestamp_ms,
        "ingestionTime": event.ingestion_ms, "message": event.text, "eventId": event.event_id,
    }  # fmt: skip
