//! Where the service is, as the user says it. Asking it something is in [`super::api`].

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The address of a service: its root, which may be under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Url);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut url =
            Url::parse(text).map_err(|error| format!("{error}; a URL looks like https://files.example.org"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("a URL begins with http:// or https:// and a host".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a URL of a service has no ? and no #".to_owned());
        }
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl Server {
    /// The URL of a route. `path` is relative to the API, without a slash at its start.
    pub(super) fn route(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}api/v1/{path}", self.0.path()));
        url
    }

    /// What a link that the service gave points to.
    pub(super) fn link(&self, link: &str) -> Option<Url> {
        self.0.join(link).ok()
    }

    /// Whether it runs on this machine, where a proxy has nothing to do.
    pub(super) fn is_local(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    /// Its name for messages: the URL without a user and password.
    pub(super) fn shown(&self) -> String {
        let mut url = self.0.clone();
        // They fail only for URLs without a host, which are refused.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.as_str().trim_end_matches('/').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_before_the_api_is_kept_with_or_without_a_slash() {
        for text in ["https://a.org/files", "https://a.org/files/"] {
            assert_eq!(server(text).route("file/x").as_str(), "https://a.org/files/api/v1/file/x");
        }
        assert_eq!(server("http://localhost:8000").route("file/x").as_str(), "http://localhost:8000/api/v1/file/x");
    }

    #[test]
    fn what_is_no_address_of_a_service_is_refused() {
        for text in ["localhost:8000", "ftp://a.org", "a", "http://a.org/?b", "http://a.org/#b", ""] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_and_passwords_are_not_shown() {
        for text in ["http://localhost", "http://127.0.0.2:1", "http://[::1]:8000"] {
            assert!(server(text).is_local(), "{text}");
        }
        assert!(!server("http://10.0.0.1").is_local());
        assert_eq!(server("https://me:secret@a.org/x/").shown(), "https://a.org/x");
    }
}
