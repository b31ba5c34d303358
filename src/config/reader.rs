//! Reads variables one by one and collects what is wrong, so that all mistakes are told at once.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::settings::{SETTINGS, Setting};
use crate::domain::FileExtension;
use crate::domain::file_extension::DEFAULT;

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    /// The file `.env` cannot be read. The line is not shown: it may hold a secret.
    pub(super) fn unreadable(error: &dotenvy::Error) -> Self {
        let cause = match error {
            dotenvy::Error::LineParse(_, position) => format!("a line breaks the format at character {}", position + 1),
            other => other.to_string(),
        };
        Self(vec![format!(".env cannot be read: {cause}")])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is wrong:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

pub(super) struct Reader {
    variables: HashMap<String, String>,
    errors: Vec<String>,
}

impl Reader {
    pub(super) fn new(variables: HashMap<String, String>) -> Self {
        Self { variables, errors: Vec::new() }
    }

    /// The configuration, unless something was wrong with it.
    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigErrors> {
        if self.errors.is_empty() { Ok(config) } else { Err(ConfigErrors(self.errors)) }
    }

    /// A variable that may be absent; an empty one is absent, as in a compose file's `${NAME:-}`. A secret may be in the
    /// file that `NAME_FILE` names.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<String> {
        let setting = setting(name);
        let given = match self.given(&format!("{name}_FILE")).filter(|_| setting.secret) {
            Some(path) => self.content(name, &path),
            None => self.given(name),
        };
        // What was no text when it was read.
        if given.as_ref().is_some_and(|value| value.contains(char::REPLACEMENT_CHARACTER)) {
            self.complain(format!("{name} is no text in UTF-8"));
        }
        given.or(setting.default.map(str::to_owned)).filter(|value| !value.is_empty())
    }

    fn given(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A secret's file, without the line break that editors leave at its end.
    fn content(&mut self, name: &'static str, path: &str) -> Option<String> {
        let error = match fs::read_to_string(path) {
            _ if self.given(name).is_some() => format!("{name} and {name}_FILE are both set"),
            Ok(text) if !text.trim().is_empty() => return Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Ok(_) => format!("{name}_FILE is {path:?}, which is empty"),
            Err(error) => format!("{name}_FILE is {path:?}, which cannot be read: {error}"),
        };
        // A secret may be asked for more than once.
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        None
    }

    /// A variable that must be set because `reason` is.
    pub(super) fn required(&mut self, name: &'static str, reason: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.errors.push(format!("{name} is not set, but must be when {reason} is"));
            String::new()
        })
    }

    /// A secret that must be set because `reason` is.
    pub(super) fn secret(&mut self, name: &'static str, reason: &str) -> SecretString {
        self.required(name, reason).into()
    }

    /// An IP address.
    pub(super) fn address(&mut self, name: &'static str) -> IpAddr {
        let value = self.optional(name).unwrap_or_default();
        value.parse().unwrap_or_else(|_| {
            self.refuse::<()>(name, &value, "an IP address such as 127.0.0.1 or 0.0.0.0");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        })
    }

    /// A whole number in a range.
    pub(super) fn number<T>(&mut self, name: &'static str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display + Default,
    {
        let value = self.optional(name).unwrap_or_default();
        match value.parse::<T>() {
            Ok(number) if range.contains(&number) => number,
            _ => self.refuse(name, &value, &format!("a whole number from {} to {}", range.start(), range.end())),
        }
    }

    /// A whole number in a range, if set.
    pub(super) fn optional_number<T>(&mut self, name: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display + Default,
    {
        self.optional(name)?;
        Some(self.number(name, range))
    }

    /// A fraction, from 0 to 1.
    pub(super) fn fraction(&mut self, name: &'static str) -> f64 {
        let value = self.optional(name).unwrap_or_default();
        match value.parse::<f64>() {
            Ok(fraction) if (0.0..=1.0).contains(&fraction) => fraction,
            _ => self.refuse(name, &value, "a number from 0 to 1"),
        }
    }

    /// Pairs `name=value` whose values are percent-encoded, separated by commas (W3C Baggage section 3.2).
    pub(super) fn pairs(&mut self, name: &'static str) -> Vec<(String, SecretString)> {
        let value = self.optional(name).unwrap_or_default();
        let pairs = value.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let parsed: Option<Vec<_>> = pairs
            .map(|pair| {
                let (key, value) = pair.split_once('=')?;
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                Some((key.trim().to_owned(), SecretString::from(value.into_owned())))
            })
            .collect();
        parsed.unwrap_or_else(|| self.refuse(name, &value, "pairs such as api-key=abc, separated by commas"))
    }

    /// A number of seconds.
    pub(super) fn seconds(&mut self, name: &'static str, least: u64, most: u64) -> Duration {
        let value = self.optional(name).unwrap_or_default();
        match value.parse::<u64>() {
            Ok(seconds) if (least..=most).contains(&seconds) => Duration::from_secs(seconds),
            _ => self.refuse(name, &value, &format!("a number of seconds from {least} to {most}")),
        }
    }

    /// A number of seconds that is larger than another one.
    pub(super) fn longer_than(&mut self, name: &'static str, other: &'static str, most: u64) -> Duration {
        let seconds = self.seconds(name, 1, most);
        let least = self.optional(other).and_then(|value| value.parse().ok()).unwrap_or(0);
        if !seconds.is_zero() && seconds.as_secs() <= least {
            return self.refuse(name, &seconds.as_secs().to_string(), &format!("more seconds than {other}, {least}"));
        }
        seconds
    }

    /// One of some words.
    pub(super) fn one_of<const N: usize>(&mut self, name: &'static str, words: [&'static str; N]) -> &'static str {
        let value = self.optional(name).unwrap_or_default();
        match words.into_iter().find(|word| *word == value) {
            Some(word) => word,
            None => self.refuse(name, &value, &words.join(" or ")),
        }
    }

    /// An `http` or `https` URL without query, if set.
    pub(super) fn optional_url(&mut self, name: &'static str) -> Option<Url> {
        let value = self.optional(name)?;
        self.url(name, &value, &value, "an http or https URL without a query, such as https://files.example.org")
    }

    /// A URL, or `host:port`, which means plain HTTP.
    pub(super) fn optional_endpoint(&mut self, name: &'static str) -> Option<Url> {
        let value = self.optional(name)?;
        let text = if value.contains("://") { value.clone() } else { format!("http://{value}") };
        self.url(name, &value, &text, "host:port or an http or https URL, such as minio:9000")
    }

    /// A URL that is asked as it is, and may have a query.
    pub(super) fn optional_resource(&mut self, name: &'static str) -> Option<Url> {
        let value = self.optional(name)?;
        match Url::parse(&value) {
            Ok(mut url) => {
                let asked = url.clone();
                url.set_query(None);
                is_plain_http(&url).then_some(asked)
            }
            Err(_) => None,
        }
        .or_else(|| {
            self.refuse::<String>(name, &value, "an http or https URL, such as https://issuer.example.org/keys");
            None
        })
    }

    fn url(&mut self, name: &'static str, value: &str, text: &str, expected: &str) -> Option<Url> {
        match Url::parse(text) {
            Ok(url) if is_plain_http(&url) => Some(url),
            _ => {
                self.refuse::<String>(name, value, expected);
                None
            }
        }
    }

    /// Origins (RFC 6454), separated by commas.
    pub(super) fn origins(&mut self, name: &'static str) -> Vec<String> {
        let value = self.optional(name).unwrap_or_default();
        let origins = value.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let parsed: Option<Vec<String>> = origins
            .map(|origin| {
                let url = Url::parse(origin).ok().filter(is_plain_http)?;
                let ascii = url.origin().ascii_serialization();
                (ascii == origin.trim_end_matches('/')).then_some(ascii)
            })
            .collect();
        parsed.unwrap_or_else(|| {
            self.refuse(name, &value, "origins such as https://app.example.org, separated by commas")
        })
    }

    /// Networks or addresses, separated by commas.
    pub(super) fn networks(&mut self, name: &'static str) -> Vec<IpNet> {
        let value = self.optional(name).unwrap_or_default();
        let texts = value.split(',').map(str::trim).filter(|text| !text.is_empty());
        let parsed: Option<Vec<IpNet>> =
            texts.map(|text| text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))).collect();
        parsed.unwrap_or_else(|| self.refuse(name, &value, "networks such as 10.0.0.0/8, separated by commas"))
    }

    /// File extensions, separated by commas.
    pub(super) fn extensions(&mut self, name: &'static str) -> Vec<FileExtension> {
        let value = self.optional(name).unwrap_or_else(|| DEFAULT.join(","));
        let texts = value.split(',').map(str::trim).filter(|text| !text.is_empty());
        let parsed: Option<Vec<_>> = texts.map(|text| FileExtension::any(text).ok()).collect();
        let parsed = parsed.filter(|extensions| !extensions.is_empty());
        parsed.unwrap_or_else(|| self.refuse(name, &value, "extensions such as png,jpg, in small letters without dots"))
    }

    /// A bucket that must differ from another one, lest private files become public.
    pub(super) fn private_bucket(&mut self, name: &'static str, public: &'static str) -> String {
        let bucket = self.required(name, "MINIO_ENDPOINT");
        if Some(&bucket) == self.optional(public).as_ref() {
            return self.refuse(name, &bucket, &format!("another bucket than {public}"));
        }
        bucket
    }

    /// What to log.
    pub(super) fn filter(&mut self, name: &'static str) -> String {
        let value = self.optional(name).unwrap_or_default();
        // A word that is no level would be taken for a module of which all is wanted, and nothing of the others.
        let is_level = |part: &str| part.is_empty() || part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
        match EnvFilter::try_new(&value) {
            Ok(_) if value.split(',').map(str::trim).all(is_level) => value,
            _ => self.refuse(name, &value, "error, warn, info, debug or trace, or a list such as info,sqlx=debug"),
        }
    }

    /// Notes a mistake in words of its own.
    pub(super) fn complain(&mut self, error: String) {
        self.errors.push(error);
    }

    /// Notes that a value is not what it must be.
    pub(super) fn refuse<T: Default>(&mut self, name: &'static str, value: &str, expected: &str) -> T {
        // A URL with user information has a password in it.
        let hidden = setting(name).secret || value.contains('@');
        let shown = if hidden { "what it is".to_owned() } else { format!("{value:?}") };
        self.errors.push(format!("{name} is {shown}, but must be {expected}"));
        T::default()
    }
}

fn is_plain_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn setting(name: &str) -> Setting {
    match SETTINGS.iter().find(|setting| setting.name == name) {
        Some(setting) => *setting,
        None => unreachable!("{name} is not in the list of settings"),
    }
}
