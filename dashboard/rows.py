"""What screens ask and are answered: filters and rows, frozen. Times are epoch ms UTC; nouns are the parsers'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parsers import (
    Attribution,
    Category,
    Coverage,
    Deployment,
    Finding,
    Layer,
    MigrationRun,
    Outcome,
    Severity,
    StreamKey,
    Verdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """[start, end); None: open at that end."""

    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All of what is given must fit. Never free text: what was not kept cannot be searched."""

    service: str | None = None
    revision: int | None = None
    deployment_id: str | None = None
    category: Category | None = None
    layer: Layer | None = None
    severity: Severity | None = None
    method: str | None = None
    route: str | None = None
    status: int | None = None
    fingerprint: str | None = None
    window: Window = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """`requests` leaves health checks out; `low_400`, `high_400`: 95 % interval of the share of 400s; `new_kinds`: at level
    warning or worse, that no earlier deployment of the service had."""

    deployment: Deployment
    verdict: Verdict
    requests: int = 0
    refused_400: int = 0
    refused_4xx: int = 0
    failed_5xx: int = 0
    aborted: int = 0
    low_400: float = 0.0
    high_400: float = 1.0
    new_kinds: int = 0
    first_failure_ms: int | None = None
    first_failure: tuple[str, str] | None = None  # (title, fingerprint)
    migration_outcome: Outcome = Outcome.UNKNOWN
    migration_code: str | None = None
    runs: tuple[MigrationRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """One fingerprint. `clients`: distinct ones, counted to 500 a stream. `seen`: deployment id -> its (first, last) moment, for
    the deployments of `by_deployment`. `examples`: the newest first; none in a list, up to 20 when one group is asked for."""

    fingerprint: str
    title: str
    rule_id: str
    category: Category
    layer: Layer | None
    severity: Severity
    system: str | None = None
    code: str | None = None
    db_code: str | None = None
    implied_code: str | None = None
    method: str | None = None
    route: str | None = None
    status: int | None = None
    fields: tuple[str, ...] = ()
    requests: int = 0
    clients: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    by_deployment: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    examples: tuple[Finding, ...] = ()
    unexplained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderCell:
    """`answered`: every request of that route and deployment, health checks left out."""

    method: str | None
    route: str | None
    revision: int
    deployment_id: str
    layer: Layer
    requests: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    method: str | None
    route: str | None
    deployment_id: str
    revision: int
    requests: int
    by_status: Mapping[int, int]
    aborted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCell:
    bucket_ms: int
    deployment_id: str | None
    revision: int | None
    layer: Layer | None
    category: Category
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineStep:
    """`kind`: registered created started migrate listening healthy first_failure finished superseded. `fingerprint`: of a
    failure, for the way to its page."""

    kind: str
    at_ms: int | None
    text: str = ""
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A deployment's kinds of failure against those of the deployment before."""

    new: tuple[FailureGroup, ...] = ()
    worse: tuple[FailureGroup, ...] = ()
    gone: tuple[FailureGroup, ...] = ()
    same: tuple[FailureGroup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    field: str
    code: str | None
    layer: Layer | None
    method: str | None
    route: str | None
    requests: int
    by_deployment: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    stream: StreamKey
    attribution: Attribution
    coverage: Coverage
    open_slices: int = 0
    settled_slices: int = 0
    verified_slices: int = 0
    packs_digest: str = ""
    last_fetch_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextLine:
    """A redacted event near a finding; or, with `deployment_mark`, a deployment that began there."""

    timestamp_ms: int
    text: str
    event_id: str | None = None
    is_evidence: bool = False
    deployment_mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccount:
    """What the last fetch from AWS took: calls by `service:API`, IAM actions that were refused, bytes of log pages."""

    read_ms: int
    calls: Mapping[str, int] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    response_bytes: int = 0
