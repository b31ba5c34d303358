-- Whose rows these are. What there is already belongs to the tenant that every caller is of without access control.
ALTER TABLE users ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
DROP INDEX users_created;
CREATE INDEX users_tenant_created ON users (tenant, created_at, id);
ALTER TABLE uploads ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE uploads ADD COLUMN upload_grant TEXT NULL;
ALTER TABLE files ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE files ADD COLUMN grant_id BLOB NULL;

CREATE TABLE api_keys (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL,
    scopes       TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NULL,
    revoked_at   TEXT NULL,
    last_used_at TEXT NULL
);
CREATE INDEX api_keys_tenant_created ON api_keys (tenant, created_at, id);

-- Who did what to what. A subject is an identifier of 16 bytes, or that of a key, of 8.
CREATE TABLE audit (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at      TEXT    NOT NULL,
    tenant  TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject BLOB    NOT NULL,
    address TEXT    NULL
);
CREATE INDEX audit_at ON audit (at);

-- What a tenant may have, and what it has: both only where an operator has set a limit.
CREATE TABLE tenants (
    name          TEXT    NOT NULL PRIMARY KEY,
    bytes         INTEGER NOT NULL,
    files         INTEGER NOT NULL,
    max_bytes     INTEGER NULL,
    max_files     INTEGER NULL,
    max_uploads   INTEGER NULL,
    max_file_size INTEGER NULL
);
CREATE INDEX uploads_tenant_state ON uploads (tenant, state);
CREATE INDEX files_tenant_size ON files (tenant, size);

-- What the first bytes say that a file is: with its first chunk as long as there is no file.
ALTER TABLE upload_chunks ADD COLUMN found_type TEXT NULL;
ALTER TABLE files ADD COLUMN found_type TEXT NULL;

-- What all nodes must know and nobody else: the key by which links and upload tokens are signed.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);
