//! The event route: how far a file is, as it happens (HTML Living Standard, "Server-sent events").

use std::time::Duration;

use async_stream::stream;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::errors::ApiError;
use super::extract::proof::WithCredential;
use super::observe::note_file;
use crate::app::ApiState;
use crate::domain::Caller;
use crate::domain::file::Progress;
use crate::dto::envelope::Error;
use crate::dto::file::StatusAnswer;
use crate::handlers;

/// The pause between two signs of life, short enough for the proxies in between.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The pause after which a browser comes again when it has lost the connection.
const COME_AGAIN: Duration = Duration::from_secs(1);
/// The longest stream. Whoever comes again is asked again by what it is known.
const LONGEST: Duration = Duration::from_mins(1);
const LAST_EVENT_ID: &str = "last-event-id";
/// Proxies must not hold events back; nginx is told so by this header.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// How far a file is, as it happens
///
/// Server-sent events: one for each change of the status, its data as `data` of the status route; after `SUCCESS` or
/// `FAILURE` an event named `end`, and the stream ends, as it does after a minute. Who comes again with `Last-Event-ID` is told only what is new, and
/// gets a 204 when there is nothing to wait for.
#[utoipa::path(
    get,
    path = "/file/events/{file_id}",
    tag = "file",
    params(
        ("file_id" = uuid::Uuid, Path, description = "The file's identifier"),
        ("x-file-credential" = Option<String>, Header, description = "The credential, a JSON object"),
        ("last-event-id" = Option<String>, Header, description = "The last event that the caller got")
    ),
    responses(
        (status = 200, description = "The events", content_type = "text/event-stream", body = String),
        (status = 204, description = "The caller knows the end already"),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 422, body = Error)
    )
)]
pub(super) async fn events(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    WithCredential { id, proof }: WithCredential,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    note_file(&id.to_string());
    let progress = handlers::file::follow(&state, &caller, id, &proof).await?;
    let known = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let over = {
        let now = progress.borrow();
        now.is_final() && known.as_deref() == Some(event_id(&now).as_str())
    };
    if over {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = Sse::new(changes(progress, known, state.stages.closing.clone()))
        .keep_alive(KeepAlive::new().interval(HEARTBEAT));
    Ok(([UNBUFFERED], events).into_response())
}

/// The changes since the event `known`. When the service stops, and after [`LONGEST`], the stream breaks off, and the caller
/// comes again.
fn changes(
    mut progress: watch::Receiver<Progress>,
    known: Option<String>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let end = Instant::now() + LONGEST;
    stream! {
        let mut known = known.unwrap_or_default();
        loop {
            let now = progress.borrow_and_update().clone();
            let id = event_id(&now);
            if id != known {
                yield event(&now).map(|event| event.id(&id).retry(COME_AGAIN));
                known = id;
            }
            if now.is_final() {
                yield event(&now).map(|event| event.event("end"));
                return;
            }
            let changed = timeout_at(end, progress.changed());
            let Some(Ok(Ok(()))) = stop.run_until_cancelled(changed).await else { return };
        }
    }
}

fn event(progress: &Progress) -> Result<Event, axum::Error> {
    Event::default().json_data(StatusAnswer::from(progress.clone()))
}

/// The same on every node: when the file came into its state.
fn event_id(progress: &Progress) -> String {
    format!("{}-{}", progress.since.timestamp_micros(), progress.status.as_str().to_ascii_lowercase())
}
