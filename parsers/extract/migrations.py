"""Migration tools: names out of listings, codes out of blocks."""

from __future__ import annotations

import re

from parsers.extract.base import MAX_CHARS, Extracted, text_extractor
from parsers.extract.sql import SQLSTATE
from parsers.formats import strip_prefix
from parsers.late import late

_MIGRATION_LIST_HEAD = late(
    r"have (?:not yet )?been applied:|has (?:not yet )?been applied:|unapplied migration|[Mm]igrations? to (?:execute|run):"
)
_MIGRATION_LIST_LINE = late(
    r"^[ \t|│]*(?:[└├]─+[ \t]*|[-*][ \t]+|\d{1,4}[.)][ \t]+|> )?(?:migrations/)?([\w][\w.:-]{4,254}?)/?[ \t]*$"
)
_PRISMA_MIGRATION = late(
    r"""Migration name: (\S{1,255})|with migration_name="([^"\n]{1,255})"|The `([^`\n]{1,255})` migration started"""
    r"""|Migration `?([\w.-]{1,255})`? failed to apply|[Tt]he migration `?(\d{8,14}_[\w.-]{1,240})`? could not be found"""
    r"""|migrations/([\w.-]{1,255})/migration\.sql"""
)
_PRISMA_DB_CODE = late(
    r"Database error code: (\w{4,6})|SqlState\(E?(\w{5})\)|SqlState\(\"(\w{5})\"\)|`ERROR \w{5} \((\d{4})\)|\bError code: (?!P\d)(\w{4,6})\b"
)


@text_extractor
def migration_names(text: str) -> Extracted:
    """The names of a listing, one a line: `20250101000000_init`, `  └─ 20250101000000_init/`."""
    head = _MIGRATION_LIST_HEAD.search(text)
    if head is None:
        return Extracted()
    names: list[str] = []
    for line in text[head.end() :].split("\n")[1:200]:
        hit = _MIGRATION_LIST_LINE.match(strip_prefix(line))
        if hit is None:
            if line.strip() and names:
                break
        elif hit[1] not in ("migrations", "migration.sql"):
            names.append(hit[1])
    return Extracted(migrations=tuple(dict.fromkeys(names)))


@text_extractor
def prisma_migrate(text: str) -> Extracted:
    """Which migration, and the database's code, out of the block under a Prisma Migrate error."""
    name = _PRISMA_MIGRATION.search(text)
    code = _PRISMA_DB_CODE.search(text)
    return Extracted(
        migrations=(next(group for group in name.groups() if group),) if name else (),
        db_code=next(group for group in code.groups() if group) if code else None,
    )


_FLYWAY_SQLSTATE = late(r"^[^\n]{0,80}\bSQL State *: (\w{5})\b", re.MULTILINE)
_FLYWAY_ERROR_CODE = late(r"^[^\n]{0,80}\bError Code *: (\d{3,5})\b", re.MULTILINE)


@text_extractor
def database_code(text: str) -> Extracted:
    """The database's own code inside a migration tool's failure, where a driver printed one."""
    hit = SQLSTATE.search(text[:MAX_CHARS])
    return Extracted(db_code=hit[1] if hit else None)


@text_extractor
def flyway_block(text: str) -> Extracted:
    """`SQL State  : 42701` (or MySQL's `Error Code : 1060`, which says more than its state) under a failed Flyway migration."""
    vendor = _FLYWAY_ERROR_CODE.search(text)
    state = _FLYWAY_SQLSTATE.search(text)
    return Extracted(db_code=vendor[1] if vendor else state[1] if state else None)
