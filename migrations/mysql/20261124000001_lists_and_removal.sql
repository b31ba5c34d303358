-- Lists are read in the order of these keys, newest first. Each key of a foreign key takes the place of the one that the
-- server made by itself.
ALTER TABLE files
    ADD KEY files_user_created (user_id, created_at, id),
    ADD KEY files_appointment_created (appointment_id, created_at, id);
ALTER TABLE appointments ADD KEY appointments_user_date (user_id, date, id);
ALTER TABLE users ADD KEY users_created (created_at, id);

-- Where the object of a deleted file lies until it is removed.
ALTER TABLE uploads ADD COLUMN object_path VARCHAR(255) NULL;
