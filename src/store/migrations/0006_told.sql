-- When what changes in a session was last told: of several tellings the newest counts, whatever the order in which they are
-- read. Nothing is known of what an earlier release read: whatever a log says takes its place.
ALTER TABLE session ADD COLUMN branch_at INTEGER;
ALTER TABLE session ADD COLUMN remote_at INTEGER;
ALTER TABLE session ADD COLUMN version_at INTEGER;
ALTER TABLE session ADD COLUMN model_at INTEGER;
ALTER TABLE session ADD COLUMN context_at INTEGER;
ALTER TABLE session ADD COLUMN window_at INTEGER;
ALTER TABLE session ADD COLUMN turn_at INTEGER;
