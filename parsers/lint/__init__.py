"""Start-script lint: finds what lets a failed migration pass unnoticed. Text in, findings out.

Reads sh and bash scripts, Dockerfiles (CMD, ENTRYPOINT, RUN), package.json scripts, Procfiles and ECS task definitions.
The judgement is `parsers.lint.rehearsal`'s: the script is walked with its migration failing; a finding is a way on which the
server starts all the same, or the script says 0. So `migrate || rc=$?` with a later `exit $rc` is clean, and
`set -e; migrate && echo done` is not.
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from parsers.lint.rehearsal import Rehearsal, rehearse
from parsers.lint.shell import Script, ShellSyntaxError, parse
from parsers.lint.sources import Source, package_scripts, script_sources
from parsers.lint.walker import Ending, Walk


class Level(StrEnum):
    """SARIF's words: `error` hides a failure on the likely way, `warning` on some way, `note` is worth a look."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRule:
    id: str
    title: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One place where a failed migration would be lost. `hides`: the server starts, or the script says 0."""

    path: str
    line: int  # 1-based
    rule: str
    level: Level
    text: str  # what happens, one sentence
    mend: str
    command: str  # the command concerned, passwords taken out; '' when there is none
    hides: bool
    where: str = ""  # `CMD`, `scripts.start`, `containerDefinitions[0].command`; '' for a script


def _rules() -> Mapping[str, LintRule]:
    data = tomllib.loads(files("parsers.lint").joinpath("rules.toml").read_text("utf-8"))
    return {name: LintRule(id=name, **entry) for name, entry in data.items()}


LINT_RULES: Mapping[str, LintRule] = _rules()
"""Every rule, by id; the texts stand in `rules.toml`."""


def lint_files(texts: Mapping[str, str]) -> list[LintFinding]:
    """Findings of several files (path -> text), sorted by path, line, rule.

    Files of one folder know each other: a script's `npm run x` is looked up in the package.json given beside it.
    """
    packages = {
        posixpath.dirname(path): package_scripts(text)
        for path, text in texts.items()
        if posixpath.basename(path) == "package.json"
    }
    found: list[LintFinding] = []
    for path, text in texts.items():
        near = packages.get(posixpath.dirname(path), {})
        for source in script_sources(path, text, near):
            found.extend(_lint_source(path, source))
    unique = {(item.path, item.line, item.rule, item.where): item for item in sorted(found, key=_order, reverse=True)}
    return sorted(unique.values(), key=_order)


def lint_text(text: str, path: str = "start.sh") -> list[LintFinding]:
    """Findings of one file; `path` says what it is."""
    return lint_files({path: text})


def _order(finding: LintFinding) -> tuple[str, int, str, str, str]:
    return finding.path, finding.line, finding.rule, finding.where, finding.level


def _parsed(source: Source) -> Script:
    if not source.readable:
        raise ShellSyntaxError("too long, or not what its name says", source.line)
    return parse(source.text, first_line=source.line)


def _lint_source(path: str, source: Source) -> Iterator[LintFinding]:
    try:
        script = _parsed(source)
        rehearsal = rehearse(script, source.setting)
    except (ShellSyntaxError, RecursionError) as error:
        line = error.line if isinstance(error, ShellSyntaxError) else source.line
        reason = error.reason if isinstance(error, ShellSyntaxError) else "nested too deeply"
        if source.where != "RUN":  # a build step that we cannot read is no start
            yield _finding(path, source, line, "unreadable", Level.WARNING, f"could not be read: {reason}", "", hides=False)
        return
    yield from _hidden(path, source, rehearsal)
    yield from _remarks(path, source, rehearsal)


def _finding(
    path: str, source: Source, line: int, rule: str, level: Level, text: str, command: str, *, hides: bool
) -> LintFinding:
    return LintFinding(
        path=path, line=max(line, 1), rule=rule, level=level, text=text, mend=LINT_RULES[rule].mend, command=command, hides=hides,
        where=source.where,
    )  # fmt: skip


def _hidden(path: str, source: Source, rehearsal: Rehearsal) -> Iterator[LintFinding]:
    likely: dict[int | None, Walk] = {}
    for walk in rehearsal.walks:
        likely.setdefault(walk.failed_line, walk)
    for walk in rehearsal.walks:
        if walk.ending is Ending.STOPPED:
            continue
        first = likely[walk.failed_line]
        level = Level.ERROR if first.ending is not Ending.STOPPED else Level.WARNING
        rule = walk.loss.rule if walk.loss else "failure_lost"
        line = walk.loss.line if walk.loss and walk.loss.line else (walk.failed_line or source.line)
        yield _finding(
            path, source, line, rule, level, _sentence(walk, rule, level), walk.command, hides=walk.ending is Ending.HIDDEN
        )


def _sentence(walk: Walk, rule: str, level: Level) -> str:
    end = {
        Ending.HIDDEN: "the script goes on as if it had succeeded",
        Ending.ENDLESS: "the script neither stops nor starts the server",
    }[walk.ending]
    some = "" if level is Level.ERROR else " on some ways"
    title = LINT_RULES[rule].title
    return f"when `{walk.command}` (line {walk.failed_line}) fails, {end}{some}: {title[0].lower()}{title[1:]}"


def _remarks(path: str, source: Source, rehearsal: Rehearsal) -> Iterator[LintFinding]:
    for remark in rehearsal.remarks:
        text = f"`{remark.command}` {remark.what}"
        yield _finding(path, source, remark.line, remark.rule, Level.ERROR, text, remark.command, hides=False)
    if "psql" in rehearsal.tools and "ON_ERROR_STOP" not in source.text:
        line = next((walk.failed_line for walk in rehearsal.walks if walk.failed_line and "psql" in walk.command), source.line)
        yield _finding(
            path, source, line or source.line, "psql_goes_on", Level.WARNING, LINT_RULES["psql_goes_on"].why, "psql", hides=True
        )
    if source.build and rehearsal.tools:
        yield _finding(
            path, source, source.line, "migrates_at_build", Level.WARNING, LINT_RULES["migrates_at_build"].why, "", hides=False
        )
    if rehearsal.cut and rehearsal.tools:
        yield _finding(path, source, source.line, "not_all_ways", Level.NOTE, LINT_RULES["not_all_ways"].why, "", hides=False)
