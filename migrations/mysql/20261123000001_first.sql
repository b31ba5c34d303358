CREATE TABLE users (
    id         BINARY(16)   NOT NULL PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    created_at DATETIME(6)  NOT NULL,
    updated_at DATETIME(6)  NOT NULL
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE appointments (
    id         BINARY(16)   NOT NULL PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    date       DATETIME(6)  NOT NULL,
    user_id    BINARY(16)   NOT NULL,
    CONSTRAINT appointments_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE uploads (
    id                BINARY(16)    NOT NULL PRIMARY KEY,
    state             VARCHAR(16)   NOT NULL,
    chunk_size        BIGINT        NOT NULL,
    target_path       VARCHAR(255)  NOT NULL,
    storage_upload_id VARCHAR(1024) NULL,
    hints             JSON          NOT NULL,
    created_at        DATETIME(6)   NOT NULL,
    expires_at        DATETIME(6)   NOT NULL,
    KEY uploads_state_expires_at (state, expires_at)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- A row without a receipt is a reservation: somebody is writing this chunk until `reserved_until`.
CREATE TABLE upload_chunks (
    upload_id      BINARY(16)    NOT NULL,
    chunk_index    BIGINT        NOT NULL,
    writer         BINARY(16)    NOT NULL,
    reserved_until DATETIME(6)   NOT NULL,
    size           BIGINT        NULL,
    checksum       BIGINT        NULL,
    receipt        VARCHAR(1024) NULL,
    PRIMARY KEY (upload_id, chunk_index),
    CONSTRAINT upload_chunks_upload_fk FOREIGN KEY (upload_id) REFERENCES uploads (id) ON DELETE CASCADE
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE files (
    id             BINARY(16)   NOT NULL PRIMARY KEY,
    upload_id      BINARY(16)   NOT NULL,
    filename       VARCHAR(255) NULL,
    path           VARCHAR(255) NOT NULL,
    content_type   VARCHAR(255) NOT NULL,
    size           BIGINT       NOT NULL,
    checksum       BIGINT       NOT NULL,
    detail         JSON         NULL,
    credential     JSON         NULL,
    status         VARCHAR(16)  NOT NULL,
    error          TEXT         NULL,
    user_id        BINARY(16)   NULL,
    appointment_id BINARY(16)   NULL,
    created_at     DATETIME(6)  NOT NULL,
    updated_at     DATETIME(6)  NOT NULL,
    UNIQUE KEY files_upload_id (upload_id),
    UNIQUE KEY files_path (path),
    KEY files_created_at (created_at),
    CONSTRAINT files_user_fk FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT files_appointment_fk FOREIGN KEY (appointment_id) REFERENCES appointments (id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE jobs (
    id           BINARY(16)  NOT NULL PRIMARY KEY,
    kind         VARCHAR(32) NOT NULL,
    subject      BINARY(16)  NOT NULL,
    state        VARCHAR(16) NOT NULL,
    attempts     BIGINT      NOT NULL,
    epoch        BIGINT      NOT NULL,
    run_at       DATETIME(6) NOT NULL,
    lease_owner  BINARY(16)  NULL,
    lease_until  DATETIME(6) NULL,
    published_at DATETIME(6) NULL,
    last_error   TEXT        NULL,
    trace_id     VARCHAR(32) NOT NULL,
    created_at   DATETIME(6) NOT NULL,
    updated_at   DATETIME(6) NOT NULL,
    UNIQUE KEY jobs_kind_subject (kind, subject),
    KEY jobs_state_run_at (state, run_at),
    KEY jobs_state_lease_until (state, lease_until)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
