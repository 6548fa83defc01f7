"""What `triage dashboard` was started with, for the script that Streamlit runs in the same process.

Streamlit starts a script by its path and gives it no arguments; so the launcher leaves them here. Without a launcher (a bare
`streamlit run`) the settings of this folder and environment hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboard.first_reading import FirstReading
from dashboard.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """`allow`: who may come in when sign-in is set up (e-mail addresses or `@domain`); empty without sign-in.

    `reading`: the reading at start where it is under way already; else `reads_at_start` begins it with the first page.
    """

    settings: Settings = field(default_factory=load_settings)
    allow: tuple[str, ...] = ()
    signs_in: bool = False
    reads_at_start: bool = False
    reading: FirstReading | None = None


_current: list[Running] = []


def hand_over(running: Running) -> None:
    """Called once, before the server starts."""
    _current[:] = [running]


def current() -> Running:
    """Raises SettingsError when nothing was handed over and the settings here are wrong."""
    return _current[0] if _current else Running()


def may_enter(email: str | None, allow: Sequence[str]) -> bool:
    """Whether a signed-in address is on the list: itself, or its `@domain`. An empty list lets nobody in."""
    if not email or email.count("@") != 1:
        return False
    address = email.strip().lower()
    return any(address == rule.lower() if not rule.startswith("@") else address.endswith(rule.lower()) for rule in allow if rule)
