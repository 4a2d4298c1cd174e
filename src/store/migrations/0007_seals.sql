-- A seal shows that the numbers of a row are those that were written: their sum, each by a weight of its own and modulo 2^31 - 1.
-- What it is for, and why it is made like that: seal.rs. The seals of packs, trails and memories stand at the end of their bytes.

CREATE TABLE sealed_rollup (
    slot    INTEGER NOT NULL,
    session INTEGER NOT NULL,
    model   INTEGER NOT NULL,
    calls INTEGER NOT NULL, input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, searches INTEGER NOT NULL,
    nanos INTEGER NOT NULL, priced INTEGER NOT NULL, reported INTEGER NOT NULL, unpriced INTEGER NOT NULL, lower INTEGER NOT NULL,
    prompts INTEGER NOT NULL, queued INTEGER NOT NULL, tools INTEGER NOT NULL, failures INTEGER NOT NULL,
    retries INTEGER NOT NULL, errors INTEGER NOT NULL, compactions INTEGER NOT NULL,
    seal INTEGER NOT NULL GENERATED ALWAYS AS (
        calls % 2147483647 * 1 + input % 2147483647 * 3 + cache_read % 2147483647 * 5 + cache_write_5m % 2147483647 * 7 +
        cache_write_1h % 2147483647 * 9 + output % 2147483647 * 11 + reasoning % 2147483647 * 13 + searches % 2147483647 * 15 +
        nanos % 2147483647 * 17 + priced % 2147483647 * 19 + reported % 2147483647 * 21 + unpriced % 2147483647 * 23 +
        lower % 2147483647 * 25 + prompts % 2147483647 * 27 + queued % 2147483647 * 29 + tools % 2147483647 * 31 +
        failures % 2147483647 * 33 + retries % 2147483647 * 35 + errors % 2147483647 * 37 + compactions % 2147483647 * 39 +
        slot % 2147483647 * 41 + session % 2147483647 * 43 + model % 2147483647 * 45
    ) STORED,
    PRIMARY KEY (slot, session, model)
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_rollup SELECT * FROM rollup;
DROP TABLE rollup;
ALTER TABLE sealed_rollup RENAME TO rollup;
CREATE INDEX rollup_session ON rollup (session);

CREATE TABLE sealed_task (
    key        INTEGER PRIMARY KEY,
    session    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    calls INTEGER NOT NULL, input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, searches INTEGER NOT NULL,
    nanos INTEGER NOT NULL, priced INTEGER NOT NULL, reported INTEGER NOT NULL, unpriced INTEGER NOT NULL, lower INTEGER NOT NULL,
    prompts INTEGER NOT NULL, queued INTEGER NOT NULL, tools INTEGER NOT NULL, failures INTEGER NOT NULL,
    retries INTEGER NOT NULL, errors INTEGER NOT NULL, compactions INTEGER NOT NULL,
    seal INTEGER NOT NULL GENERATED ALWAYS AS (
        calls % 2147483647 * 1 + input % 2147483647 * 3 + cache_read % 2147483647 * 5 + cache_write_5m % 2147483647 * 7 +
        cache_write_1h % 2147483647 * 9 + output % 2147483647 * 11 + reasoning % 2147483647 * 13 + searches % 2147483647 * 15 +
        nanos % 2147483647 * 17 + priced % 2147483647 * 19 + reported % 2147483647 * 21 + unpriced % 2147483647 * 23 +
        lower % 2147483647 * 25 + prompts % 2147483647 * 27 + queued % 2147483647 * 29 + tools % 2147483647 * 31 +
        failures % 2147483647 * 33 + retries % 2147483647 * 35 + errors % 2147483647 * 37 + compactions % 2147483647 * 39 +
        key % 2147483647 * 41 + session % 2147483647 * 43 + started_at % 2147483647 * 45 + ended_at % 2147483647 * 47
    ) STORED
) STRICT;
INSERT INTO sealed_task SELECT * FROM task;
DROP TABLE task;
ALTER TABLE sealed_task RENAME TO task;
CREATE INDEX task_session ON task (session);

CREATE TABLE sealed_tool (
    session  INTEGER NOT NULL,
    name     INTEGER NOT NULL,
    calls    INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    seal INTEGER NOT NULL GENERATED ALWAYS AS (
        calls % 2147483647 * 1 + failures % 2147483647 * 3 + session % 2147483647 * 5 + name % 2147483647 * 7
    ) STORED,
    PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_tool SELECT * FROM tool;
DROP TABLE tool;
ALTER TABLE sealed_tool RENAME TO tool;

CREATE TABLE sealed_repeat (
    task  INTEGER NOT NULL,
    call  INTEGER NOT NULL,
    name  INTEGER NOT NULL,
    times INTEGER NOT NULL,
    seal INTEGER NOT NULL GENERATED ALWAYS AS (
        times % 2147483647 * 1 + task % 2147483647 * 3 + call % 2147483647 * 5 + name % 2147483647 * 7
    ) STORED,
    PRIMARY KEY (task, call, name)
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_repeat SELECT * FROM repeat;
DROP TABLE repeat;
ALTER TABLE sealed_repeat RENAME TO repeat;

CREATE TABLE sealed_closed (
    scope    TEXT    NOT NULL,
    from_day INTEGER NOT NULL,
    to_day   INTEGER NOT NULL,
    changes  INTEGER NOT NULL,
    known    INTEGER NOT NULL,
    assumed  INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    lower    INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    steps    INTEGER NOT NULL,
    seal INTEGER NOT NULL GENERATED ALWAYS AS (
        known % 2147483647 * 1 + assumed % 2147483647 * 3 + unpriced % 2147483647 * 5 + lower % 2147483647 * 7 +
        tokens % 2147483647 * 9 + steps % 2147483647 * 11 + from_day % 2147483647 * 13 + to_day % 2147483647 * 15 +
        changes % 2147483647 * 17
    ) STORED,
    PRIMARY KEY (scope, from_day)
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_closed SELECT * FROM closed;
DROP TABLE closed;
ALTER TABLE sealed_closed RENAME TO closed;

CREATE TABLE sealed_session (
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
    remote     TEXT,
    branch_at  INTEGER,
    remote_at  INTEGER,
    version_at INTEGER,
    model_at   INTEGER,
    context_at INTEGER,
    window_at  INTEGER,
    turn_at    INTEGER,
    seal INTEGER NOT NULL GENERATED ALWAYS AS (
        kind % 2147483647 * 1 + coalesce(started_at, 0) % 2147483647 * 3 + coalesce(last_at, 0) % 2147483647 * 5 +
        coalesce(model, 0) % 2147483647 * 7 + coalesce(context, 0) % 2147483647 * 9 + coalesce(window, 0) % 2147483647 * 11 +
        turn % 2147483647 * 13
    ) STORED,
    UNIQUE (agent, uid)
) STRICT;
INSERT INTO sealed_session (id, agent, uid, parent_uid, kind, forked, started_at, last_at, cwd, cwd_at, branch, version, role, model, context, window, turn, own_at, remote, branch_at, remote_at, version_at, model_at, context_at, window_at, turn_at)
SELECT id, agent, uid, parent_uid, kind, forked, started_at, last_at, cwd, cwd_at, branch, version, role, model, context, window, turn, own_at, remote, branch_at, remote_at, version_at, model_at, context_at, window_at, turn_at FROM session;
DROP TABLE session;
ALTER TABLE sealed_session RENAME TO session;
CREATE INDEX session_last ON session (last_at);
CREATE INDEX session_parent ON session (parent_uid) WHERE parent_uid IS NOT NULL;
