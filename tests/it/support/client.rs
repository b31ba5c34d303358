//! A client that speaks the API as its callers do.

use futures::{StreamExt, stream};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use url::{Position, Url};

use super::eventually;

/// Status and body of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text:?}"));
        Self { status, body }
    }

    /// The answer's data; the envelope must be that of a success.
    pub fn data(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.body["success"], true);
        assert!(self.body["message"].is_string());
        self.body["data"].clone()
    }

    /// The answer's errors and message; the envelope must be that of an error.
    pub fn error(self) -> (u16, Vec<String>, String) {
        assert_eq!(self.body["success"], false, "{}", self.body);
        assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(3), "{}", self.body);
        let errors = self.body["errors"].as_array().expect("errors").iter();
        let errors = errors.map(|error| error.as_str().expect("a text").to_owned()).collect();
        (self.status, errors, self.body["message"].as_str().expect("a message").to_owned())
    }
}

#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
    /// What it shows of itself.
    pub key: Option<String>,
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self::with_key(base, None)
    }

    /// The header by which it is known, with its end of line, for requests that are written by hand; or nothing.
    pub fn header(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"))
    }

    /// A client that shows this key, or another credential, with every request.
    pub fn with_key(base: &str, key: Option<&str>) -> Self {
        // Once for the whole process; it does not matter which test is first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shown = key.map(|key| (reqwest::header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap()));
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.default_headers(shown.into_iter().collect()).build().unwrap();
        Self { http, base: base.to_owned(), key: key.map(str::to_owned) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path)).send().await.expect("an answer")).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form =
            fields.iter().fold(Form::new(), |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()));
        Answer::of(self.http.post(self.url(path)).multipart(form).send().await.expect("an answer")).await
    }

    /// Opens an upload; its identifier.
    pub async fn init(&self, fields: &[(&str, &str)]) -> String {
        let data = self.post("/file/upload/init/", fields).await.data();
        data["upload_id"].as_str().expect("an identifier").to_owned()
    }

    /// Sends a chunk as most clients do: the fields first, `chunk_size` as large as the chunk.
    pub async fn chunk(&self, upload: &str, index: usize, bytes: &[u8]) -> Answer {
        self.chunk_saying(upload, &index.to_string(), &bytes.len().max(1).to_string(), bytes).await
    }

    pub async fn chunk_saying(&self, upload: &str, index: &str, size: &str, bytes: &[u8]) -> Answer {
        let form = Form::new()
            .text("chunk_size", size.to_owned())
            .text("upload_id", upload.to_owned())
            .text("chunk_index", index.to_owned())
            .part("file", Part::bytes(bytes.to_vec()).file_name("blob"));
        Answer::of(self.http.post(self.url("/file/upload/chunk/")).multipart(form).send().await.expect("an answer"))
            .await
    }

    /// Sends a chunk as some clients do: the file first, and without telling how long the request is.
    pub async fn chunk_file_first(&self, upload: &str, index: usize, bytes: &[u8]) -> Answer {
        let body = reqwest::Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>(bytes.to_vec())]));
        let form = Form::new()
            .part("file", Part::stream(body).file_name("blob"))
            .text("chunk_index", index.to_string())
            .text("upload_id", upload.to_owned())
            .text("chunk_size", bytes.len().to_string());
        Answer::of(self.http.post(self.url("/file/upload/chunk")).multipart(form).send().await.expect("an answer"))
            .await
    }

    /// Sends a chunk as the raw body, with these headers besides.
    pub async fn raw_chunk(&self, upload: &str, index: &str, bytes: &[u8], headers: &[(&str, &str)]) -> Answer {
        let url = self.url(&format!("/file/upload/{upload}/chunk/{index}"));
        let request = self.http.put(url).body(bytes.to_vec());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Sends a chunk as the raw body, the second half when `go_on` is told.
    pub async fn chunk_in_halves(
        &self,
        upload: &str,
        index: usize,
        bytes: &[u8],
        go_on: oneshot::Receiver<()>,
    ) -> reqwest::Response {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let (first, second) = (first.to_vec(), second.to_vec());
        let later = stream::once(async move {
            go_on.await.unwrap();
            Ok::<_, std::io::Error>(second)
        });
        let body = reqwest::Body::wrap_stream(stream::iter([Ok(first)]).chain(later));
        let url = self.url(&format!("/file/upload/{upload}/chunk/{index}"));
        self.http.put(url).header("content-length", bytes.len()).body(body).send().await.expect("an answer")
    }

    /// What the service has of an upload: places and sizes.
    pub async fn received(&self, upload: &str) -> Vec<(i64, i64)> {
        let data = self.get(&format!("/file/upload/{upload}")).await.data();
        let received = data["received"].as_array().expect("a list").iter();
        received.map(|chunk| (chunk["index"].as_i64().unwrap(), chunk["size"].as_i64().unwrap())).collect()
    }

    /// Asks for links for these chunks.
    pub async fn urls(&self, upload: &str, body: &Value) -> Answer {
        let request = self.http.post(self.url(&format!("/file/upload/{upload}/urls"))).json(body);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Links for these chunks, in order.
    pub async fn links(&self, upload: &str, indexes: &[i64]) -> Vec<String> {
        let data = self.urls(upload, &serde_json::json!({ "indexes": indexes })).await.data();
        let urls = data["urls"].as_array().expect("a list");
        let given: Vec<i64> = urls.iter().map(|url| url["index"].as_i64().unwrap()).collect();
        assert_eq!(given, indexes);
        urls.iter().map(|url| url["url"].as_str().unwrap().to_owned()).collect()
    }

    /// Sends a chunk by a link; the status, or 0 when the connection was closed in mid-request, which some stores do
    /// instead of reading what they refuse.
    pub async fn put_by_link(&self, link: &str, bytes: &[u8]) -> u16 {
        let answer = self.http.put(link).body(bytes.to_vec()).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// Begins to send a chunk by a link, and ends in the middle; returns when the store has seen that.
    pub async fn cut_by_link(&self, link: &str, bytes: &[u8]) {
        let link = Url::parse(link).expect("a link");
        let (host, port) = (link.host_str().expect("a host"), link.port_or_known_default().expect("a port"));
        let target = &link[Position::BeforePath..Position::AfterQuery];
        let head = format!("PUT {target} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let mut stream = TcpStream::connect((host, port)).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes[..bytes.len() / 2]).await.unwrap();
        stream.shutdown().await.unwrap();
        // An answer, or the connection's end.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }

    /// Gives an upload up.
    pub async fn abort(&self, upload: &str) -> Answer {
        Answer::of(self.http.delete(self.url(&format!("/file/upload/{upload}"))).send().await.expect("an answer")).await
    }

    pub async fn complete(&self, upload: &str, chunks: usize, size: usize, more: &[(&str, &str)]) -> Answer {
        let (chunks, size) = (chunks.to_string(), size.to_string());
        let mut fields = vec![
            ("upload_id", upload),
            ("total_chunks", &chunks),
            ("total_size", &size),
            ("file_extension", "txt"),
            ("content_type", "text/plain"),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend_from_slice(more);
        self.post("/file/upload/complete/", &fields).await
    }

    /// Uploads these chunks one after the other and completes; the file's data.
    pub async fn upload(&self, chunks: &[Vec<u8>], hints: &[(&str, &str)], completion: &[(&str, &str)]) -> Value {
        let upload = self.init(hints).await;
        for (index, chunk) in chunks.iter().enumerate() {
            self.chunk(&upload, index, chunk).await.data();
        }
        self.complete(&upload, chunks.len(), chunks.iter().map(Vec::len).sum(), completion).await.data()
    }

    pub async fn get_with(&self, path: &str, credential: &str) -> Answer {
        let request = self.http.get(self.url(path)).header("x-file-credential", credential);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Waits until the file is done, one way or the other; what `status` says then.
    pub async fn done(&self, file: &Value, credential: Option<&str>) -> Value {
        let path = format!("/file/status/{}", file["id"].as_str().expect("an identifier"));
        eventually("the file is done", async || {
            let answer = match credential {
                Some(credential) => self.get_with(&path, credential).await,
                None => self.get(&path).await,
            };
            let status = answer.data();
            ["SUCCESS", "FAILURE"].contains(&status["status"].as_str().unwrap()).then_some(status)
        })
        .await
    }

    /// Waits until the file can be downloaded, and downloads it by its link.
    pub async fn download(&self, file: &Value, credential: Option<&str>) -> Vec<u8> {
        assert_eq!(self.done(file, credential).await["status"], "SUCCESS");
        let path = format!("/file/get/{}", file["id"].as_str().unwrap());
        let file = match credential {
            Some(credential) => self.get_with(&path, credential).await.data(),
            None => self.get(&path).await.data(),
        };
        self.follow(file["download_url"].as_str().expect("a link")).await
    }

    /// What is behind a link, for someone who has nothing but that.
    pub async fn follow(&self, link: &str) -> Vec<u8> {
        let response = Self::new(&self.base).http.get(link).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{link}");
        response.bytes().await.expect("a body").to_vec()
    }
}
