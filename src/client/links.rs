//! Links straight to the store, asked for in batches and kept until they are used. What is sent there is in
//! [`super::chunks`].

use std::collections::HashMap;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::api::Api;
use super::problem::Problem;

const BATCH: usize = 64;
/// A link that ends sooner is not used: the request must have begun by then.
const MARGIN: Duration = Duration::from_secs(30);

/// The links of one upload.
pub(super) struct Links {
    upload_id: Uuid,
    ready: Mutex<HashMap<u32, Link>>,
}

struct Link {
    url: String,
    good_until: chrono::DateTime<Utc>,
}

impl Links {
    /// No links yet.
    pub(super) fn new(upload_id: Uuid) -> Self {
        Self { upload_id, ready: Mutex::default() }
    }

    /// The link for the first of these chunks; the others are those that will be asked for next. It is given once:
    /// who comes again, because it was over before its time, gets a new one.
    ///
    /// # Errors
    /// Those of the service and of the way there.
    pub(super) async fn take(&self, api: &Api, upcoming: &[u32]) -> Result<String, Problem> {
        let Some(index) = upcoming.first() else {
            return Err(Problem::Local("no chunk needs a link".to_owned()));
        };
        // Held while links are asked for, so that chunks sent side by side ask once.
        let mut ready = self.ready.lock().await;
        let good = |link: &Link| link.good_until > Utc::now() + MARGIN;
        if let Some(link) = ready.remove(index).filter(good) {
            return Ok(link.url);
        }
        let made = api.links(self.upload_id, &upcoming[..upcoming.len().min(BATCH)]).await?;
        let links = made.urls.into_iter().map(|link| (link.index, Link { url: link.url, good_until: made.expires_at }));
        ready.extend(links);
        let link = ready.remove(index).map(|link| link.url);
        link.ok_or_else(|| Problem::Local(format!("the service gave no link for chunk {index}")))
    }
}
