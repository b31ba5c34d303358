//! What the service answers, and what its refusals mean. The requests are in [`super::api`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::KEY;
use super::problem::Problem;

const UNKNOWN_UPLOAD: &str = "File directory not found";
const MISSING_CHUNKS: &str = "missing chunks";

/// A new upload.
#[derive(Debug, Deserialize)]
pub(super) struct UploadMade {
    /// In bytes.
    pub(super) chunk_size: u64,
    /// The upload's identifier.
    pub(super) upload_id: Uuid,
}

/// An upload as the service knows it.
#[derive(Debug, Deserialize)]
pub(super) struct UploadSeen {
    /// In bytes.
    pub(super) chunk_size: u64,
    /// How far it is.
    pub(super) state: UploadPhase,
    /// The chunks that are safe.
    pub(super) received: Vec<ChunkSeen>,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum UploadPhase {
    /// It takes chunks.
    Open,
    /// All chunks are there, and the file is being made.
    Completing,
    /// It has become a file.
    Completed,
}

/// A chunk that is safe.
#[derive(Debug, Deserialize)]
pub(super) struct ChunkSeen {
    /// Its number, from 0.
    pub(super) index: u32,
    /// In bytes.
    pub(super) size: u64,
}

/// Links straight to the store.
#[derive(Debug, Deserialize)]
pub(super) struct LinksMade {
    /// One for each chunk that was asked for.
    pub(super) urls: Vec<LinkMade>,
    /// Until when they are good.
    pub(super) expires_at: DateTime<Utc>,
}

/// A link straight to the store.
#[derive(Debug, Deserialize)]
pub(super) struct LinkMade {
    /// The chunk's number.
    pub(super) index: u32,
    /// Where to put its bytes.
    pub(super) url: String,
}

/// A file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FileSeen {
    /// The file's identifier.
    pub(super) id: Uuid,
    /// The name that its owner gave it.
    pub(super) filename: Option<String>,
    /// In bytes.
    pub(super) size: u64,
    /// How far it is.
    pub(super) status: Phase,
    /// Where its bytes are.
    pub(super) download_url: String,
    /// The checksum of its bytes, if the service knows it.
    pub(super) checksum: Option<String>,
    /// Its place in the store.
    pub(super) path: String,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Phase {
    /// Nobody works on it yet.
    Pending,
    /// A worker has it.
    Started,
    /// It can be downloaded.
    Success,
    /// It did not work out.
    Failure,
}

/// How far a file is, and why not further.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StatusSeen {
    /// How far it is.
    pub(super) status: Phase,
    /// Why it failed: a sentence for a person.
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    errors: Vec<String>,
    message: String,
}

/// Reads an answer's data.
///
/// # Errors
/// When the answer is a refusal, or not what the API describes.
pub(super) async fn data<T: DeserializeOwned>(answer: Response, server: &str) -> Result<T, Problem> {
    let answer = accepted(answer, server).await?;
    let body = answer.bytes().await.map_err(|error| Problem::transport(&error, server))?;
    let envelope: Result<Envelope<T>, _> = serde_json::from_slice(&body);
    envelope.map(|envelope| envelope.data).map_err(|error| {
        Problem::Local(format!("{server} does not answer as this service does ({error}); is the URL right?"))
    })
}

/// The answer, if it is no refusal.
///
/// # Errors
/// When it is one.
pub(super) async fn accepted(answer: Response, server: &str) -> Result<Response, Problem> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let headers = answer.headers().clone();
    if let Some(place) = headers.get(LOCATION).filter(|_| status.is_redirection()) {
        let place = String::from_utf8_lossy(place.as_bytes());
        return Err(Problem::Local(format!("{server} says that it has moved to {place}; give the new URL")));
    }
    // A refusal whose text is cut off is one nevertheless.
    let body = answer.bytes().await.unwrap_or_default();
    Err(refusal(status, &headers, &body, server))
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], server: &str) -> Problem {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let said: Vec<_> = [refusal.message].into_iter().chain(refusal.errors).filter(|text| !text.is_empty()).collect();
    let message = if said.is_empty() { format!("{server} answers {status}") } else { said.join("; ") };
    match status.as_u16() {
        422 if message.contains(UNKNOWN_UPLOAD) => Problem::UnknownUpload,
        422 if message.contains(MISSING_CHUNKS) => Problem::MissingChunks(message),
        409 => Problem::Conflict(message),
        401 => Problem::Local(format!("{message} {KEY} must be a key of this service.")),
        status => Problem::Refused { status, message, retry_after: retry_after(headers, Utc::now()) },
    }
}

/// What an S3 store, or the service itself in its place, says of a chunk that was put to a link.
///
/// # Errors
/// When it is a refusal.
pub(super) async fn stored(answer: Response) -> Result<(), Problem> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap_or_default();
    if status.is_success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&body);
    let code = element(&text, "Code").unwrap_or_default();
    let message = element(&text, "Message").map_or_else(|| format!("the store answers {status}"), str::to_owned);
    Err(match status.as_u16() {
        403 => Problem::LinkOver(message),
        // S3 says with a 400 that it waited too long for bytes.
        400 if code == "RequestTimeout" => Problem::Unreachable(message),
        404 if code == "NoSuchUpload" => Problem::UnknownUpload,
        _ if code.is_empty() => refusal(status, &headers, &body, "the store"),
        status => Problem::Refused { status, message, retry_after: retry_after(&headers, Utc::now()) },
    })
}

/// The text of an element in an S3 error, which has no attributes and no nesting.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// `Retry-After`: seconds or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Problem {
        refusal(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes(), "http://x")
    }

    #[test]
    fn refusals_are_known_by_what_they_say() {
        let unknown = r#"{"errors":[],"message":"File directory not found. Please initialize first!","success":false}"#;
        assert!(matches!(refused(422, unknown), Problem::UnknownUpload));
        let missing = r#"{"errors":["[body->total_chunks] missing chunks: 3, 7-9"],"message":"","success":false}"#;
        assert!(matches!(refused(422, missing), Problem::MissingChunks(_)));
        assert!(matches!(refused(409, "{}"), Problem::Conflict(_)));
    }

    #[test]
    fn a_refusal_is_shown_in_the_words_of_the_service() {
        let two = r#"{"errors":["[body->a] one","[body->b] two"],"message":"","success":false}"#;
        assert_eq!(refused(422, two).to_string(), "[body->a] one; [body->b] two");
        assert_eq!(refused(502, "<html>").to_string(), "http://x answers 502 Bad Gateway");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-01-02T03:04:05Z").unwrap().to_utc();
        let seconds = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds("Fri, 02 Jan 2026 03:04:25 GMT"), Some(20));
        assert_eq!(seconds("Fri, 02 Jan 2026 03:03:25 GMT"), Some(0));
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn the_words_of_an_s3_store_are_found() {
        let xml = "<?xml?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        assert_eq!(
            (element(xml, "Code"), element(xml, "Message")),
            (Some("AccessDenied"), Some("Request has expired"))
        );
        assert_eq!(element("<Code>", "Code"), None);
    }
}
