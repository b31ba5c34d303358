//! Many rows at once, made by the database itself, and the plans by which it reads them.

use sqlx::mysql::MySqlRow;
use sqlx::{Column, Row};

/// The beginning of a statement in which `numbers` has one row `n` for each number below `count`, a power of ten.
pub fn numbers(count: usize) -> String {
    let digits = count.to_string().len() - 1;
    let tables: Vec<String> = (0..digits).map(|place| format!("d AS d{place}")).collect();
    let sum: Vec<String> = (0..digits).map(|place| format!("d{place}.n * 1{}", "0".repeat(place))).collect();
    let digit: Vec<String> = (0..10).map(|n| format!("SELECT {n} AS n")).collect();
    format!(
        "WITH d AS ({}), numbers AS (SELECT {} AS n FROM {})",
        digit.join(" UNION ALL "),
        sum.join(" + "),
        tables.join(" CROSS JOIN ")
    )
}

/// The identifier with that number, in `SQLite`.
pub fn sqlite_id(number: &str) -> String {
    format!("unhex(printf('%032x', {number}))")
}

/// So many seconds after a day of the past, in `SQLite`.
pub fn sqlite_time(seconds: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%S+00:00', 1700000000 + {seconds}, 'unixepoch')")
}

/// The identifier with that number, in `MariaDB`.
pub fn mysql_id(number: &str) -> String {
    format!("UNHEX(LPAD(HEX({number}), 32, '0'))")
}

/// So many seconds after a day of the past, in `MariaDB`.
pub fn mysql_time(seconds: &str) -> String {
    format!("DATE_ADD('2024-01-01', INTERVAL {seconds} SECOND)")
}

/// What matters of a line of `MariaDB`'s plan.
pub fn line_of_plan(line: &MySqlRow) -> String {
    let wanted = ["table", "type", "key", "Extra"];
    let columns = line.columns().iter().filter(|column| wanted.contains(&column.name()));
    let texts = columns.filter_map(|column| line.try_get::<Option<String>, _>(column.ordinal()).ok().flatten());
    texts.collect::<Vec<_>>().join(" ")
}
