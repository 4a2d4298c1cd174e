-- What GPUs did, minute by minute. Money in nano-dollars, memory in bytes, energy in millijoules, times in UTC milliseconds,
-- minutes since 1970-01-01. The empty text as a host is this machine. What is not known is NULL.

CREATE TABLE card (
    id     INTEGER PRIMARY KEY,
    host   TEXT NOT NULL,
    uid    TEXT NOT NULL,
    name   TEXT NOT NULL,
    vendor TEXT NOT NULL,
    parent TEXT,
    seen_at INTEGER NOT NULL,
    UNIQUE (host, uid)
) STRICT;

-- Whoever watched more of a minute knows it better: several processes may write the same one.
CREATE TABLE minute (
    card     INTEGER NOT NULL REFERENCES card (id),
    at       INTEGER NOT NULL,
    busy     INTEGER NOT NULL,
    idle     INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    stalled  INTEGER NOT NULL,
    asleep   INTEGER NOT NULL,
    lost     INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    used_for INTEGER NOT NULL,
    used_most INTEGER,
    energy   INTEGER,
    memory   INTEGER,
    cost     INTEGER,
    idle_cost INTEGER,
    underuse INTEGER,
    PRIMARY KEY (card, at)
) STRICT, WITHOUT ROWID;

-- Which session had a card, for how much of its time.
CREATE TABLE held (
    card   INTEGER NOT NULL REFERENCES card (id),
    at     INTEGER NOT NULL,
    agent  TEXT    NOT NULL,
    session TEXT   NOT NULL,
    millis INTEGER NOT NULL,
    cost   INTEGER,
    idle_cost INTEGER,
    PRIMARY KEY (card, at, agent, session)
) STRICT, WITHOUT ROWID;

-- What an inference server got done.
CREATE TABLE serving (
    server TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    millis INTEGER NOT NULL,
    busy   INTEGER NOT NULL,
    prompt INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    generated INTEGER NOT NULL,
    cost   INTEGER,
    busy_cost INTEGER,
    PRIMARY KEY (server, model, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX serving_at ON serving (at);

-- Whose child a process was: that is not to be found out any more once its parent has ended.
CREATE TABLE owner (
    boot    TEXT    NOT NULL,
    pid     INTEGER NOT NULL,
    started INTEGER NOT NULL,
    agent   TEXT    NOT NULL,
    session TEXT    NOT NULL,
    project TEXT    NOT NULL,
    rule    TEXT    NOT NULL,
    root    INTEGER,
    root_started INTEGER,
    seen_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (boot, pid, started)
) STRICT, WITHOUT ROWID;
