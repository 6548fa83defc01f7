"""`triage fetch`: from a cluster and service (or log groups) to slices in the store.

    with Workspace.open(settings) as workspace:
        report = run_fetch(settings, FetchRequest(since_ms=2 * 3_600_000), keeper_of(workspace), progress=print)

ECS is asked first (its answers are kept at once: it forgets), then the logs are pulled cell by cell, newest first, then the
streams are tied to deployments. Everything that is complete is in the store at any moment; a fetch that was killed goes on
where it was. Times are AWS's: every answer carries its clock, a laptop's wrong clock moves no window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

from dashboard.fetchers.board import Api
from dashboard.fetchers.cloudwatch import find_log_group, lines_around
from dashboard.fetchers.ecs import EcsQuestion, LogPlaces, ask_ecs, log_places
from dashboard.fetchers.failures import AwsError, FetchStopped
from dashboard.fetchers.keeping import StoreSink
from dashboard.fetchers.plan import Plan, plan_pull
from dashboard.fetchers.pull import Progress, Pull, PullOptions, PullReport
from dashboard.fetchers.quotas import DEFAULT_SHARE, Pace
from dashboard.fetchers.session import SKEW_WORTH_NAMING_MS, Aws, AwsSettings
from dashboard.fetchers.sightings import sighted_elsewhere
from dashboard.fetchers.slices import OVERLAP_MS, Gap, Scope, Window, cell_start
from dashboard.settings import Settings
from dashboard.store import Database, SliceState, ecs, fetched, rollups, slices
from parsers import EcsFacts, Event, NotSeenError, Reader, StreamKey, attribute, counted, ecs_facts, rfc3339

DEFAULT_SINCE_MS = 2 * 3_600_000
LONG_MS = 3 * 3_600_000  # windows from this on are planned first
VERIFY_UP_TO_PAGES = 40  # a pull so small is read twice without being asked to
POLL_S = 5.0
ECS_EVERY_S = 60.0
DAY_MS = 86_400_000

_DEFINITIONS = "ecs:DescribeTaskDefinition"

ProgressCall = Callable[[Progress], None]


class Keeper(Protocol):
    """What a fetch needs of a Workspace."""

    @property
    def database(self) -> Database: ...
    @property
    def reader(self) -> Reader: ...
    @property
    def packs_digest(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What to fetch. Times are epoch ms UTC; without a start it is the last two hours. `verify` None: when it is cheap."""

    since_ms: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    task_definition: str | None = None
    streams: tuple[str, ...] = ()
    api: Api = Api.AUTO
    quota_share: float = DEFAULT_SHARE
    quotas: Mapping[str, float] | None = None
    verify: bool | None = None
    again: bool = False
    overlap_ms: int = OVERLAP_MS
    newest_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What a fetch did. `complete` when all that was asked for is in the store."""

    origin: str
    window: Window
    scopes: tuple[Scope, ...]
    events: int
    streams: int
    cells: int
    open: int
    settled: int
    verified: int
    gaps: tuple[Gap, ...]
    notices: tuple[str, ...]
    deployments: int
    interrupted: bool
    pages: int
    calls: Mapping[str, int]
    throttles: int
    complete_to_ms: int | None
    elapsed_s: float

    @property
    def complete(self) -> bool:
        """Nothing that was asked for is missing."""
        return not self.gaps and not self.interrupted

    def lines(self) -> list[str]:
        """The report in a few lines of plain text."""
        told = [
            f"{counted(self.events, 'event')} of {counted(self.streams, 'stream')}, {counted(self.pages, 'page')} in {self.elapsed_s:.1f} s, "
            f"{counted(self.deployments, 'deployment')}",
            f"{rfc3339(self.window.start_ms)} to {rfc3339(self.window.end_ms)}: {counted(self.cells, 'stretch')} read now "
            f"({self.verified} verified, {self.settled} settled, {self.open} open)",
        ]
        told += [
            f"NOT SEEN {gap.scope.log_group} {rfc3339(gap.start_ms)} to {rfc3339(gap.end_ms)}: {gap.reason}" for gap in self.gaps
        ]
        return told + [f"note: {notice}" for notice in self.notices]


@dataclass(slots=True)
class Fetcher:
    """One session's fetches: asks ECS, pulls, ties streams to deployments. Not for several threads at once."""

    settings: Settings
    keeper: Keeper
    aws: Aws
    request: FetchRequest
    monotonic: Callable[[], float] = time.monotonic
    places: LogPlaces = field(default_factory=lambda: LogPlaces(scopes=(), notices=(), may_lose_lines=False))
    notices: list[str] = field(default_factory=list)
    _asked_ecs_s: float | None = None
    _scopes: tuple[Scope, ...] = ()
    _account: str = ""
    _denied: tuple[str, ...] = ()  # actions of ECS
    _told_denied: tuple[str, ...] | None = None

    # ---- the steps ----
    def prepare(self) -> None:
        """Who we are, what ECS says, where the logs are.

        Raises:
            NotSeenError: nothing to read: no credentials, no such cluster, service or group, or none that can be read.
        """
        if not (self.settings.cluster or self.settings.log_groups):
            raise NotSeenError(
                "neither a cluster nor a log group is named", hint="add --cluster NAME --service NAME, or --log-group NAME"
            )
        self._account = self._who()
        self._name_skew()
        if self.settings.cluster:
            self.ask_ecs()
        self._scopes = tuple(self._readable_scopes())

    def _who(self) -> str:
        try:
            return self.aws.account
        except AwsError as error:
            if error.credentials or error.code == "NoRegionError":
                raise
            self.notices.append(f"{error}: the account is read from ECS's answers")
            return ""

    def _name_skew(self) -> None:
        skew = self.aws.skew_ms or 0
        if abs(skew) > SKEW_WORTH_NAMING_MS:
            self.notices.append(
                f"this machine's clock is {timedelta(seconds=abs(skew) // 1000)} {'behind' if skew > 0 else 'ahead of'} AWS's; AWS's is used"
            )

    def ask_ecs(self) -> None:
        """Ask ECS and keep what it says at once."""
        answers = ask_ecs(self.aws, EcsQuestion(
            cluster=self.settings.cluster or "", service=self.settings.service, task_definition=self.request.task_definition,
        ))  # fmt: skip
        self._asked_ecs_s = self.monotonic()
        self._account = self._account or answers["_about"]["account"]
        self._denied = tuple(answers["_about"]["denied"])
        self.notices.extend(answers["_about"]["notices"])
        self.places = log_places(answers, self.aws.region)
        self.notices.extend(self.places.notices)
        self.keep(answers)

    def keep(self, answers: Mapping[str, Any]) -> None:
        """Keep ECS answers in the store."""
        facts = ecs_facts(answers)
        now_ms = self.aws.now_ms()
        with self.keeper.database.write() as sql:
            origin = slices.origin_id(sql, self.origin, now_ms)
            ecs.keep_facts(sql, origin, facts)

    @property
    def origin(self) -> str:
        """The name of this source in the store."""
        return f"aws:{self._account or 'unknown'}/{self.aws.region}/{self.settings.cluster or '-'}"

    def _readable_scopes(self) -> list[Scope]:
        named = [
            Scope(region=self.aws.region, log_group=group, streams=self.request.streams) for group in self.settings.log_groups
        ]
        scopes = list(dict.fromkeys([*self.places.scopes, *named]))
        readable: list[Scope] = []
        refused: list[str] = []
        for scope in scopes:
            why = self._why_not(scope)
            (refused.append(why) if why else readable.append(scope))
        if not readable:
            raise self._nothing_to_read(scopes, refused)
        self.notices.extend(refused)
        return readable

    def _nothing_to_read(self, scopes: Sequence[Scope], refused: Sequence[str]) -> NotSeenError:
        if not scopes and _DEFINITIONS in self._denied:
            return NotSeenError(
                f"{_DEFINITIONS} in {self.aws.region} is denied: where the containers log to is not known",
                hint=f"triage doctor --iam-policy   (grant {_DEFINITIONS} to this identity; or add --log-group NAME)",
            )
        reasons = "; ".join(refused) or "the task definitions name no CloudWatch log group"
        return NotSeenError(f"no log group can be read: {reasons}", hint=self._groups_hint(scopes))

    def _why_not(self, scope: Scope) -> str:
        try:
            group = find_log_group(self.aws, scope.log_group, scope.region)
        except AwsError as error:
            if not error.denied:
                raise
            self.notices.append(f"{error}. {error.hint}")
            return ""  # read it and see
        if group is None:
            return f"there is no log group {scope.log_group} in {scope.region}"
        return "" if group.readable else f"{group.why_not}. {group.what_to_do}"

    def _groups_hint(self, scopes: Sequence[Scope]) -> str:
        region = scopes[0].region if scopes else self.aws.region
        flag = f" --profile {self.settings.profile}" if self.settings.profile else ""
        return f"aws logs describe-log-groups{flag} --region {region} --query 'logGroups[].[logGroupName,logGroupClass]'"

    def window(self) -> Window:
        """The window that is asked for, by AWS's clock.

        Raises:
            NotSeenError: it lies in the future, or ends before it starts.
        """
        now_ms = self.aws.now_ms()
        end_ms = min(self.request.end_ms or now_ms, now_ms)
        start_ms = (
            self.request.start_ms if self.request.start_ms is not None else end_ms - (self.request.since_ms or DEFAULT_SINCE_MS)
        )
        if start_ms >= now_ms:
            raise NotSeenError(
                f"the window starts at {rfc3339(start_ms)}, which is in the future (now: {rfc3339(now_ms)})",
                hint="times are UTC; try --since 2h",
            )
        if start_ms >= end_ms:
            raise NotSeenError(
                f"the window ends ({rfc3339(end_ms)}) before it starts ({rfc3339(start_ms)})",
                hint="--start-time before --end-time",
            )
        return Window(start_ms=start_ms, end_ms=end_ms)

    def plan(self, window: Window) -> Plan:
        """What pulling the window will bring and cost."""
        return plan_pull(self.aws, self._scopes, window)

    def pull(self, window: Window, progress: ProgressCall | None = None, plan: Plan | None = None) -> FetchReport:
        """Pull the window into the store.

        Raises:
            AwsError: nothing more can be read; what was read is kept.
        """
        sink = StoreSink(
            self.keeper.database, self.keeper.reader, packs_digest=self.keeper.packs_digest, origin=self.origin,
            account=self._account, now_ms=self.aws.now_ms, monotonic=self.monotonic,
        )  # fmt: skip
        puller = Pull(self.aws, sink, self._options(window, plan), progress=progress, monotonic=self.monotonic)
        try:
            report = puller.run(self._scopes, window)
        finally:
            if not puller.broken:
                sink.flush()
        if sink.fewer:
            self.notices.append(
                f"{counted(sink.fewer, 'stretch')} held fewer events than at an earlier reading; the fuller readings are kept"
            )
        complete_to = self._settle(sink, window, report)
        return self._report(report, sink, window, complete_to)

    def _options(self, window: Window, plan: Plan | None) -> PullOptions:
        verify = self.request.verify
        if verify is None:
            small = (
                plan.pages <= VERIFY_UP_TO_PAGES if plan is not None and plan.pages is not None else window.length_ms <= LONG_MS
            )
            verify = small
        return PullOptions(
            api=self.request.api, newest_first=self.request.newest_first, verify=verify, overlap_ms=self.request.overlap_ms,
            again=self.request.again, planned_s=plan.seconds if plan is not None else None,
        )  # fmt: skip

    def _settle(self, sink: StoreSink, window: Window, report: PullReport) -> int | None:
        """After a pull: find the tasks that nobody has described yet, tie streams to deployments, note how far we are."""
        if self.settings.cluster and not report.interrupted:
            self._look_for_tasks(sink, window)
        complete_to = self._complete_to(window)
        database, now_ms = self.keeper.database, self.aws.now_ms()
        with database.write() as sql:
            origin = slices.origin_id(sql, self.origin, now_ms)
            slices.origin_read(sql, origin, as_of_ms=now_ms, complete_to_ms=complete_to, read_ms=now_ms)
        facts = ecs.facts_of(database, origin)
        coverage = [state.coverage for state in rollups.streams(database, origin=origin)]
        with database.write() as sql:
            ecs.keep_attributions(sql, attribute(coverage, facts, given=self.settings.tasks))
        return complete_to

    def _look_for_tasks(self, sink: StoreSink, window: Window) -> None:
        unknown = self._unknown_tasks(sink)
        if not unknown:
            return
        cluster = self.settings.cluster or ""
        try:
            answers = ask_ecs(self.aws, EcsQuestion(cluster=cluster, service=self.settings.service, task_ids=tuple(unknown)))
            self.keep(answers)
        except AwsError as error:
            self.notices.append(f"{error}. {error.hint}")
        left = self._unknown_tasks(sink)
        if left:
            since = Window(start_ms=max(0, window.start_ms - DAY_MS), end_ms=window.end_ms)
            found, notices = sighted_elsewhere(self.aws, cluster, self.aws.region, self._account, left, since)
            self.notices.extend(notices)
            if found["describe_tasks_snapshots"]:
                self.keep(found)

    def _unknown_tasks(self, sink: StoreSink) -> list[str]:
        seen = {sighting.task_id for sighting in self._facts().sightings}
        ids = {stream.task_id for stream in sink.streams if stream.task_id}
        return sorted(ids - seen)

    def _facts(self) -> EcsFacts:
        return ecs.facts_of_name(self.keeper.database, self.origin)

    def _complete_to(self, window: Window) -> int | None:
        """Up to when every scope was read and settled without a hole, from the window's start on."""
        reached = []
        for scope in self._scopes:
            start_ms = at_ms = cell_start(window.start_ms)
            for cell in fetched.cells_of(
                self.keeper.database, self.origin, scope.region, scope.log_group, scope.selection, start_ms, window.end_ms
            ):
                if cell.start_ms > at_ms or cell.state is SliceState.OPEN:
                    break
                at_ms = cell.end_ms
            reached.append(at_ms)
        return min(reached, default=None)

    def _keep_account(self, report: PullReport) -> None:
        """What this fetch took, for the page of sources; a poll that brought nothing is no news to any page."""
        denied = tuple(sorted(self.aws.denied))
        if self._told_denied == denied and not report.events:
            return
        self._told_denied = denied
        account = {
            "read_ms": self.aws.now_ms(), "calls": dict(self.aws.calls), "denied": denied,
            "response_bytes": report.tally.response_bytes,
        }  # fmt: skip
        with self.keeper.database.write() as sql:
            fetched.keep_account(sql, account)

    def _report(self, report: PullReport, sink: StoreSink, window: Window, complete_to: int | None) -> FetchReport:
        self._keep_account(report)
        return FetchReport(
            origin=self.origin, window=window, scopes=self._scopes, events=report.events, streams=len(sink.streams), cells=report.cells,
            open=report.open, settled=report.settled, verified=report.verified, gaps=report.gaps,
            notices=tuple(dict.fromkeys((*self.notices, *report.notices))), deployments=len(self._facts().deployments),
            interrupted=report.interrupted, pages=report.tally.pages, calls=dict(self.aws.calls), throttles=self.aws.throttles,
            complete_to_ms=complete_to, elapsed_s=report.elapsed_s,
        )  # fmt: skip

    # ---- following ----
    def follow(
        self,
        *,
        progress: ProgressCall | None = None,
        on_poll: Callable[[FetchReport], None] | None = None,
        sleep: Callable[[float], object] | None = None,
        polls: int | None = None,
    ) -> FetchReport:
        """Read on, oldest first, until stopped: what may still change (the overlap) is read again at every poll.

        `polls` ends it after so many, for tests. A poll that fails for a passing reason is told and tried again.
        """
        wait = sleep or self.aws.wait
        self.request = replace(self.request, newest_first=False, verify=False)
        start_ms = self.window().start_ms
        report = self.pull(self.window(), progress)
        done = 0
        while not report.interrupted and (polls is None or done < polls):
            try:
                wait(max(POLL_S, report.elapsed_s))
                report = self._poll(start_ms, progress)
            except FetchStopped:
                return replace(report, interrupted=True)
            except KeyboardInterrupt:
                return replace(report, interrupted=True)
            except AwsError as error:
                if not error.transient:
                    raise
                self.notices.append(str(error))
            done += 1
            if on_poll:
                on_poll(report)
        return report

    def _poll(self, start_ms: int, progress: ProgressCall | None) -> FetchReport:
        stale = self._asked_ecs_s is None or self.monotonic() - self._asked_ecs_s >= ECS_EVERY_S
        if self.settings.cluster and stale:
            self.ask_ecs()
            self._scopes = tuple(dict.fromkeys([*self._scopes, *self.places.scopes]))
        end_ms = self.aws.now_ms()
        return self.pull(
            Window(start_ms=max(start_ms, cell_start(end_ms - self.request.overlap_ms) - DAY_MS), end_ms=end_ms), progress
        )


def connect(settings: Settings, request: FetchRequest | None = None, *, stop: threading.Event | None = None, **rest: Any) -> Aws:
    """A session as the settings say.

    Raises:
        AwsError: no such profile, or a broken configuration.
    """
    request = request or FetchRequest()
    pace = Pace(share=request.quota_share, overrides=request.quotas)
    return Aws(
        AwsSettings(region=settings.region, profile=settings.profile, endpoint_url=settings.endpoint_url, pace=pace),
        stop=stop,
        **rest,
    )


def run_fetch(
    settings: Settings,
    request: FetchRequest,
    keeper: Keeper,
    *,
    progress: ProgressCall | None = None,
    say: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    follow: bool = False,
    aws: Aws | None = None,
) -> FetchReport:
    """One whole fetch; `keeper` is a Workspace. `say` gets the plan and other lines for the person who waits.

    Raises:
        NotSeenError: exit code 4, with what happened, on which API in which region, and the command that mends it.
    """
    fetcher = Fetcher(settings=settings, keeper=keeper, aws=aws or connect(settings, request, stop=stop), request=request)
    fetcher.prepare()
    window = fetcher.window()
    plan = fetcher.plan(window) if window.length_ms >= LONG_MS else None
    if plan is not None and say:
        say(plan.sentence())
    if follow:
        return fetcher.follow(progress=progress, on_poll=(lambda report: say(report.lines()[0])) if say else None)
    report = fetcher.pull(window, progress, plan)
    if not report.cells and report.gaps and not report.interrupted:
        raise NotSeenError(report.gaps[0].reason, hint="triage doctor")
    return report


def events_around(settings: Settings, stream: StreamKey, at_ms: int, lines: int, *, aws: Aws | None = None) -> list[Event]:
    """A stream's events around an instant, asked of AWS again: at most `lines` before it and as many after. Raw: to be redacted.

    Raises:
        AwsError: AWS does not answer; exit code 4.
    """
    scope = Scope(region=stream.region, log_group=stream.log_group, streams=(stream.log_stream,))
    found = lines_around(aws or connect(settings), scope, stream.log_stream, at_ms, lines)
    return [
        Event(stream=stream, timestamp_ms=one.timestamp, text=one.message, event_id=one.event_id, ingestion_ms=one.ingestion)
        for one in found
    ]
