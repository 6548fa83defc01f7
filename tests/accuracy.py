"""`make accuracy`: how well labelled lines of real systems are recognised, per system and in all.

    python -m tests.accuracy [FILE] [--system NAME …] [--errors] [--category C]

FILE holds one entry a line: `id`, `text` or `events`, `expect` {category, also, outcome, code, db_code, status, fields,
migration, implied …}. It is test data of its own (not in the repository): by default `shared/corpus/dev.jsonl` beside
the checkout. Label rules: an entry is right when its events together give the expected category and no failure category
outside `also`; start-up may be reported on any entry; on `none` entries a finding outside `also` is a false failure.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parsers import Event, Reading, StreamKey, load_packs, read

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "dev.jsonl"
ALWAYS_FINE = {"startup"}
RULES = load_packs()
OUTCOMES = {"waiting": {"running", "stuck", "locked", "unknown"}}


@dataclass(slots=True)
class Seen:
    """What the product said of one entry."""

    categories: set[str] = field(default_factory=set)
    failures: set[str] = field(default_factory=set)
    outcomes: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    findings: int = 0
    requests: int = 0


@dataclass(slots=True)
class Score:
    entries: int = 0
    expected: int = 0  # entries that are not `none`
    right: int = 0  # the main category, or one of `also`
    main: int = 0  # the main category itself
    wrong_categories: int = 0  # failure categories outside of what is right
    negatives: int = 0
    false_failures: int = 0
    codes: list[bool] = field(default_factory=list)
    outcomes: list[bool] = field(default_factory=list)
    migrations: list[bool] = field(default_factory=list)
    fields: list[int] = field(default_factory=lambda: [0, 0, 0])  # found, wrong, missed
    errors: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        for name in ("entries", "expected", "right", "main", "wrong_categories", "negatives", "false_failures"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("codes", "outcomes", "migrations", "errors"):
            getattr(self, name).extend(getattr(other, name))
        self.fields = [a + b for a, b in zip(self.fields, other.fields, strict=True)]


def look(entry: Mapping[str, Any]) -> Seen:
    """Reads an entry as one log stream, one event each 5 ms."""
    texts = entry.get("events") or [entry["text"]]
    stream = StreamKey(log_group="corpus", log_stream=str(entry["id"]))
    events = [
        Event(stream=stream, timestamp_ms=1_763_460_000_000 + 5 * n, text=text, event_id=f"{n:06d}")
        for n, text in enumerate(texts)
    ]
    return seen_in(read(events, rules=RULES))


def seen_in(reading: Reading) -> Seen:
    seen = Seen()
    for finding in reading.findings:
        category = str(finding.category)
        seen.categories.add(category)
        if category not in ALWAYS_FINE:
            seen.failures.add(category)
            seen.findings += 1
        seen.codes.update(code for code in (finding.code, finding.db_code, finding.implied_code) if code)
        seen.fields.update(finding.fields)
        if finding.status:
            seen.statuses.add(finding.status)
    for run in reading.migration_runs:
        seen.categories.add("migration")
        seen.outcomes.add(str(run.outcome))
        seen.codes.update(code for code in (run.error_code, run.db_code, run.implied_code) if code)
        seen.names.update(name for name in (run.failed_migration, *run.applied) if name)
        seen.names.update(
            word
            for line in run.transcript
            for word in line.text.replace("`", " ").replace("'", " ").split()
            if run.outcome == "resolved"
        )
    for count in reading.request_counts:
        seen.requests += count.count
        if count.status:
            seen.statuses.add(count.status)
    return seen


def judge(entry: Mapping[str, Any], seen: Seen) -> Score:
    expect = entry["expect"]
    main, also = expect["category"], set(expect.get("also", ()))
    score = Score(entries=1)
    allowed = {main, *also} | ALWAYS_FINE
    wrong = sorted(seen.failures - allowed)
    if main == "none":
        score.negatives = 1
        score.false_failures = int(bool(wrong))
        if wrong:
            score.errors.append(f"{entry['id']}: false {wrong}")
        return score
    score.expected = 1
    score.main = int(main in seen.categories)
    score.right = int(bool(seen.categories & {main, *also}))
    score.wrong_categories = len(wrong)
    if not score.main:
        score.errors.append(
            f"{entry['id']}: no {main}{' (but ' + ', '.join(sorted(seen.categories)) + ')' if seen.categories else ''}"
        )
    if wrong:
        score.errors.append(f"{entry['id']}: wrong {wrong}")
    _judge_details(entry, expect, seen, score)
    return score


def _judge_details(entry: Mapping[str, Any], expect: Mapping[str, Any], seen: Seen, score: Score) -> None:
    implied = set(expect.get("implied", ()))
    for key in ("code", "db_code"):
        if key in expect and key not in implied:
            score.codes.append(str(expect[key]) in seen.codes)
            _note(score, entry, key, expect[key], seen.codes, hit=score.codes[-1])
    if "status" in expect and "status" not in implied:
        score.codes.append(int(expect["status"]) in seen.statuses)
        _note(score, entry, "status", expect["status"], seen.statuses, hit=score.codes[-1])
    if "outcome" in expect and (expect["category"] == "migration" or seen.outcomes):
        accepted = {
            name for label in (expect["outcome"], *expect.get("outcome_accept", ())) for name in OUTCOMES.get(label, {label})
        }
        score.outcomes.append(bool(accepted & seen.outcomes))
        _note(score, entry, "outcome", expect["outcome"], seen.outcomes, hit=score.outcomes[-1])
    if "migration" in expect and "migration" not in implied:
        wanted = str(expect["migration"])
        score.migrations.append(any(wanted in name or name in wanted for name in seen.names))
        _note(score, entry, "migration", wanted, seen.names, hit=score.migrations[-1])
    if "fields" in expect:
        wanted_fields = set(expect["fields"])
        found = len(wanted_fields & seen.fields)
        score.fields = [found, len(seen.fields - wanted_fields), len(wanted_fields - seen.fields)]
        _note(score, entry, "fields", sorted(wanted_fields), seen.fields, hit=wanted_fields == seen.fields)


def _note(score: Score, entry: Mapping[str, Any], what: str, wanted: object, got: Iterable[object], *, hit: bool) -> None:
    if not hit:
        score.errors.append(f"{entry['id']}: {what} {wanted}, got {sorted(map(str, got))}")


def ratio(part: float, whole: float) -> str:
    return f"{part / whole:6.3f}" if whole else "     -"


def row(name: str, score: Score) -> str:
    found, wrong, missed = score.fields
    return (
        f"{name:24.24} {score.entries:4}  {ratio(score.right, score.right + score.wrong_categories)} {ratio(score.right, score.expected)} "
        f"{ratio(score.main, score.expected)}  {ratio(sum(score.codes), len(score.codes))} {ratio(sum(score.outcomes), len(score.outcomes))} "
        f"{ratio(sum(score.migrations), len(score.migrations))} {ratio(2 * found, 2 * found + wrong + missed)}"
        f"  {score.false_failures:2}/{score.negatives}"
    )


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="accuracy")
    options.add_argument("file", nargs="?", type=Path, default=CORPUS)
    options.add_argument("--system", action="append", default=[])
    options.add_argument("--without", action="append", default=[], help="leave a system out")
    options.add_argument("--category", action="append", default=[])
    options.add_argument("--errors", action="store_true", help="name what went wrong")
    chosen = options.parse_args(arguments)
    if not chosen.file.exists():
        print(f"{chosen.file} is not there: nothing to measure", file=sys.stderr)
        return 0
    entries = [json.loads(line) for line in chosen.file.read_text("utf-8").splitlines() if line.strip()]
    groups: dict[str, Score] = defaultdict(Score)
    total = Score()
    for entry in entries:
        system, category = entry["expect"].get("system", "?"), entry["expect"]["category"]
        if (
            (chosen.system and system not in chosen.system)
            or (chosen.category and category not in chosen.category)
            or system in chosen.without
        ):
            continue
        score = judge(entry, look(entry))
        groups[system].add(score)
        groups[f"= {category}"].add(score)
        total.add(score)
    print(
        f"{'system':24} {'n':>4}  {'precis':>6} {'recall':>6} {'main':>6}  {'code':>6} {'outc.':>6} {'migr.':>6} {'fields':>6}  false failures"
    )
    for name in sorted(groups):
        print(row(name, groups[name]))
    print(row("all", total))
    if chosen.errors:
        print("\n" + "\n".join(total.errors))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
