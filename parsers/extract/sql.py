"""Databases: SQLSTATE, columns, tables. Values are never read."""

from __future__ import annotations

from parsers.extract.base import MAX_CHARS, Extracted, FirstOf, distinct, text_extractor
from parsers.late import late

_STATE = r"([0-9][0-9A-Z]{4}|[XFHP][0-9A-Z][0-9]{2}[0-9A-Z])"
SQLSTATE = FirstOf(
    (("SQL",), r"\bSQL ?[Ss]tate\s{0,4}[:=]?\s{0,2}[\[\"'(]{0,2}E?([0-9][0-9A-Z]{4}|[A-Z][0-9A-Z][0-9]{2}[0-9A-Z])\b"),
    (("SQLSTATE",), r"\bSQLSTATE[\[ :=]{1,3}'?([0-9A-Z]{5})\b"),
    (("SqlState(",), r"\bSqlState\(\"?E?([0-9A-Z]{5})"),
    (("code",), rf"\b(?:pg)?code\"?: ['\"]{_STATE}['\"]"),
    (
        ("State", "state", "Code", "codigo"),
        rf"\b(?:sqlState|sqlstate|SqlState|originalCode|codigo|errorCode|prismaCode)\"?: ['\"]{_STATE}['\"]",
    ),
    (("PostgresException",), r"\bPostgresException(?: \(0x[0-9A-Fa-f]{8}\))?: ([0-9A-Z]{5}):"),
    (("ERROR", "FATAL", "PANIC"), r"\b(?:ERROR|FATAL|PANIC):?\s{1,2}([0-9][0-9A-Z]{4})(?::| \()"),
    (("] ERROR", "] FATAL"), r"\[([0-9][0-9A-Z]{4})\] (?:ERROR|FATAL)"),
)
_KEY_DETAIL = late(r"\bKey \(([^\n]{1,300}?)\)=\(")
_COLUMN_OBJECT = late(r"\bcolumn\"?: ['\"]([^'\"\n]{1,120})['\"]")
_TABLE_TEXT = FirstOf(
    (("relation ", " table "), r"\b(?:of relation|on table|relation|on relation|from table) \\?\"([^\"\\\n]{1,120})\\?\""),
    (("table: ", 'table": '), r"\btable\"?: ['\"]([^'\"\n]{1,120})['\"]"),
)


@text_extractor
def sqlstate(text: str) -> Extracted:
    """The SQLSTATE where it is printed as such, in any driver's way of printing it."""
    hit = SQLSTATE.search(text[:MAX_CHARS])
    return Extracted(code=hit[1] if hit else None)


@text_extractor
def postgres_detail(text: str) -> Extracted:
    """Columns of `Key (a, b)=(…)` or of a driver's `column: 'x'`, and the table. Values are never read."""
    seen = text[:MAX_CHARS]
    key = _KEY_DETAIL.search(seen)
    column = _COLUMN_OBJECT.search(seen)
    table = _TABLE_TEXT.search(seen)
    columns = [_plain_column(part) for part in key[1].split(",")] if key else [column[1]] if column else []
    return Extracted(fields=distinct(columns), table=table[1] if table else None)


_FUNCTION = late(r"\w{1,60}\(+([\w\"]{1,120})")


def _plain_column(text: str) -> str:
    """`lower(email::text)` -> `email`."""
    inner = _FUNCTION.match(text.strip())
    return (inner[1] if inner else text.strip()).split("::", 1)[0].strip('"() ')


_SQLITE = late(r"\b(?:NOT NULL|UNIQUE|PRIMARY KEY) constraint failed: ([\w.]{1,120}(?:, [\w.]{1,120}){0,10})")


@text_extractor
def sqlite_columns(text: str) -> Extracted:
    """`UNIQUE constraint failed: user.email, user.tenant`."""
    hit = _SQLITE.search(text[:MAX_CHARS])
    return Extracted(
        fields=distinct(hit[1].split(", ")) if hit else (), table=hit[1].partition(".")[0] if hit and "." in hit[1] else None
    )


_MYSQL_COLUMN = late(
    r"\b(?:[Cc]olumn(?: name)?|Field|value for) '([^'\n]{1,120})'|\bfor column [^\n]{0,120}[`'](\w{1,120})[`'] at row"
)
_MYSQL_TABLE = late(r"\bTable '([^'\n]{1,120})' (?:doesn't exist|already exists)")


@text_extractor
def mysql_names(text: str) -> Extracted:
    """`Column 'x' cannot be null`, `Table 'app.note' doesn't exist`."""
    column = _MYSQL_COLUMN.search(text[:MAX_CHARS])
    table = _MYSQL_TABLE.search(text[:MAX_CHARS])
    return Extracted(fields=distinct([column[1] or column[2]]) if column else (), table=table[1] if table else None)


_DUP_KEY = late(r"\bdup key: \{ ([^{}\n]{1,400})\}?")
_DUP_NAME = late(r"(?:^|, )\"?([A-Za-z_][\w.]{0,80})\"?: ")
_MONGO_CODE = late(r"\bcode\"?: ?(\d{1,6})\b")


@text_extractor
def mongo_keys(text: str) -> Extracted:
    """Names in `dup key: { email: "…" }`; the values are never read."""
    hit = _DUP_KEY.search(text[:MAX_CHARS])
    return Extracted(fields=distinct(name[1] for name in _DUP_NAME.finditer(hit[1])) if hit else ())


@text_extractor
def mongo_code(text: str) -> Extracted:
    """The server's number: `code: 121`."""
    hit = _MONGO_CODE.search(text[:MAX_CHARS])
    return Extracted(code=hit[1] if hit else None)
