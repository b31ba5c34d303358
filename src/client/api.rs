//! The service's HTTP API, one function for each request; no request is made twice here. What answers mean is in
//! [`super::answers`].

use std::fmt::Write;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, IF_RANGE, RANGE};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Body, Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::KEY;
use super::answers::{FileSeen, LinksMade, StatusSeen, UploadMade, UploadSeen, accepted, data, stored};
use super::problem::Problem;
use super::server::Server;
use super::source::{SpanBody, Watch};
use crate::domain::Credential;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CREDENTIAL_HEADER: HeaderName = HeaderName::from_static("x-file-credential");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What is told of a file when its upload begins.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NewUpload {
    /// Its name.
    pub(super) filename: String,
    /// In bytes.
    pub(super) total_size: u64,
    /// Its media type.
    pub(super) content_type: String,
    /// Without the dot.
    pub(super) file_extension: String,
    /// `public` or `private`.
    pub(super) visibility: &'static str,
    /// A JSON object in a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<String>,
}

/// What is told of a file when all its chunks are there.
#[derive(Debug, Serialize)]
pub(super) struct Completion<'f> {
    /// The upload's identifier.
    pub(super) upload_id: Uuid,
    /// How many chunks there are.
    pub(super) total_chunks: u32,
    /// Of the whole file, if it shall be compared.
    pub(super) checksum: Option<&'f str>,
    /// What was told before.
    #[serde(flatten)]
    pub(super) file: &'f NewUpload,
}

/// A way to a service.
pub(super) struct Api {
    http: Client,
    server: Server,
    shown: String,
    key: Option<HeaderValue>,
    credential: Option<HeaderValue>,
    stall: Duration,
}

impl Api {
    /// A way to this service, with this key and this credential for its private files. What does not move for `stall` is
    /// given up.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine, or the key can be none.
    pub(super) fn new(
        server: Server,
        key: Option<&SecretString>,
        credential: Option<&Credential>,
        stall: Duration,
    ) -> Result<Self, Problem> {
        // Refused when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .http1_only()
            .redirect(Redirects::none())
            .referer(false)
            .user_agent(concat!("filemanager/", env!("CARGO_PKG_VERSION")));
        if server.is_local() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Problem::transport(&error, "the service"))?;
        let credential = credential.map(|credential| HeaderValue::try_from(ascii_json(credential)));
        let credential = credential.transpose().map_err(|error| Problem::Local(error.to_string()))?;
        Ok(Self { http, shown: server.shown(), server, key: key.map(bearer).transpose()?, credential, stall })
    }

    /// The service's URL for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn init(&self, file: &NewUpload) -> Result<UploadMade, Problem> {
        self.ask(self.request(Method::POST, "file/upload/init/").json(file)).await
    }

    /// What the service has of an upload.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn upload(&self, id: Uuid) -> Result<UploadSeen, Problem> {
        self.ask(self.request(Method::GET, &format!("file/upload/{id}"))).await
    }

    /// Sends a chunk to the service, which has it safe when this is done.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn put_chunk(
        &self,
        id: Uuid,
        index: u32,
        (body, watch): (SpanBody, &Watch),
    ) -> Result<(), Problem> {
        let request = self.request(Method::PUT, &format!("file/upload/{id}/chunk/{index}"));
        let request = request.header(CONTENT_TYPE, OCTETS).body(Body::wrap(body));
        let answer = async { self.done(self.send(request, &self.shown).await?).await };
        self.while_it_moves(watch, answer).await
    }

    /// Sends a chunk to a link.
    ///
    /// # Errors
    /// Those of the store and of the way there.
    pub(super) async fn put_link(&self, link: &str, (body, watch): (SpanBody, &Watch)) -> Result<(), Problem> {
        let url = self.server.link(link);
        let url = url.ok_or_else(|| Problem::Local(format!("the service gave a link that is no URL: {link}")))?;
        let store = url.host_str().unwrap_or("the store").to_owned();
        let request = self.http.put(url).body(Body::wrap(body));
        let answer = async { stored(self.send(request, &store).await?).await };
        self.while_it_moves(watch, answer).await
    }

    /// Links straight to the store for these chunks.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn links(&self, id: Uuid, indexes: &[u32]) -> Result<LinksMade, Problem> {
        let request = self.request(Method::POST, &format!("file/upload/{id}/urls"));
        self.ask(request.json(&json!({ "indexes": indexes }))).await
    }

    /// Makes a file of an upload; the same file, however often.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn complete(&self, completion: &Completion<'_>) -> Result<FileSeen, Problem> {
        self.ask(self.request(Method::POST, "file/upload/complete/").json(completion)).await
    }

    /// Gives up an upload.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn give_up(&self, id: Uuid) -> Result<(), Problem> {
        let request = self.request(Method::DELETE, &format!("file/upload/{id}")).timeout(self.stall);
        self.done(self.send(request, &self.shown).await?).await
    }

    /// What the service knows of a file.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn file(&self, id: Uuid) -> Result<FileSeen, Problem> {
        self.ask(self.request(Method::GET, &format!("file/get/{id}"))).await
    }

    /// How far a file is.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn status(&self, id: Uuid) -> Result<StatusSeen, Problem> {
        self.ask(self.request(Method::GET, &format!("file/status/{id}"))).await
    }

    /// Each change of a file's status, as server-sent events.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn events(&self, id: Uuid) -> Result<Response, Problem> {
        self.open(self.request(Method::GET, &format!("file/events/{id}"))).await
    }

    /// A file's bytes; from `offset` on if it still is the version `etag`, else all.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn bytes(&self, id: Uuid, from: Option<(u64, &str)>) -> Result<Response, Problem> {
        let mut request = self.request(Method::GET, &format!("file/download/{id}"));
        if let Some((offset, etag)) = from {
            request = request.header(RANGE, format!("bytes={offset}-")).header(IF_RANGE, etag);
        }
        self.open(request).await
    }

    /// The next bytes of an answer; `None` at its end.
    ///
    /// # Errors
    /// Those of the way there.
    pub(super) async fn next_bytes(&self, answer: &mut Response) -> Result<Option<bytes::Bytes>, Problem> {
        let bytes = tokio::time::timeout(self.stall, answer.chunk()).await;
        let bytes = bytes.map_err(|_| Problem::Stalled(self.stall))?;
        bytes.map_err(|error| Problem::transport(&error, &self.shown))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let shown = [(AUTHORIZATION, &self.key), (CREDENTIAL_HEADER, &self.credential)];
        let shown = shown.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        self.http.request(method, self.server.route(path)).headers(shown.collect())
    }

    async fn send(&self, request: RequestBuilder, to: &str) -> Result<Response, Problem> {
        request.send().await.map_err(|error| Problem::transport(&error.without_url(), to))
    }

    /// Whether it was done. The answer is read to its end, so that the connection can be used again.
    async fn done(&self, answer: Response) -> Result<(), Problem> {
        let answer = accepted(answer, &self.shown).await?;
        answer.bytes().await.map(drop).map_err(|error| Problem::transport(&error, &self.shown))
    }

    /// Asks for little, which must be there in time.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Problem> {
        data(self.send(request.timeout(self.stall), &self.shown).await?, &self.shown).await
    }

    /// Asks for an answer that may be long; only its beginning must be there in time.
    async fn open(&self, request: RequestBuilder) -> Result<Response, Problem> {
        let answer = async { accepted(self.send(request, &self.shown).await?, &self.shown).await };
        let answer = tokio::time::timeout(self.stall, answer).await;
        answer.map_err(|_| Problem::Stalled(self.stall))?
    }

    /// Waits for an answer as long as the request's body is being taken.
    async fn while_it_moves<T>(
        &self,
        watch: &Watch,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        tokio::select! {
            answer = answer => answer,
            () = watch.stalled(self.stall) => Err(Problem::Stalled(self.stall)),
        }
    }
}

/// A key as a request shows it; never to anybody but the service.
fn bearer(key: &SecretString) -> Result<HeaderValue, Problem> {
    let value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()));
    let mut value = value.map_err(|_| Problem::Local(format!("{KEY} holds what can be no key")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// JSON that may stand in a header.
fn ascii_json(credential: &Credential) -> String {
    let mut ascii = String::new();
    for letter in json!(credential).to_string().chars() {
        if letter.is_ascii() {
            ascii.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // A String takes everything.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_a_header_is_ascii_and_means_the_same() {
        let pairs = [("ключ".to_owned(), "\u{1f511} a\"b".to_owned())];
        let credential = Credential::from_pairs(pairs);
        let text = ascii_json(&credential);
        assert!(text.is_ascii(), "{text}");
        assert!(Credential::parse(&text).unwrap().unwrap().admits(&credential));
    }
}
