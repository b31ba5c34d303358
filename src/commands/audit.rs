//! `filemanager audit`: prints the record.

use std::io::{self, Write};
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use clap::Args;
use serde_json::json;

use super::ended;
use super::times::lifetime;
use crate::domain::audit::Entry;
use crate::repositories::now;
use crate::services::audit::AuditService;

/// What of the record to print.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// From when on: a day such as 2026-11-24, a time (RFC 3339), or so long ago, such as 24h; all when absent
    #[arg(long, value_name = "TIME", value_parser = beginning)]
    since: Option<DateTime<Utc>>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints it, the oldest line first.
///
/// # Errors
/// When the database is away.
pub async fn run(audit: &AuditService, arguments: AuditArguments) -> anyhow::Result<ExitCode> {
    let line = if arguments.json { as_json } else { as_text };
    let (mut out, mut printed) = (io::stdout(), Ok(()));
    let print = |entry: &Entry| {
        printed = writeln!(out, "{}", line(entry));
        printed.is_ok()
    };
    audit.since(arguments.since.unwrap_or_default(), print).await?;
    ended(printed.map_err(Into::into))
}

fn time(entry: &Entry) -> String {
    entry.at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn address(entry: &Entry) -> Option<String> {
    entry.address.map(|address| address.to_string())
}

fn as_text(entry: &Entry) -> String {
    let Entry { tenant, actor, action, subject, .. } = entry;
    let (time, address) = (time(entry), address(entry).unwrap_or_else(|| "-".to_owned()));
    // An actor's name is somebody else's text: nothing in it moves the cursor.
    format!("{time}  {tenant}  {}  {subject}  {address}  {}", action.as_str(), actor.escape_debug())
}

fn as_json(entry: &Entry) -> String {
    let Entry { tenant, actor, action, subject, .. } = entry;
    json!({
        "at": time(entry), "tenant": tenant.as_str(), "actor": actor, "action": action.as_str(),
        "subject": subject.to_string(), "address": address(entry),
    })
    .to_string()
}

fn beginning(text: &str) -> Result<DateTime<Utc>, String> {
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc());
    let time = || text.parse::<DateTime<Utc>>().ok();
    let ago = || now().checked_sub_signed(lifetime(text).ok()?);
    let wrong = || "a time is a day such as 2026-11-24, one as in RFC 3339, or so long ago, such as 24h".to_owned();
    day.or_else(time).or_else(ago).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_a_day_a_time_or_so_long_ago() {
        assert_eq!(beginning("2026-11-24").unwrap().to_rfc3339(), "2026-11-24T00:00:00+00:00");
        assert_eq!(beginning("2026-11-24T01:00:00+01:00").unwrap().to_rfc3339(), "2026-11-24T00:00:00+00:00");
        assert!(beginning("1h").unwrap() < now());
        assert!(beginning("yesterday").is_err());
    }
}
