-- Work that one process does at a time, for all of them: who has it until when, and when it was done last. What a new
-- database has to be tidied comes later.
CREATE TABLE leases (
    name        VARCHAR(32) NOT NULL PRIMARY KEY,
    owner       BINARY(16)  NULL,
    lease_until DATETIME(6) NULL,
    done_at     DATETIME(6) NOT NULL
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT INTO leases (name, done_at) VALUES ('gc', UTC_TIMESTAMP(6));
