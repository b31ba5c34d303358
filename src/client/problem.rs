//! What can go wrong on the way to the service and back, in sentences for a person, and whether trying again can help.
//! How often and when is in [`super::retry`].

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error as ThisError;

/// Why something did not work.
#[derive(Debug, ThisError)]
pub(super) enum Problem {
    /// No connection, or one that was cut.
    #[error("{0}")]
    Unreachable(String),
    /// The other side keeps the connection and does nothing.
    #[error("no byte has moved for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The service answers that it will not.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the service says.
        message: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A link straight to the store is over.
    #[error("the link to the store is no longer good: {0}")]
    LinkOver(String),
    /// The service does not know the upload.
    #[error("the service no longer knows the upload; the same command begins it anew")]
    UnknownUpload,
    /// The service has other bytes under this number, or the upload has ended.
    #[error("the service has other bytes of this upload: {0}")]
    Conflict(String),
    /// Complete finds that chunks are missing.
    #[error("{0}")]
    MissingChunks(String),
    /// The file was written to while it was being sent.
    #[error("the file changed while it was being sent; start again when nobody writes to it")]
    Changed,
    /// The file to be downloaded became another one.
    #[error("the file became another one while it was being downloaded; start again")]
    Replaced,
    /// The service could not store the file, and says why.
    #[error("{0}")]
    Failed(String),
    /// Nothing that the service or the network could change.
    #[error("{0}")]
    Local(String),
}

impl Problem {
    /// Whether the same again can work.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Stalled(_) | Self::LinkOver(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599) && *status != 501,
            _ => false,
        }
    }

    /// Whether it is the way to the service that fails, rather than the service or the file.
    pub(super) fn is_the_network(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Stalled(_))
    }

    /// How long the service wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A file or folder of this machine that cannot be used.
    pub(super) fn local(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::Local(format!("cannot {doing} {}: {error}", path.display()))
    }

    /// A request without an answer. `server` is named in the message.
    pub(super) fn transport(error: &reqwest::Error, server: &str) -> Self {
        let cause = cause(error);
        if is_tls(error) {
            return Self::Local(format!("the certificate of {server} cannot be trusted: {cause}"));
        }
        if error.is_builder() {
            return Self::Local(format!("{server} cannot be asked: {cause}"));
        }
        Self::Unreachable(if error.is_connect() {
            format!("cannot connect to {server}: {cause}")
        } else if error.is_timeout() {
            format!("{server} does not answer in time")
        } else {
            format!("the connection to {server} was cut: {cause}")
        })
    }
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <dyn Error>::source(*error))
}

/// The innermost reason: the outer ones name parts of this program.
fn cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// What rustls finds wrong comes as an I/O error of this kind.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .filter_map(io::Error::get_ref)
        .any(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Problem {
        Problem::Refused { status, message: String::new(), retry_after: None }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(refused(status).passes(), "{status}");
        }
        for status in [400, 403, 404, 409, 413, 422, 501] {
            assert!(!refused(status).passes(), "{status}");
        }
        assert!(Problem::Stalled(Duration::ZERO).passes());
        assert!(!Problem::UnknownUpload.passes() && !Problem::Changed.passes());
    }
}
