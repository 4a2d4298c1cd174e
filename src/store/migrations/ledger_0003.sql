-- Seals, as in the store: what they are for, and why they are made like that: seal.rs.

CREATE TABLE sealed_decision (
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
    why     TEXT,
    seal    INTEGER NOT NULL GENERATED ALWAYS AS (
        at % 2147483647 * 1 + spent % 2147483647 * 3 + amount % 2147483647 * 5 + coalesce(until, 0) % 2147483647 * 7
    ) STORED,
    words   INTEGER -- the hash of the texts; earlier releases had none
) STRICT;
INSERT INTO sealed_decision SELECT *, NULL FROM decision;
DROP TABLE decision;
ALTER TABLE sealed_decision RENAME TO decision;
CREATE INDEX decision_at ON decision (at);
CREATE INDEX decision_raise ON decision (until) WHERE kind = 'raise';

CREATE TABLE sealed_trial (
    name     TEXT PRIMARY KEY,
    state    INTEGER NOT NULL,
    known    INTEGER NOT NULL,
    assumed  INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    lower    INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    steps    INTEGER NOT NULL,
    seal     INTEGER NOT NULL GENERATED ALWAYS AS (
        known % 2147483647 * 1 + assumed % 2147483647 * 3 + unpriced % 2147483647 * 5 + lower % 2147483647 * 7 +
        tokens % 2147483647 * 9 + steps % 2147483647 * 11
    ) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_trial SELECT * FROM trial;
DROP TABLE trial;
ALTER TABLE sealed_trial RENAME TO trial;
