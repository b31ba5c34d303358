//! The servers are started by the script `scripts/with-services COMMAND` (MariaDB, RabbitMQ, Garage by GARAGE_BIN),
//! which tells them in TEST_MYSQL_*, TEST_RABBITMQ_* and TEST_S3_*: `make bench` runs the benchmark through it.
//! Use one RABBITMQ_QUEUE and one MYSQL_DATABASE (CREATE DATABASE is allowed) for each deployment.
