-- A job carries the whole `traceparent` of the request that made it. 55 characters stay below 256 bytes, so that no table
-- is copied.
ALTER TABLE jobs MODIFY trace_id VARCHAR(55) NOT NULL;
