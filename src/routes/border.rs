//! What every answer tells a browser, whatever its route: take nothing for what it is not, and pass nothing on.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
/// Addresses hold identifiers, and signatures of links.
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// JSON is no document: opened as one, it loads nothing and stands in no other one's frame.
const NO_DOCUMENT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// JSON is for who asked, and not for the next one that a cache on the way serves.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// Adds the headers that a route has not set itself.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let is_json =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NO_SNIFFING);
    headers.entry(header::REFERRER_POLICY).or_insert(NO_REFERRER);
    if is_json {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_DOCUMENT);
        headers.entry(header::CACHE_CONTROL).or_insert(NOT_KEPT);
    }
    response
}
