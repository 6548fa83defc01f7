"""The few named extractors that a rule may ask for. Each takes a record's text (at most 16 kB) and its JSON fields, and never raises.

A rule's pattern says *that* a schema library refused; these say *which fields*, out of whatever the library or its
logger printed: arrays of issues, trees of messages, blocks of lines. All of them are bounded and linear.
"""

from parsers.extract import issues, maps, migrations, prisma, sentences, sql
from parsers.extract.base import EXTRACTORS, Extracted, Extractor, extractor, text_extractor

__all__ = [
    "EXTRACTORS",
    "Extracted",
    "Extractor",
    "extractor",
    "issues",
    "maps",
    "migrations",
    "prisma",
    "sentences",
    "sql",
    "text_extractor",
]
