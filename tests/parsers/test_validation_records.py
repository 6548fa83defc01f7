"""What schema libraries, drivers and ORMs really printed (tests/lab/records/validation, recorded by `make lab`) is read as what was broken.

Each case: one refusal, printed one of the ways programs print it. What was broken is known by construction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parsers import Event, Reading, StreamKey, load_packs, read
from parsers.model import MarkKind

RECORDS = Path(__file__).parents[1] / "lab" / "records" / "validation"
RULES = load_packs()
STREAM = StreamKey(log_group="/lab/validation", log_stream="app/web/0123456789abcdef0123456789abcdef")
ANY = "*"


def _cases() -> list[Any]:
    found = []
    for path in sorted(RECORDS.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            case = json.loads(line)
            found.append(pytest.param(case, id=f"{path.stem}:{number} {case['tool']} {case['version']}, {case['how']}"))
    return found


CASES = _cases()


def _reading(lines: list[str]) -> Reading:
    events = (
        Event(stream=STREAM, timestamp_ms=1_763_000_000_000 + n, text=text, event_id=str(n)) for n, text in enumerate(lines)
    )
    return read(events, rules=RULES)


def test_the_lab_holds_what_it_promises() -> None:
    """Every library is there in several ways of printing, both majors of zod and pydantic among them."""
    ways: dict[tuple[str, str], set[str]] = {}
    for param in CASES:
        case = param.values[0]
        ways.setdefault((case["tool"], case["version"].split(".")[0]), set()).add(case["how"])
    assert {("pydantic", "1"), ("pydantic", "2"), ("zod3", "3"), ("zod4", "4")} <= set(ways)
    assert len({tool for tool, _ in ways}) >= 25
    assert sum(len(hows) for hows in ways.values()) >= 400


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_is_one_finding_with_its_fields(case: dict[str, Any]) -> None:
    """One finding for ninety lines or one; category, layer, codes, table and fields are those of what was broken."""
    expected = case["expect"]
    if "category" not in expected:
        return
    findings = _reading(case["events"]).findings
    assert [finding.category for finding in findings] == [expected["category"]]
    finding = findings[0]
    for name in ("layer", "system", "status", "table"):
        if expected.get(name, ANY) != ANY:
            assert getattr(finding, name) == expected[name], name
    if expected.get("code", ANY) != ANY:
        assert finding.code == expected["code"]
    if "implied" in expected:
        assert expected["implied"] in (finding.code, finding.implied_code, finding.db_code)
    if expected.get("fields", ANY) != ANY:
        assert set(finding.fields) == set(expected["fields"])


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0]["expect"].get("mark") == MarkKind.CRASHED])
def test_a_process_that_died_is_seen_to_have_died(case: dict[str, Any]) -> None:
    """An uncaught error, an unhandled rejection, a full heap: the stream says that its process crashed."""
    assert _reading(case["events"]).coverage[0].crashed_ms
