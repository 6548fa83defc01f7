"""The nouns: what is read, what is found, what is judged. No behaviour beyond what a noun knows of itself.

Every time is an integer of epoch milliseconds (`*_ms`, UTC) inside the house; text forms are RFC 3339 UTC with
milliseconds (`rfc3339`) and made only at the exits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from parsers.frozen import quickly_made

SCHEMA_VERSION = 1


class Category(StrEnum):
    MIGRATION = "migration"
    VALIDATION = "validation"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    DATABASE = "database"
    CONNECTION = "connection"
    STARTUP = "startup"


class Outcome(StrEnum):
    """Of a migration run; the last two of a deployment only."""

    APPLIED = "applied"
    NOTHING_TO_DO = "nothing_to_do"
    FAILED = "failed"
    RUNNING = "running"
    STUCK = "stuck"
    PENDING = "pending"
    RESOLVED = "resolved"
    ROLLED_BACK = "rolled_back"
    DRIFT = "drift"
    NEVER_RAN = "never_ran"
    UNKNOWN = "unknown"
    NOT_SEEN = "not_seen"
    SUSPECT = "suspect"


class Layer(StrEnum):
    """Who refused a request."""

    BODY_PARSER = "body_parser"
    AUTH = "auth"
    RATE_LIMIT = "rate_limit"
    ROUTING = "routing"
    VALIDATION = "validation"
    BUSINESS_RULE = "business_rule"
    CONTROLLER = "controller"
    ORM = "orm"
    DATABASE = "database"
    UNHANDLED = "unhandled"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Confidence(StrEnum):
    EXACT = "exact"
    STRONG = "strong"
    INFERRED = "inferred"
    WEAK = "weak"
    UNKNOWN = "unknown"


class VerdictValue(StrEnum):
    PASS = "PASS"  # noqa: S105  a verdict, no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class MarkKind(StrEnum):
    """The steps of a start-up that a rule can mark."""

    BEGIN = "begin"  # a migration run is announced or the tool's first line
    FOUND = "found"  # n migrations found
    APPLYING = "applying"  # one migration started
    APPLIED = "applied"  # one migration, or n, done
    NOTHING_TO_DO = "nothing_to_do"
    PENDING = "pending"  # a listing or a plan with work left
    FAILED = "failed"
    LOCKED = "locked"  # waits for a lock
    RESOLVED = "resolved"  # marked by hand (resolve, stamp, fake, baseline)
    ROLLED_BACK = "rolled_back"
    DRIFT = "drift"
    NEVER_RAN = "never_ran"
    EXIT = "exit"  # a start script reports the exit code of the migration command
    CONTINUING = "continuing"  # ... and goes on
    READY = "ready"  # the application listens
    TERMINATED = "terminated"  # SIGTERM, shutting down
    CRASHED = "crashed"  # the process died of an error
    STEP = "step"  # chatter of the tool: belongs to the run, says nothing


class CauseLink(StrEnum):
    """How a cause was tied to the request it explains."""

    REQUEST_ID = "request_id"
    ROUTE = "route"  # same method and path
    CLIENT = "client"
    ORDER = "order"  # the only refusal it can belong to, by order in the stream
    SAME_LINE = "same_line"  # the access line itself says the cause
    AMBIGUOUS = "ambiguous"
    NONE = "none"  # no access line: the cause stands for itself


class CheckId(StrEnum):
    TARGET_RUNS = "target_runs"
    START_UP = "start_up"
    NEW_OR_WORSE = "new_or_worse"
    FIX_EFFECTIVE = "fix_effective"
    ENOUGH_EVIDENCE = "enough_evidence"


class ReasonCode(StrEnum):
    MIGRATION_FAILED_CONTINUED = "migration_failed_continued"
    MIGRATION_FAILED = "migration_failed"
    MIGRATION_SUSPECT = "migration_suspect"
    MIGRATION_PENDING = "migration_pending"
    MIGRATION_STUCK = "migration_stuck"
    MIGRATION_NOT_SEEN = "migration_not_seen"
    MIGRATION_UNPROVEN = "migration_unproven"
    NEVER_RAN = "never_ran"
    STARTUP_FAILED = "startup_failed"
    CRASH_LOOP = "crash_loop"
    ROLLED_BACK = "rolled_back"
    WRONG_REVISION = "wrong_revision"
    IN_PROGRESS = "in_progress"
    FIX_NOT_EFFECTIVE = "fix_not_effective"
    NEW_FAILURE = "new_failure"
    WORSE_RATE = "worse_rate"
    STILL_FAILING = "still_failing"
    LOGS_MISSING = "logs_missing"
    NOT_SETTLED = "not_settled"
    UNATTRIBUTED = "unattributed"
    TOO_FEW_REQUESTS = "too_few_requests"
    LINES_MAY_BE_LOST = "lines_may_be_lost"
    CONTROLLER_NOT_JUDGED = "controller_not_judged"
    CONTRADICTION = "contradiction"


def rfc3339(timestamp_ms: int | None) -> str | None:
    """`2025-11-19T02:57:56.060Z` for epoch milliseconds; None stays None; out of range is None."""
    if timestamp_ms is None:
        return None
    try:
        moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03d}Z"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StreamKey:
    """A log stream and where it lives. Empty strings where the input does not say."""

    log_group: str = ""
    log_stream: str = ""
    account: str = ""
    region: str = ""

    @property
    def task_id(self) -> str | None:
        """Task id of an awslogs stream `prefix/container/task`, parsed from the right; None when it is no task id.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
        """
        parts = self.log_stream.rsplit("/", 2)
        last = parts[-1]
        if len(parts) < 2:  # FireLens: `<container>-firelens-<task id>`
            last = last.rsplit("-firelens-", 1)[-1]
        compact = last.replace("-", "")
        is_hex = len(compact) == 32 and all(c in "0123456789abcdef" for c in compact.lower())
        return last if is_hex else None

    @property
    def container(self) -> str | None:
        parts = self.log_stream.rsplit("/", 2)
        return parts[-2] if len(parts) >= 2 and self.task_id else None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One log event as fetched. Raw: never leaves `parsers`, never stored."""

    stream: StreamKey
    timestamp_ms: int
    text: str
    event_id: str | None = None
    ingestion_ms: int | None = None
    file: str | None = None
    line: int | None = None
    undecodable: bool = False  # bad bytes or a broken wrapper: kept as text, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One redacted line that proves something. At most 500 characters."""

    timestamp_ms: int
    text: str
    event_id: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A step of a start-up, as one rule read it."""

    kind: MarkKind
    tool: str | None = None  # None: a start script or the application itself
    code: str | None = None
    implied_code: str | None = None
    db_code: str | None = None
    migration: str | None = None  # its name, as printed
    migrations: tuple[str, ...] = ()
    count: int | None = None  # found n, applied n
    exit_code: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule's hit on one record, redacted. `category` None: the rule only marks."""

    rule_id: str
    category: Category | None = None
    system: str | None = None
    code: str | None = None
    db_code: str | None = None
    implied_code: str | None = None
    layer: Layer | None = None
    severity: Severity | None = None
    status: int | None = None  # an own answer's status, when the record names it
    method: str | None = None
    path: str | None = None  # redacted, without the query
    route: str | None = None
    fields: tuple[str, ...] = ()
    table: str | None = None
    title: str = ""
    request_id: str | None = None
    client: str | None = None  # keyed token
    mark: Mark | None = None
    extraction_cut: bool = False  # extraction ran out of time or size: counted all the same
    in_run: bool | None = None  # True: counts only inside an open migration run; False: only outside
    priority: int = 0
    framework: bool = False  # only repeats the answer: says the layer, is no cause


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One answered (or aborted) request, as an access line tells it."""

    method: str | None
    path: str | None  # redacted, without the query
    route: str | None
    status: int | None
    aborted: bool = False
    health_check: bool = False
    request_id: str | None = None
    client: str | None = None
    opening: bool = False  # only the request's beginning ("incoming request"); its end carries the id
    framework: bool = False  # a framework's own answer line, folded into an access line of the same request


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What one record of one stream contributed: matches, an access line, or an unexplained error. Redacted."""

    timestamp_ms: int
    seq: int  # order among equal timestamps of the stream
    last_ms: int  # timestamp of the record's last event
    events: int = 1  # how many events the record swallowed
    event_ids: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    matches: tuple[Match, ...] = ()  # the deciding one first
    access: Access | None = None
    unexplained: bool = False
    fingerprint: str = ""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    id: str
    rule_id: str
    category: Category
    system: str | None
    code: str | None
    db_code: str | None
    implied_code: str | None
    severity: Severity
    outcome: Outcome | None
    layer: Layer | None
    status: int | None
    aborted: bool
    method: str | None
    route: str | None
    path: str | None
    fields: tuple[str, ...]
    title: str
    evidence: tuple[Evidence, ...]
    fingerprint: str
    stream: StreamKey
    timestamp_ms: int
    event_ids: tuple[str, ...]
    request_id: str | None
    client: str | None
    cause_link: CauseLink | None
    run_id: str | None = None
    events: int = 1  # log events folded into this finding
    table: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptLine:
    timestamp_ms: int
    text: str  # redacted, at most 2,000 characters
    mark: MarkKind | None = None
    guilty: bool = False
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRun:
    id: str
    tool: str | None
    outcome: Outcome
    confidence: Confidence
    error_code: str | None
    implied_code: str | None
    db_code: str | None
    migrations_found: int | None
    applied_count: int | None
    applied: tuple[str, ...]
    failed_migration: str | None
    exit_code: int | None
    application_continued: bool
    ready: bool
    stream: StreamKey
    started_ms: int
    ended_ms: int
    event_ids: tuple[str, ...]
    transcript: tuple[TranscriptLine, ...]
    open: bool = False  # no end was seen
    text: str = ""  # the tool's own words for the failure, redacted

    @property
    def code(self) -> str | None:
        """The code to name its failure by: printed, implied by the words, or the database's."""
        return self.error_code or self.implied_code or self.db_code


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RequestCount:
    """Requests of one stream and minute (UTC, epoch ms of its start) by method, route template and status."""

    stream: StreamKey
    minute_ms: int
    method: str = ""
    route: str = ""
    status: int = 0  # 0: none was sent or none is known
    aborted: bool = False
    health_check: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    stream: StreamKey
    first_event_ms: int | None
    last_event_ms: int | None
    events: int
    undecodable: int
    unexplained: int
    last_ingestion_ms: int | None = None
    has_access_lines: bool = False
    ready_ms: tuple[int, ...] = ()  # when the application said that it listens
    terminated_ms: tuple[int, ...] = ()
    crashed_ms: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()  # stretches that were asked for and not seen, [start, end) ms
    told: tuple[str, ...] = ()  # family:revision, as the records themselves name it (FireLens)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexplainedGroup:
    """Errors that no rule took, grouped: shown as new kinds, never lost."""

    fingerprint: str
    stream: StreamKey
    count: int
    first_ms: int
    last_ms: int
    example: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSighting:
    """What ECS said about one task, once. Kept: ECS forgets a stopped task after about an hour."""

    task_id: str
    task_definition: str  # family:revision
    cluster: str = ""
    group: str = ""  # service:NAME, or family:NAME for a one-off task
    started_by: str = ""  # ecs-svc/… of the deployment, or whoever ran it
    created_ms: int | None = None
    started_ms: int | None = None
    stopped_ms: int | None = None
    last_status: str = ""
    stop_code: str | None = None
    stopped_reason: str | None = None
    exit_code: int | None = None  # of the service's own container, not of a sidecar
    image: str | None = None
    image_digest: str | None = None
    health: str | None = None
    seen_ms: int | None = None
    source: Confidence = Confidence.EXACT
    rung: str = "describe_tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """family:revision with what may be kept of it: environment values only of an allow-list of names."""

    family: str
    revision: int
    image: str | None = None
    commit: str | None = None
    registered_ms: int | None = None
    log_groups: tuple[str, ...] = ()
    stream_prefixes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    log_driver: str | None = None
    log_mode: str | None = None  # blocking | non-blocking | None (the account's default)
    environment_names: tuple[str, ...] = ()
    secret_names: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.family}:{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Which deployment a stream belongs to, and how we know. Several candidates: never a single answer."""

    stream: StreamKey
    task_id: str | None
    task_definition: str | None
    deployment_id: str | None
    confidence: Confidence
    rung: str
    candidates: tuple[str, ...] = ()
    contradiction: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentTask:
    task_id: str
    log_stream: str | None
    confidence: Confidence
    migration_outcome: Outcome
    ready: bool | None
    exit_code: int | None
    stopped_reason: str | None
    started_ms: int | None = None
    stopped_ms: int | None = None
    error_code: str | None = None
    application_continued: bool = False
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A rollout of a task definition revision to a service."""

    deployment_id: str
    account: str
    region: str
    cluster: str
    service: str
    task_definition: str  # family:revision
    revision: int
    commit: str | None
    image: str | None
    image_digest: str | None
    created_ms: int | None
    started_ms: int | None
    finished_ms: int | None
    ecs_status: str
    previous_task_definition: str | None = None
    rollback_reason: str | None = None
    failed_tasks: int = 0
    controller: str = "ECS"
    log_mode: str | None = None
    tasks: tuple[DeploymentTask, ...] = ()
    superseded_ms: int | None = None  # when the next deployment of the service started


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    id: CheckId
    result: VerdictValue
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    code: ReasonCode
    text: str
    finding_id: str | None = None
    run_id: str | None = None
    numbers: dict[str, int | float | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """`migrations`: auto | at_start | own_task | none. `persistent_share`: refusals of a route from which it counts as failing."""

    migrations: str = "auto"
    min_requests: int = 20
    settle_ms: int = 5 * 60_000
    persistent_requests: int = 5
    persistent_share: float = 0.1
    fixes: tuple[str, ...] = ()  # fingerprints that this deployment claims to have fixed
    baseline: str = "last-healthy"  # or a deployment by its name (`is_named`)
    expect: tuple[str, ...] = ()  # "POST /api/v1/clinical-notes 201"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    deployment_id: str
    verdict: VerdictValue
    decided_at_ms: int
    complete_to_ms: int | None
    checks: tuple[Check, ...]
    reasons: tuple[Reason, ...]
    needed: tuple[str, ...] = ()


def minutes(start_ms: int, end_ms: int) -> Iterator[int]:
    """The starts of the UTC minutes that [start_ms, end_ms) touches."""
    yield from range(start_ms - start_ms % 60_000, end_ms, 60_000)
