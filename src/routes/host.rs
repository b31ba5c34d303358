//! Keeps pages of strangers out of a service that is open to its own machine: they can make a name of theirs lead to it, so
//! that a browser takes it for a part of theirs (DNS rebinding).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::errors::ApiError;
use crate::config::ServerConfig;

/// The names under which the service answers.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Whether it does under any.
    any: bool,
    /// What its operator calls it.
    own: Option<Arc<str>>,
}

impl Names {
    /// Where callers show who they are, or come from other machines, a name tells nothing.
    pub(super) fn of(server: &ServerConfig, is_open: bool) -> Self {
        let own = server.public_url.as_ref().and_then(|url| url.host_str()).map(Arc::from);
        Self { any: !is_open || !server.host.is_loopback(), own }
    }

    /// Whether this may be the service's. What has no dot is in nobody's hands but the machine's own.
    fn contain(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.any
            || !host.contains('.')
            || host.ends_with(".localhost")
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || self.own.as_deref() == Some(host.as_str())
    }

    /// Whether a header of this value, or none, may be meant for the service. One that cannot be read may name anybody.
    fn admit(&self, told: Option<&HeaderValue>) -> bool {
        let Some(told) = told.filter(|told| !told.is_empty()) else { return true };
        let meant = told.to_str().ok().and_then(|told| told.parse::<Authority>().ok());
        self.any || meant.is_some_and(|meant| self.contain(meant.host()))
    }
}

/// Refuses what was meant for somebody else (RFC 9110 section 15.5.20).
pub(super) async fn check(State(names): State<Names>, request: Request, next: Next) -> Response {
    let meant = request.uri().authority();
    if meant.is_none_or(|meant| names.contain(meant.host())) && names.admit(request.headers().get(header::HOST)) {
        return next.run(request).await;
    }
    let message = "The service has another name, unless its operator gives it this one by APP_PUBLIC_URL.";
    ApiError::new(StatusCode::MISDIRECTED_REQUEST, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_have_are_the_services() {
        let names = Names { any: false, own: Some("files.example.org".into()) };
        let ours = ["localhost", "LOCALHOST.", "app.localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "files"];
        for host in ours.into_iter().chain(["files.example.org", "Files.Example.Org."]) {
            assert!(names.contain(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "x.files.example.org"] {
            assert!(!names.contain(host), "{host}");
            assert!(Names { any: true, own: None }.contain(host));
        }
        let told = |host: &'static str| Some(HeaderValue::from_static(host));
        for host in [None, told(""), told("localhost:8000"), told("[::1]:8000")] {
            assert!(names.admit(host.as_ref()), "{host:?}");
        }
        for host in [told("evil.example:8000"), told("a`b.evil.example"), told("a b"), told("%61.evil.example")] {
            assert!(!names.admit(host.as_ref()), "{host:?}");
        }
    }
}
