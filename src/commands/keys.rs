//! `filemanager keys`: makes, lists and revokes API keys of any tenant.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Subcommand;
use secrecy::ExposeSecret;

use super::ended;
use super::times::lifetime;
use crate::domain::access::{Scopes, TenantId};
use crate::domain::api_key::{ApiKey, KeyId};
use crate::domain::page::MAX_ROWS;
use crate::domain::{Caller, Name, Page, Rows};
use crate::repositories::now;
use crate::services::keys::{KeyService, NewKey, state_of};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it, once
    Create {
        /// What to call it
        name: Name,
        /// What it allows: some of files:read, files:write, files:delete, users, admin and metrics, separated by commas;
        /// the first four when absent
        #[arg(long, value_name = "SCOPES")]
        scope: Option<Scopes>,
        /// Whose files its owner sees
        #[arg(long, default_value_t)]
        tenant: TenantId,
        /// How long it is valid, such as 90d, 12h or 30m; for ever when absent
        #[arg(long, value_name = "TIME", value_parser = lifetime)]
        expires: Option<TimeDelta>,
    },
    /// List all keys, newest first
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// Take a key back; it works nowhere 5 seconds later
    Revoke {
        /// The key's identifier: the 16 digits after fmk_
        id: KeyId,
    },
}

/// Does it.
///
/// # Errors
/// When the database is away, or there is no such key.
pub async fn run(keys: &KeyService, command: KeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::Create { name, scope, tenant, expires } => {
            let scopes = scope.unwrap_or_else(Scopes::usual);
            let operator = Caller::operator(tenant.clone());
            let (_, text) = keys.create(&operator, NewKey { name, scopes, tenant, valid_for: expires }).await?;
            println!("{}", text.expose_secret());
        }
        KeyCommand::List { tenant } => return ended(list(keys, tenant.as_ref()).await),
        KeyCommand::Revoke { id } => {
            let key = keys.find(id).await?;
            let key = key.with_context(|| format!("there is no key {id}"))?;
            if !keys.revoke(&Caller::operator(key.tenant), id).await? {
                bail!("key {id} was revoked before");
            }
            println!("key {id} is revoked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(keys: &KeyService, tenant: Option<&TenantId>) -> anyhow::Result<()> {
    let mut page = Page { limit: MAX_ROWS, after: None };
    loop {
        let Rows { items, next } = keys.list(tenant, page).await?;
        for key in &items {
            writeln!(io::stdout(), "{}", line(key))?;
        }
        if next.is_none() {
            return Ok(());
        }
        page.after = next;
    }
}

fn line(key: &ApiKey) -> String {
    let ApiKey { id, name, scopes, tenant, .. } = key;
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let or_never = |at: Option<DateTime<Utc>>| at.map_or_else(|| "never".to_owned(), time);
    let (state, made) = (state_of(key, now()), time(key.created_at));
    let (expires, used) = (or_never(key.expires_at), or_never(key.last_used_at));
    // A name is somebody else's text: nothing in it moves the cursor.
    let name = name.escape_debug();
    format!("{id}  {state:7}  {tenant}  {scopes}  made {made}  expires {expires}  used {used}  {name}")
}
