//! What is said on the command line. What is done about it is in [`super`].

use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use super::server::Server;
use crate::domain::Credential;

/// The most chunks that are sent at a time.
const MAX_PARALLEL: i64 = 64;

/// What `filemanager upload` is told.
#[derive(Debug, Args)]
pub struct UploadArguments {
    /// The files, sent one after another
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The service's URL
    #[arg(long, value_name = "URL", env = "FILEMANAGER_URL", default_value = "http://localhost:8000")]
    pub to: Server,
    /// How many chunks are sent at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=MAX_PARALLEL))]
    pub parallel: u16,
    /// Send the bytes straight to the store, past the service
    #[arg(long)]
    pub direct: bool,
    /// With --direct: have the service read the stored file once and compare it. Other uploads are compared anyway
    #[arg(long, requires = "direct")]
    pub verify: bool,
    /// What both commands are told.
    #[command(flatten)]
    pub common: CommonArguments,
}

/// What `filemanager download` is told.
#[derive(Debug, Args)]
pub struct DownloadArguments {
    /// The file's id, as upload printed it
    #[arg(value_name = "ID")]
    pub id: Uuid,
    /// The service's URL
    #[arg(long, value_name = "URL", env = "FILEMANAGER_URL", default_value = "http://localhost:8000")]
    pub from: Server,
    /// Where to: a file, a folder, or - for standard output [default: this folder, by the file's name]
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long)]
    pub force: bool,
    /// What both commands are told.
    #[command(flatten)]
    pub common: CommonArguments,
}

/// What both commands are told.
#[derive(Debug, Args)]
pub struct CommonArguments {
    /// A pair of the credential that makes a file private; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub private: Vec<Pair>,
    /// Print a JSON object for each file; nothing where standard output has the file's bytes
    #[arg(long)]
    pub json: bool,
    /// Say nothing on standard error but what went wrong
    #[arg(long, short)]
    pub quiet: bool,
}

impl CommonArguments {
    /// The credential, if there is one.
    #[must_use]
    pub fn credential(&self) -> Option<Credential> {
        let pairs = self.private.iter().map(|pair| (pair.key.clone(), pair.value.clone()));
        (!self.private.is_empty()).then(|| Credential::from_pairs(pairs))
    }
}

/// A pair of a credential. Not shown by `Debug`.
#[derive(Clone)]
pub struct Pair {
    key: String,
    value: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(…)")
    }
}

fn pair(text: &str) -> Result<Pair, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(Pair { key: key.to_owned(), value: value.to_owned() }),
        _ => Err("a pair looks like user_id=84793".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        upload: UploadArguments,
    }

    fn parse(arguments: &[&str]) -> Result<UploadArguments, clap::Error> {
        Command::try_parse_from([&["upload"], arguments].concat()).map(|command| command.upload)
    }

    #[test]
    fn pairs_make_the_credential_and_values_may_hold_anything() {
        let parsed = parse(&["a", "--private", "user_id=1", "--private", "token=a=b"]).unwrap();
        let expected = Credential::parse(r#"{"user_id":"1","token":"a=b"}"#).unwrap();
        assert!(parsed.common.credential() == expected);
        assert!(parse(&["a"]).unwrap().common.credential().is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for arguments in [&[][..], &["a", "--private", "x"], &["a", "--private", "=x"], &["a", "--parallel", "0"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
        assert!(parse(&["a", "--to", "localhost"]).is_err());
    }
}
