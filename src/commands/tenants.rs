//! `filemanager tenants`: sets and lists what tenants may have.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::ended;
use crate::domain::TenantId;
use crate::domain::limits::{Limits, Tenant};
use crate::services::tenants::TenantService;

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Set a tenant's limits in the place of those that it has; what is not given is not limited
    Set {
        /// The tenant
        name: TenantId,
        /// What it may have
        #[command(flatten)]
        limits: LimitArguments,
    },
    /// List all tenants that have limits, with what they have
    List,
}

/// A tenant's limits.
#[derive(Debug, Args)]
pub struct LimitArguments {
    /// Bytes of all its files, such as 500GiB
    #[arg(long = "max-bytes", value_name = "SIZE", value_parser = size)]
    bytes: Option<i64>,
    /// How many files
    #[arg(long = "max-files", value_name = "COUNT", value_parser = clap::value_parser!(i64).range(0..))]
    files: Option<i64>,
    /// How many uploads at a time
    #[arg(long = "max-uploads", value_name = "COUNT", value_parser = clap::value_parser!(i64).range(0..))]
    uploads: Option<i64>,
    /// Bytes of its largest file, such as 2GiB
    #[arg(long = "max-file-size", value_name = "SIZE", value_parser = size)]
    file_size: Option<i64>,
}

/// Does it.
///
/// # Errors
/// When the database is away.
pub async fn run(tenants: &TenantService, command: TenantCommand) -> anyhow::Result<ExitCode> {
    match command {
        TenantCommand::Set { name, limits } => {
            let LimitArguments { bytes, files, uploads, file_size } = limits;
            let limits = Limits { bytes, files, uploads, file_size };
            tenants.set_limits(&name, &limits).await?;
            println!("the limits of {name} are set");
        }
        TenantCommand::List => {
            let lines = tenants.list().await?;
            let printed = lines.iter().try_for_each(|tenant| writeln!(io::stdout(), "{}", line(tenant)));
            return ended(printed.map_err(Into::into));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(tenant: &Tenant) -> String {
    let Tenant { name, limits, bytes, files } = tenant;
    let of = |limit: Option<i64>| limit.map_or_else(|| "any".to_owned(), |limit| limit.to_string());
    let (most_bytes, most_files) = (of(limits.bytes), of(limits.files));
    let (uploads, size) = (of(limits.uploads), of(limits.file_size));
    format!(
        "{name}  {bytes} of {most_bytes} bytes  {files} of {most_files} files  {uploads} uploads at a time  {size} bytes a file"
    )
}

/// A number of bytes, or of KiB, MiB, GiB or TiB.
fn size(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: Option<i64> = match &text[digits.len()..] {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    let number = digits.parse::<i64>().ok().filter(|number| *number >= 0);
    let bytes = number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| "a size is a number of bytes, KiB, MiB, GiB or TiB, such as 500GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_or_without_a_unit() {
        assert_eq!((size("0"), size("7KiB"), size("2TiB")), (Ok(0), Ok(7168), Ok(2 << 40)));
        for bad in ["", "KiB", "-1", "1 GiB", "1GB", "1.5GiB", "99999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
