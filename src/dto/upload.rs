//! Bodies of the upload routes.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields::{FieldReader, Fields};
use crate::domain::upload::{MAX_FILE_SIZE, UploadHints};
use crate::domain::{ContentType, Credential, Detail, FileId, FileName, MAX_CHUNKS, UploadId, Visibility};
use crate::services::FieldError;
use crate::services::completion::Completion;

const AT_LEAST_ONE: &str = "input should be greater than or equal to 1";

/// What a client may tell when it begins an upload. Everything is optional; who tells the extension and the
/// visibility gets the fastest path.
#[derive(Debug, ToSchema)]
pub struct InitForm {
    /// The file's name, up to 255 characters.
    pub filename: Option<String>,
    /// The file's size in bytes.
    pub total_size: Option<i64>,
    /// The file's media type.
    pub content_type: Option<String>,
    /// The file's extension, without the dot; one of those that complete lists.
    pub file_extension: Option<String>,
    /// A flat JSON object: makes the file private.
    pub credential: Option<String>,
    /// Any JSON object of up to 64 KiB and 30 levels.
    pub detail: Option<String>,
    /// The file's user.
    pub user_id: Option<Uuid>,
    /// The file's appointment.
    pub appointment_id: Option<Uuid>,
    /// `public` or `private`.
    pub visibility: Option<String>,
    /// The chunk size that the client would like, in bytes.
    pub chunk_size: Option<i64>,
}

/// Init as it was asked for.
#[derive(Debug)]
pub struct InitRequest {
    /// What is known of the file.
    pub hints: UploadHints,
    /// The wished chunk size in bytes.
    pub chunk_size: Option<i64>,
}

impl InitRequest {
    /// Reads the fields.
    ///
    /// # Errors
    /// All fields that are wrong.
    pub fn parse(fields: &Fields) -> Result<Self, Vec<FieldError>> {
        let mut reader = FieldReader::new(fields);
        let hints = UploadHints {
            total_size: reader.integer("total_size", 0, MAX_FILE_SIZE),
            filename: reader.parse("filename", FileName::parse),
            content_type: reader.parse("content_type", ContentType::parse),
            file_extension: reader.parse("file_extension", str::parse),
            credential: reader.parse("credential", Credential::parse).flatten(),
            detail: reader.parse("detail", Detail::parse),
            user_id: reader.id("user_id"),
            appointment_id: reader.id("appointment_id"),
            visibility: reader.parse("visibility", str::parse::<Visibility>),
        };
        if hints.credential.is_some() && hints.visibility == Some(Visibility::Public) {
            reader.refuse("visibility", "a file with a credential is private");
        }
        let chunk_size = reader.integer("chunk_size", 1, i64::MAX);
        reader.finish(Self { hints, chunk_size })
    }
}

/// A new upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct InitAnswer {
    /// The most bytes of one chunk; clients that send exactly so many get the fast path.
    pub chunk_size: i64,
    /// The upload's identifier.
    pub upload_id: String,
}

/// A chunk, as `multipart/form-data`.
#[derive(Debug, ToSchema)]
pub struct ChunkForm {
    /// At most the upload's chunk size; no fewer than the bytes in this chunk.
    pub chunk_size: i64,
    /// The upload's identifier.
    pub upload_id: Uuid,
    /// The chunk's place, from 0.
    pub chunk_index: i64,
    /// The chunk's bytes.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// The fields of a chunk that are not its bytes.
#[derive(Debug, Clone)]
pub struct ChunkFields {
    /// `None` when it is no identifier, which is then as good as an unknown one.
    pub upload_id: Option<UploadId>,
    /// The chunk's place.
    pub chunk_index: i64,
    /// What the caller says of its size.
    pub chunk_size: i64,
}

impl ChunkFields {
    /// The names of these fields.
    pub const NAMES: [&'static str; 3] = ["chunk_size", "upload_id", "chunk_index"];

    /// Reads the fields. How large a chunk may be depends on its upload, which is looked up later.
    ///
    /// # Errors
    /// All fields that are wrong; a missing `file` too, unless `with_file`.
    pub fn parse(fields: &Fields, with_file: bool) -> Result<Self, Vec<FieldError>> {
        let mut reader = FieldReader::new(fields);
        let chunk_size = reader.integer_required("chunk_size", 1, i64::MAX);
        let upload_id = reader.required("upload_id");
        let chunk_index = reader.integer_required("chunk_index", 0, MAX_CHUNKS - 1);
        if !with_file {
            reader.refuse("file", "field required");
        }
        reader.finish(Self {
            upload_id: upload_id.and_then(|text| text.parse().ok()),
            chunk_index: chunk_index.unwrap_or_default(),
            chunk_size: chunk_size.unwrap_or_default(),
        })
    }
}

/// A chunk that is safe.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChunkAnswer {
    /// The chunk's place.
    pub chunk_index: i64,
    /// The upload's identifier.
    pub upload_id: String,
}

/// What a client tells when all chunks are safe.
#[derive(Debug, ToSchema)]
pub struct CompleteForm {
    /// The upload's identifier.
    pub upload_id: Uuid,
    /// How many chunks there are; 0 for an empty file.
    pub total_chunks: i64,
    /// The file's size in bytes.
    pub total_size: i64,
    /// The file's extension, without the dot. Unless the operator of the service says otherwise, one of txt, jpg, png, pdf,
    /// mp4, mp3, mov, avi, doc, docx, xls, xlsx, ppt, pptx, gif, bmp, tiff, csv, json, xml, html, zip, rar, tar, gz, wav,
    /// flac, ogg, webm, mkv, heic, svg, psd, ai, eps, tif and tga.
    pub file_extension: String,
    /// The file's media type.
    pub content_type: String,
    /// The file's name, up to 255 characters.
    pub filename: Option<String>,
    /// A flat JSON object: makes the file private.
    pub credential: Option<String>,
    /// Any JSON object of up to 64 KiB and 30 levels.
    pub detail: Option<String>,
    /// The file's user.
    pub user_id: Option<Uuid>,
    /// The file's appointment.
    pub appointment_id: Option<Uuid>,
    /// What the whole file's checksum must be: `crc64nvme:` or `sha-256:` and the value in hex or base64.
    pub checksum: Option<String>,
}

/// Complete as it was asked for; `None` when `upload_id` is no identifier.
pub struct CompleteRequest(pub Option<Completion>);

impl CompleteRequest {
    /// Reads the fields.
    ///
    /// # Errors
    /// All fields that are wrong.
    pub fn parse(fields: &Fields) -> Result<Self, Vec<FieldError>> {
        let mut reader = FieldReader::new(fields);
        let upload_id = reader.required("upload_id");
        let total_chunks = reader.integer_required("total_chunks", 0, MAX_CHUNKS);
        let total_size = reader.integer_required("total_size", 0, MAX_FILE_SIZE);
        let file_extension = reader.parse_required("file_extension", str::parse);
        let content_type = reader.parse_required("content_type", ContentType::parse);
        let filename = reader.parse("filename", FileName::parse);
        let credential = reader.parse("credential", Credential::parse).flatten();
        let detail = reader.parse("detail", Detail::parse);
        let user_id = reader.id("user_id");
        let appointment_id = reader.id("appointment_id");
        let checksum = reader.parse("checksum", str::parse);
        // Only an empty file has no chunk.
        match (total_chunks, total_size) {
            (Some(0), Some(1..)) => reader.refuse("total_chunks", AT_LEAST_ONE),
            (Some(1..), Some(0)) => reader.refuse("total_size", AT_LEAST_ONE),
            _ => {}
        }
        let completion = match (upload_id.and_then(|text| text.parse().ok()), file_extension, content_type) {
            (Some(upload_id), Some(file_extension), Some(content_type)) => Some(Completion {
                upload_id,
                total_chunks: total_chunks.unwrap_or_default(),
                total_size: total_size.unwrap_or_default(),
                file_extension,
                content_type,
                filename,
                credential,
                detail,
                user_id,
                appointment_id,
                checksum,
            }),
            _ => None,
        };
        reader.finish(Self(completion))
    }
}

/// Which file to try again.
#[derive(Debug, ToSchema)]
pub struct RetryForm {
    /// The file's identifier.
    pub file_id: Uuid,
    /// The file's credential, a JSON object.
    pub credential: Option<String>,
}

/// Retry as it was asked for.
#[derive(Debug)]
pub struct RetryRequest {
    /// `None` when it is no identifier, which is then as good as an unknown one.
    pub file_id: Option<FileId>,
    /// The proof that the caller may see the file.
    pub credential: Option<Credential>,
}

impl RetryRequest {
    /// Reads the fields.
    ///
    /// # Errors
    /// All fields that are wrong.
    pub fn parse(fields: &Fields) -> Result<Self, Vec<FieldError>> {
        let mut reader = FieldReader::new(fields);
        let file_id = reader.required("file_id");
        let credential = reader.parse("credential", Credential::parse).flatten();
        reader.finish(Self { file_id: file_id.and_then(|text| text.parse().ok()), credential })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.insert(name, (*value).to_owned());
        }
        fields
    }

    fn wrong(errors: Vec<FieldError>) -> Vec<&'static str> {
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn all_missing_fields_are_named_at_once() {
        let errors = CompleteRequest::parse(&Fields::default()).err().unwrap();
        assert_eq!(wrong(errors), ["upload_id", "total_chunks", "total_size", "file_extension", "content_type"]);
        let errors = ChunkFields::parse(&Fields::default(), false).unwrap_err();
        assert_eq!(wrong(errors), ["chunk_size", "upload_id", "chunk_index", "file"]);
    }

    #[test]
    fn only_an_empty_file_has_no_chunks_and_no_bytes() {
        let base = [
            ("upload_id", "f28a2047-2409-4a88-af3b-227038f6c81c"),
            ("file_extension", "txt"),
            ("content_type", "text/plain"),
        ];
        let parse = |chunks: &str, size: &str| {
            let mut fields = fields(&base);
            fields.insert("total_chunks", chunks.to_owned());
            fields.insert("total_size", size.to_owned());
            CompleteRequest::parse(&fields).map(|_| ()).map_err(wrong)
        };
        assert_eq!(parse("0", "0"), Ok(()));
        assert_eq!(parse("1", "1"), Ok(()));
        assert_eq!(parse("0", "1"), Err(vec!["total_chunks"]));
        assert_eq!(parse("1", "0"), Err(vec!["total_size"]));
        assert_eq!(parse("-1", "9223372036854775808"), Err(vec!["total_chunks", "total_size"]));
    }

    #[test]
    fn init_needs_nothing_but_refuses_contradictions() {
        assert!(InitRequest::parse(&Fields::default()).is_ok());
        let errors =
            InitRequest::parse(&fields(&[("credential", r#"{"a":1}"#), ("visibility", "public")])).unwrap_err();
        assert_eq!(wrong(errors), ["visibility"]);
    }
}
