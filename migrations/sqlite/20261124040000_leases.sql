-- Work that one process does at a time, for all of them: who has it until when, and when it was done last. What a new
-- database has to be tidied comes later.
CREATE TABLE leases (
    name        TEXT NOT NULL PRIMARY KEY,
    owner       BLOB NULL,
    lease_until TEXT NULL,
    done_at     TEXT NOT NULL
);
INSERT INTO leases (name, done_at) VALUES ('gc', strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'));
