-- Identical tool calls of a task, by the hash of their tool and arguments: how often each came again.
CREATE TABLE repeat (
    task  INTEGER NOT NULL,
    call  INTEGER NOT NULL,
    name  INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (task, call, name)
) STRICT, WITHOUT ROWID;

-- Where a session's repository comes from, as its log says.
ALTER TABLE session ADD COLUMN remote TEXT;
