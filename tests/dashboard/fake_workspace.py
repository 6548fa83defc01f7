"""A Workspace made of nouns: the story of revisions 46-50 in a dozen groups, and what a hostile log would put into them.

It answers the questions of `dashboard.workspace.Workspace` that pages ask, from literals; so the pages' tests need
neither a store nor a parser, and can ask for states that are hard to get from logs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

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
)
from parsers import StandaloneTasks
from parsers.model import (
    Attribution,
    Category,
    CauseLink,
    Check,
    CheckId,
    Confidence,
    Coverage,
    Deployment,
    DeploymentTask,
    Evidence,
    Finding,
    Layer,
    MarkKind,
    MigrationRun,
    Outcome,
    Reason,
    ReasonCode,
    Severity,
    StreamKey,
    TaskSighting,
    TranscriptLine,
    UnexplainedGroup,
    Verdict,
    VerdictValue,
)

GROUP = "/ecs/mentalspace-backend-prod"
NOTES = "/api/v1/clinical-notes"
COMPLETE_TO = 1763521800000
TASK_50 = "d64f0c1595369ba103960cfda122eb83"

# revision: (deployment id, commit, created, finished, tasks (id, code), migrations found)
_STORY: dict[int, tuple[str, str, int, int, tuple[tuple[str, str], ...], int]] = {
    46: ("260b96aa274deaab26316", "b41d9e2", 1763478118004, 1763478396450, (("455aa647b26d9310341733d58b9b7442", "P3005"),), 33),
    47: (
        "9be605df05aea79b2ae2d",
        "5e0c7f1",
        1763484005911,
        1763484279503,
        (("e8dac759573892e5c97103e61d136e0a", "P3005"), ("23838118999c7d9a7c620aed837ad21b", "P3005")),
        33,
    ),
    48: (
        "6a5532138739ea4baf461",
        "0f38fdf",
        1763493153914,
        1763493443748,
        (("8dead56652865255eddc29a94addd98d", "P3005"), ("95d44f5330d85f9223edca871803bc25", "P3005")),
        33,
    ),
    49: (
        "e4e3cb5483e16b8df8385",
        "7a0dbd7",
        1763505020908,
        1763505321607,
        (("141a1928116bfc4ab22d509c39269cc9", "P1001"), ("5f3c2f44f6a94ee89d0f8bc17aaaf149", "P3005")),
        33,
    ),
    50: ("7022e8203d9f0e24e9c5c", "c3a7950", 1763520992910, 1763521265968, ((TASK_50, "P3005"),), 34),
}
ID = {revision: story[0] for revision, story in _STORY.items()}

# revision: requests, 400s, other 4xx, 5xx, aborted, 95 % interval of the 400s
_TRAFFIC = {
    46: (310, 97, 42, 2, 2, 0.263, 0.367),
    47: (277, 82, 19, 2, 3, 0.245, 0.353),
    48: (268, 71, 36, 3, 2, 0.215, 0.321),
    49: (302, 87, 22, 5, 1, 0.240, 0.342),
    50: (222, 58, 30, 5, 2, 0.208, 0.322),
}

# who refuses POST /api/v1/clinical-notes, by revision
_NOTES_LADDER: dict[int, dict[Layer, int]] = {
    46: {Layer.VALIDATION: 48, Layer.BUSINESS_RULE: 25, Layer.BODY_PARSER: 8, Layer.DATABASE: 1},
    47: {Layer.BUSINESS_RULE: 63, Layer.VALIDATION: 7, Layer.BODY_PARSER: 2, Layer.DATABASE: 1},
    48: {Layer.ORM: 49, Layer.VALIDATION: 5, Layer.BUSINESS_RULE: 3, Layer.DATABASE: 3, Layer.BODY_PARSER: 1},
    49: {Layer.DATABASE: 66, Layer.VALIDATION: 7, Layer.BUSINESS_RULE: 5, Layer.BODY_PARSER: 1},
    50: {Layer.DATABASE: 43, Layer.VALIDATION: 4, Layer.BUSINESS_RULE: 3, Layer.BODY_PARSER: 1},
}
_LOGIN_LADDER: dict[int, dict[Layer, int]] = {
    46: {Layer.AUTH: 13, Layer.RATE_LIMIT: 4, Layer.VALIDATION: 4},
    47: {Layer.AUTH: 4, Layer.VALIDATION: 3},
    48: {Layer.AUTH: 17, Layer.VALIDATION: 3},
    49: {Layer.AUTH: 2, Layer.VALIDATION: 1},
    50: {Layer.AUTH: 15, Layer.RATE_LIMIT: 4, Layer.VALIDATION: 4},
}
_ANSWERED = {NOTES: {46: 109, 47: 93, 48: 85, 49: 102, 50: 71}, "/api/v1/auth/login": {46: 29, 47: 11, 48: 26, 49: 16, 50: 26}}


def stream(revision: int, number: int = 0) -> StreamKey:
    task = _STORY[revision][4][number][0]
    return StreamKey(log_group=GROUP, log_stream=f"ecs/mentalspace-backend/{task}", account="123456789012", region="us-east-1")


def transcript(started_ms: int, code: str, found: int) -> tuple[TranscriptLine, ...]:
    """The lines of one start-up, as deployment 50's task printed them."""
    failure = (
        (
            16134,
            "The database schema is not empty. Read more about how to baseline an existing production database: "
            "https://pris.ly/d/migrate-baseline",
        )
        if code == "P3005"
        else (12295, "Please make sure your database server is running at `db.example.internal:5432`.")
    )
    lines: list[tuple[int, str, MarkKind | None, bool]] = [
        (0, "Starting MentalSpace EHR backend...", MarkKind.STEP, False),
        (0, "Running database migrations...", MarkKind.BEGIN, False),
        (12751, "Prisma schema loaded from prisma/schema.prisma", MarkKind.STEP, False),
        (
            12788,
            'Datasource "db": PostgreSQL database "mentalspace_ehr", schema "public" at "db.example.internal:5432"',
            None,
            False,
        ),
        (14325, f"{found} migrations found in prisma/migrations", MarkKind.FOUND, False),
        (16134, f"Error: {code}", MarkKind.FAILED, True),
        (failure[0], failure[1], MarkKind.FAILED, True),
        (16709, "Migration command exited with code 1", MarkKind.EXIT, True),
        (16709, "Continuing with application startup...", MarkKind.CONTINUING, True),
    ]
    if code == "P3005":
        lines.append((20035, "MentalSpace EHR API listening on port 3001", MarkKind.READY, False))
    return tuple(
        TranscriptLine(timestamp_ms=started_ms + after, text=text, mark=mark, guilty=guilty)
        for after, text, mark, guilty in lines
    )


def run(revision: int, number: int = 0) -> MigrationRun:
    code = _STORY[revision][4][number][1]
    started = _STORY[revision][2] + 67_016
    return MigrationRun(
        id=f"run-{revision}-{number}",
        tool="prisma",
        outcome=Outcome.FAILED,
        confidence=Confidence.EXACT,
        error_code=code,
        implied_code=None,
        db_code=None,
        migrations_found=_STORY[revision][5] if code == "P3005" else None,
        applied_count=None,
        applied=(),
        failed_migration=None,
        exit_code=1,
        application_continued=True,
        ready=code == "P3005",
        stream=stream(revision, number),
        started_ms=started,
        ended_ms=started + 16709,
        event_ids=(),
        transcript=transcript(started, code, _STORY[revision][5]),
        text="The database schema is not empty." if code == "P3005" else "Can't reach database server",
    )


def deployment(revision: int) -> Deployment:
    identifier, commit, created, finished, tasks, _ = _STORY[revision]
    return Deployment(
        deployment_id=identifier,
        account="123456789012",
        region="us-east-1",
        cluster="mentalspace-ehr-prod",
        service="mentalspace-backend",
        task_definition=f"mentalspace-backend-prod:{revision}",
        revision=revision,
        commit=commit,
        image=f"123456789012.dkr.ecr.us-east-1.amazonaws.com/mentalspace-backend:{commit}",
        image_digest="sha256:ee9f45fc",
        created_ms=created,
        started_ms=created + 6000,
        finished_ms=finished,
        ecs_status="SUCCESSFUL",
        previous_task_definition=f"mentalspace-backend-prod:{revision - 1}",
        tasks=tuple(
            DeploymentTask(
                task_id=task,
                log_stream=f"ecs/mentalspace-backend/{task}",
                confidence=Confidence.EXACT,
                migration_outcome=Outcome.FAILED,
                ready=code == "P3005",
                exit_code=None if code == "P3005" else 1,
                stopped_reason=None if code == "P3005" else "Essential container in task exited",
                started_ms=created + 60_000,
                error_code=code,
                application_continued=True,
                run_id=f"run-{revision}-{number}",
            )
            for number, (task, code) in enumerate(tasks)
        ),
        superseded_ms=_STORY[revision + 1][2] if revision + 1 in _STORY else None,
    )


_WORDS = {
    46: (Layer.VALIDATION, "appointmentId"),
    47: (Layer.BUSINESS_RULE, "appointmentId"),
    48: (Layer.ORM, "sessionDate"),
    49: (Layer.DATABASE, "appointmentId"),
    50: (Layer.DATABASE, "appointmentId"),
}


def verdict(revision: int) -> Verdict:
    layer, field = _WORDS[revision]
    count = _NOTES_LADDER[revision][layer]
    codes = ", ".join(dict.fromkeys(code for _, code in _STORY[revision][4]))
    return Verdict(
        deployment_id=ID[revision],
        verdict=VerdictValue.FAIL,
        decided_at_ms=COMPLETE_TO,
        complete_to_ms=COMPLETE_TO,
        checks=(
            Check(id=CheckId.TARGET_RUNS, result=VerdictValue.PASS, text=f"revision {revision} runs"),
            Check(id=CheckId.START_UP, result=VerdictValue.FAIL, text="the migration failed and the application continued"),
            Check(id=CheckId.NEW_OR_WORSE, result=VerdictValue.FAIL, text=f"POST {NOTES} is refused by {layer}"),
            Check(id=CheckId.ENOUGH_EVIDENCE, result=VerdictValue.PASS, text=f"{_TRAFFIC[revision][0]} requests"),
        ),
        reasons=(
            Reason(
                code=ReasonCode.MIGRATION_FAILED_CONTINUED,
                run_id=f"run-{revision}-0",
                text=f"{codes}: no migration history; the application continued (task {_STORY[revision][4][0][0]})",
            ),
            Reason(
                code=ReasonCode.STILL_FAILING if revision > 46 else ReasonCode.NEW_FAILURE,
                finding_id=f"finding-{revision}",
                text=f"POST {NOTES} refused by {layer}: {field} ({count} requests)",
                numbers={"requests": count},
            ),
        ),
    )


def finding(revision: int, *, title: str | None = None, text: str | None = None, identifier: str | None = None) -> Finding:
    layer, field = _WORDS[revision]
    at = _STORY[revision][2] + 141_251
    line = text or f'null value in column "{field}" of relation "ClinicalNote" violates not-null constraint'
    return Finding(
        id=identifier or f"finding-{revision}",
        rule_id="prisma.p2011",
        category=Category.DATABASE,
        system="prisma",
        code="P2011",
        db_code="23502",
        implied_code=None,
        severity=Severity.ERROR,
        outcome=None,
        layer=layer,
        status=400,
        aborted=False,
        method="POST",
        route=NOTES,
        path=NOTES,
        fields=(field,),
        title=title or f"POST {NOTES} 400: {field} must not be null",
        evidence=(
            Evidence(timestamp_ms=at, text=line),
            Evidence(timestamp_ms=at + 9, text=f'<client:9f2a01bc> - - "POST {NOTES} HTTP/1.1" 400 54'),
        ),
        fingerprint=FINGERPRINT[revision],
        stream=stream(revision),
        timestamp_ms=at,
        event_ids=("e1", "e2"),
        request_id="Root=1-691d326d",
        client="<client:9f2a01bc>",
        cause_link=CauseLink.REQUEST_ID,
        events=34,
        table="ClinicalNote",
    )


FINGERPRINT = {46: "v1:46aaaaaaaaaa", 47: "v1:47bbbbbbbbbb", 48: "v1:48cccccccccc", 49: "v1:50dddddddddd", 50: "v1:50dddddddddd"}


def groups() -> list[FailureGroup]:
    database = FailureGroup(
        fingerprint=FINGERPRINT[50],
        title=f"POST {NOTES} 400: appointmentId must not be null",
        rule_id="prisma.p2011",
        category=Category.DATABASE,
        layer=Layer.DATABASE,
        severity=Severity.ERROR,
        system="prisma",
        code="P2011",
        db_code="23502",
        implied_code=None,
        method="POST",
        route=NOTES,
        status=400,
        fields=("appointmentId",),
        requests=109,
        clients=7,
        first_ms=_STORY[49][2] + 150_000,
        last_ms=COMPLETE_TO - 60_000,
        by_deployment={ID[49]: 66, ID[50]: 43},
        seen={
            ID[49]: (_STORY[49][2] + 150_000, _STORY[50][2]),
            ID[50]: (_STORY[50][2] + 141_251, _STORY[50][2] + 572_283),
        },
        examples=(finding(50), finding(49)),
        unexplained=False,
    )
    orm = replace(
        database,
        fingerprint=FINGERPRINT[48],
        title="Invalid value for argument `sessionDate`: Provided Date object is invalid",
        rule_id="prisma.validation",
        category=Category.VALIDATION,
        layer=Layer.ORM,
        code=None,
        db_code=None,
        fields=("sessionDate",),
        requests=49,
        by_deployment={ID[48]: 49},
        examples=(finding(48),),
        first_ms=_STORY[48][2] + 150_000,
        last_ms=_STORY[49][2],
    )
    rule = replace(
        database,
        fingerprint=FINGERPRINT[47],
        title="Business rules validation failed: Progress Note requires an appointment",
        rule_id="node.business_rule",
        category=Category.VALIDATION,
        layer=Layer.BUSINESS_RULE,
        severity=Severity.WARNING,
        system="app",
        code="BUSINESS_RULE_VIOLATION",
        db_code=None,
        requests=82,
        by_deployment={ID[46]: 24, ID[47]: 58},
        examples=(finding(47),),
        first_ms=_STORY[46][2] + 150_000,
        last_ms=_STORY[48][2],
    )
    zod = replace(
        database,
        fingerprint=FINGERPRINT[46],
        title="Zod validation error: appointmentId, sessionDate",
        rule_id="zod.issues",
        category=Category.VALIDATION,
        layer=Layer.VALIDATION,
        severity=Severity.WARNING,
        system="zod",
        code="invalid_string",
        db_code=None,
        fields=("appointmentId", "sessionDate", "status"),
        requests=71,
        examples=(finding(46),),
        by_deployment={ID[46]: 48, ID[47]: 7, ID[48]: 5, ID[49]: 7, ID[50]: 4},
        first_ms=_STORY[46][2] + 150_000,
    )
    login = replace(
        database,
        fingerprint="v1:0123456789ab",
        title="Invalid email or password",
        rule_id="http.401",
        category=Category.HTTP_4XX,
        layer=Layer.AUTH,
        severity=Severity.INFO,
        system=None,
        code=None,
        db_code=None,
        route="/api/v1/auth/login",
        status=401,
        fields=(),
        requests=51,
        by_deployment={ID[r]: n[Layer.AUTH] for r, n in _LOGIN_LADDER.items()},
        examples=(),
        first_ms=_STORY[46][2] + 150_000,
    )
    migration = replace(
        database,
        fingerprint="v1:333333333333",
        title="P3005: no migration history; the application continued",
        rule_id="prisma.p3005",
        category=Category.MIGRATION,
        layer=None,
        severity=Severity.CRITICAL,
        code="P3005",
        db_code=None,
        method=None,
        route=None,
        status=None,
        fields=(),
        requests=7,
        clients=0,
        by_deployment={ID[r]: 1 for r in ID},
        examples=(),
        first_ms=_STORY[46][2] + 83_000,
    )
    reports = replace(
        database,
        fingerprint="v1:555555555555",
        title="GET /api/v1/reports/revenue 500",
        rule_id="http.500",
        category=Category.HTTP_5XX,
        layer=Layer.UNHANDLED,
        severity=Severity.ERROR,
        system="node",
        code=None,
        db_code=None,
        method="GET",
        route="/api/v1/reports/revenue",
        status=500,
        fields=(),
        requests=8,
        by_deployment={ID[50]: 3, ID[49]: 1, ID[48]: 2, ID[46]: 1},
        examples=(),
        first_ms=_STORY[46][2] + 250_000,
    )
    return [migration, database, orm, reports, rule, zod, login]


class FakeWorkspace:
    """Answers from literals. `changes` counts up what `version` says, as a fetch would."""

    def __init__(
        self,
        *,
        rows: Callable[[list[DeploymentRow]], list[DeploymentRow]] | None = None,
        hostile: str | None = None,
        empty: bool = False,
    ) -> None:
        self.hostile, self.empty, self.changes, self._rows = hostile, empty, 1, rows
        self.collected = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def close(self) -> None:
        return None

    def version(self) -> int:
        return self.changes

    def services(self) -> list[str]:
        return [] if self.empty else ["mentalspace-backend"]

    def collect(self, progress: Callable[..., Any] | None = None) -> object:
        self.collected += 1
        for done in range(1, 4):
            if progress:
                progress(done, 3, f"td{45 + done}.jsonl")
        self.changes += 1
        return object()

    def standalone_tasks(self) -> tuple[StandaloneTasks, ...]:
        if self.empty:
            return ()
        newest = TaskSighting(task_id="7" * 32, task_definition="nightly:3", started_ms=COMPLETE_TO, exit_code=1)
        by = self.hostile or "events-rule/nightly-report"
        return (
            StandaloneTasks(
                task_definition="nightly:3", started_by=by, tasks=2, newest=newest, migration_outcome=Outcome.NOT_SEEN
            ),
        )

    def aws_account(self) -> AwsAccount | None:
        if self.empty:
            return None
        calls = {"logs:FilterLogEvents": 41, "ecs:DescribeTasks": 3, "cloudwatch:GetMetricData": 2}
        return AwsAccount(read_ms=COMPLETE_TO, calls=calls, denied=("ecs:ListServiceDeployments",), response_bytes=1_250_000)

    def freshness(self) -> int | None:
        return None if self.empty else COMPLETE_TO

    def freshness_by_service(self) -> dict[str, int]:
        return {} if self.empty else {"mentalspace-backend": COMPLETE_TO}

    def deployments(self, service: str | None = None) -> list[DeploymentRow]:
        if self.empty or service not in (None, "mentalspace-backend"):
            return []
        rows = [self._row(revision) for revision in sorted(_STORY, reverse=True)]
        return self._rows(rows) if self._rows else rows

    def _row(self, revision: int) -> DeploymentRow:
        requests, bad, other, failed, aborted, low, high = _TRAFFIC[revision]
        judged = verdict(revision)
        if self.hostile:
            judged = replace(judged, reasons=tuple(replace(reason, text=self.hostile) for reason in judged.reasons))
        return DeploymentRow(
            deployment=deployment(revision),
            verdict=judged,
            requests=requests,
            refused_400=bad,
            refused_4xx=bad + other,
            failed_5xx=failed,
            aborted=aborted,
            low_400=low,
            high_400=high,
            new_kinds=0 if revision == 50 else 1,
            first_failure_ms=_STORY[revision][2] + 141_251,
            migration_outcome=Outcome.FAILED,
            migration_code=_STORY[revision][4][0][1],
            runs=self._runs(revision),
        )

    def _runs(self, revision: int) -> tuple[MigrationRun, ...]:
        runs = tuple(run(revision, number) for number in range(len(_STORY[revision][4])))
        if not self.hostile:
            return runs
        return tuple(
            replace(one, text=self.hostile, transcript=tuple(replace(line, text=self.hostile) for line in one.transcript))
            for one in runs
        )

    def deployment(self, deployment_id: str) -> DeploymentRow | None:
        return next((row for row in self.deployments() if row.deployment.deployment_id == deployment_id), None)

    def verdicts(self) -> list[Verdict]:
        return [row.verdict for row in self.deployments()]

    def timeline(self, deployment_id: str) -> list[TimelineStep]:
        row = self.deployment(deployment_id)
        if row is None:
            return []
        created = row.deployment.created_ms or 0
        steps = [
            ("registered", -333_000, ""),
            ("created", 0, ""),
            ("started", 6_000, "ECS started the rollout"),
            ("migrate", 67_016, "P3005: failed, exit code 1, the application continued"),
            ("listening", 87_051, "port 3001"),
            ("healthy", 96_329, "first 200 on the health check"),
            ("first_failure", 141_251, f"POST {NOTES} 400"),
            ("finished", 273_058, "ECS says SUCCESSFUL"),
        ]
        return [
            TimelineStep(kind=kind, at_ms=created + after, text=self.hostile or text, fingerprint=FINGERPRINT[50])
            for kind, after, text in steps
        ]

    def comparison(self, deployment_id: str) -> Comparison | None:
        found = self.failures(Filters())
        return Comparison(new=(), worse=(), gone=(found[2],), same=(found[1], found[3], found[5], found[6]))

    def migration_runs(self, filters: Filters) -> list[MigrationRun]:
        rows = [row for row in self.deployments() if filters.deployment_id in (None, row.deployment.deployment_id)]
        return [one for row in rows for one in row.runs]

    def rule_of(self, run: MigrationRun) -> str | None:
        return next((one.rule_id for one in self.findings(Filters()) if one.run_id == run.id), None)

    def failures(self, filters: Filters) -> list[FailureGroup]:
        found = [] if self.empty else groups()
        if self.hostile:
            found = [
                replace(
                    one,
                    title=self.hostile,
                    route=self.hostile,
                    fields=(self.hostile,),
                    code=self.hostile,
                    examples=tuple(self._hostile_finding(example) for example in one.examples),
                )
                for one in found
            ]
        return [one for one in found if _wanted(one, filters)]

    def _hostile_finding(self, one: Finding) -> Finding:
        text = self.hostile or ""
        return replace(
            one,
            title=text,
            route=text,
            path=text,
            fields=(text,),
            evidence=tuple(replace(line, text=text) for line in one.evidence),
        )

    def failure(self, fingerprint: str) -> FailureGroup | None:
        return next((one for one in self.failures(Filters()) if one.fingerprint == fingerprint), None)

    def ladder(self, filters: Filters) -> list[LadderCell]:
        if self.empty:
            return []
        cells = [
            LadderCell(
                method="POST",
                route=self.hostile or route,
                revision=revision,
                deployment_id=ID[revision],
                layer=layer,
                requests=count,
                answered=_ANSWERED[route][revision],
            )
            for route, ladder in ((NOTES, _NOTES_LADDER), ("/api/v1/auth/login", _LOGIN_LADDER))
            for revision, layers in ladder.items()
            for layer, count in layers.items()
        ]
        return [cell for cell in cells if filters.deployment_id in (None, cell.deployment_id)]

    def requests(self, filters: Filters) -> list[RouteRow]:
        if self.empty:
            return []
        rows = [
            RouteRow(
                method="POST",
                route=self.hostile or NOTES,
                deployment_id=ID[r],
                revision=r,
                requests=_ANSWERED[NOTES][r],
                by_status={201: _ANSWERED[NOTES][r] - sum(_NOTES_LADDER[r].values()), 400: sum(_NOTES_LADDER[r].values())},
                aborted=0,
            )
            for r in ID
        ] + [
            RouteRow(
                method="GET",
                route="/api/v1/reports/revenue",
                deployment_id=ID[r],
                revision=r,
                requests=3,
                by_status={500: 1},
                aborted=2,
            )
            for r in ID
        ]
        return [row for row in rows if filters.deployment_id in (None, row.deployment_id)]

    def failures_over_time(self, filters: Filters, buckets: int = 60) -> list[TimeCell]:
        if self.empty:
            return []
        return [
            TimeCell(
                bucket_ms=_STORY[r][2] + 120_000 + 300_000 * step,
                deployment_id=ID[r],
                revision=r,
                layer=layer,
                category=Category.VALIDATION,
                requests=max(1, count // 5),
            )
            for r, layers in _NOTES_LADDER.items()
            for layer, count in layers.items()
            for step in range(5)
        ]

    def fields(self, filters: Filters) -> list[FieldRow]:
        if self.empty:
            return []
        return [
            FieldRow(
                field=self.hostile or "appointmentId",
                code="invalid_string",
                layer=Layer.VALIDATION,
                method="POST",
                route=NOTES,
                requests=57,
                by_deployment={ID[46]: 48, ID[50]: 4},
            ),
            FieldRow(
                field="sessionDate",
                code=None,
                layer=Layer.ORM,
                method="POST",
                route=NOTES,
                requests=49,
                by_deployment={ID[48]: 49},
            ),
            FieldRow(
                field="appointmentId",
                code="23502",
                layer=Layer.DATABASE,
                method="POST",
                route=NOTES,
                requests=109,
                by_deployment={ID[49]: 66, ID[50]: 43},
            ),
        ]

    def findings(self, filters: Filters, limit: int = 200) -> list[Finding]:
        if self.empty:
            return []
        found = [finding(revision) for revision in sorted(_STORY, reverse=True)]
        if self.hostile:
            found = [self._hostile_finding(one) for one in found]
        return [one for one in found if filters.fingerprint in (None, one.fingerprint)][:limit]

    def finding(self, identifier: str) -> Finding | None:
        return next((one for one in self.findings(Filters()) if one.id == identifier), None)

    def context(self, finding_id: str, lines: int = 20) -> list[ContextLine]:
        one = self.finding(finding_id)
        if one is None:
            return []
        at = one.timestamp_ms
        return [
            ContextLine(
                timestamp_ms=at - 9000,
                text="",
                event_id=None,
                is_evidence=False,
                deployment_mark="deployment 50 (c3a7950) started",
            ),
            ContextLine(
                timestamp_ms=at - 4000,
                text=self.hostile or '<client:44> - - "GET /api/v1/appointments HTTP/1.1" 200 15075',
                event_id="e0",
                is_evidence=False,
                deployment_mark=None,
            ),
            ContextLine(timestamp_ms=at, text=one.evidence[0].text, event_id="e1", is_evidence=True, deployment_mark=None),
            ContextLine(timestamp_ms=at + 9, text=one.evidence[1].text, event_id="e2", is_evidence=True, deployment_mark=None),
        ]

    def sources(self) -> list[SourceRow]:
        if self.empty:
            return []
        return [
            SourceRow(
                stream=stream(r, n),
                attribution=Attribution(
                    stream=stream(r, n),
                    task_id=_STORY[r][4][n][0],
                    task_definition=f"mentalspace-backend-prod:{r}",
                    deployment_id=ID[r],
                    confidence=Confidence.EXACT,
                    rung="describe_tasks",
                ),
                coverage=Coverage(
                    stream=stream(r, n),
                    first_event_ms=_STORY[r][2] + 60_000,
                    last_event_ms=_STORY[r][3],
                    events=1658,
                    undecodable=0,
                    unexplained=2,
                ),
                packs_digest="3f9c01ab",
                last_fetch_ms=COMPLETE_TO,
            )
            for r in sorted(_STORY, reverse=True)
            for n in range(len(_STORY[r][4]))
        ]

    def unexplained(self) -> list[UnexplainedGroup]:
        if self.empty:
            return []
        return [
            UnexplainedGroup(
                fingerprint="v1:777777777777",
                stream=stream(50),
                count=2,
                first_ms=COMPLETE_TO - 90_000,
                last_ms=COMPLETE_TO - 60_000,
                example=Evidence(timestamp_ms=COMPLETE_TO - 60_000, text=self.hostile or "Error: socket hang up"),
            )
        ]


def _wanted(group: FailureGroup, filters: Filters) -> bool:
    return (
        filters.layer in (None, group.layer)
        and filters.category in (None, group.category)
        and filters.severity in (None, group.severity)
        and filters.fingerprint in (None, group.fingerprint)
        and (filters.deployment_id is None or filters.deployment_id in group.by_deployment)
        and (filters.route is None or filters.route == group.route)
    )


HOSTILE_HTML = '<img src=x onerror="document.title=1"><script>document.title=2</script><a href="http://evil.example">link</a>'
HOSTILE = {
    "html": HOSTILE_HTML,
    "markdown": "![x](http://evil.example/a.png) [link](http://evil.example) **bold** # head <http://evil.example>",
    "directives": ":material/home: :red[red] :rocket: $x^2$ :streamlit:",
    "control": "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \u202egnp.exe \x00 \u2028 next",
    "formula": '=HYPERLINK("http://evil.example")',
    "fence": "```\n# out of the fence\n</code></pre>",
}
HOSTILE["all"] = "\n".join(HOSTILE.values())
