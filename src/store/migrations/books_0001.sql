-- What gateways have counted. Money in nano-dollars, times in UTC milliseconds, days since 1970-01-01. A name that is not
-- known is the empty text. No key is ever here, only the names that gateways have for keys.

CREATE TABLE gateway (
    name     TEXT PRIMARY KEY,
    url      TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    user     TEXT,
    version  TEXT,
    me       TEXT,
    tried_at INTEGER,
    asked_at INTEGER,
    problem  TEXT,
    not_before INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    round    INTEGER NOT NULL,
    cannot   TEXT    NOT NULL
) STRICT;

CREATE TABLE memory (
    gateway TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (gateway, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_spend (
    gateway  TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    user     TEXT    NOT NULL,
    team     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    model    TEXT    NOT NULL,
    nanos    INTEGER,
    requests INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    input       INTEGER NOT NULL,
    cache_read  INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    PRIMARY KEY (gateway, day, user, team, key, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag_spend (
    gateway  TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    tag      TEXT    NOT NULL,
    nanos    INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    PRIMARY KEY (gateway, day, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE named (
    gateway TEXT NOT NULL,
    whose   TEXT NOT NULL,
    id      TEXT NOT NULL,
    name    TEXT,
    team    TEXT,
    user    TEXT,
    PRIMARY KEY (gateway, whose, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget (
    gateway   TEXT    NOT NULL,
    whose     TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    nanos     INTEGER,
    spent     INTEGER,
    period    TEXT    NOT NULL,
    since     INTEGER,
    resets_at INTEGER,
    blocked   INTEGER NOT NULL,
    round     INTEGER NOT NULL,
    PRIMARY KEY (gateway, whose, id, team, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE call (
    gateway  TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    answer   TEXT,
    request  TEXT,
    at       INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    user     TEXT,
    team     TEXT,
    key      TEXT,
    model    TEXT,
    session  TEXT,
    client   TEXT,
    input       INTEGER NOT NULL,
    cache_read  INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    reasoning   INTEGER NOT NULL,
    nanos    INTEGER NOT NULL,
    rate_input  INTEGER,
    rate_output INTEGER,
    rate_read   INTEGER,
    rate_write  INTEGER,
    failed   INTEGER NOT NULL,
    over_budget INTEGER NOT NULL,
    round    INTEGER NOT NULL,
    gone     INTEGER NOT NULL,
    PRIMARY KEY (gateway, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_at ON call (gateway, at);
-- What one's own calls add up to is asked for at each step of an agent: the index alone answers.
CREATE INDEX call_of_user ON call (gateway, user, at, gone, nanos);

-- What a gateway's calls add to what this machine's logs say, per call that they do not say all of. Made anew from both
-- sides after each round.
CREATE TABLE extra (
    gateway TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    agent   TEXT,
    session TEXT,
    model   TEXT,
    nanos   INTEGER NOT NULL,
    tokens  INTEGER NOT NULL,
    PRIMARY KEY (gateway, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX extra_at ON extra (gateway, at);

-- A gateway's own word on a call, from the headers of its answer, as a proxy of ours has seen them.
CREATE TABLE word (
    call    TEXT PRIMARY KEY,
    at      INTEGER NOT NULL,
    agent   TEXT    NOT NULL,
    session TEXT,
    model   TEXT,
    version TEXT,
    nanos   INTEGER,
    retries INTEGER,
    status  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
