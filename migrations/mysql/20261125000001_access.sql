-- Whose rows these are. What there is already belongs to the tenant that every caller is of without access control.
ALTER TABLE users ADD COLUMN tenant VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default';
ALTER TABLE users
    DROP KEY users_created,
    ADD KEY users_tenant_created (tenant, created_at, id);
ALTER TABLE uploads
    ADD COLUMN tenant VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    ADD COLUMN upload_grant JSON NULL;
ALTER TABLE files
    ADD COLUMN tenant VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    ADD COLUMN grant_id BINARY(16) NULL;

CREATE TABLE api_keys (
    id           CHAR(16) CHARACTER SET ascii COLLATE ascii_bin    NOT NULL PRIMARY KEY,
    name         VARCHAR(255)                                      NOT NULL,
    hash         BINARY(32)                                        NOT NULL,
    scopes       VARCHAR(255)                                      NOT NULL,
    tenant       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at   DATETIME(6)                                       NOT NULL,
    expires_at   DATETIME(6)                                       NULL,
    revoked_at   DATETIME(6)                                       NULL,
    last_used_at DATETIME(6)                                       NULL,
    KEY api_keys_tenant_created (tenant, created_at, id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who did what to what. A subject is an identifier of 16 bytes, or that of a key, of 8.
CREATE TABLE audit (
    id      BIGINT                                            NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at      DATETIME(6)                                       NOT NULL,
    tenant  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actor   VARCHAR(512)                                      NOT NULL,
    action  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject VARBINARY(16)                                     NOT NULL,
    address VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NULL,
    KEY audit_at (at)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What a tenant may have, and what it has: both only where an operator has set a limit.
CREATE TABLE tenants (
    name          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    bytes         BIGINT                                            NOT NULL,
    files         BIGINT                                            NOT NULL,
    max_bytes     BIGINT                                            NULL,
    max_files     BIGINT                                            NULL,
    max_uploads   BIGINT                                            NULL,
    max_file_size BIGINT                                            NULL
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
ALTER TABLE uploads ADD KEY uploads_tenant_state (tenant, state);
ALTER TABLE files ADD KEY files_tenant_size (tenant, size);

-- What the first bytes say that a file is: with its first chunk as long as there is no file.
ALTER TABLE upload_chunks ADD COLUMN found_type VARCHAR(127) NULL;
ALTER TABLE files ADD COLUMN found_type VARCHAR(127) NULL;

-- What all nodes must know and nobody else: the key by which links and upload tokens are signed.
CREATE TABLE secrets (
    name  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    value VARBINARY(255)                                    NOT NULL
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
