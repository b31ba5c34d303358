-- Whether the client was given URLs by which it sends chunks past the service.
ALTER TABLE uploads ADD COLUMN direct INTEGER NOT NULL DEFAULT FALSE;

-- The CRC of a file whose chunks went past the service may be unknown. What the caller says of the whole file stands beside it.
CREATE TABLE new_files (
    id               BLOB    NOT NULL PRIMARY KEY,
    upload_id        BLOB    NOT NULL,
    filename         TEXT    NULL,
    path             TEXT    NOT NULL,
    content_type     TEXT    NOT NULL,
    size             INTEGER NOT NULL,
    checksum         INTEGER NULL,
    claimed_checksum TEXT    NULL,
    detail           TEXT    NULL,
    credential       TEXT    NULL,
    status           TEXT    NOT NULL,
    error            TEXT    NULL,
    user_id          BLOB    NULL REFERENCES users (id),
    appointment_id   BLOB    NULL REFERENCES appointments (id),
    created_at       TEXT    NOT NULL,
    updated_at       TEXT    NOT NULL
);
INSERT INTO new_files (id, upload_id, filename, path, content_type, size, checksum, detail, credential, status, error,
                       user_id, appointment_id, created_at, updated_at)
SELECT id, upload_id, filename, path, content_type, size, checksum, detail, credential, status, error,
       user_id, appointment_id, created_at, updated_at
FROM files;
DROP TABLE files;
ALTER TABLE new_files RENAME TO files;
CREATE UNIQUE INDEX files_upload_id ON files (upload_id);
CREATE UNIQUE INDEX files_path ON files (path);
CREATE INDEX files_created_at ON files (created_at);
