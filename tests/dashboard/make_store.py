"""Makes a big store for benchmarks: deployments, streams, findings and request cells in the shapes of a real one.

    python tests/dashboard/make_store.py /tmp/big.db             # 10 million request cells, 100,000 findings
    python tests/dashboard/make_store.py /tmp/small.db --minutes 60 --findings 2000

The rows are made, not read: what is measured is asking, not reading. Roll-ups are made by the store's own code.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

from dashboard.store import Database, ecs, open_database, slices
from parsers import (
    Attribution,
    Category,
    Confidence,
    Deployment,
    EcsFacts,
    Evidence,
    Finding,
    Layer,
    MarkKind,
    MigrationRun,
    Outcome,
    Severity,
    StreamKey,
    StreamReading,
    TaskDefinition,
    TaskSighting,
    TranscriptLine,
)

START_MS = 1_750_000_020_000 // 3_600_000 * 3_600_000
MINUTE_MS = 60_000
ROUTES = [f"/api/v1/{name}" for name in ("appointments", "clients", "clinical-notes", "invoices", "reports", "users")]
STATUSES = (200, 201, 400, 404, 500)
LAYERS = (Layer.VALIDATION, Layer.BUSINESS_RULE, Layer.ORM, Layer.DATABASE, Layer.AUTH, Layer.UNHANDLED)


def make_store(
    path: Path,
    *,
    deployments: int = 50,
    streams: int = 4,
    minutes: int = 2_000,
    answers: int = 25,
    findings: int = 100_000,
    kinds: int = 200,
) -> Database:
    """`deployments` × `streams` × `minutes` × `answers` request cells, and so many findings, spread evenly. The store is left open."""
    db = open_database(path)
    keys = [[_key(d, s) for s in range(streams)] for d in range(deployments)]
    with db.write() as sql:
        origin = slices.origin_id(sql, "aws:made", 1)
        ecs.keep_facts(sql, origin, _facts(deployments, keys, minutes))
        sql.executemany(
            "INSERT INTO answers (method, route, status, aborted, health_check) VALUES (?, ?, ?, 0, 0)",
            [("GET" if n % 2 else "POST", f"{ROUTES[n % 6]}/{n // 30}", STATUSES[n % 5]) for n in range(answers)],
        )
    every = [(d, key) for d, some in enumerate(keys) for key in some]
    for number, (d, key) in enumerate(every):
        _stream(db, origin, key, d, number, minutes, answers, findings // len(every), kinds)
    with db.write() as sql:
        ecs.keep_attributions(sql, {key: _attribution(d, key) for d, key in every})
        end = _start(deployments, minutes)
        slices.origin_read(sql, origin, as_of_ms=end, complete_to_ms=end, read_ms=end)
        sql.execute("ANALYZE")
    return db


def _start(deployment: int, minutes: int) -> int:
    return START_MS + deployment * minutes * MINUTE_MS


def _key(deployment: int, stream: int) -> StreamKey:
    task = f"{deployment * 1000 + stream:032x}"
    return StreamKey(log_group="/ecs/made", log_stream=f"ecs/app/{task}", account="123456789012", region="us-east-1")


def _facts(deployments: int, keys: list[list[StreamKey]], minutes: int) -> EcsFacts:
    rows = [
        Deployment(
            deployment_id=f"deployment-{d}", account="123456789012", region="us-east-1", cluster="made", service=f"service-{d % 2}",
            task_definition=f"made:{d}", revision=d, commit=f"{d:07x}", image=None, image_digest=None, created_ms=_start(d, minutes),
            started_ms=_start(d, minutes) + 5_000, finished_ms=_start(d, minutes) + 300_000, ecs_status="SUCCESSFUL",
        )
        for d in range(deployments)
    ]  # fmt: skip
    definitions = [
        TaskDefinition(family="made", revision=d, registered_ms=_start(d, minutes) - 60_000) for d in range(deployments)
    ]
    sightings = [
        TaskSighting(
            task_id=str(key.task_id), task_definition=f"made:{d}", group=f"service:service-{d % 2}", created_ms=_start(d, minutes),
            last_status="RUNNING", seen_ms=_start(d, minutes) + 60_000,
        )
        for d, some in enumerate(keys)
        for key in some
    ]  # fmt: skip
    return EcsFacts(deployments=tuple(rows), task_definitions=tuple(definitions), sightings=tuple(sightings))


def _attribution(deployment: int, key: StreamKey) -> Attribution:
    return Attribution(
        stream=key, task_id=key.task_id, task_definition=f"made:{deployment}", deployment_id=f"deployment-{deployment}",
        confidence=Confidence.EXACT, rung="describe_tasks",
    )  # fmt: skip


def _stream(
    db: Database, origin: int, key: StreamKey, deployment: int, number: int, minutes: int, answers: int, findings: int, kinds: int
) -> None:
    start = _start(deployment, minutes)
    chance = random.Random(number)
    with db.write() as sql:
        reading = StreamReading(
            stream=key,
            first_ms=start,
            last_ms=start + minutes * MINUTE_MS - 1,
            events=minutes * answers,
            access_lines=minutes * answers,
        )
        one = slices.Slice(
            start_ms=start,
            end_ms=start + minutes * MINUTE_MS,
            state=slices.SliceState.SETTLED,
            packs_digest="made",
            reading=reading,
        )
        stream = slices._stream_id(sql, key, origin)
        slices._insert(sql, stream, origin, one, start)
        slices._bounds(sql, stream)
        sql.execute(
            "WITH RECURSIVE minute (m) AS (SELECT 0 UNION ALL SELECT m + 1 FROM minute WHERE m < ? - 1) "
            "INSERT INTO request_cells SELECT ?, ? + m * 60000, answers.id, 1 + (m * 7 + answers.id * 13) % 9 "
            "FROM minute CROSS JOIN answers ORDER BY 2, 3",
            (minutes, stream, start),
        )
        slices._replace_findings(
            sql, stream, list(_findings(key, start, minutes, findings, kinds, chance)), start, start + 10**12
        )
        slices._replace_runs(sql, stream, [_run(key, start, number)], start, start + 10**12)
        sql.execute("INSERT INTO signs VALUES (?, 'ready', ?)", (stream, start + 20_000))
        ecs.roll(sql, stream, 0, sign=1)


def _findings(key: StreamKey, start: int, minutes: int, findings: int, kinds: int, chance: random.Random) -> Iterator[Finding]:
    for at in sorted(chance.randrange(start, start + minutes * MINUTE_MS) for _ in range(findings)):
        kind = min(int(chance.expovariate(8 / kinds)), kinds - 1)  # a few kinds are most of it
        layer = LAYERS[kind % len(LAYERS)]
        route = f"{ROUTES[kind % 6]}/0"
        yield Finding(
            id=f"f-{key.task_id}-{at}-{chance.randrange(10**6)}", rule_id="made.rule", category=Category.VALIDATION, system="made",
            code=f"M{kind:04d}", db_code=None, implied_code=None, severity=Severity.ERROR if kind % 3 else Severity.WARNING, outcome=None,
            layer=layer, status=400 if kind % 4 else 500, aborted=False, method="POST", route=route, path=route,
            fields=(f"field{kind % 17}", f"field{kind % 5}"), title=f"POST {route}: made failure {kind}",
            evidence=(Evidence(timestamp_ms=at, text=f"Error: made failure {kind} in field{kind % 17} " + "x" * 200),),
            fingerprint=f"v1:{kind:012x}", stream=key, timestamp_ms=at, event_ids=(f"e{at}",), request_id=None,
            client=f"<client:{chance.randrange(300):08x}>", cause_link=None,
        )  # fmt: skip


def _run(key: StreamKey, start: int, number: int) -> MigrationRun:
    failed = number % 3 == 0
    lines = tuple(
        TranscriptLine(
            timestamp_ms=start + n * 100, text=f"migration line {n} " + "y" * 60, mark=MarkKind.STEP if n else MarkKind.BEGIN
        )
        for n in range(40)
    )
    return MigrationRun(
        id=f"r-{number}", tool="prisma", outcome=Outcome.FAILED if failed else Outcome.NOTHING_TO_DO, confidence=Confidence.EXACT,
        error_code="P3005" if failed else None, implied_code=None, db_code=None, migrations_found=30, applied_count=0, applied=(),
        failed_migration=None, exit_code=1 if failed else 0, application_continued=failed, ready=True, stream=key, started_ms=start,
        ended_ms=start + 15_000, event_ids=(), transcript=lines,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    for name, default in (("deployments", 50), ("streams", 4), ("minutes", 2_000), ("answers", 25), ("findings", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = vars(parser.parse_args())
    make_store(given.pop("path"), **given).close()


if __name__ == "__main__":
    main()
