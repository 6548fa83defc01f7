"""The named extractors: dotted fields out of whatever a library printed; bounded, never raising."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers import load_packs
from parsers.extract import EXTRACTORS
from parsers.extract.base import MAX_FIELDS, FirstOf, dotted, without_location

NOTE = {"participants": [{"role": "PRIMARY"}]}


def fields(name: str, text: str, data: dict[str, Any] | None = None) -> list[str]:
    return list(EXTRACTORS[name](text, data).fields)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["participants", 1, "role"], "participants.1.role"),
        ("/participants/1/role", "participants.1.role"),
        ("participants[1].role", "participants.1.role"),
        ("participants -> 1 -> role", "participants.1.role"),
        (".page.content", "page.content"),
        ("items['a b'].x", "items.a b.x"),
        ([{"key": "email", "type": "object"}], "email"),
        ([["Array"]], ""),
        (None, ""),
        ("x" * 500, ""),
    ],
)
def test_every_way_to_write_a_path_becomes_dots(path: Any, expected: str) -> None:
    """zod's arrays, Ajv's pointers, yup's brackets, pydantic's arrows, Valibot's steps."""
    assert dotted(path) == expected


def test_the_place_of_a_field_is_no_part_of_its_name() -> None:
    """FastAPI and Fastify say whether it was in the body, the query or the path."""
    assert [without_location(path) for path in ("body.items.0", "query.limit", "body", "bodyWeight")] == [
        "items.0",
        "limit",
        "",
        "bodyWeight",
    ]


def test_rules_name_only_extractors_that_exist() -> None:
    """A misspelt name in a pack would fail on the first hit, in production."""
    wanted = {name for rule in load_packs().rules for name in rule.extract}
    assert wanted <= set(EXTRACTORS)


def test_issues_are_found_in_structure_and_in_the_strings_inside_it() -> None:
    """zod 4 keeps its issues as text in `message`; class-validator nests children; a union says where, not each try."""
    inner = json.dumps([{"code": "invalid_type", "path": ["dueDate"], "message": "no"}])
    assert fields("issues", "", {"err": {"message": inner}}) == ["dueDate"]
    nested = {"errors": [{"property": "address", "children": [{"property": "city", "constraints": {"isString": "no"}}]}]}
    assert fields("issues", "", nested) == ["address.city"]
    union = {
        "issues": [
            {
                "code": "invalid_union",
                "path": ["contact"],
                "message": "no",
                "unionErrors": [{"issues": [{"path": ["contact", "phone"], "message": "no"}]}],
            }
        ]
    }
    assert fields("issues", "", union) == ["contact"]


def test_ajv_names_the_missing_property_itself() -> None:
    """`required` points at the object and names the property beside it."""
    errors = [
        {"instancePath": "/attendees/1", "keyword": "required", "params": {"missingProperty": "name"}, "message": "must have"}
    ]
    assert fields("issues", "", {"errors": errors}) == ["attendees.1.name"]


def test_what_came_in_is_not_taken_for_an_issue() -> None:
    """A request's own body may look like anything; a URL under `path` is no field."""
    assert (
        fields("issues", "", {"req": {"body": {"errors": [{"field": "x", "message": "y"}]}}, "path": "/api/x", "message": "no"})
        == []
    )


def test_messages_under_telling_keys_name_their_fields() -> None:
    """Maps of messages, nested, with Django's non-field errors left out; a record's own strings are no fields."""
    data = {
        "level": "warning",
        "messages": {"json": {"minutes": ["Not a valid integer."], "items": {"0": {"sku": ["no"]}}, "_schema": ["no"]}},
    }
    assert fields("error_map", "", data) == ["minutes", "items.0.sku"]
    assert fields(
        "error_map", "", {"event": "x", "exception": "ValidationError: {'title': ['This field cannot be blank.']}"}
    ) == ["title"]
    assert fields("error_map", "", {"level": "error", "message": "nothing to see"}) == []


def test_values_are_never_taken_for_fields() -> None:
    """Names of columns and keys only: what a person typed stays out."""
    assert fields("postgres_detail", "DETAIL:  Key (lower(email), tenant_id)=(x@example.com, 7) already exists.") == [
        "email",
        "tenant_id",
    ]
    assert fields("mongo_keys", 'dup key: { email: "x@example.com", tenant: 7 }') == ["email", "tenant"]


def test_a_flood_of_issues_is_cut() -> None:
    """Ten thousand refused rows name the first fields only."""
    many = {"errors": [{"path": ["rows", number, "name"], "message": "no"} for number in range(10_000)]}
    assert len(fields("issues", "", many)) == MAX_FIELDS


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=30)
TREES = st.dictionaries(
    st.sampled_from(
        "errors path message code loc property children constraints fieldErrors _errors items keys source params body".split()
    )
    | st.text(max_size=5),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
    ),
    max_size=6,
)


@given(text=st.text(max_size=400), data=st.none() | TREES)
@settings(max_examples=50, deadline=None)
def test_no_record_makes_an_extractor_raise(text: str, data: dict[str, Any] | None) -> None:
    """Logs are hostile: every extractor answers, with distinct, bounded texts."""
    for extract in EXTRACTORS.values():
        found = extract(text, data)
        assert len(found.fields) == len(set(found.fields)) <= MAX_FIELDS
        assert all(isinstance(field, str) and field for field in found.fields)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('child "person" fails because [child "name" fails because ["name" is required]]', ("person.name",)),
        (
            'child "a" fails because [child "b" fails because ["b" is required], child "c" fails because ["c" must be a string]]',
            ("a.b", "a.c"),
        ),
        ('child "a" fails because ["a" is required]. child "b" fails because ["b" is required]', ("a", "b")),
        ('"a.b" is required. "n" must be a number', ("a.b", "n")),
    ],
)
def test_the_older_sentences_of_joi_nest_their_paths(text: str, fields: tuple[str, ...]) -> None:
    """Before Joi 16 a path is a chain of children; only the innermost names are refused."""
    assert EXTRACTORS["quoted_subjects"](text, None).fields == fields


def test_first_of_is_an_alternation() -> None:
    """The leftmost hit, at equal places the earlier pattern's, whatever words the text holds."""
    parts = ((("ab", "ba"), r"(ab+a)|(ba)"), (("code",), r"code: (\d)"), (("b",), r"b(a)"), (("de: 1",), r"code: (1)"))
    first_of = FirstOf(*parts)
    alternation = re.compile("|".join(f"(?:{text})" for _, text in parts))
    chance = random.Random(8)
    for _ in range(3_000):
        text = "".join(chance.choice(("a", "b", "code: ", "de: 1", "1", "2", " ")) for _ in range(chance.randrange(12)))
        mine, theirs = first_of.search(text), alternation.search(text)
        assert (mine and (mine.span(), mine[0])) == (theirs and (theirs.span(), theirs[0])), text
