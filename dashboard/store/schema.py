"""The tables. A released step is never edited: a change is a new step, and every older store walks up to it.

Times are epoch ms UTC. `owner` is a deployment's row, 0 for streams of none. `kind` is one way to fail as a chart tells it
(fingerprint, layer, status, route, ...), `answer` one way to be answered (method, route, status, ...): both are numbers
here, so that cells stay small. Cells are the smallest roll-up (a stream's minute); `*_hours`, `*_totals` and
`finding_streams` are kept beside them in the same transaction, and screens read those.
"""

APPLICATION_ID = 0x74726961  # "tria": tells our file from any other SQLite file

STEPS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE origins (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, as_of_ms INTEGER, complete_to_ms INTEGER, read_ms INTEGER NOT NULL,
        digest TEXT NOT NULL DEFAULT '', notices TEXT NOT NULL DEFAULT '[]'
    );
    CREATE TABLE streams (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, log_group TEXT NOT NULL,
        log_stream TEXT NOT NULL,
        owner INTEGER NOT NULL DEFAULT 0, origin INTEGER NOT NULL REFERENCES origins (id), first_event_ms
        INTEGER, last_event_ms INTEGER,
        UNIQUE (account, region, log_group, log_stream)
    );
    CREATE INDEX streams_owner ON streams (owner);
    CREATE TABLE slices (
        stream INTEGER NOT NULL REFERENCES streams (id), start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
        state TEXT NOT NULL,
        origin INTEGER NOT NULL REFERENCES origins (id), packs_digest TEXT NOT NULL, read_ms INTEGER NOT NULL,
        first_event_ms INTEGER, last_event_ms INTEGER, last_ingestion_ms INTEGER, events INTEGER NOT NULL,
        undecodable INTEGER NOT NULL,
        access_lines INTEGER NOT NULL, facts INTEGER NOT NULL, gaps TEXT NOT NULL, rest BLOB NOT NULL,
        PRIMARY KEY (stream, start_ms)
    );
    CREATE TABLE facts (
        stream INTEGER NOT NULL, slice_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT
        NULL, data BLOB NOT NULL
    );
    CREATE INDEX facts_slice ON facts (stream, slice_ms);

    CREATE TABLE runs (
        stream INTEGER NOT NULL REFERENCES streams (id), id TEXT NOT NULL, started_ms INTEGER NOT NULL,
        ended_ms INTEGER NOT NULL,
        is_open INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (stream, id)
    );
    CREATE TABLE signs (
        stream INTEGER NOT NULL, kind TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (stream, kind, at_ms)
    ) WITHOUT ROWID;

    CREATE TABLE answers (
        id INTEGER PRIMARY KEY, method TEXT NOT NULL, route TEXT NOT NULL, status INTEGER NOT NULL, aborted INTEGER NOT NULL,
        health_check INTEGER NOT NULL, UNIQUE (method, route, status, aborted, health_check)
    );
    CREATE TABLE request_cells (
        stream INTEGER NOT NULL, minute_ms INTEGER NOT NULL, answer INTEGER NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY (stream, minute_ms, answer)
    ) WITHOUT ROWID;
    CREATE TABLE request_hours (
        owner INTEGER NOT NULL, hour_ms INTEGER NOT NULL, answer INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY
        KEY (owner, hour_ms, answer)
    ) WITHOUT ROWID;
    CREATE TABLE request_totals (
        owner INTEGER NOT NULL, answer INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (owner, answer)
    ) WITHOUT ROWID;

    CREATE TABLE kinds (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, category TEXT NOT NULL, layer TEXT,
        severity TEXT NOT NULL, method TEXT, route TEXT, status INTEGER, data BLOB NOT NULL
    );
    CREATE INDEX kinds_fingerprint ON kinds (fingerprint);
    CREATE TABLE finding_cells (
        stream INTEGER NOT NULL, kind INTEGER NOT NULL, minute_ms INTEGER NOT NULL, n INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, clients TEXT NOT NULL, PRIMARY KEY (stream, kind, minute_ms)
    ) WITHOUT ROWID;
    CREATE INDEX finding_cells_kind ON finding_cells (kind);
    CREATE TABLE finding_hours (
        owner INTEGER NOT NULL, hour_ms INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY
        KEY (owner, hour_ms, kind)
    ) WITHOUT ROWID;
    CREATE TABLE finding_streams (
        stream INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms
        INTEGER NOT NULL,
        clients TEXT NOT NULL, PRIMARY KEY (stream, kind)
    ) WITHOUT ROWID;
    CREATE TABLE examples (
        stream INTEGER NOT NULL, id TEXT NOT NULL, kind INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        timestamp_ms INTEGER NOT NULL,
        data BLOB NOT NULL, PRIMARY KEY (stream, id)
    );
    CREATE INDEX examples_id ON examples (id);
    CREATE INDEX examples_time ON examples (timestamp_ms);
    CREATE INDEX examples_fingerprint ON examples (fingerprint, timestamp_ms);
    CREATE TABLE unexplained_cells (
        stream INTEGER NOT NULL, fingerprint TEXT NOT NULL, minute_ms INTEGER NOT NULL, n INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, example BLOB NOT NULL, PRIMARY KEY (stream, fingerprint, minute_ms)
    );

    CREATE TABLE deployments (
        id INTEGER PRIMARY KEY, deployment_id TEXT NOT NULL UNIQUE, origin INTEGER NOT NULL REFERENCES origins
        (id), service TEXT NOT NULL,
        revision INTEGER NOT NULL, created_ms INTEGER, data BLOB NOT NULL
    );
    CREATE TABLE definitions (name TEXT PRIMARY KEY, origin INTEGER NOT NULL REFERENCES origins (id), data BLOB NOT
        NULL) WITHOUT ROWID;
    CREATE TABLE sightings (
        task_id TEXT NOT NULL, seen_ms INTEGER NOT NULL, origin INTEGER NOT NULL REFERENCES origins (id), data BLOB NOT NULL,
        PRIMARY KEY (task_id, seen_ms)
    ) WITHOUT ROWID;
    CREATE TABLE attributions (stream INTEGER PRIMARY KEY REFERENCES streams (id), data BLOB NOT NULL);

    CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE fetched (
        origin INTEGER NOT NULL REFERENCES origins (id), region TEXT NOT NULL, log_group TEXT NOT NULL,
        selection TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, state TEXT NOT NULL,
        packs_digest TEXT NOT NULL, events INTEGER NOT NULL, digest TEXT NOT NULL, read_ms INTEGER NOT NULL,
        PRIMARY KEY (origin, region, log_group, selection, start_ms)
    ) WITHOUT ROWID;
    CREATE TABLE fetch_gaps (
        origin INTEGER NOT NULL REFERENCES origins (id), region TEXT NOT NULL, log_group TEXT NOT NULL,
        selection TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, reason TEXT NOT NULL,
        read_ms INTEGER NOT NULL, PRIMARY KEY (origin, region, log_group, selection, start_ms)
    ) WITHOUT ROWID;
    """,
    "DROP TABLE leases;",  # nobody took one: of two readings of a cell the fuller stays, whoever writes last (fetchers/keeping.py)
)
