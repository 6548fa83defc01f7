"""A scene, files or the store -> everything that a command can say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dashboard.fetchers.files import read_paths
from dashboard.rows import ContextLine, Filters
from parsers import (
    Attribution,
    Cache,
    Deployment,
    EcsFacts,
    Finding,
    JudgeSettings,
    MigrationRun,
    Reading,
    Redactor,
    RequestCount,
    RuleSet,
    StandaloneTasks,
    StreamKey,
    TaskDefinition,
    Verdict,
    attribute,
    ecs_facts,
    in_order,
    load_packs,
    read,
    standalone_tasks,
    with_tasks,
)

if TYPE_CHECKING:  # the workspace is heavier than a look at a few lines needs
    from dashboard.workspace import Workspace

MAX_STORED_FINDINGS = 10_000


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One look at some logs: what was found, what ECS said, who belongs to what, and the verdicts.

    `reading` is None when the look was at the store, which keeps the newest examples of each kind, not every finding.
    """

    findings: tuple[Finding, ...]
    runs: tuple[MigrationRun, ...]
    attributions: Mapping[StreamKey, Attribution]
    deployments: tuple[Deployment, ...]  # oldest first
    verdicts: tuple[Verdict, ...]
    as_of_ms: int
    rules: RuleSet
    reading: Reading | None = None
    notices: tuple[str, ...] = ()
    definitions: Mapping[str, TaskDefinition] = field(default_factory=dict)  # deployment id -> its task definition
    evidence: tuple[Finding, ...] | None = None  # from the store: what the verdicts stand on, where `findings` are examples
    stored_counts: tuple[RequestCount, ...] = ()
    standalone: tuple[StandaloneTasks, ...] = ()  # tasks of no service, which are not judged

    @property
    def counts(self) -> tuple[RequestCount, ...]:
        return self.reading.request_counts if self.reading is not None else self.stored_counts

    def deployment_of(self, stream: StreamKey) -> Deployment | None:
        wanted = self.attributions[stream].deployment_id if stream in self.attributions else None
        return next((one for one in self.deployments if one.deployment_id == wanted), None)

    def verdict_of(self, deployment_id: str) -> Verdict | None:
        return next((one for one in self.verdicts if one.deployment_id == deployment_id), None)


def judge_paths(
    paths: Sequence[str],
    *,
    settings: JudgeSettings | None = None,
    rules: RuleSet | None = None,
    redactor: Redactor | None = None,
    health_paths: Sequence[str] = (),
    at_ms: int | None = None,
    cache: Cache | None = None,
    tasks: Mapping[str, str] | None = None,
) -> Judgement:
    """Reads and judges files or scenes. `at_ms`: judge as it could have been judged then (epoch ms UTC).
    `cache`: where what the fast path derives from the rules is kept. `tasks`: the user's map task id -> family:revision.

    Raises InputError for a path that is not there, PackError for a broken pack.
    """
    scene = read_paths(paths)
    pieces = scene.pieces if at_ms is None else (e for e in scene.events if (e.ingestion_ms or e.timestamp_ms) <= at_ms)
    reading = read(pieces, rules=rules or load_packs(), redactor=redactor, health_paths=health_paths, cache=cache)
    as_of = at_ms or scene.as_of_ms or max((c.last_event_ms or 0 for c in reading.coverage), default=0)
    facts, notices = ecs_facts(scene.ecs or {}), tuple(scene.notices)
    return judge_reading(reading, facts, as_of, settings=settings, notices=notices, at_ms=at_ms, tasks=tasks)


def judge_reading(
    reading: Reading,
    facts: EcsFacts,
    as_of_ms: int,
    *,
    settings: JudgeSettings | None = None,
    notices: Sequence[str] = (),
    at_ms: int | None = None,
    tasks: Mapping[str, str] | None = None,
) -> Judgement:
    """The judgement of a reading and what ECS said; `tasks` is the user's map task id -> family:revision."""
    settings = settings or JudgeSettings()
    if at_ms is not None:
        facts = _as_known_at(facts, at_ms)
    attributions = attribute(reading.coverage, facts, given=tasks)
    deployments = with_tasks(facts, attributions, reading.migration_runs, reading.coverage)
    verdicts: Sequence[Verdict] = ()
    if deployments:  # what judges is loaded where there is something to judge
        from parsers import judge

        verdicts = judge(
            deployments,
            reading.findings,
            reading.migration_runs,
            reading.request_counts,
            reading.coverage,
            attributions,
            facts=facts,
            as_of_ms=as_of_ms,
            settings=settings,
        )
    return Judgement(
        reading=reading,
        findings=reading.findings,
        runs=reading.migration_runs,
        rules=reading.reader.rules,
        attributions=attributions,
        deployments=deployments,
        verdicts=tuple(verdicts),
        as_of_ms=as_of_ms,
        notices=tuple(notices),
        standalone=standalone_tasks(facts, reading.migration_runs),
        definitions={one.deployment_id: d for one in deployments if (d := facts.definition(one.task_definition)) is not None},
    )


def judge_store(workspace: Workspace, settings: JudgeSettings | None = None) -> Judgement:
    """What the store holds, judged now; `settings`: in place of the workspace's own."""
    workspace.judging = settings or workspace.judging
    evidence, counts = workspace.evidence()
    rows = list(reversed(workspace.deployments()))
    return Judgement(
        findings=tuple(workspace.findings(Filters(), limit=MAX_STORED_FINDINGS)),
        runs=tuple(workspace.migration_runs(Filters())),
        attributions={row.stream: row.attribution for row in workspace.sources()},
        deployments=tuple(row.deployment for row in rows),
        verdicts=tuple(row.verdict for row in rows),
        as_of_ms=workspace.freshness() or 0,
        rules=workspace.rules,
        definitions=workspace.definitions(),
        evidence=evidence,
        stored_counts=counts,
        standalone=workspace.standalone_tasks(),
    )


def _as_known_at(facts: EcsFacts, at_ms: int) -> EcsFacts:
    """What ECS would have said then: later deployments gone, unfinished ones in progress, stops not yet known."""
    deployments = tuple(
        replace(
            one,
            finished_ms=one.finished_ms if (one.finished_ms or 0) <= at_ms else None,
            superseded_ms=one.superseded_ms if (one.superseded_ms or 0) <= at_ms else None,
            ecs_status=one.ecs_status if one.finished_ms is not None and one.finished_ms <= at_ms else "IN_PROGRESS",
        )
        for one in facts.deployments
        if (one.created_ms or one.started_ms or 0) <= at_ms
    )
    sightings = tuple(
        replace(s, stopped_ms=None, exit_code=None, stopped_reason=None, stop_code=None, last_status="RUNNING")
        if (s.stopped_ms or 0) > at_ms
        else s
        for s in facts.sightings
        if (s.created_ms or 0) <= at_ms
    )
    return replace(facts, deployments=deployments, sightings=sightings, as_of_ms=at_ms)


def lines_around(paths: Sequence[str], one: Finding, redactor: Redactor, lines: int) -> list[ContextLine]:
    """The events around a finding, read again from its files and redacted: at most `lines` before its first and after its last."""
    events = in_order(event for event in read_paths(paths).events if event.stream == one.stream)
    proofs = {evidence.event_id or (evidence.file, evidence.line) for evidence in one.evidence}
    marked = [number for number, event in enumerate(events) if (event.event_id or (event.file, event.line)) in proofs]
    if not marked:
        return []
    first = max(0, marked[0] - lines)
    texts = redactor.text("\n".join(event.text.replace("\n", " ") for event in events[first : marked[-1] + lines + 1])).split(
        "\n"
    )
    return [
        ContextLine(timestamp_ms=event.timestamp_ms, text=text, event_id=event.event_id, is_evidence=number in marked)
        for (number, event), text in zip(enumerate(events[first:], first), texts, strict=False)
    ]
