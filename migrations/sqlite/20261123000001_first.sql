CREATE TABLE users (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE appointments (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    date       TEXT NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE uploads (
    id                BLOB    NOT NULL PRIMARY KEY,
    state             TEXT    NOT NULL,
    chunk_size        INTEGER NOT NULL,
    target_path       TEXT    NOT NULL,
    storage_upload_id TEXT    NULL,
    hints             TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    expires_at        TEXT    NOT NULL
);
CREATE INDEX uploads_state_expires_at ON uploads (state, expires_at);

-- A row without a receipt is a reservation: somebody is writing this chunk until `reserved_until`.
CREATE TABLE upload_chunks (
    upload_id      BLOB    NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    chunk_index    INTEGER NOT NULL,
    writer         BLOB    NOT NULL,
    reserved_until TEXT    NOT NULL,
    size           INTEGER NULL,
    checksum       INTEGER NULL,
    receipt        TEXT    NULL,
    PRIMARY KEY (upload_id, chunk_index)
) WITHOUT ROWID;

CREATE TABLE files (
    id             BLOB    NOT NULL PRIMARY KEY,
    upload_id      BLOB    NOT NULL,
    filename       TEXT    NULL,
    path           TEXT    NOT NULL,
    content_type   TEXT    NOT NULL,
    size           INTEGER NOT NULL,
    checksum       INTEGER NOT NULL,
    detail         TEXT    NULL,
    credential     TEXT    NULL,
    status         TEXT    NOT NULL,
    error          TEXT    NULL,
    user_id        BLOB    NULL REFERENCES users (id),
    appointment_id BLOB    NULL REFERENCES appointments (id),
    created_at     TEXT    NOT NULL,
    updated_at     TEXT    NOT NULL
);
CREATE UNIQUE INDEX files_upload_id ON files (upload_id);
CREATE UNIQUE INDEX files_path ON files (path);
CREATE INDEX files_created_at ON files (created_at);

CREATE TABLE jobs (
    id           BLOB    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    subject      BLOB    NOT NULL,
    state        TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    run_at       TEXT    NOT NULL,
    lease_owner  BLOB    NULL,
    lease_until  TEXT    NULL,
    published_at TEXT    NULL,
    last_error   TEXT    NULL,
    trace_id     TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    updated_at   TEXT    NOT NULL
);
CREATE UNIQUE INDEX jobs_kind_subject ON jobs (kind, subject);
CREATE INDEX jobs_state_run_at ON jobs (state, run_at);
CREATE INDEX jobs_state_lease_until ON jobs (state, lease_until);
