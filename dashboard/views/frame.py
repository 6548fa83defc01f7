"""What every page is given: the workspace's answers (cached until the store changes), the view's state, zone and theme."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from dashboard import words
from dashboard.rows import Filters, Window
from dashboard.state import ViewState, route_id

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from dashboard.refresh import Refresh
    from dashboard.rows import (
        AwsAccount,
        Comparison,
        ContextLine,
        DeploymentRow,
        FailureGroup,
        FieldRow,
        LadderCell,
        RouteRow,
        SourceRow,
        TimeCell,
        TimelineStep,
    )
    from dashboard.workspace import Workspace
    from parsers import Finding, MigrationRun, StandaloneTasks, UnexplainedGroup


Made = TypeVar("Made")
_STALE_MS = 10 * 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Read-only. `version` is the store's at the beginning of this run: one page never mixes two states of the store.

    `identity` names the store within this process: answers of two stores are kept apart. A page calls `let_draw` when what is
    looked at first is complete: what follows comes to the browser in a second turn."""

    workspace: Workspace
    state: ViewState
    zone: tzinfo
    dark: bool
    version: int
    identity: str
    pages: Mapping[str, StreamlitPage] = field(default_factory=dict)
    refresh: Refresh | None = None
    open_workspace: Callable[[], Workspace] | None = None
    let_draw: Callable[[], None] = lambda: None

    def _ask(self, question: str, *arguments: Any) -> Any:
        return _answer(self.workspace, self.identity, self.version, question, repr(arguments), arguments)

    def made(self, name: str, make: Callable[[], Made], *given: Any) -> Made:
        """A figure or table made of this store's answers, made once for each view: half of a page's time goes into them.

        `given`: what `make` looks at beside this frame. Nobody may change what comes back.
        """
        view = repr((self.state, str(self.zone), self.dark, given))
        made: Made = _made(make, self.identity, self.version, name, view)
        return made

    def deployments(self) -> list[DeploymentRow]:
        rows: list[DeploymentRow] = self._ask("deployments", self.state.service)
        return [row for row in rows if self._inside(row)]

    def every_deployment(self) -> list[DeploymentRow]:
        """Of all services and times: a link to one deployment opens it whatever window is set."""
        return self._ask("deployments", None)  # type: ignore[no-any-return]

    def _inside(self, row: DeploymentRow) -> bool:
        """Whether a deployment's time touches the window."""
        start = row.deployment.started_ms or row.deployment.created_ms or 0
        end = row.deployment.superseded_ms
        after_end = self.state.end_ms is not None and start >= self.state.end_ms
        before_start = self.state.start_ms is not None and end is not None and end <= self.state.start_ms
        return not after_end and not before_start

    def filters(self, **changes: Any) -> Filters:
        """The state's filters as the store takes them; `method` and `route` stand for the state's route id."""
        state = self.state
        given: dict[str, Any] = {
            "service": state.service,
            "revision": state.revision,
            "category": state.category,
            "layer": state.layer,
            "severity": state.severity,
            "status": state.status,
            "window": Window(start_ms=state.start_ms, end_ms=state.end_ms),
        }
        return Filters(**(given | changes))

    def narrowed(self) -> bool:
        """Whether a window or a service is set: then an empty page says nothing about the logs."""
        return (self.state.service, self.state.start_ms, self.state.end_ms) != (None, None, None)

    def services(self) -> list[str]:
        return self._ask("services")  # type: ignore[no-any-return]

    def timeline(self, deployment_id: str) -> list[TimelineStep]:
        return self._ask("timeline", deployment_id)  # type: ignore[no-any-return]

    def comparison(self, deployment_id: str) -> Comparison | None:
        return self._ask("comparison", deployment_id)  # type: ignore[no-any-return]

    def migration_runs(self, filters: Filters) -> list[MigrationRun]:
        return self._ask("migration_runs", filters)  # type: ignore[no-any-return]

    def failures(self, filters: Filters) -> list[FailureGroup]:
        return self._ask("failures", filters)  # type: ignore[no-any-return]

    def failure(self, fingerprint: str) -> FailureGroup | None:
        return self._ask("failure", fingerprint)  # type: ignore[no-any-return]

    def ladder(self, filters: Filters) -> list[LadderCell]:
        return self._ask("ladder", filters)  # type: ignore[no-any-return]

    def requests(self, filters: Filters) -> list[RouteRow]:
        return self._ask("requests", filters)  # type: ignore[no-any-return]

    def failures_over_time(self, filters: Filters) -> list[TimeCell]:
        return self._ask("failures_over_time", filters, 60)  # type: ignore[no-any-return]

    def fields(self, filters: Filters) -> list[FieldRow]:
        return self._ask("fields", filters)  # type: ignore[no-any-return]

    def findings(self, filters: Filters, limit: int) -> list[Finding]:
        return self._ask("findings", filters, limit)  # type: ignore[no-any-return]

    def finding(self, identifier: str) -> Finding | None:
        return self._ask("finding", identifier)  # type: ignore[no-any-return]

    def context(self, finding_id: str, lines: int = 20) -> list[ContextLine]:
        return self._ask("context", finding_id, lines)  # type: ignore[no-any-return]

    def sources(self) -> list[SourceRow]:
        return self._ask("sources")  # type: ignore[no-any-return]

    def unexplained(self) -> list[UnexplainedGroup]:
        return self._ask("unexplained")  # type: ignore[no-any-return]

    def standalone_tasks(self) -> tuple[StandaloneTasks, ...]:
        return self._ask("standalone_tasks")  # type: ignore[no-any-return]

    def aws_account(self) -> AwsAccount | None:
        return self._ask("aws_account")  # type: ignore[no-any-return]

    def freshness(self) -> int | None:
        """Up to when the logs are complete: those of the service in view, else the newest."""
        mine: int | None = self._ask("freshness_by_service").get(self.state.service)
        return self._ask("freshness") if mine is None else mine

    def stalest(self) -> tuple[str, int] | None:
        """The service in view whose logs end first, and where, if that is well before the newest."""
        ends: dict[str, int] = self._ask("freshness_by_service")
        if self.state.service is not None or len(ends) < 2:
            return None
        service = min(ends, key=lambda name: (ends[name], name))
        return (service, ends[service]) if ends[service] < (self.freshness() or 0) - _STALE_MS else None

    def names(self, seen_in: Iterable[str] = ()) -> dict[str, str]:
        """Deployment id -> its label, oldest first: the order of every sparkline and of every chart's columns.

        A label is the revision; with several services the service too, and of a revision that was deployed twice the time.
        `seen_in`: deployment ids; with them only their services count.
        """
        rows = sorted(self.deployments(), key=lambda row: row.deployment.started_ms or row.deployment.created_ms or 0)
        wanted = set(seen_in)
        services = {row.deployment.service for row in rows if row.deployment.deployment_id in wanted}
        rows = [row for row in rows if not services or row.deployment.service in services]
        several = len({row.deployment.service for row in rows}) > 1
        plain = [
            f"{row.deployment.service} {row.deployment.revision}" if several else str(row.deployment.revision) for row in rows
        ]
        return {
            row.deployment.deployment_id: name
            if plain.count(name) == 1
            else f"{name} · {self.moment(row.deployment.started_ms)[5:16]}"
            for row, name in zip(rows, plain, strict=True)
        }

    def endpoint(self, endpoints: list[tuple[str, str]]) -> tuple[str, str] | None:
        """The (method, route) that the state's route id names, if it is among these."""
        return next((one for one in endpoints if route_id(*one) == self.state.route), None)

    def moment(self, timestamp_ms: int | None, *, millis: bool = False) -> str:
        return words.moment(timestamp_ms, self.zone, millis=millis)

    def link(self, page: str, state: ViewState, label: str, *, icon: str | None = None) -> None:
        """A link to another page that keeps service, window and zone."""
        if page in self.pages:
            st.page_link(self.pages[page], label=words.unmarked(label), icon=icon, query_params=state.parameters())

    def go(self, page: str, state: ViewState) -> None:
        st.switch_page(self.pages[page], query_params=state.parameters())

    def url(self, state: ViewState) -> str:
        """The address of this page in this state, as another machine would open it."""
        query = urlencode(state.parameters(), doseq=True)
        base = (st.context.url or "").split("?", 1)[0]
        return f"{base}?{query}" if query else base


@st.cache_resource(max_entries=512, show_spinner=False)
def _answer(_workspace: Any, identity: str, version: int, question: str, arguments: str, _given: tuple[Any, ...]) -> Any:
    """An answer, shared by all sessions: nobody may change it. Which store, its version and the arguments are the key."""
    del identity, version, arguments
    return getattr(_workspace, question)(*_given)


@st.cache_resource(max_entries=128, show_spinner=False)
def _made(_make: Callable[[], Any], identity: str, version: int, name: str, view: str) -> Any:
    """Shared by all sessions, as answers are."""
    del identity, version, name, view
    return _make()


def browser_zone(choice: str) -> tzinfo:
    """UTC, or the zone that the browser says it is in; UTC when it says nothing that is known here."""
    name = st.context.timezone if choice == "local" else None
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def is_dark() -> bool:
    return getattr(st.context.theme, "type", None) == "dark"


def is_phone() -> bool:
    """Whether a phone asks: its browsers say `Mobi`. https://developer.mozilla.org/docs/Web/HTTP/Guides/Browser_detection_using_the_user_agent"""
    return "Mobi" in (st.context.headers.get("User-Agent") or "")
