"""Redaction: what goes, what stays, and that nothing a log can hold slows it down, breaks it or gets out of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from parsers import documents, field_names, fingerprints, identifiers, masks, shown, strict, structures, wording
from parsers.field_names import Meaning, meaning
from parsers.identifiers import MASKS, may_tell, possible_masks
from parsers.late import Late
from parsers.masks import MAX_LINE_CHARS, UNREADABLE, Redactor, route_template, show
from parsers.rules import load_packs
from tests.hostile import LINES, PUMPS, huge

REDACTOR = Redactor(b"a key of this test")
TOKEN = re.compile(r"<[a-z_]+:[0-9a-f]{8}>")

# (kind, a value it takes, a value that only looks like one)
SAMPLES = (
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ", "eyJ.short"),
    ("aws_key", "AKIAIOSFODNN7EXAMPLE", "AKIA"),
    ("api_key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_short"),
    ("api_key", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk-learn"),
    ("email", "jane.doe+portal@clinic.example.com", "ehr@2.4.1"),
    ("email", "jane.doe%40clinic.example.com", "@scope/package@1.2.3"),
    ("phone", "+1 (415) 555-0132", "2026-01-12"),
    ("phone", "415-555-0132", "415-555"),
    ("ssn", "219-09-9999", "2019-09-09"),
    ("card", "4111 1111 1111 1111", "4111 1111 1111 1112"),
    ("card", "4111111111111111", "1795378332009000"),
    ("iban", "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
    ("ip", "203.0.113.7", "10.0.1.7"),
    ("ip", "198.51.100.23", "172.18.0.3"),
    ("ip", "2001:db8:85a3::8a2e:370:7334", "10:11:12"),
    ("uuid", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "3f2504e0-4f89"),
    ("hex", "507f1f77bcf86cd799439011", "ae1027a6acf8"),
    ("id", "cjld2cyuq0000t3rmniod1foy", "configurationmanagerfactory"),
    ("secret", "V1StGXR8Z5jdHi6BmyT9kQ2wX", "PrismaClientKnownRequestError"),
    ("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzXAMPLEKEY", "/app/node_modules/prisma/build/index.js/x/y/z"),
)
# What ought to be and is not: kept so that a mend is seen. (kind, text, desired, actual)
KNOWN_WRONG = (
    ("phone", "call 0151 23456789", "call <phone:…>", "call 0151 23456789"),  # national numbers without a plus sign
    ("ip", "version 8.0.33.1 of the driver", "version 8.0.33.1 of the driver", "version <ip:…> of the driver"),
)


@pytest.mark.parametrize("frame", ["{}", "prefix {}", "{} suffix", "prefix {} suffix"])
@pytest.mark.parametrize(("kind", "value", "other"), SAMPLES)
def test_a_named_mask_takes_its_value_wherever_it_stands(kind: str, value: str, other: str, frame: str) -> None:
    """Alone, after a word, before a word, between words: the value is one token of its kind and the words stay."""
    out = REDACTOR.text(frame.format(value))

    assert out == frame.format(REDACTOR.token(kind, value))


@pytest.mark.parametrize("frame", ["{}", "prefix {}", "{} suffix", "prefix {} suffix"])
@pytest.mark.parametrize(("kind", "value", "other"), SAMPLES)
def test_a_named_mask_leaves_what_only_looks_alike(kind: str, value: str, other: str, frame: str) -> None:
    """Versions, dates, times, private addresses and names out of the code stay as they are."""
    assert REDACTOR.text(frame.format(other)) == frame.format(other)


@pytest.mark.parametrize(("kind", "text", "desired", "actual"), KNOWN_WRONG)
def test_known_wrong(kind: str, text: str, desired: str, actual: str) -> None:
    """These are wrong and known to be: the day one is right, it moves up to the samples."""
    out = TOKEN.sub(f"<{kind}:…>", REDACTOR.text(text))

    assert out == actual
    assert out != desired


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ('DETAIL:  Key (email)=(jane@x.org) already exists.', "DETAIL:  Key (email)=(<values>) already exists."),
        ("Failing row contains (17, Jane Doe, null).", "Failing row contains (<values>)."),
        ("Duplicate entry 'Jane O'Brien' for key 'users.name'", "Duplicate entry '<values>' for key 'users.name'"),
        ("INSERT INTO notes (body) VALUES ('said \"no\"') RETURNING id", "INSERT INTO notes (body) VALUES (<values>) RETURNING id"),
        ("INSERT INTO notes (body) VALUES ($1, %(b)s)", "INSERT INTO notes (body) VALUES ($1, %(b)s)"),
        ("postgresql://app:p%40ss@db.internal:5432/ehr?sslmode=require", "postgresql://<credentials>@db.internal:5432/ehr?<query>"),
        ('"GET /clients?q=Jane HTTP/1.1" 400', '"GET /clients?<query> HTTP/1.1" 400'),
        ("Authorization: Basic amFuZTpkb2U=", "Authorization: <secret>"),
        ("expected 'a' | 'b', received 'Jane Doe'", "expected 'a' | 'b', received '<string 8>'"),
        ("Expected string, received null", "Expected string, received null"),
        ('null value in column "dueDate" of relation "Note" violates', 'null value in column "dueDate" of relation "Note" violates'),
        ("  clientName: \"Jane Doe\",", "  clientName: \"<string 8>\","),
        ("+   dueDate: DateTime", "+   dueDate: DateTime"),
        ("{ code: 'P2002', meta: { target: [ 'email' ] } }", "{ code: 'P2002', meta: { target: [ 'email' ] } }"),
        ("rejected value [Jane]; codes [x]", "rejected value [<values>]; codes [x]"),
        ("GET /patients/4821377/notes 404", f"GET /patients/{REDACTOR.token('id', '4821377')}/notes 404"),
        ("GET /tasks/999 404", "GET /tasks/999 404"),
        ('{"whatever":"Jane","code":"P2011","n":7}', '{"whatever":"<string 4>","code":"P2011","n":7}'),
        ("password: Required", "password: Required"),
        ("password=hunter2!x", "password=<secret>"),
        ("Migration name: 20251119024521_make_draft_fields_nullable", "Migration name: 20251119024521_make_draft_fields_nullable"),
    ],
)  # fmt: skip
def test_structure_decides(text: str, out: str) -> None:
    """Values go by what the program prints around them; columns, codes, names and messages stay."""
    assert REDACTOR.text(text) == out


def test_equal_values_give_equal_tokens_only_under_one_key() -> None:
    """Tokens join within an installation and tell nothing outside it."""
    other = Redactor(b"another key")

    assert REDACTOR.text("Jane@x.org") == REDACTOR.text("jane@x.org") == REDACTOR.token("email", "jane@x.org")
    assert REDACTOR.token("email", "jane@x.org") != other.token("email", "jane@x.org")
    assert REDACTOR.token("email", REDACTOR.token("email", "a@x.org")) == REDACTOR.token("email", "a@x.org")


def test_a_prisma_call_keeps_model_names_and_marks() -> None:
    """Of a printed call the model, the arguments and the marks stay."""
    call = (
        'Invalid `prisma.note.create()` invocation:\n{\n  data: {\n    text: "Jane",\n    weight: 82,\n'
        "+   dueDate: DateTime\n  }\n}\n\nArgument `dueDate` is missing."
    )

    assert REDACTOR.text(call).split("\n") == [
        "Invalid `prisma.note.create()` invocation:", "{", "  data: {", '    text: "<string 4>",', "    weight: <number>,",
        "+   dueDate: DateTime", "  }", "}", "", "Argument `dueDate` is missing.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "shown_as"),
    [
        ("/api/v1/notes", "/api/v1/notes"), ("/tasks/999?x=1#y", "/tasks/999"), ("/product/14926", "/product/14926"),
        ("/users/jane.doe@x.org/reset", "/users/<email>/reset"), ("/users/jane%40x.org", "/users/<email>"),
        ("/c/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "/c/<uuid>"), ("/patients/4821377", "/patients/<id>"), ("", ""), ("/", "/"),
    ],
)  # fmt: skip
def test_paths(path: str, shown_as: str) -> None:
    """Short numbers stay, what names a person or one thing is a token, the query is off; a token is `:id` in the template."""
    out = REDACTOR.path(path)

    assert TOKEN.sub(lambda hit: hit[0].split(":")[0] + ">", out) == shown_as
    assert route_template(out) == re.sub(r"<\w+>|\b\d+\b(?!/)", ":id", shown_as)


@pytest.mark.parametrize(
    "part",
    [
        "7589a82b-5a70-2cfa-9d1e-0123456789ab",
        "7589A82B-5A70-2CFA-9D1E-0123456789AB",
        "12345678-1234-1234-1234-123456789012",
        "00000000-0000-0000-0000-000000000000",
        "abcdefab-cdef-abcd-efab-cdefabcdefab",
    ],
)
def test_a_uuid_in_a_path_is_masked_as_in_a_text(part: str) -> None:
    """Both lose it to the same mask."""
    redactor = Redactor(b"key")
    assert redactor.path(f"/clients/{part}") == f"/clients/{redactor.text(part)}"


def test_request_ids_are_counters_or_tokens() -> None:
    """A counter of the process stays; a UUID may as well be a person's."""
    assert [REDACTOR.request_id(one) for one in (None, "", "req-12", "17")] == [None, "", "req-12", "17"]
    assert TOKEN.fullmatch(REDACTOR.request_id("3f2504e0-4f89-41d3-9a0c-0305e82c3301") or "")


def test_it_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error inside hides the line; the number of lines is kept."""
    monkeypatch.setattr(masks, "without_rows", lambda text: 1 / 0)

    assert REDACTOR.text("user: 'Jane'\nGET /x") == f"{UNREADABLE}\n{UNREADABLE}"
    assert REDACTOR.fields({"msg": "for 'Jane'"}) == {"redacted": UNREADABLE}
    assert REDACTOR.text(None) == UNREADABLE  # type: ignore[arg-type]


_BESIDE = [
    *(value for _, value, _ in SAMPLES), *(other for _, _, other in SAMPLES), "-", "00:00:00", "23:59:59", "12:34:56", "Jane Doe", "patient=Doe",
    "born 12/03/1980 ", "?ssn=219-09-9999", "password=hunter2 ", "[12/Mar/1980:12:34:56 +0000] ", "\\", "é", "\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("strict_too", [False, True])
def test_an_access_line_with_another_time_is_redacted_as_for_the_first_time(*, strict_too: bool) -> None:
    """What is remembered of a line without its time of day is what a redactor says that never saw the line."""
    known = Redactor(b"k", strict=strict_too)
    wrong = []
    for beside in _BESIDE:
        for client, path, agent in ((beside, "x", "curl"), ("10.0.0.7", beside, "curl"), ("10.0.0.7", "x", beside)):
            for time_of_day in ("12:34:56", "00:00:00", "23:59:59", "05:32:10", "12:34:56"):
                line = f'{client} - - [18/Nov/2025:{time_of_day} +0000] "GET /{path} HTTP/1.1" 400 73 "-" "{agent}"'
                if known.text(line) != Redactor(b"k", strict=strict_too).text(line):
                    wrong.append(line)
    assert wrong == []


def test_what_is_remembered_of_access_lines_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan of a million paths does not fill the memory, and a line whose time stands in it twice is not remembered."""
    monkeypatch.setattr(masks, "MAX_TIMED", 10)
    redactor = Redactor(b"k")
    lines = [f'10.0.0.7 - - [18/Nov/2025:12:34:56 +0000] "GET /p{number} HTTP/1.1" 404 9 "-" "curl"' for number in range(35)]

    for line in [*lines, lines[0].replace("/p0", "/12:34:56")]:
        assert redactor.text(line) == Redactor(b"k").text(line)

    assert sorted(after.split()[2] for _, _, after in redactor._timed) == ["/p30", "/p31", "/p32", "/p33", "/p34"]


@pytest.mark.parametrize("redactor", [REDACTOR, Redactor(b"k", strict=True)])
def test_hostile_lines_keep_their_number_and_settle(redactor: Redactor) -> None:
    """Whatever a line holds: as many lines come out, and a second redaction changes nothing."""
    out = {line: redactor.text(line) for line in LINES}

    assert [line for line, text in out.items() if text.count("\n") != line.count("\n")] == []
    assert [line for line, text in out.items() if redactor.text(text) != text] == []
    assert [line for line, text in out.items() if re.search(r"\x1b\[[0-9;]*m", text)] == []


def test_huge_lines_are_cut_and_counted() -> None:
    """A line of a million characters comes out short, says how much is hidden, and settles."""
    for line in huge(200_000):
        out = REDACTOR.text(line)
        assert len(out) <= 2 * MAX_LINE_CHARS
        assert "more characters>" in out or len(out) < 200 or out.startswith("{")
        assert REDACTOR.text(out) == out


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in (masks, structures, documents, identifiers, field_names, fingerprints, wording, strict, shown):
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern | Late):
                yield f"{module.__name__}.{name}", value
    for number, mask in enumerate((*MASKS, *fingerprints.VARYING)):
        yield f"{mask.kind}{number}", mask.pattern
    for cut in structures._CUTS:
        yield f"cut {cut.needle}", cut.head


def _seconds(pattern: re.Pattern[str], line: str) -> float:
    start = time.process_time()
    for _ in pattern.finditer(line):
        pass
    return time.process_time() - start


@pytest.mark.parametrize(("name", "pattern"), list(_patterns()))
def test_every_pattern_is_linear(name: str, pattern: re.Pattern[str]) -> None:
    """Four times the pumped line takes about four times as long (sixteen times would be quadratic); tried again before it counts."""
    for pump in PUMPS:
        lines = [(pump * (size // len(pump) + 1))[:size] for size in (8_192, 32_768)]
        for _ in range(4):
            short, long = (_seconds(pattern, line) for line in lines)
            if long < 0.030 or long < 9 * short:
                break
        else:
            pytest.fail(f"{name} on {pump!r}: {short * 1e3:.1f} ms, then {long * 1e3:.1f} ms for four times as much")


def test_the_gate_lets_every_masked_value_in() -> None:
    """The cheap look at a line's outline never turns away what a mask would take."""
    for _, value, _ in SAMPLES:
        for text in (value, f"prefix {value} suffix"):
            taking = [
                mask for mask in MASKS if any(mask.check is None or mask.check(hit[0]) for hit in mask.pattern.finditer(text))
            ]
            assert may_tell(text), value
            assert [mask for mask in taking if mask not in possible_masks(text)] == []


@pytest.mark.parametrize(
    ("key", "means"),
    [
        ("dueDate", Meaning.UNKNOWN), ("clientName", Meaning.PERSON), ("session_notes", Meaning.PERSON), ("err.message", Meaning.TEXT),
        ("req.body.status", Meaning.PERSON), ("user.id", Meaning.ID), ("userId", Meaning.ID), ("X-Api-Key", Meaning.SECRET),
        ("hostname", Meaning.IDENTIFIER), ("meta.target.0", Meaning.PATH), ("statusCode", Meaning.IDENTIFIER), ("jwtSecret", Meaning.SECRET),
        ("token", Meaning.SECRET), ("input", Meaning.DATA), ("filename", Meaning.IDENTIFIER), ("valid", Meaning.UNKNOWN),
        ("sessionDate", Meaning.UNKNOWN), ("zipCode", Meaning.PERSON), ("declineCode", Meaning.IDENTIFIER), ("client.go", Meaning.PLAIN),
    ],
)  # fmt: skip
def test_what_a_key_says(key: str, means: Meaning) -> None:
    """Names of fields in any spelling, alone or dotted."""
    assert meaning(key) is means


@pytest.mark.parametrize(
    ("text", "shown_as"),
    [
        ("plain été", "plain été"), ("\x1b[31m", "\\x1b[31m"), ("\x9b2J", "\\x9b2J"), ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eSSAP", "\\u202eSSAP"), ("\u200b", "\\u200b"), ("\u2028", "\\u2028"), ("\ud800", "\\ud800"), ("\U000e0041", "\\U000e0041"),
        ("\ufffe", "\\ufffe"), ("\u3164", "\\u3164"), ("a\u00a0b", "a\u00a0b"), ("", ""), ("\x00", "\\x00"),
    ],
)  # fmt: skip
def test_show_makes_the_invisible_visible(text: str, shown_as: str) -> None:
    """Control codes, bidi controls and invisible characters are escapes; letters, signs and blanks are themselves."""
    assert show(text) == shown_as


def test_show_of_hostile_lines_is_printable() -> None:
    """Nothing in the hostile corpus reaches a terminal as anything but visible characters; line ends only when asked for."""
    assert [
        line for line in LINES if not show(line).replace("\u00a0", "").replace("\u3000", "").replace("\u2009", "").isprintable()
    ] == []
    assert show("a\nb\tc\r", newlines=True) == "a\nb\tc\\x0d"


def test_strict_shows_the_words_of_the_packs() -> None:
    """The rules' own words are no persons': with them strict evidence still says what the rule saw; names stay hidden."""
    words = load_packs().words
    line = "DrizzleQueryError: Maren Volkert frobnicated the entrypoint"

    assert {"drizzlequeryerror", "entrypoint", "failed"} <= words
    assert not {"maren", "volkert", "frobnicated"} & words
    assert Redactor(b"k", strict=True, words=words).text(line) == "DrizzleQueryError: <text 23> the entrypoint"
