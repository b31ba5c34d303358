//! Whether what a caller says of the finished file fits what has arrived.

use crc_fast::{CrcAlgorithm, checksum_combine};

use super::{Completion, CompletionError};
use crate::config::ContentCheck;
use crate::domain::chunk::{StoredChunk, in_ranges};
use crate::domain::file::{File, FileStatus};
use crate::domain::found_type::{FoundType, HEAD};
use crate::domain::upload::Upload;
use crate::domain::upload_grant::Intended;
use crate::domain::{Caller, ChunkIndex, FileId, ObjectLocation, Visibility};
use crate::repositories::now;
use crate::services::{FieldError, invalid_field};
use crate::storage::Openness;

/// All chunks in order, those of the rows and those that went past the service; and the latter alone.
pub(super) fn with_sent(
    upload: &Upload,
    acknowledged: Vec<StoredChunk>,
    sent: &[StoredChunk],
) -> Result<(Vec<StoredChunk>, Vec<StoredChunk>), Vec<FieldError>> {
    let is_new = |chunk: &&StoredChunk| acknowledged.binary_search_by_key(&chunk.index, |chunk| chunk.index).is_err();
    let adopted: Vec<StoredChunk> = sent.iter().filter(is_new).cloned().collect();
    let expected = |index: ChunkIndex| upload.full_chunk_size(index).unwrap_or(0);
    if let Some(wrong) = adopted.iter().find(|chunk| chunk.size != expected(chunk.index)) {
        let (index, size) = (wrong.index.get(), wrong.size);
        let message = format!("chunk {index} has {size} bytes instead of {}", expected(wrong.index));
        return Err(invalid_field("total_chunks", message));
    }
    let mut all = [acknowledged, adopted.clone()].concat();
    all.sort_by_key(|chunk| chunk.index);
    Ok((all, adopted))
}

/// What the first chunk says that the file is, if it is long enough to tell; else the worker looks at the whole.
fn found_type(chunks: &[StoredChunk]) -> Option<FoundType> {
    let first = chunks.first()?;
    let tells = chunks.len() == 1 || usize::try_from(first.size).is_ok_and(|size| size >= HEAD);
    first.found.clone().filter(|_| tells)
}

/// The file that these chunks make, if the caller may have such a file.
pub(super) fn file_of(
    caller: &Caller,
    completion: &Completion,
    upload: &Upload,
    chunks: &[StoredChunk],
) -> Result<File, CompletionError> {
    let hints = &upload.hints;
    let credential = completion.credential.clone().or_else(|| hints.credential.clone());
    let visibility = Visibility::of_credential(credential.is_some());
    let user_id = completion.user_id.or(hints.user_id);
    let appointment_id = completion.appointment_id.or(hints.appointment_id);
    let (size, extension) = (Some(completion.total_size), Some(completion.file_extension));
    let intended = Intended { size, extension, user_id, appointment_id, visibility: Some(visibility) };
    caller.check(&intended).map_err(CompletionError::NotAllowed)?;
    let location = ObjectLocation::of_file(upload.id, completion.file_extension, visibility);
    Ok(File {
        id: FileId::random(),
        tenant: upload.tenant.clone(),
        upload_id: upload.id,
        grant_id: upload.grant.as_ref().map(|grant| grant.id),
        filename: completion.filename.clone().or_else(|| hints.filename.clone()),
        location,
        content_type: completion.content_type.clone(),
        found_type: found_type(chunks),
        size: completion.total_size,
        crc: combined_crc(chunks),
        claimed_checksum: completion.checksum,
        detail: completion.detail.clone().or_else(|| hints.detail.clone()),
        credential,
        status: FileStatus::Pending,
        error: None,
        user_id,
        appointment_id,
        created_at: now(),
    })
}

/// Whether a private file has parts in the public bucket. They can only be completed there, so that strangers who read that
/// bucket would read the file: it must be refused while nothing is lost.
pub(super) fn leaves_the_public(upload: &Upload, file: &File) -> bool {
    let gathered_in_public = upload.target.bucket == Visibility::Public && upload.storage_upload_id.is_some();
    file.location.bucket == Visibility::Private && gathered_in_public
}

/// What of the file fits neither the chunks nor what init was told.
pub(super) fn misfits(
    completion: &Completion,
    upload: &Upload,
    file: &File,
    chunks: &[StoredChunk],
    check: ContentCheck,
    openness: Openness,
) -> Vec<FieldError> {
    let mut errors = check_chunks(completion, chunks).err().unwrap_or_default();
    let visibility = file.location.bucket;
    if visibility == Visibility::Public && upload.hints.visibility == Some(Visibility::Private) {
        errors.extend(invalid_field("credential", "field required, because the upload was initialized as private"));
    }
    if leaves_the_public(upload, file) && openness != Openness::Closed {
        let message = "the upload was initialized as public and cannot become private: initialize another one";
        errors.extend(invalid_field("credential", message));
    }
    if let Some(found) = &file.found_type
        && check == ContentCheck::Reject
        && !found.fits(completion.file_extension, &file.content_type)
    {
        errors.extend(invalid_field("file_extension", format!("the file's first bytes are those of {found}")));
    }
    errors
}

fn check_chunks(completion: &Completion, chunks: &[StoredChunk]) -> Result<(), Vec<FieldError>> {
    let stored: Vec<i64> = chunks.iter().map(|chunk| chunk.index.get()).collect();
    let missing: Vec<i64> = (0..completion.total_chunks).filter(|index| stored.binary_search(index).is_err()).collect();
    if !missing.is_empty() {
        return Err(invalid_field("total_chunks", format!("missing chunks: {}", in_ranges(&missing))));
    }
    let surplus: Vec<i64> = stored.into_iter().filter(|index| *index >= completion.total_chunks).collect();
    if !surplus.is_empty() {
        let message =
            format!("{} chunks expected, but also received: {}", completion.total_chunks, in_ranges(&surplus));
        return Err(invalid_field("total_chunks", message));
    }
    let received: i64 = chunks.iter().map(|chunk| chunk.size).sum();
    if received != completion.total_size {
        let message = format!("the chunks have {received} bytes, but total_size says {}", completion.total_size);
        return Err(invalid_field("total_size", message));
    }
    Ok(())
}

/// The CRC of the whole file, if those of all its chunks are known.
fn combined_crc(chunks: &[StoredChunk]) -> Option<u64> {
    let mut whole = (0, 0);
    for chunk in chunks {
        let size = chunk.size.cast_unsigned();
        whole = (checksum_combine(CrcAlgorithm::Crc64Nvme, whole.0, chunk.crc?, size), whole.1 + size);
    }
    Some(whole.0)
}

#[cfg(test)]
mod tests {
    use crc_fast::checksum;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ContentType, UploadId};

    fn chunk(index: i64, bytes: &[u8]) -> StoredChunk {
        StoredChunk {
            index: ChunkIndex::try_from(index).unwrap(),
            size: i64::try_from(bytes.len()).unwrap(),
            crc: Some(checksum(CrcAlgorithm::Crc64Nvme, bytes)),
            receipt: String::new(),
            found: None,
        }
    }

    fn completion(total_chunks: i64, total_size: i64) -> Completion {
        Completion {
            upload_id: UploadId::random(),
            total_chunks,
            total_size,
            file_extension: "txt".parse().unwrap(),
            content_type: ContentType::parse("text/plain").unwrap(),
            filename: None,
            credential: None,
            detail: None,
            user_id: None,
            appointment_id: None,
            checksum: None,
        }
    }

    fn complaint(total_chunks: i64, total_size: i64, chunks: &[StoredChunk]) -> String {
        check_chunks(&completion(total_chunks, total_size), chunks).unwrap_err().remove(0).message
    }

    #[test]
    fn missing_surplus_and_wrong_sizes_are_named() {
        let chunks = [chunk(0, b"ab"), chunk(2, b"c")];
        assert_eq!(complaint(6, 3, &chunks), "missing chunks: 1, 3-5");
        assert_eq!(complaint(1, 2, &chunks), "1 chunks expected, but also received: 2");
        assert_eq!(
            complaint(2, 9, &[chunk(0, b"ab"), chunk(1, b"c")]),
            "the chunks have 3 bytes, but total_size says 9"
        );
        assert!(check_chunks(&completion(0, 0), &[]).is_ok());
    }

    proptest! {
        #[test]
        fn the_combined_crc_is_that_of_the_whole(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 0..10)) {
            let chunks: Vec<_> = pieces.iter().zip(0..).map(|(bytes, index)| chunk(index, bytes)).collect();
            prop_assert_eq!(combined_crc(&chunks), Some(checksum(CrcAlgorithm::Crc64Nvme, &pieces.concat())));
        }
    }
}
