-- The address of a session's git remote, without user and password.
ALTER TABLE session ADD COLUMN remote TEXT;
