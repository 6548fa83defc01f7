"""Tasks of no service: what a schedule, a pipeline or a person ran. They are listed; there is no rollout in them to judge.

EventBridge names a rule (`events-rule/NAME`) or a schedule (`chronos-schedule/NAME`) as what started a task; RunTask takes any
name, or none (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from parsers.attribution import EcsFacts, deciding_run
from parsers.model import MigrationRun, Outcome, TaskSighting, VerdictValue

_SCHEDULES = ("events-rule/", "chronos-schedule/")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneTasks:
    """The tasks of one definition that one and the same started; `newest`: the latest of them, with its migration as its logs tell it."""

    task_definition: str  # family:revision
    started_by: str
    tasks: int
    newest: TaskSighting
    migration_outcome: Outcome
    error_code: str | None = None

    @property
    def verdict(self) -> VerdictValue:
        """Never another: nothing was rolled out."""
        return VerdictValue.INCONCLUSIVE

    @property
    def newest_ms(self) -> int | None:
        return self.newest.started_ms or self.newest.created_ms

    @property
    def who(self) -> str:
        """`scheduled by nightly-report`, `started by a.person`."""
        for prefix in _SCHEDULES:
            if self.started_by.startswith(prefix):
                return f"scheduled by {self.started_by.removeprefix(prefix)}"
        return f"started by {self.started_by}" if self.started_by else "started by RunTask, no name given"

    @property
    def end(self) -> str:
        """How the newest ended, as far as ECS told."""
        if self.newest.exit_code is not None:
            return f"exit code {self.newest.exit_code}"
        return self.newest.stopped_reason or self.newest.last_status.lower() or "end not seen"


def standalone_tasks(facts: EcsFacts, runs: Iterable[MigrationRun]) -> tuple[StandaloneTasks, ...]:
    """The tasks of no service that ECS told of, by definition and by what started them, the latest first."""
    by_task: dict[str | None, list[MigrationRun]] = defaultdict(list)
    for run in runs:
        by_task[run.stream.task_id].append(run)
    alike: dict[tuple[str, str], list[TaskSighting]] = defaultdict(list)
    for sighting in facts.sightings:
        if _in_no_service(sighting):
            alike[sighting.task_definition, sighting.started_by].append(sighting)
    found = (_told(some, by_task) for some in alike.values())
    return tuple(sorted(found, key=lambda one: (-(one.newest_ms or 0), one.task_definition, one.started_by)))


def _in_no_service(one: TaskSighting) -> bool:
    """By its group, or by what started it where no group was told."""
    return not one.group.startswith("service:") if one.group else one.started_by.startswith(_SCHEDULES)


def _told(some: list[TaskSighting], runs: dict[str | None, list[MigrationRun]]) -> StandaloneTasks:
    newest = max(some, key=lambda one: (one.started_ms or one.created_ms or 0, one.task_id))
    run = deciding_run(runs.get(newest.task_id, []))
    return StandaloneTasks(
        task_definition=newest.task_definition,
        started_by=newest.started_by,
        tasks=len(some),
        newest=newest,
        migration_outcome=run.outcome if run is not None else Outcome.NOT_SEEN,
        error_code=run.code if run is not None else None,
    )
