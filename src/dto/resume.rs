//! Bodies of the routes of one upload: what came in, and links for chunks.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields::{FieldReader, Fields};
use super::file::timestamp;
use crate::domain::Invalid;
use crate::services::FieldError;
use crate::services::uploads::{ChunkLinks, Received};

/// How many links one request may ask for.
const MAX_LINKS: usize = 1000;

/// What the service has of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadAnswer {
    /// The upload's identifier.
    pub upload_id: Uuid,
    /// The most bytes of one chunk.
    pub chunk_size: i64,
    /// `open`, `completing` or `completed`.
    pub state: &'static str,
    /// The chunks that are safe, in order.
    pub received: Vec<ReceivedChunk>,
    /// How many bytes they have.
    pub received_bytes: i64,
    /// When the upload is given up if nobody goes on with it (RFC 3339).
    pub expires_at: String,
}

/// A chunk that is safe.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceivedChunk {
    /// The chunk's place.
    pub index: i64,
    /// Its size in bytes.
    pub size: i64,
}

impl From<Received> for UploadAnswer {
    fn from(received: Received) -> Self {
        Self {
            upload_id: received.upload_id.0,
            chunk_size: received.chunk_size,
            state: received.state.as_str(),
            received_bytes: received.chunks.iter().map(|(_, size)| size).sum(),
            received: received.chunks.iter().map(|(i, size)| ReceivedChunk { index: i.get(), size: *size }).collect(),
            expires_at: timestamp(received.expires_at),
        }
    }
}

/// Which chunks the client wants to send past the service.
#[derive(Debug, ToSchema)]
pub struct UrlsForm {
    /// The chunks' places, at most 1,000.
    pub indexes: Vec<i64>,
}

impl UrlsForm {
    /// Reads the fields.
    ///
    /// # Errors
    /// When there are no indexes, or too many.
    pub fn parse(fields: &Fields) -> Result<Self, Vec<FieldError>> {
        let mut reader = FieldReader::new(fields);
        let indexes = reader.parse_required("indexes", |text| match serde_json::from_str::<Vec<i64>>(text) {
            Ok(indexes) if indexes.is_empty() => Err(Invalid::new("list should have at least 1 item")),
            Ok(indexes) if indexes.len() > MAX_LINKS => {
                Err(Invalid(format!("list should have at most {MAX_LINKS} items")))
            }
            Ok(indexes) => Ok(indexes),
            Err(_) => Err(Invalid::new("input should be a valid list of integers")),
        });
        reader.finish(Self { indexes: indexes.unwrap_or_default() })
    }
}

/// Where the client sends its chunks.
#[derive(Debug, Serialize, ToSchema)]
pub struct UrlsAnswer {
    /// A URL for each chunk: a PUT with the chunk's bytes.
    pub urls: Vec<ChunkUrl>,
    /// Until when the URLs are valid (RFC 3339).
    pub expires_at: String,
}

/// Where the client sends a chunk.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChunkUrl {
    /// The chunk's place.
    pub index: i64,
    /// The URL that takes it.
    pub url: String,
}

impl From<ChunkLinks> for UrlsAnswer {
    fn from(links: ChunkLinks) -> Self {
        let urls = links.links.into_iter().map(|(index, url)| ChunkUrl { index: index.get(), url });
        Self { urls: urls.collect(), expires_at: timestamp(links.expires_at) }
    }
}

/// An upload that was given up.
#[derive(Debug, Serialize, ToSchema)]
pub struct AbortAnswer {
    /// The upload's identifier.
    pub upload_id: Uuid,
}
