//! A service of the API's shape that keeps everything in memory, notes what is asked of it, and fails as it is told.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::client::server::Server;

pub(super) const CHUNK: usize = 1000;
pub(super) const FILE_ID: Uuid = Uuid::from_u128(42);
const UNKNOWN: &str = "File directory not found. Please initialize first!";

/// How a request fails, before anything is done for it.
#[derive(Clone)]
pub(super) enum Fault {
    /// With this status, a `Retry-After` in seconds, and this message.
    Status(u16, Option<u64>, &'static str),
    /// The connection is cut.
    Cut,
    /// No answer ever comes.
    Silence,
    /// This chunk is lost, and the answer says so.
    Lose(u32),
}

/// How an answer with a file's bytes breaks off.
pub(super) enum Broken {
    /// It ends after so many bytes.
    Short(usize),
    /// After so many bytes nothing comes any more.
    Silent(usize),
}

/// What the service has and what it was asked.
#[derive(Default)]
pub(super) struct Kept {
    /// Chunks by number, for each upload that it knows.
    pub(super) uploads: HashMap<Uuid, BTreeMap<u32, Bytes>>,
    /// `METHOD path` of each request.
    pub(super) requests: Vec<String>,
    /// Headers of each request for the file's bytes.
    pub(super) fetched_with: Vec<HeaderMap>,
    /// What init and complete were told.
    pub(super) told: Vec<Value>,
    /// What fails: requests that begin so, each fault once.
    pub(super) faults: Vec<(String, VecDeque<Fault>)>,
    /// What an upload is said to be.
    pub(super) phase: Option<&'static str>,
    /// What becomes of the file, after two times PENDING; and an error.
    pub(super) fate: Option<(&'static str, &'static str)>,
    /// Whether there are events.
    pub(super) no_events: bool,
    /// The bytes to be downloaded, and their version.
    pub(super) stored: Bytes,
    pub(super) etag: &'static str,
    pub(super) checksum: Option<String>,
    pub(super) filename: Option<&'static str>,
    /// How the next answers with the file's bytes break.
    pub(super) broken: VecDeque<Broken>,
    asked_status: u32,
}

/// A running service.
#[derive(Clone, Default)]
pub(super) struct Mock(Arc<Mutex<Kept>>);

impl Mock {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }

    /// The next requests that begin so fail.
    pub(super) fn fail(&self, what: &str, faults: impl IntoIterator<Item = Fault>) {
        self.kept().faults.push((what.to_owned(), faults.into_iter().collect()));
    }

    /// How many requests began so.
    pub(super) fn asked(&self, what: &str) -> usize {
        self.kept().requests.iter().filter(|request| request.starts_with(what)).count()
    }

    /// The one upload's bytes.
    pub(super) fn uploaded(&self) -> Vec<u8> {
        let kept = self.kept();
        assert_eq!(kept.uploads.len(), 1);
        kept.uploads.values().flat_map(BTreeMap::values).flatten().copied().collect()
    }

    /// Begins to serve.
    pub(super) async fn start(&self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/file/upload/init/", post(init))
            .route("/file/upload/complete/", post(complete))
            .route("/file/upload/{id}", get(look).delete(give_up))
            .route("/file/upload/{id}/chunk/{index}", put(chunk))
            .route("/file/upload/{id}/urls", post(links))
            .route("/file/events/{id}", get(events))
            .route("/file/status/{id}", get(status))
            .route("/file/get/{id}", get(file))
            .route("/file/download/{id}", get(bytes))
            .layer(from_fn_with_state(self.clone(), misbehave))
            .with_state(self.clone());
        let service = Router::new().nest("/prefix/api/v1", routes);
        tokio::spawn(async move { axum::serve(listener, service).await });
        format!("http://{address}/prefix").parse().unwrap()
    }
}

async fn misbehave(State(mock): State<Mock>, request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let fault = {
        let mut kept = mock.kept();
        let mut faults = kept.faults.iter_mut().filter(|(begin, _)| what.starts_with(begin));
        let fault = faults.find_map(|(_, faults)| faults.pop_front());
        kept.requests.push(what);
        fault
    };
    match fault {
        None => next.run(request).await,
        Some(Fault::Silence) => std::future::pending().await,
        // The server then drops the connection.
        Some(Fault::Cut) => panic!("cut"),
        Some(Fault::Lose(index)) => {
            mock.kept().uploads.values_mut().for_each(|chunks| drop(chunks.remove(&index)));
            refuse(422, &format!("[body->total_chunks] missing chunks: {index}"))
        }
        Some(Fault::Status(status, retry_after, message)) => {
            let mut answer = refuse(status, message);
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            answer
        }
    }
}

fn refuse(status: u16, message: &str) -> Response {
    let body = Json(json!({ "errors": [], "message": message, "success": false }));
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn answer(data: &Value) -> Response {
    Json(json!({ "data": data, "message": "", "success": true })).into_response()
}

async fn init(State(mock): State<Mock>, Json(told): Json<Value>) -> Response {
    let id = Uuid::new_v4();
    let mut kept = mock.kept();
    kept.told.push(told);
    kept.uploads.insert(id, BTreeMap::new());
    answer(&json!({ "chunk_size": CHUNK, "upload_id": id }))
}

async fn look(State(mock): State<Mock>, Path(id): Path<Uuid>) -> Response {
    let kept = mock.kept();
    let Some(chunks) = kept.uploads.get(&id) else { return refuse(422, UNKNOWN) };
    let received: Vec<_> = chunks.iter().map(|(index, chunk)| json!({ "index": index, "size": chunk.len() })).collect();
    let state = kept.phase.unwrap_or("open");
    answer(&json!({ "upload_id": id, "chunk_size": CHUNK, "state": state, "received": received, "received_bytes": 0 }))
}

async fn give_up(State(mock): State<Mock>, Path(id): Path<Uuid>) -> Response {
    mock.kept().uploads.remove(&id);
    answer(&Value::Null)
}

async fn chunk(
    State(mock): State<Mock>,
    Path((id, index)): Path<(Uuid, u32)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    assert_eq!(headers[header::CONTENT_LENGTH], bytes.len().to_string().as_str());
    let mut kept = mock.kept();
    let Some(chunks) = kept.uploads.get_mut(&id) else { return refuse(422, UNKNOWN) };
    if chunks.get(&index).is_some_and(|kept| *kept != bytes) {
        return refuse(409, "the chunk has other bytes");
    }
    chunks.insert(index, bytes);
    answer(&json!({ "chunk_index": index, "upload_id": id }))
}

async fn links(State(_): State<Mock>, Path(id): Path<Uuid>, Json(asked): Json<Value>) -> Response {
    let link =
        |index: &Value| json!({ "index": index, "url": format!("/prefix/api/v1/file/upload/{id}/chunk/{index}") });
    let urls: Vec<_> = asked["indexes"].as_array().unwrap().iter().map(link).collect();
    answer(&json!({ "urls": urls, "expires_at": "2999-01-01T00:00:00Z" }))
}

async fn complete(State(mock): State<Mock>, Json(told): Json<Value>) -> Response {
    let mut kept = mock.kept();
    let id = told["upload_id"].as_str().unwrap().parse().unwrap();
    let Some(chunks) = kept.uploads.get(&id) else { return refuse(422, UNKNOWN) };
    if chunks.len() as u64 != told["total_chunks"].as_u64().unwrap() {
        return refuse(422, "[body->total_chunks] missing chunks: 1");
    }
    kept.told.push(told);
    file_answer(&kept, "PENDING")
}

fn file_answer(kept: &Kept, status: &str) -> Response {
    answer(&json!({
        "id": FILE_ID, "filename": kept.filename, "path": "public/a.bin", "size": kept.stored.len(), "status": status,
        "download_url": "http://store/public/a.bin", "checksum": kept.checksum,
    }))
}

async fn file(State(mock): State<Mock>) -> Response {
    let kept = mock.kept();
    file_answer(&kept, kept.fate.unwrap_or(("SUCCESS", "")).0)
}

async fn status(State(mock): State<Mock>) -> Response {
    let mut kept = mock.kept();
    kept.asked_status += 1;
    let (status, error) = kept.fate.unwrap_or(("SUCCESS", ""));
    answer(&if kept.asked_status < 3 {
        json!({ "status": "PENDING" })
    } else {
        json!({ "status": status, "error": error })
    })
}

async fn events(State(mock): State<Mock>) -> Response {
    let kept = mock.kept();
    if kept.no_events {
        return refuse(404, "Not found!");
    }
    let (status, error) = kept.fate.unwrap_or(("SUCCESS", ""));
    let end = json!({ "status": status, "error": error });
    let text = format!(": hello\n\ndata: {{\"status\":\"PENDING\"}}\n\ndata: {end}\n\n");
    ([(header::CONTENT_TYPE, "text/event-stream")], text).into_response()
}

async fn bytes(State(mock): State<Mock>, headers: HeaderMap) -> Response {
    let mut kept = mock.kept();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let from: Option<usize> = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let same = headers.get(header::IF_RANGE).is_some_and(|etag| etag == kept.etag);
    let (status, offset) = if same { (206, from.unwrap_or(0)) } else { (200, 0) };
    let part = kept.stored.slice(offset..);
    let size = kept.stored.len();
    let body = match kept.broken.pop_front() {
        Some(Broken::Short(length)) => Body::from(part.slice(..length)),
        Some(Broken::Silent(length)) => {
            let begin = stream::iter([Ok::<_, std::convert::Infallible>(part.slice(..length))]);
            Body::from_stream(begin.chain(stream::pending()))
        }
        None => Body::from(part),
    };
    let answer = Response::builder().status(status).header(header::ETAG, kept.etag);
    let answer = answer.header(header::CONTENT_RANGE, format!("bytes {offset}-{}/{size}", size.saturating_sub(1)));
    kept.fetched_with.push(headers);
    answer.body(body).unwrap()
}
