-- What a session's tools did is summed like everything else: facts need no index by session.

CREATE TABLE tool (
    session  INTEGER NOT NULL,
    name     INTEGER NOT NULL,
    calls    INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;

INSERT INTO tool
SELECT session, coalesce(name, 0), sum(flags & 1), sum((flags >> 1) & 1) FROM fact WHERE kind = 1 GROUP BY 1, 2;

DROP INDEX fact_session;
