"""Workspace: the one place where logs, ECS, parsers and the store meet. Pages and commands ask here.

    with Workspace.open(load_settings()) as workspace:
        workspace.collect()
        for row in workspace.deployments():
            print(row.deployment.revision, row.verdict.verdict)

Verdicts are derived at every look, never stored. Safe to share between threads.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dashboard.fetchers.files import find_scenes, read_paths
from dashboard.pack_cache import ScanCache, cached_packs
from dashboard.rows import (
    AwsAccount,
    Comparison,
    ContextLine,
    DeploymentRow,
    FailureGroup,
    FieldRow,
    Filters,
    LadderCell,
    RouteRow,
    SourceRow,
    TimeCell,
    TimelineStep,
    Window,
)
from dashboard.settings import Settings, redaction_key
from dashboard.store import Database, Slice, SliceState, ecs, fetched, forgetting, open_database, rollups, slices
from parsers import (
    Attribution,
    Category,
    Deployment,
    EcsFacts,
    Event,
    Finding,
    JudgeSettings,
    MigrationRun,
    Outcome,
    Reader,
    Reading,
    Redactor,
    RequestCount,
    Severity,
    Side,
    StandaloneTasks,
    StreamKey,
    StreamReading,
    TaskDefinition,
    UnexplainedGroup,
    Verdict,
    attribute,
    compare_kinds,
    ecs_facts,
    judge,
    read,
    sealed,
    standalone_tasks,
    wilson,
    with_tasks,
)

if TYPE_CHECKING:
    from dashboard.fetchers.pull import Progress as PullProgress

__all__ = [
    "CollectReport", "Comparison", "ContextLine", "DeploymentRow", "FailureGroup", "FieldRow", "Filters", "LadderCell",
    "RouteRow", "SourceRow", "TimeCell", "TimelineStep", "Window", "Workspace",
]  # fmt: skip

SETTLE_MS = 5 * 60_000  # events arrive within this time, or late
_TELLING = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING)
_CACHED = 256

Progress = Callable[..., Any]
"""Called with (done, total, step); may raise to stop, what was read until then stays."""
T = TypeVar("T")
OfStream = TypeVar("OfStream", Finding, RequestCount)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectReport:
    """What one `collect` did. `unchanged`: sources that were read before and are as they were."""

    sources: int = 0
    unchanged: int = 0
    streams: int = 0
    events: int = 0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """Everything judged of one state of the store."""

    deployments: tuple[Deployment, ...]  # newest first
    verdicts: Mapping[str, Verdict]
    facts: Mapping[str, EcsFacts]  # deployment id -> what ECS said in its origin
    runs: Mapping[str, tuple[MigrationRun, ...]]  # by deployment, newest first
    findings: tuple[Finding, ...] = ()  # what the verdicts stand on
    counts: tuple[RequestCount, ...] = ()
    findings_of: Mapping[str, Sequence[Finding]] = field(default_factory=dict)  # the same by deployment
    counts_of: Mapping[str, Sequence[RequestCount]] = field(default_factory=dict)
    standalone: tuple[StandaloneTasks, ...] = ()


class Workspace:
    """Opened with `Workspace.open`. Raises StoreError, PackError, SettingsError, InputError as their modules say."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.rules = cached_packs(settings.packs)
        strict = settings.evidence == "strict"
        self.redactor = Redactor(redaction_key(settings), strict=strict, words=self.rules.words if strict else frozenset())
        self.reader = Reader(rules=self.rules, redactor=self.redactor, health_paths=settings.health_paths)
        self.judging = JudgeSettings(migrations=settings.migrations, min_requests=settings.min_requests)
        """How verdicts are derived; set before the first look when a command asks for more (`--fixes`, `--expect`)."""
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._answers_of = -1
        self._lock = threading.Lock()

    @classmethod
    def open(cls, settings: Settings) -> Workspace:
        return cls(settings, open_database(settings.store))

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> int:
        """Grows with every change of the store, whichever process made it: the key of a cache."""
        return self.database.changes()

    def _cached(self, key: tuple[Any, ...], answer: Callable[[], T]) -> T:
        """An answer that holds until the store changes."""
        version = self.version()
        with self._lock:
            if version != self._answers_of or len(self._answers) > _CACHED:
                self._answers.clear()
                self._answers_of = version
            if key in self._answers:
                found: T = self._answers[key]
                return found
        fresh = answer()
        with self._lock:
            if self._answers_of == version:
                self._answers[key] = fresh
        return fresh

    # ---- reading

    @property
    def packs_digest(self) -> str:
        """Which rules read a slice: changes with any rule, and with what is redacted."""
        material = f"{self.rules.digest} {self.settings.evidence} {self.settings.health_paths}"
        return hashlib.sha256(material.encode()).hexdigest()[:12]

    def collect(self, progress: Progress | None = None) -> CollectReport:
        """Reads the configured files and scenes, and AWS where a cluster or log group is configured, into the store.

        Files that have not changed since they were read are left alone; of AWS, what is new since the last time is fetched.
        """
        scenes = [scene for source in self.settings.sources for scene in find_scenes(source)]
        report = CollectReport()
        for number, scene in enumerate(scenes):
            if progress is not None:
                progress(number, len(scenes), Path(scene).name)
            report = self._collect_scene(scene, report)
        if progress is not None:
            progress(len(scenes), len(scenes), "")
        if self.settings.cluster or self.settings.log_groups:
            report = self._collect_aws(progress, report)
        self.retire()
        return report

    def _collect_aws(self, progress: Progress | None, report: CollectReport) -> CollectReport:
        """Raises NotSeenError with what happened, on which API, and the command that mends it."""
        from dashboard import fetching  # boto3 is heavy, and files need none of it

        def say(news: PullProgress) -> None:
            if progress is not None:
                progress(news.covered_ms // 1000, news.window_ms // 1000, news.doing)

        since_ms = rollups.complete_to(self.database, "aws:%")
        took = fetching.run_fetch(self.settings, fetching.FetchRequest(start_ms=since_ms), self, progress=say)
        return replace(
            report,
            sources=report.sources + 1,
            streams=report.streams + took.streams,
            events=report.events + took.events,
            notices=(*report.notices, *took.notices),
        )

    def retire(self) -> int:
        """Drops streams that ended more than `retention_days` ago; how many. What was read from files does not age."""
        return forgetting.older_than(self.database, self.settings.retention_days * 86_400_000)

    def _collect_scene(self, path: str, report: CollectReport) -> CollectReport:
        name = f"file:{os.path.realpath(path)}"
        digest = self._digest_of(path)
        if digest is not None and rollups.origin_digest(self.database, name) == digest:
            return replace(report, sources=report.sources + 1, unchanged=report.unchanged + 1)
        scene = read_paths([path])
        health_paths = self.settings.health_paths
        reading = read(scene.pieces, rules=self.rules, redactor=self.redactor, health_paths=health_paths, cache=ScanCache())
        facts = ecs_facts(scene.ecs or {})
        as_of = scene.as_of_ms or 0
        self._write_scene(name, reading, facts, as_of, digest or "")
        return replace(
            report,
            sources=report.sources + 1,
            streams=report.streams + len(reading.streams),
            events=report.events + sum(one.events for one in reading.streams.values()),
            notices=(*report.notices, *scene.notices, *facts.notices),
        )

    def _digest_of(self, path: str) -> str | None:
        """Names, sizes and times of a scene's files, the rules, the map of tasks; None for what is not there or cannot be looked at twice."""
        root = Path(path)
        if path == "-" or not root.exists():
            return None
        files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        parts = [self.packs_digest, *(f"{task}={definition}" for task, definition in sorted(self.settings.tasks.items()))]
        for file in files:
            status = file.stat()
            parts.append(f"{file}:{status.st_size}:{status.st_mtime_ns}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

    def _write_scene(self, name: str, reading: Reading, facts: EcsFacts, as_of_ms: int, digest: str) -> None:
        """A scene is one write: readers see all of it or none."""
        read_ms = time.time_ns() // 1_000_000
        attributions = attribute(reading.coverage, facts, given=self.settings.tasks)
        with self.database.write() as sql:
            origin = slices.origin_id(sql, name, read_ms)
            forgetting.streams_but(sql, origin, list(reading.streams))
            ecs.keep_facts(sql, origin, facts)
            for one in reading.streams.values():
                slices.put(sql, origin, self._slice(one, as_of_ms), self.fold, read_ms=read_ms)
            ecs.keep_attributions(sql, attributions)
            slices.origin_read(sql, origin, as_of_ms=as_of_ms, complete_to_ms=as_of_ms, read_ms=read_ms, digest=digest)

    def _slice(self, one: StreamReading, as_of_ms: int) -> Slice:
        first, last = one.first_ms or 0, one.last_ms or 0
        state = SliceState.SETTLED if last < as_of_ms - SETTLE_MS else SliceState.OPEN
        return Slice(
            start_ms=first, end_ms=last + 1, state=state, packs_digest=self.packs_digest, reading=sealed(self.reader, one)
        )

    def fold(self, stretches: Sequence[StreamReading]) -> Reading:
        """Stretches of one stream as one reading."""
        return Reading(parts={stretches[0].stream: tuple(stretches)}, reader=self.reader)

    # ---- judging

    def services(self) -> list[str]:
        return self._cached(("services",), lambda: rollups.services(self.database))

    def freshness(self) -> int | None:
        """Up to when the logs are complete, epoch ms."""
        return self._cached(("freshness",), lambda: rollups.complete_to(self.database))

    def freshness_by_service(self) -> dict[str, int]:
        """The same for each service: one may be read from files of last year, another from AWS a minute ago."""
        return self._cached(("freshness_by_service",), lambda: rollups.complete_to_by_service(self.database))

    def aws_account(self) -> AwsAccount | None:
        """What the last fetch from AWS took, whoever fetched: this page's Refresh or a terminal. None: there was none."""
        kept = self._cached(("aws_account",), lambda: fetched.account(self.database))
        return AwsAccount(**kept | {"denied": tuple(kept["denied"])}) if kept else None

    def _judged(self) -> _Judged:
        return self._cached(("judged",), self._judge)

    def _judge(self) -> _Judged:
        with self.database.snapshot():
            states = rollups.streams(self.database)
            parts = [self._judge_origin(*origin, states) for origin in rollups.origins(self.database)]
        every = [one for part in parts for one in part.deployments]
        return _Judged(
            deployments=tuple(sorted(every, key=_newest_first)),
            verdicts={key: one for part in parts for key, one in part.verdicts.items()},
            facts={key: one for part in parts for key, one in part.facts.items()},
            runs={key: some for part in parts for key, some in part.runs.items()},
            findings=tuple(one for part in parts for one in part.findings),
            counts=tuple(one for part in parts for one in part.counts),
            findings_of={key: some for part in parts for key, some in part.findings_of.items()},
            counts_of={key: some for part in parts for key, some in part.counts_of.items()},
            standalone=tuple(one for part in parts for one in part.standalone),
        )

    def _judge_origin(self, origin: int, as_of_ms: int | None, states: Sequence[rollups.StreamState]) -> _Judged:
        facts = ecs.facts_of(self.database, origin)
        mine = [state for state in states if state.origin == origin]
        runs = rollups.runs_of_origin(self.database, origin)
        coverage = [state.coverage for state in mine]
        attributions = {state.stream: state.attribution for state in mine}
        representative: dict[int, StreamKey] = {}
        for state in mine:
            representative.setdefault(state.owner, state.stream)
        those = rollups.told(self.database, origin)
        deployments = with_tasks(facts, attributions, runs, coverage)
        findings = tuple(rollups.findings_of(self.database, origin, those))
        counts = tuple(rollups.counts_of(self.database, those, representative))
        verdicts = judge(
            deployments,
            findings,
            runs,
            counts,
            coverage,
            attributions,
            facts=facts,
            as_of_ms=as_of_ms or max((c.last_event_ms or 0 for c in coverage), default=0),
            settings=self.judging,
        )
        by_deployment: defaultdict[str, list[MigrationRun]] = defaultdict(list)
        for run in sorted(runs, key=lambda run: (-run.started_ms, run.id)):
            owner = attributions[run.stream].deployment_id if run.stream in attributions else None
            if owner is not None:
                by_deployment[owner].append(run)
        return _Judged(
            deployments=deployments,
            verdicts={one.deployment_id: one for one in verdicts},
            facts={one.deployment_id: facts for one in deployments},
            runs={key: tuple(some) for key, some in by_deployment.items()},
            findings=findings,
            counts=counts,
            findings_of=_by_deployment(findings, attributions),
            counts_of=_by_deployment(counts, attributions),
            standalone=standalone_tasks(facts, runs),
        )

    def evidence(self) -> tuple[tuple[Finding, ...], tuple[RequestCount, ...]]:
        """What the verdicts stand on: findings and request counts, each under one stream of its deployment."""
        judged = self._judged()
        return judged.findings, judged.counts

    def definitions(self) -> dict[str, TaskDefinition]:
        """deployment id -> what ECS said of its task definition, where it was asked."""
        judged = self._judged()
        found = {one.deployment_id: judged.facts[one.deployment_id].definition(one.task_definition) for one in judged.deployments}
        return {key: definition for key, definition in found.items() if definition is not None}

    def standalone_tasks(self) -> tuple[StandaloneTasks, ...]:
        """What ran in no service: schedules, one-off tasks."""
        return self._judged().standalone

    def verdicts(self) -> list[Verdict]:
        """One per deployment, newest first."""
        judged = self._judged()
        return [judged.verdicts[one.deployment_id] for one in judged.deployments]

    def deployments(self, service: str | None = None) -> list[DeploymentRow]:
        """Newest first."""
        rows = self._cached(("deployments",), self._rows)
        return [row for row in rows if service in (None, row.deployment.service)]

    def deployment(self, deployment_id: str) -> DeploymentRow | None:
        return next((row for row in self.deployments() if row.deployment.deployment_id == deployment_id), None)

    def _rows(self) -> list[DeploymentRow]:
        judged = self._judged()
        with self.database.snapshot():
            known = rollups.owners(self.database)
            totals = rollups.request_totals(self.database, known)
            counts = rollups.kind_counts(self.database, Filters(), known)
            described = rollups.kinds(self.database, (one.kind for one in counts))
        number_of = {one.deployment_id: one.id for one in known.values()}
        telling: defaultdict[int, dict[str, int]] = defaultdict(dict)  # owner -> fingerprint -> first seen
        failed: dict[int, rollups.KindCount] = {}  # owner -> the kind of its first failed request
        for one in counts:
            kind = described[one.kind]
            if kind.severity not in _TELLING:
                continue
            seen = telling[one.owner]
            seen[kind.fingerprint] = min(one.first_ms, seen.get(kind.fingerprint, one.first_ms))
            if kind.status is not None:
                failed[one.owner] = min(one, failed.get(one.owner, one), key=lambda count: (count.first_ms, count.kind))
        known_kinds: defaultdict[str, set[str]] = defaultdict(set)
        rows = []
        for deployment in reversed(judged.deployments):
            number = number_of.get(deployment.deployment_id, 0)
            before = known_kinds[deployment.service]
            mine = set(telling.get(number, ()))
            new = len(mine - before) if before else 0
            before |= mine
            row = self._row(deployment, judged, totals.get(number, []), new)
            first = failed.get(number)
            rows.append(row if first is None else _with_first_failure(row, first.first_ms, described[first.kind]))
        return rows[::-1]

    def _row(
        self,
        deployment: Deployment,
        judged: _Judged,
        answers: Sequence[rollups.AnswerCount],
        new_kinds: int,
    ) -> DeploymentRow:
        def count(low: int, high: int) -> int:
            return sum(one.n for one in answers if low <= one.status <= high)

        requests = sum(one.n for one in answers)
        low, high = wilson(count(400, 400), requests)
        runs = judged.runs.get(deployment.deployment_id, ())
        outcome, code = _migration_of(deployment)
        return DeploymentRow(
            deployment=deployment,
            verdict=judged.verdicts[deployment.deployment_id],
            requests=requests,
            refused_400=count(400, 400),
            refused_4xx=count(400, 499),
            failed_5xx=count(500, 599),
            aborted=sum(one.n for one in answers if one.aborted),
            low_400=low,
            high_400=high,
            new_kinds=new_kinds,
            migration_outcome=outcome,
            migration_code=code,
            runs=runs,
        )

    def timeline(self, deployment_id: str) -> list[TimelineStep]:
        """What happened to a deployment, in order of time."""
        row = self.deployment(deployment_id)
        if row is None:
            return []
        one, judged = row.deployment, self._judged()
        definition = judged.facts[deployment_id].definition(one.task_definition)
        listening = list(self._listening(one))
        before_health = (one.created_ms, one.started_ms, *(at for _, at, _ in listening))
        steps = [
            ("registered", definition.registered_ms if definition is not None else None, one.task_definition),
            ("created", one.created_ms, ""),
            ("started", one.started_ms, "ECS started the rollout"),
            *(("migrate", run.started_ms, _run_words(run)) for run in sorted(row.runs, key=lambda run: run.started_ms)),
            *listening,
            ("healthy", self._healthy(deployment_id, before_health), "first good answer to a health check, within this minute"),
            ("finished", one.finished_ms, f"ECS says {one.ecs_status}"),
            ("superseded", one.superseded_ms, "the next deployment started"),
        ]
        told = [TimelineStep(kind=kind, at_ms=at, text=text) for kind, at, text in steps if at is not None]
        if row.first_failure is not None:
            title, fingerprint = row.first_failure
            told.append(TimelineStep(kind="first_failure", at_ms=row.first_failure_ms, text=title, fingerprint=fingerprint))
        return sorted(told, key=lambda step: step.at_ms or 0)

    def _listening(self, one: Deployment) -> Iterable[tuple[str, int | None, str]]:
        streams = {task.log_stream: task.task_id for task in one.tasks if task.log_stream is not None}
        for source in self.sources():
            if source.stream.log_stream in streams and source.coverage.ready_ms:
                yield "listening", source.coverage.ready_ms[0], f"task {streams[source.stream.log_stream]}"

    def _healthy(self, deployment_id: str, before: Iterable[int | None]) -> int | None:
        """When health was first seen. Known to the minute only: within it, it is not told before what must come `before` it."""
        owner = next((o.id for o in rollups.owners(self.database).values() if o.deployment_id == deployment_id), None)
        minute = None if owner is None else rollups.health_seen(self.database, owner)
        if minute is None:
            return None
        return max([minute, *(at for at in before if at is not None and at < minute + rollups.MINUTE_MS)])

    def comparison(self, deployment_id: str) -> Comparison | None:
        """Against the deployment before of the same service; None when there was none."""
        rows = self.deployments()
        row = next((row for row in rows if row.deployment.deployment_id == deployment_id), None)
        if row is None:
            return None
        service = [one for one in rows if one.deployment.service == row.deployment.service]
        at = service.index(row)
        if at + 1 == len(service):
            return None
        return self._cached(("comparison", deployment_id), lambda: self._compare(row, service[at + 1]))

    def _compare(self, row: DeploymentRow, before: DeploymentRow) -> Comparison:
        now = {one.fingerprint: one for one in self.failures(Filters(deployment_id=row.deployment.deployment_id))}
        then = {one.fingerprint: one for one in self.failures(Filters(deployment_id=before.deployment.deployment_id))}
        changes = compare_kinds(self._side(row.deployment), self._side(before.deployment))
        rates = {one.fingerprint for one in changes.worse}
        both = now.keys() & then.keys()
        for fingerprint in both:
            counts = {**then[fingerprint].by_deployment, **now[fingerprint].by_deployment}
            now[fingerprint] = replace(now[fingerprint], by_deployment=counts)
        order = _by_weight
        return Comparison(
            new=tuple(sorted((now[f] for f in now.keys() - then.keys()), key=order)),
            worse=tuple(sorted((now[f] for f in both & rates), key=order)),
            gone=tuple(sorted((then[f] for f in then.keys() - now.keys()), key=order)),
            same=tuple(sorted((now[f] for f in both - rates), key=order)),
        )

    def _side(self, one: Deployment) -> Side:
        """A deployment's share of what the verdicts stand on: screens compare as verdicts and reports do."""
        judged = self._judged()
        findings, counts = judged.findings_of.get(one.deployment_id, ()), judged.counts_of.get(one.deployment_id, ())
        return Side(deployment=one, findings=tuple(findings), counts=tuple(counts))

    # ---- asking

    def migration_runs(self, filters: Filters) -> list[MigrationRun]:
        return self._cached(("migration_runs", filters), lambda: rollups.migration_runs(self.database, filters))

    def rule_of(self, run: MigrationRun) -> str | None:
        """The rule that took a failed run's deciding line: many a remedy card is found by it. None for a run that ended well."""
        window = Window(start_ms=run.started_ms, end_ms=run.ended_ms + 1)
        findings = self.findings(Filters(category=Category.MIGRATION, window=window))
        return next((one.rule_id for one in findings if one.run_id == run.id), None)

    def failures(self, filters: Filters) -> list[FailureGroup]:
        return self._cached(("failures", filters), lambda: rollups.failures(self.database, filters))

    def failure(self, fingerprint: str) -> FailureGroup | None:
        return self._cached(("failure", fingerprint), lambda: rollups.failure(self.database, fingerprint))

    def ladder(self, filters: Filters) -> list[LadderCell]:
        return self._cached(("ladder", filters), lambda: rollups.ladder(self.database, filters))

    def requests(self, filters: Filters) -> list[RouteRow]:
        return self._cached(("requests", filters), lambda: rollups.requests(self.database, filters))

    def failures_over_time(self, filters: Filters, buckets: int = 60) -> list[TimeCell]:
        key = ("failures_over_time", filters, buckets)
        return self._cached(key, lambda: rollups.failures_over_time(self.database, filters, buckets))

    def fields(self, filters: Filters) -> list[FieldRow]:
        return self._cached(("fields", filters), lambda: rollups.fields(self.database, filters))

    def findings(self, filters: Filters, limit: int = 200) -> list[Finding]:
        return self._cached(("findings", filters, limit), lambda: rollups.findings(self.database, filters, limit))

    def finding(self, finding_id: str) -> Finding | None:
        return rollups.finding(self.database, finding_id)

    def unexplained(self) -> list[UnexplainedGroup]:
        return self._cached(("unexplained",), lambda: rollups.unexplained(self.database))

    def sources(self) -> list[SourceRow]:
        return self._cached(("sources",), lambda: [_source(state) for state in rollups.streams(self.database)])

    def context(self, finding_id: str, lines: int = 20) -> list[ContextLine]:
        """The events around a finding, read again from where they came from, redacted; deployments that began there between them.

        Raises InputError when the file is gone, NotSeenError when AWS does not answer.
        """
        one = self.finding(finding_id)
        if one is None:
            return []
        origin = rollups.origin_of(self.database, one.stream) or ""
        if origin.startswith("file:"):
            events = [event for event in read_paths([origin.removeprefix("file:")]).events if event.stream == one.stream]
        elif origin.startswith("aws:"):
            events = self._events_around(one, lines)
        else:
            return []
        return self._around(one, sorted(events, key=_event_order), lines)

    def _events_around(self, one: Finding, lines: int) -> list[Event]:
        from dashboard import fetching

        return fetching.events_around(self.settings, one.stream, one.timestamp_ms, lines)

    def _around(self, one: Finding, events: Sequence[Event], lines: int) -> list[ContextLine]:
        evidence = {(line.timestamp_ms, line.file, line.line, line.event_id) for line in one.evidence}
        ids = set(one.event_ids)
        hits = [
            n for n, e in enumerate(events) if e.event_id in ids or (e.timestamp_ms, e.file, e.line, e.event_id) in evidence
        ] or [bisect_left(events, one.timestamp_ms, key=lambda event: event.timestamp_ms)]
        first, last = max(0, hits[0] - lines), min(len(events), hits[-1] + 1 + lines)
        shown = [
            ContextLine(
                timestamp_ms=e.timestamp_ms, text=self.redactor.text(e.text), event_id=e.event_id, is_evidence=first + n in hits
            )
            for n, e in enumerate(events[first:last])
        ]
        marks = [
            ContextLine(
                timestamp_ms=d.started_ms,
                text="",
                deployment_mark=f"deployment {d.revision} of {d.service} ({d.commit or d.deployment_id}) started",
            )
            for d in self._judged().deployments
            if d.started_ms is not None and shown and shown[0].timestamp_ms <= d.started_ms <= shown[-1].timestamp_ms
        ]
        return sorted([*marks, *shown], key=lambda line: line.timestamp_ms)

    # ---- forgetting

    def forget(self, *, service: str | None = None, before_ms: int | None = None, everything: bool = False) -> int:
        """Removes streams (and, with `everything`, all there is) from the store and its file; how many streams went."""
        return forgetting.forget(self.database, service=service, before_ms=before_ms, everything=everything)


def _by_deployment(every: Sequence[OfStream], attributions: Mapping[StreamKey, Attribution]) -> dict[str, list[OfStream]]:
    """What was read, by the deployment of its stream. A hundred thousand findings share few stream keys: each is looked up once."""
    owners: dict[int, str | None] = {}
    found: defaultdict[str, list[OfStream]] = defaultdict(list)
    for one in every:
        key = id(one.stream)
        if key not in owners:
            owners[key] = attributions[one.stream].deployment_id if one.stream in attributions else None
        owner = owners[key]
        if owner is not None:
            found[owner].append(one)
    return dict(found)


def _with_first_failure(row: DeploymentRow, at_ms: int, kind: rollups.Kind) -> DeploymentRow:
    return replace(row, first_failure_ms=at_ms, first_failure=(kind.data.title, kind.fingerprint))


def _newest_first(one: Deployment) -> tuple[int, str]:
    return (-(one.created_ms or one.started_ms or 0), one.deployment_id)


def _migration_of(deployment: Deployment) -> tuple[Outcome, str | None]:
    """The worst outcome among a deployment's tasks, with its code."""
    order = (
        Outcome.FAILED, Outcome.NEVER_RAN, Outcome.STUCK, Outcome.ROLLED_BACK, Outcome.PENDING, Outcome.DRIFT, Outcome.UNKNOWN,
        Outcome.RUNNING, Outcome.RESOLVED, Outcome.APPLIED, Outcome.NOTHING_TO_DO,
    )  # fmt: skip
    for outcome in order:
        tasks = [task for task in deployment.tasks if task.migration_outcome is outcome]
        if tasks:
            weightiest = next((t for t in tasks if t.application_continued and t.ready), tasks[-1])
            return outcome, weightiest.error_code
    return Outcome.NOT_SEEN, None


def _run_words(run: MigrationRun) -> str:
    code = run.code
    parts = [f"{run.tool or 'migration'}: {run.outcome.replace('_', ' ')}", code or "", run.text]
    parts.append(f"exit code {run.exit_code}" if run.exit_code is not None else "")
    parts.append("the application continued" if run.application_continued else "")
    return ", ".join(part for part in parts if part)


def _by_weight(one: FailureGroup) -> tuple[int, int, str]:
    return (list(Severity).index(one.severity), -one.requests, one.fingerprint)


def _event_order(event: Event) -> tuple[int, int, str, int]:
    event_id = event.event_id or ""
    return (
        event.timestamp_ms,
        int(event_id) if event_id.isascii() and event_id.isdigit() else 0,
        event.file or "",
        event.line or 0,
    )


def _source(state: rollups.StreamState) -> SourceRow:
    return SourceRow(
        stream=state.stream,
        attribution=state.attribution,
        coverage=state.coverage,
        open_slices=state.states["open"],
        settled_slices=state.states["settled"],
        verified_slices=state.states["verified"],
        packs_digest=state.packs_digest,
        last_fetch_ms=state.read_ms,
    )
