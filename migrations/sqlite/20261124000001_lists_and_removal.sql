-- Lists are read in the order of these keys, newest first.
CREATE INDEX files_user_created ON files (user_id, created_at, id);
CREATE INDEX files_appointment_created ON files (appointment_id, created_at, id);
CREATE INDEX appointments_user_date ON appointments (user_id, date, id);
CREATE INDEX users_created ON users (created_at, id);

-- Where the object of a deleted file lies until it is removed.
ALTER TABLE uploads ADD COLUMN object_path TEXT NULL;
