//! Waits until the service says what became of a file. Only its word counts, however long it takes.

use std::time::Duration;

use reqwest::Response;
use uuid::Uuid;

use super::answers::{Phase, StatusSeen};
use super::api::Api;
use super::problem::Problem;
use super::retry::Patience;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Longer than any event; what is longer without a line break is no stream of events.
const MAX_LINE: usize = 64 * 1024;

/// Waits until a file can be downloaded.
///
/// # Errors
/// [`Problem::Failed`] with the service's sentence when the file failed; those of the way there.
pub(super) async fn until_success(api: &Api, id: Uuid, patience: &Patience<'_>) -> Result<(), Problem> {
    // Events are quicker; whatever is wrong with them, asking for the status finds out.
    let told = match api.events(id).await {
        Ok(events) => last_event(api, events).await,
        Err(_) => None,
    };
    let end = match told {
        Some(end) => end,
        None => poll(api, id, patience).await?,
    };
    match end.status {
        Phase::Success => Ok(()),
        _ => Err(Problem::Failed(end.error.unwrap_or_else(|| "the service could not store the file".to_owned()))),
    }
}

/// Follows events until one says how the file ended. `None` when they stop before.
async fn last_event(api: &Api, mut events: Response) -> Option<StatusSeen> {
    let mut lines = Vec::new();
    while let Some(bytes) = api.next_bytes(&mut events).await.ok()? {
        lines.extend_from_slice(&bytes);
        if let Some(end) = take_end(&mut lines) {
            return Some(end);
        }
        if lines.len() > MAX_LINE {
            return None;
        }
    }
    None
}

/// Takes whole lines off the front until one says how the file ended.
fn take_end(lines: &mut Vec<u8>) -> Option<StatusSeen> {
    while let Some(end) = lines.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = lines.drain(..=end).collect();
        let data = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice::<StatusSeen>(data).ok());
        if let Some(seen) = data.filter(is_end) {
            return Some(seen);
        }
    }
    None
}

async fn poll(api: &Api, id: Uuid, patience: &Patience<'_>) -> Result<StatusSeen, Problem> {
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = patience.insist(async || api.status(id).await).await?;
        if is_end(&seen) {
            return Ok(seen);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_end(seen: &StatusSeen) -> bool {
    matches!(seen.status, Phase::Success | Phase::Failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_however_the_bytes_are_cut() {
        let text = b": hello\n\nevent: status\ndata: {\"status\":\"PENDING\"}\n\n\
                     data: {\"status\":\"FAILURE\",\"error\":\"no space\"}\r\n\r\n";
        for at in 0..text.len() {
            let mut lines = text[..at].to_vec();
            let found = take_end(&mut lines).or_else(|| {
                lines.extend_from_slice(&text[at..]);
                take_end(&mut lines)
            });
            let found = found.unwrap();
            assert_eq!((found.status, found.error.as_deref()), (Phase::Failure, Some("no space")), "{at}");
        }
    }
}
