-- A name decides under which model, and so at which price, a call is counted: it has a seal of its own, the hash of its text (seal.rs).
-- What releases wrote that had none is sealed when the store is brought up to date.
ALTER TABLE name ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
