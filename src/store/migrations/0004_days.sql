-- Sums over days that are over, for caps of a week or a month: a hook has no time to add up a month.

-- How often the sums of a UTC day have been changed.
CREATE TABLE day_version (
    day     INTEGER PRIMARY KEY,
    changes INTEGER NOT NULL
) STRICT;

-- What was spent from a day up to another one by whom a cap covers, and the changes of those days when it was added up.
CREATE TABLE closed (
    scope       TEXT    NOT NULL,
    from_day    INTEGER NOT NULL,
    to_day      INTEGER NOT NULL,
    changes     INTEGER NOT NULL,
    known       INTEGER NOT NULL,
    assumed     INTEGER NOT NULL,
    unpriced    INTEGER NOT NULL,
    lower       INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    steps       INTEGER NOT NULL,
    PRIMARY KEY (scope, from_day)
) STRICT, WITHOUT ROWID;
