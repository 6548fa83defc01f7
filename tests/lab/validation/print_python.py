"""Provokes schema libraries and database drivers of Python and prints each refusal the ways programs print it.

Usage: python print_python.py [DATABASE_URL] > python.jsonl     one JSON object a case: {tool, version, how, events, expect}
Needs the packages of requirements.txt beside it, not the product. What is not installed (pydantic 1 has its own environment) is left out.
"""

# ruff: noqa: BLE001, C901, TRY301, N806, LOG001, PLW0108, PTH100, PTH120 (it prints what careless programs print)

import io
import json
import logging
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module, metadata, util
from typing import Any

Expect = dict[str, Any]
CASES: list[dict[str, Any]] = []
ANY = "*"


def record(tool: str, how: str, show: Callable[[], object], expect: Expect, version: str | None = None) -> None:
    text = io.StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        show()
    here = os.path.dirname(os.path.abspath(__file__))
    printed = text.getvalue().replace(here, "/app").replace(sys.prefix, "/usr/local").replace(sys.base_prefix, "/usr/local")
    CASES.append(
        {
            "tool": tool,
            "version": version or metadata.version(tool),
            "how": how,
            "events": [line for line in printed.split("\n") if line],
            "expect": expect,
        }
    )


def log(shown: str) -> Callable[[BaseException], object]:
    def show(error: BaseException) -> None:
        logger = logging.Logger("notes")
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        if shown == "exception":
            try:
                raise error
            except BaseException:
                logger.exception("could not save the note")
        elif shown == "text":
            logger.error("could not save the note: %s", error)
        else:
            logger.error("could not save the note: %r", error)

    return show


def structlog_json(error: BaseException) -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    structlog.get_logger().error("save_failed", method="POST", path="/notes", exc_info=error)


def python_json(error: BaseException) -> None:
    print(
        json.dumps(
            {
                "asctime": "2026-11-22 19:42:28,938",
                "name": "notes",
                "levelname": "ERROR",
                "message": f"could not save: {error}",
                "exc_info": "".join(traceback.format_exception(error)),
            }
        )
    )


WAYS: dict[str, Callable[[BaseException], object]] = {
    "traceback": lambda e: traceback.print_exception(e),
    "logging.exception": log("exception"),
    "logging.error('%s')": log("text"),
    "logging.error('%r')": log("repr"),
    "structlog JSON": structlog_json,
    "python-logging JSON": python_json,
}


def every(
    tool: str, what: str, error: BaseException, expect: Expect, *, skip: tuple[str, ...] = (), version: str | None = None
) -> None:
    for how, show in WAYS.items():
        if how not in skip and not (how.startswith("structlog") and util.find_spec("structlog") is None):
            record(tool, f"{what}, {how}", lambda show=show: show(error), expect, version)


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:
        return error
    raise AssertionError("nothing was refused")


def pydantic_cases() -> None:
    import pydantic

    class Item(pydantic.BaseModel):
        sku: str
        quantity: pydantic.PositiveInt

    class Note(pydantic.BaseModel):
        customer_id: int
        due_date: str
        items: list[Item]

    expect = {
        "category": "validation",
        "layer": "validation",
        "system": "pydantic",
        "fields": ["customer_id", "due_date", "items.0.quantity", "items.1.sku"],
    }
    error = caught(lambda: Note(customer_id="many", items=[{"sku": "a", "quantity": 0}, {"quantity": 1}]))
    every("pydantic", "model", error, expect, skip=("logging.error('%r')",))
    settings = util.find_spec("pydantic_settings") is not None or int(pydantic.VERSION.split(".")[0]) == 1
    if settings:
        base = import_module("pydantic_settings" if int(pydantic.VERSION.split(".")[0]) > 1 else "pydantic").BaseSettings
        Settings = type("Settings", (base,), {"__annotations__": {"database_url": str, "port": int}})
        os.environ["PORT"] = "many"
        every(
            "pydantic",
            "settings",
            caught(Settings),
            {"category": "validation", "system": "pydantic", "fields": ["database_url", "port"]},
            skip=("logging.error('%r')",),
        )
        os.environ.pop("PORT")


def fastapi_cases() -> None:
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from fastapi.testclient import TestClient
    from pydantic import BaseModel

    class Note(BaseModel):
        customer_id: int
        items: list[int]

    app = FastAPI()
    seen: list[RequestValidationError] = []

    @app.post("/notes")
    def create(note: Note) -> None: ...

    @app.get("/notes/{note_id}")
    def read(note_id: int, limit: int = 3) -> None: ...

    @app.exception_handler(RequestValidationError)
    async def refused(_request: Any, error: RequestValidationError) -> JSONResponse:
        seen.append(error)
        return JSONResponse({}, 422)

    client = TestClient(app)
    client.post("/notes", json={"items": [1, "x"]})
    client.get("/notes/x?limit=ten")
    for error, fields in zip(seen, (["customer_id", "items.1"], ["note_id", "limit"]), strict=True):
        expect = {"category": "validation", "layer": "validation", "code": ANY, "fields": fields}
        record("fastapi", "print(error.errors())", lambda e=error: print("Validation error on POST /notes:", e.errors()), expect)
        record("fastapi", "logging.error('%s', error)", lambda e=error: log("text")(e), {**expect, "fields": ANY})
        record("fastapi", "JSON detail", lambda e=error: print(json.dumps({"detail": e.errors()})), expect)
        record(
            "fastapi",
            "JSON log",
            lambda e=error: print(json.dumps({"level": "warning", "event": "refused", "path": "/notes", "errors": e.errors()})),
            expect,
        )
    seen.clear()
    client.post("/notes", content=b'{"a":', headers={"content-type": "application/json"})
    record(
        "fastapi",
        "malformed",
        lambda: print("Validation error:", seen[0].errors()),
        {"category": "validation", "layer": "body_parser"},
    )


def marshmallow_cases() -> None:
    from marshmallow import Schema, ValidationError, fields

    class Item(Schema):
        sku = fields.Str(required=True)

    class Note(Schema):
        due_date = fields.Date(required=True)
        minutes = fields.Int()
        items = fields.List(fields.Nested(Item))

    error = caught(lambda: Note().load({"minutes": "many", "items": [{"sku": 5}]}))
    assert isinstance(error, ValidationError)
    expect = {
        "category": "validation",
        "layer": "validation",
        "system": "marshmallow",
        "fields": ["due_date", "minutes", "items.0.sku"],
    }
    every("marshmallow", "load", error, expect)
    record("marshmallow", "print(error.messages)", lambda: print("bad note", error.messages), expect)
    record(
        "marshmallow",
        "JSON messages",
        lambda: print(json.dumps({"level": "warning", "event": "refused", "messages": {"json": error.messages}})),
        expect,
    )


def django_cases() -> None:
    import django
    from django.conf import settings

    settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"], USE_TZ=True, DATABASES={})
    django.setup()
    from django import forms
    from django.core.exceptions import ValidationError
    from rest_framework import serializers

    class Note(serializers.Serializer):
        due_date = serializers.DateField()
        minutes = serializers.IntegerField(min_value=1)

    serializer = Note(data={"minutes": 0})
    error = caught(lambda: serializer.is_valid(raise_exception=True))
    expect = {"category": "validation", "layer": "validation", "fields": ["due_date", "minutes"]}
    every("djangorestframework", "serializer", error, {**expect, "system": "drf"})
    record("djangorestframework", "print(serializer.errors)", lambda: print("invalid note", serializer.errors), expect)
    record(
        "djangorestframework",
        "JSON errors",
        lambda: print(json.dumps({"level": "warning", "message": "invalid note", "errors": serializer.errors})),
        expect,
    )

    class Form(forms.Form):
        due_date = forms.DateField()
        minutes = forms.IntegerField()

    form = Form({"minutes": "many"})
    record("django", "print(form.errors)", lambda: print("invalid form", form.errors), expect)
    record(
        "django",
        "form.errors.as_json()",
        lambda: print("invalid form", form.errors.as_json()),
        {"category": "validation", "fields": ANY},
    )
    record("django", "dict(form.errors)", lambda: print("invalid form", {k: list(v) for k, v in form.errors.items()}), expect)
    every(
        "django",
        "clean",
        ValidationError({"title": ["This field cannot be blank."]}),
        {"category": "validation", "system": "django", "fields": ["title"]},
        skip=("logging.error('%s')",),
    )


STATEMENTS: list[tuple[str, str, Expect]] = [
    (
        "not null",
        "INSERT INTO note (id, title) VALUES (1, NULL)",
        {"category": "database", "implied": "23502", "fields": ["title"], "table": "note"},
    ),
    (
        "unique",
        "INSERT INTO note (id, title, email) VALUES (2, 'b', 'x@example.com')",
        {"category": "database", "implied": "23505", "fields": ["email"]},
    ),
    (
        "foreign key",
        "INSERT INTO note (id, title, client_id) VALUES (3, 'c', 77)",
        {"category": "database", "implied": "23503", "fields": ["client_id"]},
    ),
    (
        "check",
        "INSERT INTO note (id, title, status) VALUES (4, 'd', 'LOST')",
        {"category": "database", "implied": "23514", "fields": []},
    ),
    ("no table", "SELECT * FROM nowhere", {"category": "database", "implied": "42P01", "fields": [], "table": "nowhere"}),
    ("no column", "SELECT due FROM note", {"category": "database", "implied": "42703", "fields": ["due"]}),
    ("table exists", "CREATE TABLE note (id int)", {"category": "database", "implied": "42P07", "fields": [], "table": "note"}),
    (
        "column exists",
        "ALTER TABLE note ADD COLUMN title text",
        {"category": "database", "implied": "42701", "fields": ["title"]},
    ),
    ("syntax", "SELEC 1", {"category": "database", "implied": "42601", "fields": []}),
    ("bad uuid", "SELECT 'x'::uuid", {"category": "database", "implied": "22P02", "fields": []}),
    ("bad date", "SELECT 'x'::date", {"category": "database", "implied": "22007", "fields": []}),
    (
        "too long",
        "INSERT INTO note (id, title) VALUES (5, repeat('x', 60))",
        {"category": "database", "implied": "22001", "fields": []},
    ),
    ("out of range", "SELECT 99999999999::int", {"category": "database", "implied": "22003", "fields": []}),
    ("division", "SELECT 1/0", {"category": "database", "implied": "22012", "fields": []}),
    ("time-out", "SET statement_timeout = 20; SELECT pg_sleep(1)", {"category": "database", "implied": "57014", "fields": []}),
    ("lock", "SET lock_timeout = 20; LOCK TABLE held", {"category": "database", "implied": "55P03", "fields": []}),
    ("function", "SELECT nothing(1)", {"category": "database", "implied": "42883", "fields": []}),
    ("rights", "SET ROLE nobody; SELECT * FROM note", {"category": "database", "implied": "42501", "fields": []}),
    ("raise", "SELECT guard()", {"category": "database", "implied": "P0001", "fields": []}),
    ("read only", "BEGIN TRANSACTION READ ONLY; DELETE FROM note", {"category": "database", "implied": "25006", "fields": []}),
    ("enum", "SELECT 'LOST'::mood", {"category": "database", "implied": "22P02", "fields": []}),
    (
        "contains nulls",
        "ALTER TABLE note ALTER COLUMN email SET NOT NULL",
        {"category": "database", "implied": "23502", "fields": ["email"], "table": "note"},
    ),
    (
        "on conflict",
        "INSERT INTO note (id, title) VALUES (9, 'z') ON CONFLICT (status) DO NOTHING",
        {"category": "database", "implied": "42P10", "fields": []},
    ),
    ("cast", "ALTER TABLE note ALTER COLUMN title TYPE int", {"category": "database", "implied": "42804", "fields": ["title"]}),
    ("dependent", "DROP TABLE client", {"category": "database", "implied": "2BP01", "fields": []}),
]
PREPARE = """
CREATE TABLE IF NOT EXISTS client (id int PRIMARY KEY);
CREATE TABLE IF NOT EXISTS note (id int PRIMARY KEY, title varchar(36) NOT NULL, email text UNIQUE, client_id int REFERENCES client, status text CHECK (status IN ('DRAFT', 'SIGNED')));
CREATE TABLE IF NOT EXISTS held (id int);
INSERT INTO note (id, title, email) VALUES (0, 'a', 'x@example.com'), (1000, 'b', NULL) ON CONFLICT DO NOTHING;
CREATE TYPE mood AS ENUM ('DRAFT');
CREATE ROLE nobody;
CREATE FUNCTION guard() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a signed note cannot be changed'; END $$
"""


def postgres_cases(url: str) -> None:
    import asyncio

    import asyncpg
    import psycopg
    import psycopg2
    import sqlalchemy

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PREPARE)
    holder = psycopg.connect(url)
    holder.execute("LOCK TABLE held")

    def with_psycopg(sql: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql)

    def with_psycopg2(sql: str) -> None:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        connection.cursor().execute(sql)

    def with_asyncpg(sql: str) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(url)
            await connection.execute(sql)

        asyncio.run(work())

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")

    def with_sqlalchemy(sql: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(sql)

    drivers = {"psycopg": with_psycopg, "psycopg2-binary": with_psycopg2, "asyncpg": with_asyncpg, "sqlalchemy": with_sqlalchemy}
    ways = list(WAYS)
    for number, (what, sql, expect) in enumerate(STATEMENTS):
        for place, (tool, execute) in enumerate(drivers.items()):
            error = caught(lambda sql=sql, execute=execute: execute(sql))
            how = ways[(number + place) % len(ways)]
            wanted = {**expect, "layer": "database", "system": "postgres"}
            if "%r" in how or (tool == "asyncpg" and what in ("unique", "foreign key")):
                wanted["fields"] = ANY  # a repr may leave the detail out
            if tool == "asyncpg" and "'%s'" in how:
                wanted["fields"] = ANY
            if "%s" in how and what in ("division", "raise"):
                wanted = {}  # the bare text is nobody's
            record(tool, f"{what}, {how}", lambda how=how, error=error: WAYS[how](error), wanted)
    holder.close()
    refused = {
        "refused": ("postgresql://postgres@127.0.0.1:5/x", {"category": "connection", "implied": "ECONNREFUSED"}),
        "no database": (url.rsplit("/", 1)[0] + "/nodb", {"category": "connection", "implied": "3D000"}),
        "no role": (url.replace("postgres@", "nobody_here@"), {"category": "connection", "implied": "28000"}),
        "no host": ("postgresql://postgres@nowhere.invalid/x", {"category": "connection", "implied": "ENOTFOUND"}),
    }
    for place, (what, (target, expect)) in enumerate(refused.items()):
        for number, (tool, connect) in enumerate({"psycopg": psycopg.connect, "psycopg2-binary": psycopg2.connect}.items()):
            how = ways[(number + place) % len(ways)]
            error = caught(lambda connect=connect, target=target: connect(target))
            record(tool, f"{what}, {how}", lambda how=how, error=error: WAYS[how](error), expect)
        error = caught(lambda target=target: asyncio.run(asyncpg.connect(target)))
        record("asyncpg", f"{what}, traceback", lambda error=error: WAYS["traceback"](error), expect)


def sqlite_cases() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(
        "PRAGMA foreign_keys = on; CREATE TABLE client (id INTEGER PRIMARY KEY); CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT NOT NULL, email TEXT UNIQUE, client INTEGER REFERENCES client, n INTEGER CHECK (n > 0))"
    )
    connection.execute("INSERT INTO note (title, email) VALUES ('a', 'x')")
    for what, sql, fields in (
        ("not null", "INSERT INTO note (title) VALUES (NULL)", ["note.title"]),
        ("unique", "INSERT INTO note (title, email) VALUES ('b', 'x')", ["note.email"]),
        ("foreign key", "INSERT INTO note (title, client) VALUES ('b', 7)", []),
        ("check", "INSERT INTO note (title, n) VALUES ('b', 0)", []),
        ("no table", "SELECT * FROM nowhere", []),
        ("no column", "SELECT due FROM note", ["due"]),
        ("exists", "CREATE TABLE note (id)", []),
        ("column exists", "ALTER TABLE note ADD COLUMN title TEXT", ["title"]),
        ("syntax", "SELEC 1", []),
    ):
        error = caught(lambda sql=sql: connection.execute(sql))
        expect = {"category": "database", "layer": "database", "system": "sqlite", "fields": fields}
        for how in ("traceback", "structlog JSON"):
            record("sqlite3", f"{what}, {how}", lambda how=how, error=error: WAYS[how](error), expect, sqlite3.sqlite_version)


def main() -> None:
    if "--pydantic-only" in sys.argv:
        pydantic_cases()
    else:
        pydantic_cases()
        fastapi_cases()
        marshmallow_cases()
        django_cases()
        sqlite_cases()
        for argument in sys.argv[1:]:
            postgres_cases(argument)
    for case in CASES:
        print(json.dumps(case))


if __name__ == "__main__":
    main()
