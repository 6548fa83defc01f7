"""Marks of one stream in order -> its migration runs. A state machine over marks; it reads no line but what is left of one.

A run begins at a begin mark (or at any result mark outside a run) and ends at an exit code, "continuing", ready, the
next begin or the end of the stream. Success needs a success mark that nothing later in the run takes back, or, for
tools that print none, applying marks (or none at all), no error and a witnessed end. Two pipes write into one stream:
what arrives within SWAP_MS after a run's end still belongs to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from parsers.model import (
    Category,
    Confidence,
    Evidence,
    Fact,
    Finding,
    Layer,
    Mark,
    MarkKind,
    Match,
    MigrationRun,
    Outcome,
    Severity,
    StreamKey,
    TranscriptLine,
)
from parsers.rules import Pack, RuleSet

SWAP_MS = 50
AGAIN_MS = 1_000  # a start script that tries again waits; steps that follow an end at once belong before it
TRANSCRIPT_ENDS = 100
TRANSCRIPT_CHARS = 2_000
RESOLVING_EXIT_CODES = (126, 127)  # not executable, not found: the tool never ran

_RESULTS = frozenset(
    (
        MarkKind.APPLYING, MarkKind.APPLIED, MarkKind.NOTHING_TO_DO, MarkKind.PENDING, MarkKind.FAILED, MarkKind.LOCKED,
        MarkKind.RESOLVED, MarkKind.ROLLED_BACK, MarkKind.DRIFT, MarkKind.NEVER_RAN,
    )
)  # fmt: skip
_LATE = frozenset((MarkKind.FAILED, MarkKind.NEVER_RAN, MarkKind.EXIT, MarkKind.CONTINUING, MarkKind.LOCKED))
_BEFORE_A_RESULT = frozenset((MarkKind.BEGIN, MarkKind.FOUND, MarkKind.APPLYING))
_ENDS = frozenset((MarkKind.EXIT, MarkKind.CONTINUING, MarkKind.READY, MarkKind.TERMINATED, MarkKind.CRASHED))
_PLAIN_FAILURES = frozenset((Category.DATABASE, Category.CONNECTION, Category.MIGRATION))


@dataclass(slots=True)
class _Run:
    """A run being built."""

    first: Fact
    facts: list[tuple[Fact, Match | None]] = field(default_factory=list)
    tool: str | None = None
    marks: list[Mark] = field(default_factory=list)
    failures: list[tuple[Fact, Match]] = field(default_factory=list)
    applying: list[str] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)  # migrations whose step ended, well or not
    applied_count: int = 0
    found: int | None = None
    exit_code: int | None = None
    continued: bool = False
    ready: bool = False
    crashed: bool = False
    witnessed: bool = False
    damaged: bool = False  # the rest of a block whose beginning is not in the log: something was said that we did not hear
    doubted: bool = False  # a failure that other programs have too stands behind its steps
    closed_ms: int | None = None  # the tool's part of the run is over
    last_ms: int = 0

    def has(self, *kinds: MarkKind) -> bool:
        return any(mark.kind in kinds for mark in self.marks)

    @property
    def has_result(self) -> bool:
        return any(mark.kind in _RESULTS for mark in self.marks) or bool(self.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The runs of one stream, their findings, and the facts they used up (by identity of position)."""

    runs: tuple[MigrationRun, ...]
    findings: tuple[Finding, ...]
    used: frozenset[tuple[int, int]]
    ready_ms: tuple[int, ...] = ()
    terminated_ms: tuple[int, ...] = ()
    crashed_ms: tuple[int, ...] = ()


class _Machine:
    def __init__(self, stream: StreamKey, rules: RuleSet) -> None:
        self.stream = stream
        self.rules = rules
        self.tools = rules.tools
        self.current: _Run | None = None
        self.done: list[_Run] = []
        self.used: set[tuple[int, int]] = set()
        self.ready: list[int] = []
        self.terminated: list[int] = []
        self.crashed: list[int] = []
        self.refused_ms: int | None = None  # when a failure was last told outside any run

    def take(self, fact: Fact) -> None:
        """One fact, in order. What it means depends on whether a run is open."""
        match = self._applicable(fact)
        mark = match.mark if match is not None else None
        if mark is not None and match is not None:
            self._take_mark(fact, match, mark)
            self._take_rest(fact, match)
        elif match is not None and self._is_plain_failure(match):
            self._fail(fact, match)
        elif match is not None and match.category in _PLAIN_FAILURES:
            self._doubt(fact)
        elif self.current is not None and (match is None or match.category is None) and not fact.access:
            self._chatter(fact)

    def _take_rest(self, fact: Fact, taken: Match) -> None:
        """One record may say more than one thing: "migrations failed (exit 1), starting anyway", a step and its traceback."""
        run = self.current
        if run is None or taken.mark is None:
            return
        if taken.mark.kind in _BEFORE_A_RESULT:
            failure = next((m for m in fact.matches if m.mark is None and self._is_plain_failure(m)), None)
            if failure is not None:
                run.failures.append((fact, failure))
        if taken.mark.kind not in _LATE:
            return
        for other in fact.matches:
            if other is not taken and other.mark is not None and other.mark.kind in (MarkKind.EXIT, MarkKind.CONTINUING):
                run.marks.append(other.mark)
                self._apply(run, fact, other, other.mark)

    def _applicable(self, fact: Fact) -> Match | None:
        """The match that counts here: marks before plain causes; rules bound to a run only inside (or outside) one."""
        inside = self.current is not None and not self._over(fact)
        fitting = [m for m in fact.matches if m.in_run is None or m.in_run == inside]
        marked = [m for m in fitting if m.mark is not None]
        strong = [m for m in marked if m.mark is not None and m.mark.kind in (MarkKind.FAILED, MarkKind.NEVER_RAN)]
        for group in (strong, marked, fitting):
            if group:
                return group[0]
        return None

    def _over(self, fact: Fact) -> bool:
        run = self.current
        return run is not None and run.closed_ms is not None and fact.timestamp_ms > run.closed_ms + SWAP_MS

    def _is_plain_failure(self, match: Match) -> bool:
        run = self.current
        if run is None or run.closed_ms is not None or match.category not in _PLAIN_FAILURES:
            return False
        if run.has(MarkKind.NOTHING_TO_DO, MarkKind.RESOLVED):
            return False
        return not run.has(MarkKind.APPLIED) or run.has(MarkKind.APPLYING) or self._silent(run)

    def _silent(self, run: _Run) -> bool:
        pack = self.tools.get(run.tool or "")
        return pack is not None and pack.success == "silent"

    def _take_mark(self, fact: Fact, match: Match, mark: Mark) -> None:
        if mark.kind is MarkKind.READY:
            self.ready.append(fact.timestamp_ms)
        elif mark.kind is MarkKind.TERMINATED:
            self.terminated.append(fact.timestamp_ms)
        elif mark.kind is MarkKind.CRASHED:
            self.crashed.append(fact.timestamp_ms)
        run = self._run_for(fact, mark)
        if run is None:
            return
        if run.ready and mark.kind in _ENDS and self._over(fact):  # the application's later life is not the run's
            if mark.kind in (MarkKind.TERMINATED, MarkKind.CRASHED):
                self._finish()
            return
        self._enter(run, fact, match)
        run.damaged = run.damaged or (run.closed_ms is None and mark.kind not in _LATE and _holds_a_rest(fact))
        if run.tool is None and mark.tool is not None:
            run.tool = mark.tool
        run.marks.append(mark)
        self._apply(run, fact, match, mark)

    def _run_for(self, fact: Fact, mark: Mark) -> _Run | None:
        """The run this mark belongs to: the open one, a new one, or none."""
        run = self.current
        if mark.kind in _ENDS:
            if run is None and mark.kind is MarkKind.EXIT and mark.exit_code not in (None, 0) and mark.tool is None:
                return self._open(fact, mark)  # the log begins after the run: its exit code is all we have
            if run is not None and mark.kind in (MarkKind.EXIT, MarkKind.CONTINUING) and self._over(fact) and run.ready:
                run.damaged = run.damaged or run.exit_code is None  # an end behind the end: lines that lost their place
                return None
            return run
        if mark.kind is MarkKind.STEP:
            if run is None or self._over(fact):
                self._misplaced(run, mark)
                return None
            return run
        if run is None:
            return self._open(fact, mark)
        if self._over(fact) or (run.closed_ms is not None and mark.kind not in _LATE):
            return self._open(fact, mark)
        if mark.kind is MarkKind.BEGIN and run.has_result:
            return self._open(fact, mark)
        if mark.tool is not None and run.tool is not None and mark.tool != run.tool and run.has_result:
            return self._open(fact, mark)
        return run

    def _misplaced(self, run: _Run | None, mark: Mark) -> None:
        """The end of a run's own step behind the run's end: lines lost their place, and nothing says which."""
        if run is not None and any(name in run.applying for name in mark.migrations):
            run.damaged = True

    def _open(self, fact: Fact, mark: Mark) -> _Run:
        before = self.current
        if before is not None:
            before.witnessed = True
            self.done.append(before)
        self.current = _Run(first=fact)
        told_ms = before.last_ms if before is not None else self.refused_ms
        soon = told_ms is not None and fact.timestamp_ms - told_ms < AGAIN_MS
        self.current.damaged = soon and mark.kind is not MarkKind.BEGIN  # steps that lost their place, not a second try
        return self.current

    def _enter(self, run: _Run, fact: Fact, match: Match | None) -> None:
        run.facts.append((fact, match))
        run.last_ms = max(run.last_ms, fact.last_ms)
        if match is not None:
            self.used.add((fact.timestamp_ms, fact.seq))

    def _apply(self, run: _Run, fact: Fact, match: Match, mark: Mark) -> None:
        kind = mark.kind
        if kind is MarkKind.FOUND:
            run.found = mark.count
        elif kind is MarkKind.APPLYING:
            run.damaged = run.damaged or any(
                name in run.applied for name in mark.migrations
            )  # its end stands before its beginning
            run.applying.extend(mark.migrations)
        elif kind is MarkKind.APPLIED:
            run.applied.extend(name for name in mark.migrations if name not in run.applied)
            if mark.count is not None:
                run.applied_count = max(run.applied_count, mark.count)
        elif kind in (MarkKind.FAILED, MarkKind.NEVER_RAN):
            run.failures.append((fact, match))
        elif kind is MarkKind.STEP:
            late = self._silent(run) and any(name not in run.applying for name in mark.migrations)
            run.damaged = run.damaged or late  # the end of a step whose beginning is not there
            run.ended.extend(mark.migrations)
        elif kind is MarkKind.EXIT:
            run.exit_code = mark.exit_code
            run.damaged = run.damaged or mark.exit_code is None
            run.closed_ms = fact.timestamp_ms
            run.witnessed = True
        elif kind is MarkKind.CONTINUING:
            run.continued = True
            run.closed_ms = run.closed_ms or fact.timestamp_ms
            run.witnessed = True
        elif kind is MarkKind.READY:
            run.ready = True
            run.closed_ms = run.closed_ms or fact.timestamp_ms
            run.witnessed = True
        elif kind in (MarkKind.TERMINATED, MarkKind.CRASHED):
            run.crashed = run.crashed or (kind is MarkKind.CRASHED and run.closed_ms is None)
            run.closed_ms = run.closed_ms or fact.timestamp_ms
            run.witnessed = run.witnessed or kind is MarkKind.TERMINATED
            self._finish()

    def _fail(self, fact: Fact, match: Match) -> None:
        run = self.current
        if run is not None:
            self._enter(run, fact, match)
            run.failures.append((fact, match))

    def _doubt(self, fact: Fact) -> None:
        """A failure that is no run's for certain: of steps that follow it without a beginning, or of steps told one by one before it."""
        if self.current is None:
            self.refused_ms = fact.last_ms
        elif self.current.closed_ms is None or not self._over(fact):
            self.current.doubted = True

    def _chatter(self, fact: Fact) -> None:
        run = self.current
        if run is not None and fact.unexplained and (run.closed_ms is None or not self._over(fact)):
            self.used.add((fact.timestamp_ms, fact.seq))  # the run's own words: it is told as part of the run
        if run is None or (run.closed_ms is not None and (run.ready or fact.timestamp_ms > run.closed_ms + 60_000)):
            return
        self._enter(run, fact, None)
        rest = run.closed_ms is None and (fact.unexplained or _is_rest_of_a_block(fact) or self._is_cut(run, fact))
        run.damaged = run.damaged or rest
        if (
            not fact.matches
            and not fact.unexplained
            and run.tool is not None
            and run.has_result
            and fact.timestamp_ms > run.last_ms
        ):
            run.witnessed = True

    def _is_cut(self, run: _Run, fact: Fact) -> bool:
        """The beginning of a line that this run, its tool or a start script prints: the rest of it was not heard."""
        text = fact.evidence[0].text.rstrip() if fact.evidence and fact.events == 1 else ""
        if not text:
            return False
        said = (line.text for one, match in run.facts if match is not None for line in one.evidence[:1])
        return any(len(line) > len(text) and line.startswith(text) for line in said) or self.rules.is_cut_step(text, run.tool)

    def _finish(self) -> None:
        if self.current is not None:
            self.done.append(self.current)
            self.current = None

    def result(self) -> Folded:
        self._finish()
        for before, run in pairwise(self.done):
            vanished = bool(before.failures and before.applying) and not run.has(MarkKind.APPLYING, MarkKind.APPLIED)
            run.damaged = run.damaged or vanished  # a step was refused, and now there is none: that is no success
        built = [self._built(run) for run in self.done]
        findings = tuple(
            f for f in (_finding(run, built_run, self.stream) for run, built_run in zip(self.done, built, strict=True)) if f
        )
        shown = {finding.run_id for finding in findings}
        return Folded(
            runs=tuple(run for run in built if run.id in shown or _says_something(run)),
            findings=findings,
            used=frozenset(self.used),
            ready_ms=tuple(self.ready),
            terminated_ms=tuple(self.terminated),
            crashed_ms=tuple(self.crashed),
        )

    def _built(self, run: _Run) -> MigrationRun:
        pack = self.tools.get(run.tool or "")
        outcome, confidence = _outcome(run, pack)
        deciding = _deciding(run)
        failed = outcome in (Outcome.FAILED, Outcome.NEVER_RAN)
        undone = failed and pack is not None and pack.all_or_nothing
        applied = () if undone else _applied_names(run, pack, outcome)
        used = [fact for fact, match in run.facts if match is not None]
        event_ids = used[0].event_ids[:1] + (used[-1].event_ids[-1:] if len(used) > 1 else ())
        return MigrationRun(
            id=_id("run", self.stream, run.first),
            tool=run.tool,
            outcome=outcome,
            confidence=confidence,
            error_code=_first(m.code for _, m in deciding if m.category is Category.MIGRATION or m.mark is not None)
            if failed
            else None,
            implied_code=_first(m.implied_code for _, m in deciding) if failed else None,
            db_code=_db_code(deciding) if failed else None,
            migrations_found=run.found,
            applied_count=_applied_count(run, applied, outcome, undone),
            applied=tuple(applied),
            failed_migration=_failed_migration(run, deciding, outcome),
            exit_code=run.exit_code,
            application_continued=failed and (run.continued or run.ready),
            ready=run.ready,
            stream=self.stream,
            started_ms=run.first.timestamp_ms,
            ended_ms=max((fact.last_ms for fact in used), default=run.last_ms),
            event_ids=tuple(event_ids),
            transcript=_transcript(run, deciding if failed else ()),
            open=not run.witnessed and run.closed_ms is None,
            text=deciding[0][1].title if deciding else "",
        )


def fold_runs(stream: StreamKey, facts: Iterable[Fact], rules: RuleSet) -> Folded:
    """The migration runs of one stream from its facts in order (timestamp, seq)."""
    machine = _Machine(stream, rules)
    for fact in facts:
        machine.take(fact)
    return machine.result()


_BARE = re.compile(r"(?i)\A\W*(?:error|fatal|failed)\W*\Z")
_ERROR_FIELD = re.compile(  # of printed error objects
    r"\s+(?:severity|routine|dataType|constraint|detail|length|line|internalQuery|sqlState|sqlMessage|errno|stack): "
)
_FIELD = re.compile(r"[\s{]*(\w+): ")
_RESTS = ("at ", "File ", "Traceback ", "Caused by", "Usage", "Options:", "from ", "^", "~")


def _is_rest_of_a_block(fact: Fact) -> bool:
    """An indented line, a stack frame, a bare `Error:`, a usage text: the rest of an error whose first line was lost, or its first
    line without what it said. A clean run prints none alone."""
    return any(line.text[:1] in (" ", "\t") or _is_frame(line.text) or _BARE.search(line.text) for line in fact.evidence[:1])


def _holds_a_rest(fact: Fact) -> bool:
    """A step's record with somebody else's stack frames behind it, an object whose end is missing, or lines of one behind another."""
    texts = [line.text for line in sorted(fact.evidence, key=_place)]
    opened = any(text.lstrip().startswith("{") for text in texts) and not any("}" in text for text in texts)
    closed = texts[0].startswith("{") and texts[0].endswith("}") and any(text[:1] in (" ", "\t") for text in texts[1:])
    names = [found[1] for text in texts if text[:1] in (" ", "\t", "{") and (found := _FIELD.match(text))]
    twice = len(names) > len(set(names))  # two objects in one
    return fact.events > 1 and (opened or closed or twice or any(_is_frame(text) or _ERROR_FIELD.match(text) for text in texts))


def _is_frame(text: str) -> bool:
    return text.lstrip().startswith(_RESTS)


def _outcome(run: _Run, pack: Pack | None) -> tuple[Outcome, Confidence]:
    """The outcome and how sure it is; first match wins."""
    if run.exit_code in RESOLVING_EXIT_CODES or _only(run.failures, MarkKind.NEVER_RAN):
        return Outcome.NEVER_RAN, Confidence.EXACT
    if run.failures:
        return Outcome.FAILED, Confidence.EXACT
    if run.exit_code not in (None, 0):
        return Outcome.FAILED, Confidence.STRONG
    if run.continued and run.exit_code is None and not run.has(MarkKind.APPLIED, MarkKind.NOTHING_TO_DO):
        return Outcome.FAILED, Confidence.INFERRED
    if run.crashed and not run.has(MarkKind.APPLIED, MarkKind.NOTHING_TO_DO):
        return Outcome.FAILED, Confidence.INFERRED
    outcome, confidence = _success(run, pack)
    if outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO) and _lines_are_missing(run, pack):
        return outcome, Confidence.WEAK
    return outcome, confidence


def _lines_are_missing(run: _Run, pack: Pack | None) -> bool:
    """What this run says of success, a failure whose own lines were lost would have said as well."""
    if run.damaged or (run.continued and run.exit_code is None):
        return True
    if pack is None or pack.success is None:
        return False
    told = {rule.mark for rule in pack.rules}
    begun = any(mark.kind is MarkKind.FOUND or (mark.kind is MarkKind.BEGIN and mark.tool) for mark in run.marks)
    headless = MarkKind.BEGIN in told and not begun
    one_by_one = (
        bool(run.applied)
        and not run.applied_count
        and not any(m.kind is MarkKind.APPLIED and not m.migrations for m in run.marks)
    )
    ended = {*run.applied, *run.ended}
    unfinished = bool(ended) and any(name not in ended for name in run.applying)  # the end of one is told, of another not
    unbegun = MarkKind.APPLYING in told and any(name not in run.applying for name in run.applied)
    closed = any(match is not None and match.rule_id == pack.closing for _, match in run.facts)
    unclosed = pack.closing is not None and bool(run.applied) and not closed
    due = max((mark.count or 0 for mark in run.marks if mark.kind is MarkKind.PENDING), default=0)
    short = bool(run.applied) and max(len(run.applied), run.applied_count) < due  # fewer than the tool said it must apply
    doubted = run.doubted and (one_by_one or pack.success == "silent")
    return headless or unfinished or unclosed or short or doubted or (one_by_one and (unbegun or not run.witnessed))


def _success(run: _Run, pack: Pack | None) -> tuple[Outcome, Confidence]:
    silent = pack is not None and pack.success == "silent"
    witness = Confidence.INFERRED if run.witnessed else Confidence.WEAK
    for kind, outcome in ((MarkKind.DRIFT, Outcome.DRIFT), (MarkKind.ROLLED_BACK, Outcome.ROLLED_BACK)):
        if run.has(kind):
            return outcome, Confidence.EXACT
    if silent and run.has(MarkKind.APPLYING):
        return Outcome.APPLIED, witness
    if run.has(MarkKind.APPLIED) and not _only_said_done(run):
        return Outcome.APPLIED, Confidence.EXACT
    for kind, outcome in (
        (MarkKind.RESOLVED, Outcome.RESOLVED),
        (MarkKind.PENDING, Outcome.PENDING),
        (MarkKind.NOTHING_TO_DO, Outcome.NOTHING_TO_DO),
    ):
        if run.has(kind):
            return outcome, Confidence.EXACT
    if run.has(MarkKind.LOCKED):
        return (Outcome.STUCK, Confidence.INFERRED) if run.closed_ms is None else (Outcome.UNKNOWN, Confidence.UNKNOWN)
    if silent:
        return Outcome.NOTHING_TO_DO, witness
    if run.closed_ms is None and run.has(MarkKind.FOUND, MarkKind.APPLYING):
        return Outcome.RUNNING, Confidence.INFERRED
    return Outcome.UNKNOWN, Confidence.UNKNOWN


def _only_said_done(run: _Run) -> bool:
    """ "Nothing to do", then a sentence of success that names and counts nothing (`Migrations complete!`, a start script's echo)."""
    return run.has(MarkKind.NOTHING_TO_DO) and not (run.applied or run.applied_count or run.applying)


def _only(failures: Sequence[tuple[Fact, Match]], kind: MarkKind) -> bool:
    return bool(failures) and all(m.mark is not None and m.mark.kind is kind for _, m in failures)


def _says_something(run: MigrationRun) -> bool:
    """A start script's announcement alone still is a run (unknown); chatter of nothing is none."""
    return bool(run.event_ids) or bool(run.transcript)


def _deciding(run: _Run) -> list[tuple[Fact, Match]]:
    """The failures, the tool's own (with a code) before what other rules say of the same run."""

    def weight(item: tuple[Fact, Match]) -> tuple[bool, bool]:
        match = item[1]
        return (match.mark is None, not (match.code or match.implied_code))

    return sorted(run.failures, key=weight)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _db_code(deciding: Sequence[tuple[Fact, Match]]) -> str | None:
    own = _first(m.db_code for _, m in deciding)
    return own or _first((m.code or m.implied_code) for _, m in deciding if m.category is Category.DATABASE)


def _applied_names(run: _Run, pack: Pack | None, outcome: Outcome) -> tuple[str, ...]:
    if pack is not None and pack.success == "silent":
        names = [*run.applied, *(name for name in run.applying if name not in run.applied)]
        return tuple(names if outcome is Outcome.APPLIED else names[:-1] if names and outcome is Outcome.FAILED else run.applied)
    if outcome is Outcome.APPLIED and not run.applied:
        return tuple(run.applying)  # the success line named none: all that were begun
    return tuple(run.applied)


def _applied_count(run: _Run, applied: Sequence[str], outcome: Outcome, undone: bool) -> int | None:
    if outcome is Outcome.NOTHING_TO_DO or undone:
        return 0
    known = max(run.applied_count, len(applied))
    return known or (None if outcome is not Outcome.FAILED else 0)


def _failed_migration(run: _Run, deciding: Sequence[tuple[Fact, Match]], outcome: Outcome) -> str | None:
    if outcome is not Outcome.FAILED:
        return None
    named = _first(m.mark.migration for _, m in deciding if m.mark is not None)
    if named or not run.failures:
        return named
    pending = [name for name in run.applying if name not in run.applied]
    return pending[-1] if pending else None


def _transcript(run: _Run, deciding: Sequence[tuple[Fact, Match]]) -> tuple[TranscriptLine, ...]:
    guilty = {(fact.timestamp_ms, fact.seq) for fact, _ in deciding}
    lines = [line for fact, match in run.facts for line in _lines(fact, match, (fact.timestamp_ms, fact.seq) in guilty)]
    if len(lines) > 2 * TRANSCRIPT_ENDS:
        lines = [*lines[:TRANSCRIPT_ENDS], *lines[-TRANSCRIPT_ENDS:]]
    return tuple(lines)


def _lines(fact: Fact, match: Match | None, guilty: bool) -> Iterable[TranscriptLine]:
    kind = match.mark.kind if match is not None and match.mark is not None else None
    bad = (
        guilty
        or kind in (MarkKind.CONTINUING, MarkKind.FAILED)
        or (kind is MarkKind.EXIT and match is not None and match.mark is not None and bool(match.mark.exit_code))
    )
    for evidence in sorted(fact.evidence, key=_place):
        yield TranscriptLine(
            timestamp_ms=evidence.timestamp_ms,
            text=evidence.text[:TRANSCRIPT_CHARS],
            mark=kind,
            guilty=bad,
            event_id=evidence.event_id,
        )


def _place(one: Evidence) -> tuple[int, int, str, int]:
    """Where a line stands in its stream: evidence begins with the deciding line, a transcript is told in order."""
    event_id = one.event_id or ""
    return (one.timestamp_ms, int(event_id) if event_id.isascii() and event_id.isdigit() else 0, one.file or "", one.line or 0)


def _finding(run: _Run, built: MigrationRun, stream: StreamKey) -> Finding | None:
    """One finding for a run that failed or never ran; a success, a plan or an open end gives none."""
    if built.outcome not in (Outcome.FAILED, Outcome.NEVER_RAN, Outcome.DRIFT, Outcome.STUCK):
        return None
    deciding = _deciding(run)
    fact, match = deciding[0] if deciding else _witness(run)
    evidence = fact.evidence + tuple(
        e for other, _ in run.facts if other is not fact for e in other.evidence if _proves(run, other)
    )
    return Finding(
        id=_id("finding", stream, fact),
        rule_id=match.rule_id,
        category=Category.MIGRATION,
        system=_first([*(m.system for _, m in deciding if m.mark is not None), built.tool, match.system]),
        code=built.error_code or match.code,
        db_code=built.db_code,
        implied_code=built.implied_code,
        severity=Severity.WARNING if built.outcome in (Outcome.STUCK, Outcome.DRIFT) else match.severity or Severity.CRITICAL,
        outcome=built.outcome,
        layer=Layer.DATABASE if built.db_code else None,
        status=None,
        aborted=False,
        method=None,
        route=None,
        path=None,
        fields=_first_fields(deciding),
        title=_title(built, match),
        evidence=evidence[:12],
        fingerprint=_fingerprint(built, match),
        stream=stream,
        timestamp_ms=fact.timestamp_ms,
        event_ids=tuple(
            dict.fromkeys([*fact.event_ids, *(i for other, m in run.facts if m is not None for i in other.event_ids)])
        )[:100],
        request_id=None,
        client=None,
        cause_link=None,
        run_id=built.id,
        events=sum(other.events for other, m in run.facts if m is not None),
        table=_first(m.table for _, m in deciding),
    )


def _first_fields(deciding: Sequence[tuple[Fact, Match]]) -> tuple[str, ...]:
    return next((m.fields for _, m in deciding if m.fields), ())


def _witness(run: _Run) -> tuple[Fact, Match]:
    """Without the tool's own words: the exit code, "continuing", or whatever marked the run."""
    marked = [(f, m) for f, m in run.facts if m is not None and m.mark is not None]
    for kind in (MarkKind.EXIT, MarkKind.CONTINUING, MarkKind.LOCKED, MarkKind.DRIFT, MarkKind.CRASHED):
        for fact, match in marked:
            if match.mark is not None and match.mark.kind is kind:
                return fact, match
    return marked[0]


def _proves(run: _Run, fact: Fact) -> bool:
    match = next((m for f, m in run.facts if f is fact), None)
    return match is not None and (
        match.mark is None
        or match.mark.kind
        in (MarkKind.EXIT, MarkKind.CONTINUING, MarkKind.READY, MarkKind.FAILED, MarkKind.FOUND, MarkKind.CRASHED)
    )


def _title(run: MigrationRun, match: Match) -> str:
    title = match.title or "Migration failed"
    if match.mark is not None and match.mark.kind in (MarkKind.EXIT, MarkKind.CONTINUING):
        title = f"The migration command failed (exit code {run.exit_code})" if run.exit_code else "The migration failed"
    return title + ("; the application continued" if run.application_continued else "")


def _fingerprint(run: MigrationRun, match: Match) -> str:
    code = run.code or match.rule_id
    material = "\0".join(["migration", run.tool or "", code, run.outcome])
    return "v1:" + hashlib.sha256(material.encode()).hexdigest()[:12]


def _id(kind: str, stream: StreamKey, fact: Fact) -> str:
    """Stable over re-reading: from the stream and the record's first event."""
    where = fact.event_ids[0] if fact.event_ids else f"{fact.timestamp_ms}.{fact.seq}"
    material = f"{kind}\0{stream.log_group}\0{stream.log_stream}\0{where}"
    return f"{kind[0]}-{hashlib.sha256(material.encode()).hexdigest()[:16]}"
