"""Every regular expression of `parsers` on pumped lines, and hostile lines of 1 MB through a whole reading.

    python tests/benchmarks/patterns.py [--slowest 15]

Each pattern gets lines of 64 kB made of a text it matches, of that text cut before it fits, and of its pieces; where the code
cuts its input (rules and layouts at 16 kB, redaction at 4 kB a line), the pattern sees what the code lets through. Exit code 1
when a pattern takes more than 20 ms, or a hostile line more than 100 ms, of CPU time (best of three).
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import parsers
from dashboard.rulecheck import pumped_lines
from parsers import Event, StreamKey, load_packs, read, shorten
from parsers.extract.base import FirstOf
from parsers.late import Late

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from re import _parser as grammar  # type: ignore[attr-defined]

PUMP_CHARS = 65_536
LIMIT_MS, LINE_LIMIT_MS = 20.0, 100.0
CUT = {
    "layouts": 16_384, "extract": 20_000, "masks": 4_096, "structures": 4_096, "documents": 4_096, "identifiers": 4_096, "strict": 4_096,
    "field_names": 120, "literals": 2_000,
}  # fmt: skip
REPEATS = 3


def sample(tree: Any, rng: random.Random) -> str:
    """A text that the pattern probably matches: each run as short as it may be, up to three of what may repeat."""
    return "".join(_one(op, value, rng) for op, value in tree)


def _one(op: Any, value: Any, rng: random.Random) -> str:
    name = str(op)
    if name == "LITERAL":
        return chr(value)
    if name == "IN":
        return _in_class(value)
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, inner = value
        return "".join(sample(inner, rng) for _ in range(min(max(int(low), 1), int(high), 40)))
    if name == "SUBPATTERN":
        return sample(value[-1], rng)
    if name == "BRANCH":
        return sample(rng.choice(value[1]), rng)
    return {"NOT_LITERAL": "x", "ANY": "x", "CATEGORY": "a"}.get(name, "")


def _in_class(items: Any) -> str:
    for op, value in items:
        if str(op) == "LITERAL":
            return chr(value)
        if str(op) == "RANGE":
            return chr(value[0])
        if str(op) == "CATEGORY":
            return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}.get(str(value), "a")
    return "x"


def pumps(pattern: re.Pattern[str]) -> Iterator[str]:
    rng = random.Random(7)
    tree = grammar.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    samples = {sample(tree, rng) for _ in range(2)}
    for text in sorted(samples - {""}):
        for cut in {len(text), len(text) - 1, len(text) // 2} - {0}:
            yield text[:cut] * (PUMP_CHARS // cut)
            for last in {text[cut - 1], "a", " "}:
                yield text[:cut] + last * PUMP_CHARS
    for piece in ("a", " ", "0", "a ", "a.", "a,", "a:", "a=", '"', "'", "\\", "[", "(", "{", "/a", "\n", "\n ", "0:", "x: '"):
        yield piece * (PUMP_CHARS // len(piece))


def every_pattern() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Patterns at the top of a module, and inside of the tables there (masks, layouts, cuts)."""
    for info in pkgutil.walk_packages(parsers.__path__, "parsers."):
        if ".lint" in info.name:
            continue  # reads start scripts, no log lines
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            yield from _patterns_in(f"{info.name.removeprefix('parsers.')}.{name}", value, 0)


def _patterns_in(name: str, value: Any, depth: int) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern | Late):
        yield name, value
    elif isinstance(value, FirstOf):
        for number, (_, pattern) in enumerate(value.parts):
            yield f"{name}[{number}]", pattern
    elif isinstance(value, tuple | list) and depth < 2:
        for number, inner in enumerate(value):
            yield from _patterns_in(f"{name}[{number}]", inner, depth + 1)
    elif hasattr(value, "__slots__") and not isinstance(value, type) and depth:
        for slot in ("pattern", "head"):
            yield from _patterns_in(f"{name}.{slot}", getattr(value, slot, None), depth + 1)


def spent_ms(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        best = min(best, (time.process_time() - started) * 1000)
        if best < LIMIT_MS * 0.8:
            break
    return best


def _only_matched(name: str) -> bool:
    """Whether its module only ever asks whether a text begins with it (`match`, `fullmatch`)."""
    module, _, own = name.split("[", maxsplit=1)[0].rpartition(".")
    source = (Path(parsers.__file__).parent / f"{module.replace('.', '/')}.py").read_text("utf-8")
    return (
        f"{own}.match" in source
        and re.search(rf"\b{own}\.(?:search|finditer|sub|findall|split)|every\({own}\b|\({own},", source) is None
    )


def _begins(pattern: re.Pattern[str], line: str) -> None:
    pattern.match(line)


def _all_hits(pattern: re.Pattern[str], line: str) -> None:
    for _ in pattern.finditer(line):
        pass


def module_figures() -> Iterator[tuple[str, float, str]]:
    seen: set[tuple[str, int]] = set()
    for name, pattern in every_pattern():
        if (pattern.pattern, pattern.flags) in seen or isinstance(pattern.pattern, bytes):
            continue
        seen.add((pattern.pattern, pattern.flags))
        cut = CUT.get(name.split(".")[0], PUMP_CHARS)
        worst = (0.0, "")
        run = _begins if _only_matched(name) else _all_hits
        for line in pumps(pattern):
            worst = max(worst, (spent_ms(partial(run, pattern, line[:cut])), line[:60]))
            if worst[0] > LIMIT_MS * 10:
                break
        yield name, *worst


def rule_figures() -> Iterator[tuple[str, float, str]]:
    for rule in load_packs().rules:
        worst = max(
            ((spent_ms(partial(rule.search, shorten(line[:PUMP_CHARS]))), line[:60]) for line in pumped_lines(rule)),
            default=(0.0, ""),
        )
        yield f"rule {rule.id}", *worst


def hostile_megabytes() -> Iterator[tuple[str, str]]:
    size = 1 << 20
    for piece in ("a", " ", "0", "a ", "Error: ", "ERROR ", "{", "[", '"', "'", "\\", "x: '", '{"a":', "key=value ", "at x (a.js:1:1) ", "GET / ",
                  "\x1b[31m", "P2002 ", "SELECT ", "ValidationError: ", "path: [ 'a' ], ", "0 validation errors for ", "Traceback ", "a,b@c.de,"):  # fmt: skip
        yield repr(piece), (piece * (size // len(piece) + 1))[:size]
        yield "Error: " + repr(piece), "Error: P2002 " + (piece * (size // len(piece) + 1))[: size - 13]


def line_figures() -> Iterator[tuple[str, float, str]]:
    rules = load_packs()
    stream = StreamKey(log_group="bench", log_stream="s")
    read([Event(stream=stream, timestamp_ms=0, text="Error: P2002", event_id="0")], rules=rules)  # what is compiled once
    for name, text in hostile_megabytes():
        event = Event(stream=stream, timestamp_ms=1_763_460_000_000, text=text, event_id="1")
        yield f"1 MB of {name}", spent_ms(partial(read, [event], rules=rules)), ""


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    options.add_argument("--slowest", type=int, default=12)
    options.add_argument("--only", choices=("modules", "rules", "lines"))
    chosen = options.parse_args(arguments)
    failed = False
    for what, title, figures, limit in (
        ("lines", "hostile lines of 1 MB, whole reading", line_figures(), LINE_LIMIT_MS),
        ("rules", "rules, 64 kB", rule_figures(), LIMIT_MS),
        ("modules", "patterns of the modules, 64 kB", module_figures(), LIMIT_MS),
    ):
        if chosen.only not in (None, what):
            continue
        rows = sorted(figures, key=lambda row: -row[1])
        over = sum(ms > limit for _, ms, _ in rows)
        failed = failed or over > 0
        print(flush=True, end=f"{title}: {len(rows)}, {over} over {limit:.0f} ms\n")
        for name, ms, line in rows[: chosen.slowest]:
            print(f"  {ms:8.1f} ms  {name}  {line!r}" if line else f"  {ms:8.1f} ms  {name}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
