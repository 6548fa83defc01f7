"""Remedy cards: what to do about a failed migration, in which order, how to check, what not to do and why. Shown, never run.

Cards are data (`packs/remedies/*.toml`; its README has the format). `python -m tests.lab.remedies` really runs them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from parsers.errors import PackError
from parsers.model import MigrationRun, Outcome

SAFE = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
"""What may be put into a command that a person will paste into a shell. Anything else of a log stays a placeholder."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_CARD_KEYS = frozenset(
    ("id", "title", "tool", "rules", "codes", "db_codes", "status", "means", "next_start", "before", "start_script", "references")
) | {"steps", "check", "do_not", "placeholders"}
_STEP_KEYS = frozenset(("do", "command", "each"))
_DO_NOT_KEYS = frozenset(("what", "command", "reason"))
_FROM_THE_LOG = frozenset(("migration", "found", "code", "db_code", "app"))
_ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`command` empty: something a person does. `each`: the placeholder for whose values the command is repeated."""

    do: str
    command: str = ""
    each: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNot:
    what: str
    command: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One card. After `filled`, texts and commands hold what the log knows; `open_placeholders` says what it does not."""

    id: str
    title: str
    tool: str
    rules: tuple[str, ...]
    codes: tuple[str, ...]
    db_codes: tuple[str, ...]
    status: str  # proven | documented
    means: str
    next_start: str
    before: tuple[str, ...]
    steps: tuple[Step, ...]
    check: tuple[Step, ...]
    do_not: tuple[DoNot, ...]
    start_script: str
    references: tuple[str, ...]
    placeholders: Mapping[str, str] = field(default_factory=dict)

    @property
    def open_placeholders(self) -> dict[str, str]:
        """Placeholders that a person must fill in, with what they stand for."""
        texts = [step.command for step in (*self.steps, *self.check)] + [one.command for one in self.do_not]
        used = [name for text in texts for name in re.findall(r"<([a-z_]+)>", text)]
        return {name: self.placeholders.get(name, name) for name in dict.fromkeys(used)}


@cache
def load_remedies() -> tuple[Remedy, ...]:
    """The shipped cards, by id. Raises PackError for a card that does not hold together."""
    folder = files("parsers").joinpath("packs", "remedies")
    cards: dict[str, Remedy] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".toml"):
            continue
        for card in parse_remedies(entry.read_text("utf-8"), entry.name):
            if card.id in cards:
                raise PackError(f"{entry.name}: remedy id {card.id!r} is taken", hint="choose another id")
            cards[card.id] = card
    return tuple(cards.values())


def parse_remedies(text: str, source: str) -> tuple[Remedy, ...]:
    """The cards of one TOML text. Raises PackError naming the card and what is wrong."""
    try:
        entries = tomllib.loads(text).get("remedy", [])
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{source}: not valid TOML: {error}", hint="see parsers/packs/remedies/README.md") from error
    return tuple(_card(entry, source) for entry in entries)


def _card(entry: Mapping[str, Any], source: str) -> Remedy:
    what = f"{source}: remedy {entry.get('id', '(without id)')!r}"
    _known(entry, _CARD_KEYS, what)
    missing = [key for key in ("id", "title", "tool", "means", "next_start", "steps", "check", "do_not") if not entry.get(key)]
    if missing:
        raise PackError(
            f"{what}: {missing[0]!r} is missing", hint="a card says what it means, what to do, how to check, what not to do"
        )
    for step in (*entry["steps"], *entry["check"]):
        _known(step, _STEP_KEYS, what)
    for one in entry["do_not"]:
        _known(one, _DO_NOT_KEYS, what)
    card = Remedy(
        id=entry["id"], title=entry["title"], tool=entry["tool"], rules=tuple(entry.get("rules", ())),
        codes=tuple(entry.get("codes", ())),
        db_codes=tuple(entry.get("db_codes", ())), status=entry.get("status", "documented"), means=entry["means"],
        next_start=entry["next_start"], before=tuple(entry.get("before", ())),
        steps=tuple(Step(**step) for step in entry["steps"]),
        check=tuple(Step(**step) for step in entry["check"]), do_not=tuple(DoNot(**one) for one in entry["do_not"]),
        start_script=entry.get("start_script", ""), references=tuple(entry.get("references", ())),
        placeholders=entry.get("placeholders", {}),
    )  # fmt: skip
    used = {name for text in _texts(card) for name in _PLACEHOLDER.findall(text)}
    unknown = sorted(used - card.placeholders.keys() - _FROM_THE_LOG)
    if unknown:
        raise PackError(f"{what}: nobody says what {{{unknown[0]}}} stands for", hint="add it to [remedy.placeholders]")
    return card


def _known(entry: Mapping[str, Any], keys: frozenset[str], what: str) -> None:
    unknown = sorted(entry.keys() - keys)
    if unknown:
        raise PackError(f"{what}: unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(sorted(keys))}")


def _texts(card: Remedy) -> Iterable[str]:
    yield from (card.means, card.next_start, *card.before)
    yield from (step.command for step in (*card.steps, *card.check))
    yield from (one.command for one in card.do_not)


# ---- which card, and with what filled in ----
def remedy_for(run: MigrationRun, rule_id: str | None = None, cards: Sequence[Remedy] | None = None) -> Remedy | None:
    """The card for a run that did not end well, filled in from the log. `rule_id`: the rule of the run's finding, when known.

    The rule decides before the tool's code, that before the database's, that before the tool's card for any failed step; all of
    the tool's own before the cards for any tool. A run of which no migration is known to have failed (the database did not
    answer) has no failed step.
    """
    if run.outcome not in (Outcome.FAILED, Outcome.STUCK, Outcome.NEVER_RAN, Outcome.DRIFT, Outcome.PENDING):
        return None
    mine = [card for card in (load_remedies() if cards is None else cards) if card.tool in (run.tool, _ANY)]
    codes = {run.error_code, run.implied_code} - {None}
    ranked = [(card.tool == _ANY, rank, card) for card in mine if (rank := _fit(card, run, rule_id, codes)) is not None]
    return filled(min(ranked, key=lambda one: one[:2])[2], run) if ranked else None


def _fit(card: Remedy, run: MigrationRun, rule_id: str | None, codes: set[str | None]) -> int | None:
    a_step = card.id.endswith(".step_failed")
    if a_step and not _refused_a_step(run):
        return None
    if run.outcome is Outcome.FAILED and {run.db_code, run.implied_code} & set(card.db_codes):
        return 0 if not codes & set(card.codes) else 1
    if codes & set(card.codes):
        return 1
    if rule_id in card.rules:
        return 2
    return 3 if a_step and run.outcome is Outcome.FAILED else None


_UNREACHED = re.compile(r"E[A-Z]{4,}|3D000|28\w{3}|08\w{3}|57P03|53300|10(?:44|45|49)|200[235]")
"""Codes of a database that could not be worked with: no step was tried."""


def _refused_a_step(run: MigrationRun) -> bool:
    """Whether the database refused a migration's own statement, as far as the log tells."""
    codes = [code for code in (run.db_code, run.implied_code) if code]
    return bool(run.failed_migration) or (bool(codes) and not any(_UNREACHED.fullmatch(code) for code in codes))


def filled(card: Remedy, run: MigrationRun) -> Remedy:
    """The card with what the log knows; what it does not know stands as `<name>`, explained in `open_placeholders`."""
    known = {
        "migration": run.failed_migration, "found": None if run.migrations_found is None else str(run.migrations_found),
        "code": run.code, "db_code": run.db_code, "app": _app(run),
    }  # fmt: skip
    safe = {name: value for name, value in known.items() if value is not None and SAFE.fullmatch(value)}
    return replace(with_values(card, safe), tool=run.tool or card.tool)


def _app(run: MigrationRun) -> str | None:
    """Django's app of the failed migration: `orders` of `orders.0003_add_note`."""
    app, dot, _ = (run.failed_migration or "").partition(".")
    return app if dot and run.tool == "django" else None


def with_values(card: Remedy, values: Mapping[str, str]) -> Remedy:
    """The card with placeholders filled. Raises ValueError for a value that is not safe in a shell."""
    for name, value in values.items():
        if not SAFE.fullmatch(value):
            raise ValueError(f"{name}: {value!r} is not safe in a command")

    def fill(text: str) -> str:
        return _PLACEHOLDER.sub(lambda hit: values.get(hit[1], f"<{hit[1]}>"), text)

    def words(text: str) -> str:
        text = re.sub(
            r"\ball \{found\} migrations", f"all {values['found']} migrations" if "found" in values else "all migrations", text
        )
        return _PLACEHOLDER.sub(lambda hit: values.get(hit[1], f"({card.placeholders.get(hit[1], hit[1])})"), text)

    return replace(
        card, means=words(card.means), next_start=words(card.next_start), before=tuple(words(text) for text in card.before),
        steps=tuple(replace(step, command=fill(step.command)) for step in card.steps),
        check=tuple(replace(step, command=fill(step.command)) for step in card.check),
        do_not=tuple(replace(one, command=fill(one.command)) for one in card.do_not),
    )  # fmt: skip


def forecast(run: MigrationRun, card: Remedy | None = None) -> str | None:
    """What the next start will do if nothing is done; None when the log gives no ground to say it."""
    if card is not None:
        return card.next_start
    known = {
        Outcome.APPLIED: "Nothing is left to apply: the next start finds its history as this one left it.",
        Outcome.NOTHING_TO_DO: "The same: nothing to apply, as long as the image brings no new migration.",
        Outcome.PENDING: "The pending migrations stay pending: this start only listed them.",
        Outcome.ROLLED_BACK: "The migration that was rolled back runs again.",
        Outcome.NEVER_RAN: "The same: the migrations do not run, whatever is pending.",
        Outcome.STUCK: "It waits again while the lock is held; a killed run may have left it behind.",
        Outcome.RESOLVED: "What was marked by hand counts as applied: its SQL will not be run by any start.",
        Outcome.FAILED: "The same failure, unless its cause has gone: nothing in the log says that it has.",
    }
    return known.get(run.outcome)
