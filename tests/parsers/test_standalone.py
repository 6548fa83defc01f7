"""What ran in no service is listed and never judged."""

import pytest

from parsers import Outcome, VerdictValue, ecs_facts, standalone_tasks
from parsers.model import Confidence, MigrationRun, StreamKey

CLUSTER = "arn:aws:ecs:us-east-1:111122223333:task/prod/"
DEFINITION = "arn:aws:ecs:us-east-1:111122223333:task-definition/"
IDS = [f"{number:032x}" for number in range(4)]


def task(number, definition, group, by, at, **more):
    return {
        "taskArn": CLUSTER + IDS[number], "taskDefinitionArn": DEFINITION + definition, "group": group, "startedBy": by, "startedAt": at,
        "containers": [{"name": "app", **more}],
    }  # fmt: skip


FACTS = ecs_facts({
    "describe_tasks": {
        "tasks": [
            task(0, "api:7", "service:api", "ecs-svc/1", 1_763_520_000),
            task(1, "nightly:3", "family:nightly", "events-rule/nightly-report", 1_763_520_100, exitCode=0),
            task(2, "nightly:3", "family:nightly", "events-rule/nightly-report", 1_763_606_500, exitCode=1),
            task(3, "api:7", "family:api", "a.person", 1_763_520_200),
        ]
    }
})  # fmt: skip


def failed_run(task_id):
    return MigrationRun(
        id="r-1", tool="prisma", outcome=Outcome.FAILED, confidence=Confidence.STRONG, stream=StreamKey(log_stream=f"ecs/app/{task_id}"),
        started_ms=1_763_606_501_000, ended_ms=None, error_code="P3005", implied_code=None, db_code=None, migrations_found=None,
        applied_count=None, applied=(), failed_migration=None, exit_code=None, application_continued=False, ready=False, event_ids=(),
        transcript=(),
    )  # fmt: skip


def test_tasks_of_no_service_are_told_by_what_runs_them():
    """A schedule's tasks together with how the newest ended, a person's by themselves; those of a service are not among them."""
    nightly, own = standalone_tasks(FACTS, [failed_run(IDS[2])])

    assert (nightly.task_definition, nightly.who, nightly.tasks) == ("nightly:3", "scheduled by nightly-report", 2)
    assert (nightly.newest.task_id, nightly.end, nightly.newest_ms) == (IDS[2], "exit code 1", 1_763_606_500_000)
    assert (nightly.migration_outcome, nightly.error_code) == (Outcome.FAILED, "P3005")
    assert (own.task_definition, own.who, own.tasks, own.migration_outcome) == (
        "api:7",
        "started by a.person",
        1,
        Outcome.NOT_SEEN,
    )


def test_a_task_of_no_service_is_never_green():
    """Whatever its exit code and its migration say."""
    assert {one.verdict for one in standalone_tasks(FACTS, [])} == {VerdictValue.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("started_by", "said"),
    [
        ("chronos-schedule/every-hour", "scheduled by every-hour"),
        ("", "started by RunTask, no name given"),
        ("ci/pipeline", "started by ci/pipeline"),
    ],
)
def test_who_started_it(started_by, said):
    """As EventBridge Scheduler, RunTask without a name and RunTask with one tell it."""
    answers = {"describe_tasks": {"tasks": [task(1, "a:1", "family:a", started_by, 1_763_520_100)]}}
    (one,) = standalone_tasks(ecs_facts(answers), [])
    assert one.who == said


@pytest.mark.parametrize(("started_by", "listed"), [("events-rule/nightly", 1), ("ecs-svc/1", 0), ("", 0)])
def test_without_a_group_a_schedule_is_known_by_what_started_the_task(started_by, listed):
    """Some sources tell no group; a task that nothing says anything of is not called a schedule's."""
    answers = {"describe_tasks": {"tasks": [task(1, "a:1", "", started_by, 1_763_520_100)]}}
    assert len(standalone_tasks(ecs_facts(answers), [])) == listed
