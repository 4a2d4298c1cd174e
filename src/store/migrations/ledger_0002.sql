-- What people have said that a session was for. By the agent's own id of it: the store may be begun anew.
CREATE TABLE tag (
    agent   TEXT    NOT NULL,
    session TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    PRIMARY KEY (agent, session, name)
) STRICT, WITHOUT ROWID;

-- Variables of agents' processes that rules ask for, as a hook has last seen them.
CREATE TABLE variable (
    agent   TEXT    NOT NULL,
    session TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (agent, session, name)
) STRICT, WITHOUT ROWID;

-- What an experiment's sessions of earlier days have cost together, while `state` (all that it depends on) is the same.
CREATE TABLE trial (
    name     TEXT PRIMARY KEY,
    state    INTEGER NOT NULL,
    known    INTEGER NOT NULL,
    assumed  INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    lower    INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    steps    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
