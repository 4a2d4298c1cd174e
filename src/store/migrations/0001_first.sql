-- Money in nano-dollars, times in UTC milliseconds, keys as 64-bit hashes of the agents' own ids.
-- Nothing here ever holds a prompt, code or a tool's output.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A log file and how far it is read. All rows are looked at on every start: they stay small.
CREATE TABLE file (
    path            TEXT PRIMARY KEY,
    agent           TEXT    NOT NULL,
    ino             INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    mtime           INTEGER NOT NULL,
    offset          INTEGER NOT NULL,
    head_len        INTEGER NOT NULL,
    head_hash       INTEGER NOT NULL,
    tail_hash       INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    lines           INTEGER NOT NULL,
    malformed       INTEGER NOT NULL,
    first_malformed TEXT,
    session         INTEGER
) STRICT;
CREATE INDEX file_session ON file (session);

-- What a file's reader remembers.
CREATE TABLE carry (
    path   TEXT PRIMARY KEY,
    memory BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Names of models and tools, kept once.
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE session (
    id         INTEGER PRIMARY KEY,
    agent      TEXT    NOT NULL,
    uid        TEXT    NOT NULL,
    parent_uid TEXT,
    kind       INTEGER NOT NULL,
    forked     INTEGER NOT NULL,
    started_at INTEGER,
    last_at    INTEGER,
    cwd        TEXT,
    cwd_at     INTEGER,
    branch     TEXT,
    version    TEXT,
    role       TEXT,
    model      INTEGER,
    context    INTEGER,
    window     INTEGER,
    turn       INTEGER NOT NULL,
    own_at     INTEGER,
    UNIQUE (agent, uid)
) STRICT;
CREATE INDEX session_last ON session (last_at);
CREATE INDEX session_parent ON session (parent_uid) WHERE parent_uid IS NOT NULL;

CREATE TABLE call (
    key            INTEGER PRIMARY KEY,
    session        INTEGER NOT NULL,
    task           INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    model          INTEGER NOT NULL,
    input          INTEGER NOT NULL,
    cache_read     INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output         INTEGER NOT NULL,
    reasoning      INTEGER NOT NULL,
    searches       INTEGER NOT NULL,
    context        INTEGER NOT NULL,
    flags          INTEGER NOT NULL,
    reported       INTEGER,
    nanos          INTEGER
) STRICT;
CREATE INDEX call_session ON call (session, at);

CREATE TABLE fact (
    key     INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    task    INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    name    INTEGER,
    flags   INTEGER NOT NULL
) STRICT;
CREATE INDEX fact_session ON fact (session);

-- Calls and facts that more than one session's log holds: who else could own them.
CREATE TABLE claim (
    key     INTEGER NOT NULL,
    session INTEGER NOT NULL,
    task    INTEGER NOT NULL,
    PRIMARY KEY (key, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_session ON claim (session);

-- Sums per quarter of an hour: every zone's midnight is the border of a slot. Model 0 holds what has no model.
CREATE TABLE rollup (
    slot    INTEGER NOT NULL,
    session INTEGER NOT NULL,
    model   INTEGER NOT NULL,
    calls INTEGER NOT NULL, input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, searches INTEGER NOT NULL,
    nanos INTEGER NOT NULL, priced INTEGER NOT NULL, reported INTEGER NOT NULL, unpriced INTEGER NOT NULL, lower INTEGER NOT NULL,
    prompts INTEGER NOT NULL, queued INTEGER NOT NULL, tools INTEGER NOT NULL, failures INTEGER NOT NULL,
    retries INTEGER NOT NULL, errors INTEGER NOT NULL, compactions INTEGER NOT NULL,
    PRIMARY KEY (slot, session, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollup_session ON rollup (session);

-- The same sums per task.
CREATE TABLE task (
    key        INTEGER PRIMARY KEY,
    session    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    calls INTEGER NOT NULL, input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, searches INTEGER NOT NULL,
    nanos INTEGER NOT NULL, priced INTEGER NOT NULL, reported INTEGER NOT NULL, unpriced INTEGER NOT NULL, lower INTEGER NOT NULL,
    prompts INTEGER NOT NULL, queued INTEGER NOT NULL, tools INTEGER NOT NULL, failures INTEGER NOT NULL,
    retries INTEGER NOT NULL, errors INTEGER NOT NULL, compactions INTEGER NOT NULL
) STRICT;
CREATE INDEX task_session ON task (session);

-- The newest word of each provider on how much of a plan is used.
CREATE TABLE rate_limit (
    agent          TEXT    NOT NULL,
    session        INTEGER NOT NULL,
    limit_id       TEXT    NOT NULL,
    window_minutes INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    used_permille  INTEGER NOT NULL,
    resets_at      INTEGER,
    plan           TEXT,
    PRIMARY KEY (session, limit_id, window_minutes)
) STRICT, WITHOUT ROWID;
