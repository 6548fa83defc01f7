"""JUDGE: never green without evidence; every reason says what proves it or what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.judgement import judge_paths, judge_reading
from parsers import Event, JudgeSettings, ReasonCode, StreamKey, Verdict, VerdictValue, ecs_facts, load_packs, read
from parsers.attribution import EcsFacts

RULES = load_packs()
ACCOUNT = "123456789012"
START = 1_763_521_000_000
TASK = "0f3c9a51d7e24b6892aa4d1c5be07f31"
OTHER = "5b81e6d09c7f4e12a3d84f60b2c97a15"
MIGRATED = ("Running database migrations...", "Prisma schema loaded from prisma/schema.prisma", "1 migration found in prisma/migrations",
            "No pending migrations to apply.", "Server listening at http://0.0.0.0:3000")  # fmt: skip
HOUR_MS = 3_600_000


def stream(task: str) -> StreamKey:
    return StreamKey(log_group="/ecs/app", log_stream=f"ecs/app/{task}")


def told(task: str, texts: tuple[str, ...], *, at_ms: int = START, step_ms: int = 400) -> list[Event]:
    return [Event(stream=stream(task), timestamp_ms=at_ms + n * step_ms, text=text, line=n) for n, text in enumerate(texts)]


def answers(count: int, status: int = 200) -> tuple[str, ...]:
    return tuple(
        f'203.0.113.7 - - [19/Nov/2025:02:58:54 +0000] "GET /api/orders HTTP/1.1" {status} 54 "-" "Mozilla/5.0"'
        for _ in range(count)
    )


def facts(*deployments: dict[str, object], tasks: dict[str, dict[str, object]] | None = None) -> EcsFacts:
    """ECS answers for a service `app`: each deployment = {revision, at, status}; each task id -> {revision, at, stopped?, exit?, group?}."""
    definition = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/app"
    return ecs_facts(
        {
            "list_service_deployments": {
                "serviceDeployments": [
                    {
                        "serviceDeploymentArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:service-deployment/c/app/d{d['revision']}",
                        "serviceArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/c/app",
                        "clusterArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/c",
                        "createdAt": float(d["at"]) / 1000 - 30,  # type: ignore[arg-type]
                        "startedAt": float(d["at"]) / 1000 - 20,  # type: ignore[arg-type]
                        "finishedAt": float(d["at"]) / 1000 + 60,  # type: ignore[arg-type]
                        "targetServiceRevisionArn": f"r{d['revision']}",
                        "status": d.get("status", "SUCCESSFUL"),
                    }
                    for d in deployments
                ]
            },
            "describe_service_revisions": {
                "serviceRevisions": [
                    {"serviceRevisionArn": f"r{d['revision']}", "taskDefinition": f"{definition}:{d['revision']}"}
                    for d in deployments
                ]
            },
            "describe_tasks": {
                "tasks": [
                    {
                        "taskArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task/c/{task}",
                        "taskDefinitionArn": f"{definition}:{t['revision']}",
                        "group": t.get("group", "service:app"),
                        "createdAt": float(t["at"]) / 1000 - 9,  # type: ignore[arg-type]
                        "stoppedAt": t.get("stopped"),
                        "stoppedReason": t.get("reason"),
                        "containers": [{"name": "app", "exitCode": t.get("exit")}],
                    }
                    for task, t in (tasks or {}).items()
                ]
            },
        }
    )


def verdicts(
    events: list[Event], known: EcsFacts, *, at_ms: int = START + HOUR_MS, settings: JudgeSettings | None = None
) -> list[Verdict]:
    return list(judge_reading(read(events, rules=RULES), known, at_ms, settings=settings).verdicts)


ONE = facts({"revision": 7, "at": START}, tasks={TASK: {"revision": 7, "at": START}})


def codes(verdict: Verdict) -> set[str]:
    return {str(reason.code) for reason in verdict.reasons}


def test_pass_needs_all_of_it() -> None:
    """Migrated, listening, attributed, settled, answered: PASS."""
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *answers(25))), ONE)

    assert (verdict.verdict, codes(verdict)) == (VerdictValue.PASS, set())


def test_too_few_requests_is_inconclusive_and_says_how_many_more() -> None:
    """A clean start with seven answers proves little."""
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *answers(7))), ONE)

    assert verdict.verdict is VerdictValue.INCONCLUSIVE
    (needed,) = verdict.needed
    assert re.fullmatch(r"13 more requests \(about \d+ minutes at this pace\)", needed)


def test_one_request_a_minute_says_truly_how_long_it_takes() -> None:
    """At one request a minute, what is missing takes about as many minutes; once it has come, the verdict is PASS."""
    start = told(TASK, MIGRATED)
    slow = [event for n, text in enumerate(answers(20), 1) for event in told(TASK, (text,), at_ms=START + n * 60_000)]

    (early,) = verdicts([*start, *slow[:8]], ONE, at_ms=START + 8 * 60_000)
    (later,) = verdicts([*start, *slow], ONE, at_ms=START + 20 * 60_000)

    assert early.verdict is VerdictValue.INCONCLUSIVE
    assert early.needed in {(f"12 more requests (about {minutes} minutes at this pace)",) for minutes in (11, 12)}
    assert later.verdict is VerdictValue.PASS


def test_no_logs_is_inconclusive() -> None:
    """ECS says SUCCESSFUL and nothing was read: nothing is known."""
    (verdict,) = verdicts([], ONE)

    assert (verdict.verdict, codes(verdict)) == (VerdictValue.INCONCLUSIVE, {"logs_missing"})


def test_young_logs_are_not_settled() -> None:
    """Late lines may still come: INCONCLUSIVE until the logs are older than the settling time."""
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *answers(25))), ONE, at_ms=START + 60_000)

    assert verdict.verdict is VerdictValue.INCONCLUSIVE
    assert "not_settled" in codes(verdict)


def test_an_unattributed_stream_is_never_the_newest() -> None:
    """A task ECS does not know, born inside two rollouts: a candidate of both, proof of neither."""
    both = facts({"revision": 7, "at": START}, {"revision": 8, "at": START + 30_000})
    found = verdicts(told(TASK, (*MIGRATED, *answers(25)), at_ms=START + 20_000), both)

    assert {v.verdict for v in found} == {VerdictValue.INCONCLUSIVE}
    assert all("unattributed" in codes(v) for v in found)


def test_migrations_expected_and_not_seen() -> None:
    """The deployment before migrated at start; of this one's start nothing is in the log."""
    known = facts(
        {"revision": 7, "at": START}, {"revision": 8, "at": START + HOUR_MS},
        tasks={TASK: {"revision": 7, "at": START}, OTHER: {"revision": 8, "at": START + HOUR_MS}},
    )  # fmt: skip
    events = [*told(TASK, (*MIGRATED, *answers(25))), *told(OTHER, answers(25), at_ms=START + HOUR_MS)]
    _, second = verdicts(events, known, at_ms=START + 3 * HOUR_MS)

    assert (second.verdict, codes(second)) == (VerdictValue.INCONCLUSIVE, {"migration_not_seen"})


def test_a_service_that_never_migrates_may_pass() -> None:
    """No mark in its whole history: no migration is expected."""
    (verdict,) = verdicts(told(TASK, ("Server listening at http://0.0.0.0:3000", *answers(25))), ONE)

    assert verdict.verdict is VerdictValue.PASS


def test_a_vanished_error_is_suspect() -> None:
    """P3005 yesterday, "No pending migrations" today: somebody may have marked it as applied."""
    known = facts(
        {"revision": 7, "at": START}, {"revision": 8, "at": START + HOUR_MS},
        tasks={TASK: {"revision": 7, "at": START}, OTHER: {"revision": 8, "at": START + HOUR_MS}},
    )  # fmt: skip
    failed = (
        *MIGRATED[:3],
        "Error: P3005",
        "Migration command exited with code 1",
        "Continuing with application startup...",
        MIGRATED[-1],
    )
    events = [*told(TASK, (*failed, *answers(25))), *told(OTHER, (*MIGRATED, *answers(25)), at_ms=START + HOUR_MS)]
    first, second = verdicts(events, known, at_ms=START + 3 * HOUR_MS)

    assert first.verdict is VerdictValue.FAIL
    assert (second.verdict, codes(second)) == (VerdictValue.INCONCLUSIVE, {"migration_suspect"})


@pytest.mark.parametrize("status", ["ROLLBACK_SUCCESSFUL", "ROLLBACK_IN_PROGRESS", "STOPPED"])
def test_a_rollback_is_a_fail(status: str) -> None:
    """What was deployed did not win, however clean its logs are."""
    known = facts({"revision": 7, "at": START, "status": status}, tasks={TASK: {"revision": 7, "at": START}})
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *answers(25))), known)

    assert (verdict.verdict, verdict.reasons[0].code) == (VerdictValue.FAIL, ReasonCode.ROLLED_BACK)


def test_a_one_off_task_is_no_deployment_but_may_be_its_migration() -> None:
    """`prisma migrate deploy` in a task of its own before the rollout: linked to it, and enough."""
    known = facts(
        {"revision": 7, "at": START},
        tasks={OTHER: {"revision": 7, "at": START - 120_000, "group": "family:app"}, TASK: {"revision": 7, "at": START}},
    )
    own = told(OTHER, (*MIGRATED[:3], "All migrations have been successfully applied."), at_ms=START - 120_000)
    (verdict,) = verdicts([*own, *told(TASK, ("Server listening at http://0.0.0.0:3000", *answers(25)))], known)

    assert verdict.verdict is VerdictValue.PASS


def test_a_route_that_the_database_refuses_fails_the_deployment() -> None:
    """Ten of thirty saves refused by a constraint: FAIL, with the route, the layer and the numbers."""
    cause = 'null value in column "ship_date" of relation "orders" violates not-null constraint'
    refused = tuple(text for _ in range(10) for text in (f"ERROR:  {cause}", answers(1, 500)[0].replace("GET", "POST")))
    good = tuple(text.replace("GET", "POST") for text in answers(20, 201))
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *refused, *good)), ONE)
    reason = next(r for r in verdict.reasons if r.code is ReasonCode.STILL_FAILING)

    assert verdict.verdict is VerdictValue.FAIL
    assert (reason.numbers["layer"], reason.numbers["requests"], reason.numbers["answered"]) == ("database", 10, 30)


def test_twenty_good_answers_beside_fifty_refusals_are_no_success() -> None:
    """`--expect 'POST /api/orders 201'`: fix not effective."""
    refused = tuple(
        t
        for _ in range(50)
        for t in (
            'ERROR:  null value in column "a" of relation "b" violates not-null constraint',
            answers(1, 400)[0].replace("GET", "POST"),
        )
    )
    good = tuple(text.replace("GET", "POST") for text in answers(20, 201))
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *refused, *good)), ONE, settings=JudgeSettings(expect=("POST /api/orders 201",)))

    assert "fix_not_effective" in codes(verdict)


def test_a_refusal_that_moved_to_the_request_schema_is_no_fail() -> None:
    """Where the database refused, the schema now does: perhaps as it is meant to. The check of a fix is as unsure as the refusal."""
    later = START + 3_600_000
    known = facts(
        {"revision": 7, "at": START},
        {"revision": 8, "at": later},
        tasks={TASK: {"revision": 7, "at": START}, OTHER: {"revision": 8, "at": later}},
    )
    by_database = 'ERROR:  null value in column "a" of relation "b" violates not-null constraint'
    issue = '{"code":"invalid_type","expected":"string","received":"undefined","path":["a"],"message":"Required"}'
    by_schema = f'{{"level":"error","message":"Validation failed","issues":[{issue}]}}'
    lines = []
    for task, cause, at_ms in ((TASK, by_database, START), (OTHER, by_schema, later)):
        refused = tuple(text for _ in range(30) for text in (cause, answers(1, 400)[0].replace("GET", "POST")))
        good = tuple(text.replace("GET", "POST") for text in answers(20, 201))
        lines += told(task, (*MIGRATED, *refused, *good), at_ms=at_ms)

    _, moved = verdicts(lines, known, at_ms=later + HOUR_MS)

    assert "fix_not_effective" in codes(moved)
    assert moved.verdict is VerdictValue.INCONCLUSIVE
    assert VerdictValue.FAIL not in {check.result for check in moved.checks}


def test_a_past_deployment_is_judged_as_it_could_have_been_judged_then() -> None:
    """Revision 50 at 02:57:30Z: the rollout had not ended, P3005 was not yet logged; at 02:58:10Z it was."""
    scene = str(Path(__file__).resolve().parents[2] / "sample_logs" / "founding-story")
    before, after = (judge_paths([scene], rules=RULES, at_ms=at).verdicts[-1] for at in (1_763_521_050_000, 1_763_521_090_000))

    assert before.verdict is VerdictValue.INCONCLUSIVE
    assert (after.verdict, after.reasons[0].code) == (VerdictValue.FAIL, ReasonCode.MIGRATION_FAILED_CONTINUED)


def test_deployments_under_another_controller_are_never_green() -> None:
    """CODE_DEPLOY and EXTERNAL are listed and honestly not judged."""
    known = replace(ONE, deployments=tuple(replace(d, controller="CODE_DEPLOY") for d in ONE.deployments))
    (verdict,) = verdicts(told(TASK, (*MIGRATED, *answers(25))), known)

    assert verdict.verdict is VerdictValue.INCONCLUSIVE


@pytest.mark.parametrize(
    ("reason", "looping"),
    [("Scaling activity initiated by (deployment ecs-svc/4711)", False), ("Essential container in task exited", True)],
)
def test_tasks_that_ecs_replaced_did_not_crash(reason: str, looping: bool) -> None:
    """Two tasks ended with exit code 1: a crash loop, unless ECS stopped them for a later rollout (npm answers SIGTERM with 1)."""
    ended = {"revision": 7, "stopped": START / 1000 + 900, "exit": 1, "reason": reason}
    known = facts({"revision": 7, "at": START}, tasks={TASK: ended | {"at": START}, OTHER: ended | {"at": START + 20_000}})

    (verdict,) = verdicts(told(TASK, MIGRATED + answers(30)), known)

    assert (ReasonCode.CRASH_LOOP in {r.code for r in verdict.reasons}) is looping
