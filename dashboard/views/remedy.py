"""The remedy card of a failed migration: shown, never run."""

from __future__ import annotations

from parsers import MigrationRun


def card(run: MigrationRun) -> None:
    del run
