"""The dashboard's script: navigation, the header that every page has, and one page. Depends on the Workspace seam only.

Streamlit runs this file from the top at every interaction; `triage dashboard` starts it (`dashboard.launch`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from dashboard import words
from dashboard.refresh import Progress, Refresh
from dashboard.running import current, may_enter
from dashboard.state import ZONES, ViewState, read_state, read_time
from dashboard.views import (
    blocks,
    deployment,
    deployments,
    events,
    failure,
    failures,
    fields,
    ladder,
    migrations,
    requests,
    sources,
    welcome,
    window,
)
from dashboard.views.frame import Frame, browser_zone, is_dark
from parsers import errors

if TYPE_CHECKING:
    from types import ModuleType

    from streamlit.navigation.page import StreamlitPage

    from dashboard.workspace import Workspace

# A view has TITLE, PATH, ICON, `page(frame)`, and PARTS: the parts of the state that it shows beside service, window and zone.
_SHOWN: tuple[Any, ...] = (deployments, deployment, migrations, failures, ladder, requests, fields, events, sources)
_HIDDEN: tuple[Any, ...] = (failure,)
_LIVE_S, _BUSY_S = 10, 1
_TROUBLE_PX = 620  # beside it the controls keep their place
_AFTER_TROUBLE = "Nothing that was read is lost: press Refresh when it is mended."
# A browser draws in one go what comes in one go, its last table included. This is what a first picture takes to be drawn.
_FIRST_PICTURE_S = 0.5
# The tab's picture, a ladder. Drawn here: Streamlit would fetch one of its own symbols from another host.
_MARK = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='5' fill='rgb(0,88,143)'/>"
    "<path d='M9 4v24M23 4v24M9 9h14M9 16h14M9 23h14' stroke='white' stroke-width='3' fill='none'/></svg>"
)


def run() -> None:
    """The script of `triage dashboard`: sign-in where it is set up, the store of the settings in force, one page."""
    running = current()
    if running.signs_in and not _let_in(running.allow):
        return
    try:
        workspace = _workspace(repr(running.settings.store))
    except errors.TriageError as error:
        _trouble(str(error), error.hint)
        return
    main(workspace, _open, _refresh(), identity=str(running.settings.store), first_picture_s=_FIRST_PICTURE_S)


def _open() -> Workspace:
    from dashboard.workspace import Workspace

    return Workspace.open(current().settings)


@st.cache_resource(show_spinner=False)
def _workspace(store: str) -> Workspace:
    """One connection for all sessions of this server."""
    del store
    return _open()


@st.cache_resource(show_spinner=False)
def _refresh() -> Refresh:
    """One for all sessions; where the launcher was given logs, it starts to read them with the first page."""
    refresh = Refresh()
    running = current()
    if running.reads_at_start:
        begun = running.reading
        refresh.start(_open if begun is None else lambda: begun)
    return refresh


def _let_in(allow: Sequence[str]) -> bool:
    """Whether whoever asks has signed in and is on the list; shows the way in, or the refusal."""
    if not st.user.is_logged_in:
        st.markdown("### Sign in to see deployments")
        st.button("Sign in", icon=":material/login:", on_click=st.login, type="primary")
        return False
    email = st.user.get("email")
    if may_enter(email if isinstance(email, str) and st.user.get("email_verified", True) else None, allow):
        return True
    st.markdown("### This account may not come in")
    st.text("It is not on the list that `triage dashboard --allow` was given.")
    st.button("Sign out", icon=":material/logout:", on_click=st.logout)
    return False


def main(
    workspace: Workspace,
    open_workspace: Callable[[], Workspace],
    refresh: Refresh,
    *,
    identity: str,
    first_picture_s: float = 0.0,
) -> None:
    """Draw one page. `open_workspace` opens another connection to the same store, for the refresh's thread.

    `first_picture_s`: seconds that a session's first page gives the browser for what stands at its top.
    """
    st.set_page_config(page_icon=_MARK, layout="wide")  # before the pages, whose symbols would be fetched for the tab
    drawn: dict[str, Frame] = {}
    pages = _pages(drawn)
    page = st.navigation(list(pages.values()), position="top")
    st.set_page_config(page_title=f"{page.title} · triage")
    try:
        shown = _view_of(page.url_path)
        frame = _frame(workspace, open_workspace, refresh, pages, identity, shown.PARTS, first_picture_s)
        drawn["frame"] = frame
        _keep_address(page.url_path, frame.state)
        with _header(frame):
            if _is_new(frame) and page.url_path != sources.PATH:
                welcome.page(reading=refresh.progress.running)
            else:
                page.run()
        _begun()  # whatever the page was
    except errors.TriageError as error:
        _trouble(str(error), error.hint)


def _pages(drawn: Mapping[str, Frame]) -> dict[str, StreamlitPage]:
    def runner(view: ModuleType) -> Callable[[], None]:
        return lambda: view.page(drawn["frame"])

    return {
        view.PATH: st.Page(
            runner(view),
            title=view.TITLE,
            icon=view.ICON,
            url_path=view.PATH,
            default=view is deployments,
            visibility="hidden" if view in _HIDDEN else "visible",
        )
        for view in (*_SHOWN, *_HIDDEN)
    }


def _frame(
    workspace: Workspace,
    open_workspace: Callable[[], Workspace],
    refresh: Refresh,
    pages: Mapping[str, StreamlitPage],
    identity: str,
    parts: Iterable[str],
    first_picture_s: float,
) -> Frame:
    address: dict[str, str | list[str]] = {key: st.query_params.get_all(key) for key in st.query_params}
    state = read_state(address | window.just_chosen()).only((*parts, "pages"))
    return Frame(
        workspace=workspace,
        identity=identity,
        version=workspace.version(),
        state=state,
        zone=browser_zone(state.zone),
        dark=is_dark(),
        pages=pages,
        refresh=refresh,
        open_workspace=open_workspace,
        let_draw=lambda: _let_draw(first_picture_s),
    )


def _let_draw(pause_s: float) -> None:
    """Once a session: when it begins, the browser has to read its code, too; later it draws quickly what has changed."""
    if not _begun():
        time.sleep(pause_s)


def _begun() -> bool:
    """Whether this session has drawn something before; from now on it has."""
    before = bool(st.session_state.get("begun"))
    st.session_state["begun"] = True
    return before


def _view_of(path: str) -> ModuleType:
    """The page that an address names; the landing page's own is empty."""
    return next((view for view in (*_SHOWN, *_HIDDEN) if path == view.PATH), deployments)


def _keep_address(path: str, state: ViewState) -> None:
    """A link from a page to itself changes the parameters here and not in the browser's address bar: say them again."""
    ids = (state.deployment, state.fingerprint, state.finding, state.run, state.route, state.excluded)
    before = st.session_state.get("address")
    st.session_state["address"] = (path, ids)
    if before is not None and before[0] == path and before[1] != ids:
        st.query_params.update({})


def _is_new(frame: Frame) -> bool:
    return not frame.services() and not frame.sources()


@contextmanager
def _header(frame: Frame) -> Iterator[None]:
    """Freshness, refresh, view: on every page. What is typed or clicked there is drawn after the page: nobody reads it first."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
        fresh = st.container(width="content")
        place = st.container(horizontal=True, vertical_alignment="center", gap="small", width="content")
    try:
        yield
    except errors.TriageError as error:
        _trouble(str(error), error.hint)
    with fresh:
        _freshness(frame)
    with place:
        _controls(frame)


def _freshness(frame: Frame) -> None:
    busy = frame.refresh is not None and frame.refresh.progress.running
    st.fragment(_live, run_every=_BUSY_S if busy else _LIVE_S)(frame)


def _live(frame: Frame) -> None:
    """Every ten seconds (each second while logs are read): says how fresh the page is, and redraws it when there is news."""
    progress = frame.refresh.progress if frame.refresh else Progress()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        _complete_to(frame)
        if progress.running:
            _progress(frame)
        news = frame.workspace.version() != frame.version
        offered = _row_open(frame.state)
        if (
            news
            and offered
            and st.button("New logs were read: show them", icon=":material/update:", key="show-news", type="tertiary")
        ):
            st.rerun()
    if progress.error and not progress.running:
        _trouble(progress.error, progress.hint, after=_AFTER_TROUBLE, width=_TROUBLE_PX)
    if not offered and (news or _just_ended(progress)):
        st.rerun()


def _complete_to(frame: Frame) -> None:
    """Up to when, how long ago that is, and whose logs end long before."""
    end = frame.freshness()
    age = "" if end is None else f" ({words.ago(time.time() * 1000 - end)})"
    stalest = frame.stalest()
    with st.container(gap="xxsmall", width="content"):
        blocks.plain(f"Logs complete to {frame.moment(end)}{age}")
        shown = window.said(frame)
        if shown is not None:
            blocks.plain(shown)
        if stalest is not None:
            blocks.plain(f"{stalest[0]} only to {frame.moment(stalest[1])}")


def _just_ended(progress: Progress) -> bool:
    """Whether a reading ended since this session was last told: its bar goes, and its error may have come."""
    before = st.session_state.get("readings", 0)
    st.session_state["readings"] = progress.ended
    return not progress.running and before < progress.ended


def _row_open(state: ViewState) -> bool:
    """Somebody reads one row: the page does not change under their eyes."""
    return bool(state.finding or state.fingerprint or state.run)


def _progress(frame: Frame) -> None:
    assert frame.refresh is not None
    progress = frame.refresh.progress
    share = progress.done / progress.total if progress.total else 0.0
    st.progress(min(1.0, share), text=f"Reading logs: {share:.0%}" if progress.total else "Reading logs", width=220)
    st.button("Cancel", icon=":material/cancel:", on_click=frame.refresh.cancel, key="cancel-refresh")


def _controls(frame: Frame) -> None:
    services = frame.services()
    if len(services) > 1 or frame.state.service:
        st.selectbox(
            "service",
            services,
            index=None,
            key="svc",
            bind="query-params",
            placeholder="all services",
            label_visibility="collapsed",
            width=210,
        )
    st.segmented_control(
        "Time zone",
        ZONES,
        default="UTC",
        required=True,
        key="tz",
        bind="query-params",
        label_visibility="collapsed",
        help="Times are stored in UTC; local is your browser's zone",
    )
    st.button(
        "Refresh",
        icon=":material/refresh:",
        key="refresh",
        help="Read new logs from the source of this store",
        on_click=partial(_start, frame),
    )
    with st.popover("View", icon=":material/tune:", key="view"):
        _view(frame)


def _start(frame: Frame) -> None:
    if frame.refresh and frame.open_workspace:
        frame.refresh.start(frame.open_workspace)


def _view(frame: Frame) -> None:
    window.choices(frame)
    st.text_input("from (absolute, UTC)", key="from", bind="query-params", placeholder="2025-11-19T02:50:00Z")
    st.text_input("to (absolute, UTC)", key="to", bind="query-params", placeholder="2025-11-19T03:10:00Z")
    for key in ("from", "to"):
        given = st.session_state.get(key)
        if given and read_time(given) is None:
            st.warning(f"“{key}” is no time: write it like 2025-11-19T02:50:00Z", icon=":material/schedule:")
    st.caption(f"Zone shown: {frame.zone}")


def _trouble(message: str, hint: str | None, *, after: str = "", width: int | Literal["stretch"] = "stretch") -> None:
    with st.container(border=True, gap="small", width=width):
        st.badge("could not look", icon=":material/help:", color="gray")
        blocks.plain(message)
        command, remark = words.command_and_remark(hint or "")
        if command:
            st.code(words.visible(command), language=None, wrap_lines=True)
        for said in filter(None, (remark, after)):
            blocks.plain(said)


if __name__ == "__main__":
    run()
