"""Rules as data: packs of TOML files, each rule beside its own examples.

The format is documented in `parsers/packs/README.md`; this file loads it, refuses what is wrong and derives from each
pattern the literals one of which every hit must contain (they drive the fast path and the push-down to CloudWatch).
Patterns are written in the common subset of Python `re`/`regex`, RE2 and Hyperscan: no look-around, no
back-references, no atomic groups, no possessive quantifiers.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]  # the parsed form of a pattern; CPython's own, stable since 3.11
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any, Protocol, TypeVar

from parsers.errors import PackError
from parsers.model import Category, Layer, MarkKind, Outcome, Severity

EXTRACT_MAX_CHARS = 16_384
"""A rule's pattern sees at most this much of a record: its first and its last half of it."""

GROUPS = frozenset(
    (
        "code db_code migration count exit_code field table column constraint method path status request_id client message "
        "argument model level"
    ).split()
)
_RULE_KEYS = frozenset(
    (
        "id title category system tool pattern patterns code db_code implied_code layer severity outcome status mark extract "
        "unless requires in_run priority why next wrong_when references match no_match todo_match stage literals dependency "
        "fields framework opening code_map"
    ).split()
)
_PACK_KEYS = frozenset(
    [
        "name",
        "title",
        "system",
        "tool",
        "success",
        "all_or_nothing",
        "closing",
        "status",
        "references",
        "versions",
        "rule",
        "opener",
        "remedy",
    ]
)
_EXAMPLE_KEYS = frozenset(
    (
        "text events code db_code implied_code fields migration status method route outcome layer category mark count "
        "exit_code table system"
    ).split()
)
_SHIPPED = Path(__file__).with_name("packs")
_E = TypeVar("_E", bound=StrEnum)
_PATTERN_SIGNS = re.compile(r"\\[A-Za-z]|\(\?P<\w+>|\(\?[a-z]+[:)]|\[[^\[\]]*\]|\{[^{}]*\}")
_EITHER_CASE = re.compile(r"\[([A-Za-z])[A-Za-z]\]")  # `[Ff]ailed`
_RULE_WORD = re.compile(r"(?<![^\W_])[A-Za-z]{4,30}(?![^\W_])")
_FORBIDDEN = re.compile(r"\(\?(?:[=!>]|<[=!])|\(\?P=|[*+?}]\+|(?<!\\)\\[1-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One record a rule must (or must not) take: `events` as the log has them, and what must come out."""

    events: tuple[str, ...]
    expect: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.events)


class LatePattern:
    """A pattern that is compiled when a text may hold it: a look at ten lines needs few of thousands."""

    __slots__ = ("_compiled", "literals", "rare", "text")

    def __init__(self, text: str, literals: Sequence[str] = (), *, rare: bool = False) -> None:
        """`literals`: lower-case strings, at least one of which stands in every text the pattern takes; () when none is known.

        `rare`: most texts that it is asked of hold none of them, so they are looked for first, every time.
        """
        self.text, self.literals, self.rare = text, literals, rare
        self._compiled: re.Pattern[str] | None = None

    def search(self, text: str) -> re.Match[str] | None:
        if self._compiled is None or self.rare:
            if self.literals:
                lowered = text.lower()
                if not any(literal in lowered for literal in self.literals):
                    return None
            self._compiled = self._compiled or re.compile(self.text, re.MULTILINE)
        return self._compiled.search(text)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: which record it takes, what it says of it, why it matters and what to do."""

    id: str
    pack: str
    title: str
    pattern_texts: tuple[str, ...]
    category: Category | None
    system: str | None
    tool: str | None
    code: str | None
    db_code: str | None
    implied_code: str | None
    code_map: Mapping[str, str]  # captured code -> implied_code
    layer: Layer | None
    severity: Severity | None
    outcome: Outcome | None
    status: int | None
    fields: tuple[str, ...]
    mark: MarkKind | None
    extract: tuple[str, ...]
    unless_texts: tuple[str, ...]
    requires_texts: tuple[str, ...]
    in_run: bool | None  # True: only inside an open migration run; False: only outside; None: anywhere
    dependency: bool  # the record quotes another server's answer: no finding of ours
    framework: bool
    priority: int
    why: str
    next: str
    wrong_when: str
    references: tuple[str, ...]
    status_of_facts: str  # measured | documented
    examples: tuple[Example, ...]
    counter_examples: tuple[Example, ...]
    todo_examples: tuple[Example, ...]
    declared_literals: tuple[str, ...]

    @cached_property
    def patterns(self) -> tuple[LatePattern, ...]:
        return tuple(map(LatePattern, self.pattern_texts, self.pattern_literals))

    @cached_property
    def unless(self) -> tuple[LatePattern, ...]:
        return tuple(LatePattern(text, required_literals(text), rare=True) for text in self.unless_texts)

    @cached_property
    def requires(self) -> tuple[LatePattern, ...]:
        return tuple(map(LatePattern, self.requires_texts))

    @cached_property
    def pattern_literals(self) -> tuple[tuple[str, ...], ...]:
        """Of each pattern lower-case strings, at least one of which stands in every text it can take; () when none can be named."""
        return tuple(tuple(sorted(required_literals(text))) for text in self.pattern_texts)

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """Lower-case strings, at least one of which stands in every text this rule can take; () when none can be named."""
        if self.declared_literals:
            return tuple(sorted({text.lower() for text in self.declared_literals}))
        if not all(self.pattern_literals):
            return ()
        return tuple(sorted({text for some in self.pattern_literals for text in some}))

    def search(self, text: str) -> re.Match[str] | None:
        """The first hit in `text` (already shortened to EXTRACT_MAX_CHARS), None when the rule does not take it."""
        for pattern in self.patterns:
            hit = pattern.search(text)
            if hit is not None:
                break
        else:
            return None
        if any(pattern.search(text) for pattern in self.unless):
            return None
        if not all(pattern.search(text) for pattern in self.requires):
            return None
        return hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    name: str
    title: str
    system: str | None
    tool: str | None
    success: str | None  # printed | silent; None: not a migration tool
    all_or_nothing: bool
    closing: str | None  # the rule of the word that the tool always ends a success with
    status: str
    references: tuple[str, ...]
    versions: str
    openers: tuple[str, ...]  # patterns of lines that begin a record of several events
    rules: tuple[Rule, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """All loaded rules, in the order they are tried: highest priority first, then by id."""

    packs: tuple[Pack, ...]
    digest: str

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        every = [rule for pack in self.packs for rule in pack.rules]
        return tuple(sorted(every, key=lambda rule: (-rule.priority, rule.id)))

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that the rules look for and speak of: what `evidence = "strict"` may show beside the general vocabulary."""
        told = (pattern for rule in self.rules for pattern in (*rule.pattern_texts, rule.title, rule.system or ""))
        return frozenset(
            word.lower() for text in told for word in _RULE_WORD.findall(_PATTERN_SIGNS.sub(" ", _EITHER_CASE.sub(r"\1", text)))
        )

    @cached_property
    def by_id(self) -> Mapping[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def tools(self) -> Mapping[str, Pack]:
        return {pack.tool: pack for pack in self.packs if pack.tool}

    @cached_property
    def _steps(self) -> tuple[tuple[str, str | None], ...]:
        """(line, tool), sorted: what start scripts and migration tools print at the steps of a run, as their packs show it."""
        marked = [rule for rule in self.rules if rule.mark is not None]
        lines = [
            (text, rule.tool) for rule in marked for one in rule.examples for event in one.events for text in event.split("\n")
        ]
        return tuple(sorted(set(lines), key=lambda one: one[0]))

    def is_cut_step(self, text: str, tool: str | None) -> bool:
        """Whether a line is the beginning of one that `tool` prints at a step, or of another's, ended within a word."""
        at = bisect_left(self._steps, text, key=lambda one: one[0])
        for line, whose in self._steps[at:]:
            if not line.startswith(text):
                return False
            within_a_word = text[-1:].isalnum() and line[len(text) : len(text) + 1].isalnum()
            if within_a_word or (whose == tool and any(letter.isalnum() for letter in line[len(text) :])):
                return True
        return False

    @cached_property
    def _index(self) -> LiteralIndex:
        return LiteralIndex(self.rules)

    def candidates(self, text: str) -> list[Rule]:
        """The rules that can take `text`, by their literals, in trying order. A superset of those that do."""
        return [self.rules[number] for number in sorted(self._index.rules_in(text.lower()))]


class Cache(Protocol):
    """Where what takes a second to derive may be kept between runs. What it gives back is checked; damage is ignored."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...


GRAM = 4
FEW = 20


class LiteralIndex:
    """Which rules' literals stand in a text: one set of the text's 4-grams against each literal's rarest one, then the literal itself.

    The grams are worth their making after a few texts; the first ones are searched for every literal.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.by_literal: dict[str, list[int]] = {}
        self.always: list[int] = []
        for number, rule in enumerate(rules):
            if not rule.literals:
                self.always.append(number)
            for literal in rule.literals:
                self.by_literal.setdefault(literal, []).append(number)
        self.asked = 0

    @cached_property
    def short(self) -> list[tuple[str, list[int]]]:
        return [(literal, numbers) for literal, numbers in self.by_literal.items() if len(literal) < GRAM]

    @cached_property
    def by_gram(self) -> dict[str, list[tuple[str, list[int]]]]:
        by_literal = self.by_literal
        common = Counter(gram for literal in by_literal for gram in set(_grams(literal)))
        by_gram: dict[str, list[tuple[str, list[int]]]] = {}
        for literal, numbers in by_literal.items():
            if len(literal) >= GRAM:
                rarest = min(_grams(literal), key=lambda gram: common[gram])
                by_gram.setdefault(rarest, []).append((literal, numbers))
        return by_gram

    def rules_in(self, lowered: str) -> set[int]:
        found = set(self.always)
        self.asked += 1
        if self.asked <= FEW:
            return found.union(*(numbers for literal, numbers in self.by_literal.items() if literal in lowered))
        for literal, numbers in self.short:
            if literal in lowered:
                found.update(numbers)
        for gram in self.by_gram.keys() & set(_grams(lowered)):
            for literal, numbers in self.by_gram[gram]:
                if literal in lowered:
                    found.update(numbers)
        return found


def _grams(text: str) -> list[str]:
    return [text[n : n + GRAM] for n in range(len(text) - GRAM + 1)]


_DEFAULT_PRIORITY = {
    Category.MIGRATION: 60,
    Category.VALIDATION: 50,
    Category.DATABASE: 40,
    Category.CONNECTION: 35,
    Category.STARTUP: 20,
    Category.HTTP_5XX: 12,
    Category.HTTP_4XX: 10,
    None: 15,
}


def load_packs(extra: Sequence[str | Path] = ()) -> RuleSet:
    """The shipped packs and the user's own (`extra`: files or folders). Raises PackError naming file, rule and remedy."""
    sources = _sources(extra)
    packs = tuple(parse_pack(text, source) for source, text in sources)
    _refuse_double_ids(packs)
    return RuleSet(packs=packs, digest=_digest(sources))


def packs_digest(extra: Sequence[str | Path] = ()) -> str:
    """16 hex digits of the packs' bytes: which rules read a slice, and the key of what is derived from them."""
    return _digest(_sources(extra))


def _digest(sources: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256("\0".join(text for _, text in sources).encode()).hexdigest()[:16]


def _sources(extra: Sequence[str | Path]) -> list[tuple[str, str]]:
    """(name, text) of every pack, shipped ones first."""
    sources: list[tuple[str, str]] = [
        (entry.name, entry.read_text("utf-8"))
        for entry in sorted(_SHIPPED.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    ]
    for path in _pack_files(extra):
        try:
            sources.append((str(path), path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise PackError(f"{path}: the pack cannot be read: {error}", hint="check [triage] packs in triage.toml") from error
    return sources


def rules_to_plain(rules: RuleSet) -> dict[str, Any]:
    """Loaded packs as plain JSON values, with what was derived from them. For a cache; `rules_from_plain` reads it back."""
    return {
        "packs": [
            _plain(pack)
            | {"rules": [_plain(r) | {"literals": r.literals, "pattern_literals": r.pattern_literals} for r in pack.rules]}
            for pack in rules.packs
        ]
    }


def _plain(noun: Pack | Rule) -> dict[str, Any]:
    values = {f.name: getattr(noun, f.name) for f in fields(noun)}
    for name in ("examples", "counter_examples", "todo_examples"):
        if name in values:
            values[name] = [[list(example.events), dict(example.expect)] for example in values[name]]
    return {name: value for name, value in values.items() if name != "rules"}


def rules_from_plain(plain: Mapping[str, Any], digest: str) -> RuleSet:
    """The inverse of `rules_to_plain`. Raises KeyError, TypeError or ValueError when `plain` is something else."""
    return RuleSet(packs=tuple(_pack_from(entry) for entry in plain["packs"]), digest=digest)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _pack_from(entry: Mapping[str, Any]) -> Pack:
    return Pack(**_tuples({k: v for k, v in entry.items() if k != "rules"}), rules=tuple(map(_rule_from, entry["rules"])))


_ENUMS: tuple[tuple[str, type[StrEnum]], ...] = (
    ("category", Category), ("layer", Layer), ("severity", Severity), ("outcome", Outcome), ("mark", MarkKind),
)  # fmt: skip


def _rule_from(entry: Mapping[str, Any]) -> Rule:
    values = _tuples(entry)
    literals, pattern_literals = values.pop("literals"), values.pop("pattern_literals")
    for name, kind in _ENUMS:
        values[name] = kind(values[name]) if values[name] is not None else None
    for name in ("examples", "counter_examples", "todo_examples"):
        values[name] = tuple(Example(events=tuple(events), expect=expect) for events, expect in values[name])
    rule = Rule(**values)
    rule.__dict__.update(literals=literals, pattern_literals=pattern_literals)  # what would be derived again
    return rule


def _pack_files(extra: Iterable[str | Path]) -> Iterable[Path]:
    for item in extra:
        path = Path(item)
        if path.is_dir():
            yield from sorted(path.glob("*.toml"))
        else:
            yield path


def _refuse_double_ids(packs: Sequence[Pack]) -> None:
    seen: dict[str, str] = {}
    for pack in packs:
        for rule in pack.rules:
            if rule.id in seen:
                raise PackError(
                    f"{pack.source}: rule id {rule.id!r} is taken by {seen[rule.id]}", hint="an id is for ever: choose another"
                )
            seen[rule.id] = pack.source


def parse_pack(text: str, source: str) -> Pack:
    """One pack from its TOML text. Raises PackError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{source}: not valid TOML: {error}", hint="patterns are easiest in '''literal strings'''") from error
    _refuse_unknown(data, _PACK_KEYS, source, "pack")
    name = data.get("name") or Path(source).stem
    rules = tuple(_rule(entry, data, name, source) for entry in data.get("rule", []))
    if not any(rule.examples for rule in rules) and not data.get("opener"):
        raise PackError(f"{source}: the pack has no rule with a `match` example", hint="add match = ['a real line'] to its rules")
    openers = tuple(data.get("opener", ()))
    for opener in openers:
        _check_pattern(opener, source, "opener")
    return Pack(
        name=name,
        title=data.get("title", name),
        system=data.get("system"),
        tool=data.get("tool"),
        success=data.get("success"),
        all_or_nothing=bool(data.get("all_or_nothing", False)),
        closing=data.get("closing"),
        status=data.get("status", "documented"),
        references=tuple(data.get("references", ())),
        versions=data.get("versions", ""),
        openers=openers,
        rules=rules,
        source=source,
    )


def _refuse_unknown(entry: Mapping[str, Any], known: frozenset[str], source: str, what: str) -> None:
    from difflib import get_close_matches

    for key in entry:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(sorted(known))}"
            raise PackError(f"{source}: unknown key {key!r} in {what}", hint=hint)


def _rule(entry: Mapping[str, Any], pack: Mapping[str, Any], pack_name: str, source: str) -> Rule:
    what = f"rule {entry.get('id', '(without id)')!r}"
    _refuse_unknown(entry, _RULE_KEYS, source, what)
    if not isinstance(entry.get("id"), str):
        raise PackError(f"{source}: a rule has no id", hint="id = 'pack.what_it_says'")
    patterns = tuple(entry.get("patterns", ())) + ((entry["pattern"],) if "pattern" in entry else ())
    if not patterns:
        raise PackError(f"{source}: {what} has no pattern", hint="add pattern = '''...'''")
    for text in (*patterns, *entry.get("unless", ()), *entry.get("requires", ())):
        _check_pattern(text, source, what)
    if not entry.get("match"):
        raise PackError(f"{source}: {what} has no `match` example", hint="a rule stands beside a line it takes")
    category = _enum(Category, entry.get("category"), source, what)
    return Rule(
        id=entry["id"],
        pack=pack_name,
        title=entry.get("title", ""),
        pattern_texts=patterns,
        category=category,
        system=entry.get("system", pack.get("system")),
        tool=entry.get("tool", pack.get("tool")),
        code=entry.get("code"),
        db_code=entry.get("db_code"),
        implied_code=entry.get("implied_code"),
        code_map=entry.get("code_map", {}),
        layer=_enum(Layer, entry.get("layer"), source, what),
        severity=_enum(Severity, entry.get("severity"), source, what),
        outcome=_enum(Outcome, entry.get("outcome"), source, what),
        status=entry.get("status"),
        fields=tuple(entry.get("fields", ())),
        mark=_enum(MarkKind, entry.get("mark"), source, what),
        extract=tuple(entry.get("extract", ())),
        unless_texts=tuple(entry.get("unless", ())),
        requires_texts=tuple(entry.get("requires", ())),
        in_run=entry.get("in_run"),
        dependency=bool(entry.get("dependency", False)),
        framework=bool(entry.get("framework", False)),
        priority=int(entry.get("priority", _DEFAULT_PRIORITY[category])),
        why=entry.get("why", ""),
        next=entry.get("next", ""),
        wrong_when=entry.get("wrong_when", ""),
        references=tuple(entry.get("references", ())),
        status_of_facts=entry.get("stage", pack.get("status", "documented")),
        examples=_examples(entry.get("match", ()), source, what),
        counter_examples=_examples(entry.get("no_match", ()), source, what),
        todo_examples=_examples(entry.get("todo_match", ()), source, what),
        declared_literals=tuple(entry.get("literals", ())),
    )


def _enum(kind: type[_E], value: Any, source: str, what: str) -> _E | None:
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(kind)
        raise PackError(f"{source}: {what}: {value!r} is no {kind.__name__.lower()}", hint=f"one of: {known}") from error


def _examples(entries: Iterable[Any], source: str, what: str) -> tuple[Example, ...]:
    built = []
    for entry in entries:
        if isinstance(entry, str):
            built.append(Example(events=tuple(entry.split("\n"))))
            continue
        _refuse_unknown(entry, _EXAMPLE_KEYS, source, f"an example of {what}")
        events = tuple(entry["events"]) if "events" in entry else tuple(str(entry.get("text", "")).split("\n"))
        built.append(Example(events=events, expect={k: v for k, v in entry.items() if k not in ("text", "events")}))
    return tuple(built)


def _check_pattern(text: str, source: str, what: str) -> None:
    if _FORBIDDEN.search(text):
        raise PackError(
            f"{source}: {what}: the pattern uses look-around, a back-reference or a possessive quantifier: {text!r}",
            hint="use `unless` / `requires`, and \\b with bounded runs",
        )
    try:
        groups = re.compile(text).groupindex
    except re.error as error:
        raise PackError(f"{source}: {what}: bad pattern: {error}: {text!r}", hint="test it with `triage rules check`") from error
    unknown = sorted(group for group in groups if group.rstrip("0123456789") not in GROUPS)
    if unknown:
        raise PackError(f"{source}: {what}: unknown group {unknown[0]!r}", hint=f"known groups: {', '.join(sorted(GROUPS))}")


def required_literals(pattern: str, *, shortest: int = 3) -> tuple[str, ...]:
    """Lower-case literals one of which every hit of `pattern` contains; () when there is no useful set."""
    try:
        tree = sre_parser.parse(pattern, re.MULTILINE)
    except re.error:
        return ()
    best = _best_set(tree)
    if best is None or any(len(text) < shortest for text in best) or len(best) > 64:
        return ()
    return tuple(sorted(best))


_COMMON = frozenset(
    (
        "error errors errno rror rror: code codes message failed failure fail invalid name exception sqlstate missing int "
        "too fatal validation info warn could not could the for with and not from type value null path status field state "
        "nvironment required column table at line"
    ).split()
)
"""Words that stand in most error lines: a rule that could only be told by them would be tried on all of them."""


def _worth(candidate: frozenset[str] | None) -> tuple[int, int, int]:
    """Rare before common, long before short, few before many."""
    if not candidate:
        return (0, 0, 0)
    shortest = min(len(text) for text in candidate)
    common = any(text.strip(" :='\"([{,") in _COMMON for text in candidate)
    return (0 if shortest < 3 else 1 if common else 2, min(shortest, 8), -len(candidate))


def _best_set(tree: Any) -> frozenset[str] | None:
    """The best any-of set of a sequence: its longest run of plain characters, or a set out of a branch inside it."""
    best: frozenset[str] | None = None
    run = ""

    def offer(candidate: frozenset[str] | None) -> None:
        nonlocal best
        if candidate and (best is None or _worth(candidate) > _worth(best)):
            best = candidate

    for kind, value in _flat(tree):
        if kind is sre.LITERAL:
            run += chr(value).lower()
            continue
        if run:
            offer(frozenset({run}))
        run = ""
        if kind is sre.SUBPATTERN:
            offer(_best_set(value[3]))
        elif kind is sre.BRANCH:
            options = [_best_set(option) for option in value[1]]
            if all(options):
                offer(frozenset().union(*(option for option in options if option)))
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT) and value[0] >= 1:
            offer(_best_set(value[2]))
    if run:
        offer(frozenset({run}))
    return best


def _flat(tree: Any) -> Iterator[tuple[Any, Any]]:
    """The parts of a sequence; a group of plain characters is part of the run around it (`Error: (?P<code>P3005)`)."""
    for kind, value in tree:
        plain = kind is sre.SUBPATTERN and all(inner is sre.LITERAL for inner, _ in value[3])
        if plain:
            yield from value[3]
        elif kind is sre.AT:
            continue  # an anchor or a word boundary has no width: the characters around it still stand side by side
        else:
            yield kind, value


def shorten(text: str) -> str:
    """What a pattern may see of a record: at most EXTRACT_MAX_CHARS, its head and its tail (a traceback ends with its error)."""
    if len(text) <= EXTRACT_MAX_CHARS:
        return text
    half = EXTRACT_MAX_CHARS // 2
    return f"{text[:half]}\n{text[-half:]}"
