"""The embedded store: SQLite in WAL mode, one file. The only folder that speaks SQL.

    schema.py      the tables, and the steps from older versions
    database.py    connections, transactions; what SQLite says, in words
    ecs.py         what ECS said, kept for ever: deployments, task definitions, sightings, attributions
    slices.py      writing: a slice is replaced whole, with everything derived from it, in one transaction
    rollups.py     asking: what the screens need, from roll-ups

Never a raw line: what comes in here was redacted by the parsers.
"""

from dashboard.store.database import Database, open_database
from dashboard.store.slices import Slice, SliceState

__all__ = ["Database", "Slice", "SliceState", "open_database"]
