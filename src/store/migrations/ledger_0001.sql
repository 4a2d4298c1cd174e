-- Decisions about caps, and what people have been told. Amounts of money in nano-dollars, times in UTC milliseconds.

CREATE TABLE decision (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    cap     TEXT    NOT NULL,
    agent   TEXT,
    session TEXT,
    unit    TEXT    NOT NULL,
    spent   INTEGER NOT NULL,
    amount  INTEGER NOT NULL,
    until   INTEGER,
    who     TEXT    NOT NULL,
    why     TEXT
) STRICT;
CREATE INDEX decision_at ON decision (at);
CREATE INDEX decision_raise ON decision (until) WHERE kind = 'raise';

-- What each alert was about, window and level in it, until it may be told again.
CREATE TABLE told (
    key   TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Model calls that a proxy has let through and that no log shows yet: reserved while they run, then what they cost.
CREATE TABLE pending (
    id       INTEGER PRIMARY KEY,
    run      TEXT    NOT NULL,
    pid      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    ended_at INTEGER,
    agent    TEXT    NOT NULL,
    session  TEXT,
    cwd      TEXT,
    model    TEXT,
    nanos    INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    tokens   INTEGER NOT NULL
) STRICT;
