"""The state of a view survives its URL, and nothing from a log can get into one."""

from dataclasses import fields, replace
from urllib.parse import parse_qs, urlencode

from hypothesis import given
from hypothesis import strategies as st

from dashboard import app
from dashboard.state import CHARTS, LINES, ViewState, read_state, read_time, route_id
from parsers import Category, Layer, Severity

MOMENTS = st.none() | st.integers(min_value=31_536_000_000, max_value=4_102_444_800_000)
IDS = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:_./#-]{0,60}", fullmatch=True)
FINGERPRINTS = st.from_regex(r"v[1-9]:[0-9a-f]{12}", fullmatch=True)
GIVEN = dict(  # noqa: C408 - the names of fields, as a call has them
    service=IDS,
    start_ms=MOMENTS,
    end_ms=MOMENTS,
    zone=st.sampled_from(["UTC", "local"]),
    deployment=IDS,
    revision=st.none() | st.integers(0, 9_999_999),
    category=st.none() | st.sampled_from(list(Category)),
    layer=st.none() | st.sampled_from(list(Layer)),
    severity=st.none() | st.sampled_from(list(Severity)),
    status=st.none() | st.integers(0, 599),
    route=st.none() | st.builds(route_id, st.text(max_size=8), st.text(max_size=40)),
    fingerprint=st.none() | FINGERPRINTS,
    finding=IDS,
    run=IDS,
    excluded=st.lists(FINGERPRINTS, max_size=20, unique=True).map(tuple),
    chart=st.none() | st.sampled_from(CHARTS),
    lines=st.none() | st.sampled_from(LINES),
    pages=st.dictionaries(st.from_regex(r"[a-z]{1,20}", fullmatch=True), st.integers(2, 9_999), max_size=5).map(
        lambda pages: tuple(sorted(pages.items()))
    ),
)
STATES = st.builds(ViewState, **GIVEN)


@given(STATES)
def test_a_state_survives_its_url(state):
    """Written into a query string and read again, every part of every state is what it was."""
    query = urlencode(state.parameters(), doseq=True)

    assert read_state(parse_qs(query)) == state


KEYS = [
    "svc",
    "from",
    "to",
    "tz",
    "dep",
    "rev",
    "cat",
    "layer",
    "sev",
    "status",
    "route",
    "fp",
    "finding",
    "run",
    "not",
    "chart",
    "lines",
    "page-failures",
    "page-<b>",
]


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=300) | st.lists(st.text(max_size=40))))
def test_any_query_string_is_read_without_an_error(parameters):
    """Whatever somebody writes into an address, the answer is a state, and that state survives its own URL."""
    state = read_state(parameters)

    assert read_state(state.parameters()) == state


def test_every_part_of_a_state_is_drawn_from():
    """A part that is new and not in the property above would be lost unseen."""
    assert {field.name for field in fields(ViewState)} == set(GIVEN)


@given(STATES, st.sampled_from((*app._SHOWN, *app._HIDDEN)))
def test_a_page_keeps_the_parts_it_shows_and_no_other(state, view):
    """An address with another page's words filters nothing unseen; what the page shows survives the address."""
    kept = read_state(parse_qs(urlencode(state.only(view.PARTS).parameters(), doseq=True)))
    left_out = {field.name for field in fields(ViewState)} - {"service", "start_ms", "end_ms", "zone", *view.PARTS}

    assert kept == replace(state, **{name: getattr(ViewState(), name) for name in left_out})


def test_a_hostile_value_is_dropped():
    """HTML, line breaks, blanks and formulas are no ids."""
    for value in ("<img src=x>", "a b", "x\ny", "=cmd()", "\u202e", ""):
        assert read_state({"dep": value, "fp": value, "finding": value, "route": value}) == ViewState()


def test_a_route_is_named_by_a_digest():
    """A path is log text: an address holds ten hex digits in its place, other ones for another method."""
    identifier = route_id("POST", "/api/v1/clinical-notes")

    assert len(identifier) == 10
    assert int(identifier, 16) >= 0
    assert identifier != route_id("GET", "/api/v1/clinical-notes")


def test_a_time_without_an_offset_is_utc():
    """`2025-11-19 02:57:56` is read as UTC, an offset is honoured, nonsense is no time."""
    assert read_time("2025-11-19 02:57:56") == 1763521076000
    assert read_time("2025-11-18T21:57:56-05:00") == 1763521076000
    assert read_time("2025-11-19T02:57:56.060Z") == 1763521076060
    assert read_time("yesterday") is None
    assert read_time("0001-01-01T00:00:00Z") is None
