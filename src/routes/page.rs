//! The web page: the files that `npm run build` makes in `frontend`, which the program carries.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::compression::CompressionLayer;

use super::BASE_PATH;
use super::errors::ApiError;
use crate::app::ApiState;

/// What a program shows that was built without the page.
const WITHOUT_PAGE: &str = include_str!("without_page.html");
/// Under names that tell their content: they never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");
/// The page talks to this service only, and shows files from wherever the store gives them out. Next.js writes scripts
/// into its documents.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src * data: blob:; \
     media-src * blob:; frame-src blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

#[derive(RustEmbed)]
#[folder = "frontend/out"]
struct Page;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(document))
        .route("/appointment", get(document))
        .route("/appointment/", get(document))
        .route("/files", get(document))
        .route("/files/", get(document))
        .route("/_next/{*file}", get(file))
        .layer(CompressionLayer::new().gzip(true))
}

async fn document(uri: Uri, headers: HeaderMap) -> Response {
    let folder = uri.path().trim_matches('/');
    let path = if folder.is_empty() { "index.html".to_owned() } else { format!("{folder}/index.html") };
    match Page::get(&path) {
        Some(file) => answer(&path, file, &headers),
        None => Html(WITHOUT_PAGE).into_response(),
    }
}

/// A file of the page, or nothing that is known here.
pub(super) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    match Page::get(path) {
        Some(_) if method != Method::GET && method != Method::HEAD => {
            ([(header::ALLOW, "GET,HEAD")], ApiError::wrong_method()).into_response()
        }
        Some(file) => answer(path, file, &headers),
        None => nothing(&uri, &headers),
    }
}

/// A person who mistyped an address sees a page; a program, and whoever means the API, gets the envelope.
fn nothing(uri: &Uri, asked: &HeaderMap) -> Response {
    let is_browser = !uri.path().starts_with(BASE_PATH)
        && asked
            .get(header::ACCEPT)
            .is_some_and(|kinds| String::from_utf8_lossy(kinds.as_bytes()).contains("text/html"));
    match Page::get("404.html").filter(|_| is_browser) {
        Some(file) => (StatusCode::NOT_FOUND, answer("404.html", file, &HeaderMap::new())).into_response(),
        None => ApiError::not_found().into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let lasting = if path.starts_with("_next/static/") { FOREVER } else { ASK_FIRST };
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_str(kind.as_ref())),
        (header::ETAG, HeaderValue::from_str(&tag)),
        (header::CACHE_CONTROL, Ok(lasting)),
        (header::CONTENT_SECURITY_POLICY, Ok(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, Ok(HeaderValue::from_static("nosniff"))),
        (header::REFERRER_POLICY, Ok(HeaderValue::from_static("same-origin"))),
    ];
    let headers: HeaderMap = headers.into_iter().filter_map(|(name, value)| Some((name, value.ok()?))).collect();
    if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, file.data).into_response() }
}
