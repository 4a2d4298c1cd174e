-- Calls and facts are many and small: those of neighbouring keys share a row. What `call` and `fact` held moves there, then
-- they are dropped.

CREATE TABLE packed_call (
    first  INTEGER PRIMARY KEY,
    packed BLOB NOT NULL
) STRICT;

CREATE TABLE packed_fact (
    first  INTEGER PRIMARY KEY,
    packed BLOB NOT NULL
) STRICT;

-- The way from a session to its calls, some dozens a row.
CREATE TABLE trail (
    session INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    steps   BLOB    NOT NULL,
    PRIMARY KEY (session, part)
) STRICT, WITHOUT ROWID;
