"""The remedy card of a failed migration: what it means, what the next start will do, what to do in which order, how to check,
what not to do and why. Commands are shown with a copy button, never run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.views import blocks
from parsers import MigrationRun, remedies

if TYPE_CHECKING:
    from collections.abc import Sequence


def card(run: MigrationRun, rule_id: str | None, *, key: str) -> None:
    """The forecast in one line, and the card behind one click. A run that ended well has no card. `rule_id`: of the run's finding."""
    remedy = remedies.remedy_for(run, rule_id)
    forecast = remedies.forecast(run, remedy)
    if forecast:
        with blocks.line():
            st.badge("next start", icon=":material/restart_alt:", color="gray")
            blocks.plain(forecast, fill=True)
    if remedy is None:
        return
    drawer = st.expander(f"What to do: {remedy.title}", key=f"remedy-{key}", on_change="rerun", icon=":material/healing:")
    if drawer.open:
        with drawer:
            _card(remedy)


def _card(remedy: remedies.Remedy) -> None:
    blocks.plain(remedy.means)
    proven = remedy.status == "proven"
    st.caption("Proven: these steps were run against the real tool." if proven else "From the tool's own documentation.")
    if remedy.before:
        st.markdown("##### First make sure")
        for number, text in enumerate(remedy.before, 1):
            blocks.plain(f"{number}.  {text}")
    st.markdown("##### Then, in this order")
    _open_placeholders(remedy)
    _steps(remedy.steps)
    st.markdown("##### How to check")
    _steps(remedy.check)
    st.markdown("##### Do not")
    for one in remedy.do_not:
        _do_not(one)
    if remedy.start_script:
        st.markdown("##### So that it does not come back")
        blocks.plain(remedy.start_script)
    _references(remedy)


def _open_placeholders(remedy: remedies.Remedy) -> None:
    """What a person must fill in: the log does not say it."""
    if remedy.open_placeholders:
        blocks.plain("\n".join(f"<{name}> stands for {meaning}" for name, meaning in remedy.open_placeholders.items()))


def _steps(steps: Sequence[remedies.Step]) -> None:
    for number, step in enumerate(steps, 1):
        repeated = f" (once for each <{step.each}>)" if step.each else ""
        blocks.plain(f"{number}.  {step.do}{repeated}")
        if step.command:
            st.code(step.command, language=None, wrap_lines=True)


def _do_not(one: remedies.DoNot) -> None:
    """What not to do and why. Its command has no copy button: it stands as text."""
    with blocks.line():
        st.badge("do not", icon=":material/block:", color="red")
        blocks.plain(f"{one.what}: {one.command}" if one.command else one.what, fill=True)
    blocks.plain(one.reason)


def _references(remedy: remedies.Remedy) -> None:
    for url in remedy.references:
        if url.startswith("https://"):
            st.markdown(f"<{url}>")
