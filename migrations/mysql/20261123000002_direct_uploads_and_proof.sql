-- Whether the client was given URLs by which it sends chunks past the service.
ALTER TABLE uploads ADD COLUMN direct BOOLEAN NOT NULL DEFAULT FALSE;

-- The CRC of a file whose chunks went past the service may be unknown. What the caller says of the whole file stands beside it.
ALTER TABLE files
    MODIFY COLUMN checksum BIGINT NULL,
    ADD COLUMN claimed_checksum VARCHAR(80) NULL;
