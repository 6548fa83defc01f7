"""The fold of lines into failed requests."""

from __future__ import annotations

import json
from typing import Any

from parsers import CauseLink, Event, Finding, Layer, StreamKey, load_packs, read, requests

RULES = load_packs()
STREAM = StreamKey(log_group="/ecs/app", log_stream="ecs/app/0f3c9a51d7e24b6892aa4d1c5be07f31")
START = 1_763_521_000_000


def at(ms: int, text: str | dict[str, Any]) -> Event:
    return Event(stream=STREAM, timestamp_ms=START + ms, text=text if isinstance(text, str) else json.dumps(text), line=ms)


def access(method: str, path: str, status: int | str) -> str:
    return f'203.0.113.7 - - [19/Nov/2025:02:58:54 +0000] "{method} {path} HTTP/1.1" {status} 54 "-" "Mozilla/5.0"'


def zod(path: str, field: str, request_id: str | None = None) -> dict[str, Any]:
    issue = {"code": "invalid_type", "message": "Required", "path": field}
    more = {"requestId": request_id} if request_id else {}
    return {"level": "warn", "message": "Zod validation error", "errors": [issue], "method": "POST", "path": path} | more


def failures(*events: Event) -> list[Finding]:
    return [f for f in read(events, rules=RULES).findings if f.severity != "info"]


def test_the_cause_before_the_access_line_explains_it() -> None:
    """Same method and path: one finding, of the cause's category and layer, with the access line's status."""
    (finding,) = failures(at(0, zod("/api/notes", "sessionDate")), at(5, access("POST", "/api/notes", 400)))

    assert (finding.category, finding.layer, finding.status, finding.fields) == (
        "validation",
        Layer.VALIDATION,
        400,
        ("sessionDate",),
    )
    assert finding.cause_link is CauseLink.ROUTE


def test_two_requests_to_one_route_keep_their_own_causes() -> None:
    """Answers leave in the order their causes were printed."""
    first, second = failures(
        at(0, zod("/api/notes", "a")),
        at(1, zod("/api/notes", "b")),
        at(5, access("POST", "/api/notes", 400)),
        at(6, access("POST", "/api/notes", 400)),
    )

    assert (first.fields, second.fields) == (("a",), ("b",))


def test_a_request_id_is_stronger_than_order() -> None:
    """Two causes, answered in the other order: the ids tell."""
    done = {
        "level": "info",
        "msg": "request completed",
        "req": {"method": "POST", "url": "/api/notes"},
        "res": {"statusCode": 400},
        "responseTime": 3,
    }
    found = failures(
        at(0, zod("/api/notes", "a", "req-1")),
        at(1, zod("/api/notes", "b", "req-2")),
        at(5, done | {"reqId": "req-2"}),
        at(6, done | {"reqId": "req-1"}),
    )

    assert [(f.request_id, f.fields, f.cause_link) for f in found] == [
        ("req-2", ("b",), CauseLink.REQUEST_ID),
        ("req-1", ("a",), CauseLink.REQUEST_ID),
    ]


def test_a_cause_far_away_belongs_to_nobody() -> None:
    """Eleven seconds before the access line: two findings, none explains the other."""
    found = failures(at(0, zod("/api/notes", "a")), at(11_000, access("POST", "/api/notes", 400)))

    assert sorted((f.category, f.status) for f in found) == [("http_4xx", 400), ("validation", None)]


def test_a_text_that_repeats_the_status_is_no_cause() -> None:
    """ "Client not found" with 404 says who refused at most: the finding stays http_4xx."""
    line = {
        "level": "warn",
        "message": "Client not found",
        "code": "NOT_FOUND",
        "statusCode": 404,
        "method": "GET",
        "path": "/api/clients/7",
    }
    found = read([at(0, line), at(4, access("GET", "/api/clients/7", 404))], rules=RULES).findings

    assert [(f.category, f.status, f.route) for f in found] == [("http_4xx", 404, "/api/clients/:id")]


def test_without_access_lines_causes_are_counted_as_such() -> None:
    """No access line in the stream: the cause is the finding, its status is not known."""
    (finding,) = failures(at(0, zod("/api/notes", "a")))

    assert (finding.category, finding.status, finding.cause_link) == ("validation", None, CauseLink.NONE)


def test_an_aborted_request_without_a_cause_is_no_finding() -> None:
    """`- -`: the client gave up. Counted as aborted, not as a failure."""
    reading = read([at(0, access("GET", "/api/reports", "-"))], rules=RULES)

    assert [(c.aborted, c.count) for c in reading.request_counts] == [(True, 1)]
    assert not reading.findings


def test_a_late_cause_explains_an_aborted_request() -> None:
    """The statement timeout is printed two seconds after the client left."""
    late = {"level": "error", "message": "Database error", "prismaCode": "P2010", "method": "GET", "path": "/api/reports",
            "error": "Raw query failed. Code: `57014`. Message: `canceling statement due to statement timeout`"}  # fmt: skip
    (finding,) = failures(at(0, access("GET", "/api/reports", "-")), at(2_100, late))

    assert (finding.aborted, finding.layer, finding.db_code) == (True, Layer.DATABASE, "57014")


def test_health_checks_are_marked() -> None:
    """They are counted apart, so that rates can leave them out."""
    line = '10.0.1.23 - - [19/Nov/2025:02:58:54 +0000] "GET /api/v1/health/live HTTP/1.1" 200 36 "-" "ELB-HealthChecker/2.0"'

    assert [c.health_check for c in read([at(0, line)], rules=RULES).request_counts] == [True]


def test_query_strings_are_never_kept() -> None:
    """Neither in counts nor in findings."""
    reading = read([at(0, access("GET", "/api/clients?ssn=123-45-6789&limit=400", 500))], rules=RULES)

    assert [c.route for c in reading.request_counts] == ["/api/clients"]
    assert "123-45-6789" not in repr(reading.findings)


def test_one_line_a_field_is_one_refusal_with_all_fields() -> None:
    """Validators that print a line for each field: one finding that names them all."""
    (finding,) = failures(
        at(0, "Key: 'Order.Email' Error:Field validation for 'Email' failed on the 'email' tag"),
        at(0, "Key: 'Order.Items[0].Qty' Error:Field validation for 'Qty' failed on the 'gt' tag"),
        at(0, "Key: 'Order.Note' Error:Field validation for 'Note' failed on the 'required' tag"),
        at(5, access("POST", "/api/orders", 400)),
    )

    assert finding.fields == ("Email", "Items.0.Qty", "Note")


def test_a_file_without_times_is_folded_without_comparing_all_with_all(monkeypatch) -> None:
    """All lines stand in one instant, so no window of time ends: what is far away is not looked at."""

    def comparisons(lines: int) -> int:
        calls = 0

        def counted(*given: Any) -> bool:
            nonlocal calls
            calls += 1
            return bool(fits(*given))

        with monkeypatch.context() as patch:
            patch.setattr(requests, "_status_fits", counted)
            texts = [access("POST", f"/a{n}", 400) for n in range(lines)] + ["Unique constraint failed on the fields: (`a`)"] * 50
            events = [Event(stream=STREAM, timestamp_ms=START, text=text, line=number) for number, text in enumerate(texts)]
            assert len(failures(*events)) >= lines
        return calls

    fits = requests._status_fits

    assert comparisons(2_400) < 2 * comparisons(600)
