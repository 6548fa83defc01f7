"""Deployments side by side: kinds, rates, one symptom over several deployments, claimed fixes."""

from __future__ import annotations

import pytest

from parsers.comparison import (
    Refusal,
    Side,
    compare_kinds,
    compare_routes,
    judge_expectation,
    judge_fix,
    not_effective_text,
    parse_expectation,
    still_refused_text,
    symptoms,
)
from parsers.model import Category, Deployment, Evidence, Finding, Layer, RequestCount, Severity, StreamKey, VerdictValue

STREAM = StreamKey(log_stream="app/app/0123456789abcdef0123456789abcdef")
NOTES = "/api/v1/clinical-notes"


def deployment(revision: int) -> Deployment:
    return Deployment(
        deployment_id=f"d{revision}", account="123456789012", region="us-east-1", cluster="c", service="s",
        task_definition=f"s:{revision}", revision=revision, commit=None, image=None, image_digest=None, created_ms=0,
        started_ms=0, finished_ms=0, ecs_status="SUCCESSFUL",
    )  # fmt: skip


def finding(kind: str, minute: int = 0, *, layer: Layer = Layer.DATABASE, status: int = 400, route: str = NOTES) -> Finding:
    return Finding(
        id=f"f-{kind}-{minute}", rule_id="x", category=Category.DATABASE, system=None, code=None, db_code=None, implied_code=None,
        severity=Severity.ERROR, outcome=None, layer=layer, status=status, aborted=False, method="POST", route=route,
        path=route, fields=(),
        title=f"POST {route}: {kind}", evidence=(Evidence(timestamp_ms=minute * 60_000, text=kind),), fingerprint=f"v1:{kind}",
        stream=STREAM, timestamp_ms=minute * 60_000, event_ids=(), request_id=None, client=None, cause_link=None,
    )  # fmt: skip


def answers(status: int, *per_minute: int, route: str = NOTES, health: bool = False) -> tuple[RequestCount, ...]:
    return tuple(
        RequestCount(
            stream=STREAM, minute_ms=minute * 60_000, method="POST", route=route, status=status, count=count, health_check=health
        )
        for minute, count in enumerate(per_minute)
        if count
    )


def side(revision: int, findings: list[Finding] | None = None, counts: tuple[RequestCount, ...] = ()) -> Side:
    return Side(deployment=deployment(revision), findings=tuple(findings or ()), counts=counts)


def refusal(revision: int, layer: Layer, *codes: str, refused: int = 40, answered: int = 71) -> Refusal:
    return Refusal(
        deployment_id=f"d{revision}", revision=revision, commit=None, method="POST", route=NOTES, layer=layer, codes=codes,
        fields=("appointmentId",), refused=refused, answered=answered,
    )  # fmt: skip


# ---- kinds ----
def test_every_kind_stands_in_one_of_four_lists() -> None:
    """New, worse, gone and same share the kinds among them."""
    before = side(49, [finding("old"), finding("steady"), *[finding("grows")]], answers(201, 400))
    now = side(
        50, [finding("steady"), *[finding("grows", minute) for minute in range(20)], finding("fresh")], answers(400, *[2] * 20)
    )

    changes = compare_kinds(now, before)

    assert [one.fingerprint for one in changes.new] == ["v1:fresh"]
    assert [one.fingerprint for one in changes.worse] == ["v1:grows"]
    assert [one.fingerprint for one in changes.gone] == ["v1:old"]
    assert [one.fingerprint for one in changes.same] == ["v1:steady"]


def test_more_of_a_kind_because_of_more_traffic_is_not_worse() -> None:
    """Ten times as many failures among ten times as many requests are the same share."""
    before = side(49, [finding("a", 1)] * 3, answers(201, 27, 30))
    now = side(50, [finding("a", minute) for minute in range(30)], answers(201, *[20] * 30))

    assert not compare_kinds(now, before).worse


def test_without_access_lines_kinds_are_only_counted() -> None:
    """No requests counted: no rate is made up."""
    [change] = compare_kinds(side(50, [finding("a")] * 30), side(49, [finding("a")])).same

    assert change.shift is None
    assert (change.requests, change.before) == (30, 1)


# ---- rates ----
def test_a_route_that_got_worse_is_found() -> None:
    """0 of 300 before, 12 of 40 now, on one route and class only."""
    now = side(50, counts=answers(400, *[1] * 12) + answers(201, *[2] * 14) + answers(200, *[9] * 14, route="/other"))
    before = side(49, counts=answers(201, *[10] * 30) + answers(200, *[10] * 30, route="/other"))

    worse = [shift for shift in compare_routes(now, before) if shift.worse]

    assert [shift.key for shift in worse] == [("POST", NOTES, "4xx")]
    assert worse[0].text.startswith("12 of 40 (30 %; 95 %: 17 % to 47 %), before 0 of 300")


def test_health_checks_and_callers_mistakes_do_not_count() -> None:
    """A failing health check is no request, a 401 is the caller's."""
    now = side(50, counts=answers(503, *[5] * 10, health=True) + answers(401, *[5] * 10) + answers(201, *[5] * 10))
    before = side(49, counts=answers(201, *[10] * 30))

    assert not [shift for shift in compare_routes(now, before) if shift.worse]


def test_a_route_that_nobody_asked_for_before_is_not_compared() -> None:
    """Without a baseline nothing is worse."""
    assert compare_routes(side(50, counts=answers(500, *[3] * 10)), side(49, counts=answers(200, 50, route="/other"))) == []


# ---- one symptom ----
def test_one_symptom_moves_down_the_layers() -> None:
    """Five deployments that refuse the same route are one symptom, whatever layer refuses."""
    path = [Layer.VALIDATION, Layer.BUSINESS_RULE, Layer.ORM, Layer.ORM, Layer.DATABASE]
    [symptom] = symptoms([[refusal(46 + number, layer)] for number, layer in enumerate(path)])

    assert [step.revision for step in symptom.steps] == [46, 47, 48, 49, 50]
    assert symptom.moved_down
    assert symptom.text.endswith("by the request schema → a business rule → the ORM → the database")


def test_each_later_deployment_says_that_its_fix_was_not_effective() -> None:
    """The first has nothing before it; the others name who refuses now and who did before."""
    [symptom] = symptoms([[refusal(49, Layer.ORM)], [refusal(50, Layer.DATABASE, "P2011", "23502")]])

    assert not_effective_text(symptom, "d49") is None
    assert not_effective_text(symptom, "d50") == (
        f"FIX NOT EFFECTIVE: POST {NOTES} is still refused, now by the database (P2011, 23502: appointmentId), "
        "in revision 49 by the ORM (appointmentId) — 40 of 71 (56 %)"
    )
    assert not_effective_text(symptom, "d51") is None


def test_what_is_refused_as_before_is_no_failed_fix() -> None:
    """The same layer, codes and fields: somebody deployed something else, and nothing shows that it was to mend this."""
    [symptom] = symptoms([[refusal(49, Layer.VALIDATION)], [refusal(50, Layer.VALIDATION)]])

    assert not_effective_text(symptom, "d50") is None
    assert still_refused_text(symptom, "d49") is None
    assert still_refused_text(symptom, "d50") == (
        f"POST {NOTES} is still refused by the request schema (appointmentId), as in revision 49 — 40 of 71 (56 %)"
    )


def test_a_deployment_that_answers_well_ends_the_symptom() -> None:
    """What comes back after a healthy deployment is another symptom; one without requests in between is not."""
    refused = [refusal(46, Layer.ORM)], [], [refusal(48, Layer.ORM)], [], [refusal(50, Layer.ORM)]
    well = frozenset({("POST", NOTES)})

    found = symptoms(refused, [frozenset(), frozenset(), frozenset(), well, frozenset()])

    assert [[step.revision for step in one.steps] for one in found] == [[46, 48], [50]]


# ---- claims ----
def test_a_fix_is_not_effective_while_its_failure_comes() -> None:
    """One more of the named failure is enough to say so."""
    claim = judge_fix("v1:a", side(50, [finding("a")], answers(201, 50)), [side(49, [finding("a")] * 9, answers(400, 10))])

    assert claim.result is VerdictValue.FAIL
    assert claim.finding_id == "f-a-0"


def test_a_fix_is_not_effective_when_the_next_layer_refuses() -> None:
    """The named failure is gone and its route is refused by another layer: nothing is fixed for those who ask."""
    before = side(49, [finding("a", layer=Layer.ORM)] * 9, answers(400, 10))

    claim = judge_fix("v1:a", side(50, [finding("b")] * 40, answers(400, 71)), [before], [refusal(50, Layer.DATABASE, "P2011")])

    assert claim.result is VerdictValue.FAIL
    assert "now by the database (P2011: appointmentId) — 40 of 71 (56 %)" in claim.text


@pytest.mark.parametrize(("answered", "result"), [(4, "INCONCLUSIVE"), (13, "INCONCLUSIVE"), (14, "PASS"), (60, "PASS")])
def test_a_fix_needs_enough_requests_of_its_route(answered: int, result: str) -> None:
    """A failure of every fifth request must stay away from 14: 0.8^14 is the first below 5 %."""
    claim = judge_fix("v1:a", side(50, counts=answers(201, answered)), [side(49, [finding("a")] * 10, answers(201, 50))])

    assert claim.result == result
    if claim.needed is not None:
        assert claim.needed == f"{14 - answered} more {'request' if answered == 13 else 'requests'} of POST {NOTES}"


def test_requests_of_other_routes_prove_nothing() -> None:
    """A thousand answers elsewhere do not speak of the route in question."""
    claim = judge_fix("v1:a", side(50, counts=answers(200, 1000, route="/other")), [side(49, [finding("a")], answers(201, 5))])

    assert claim.result is VerdictValue.INCONCLUSIVE


def test_an_unknown_fingerprint_is_said_to_be_unknown() -> None:
    """What never was cannot be gone."""
    claim = judge_fix("v1:never", side(50, counts=answers(201, 500)), [side(49, [finding("a")], answers(201, 5))])

    assert claim.result is VerdictValue.INCONCLUSIVE
    assert "never seen" in claim.text


def test_twenty_successes_beside_fifty_refusals_are_no_success() -> None:
    """An expectation looks at refusals as well as at answers."""
    now = side(50, [finding("b")] * 50, answers(201, 20) + answers(400, 50))

    assert judge_expectation(f"POST {NOTES} 201", now, now.findings).result is VerdictValue.FAIL


@pytest.mark.parametrize(
    ("counts", "result"),
    [
        (answers(201, 5), "PASS"),
        (answers(201, 4), "INCONCLUSIVE"),
        ((), "INCONCLUSIVE"),
        (answers(200, 9), "FAIL"),
        (answers(201, 9, route="/other"), "INCONCLUSIVE"),
    ],
)
def test_an_expectation_needs_its_answers(counts: tuple[RequestCount, ...], result: str) -> None:
    """Enough of them pass; too few, or of another route, say nothing; many answers and never that one is a failure."""
    assert judge_expectation(f"POST {NOTES} 201", side(50, counts=counts), ()).result == result


@pytest.mark.parametrize("text", ["POST /x", "/x 201", "POST x 201", "POST /x 20", "POST /x created", ""])
def test_a_bad_expectation_says_what_one_looks_like(text: str) -> None:
    """METHOD /route STATUS, with an example."""
    with pytest.raises(ValueError, match="METHOD /route STATUS"):
        parse_expectation(text)
