//! Carries out a plan. Every step may be repeated after a crash: what a store already did is found by asking
//! it, never by remembering.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective};
use futures::{StreamExt, TryStreamExt, future, stream};
use percent_encoding::utf8_percent_encode;

use super::plan::{Part, Plan, Segment, Source, part_ranges, pieces, plan};
use super::witness::Witness;
use super::{Assembly, Gathering, MIN_PART_SIZE, S3Storage, begun, blocks, errors, leftovers, patience, streamed};
use crate::domain::body::{Body, BodyError, ByteBlocks};
use crate::domain::chunk::StoredChunk;
use crate::domain::file_name::PATH;
use crate::domain::{ObjectLocation, Visibility};
use crate::failpoint;
use crate::storage::{ObjectStat, Openness, Storage, StorageError};

/// The most bytes that one copy can move (Amazon S3 API, `CopyObject`).
const COPY_LIMIT: u64 = 5 * 1024 * 1024 * 1024;
const COPY_PART_SIZE: u64 = 1024 * 1024 * 1024;
const REWRITE_PART_SIZE: u64 = 64 * 1024 * 1024;
/// How many chunks, and how many bytes of them, are tried as parts where a small one lies before the last.
const TRIED_PARTS: usize = 100;
const TRIED_BYTES: u64 = 100 * 1024 * 1024;
/// How many objects are opened ahead of the one that is being read.
const READ_AHEAD: usize = 4;

pub(super) struct Assembler<'a> {
    pub(super) store: &'a S3Storage,
    pub(super) gathering: &'a Gathering,
    pub(super) assembly: &'a Assembly,
}

impl Assembler<'_> {
    pub(super) async fn run(&self, chunks: &[StoredChunk]) -> Result<Option<ObjectStat>, StorageError> {
        let (target, plan) = (&self.assembly.target, plan(chunks)?);
        if self.assembly.repeated {
            // What was copied is always read: it may be damaged, and who found that may not have been able to remove it.
            let proves_itself = matches!(plan, Plan::Move { .. });
            if self.gathering.target != *target && !proves_itself && self.is_whole(target, self.assembly.size).await? {
                return Ok(None);
            }
            self.abort_strangers(target).await?;
        }
        match plan {
            Plan::Empty => self.put_empty().await?,
            Plan::Move { segment } => return self.move_small(&segment).await.map(Some),
            Plan::Complete { parts } => {
                if !(self.assembly.repeated && self.is_whole(&self.gathering.target, self.assembly.size).await?) {
                    self.complete(&self.gathering.target, begun(self.gathering)?, &parts, self.assembly.size).await?;
                    failpoint::reach("assemble.completed");
                }
                self.settle().await?;
            }
            Plan::Mixed { parts, segments } => {
                if self.try_as_parts(&parts, &segments).await? {
                    self.settle().await?;
                } else {
                    self.rewrite(&parts, &segments).await?;
                }
            }
        }
        Ok(None)
    }

    /// Brings what was completed at the gathering's place to its final one, by the store itself.
    async fn settle(&self) -> Result<(), StorageError> {
        let served_as_said = self.assembly.begun_as.as_ref() == Some(&self.assembly.content_type);
        let size = self.assembly.size.cast_unsigned();
        let in_place = self.gathering.target == self.assembly.target;
        // The object's own media type counts only where the store serves it without a signature.
        let matters = self.assembly.target.bucket == Visibility::Public && self.store.openness() != Openness::Closed;
        if !in_place || (matters && !served_as_said && size <= COPY_LIMIT) {
            self.copy(&self.gathering.target, size).await?;
        }
        Ok(())
    }

    async fn is_whole(&self, location: &ObjectLocation, size: i64) -> Result<bool, StorageError> {
        Ok(self.store.stat(location).await?.is_some_and(|object| object.size == size))
    }

    async fn put_empty(&self) -> Result<(), StorageError> {
        let target = &self.assembly.target;
        let request = self.store.calls.put_object().bucket(self.store.bucket(target.bucket)).key(&target.key);
        let request = request.content_type(self.assembly.content_type.as_str()).body(ByteStream::from_static(b""));
        request.send().await.map(drop).map_err(errors::failed)
    }

    /// Has the store copy the only chunk, which is small, to the final place, and reads what lies there then: only so can
    /// it be compared with what was acknowledged.
    async fn move_small(&self, chunk: &Segment) -> Result<ObjectStat, StorageError> {
        self.copy(&staging_of(chunk)?, chunk.size).await?;
        let read = self.read_back(chunk).await;
        if let Err(StorageError::Damaged(_)) = &read {
            self.store.delete(&self.assembly.target).await?;
        }
        read
    }

    /// What lies at the final place, if it is this chunk.
    async fn read_back(&self, chunk: &Segment) -> Result<ObjectStat, StorageError> {
        let (target, witness) = (&self.assembly.target, Witness::new());
        let request = self.store.bodies.get_object().bucket(self.store.bucket(target.bucket)).key(&target.key);
        let object = patience::answered(request.send()).await?.map_err(errors::failed)?;
        let body = witness.watch(Body { length: None, blocks: blocks(object.body) });
        let size = body.blocks.try_fold(0, |size, block| future::ok(size + block.len())).await?;
        let crc = witness.confirm("the only chunk", chunk.crc)?;
        Ok(ObjectStat { size: i64::try_from(size).unwrap_or(i64::MAX), crc: Some(crc) })
    }

    /// The bytes of a chunk that is an object, and who watches them.
    async fn staged(&self, chunk: &Segment) -> Result<(Body, Witness), StorageError> {
        let (source, witness) = (staging_of(chunk)?, Witness::new());
        // Its size is told because a read of few bytes then goes over a connection that is there already.
        Ok((witness.watch(self.store.read(&source, Some(0..chunk.size)).await?), witness))
    }

    async fn put_part(
        &self,
        location: &ObjectLocation,
        upload: &str,
        number: i32,
        body: Body,
    ) -> Result<Part, StorageError> {
        let bucket = self.store.bucket(location.bucket);
        let request = self.store.bodies.upload_part().bucket(bucket).key(&location.key).upload_id(upload);
        let request = request.part_number(number);
        let stored = patience::sent(body, async |body| {
            let (length, stream) = streamed(body)?;
            let request = request.content_length(length).body(stream);
            request.customize().disable_payload_signing().send().await.map_err(errors::failed)
        });
        Ok(Part { number, etag: stored.await?.e_tag().unwrap_or_default().to_owned() })
    }

    /// Uploads the chunks that are objects as the parts that they would be, so that the others need not be moved; whether
    /// the store took them. A small one that is not the last is refused by Amazon's and MinIO when the upload is completed,
    /// and nothing is lost then; others, Garage among them, take it: that is tried if there is little to upload.
    async fn try_as_parts(&self, parts: &[Part], segments: &[Segment]) -> Result<bool, StorageError> {
        let Some(upload) = &self.gathering.storage_upload_id else { return Ok(false) };
        if parts.is_empty() || !worth_a_try(segments) {
            return Ok(false);
        }
        let (target, size) = (&self.gathering.target, self.assembly.size);
        if self.assembly.repeated && self.is_whole(target, size).await? {
            return Ok(true);
        }
        let mut all = parts.to_vec();
        for (segment, number) in segments.iter().zip(1..).filter(|(segment, _)| segment.is_object()) {
            let (body, witness) = self.staged(segment).await?;
            match self.put_part(target, upload, number, body).await {
                Ok(part) => {
                    witness.confirm("a chunk", segment.crc)?;
                    all.push(part);
                }
                // An earlier try has completed the other parts already, or all of them just now: go on from there.
                Err(StorageError::Refused(_)) if self.assembly.repeated => return self.is_whole(target, size).await,
                Err(error) => return Err(error),
            }
        }
        failpoint::reach("assemble.tail");
        all.sort_by_key(|part| part.number);
        match self.call_complete(target, upload, &all).await {
            Ok(()) => {
                failpoint::reach("assemble.completed");
                Ok(true)
            }
            Err(_) if self.is_whole(target, size).await? => Ok(true),
            // Too small, or one of ours is hidden by a request of its first sender that came only now.
            Err(error) if matches!(errors::code(&error), Some("EntityTooSmall" | "InvalidPart")) => Ok(false),
            Err(error) => Err(not_completed(error)),
        }
    }

    /// Completes a multipart upload. A store may do it and lose its answer, or answer 200 with an error inside:
    /// after any doubt the object itself tells.
    async fn complete(
        &self,
        location: &ObjectLocation,
        upload: &str,
        parts: &[Part],
        size: i64,
    ) -> Result<(), StorageError> {
        let Err(error) = self.call_complete(location, upload, parts).await else { return Ok(()) };
        if self.is_whole(location, size).await? { Ok(()) } else { Err(not_completed(error)) }
    }

    async fn call_complete(
        &self,
        location: &ObjectLocation,
        upload: &str,
        parts: &[Part],
    ) -> Result<(), SdkError<CompleteMultipartUploadError, HttpResponse>> {
        let parts =
            parts.iter().map(|part| CompletedPart::builder().part_number(part.number).e_tag(&part.etag).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let bucket = self.store.bucket(location.bucket);
        let request = self.store.moves.complete_multipart_upload().bucket(bucket).key(&location.key);
        request.upload_id(upload).multipart_upload(parts).send().await.map(drop)
    }

    /// Has the store copy an object to the final place.
    async fn copy(&self, source: &ObjectLocation, size: u64) -> Result<(), StorageError> {
        let target = &self.assembly.target;
        let from = self.copy_source(source);
        if size > COPY_LIMIT {
            return self.copy_in_parts(&from, size).await;
        }
        let request = self.store.moves.copy_object().bucket(self.store.bucket(target.bucket)).key(&target.key);
        let request = request.copy_source(from).metadata_directive(MetadataDirective::Replace);
        let copied = request.content_type(self.assembly.content_type.as_str()).send().await;
        copied.map(drop).map_err(|error| {
            if errors::absent(&error) { StorageError::NotFound(source.to_string()) } else { errors::failed(error) }
        })
    }

    async fn copy_in_parts(&self, from: &str, size: u64) -> Result<(), StorageError> {
        let target = &self.assembly.target;
        let upload = self.store.begin(target, Some(&self.assembly.content_type)).await?;
        let bucket = self.store.bucket(target.bucket);
        let copies = part_ranges(size, COPY_PART_SIZE).into_iter().zip(1..).map(|(range, number)| {
            let request = self.store.moves.upload_part_copy().bucket(bucket).key(&target.key).upload_id(&upload);
            let request = request.part_number(number).copy_source(from);
            let request = request.copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
            async move {
                let copied = request.send().await.map_err(errors::failed)?;
                let etag = copied.copy_part_result().and_then(|part| part.e_tag()).unwrap_or_default();
                Ok(Part { number, etag: etag.to_owned() })
            }
        });
        let parts = stream::iter(copies).buffered(READ_AHEAD).try_collect::<Vec<_>>().await;
        self.complete_or_abort(&upload, parts).await
    }

    /// Reads all chunks in order and writes them anew; nothing but a few blocks is in memory.
    async fn rewrite(&self, parts: &[Part], segments: &[Segment]) -> Result<(), StorageError> {
        let gathered = if parts.is_empty() { None } else { Some(self.complete_gathered(parts, segments).await?) };
        failpoint::reach("rewrite.gathered");
        let target = &self.assembly.target;
        let upload = self.store.begin(target, Some(&self.assembly.content_type)).await?;
        failpoint::reach("rewrite.begun");
        let (mut written, witness) = (Vec::new(), Witness::new());
        let mut outcome = Ok(());
        for (range, number) in part_ranges(self.assembly.size.cast_unsigned(), REWRITE_PART_SIZE).into_iter().zip(1..) {
            let body =
                Body::sized(range.end - range.start, self.read_pieces(gathered.as_ref(), pieces(segments, &range)));
            match self.put_part(target, &upload, number, witness.watch(body)).await {
                Ok(part) => written.push(part),
                Err(error) => {
                    outcome = Err(witness.cause(error));
                    break;
                }
            }
        }
        let outcome = outcome.and_then(|()| witness.confirm("the file", self.assembly.crc).map(drop));
        failpoint::reach("rewrite.written");
        self.complete_or_abort(&upload, outcome.map(|()| written)).await
    }

    /// Completes the parts of a mixed gathering where they are, and brings them out of the final name's way.
    async fn complete_gathered(&self, parts: &[Part], segments: &[Segment]) -> Result<ObjectLocation, StorageError> {
        let size = segments.iter().filter(|segment| matches!(segment.source, Source::Completed { .. }));
        let size = size.map(|segment| segment.size).sum::<u64>().cast_signed();
        let staging = ObjectLocation::of_staging(self.gathering.upload);
        if self.assembly.repeated && self.is_whole(&staging, size).await? {
            return Ok(staging);
        }
        let completed = &self.gathering.target;
        if !(self.assembly.repeated && self.is_whole(completed, size).await?) {
            self.complete(completed, begun(self.gathering)?, parts, size).await?;
        }
        if *completed != staging {
            let assembly = Assembly { target: staging.clone(), size, ..self.assembly.clone() };
            let mover = Assembler { store: self.store, gathering: self.gathering, assembly: &assembly };
            mover.copy(completed, size.cast_unsigned()).await?;
            // What lies at the file's own place is written over in the end. To delete it there could hit the finished
            // object, if this worker was frozen and another one has made that meanwhile.
            if *completed != self.assembly.target {
                self.store.delete(completed).await?;
            }
        }
        Ok(staging)
    }

    fn read_pieces(&self, gathered: Option<&ObjectLocation>, pieces: Vec<(Source, u64, u64)>) -> ByteBlocks {
        let reads: Vec<_> = pieces
            .into_iter()
            .map(|(source, start, size)| {
                let (location, start) = match source {
                    Source::Object { key } => (ObjectLocation { bucket: Visibility::Private, key }, start),
                    Source::Completed { offset } => {
                        let gathered = gathered.cloned();
                        (gathered.unwrap_or_else(|| self.gathering.target.clone()), offset + start)
                    }
                };
                let bucket = self.store.bucket(location.bucket);
                let request = self.store.bodies.get_object().bucket(bucket).key(location.key);
                request.range(format!("bytes={start}-{}", start + size - 1))
            })
            .collect();
        let opened = stream::iter(reads).map(|request| async {
            let answered = patience::answered(request.send()).await.map_err(std::io::Error::other)?;
            let object = answered.map_err(|error| {
                let gone = errors::absent(&error);
                let cause = if gone { StorageError::NotFound("of a chunk".into()) } else { errors::failed(error) };
                std::io::Error::other(cause)
            })?;
            Ok::<_, BodyError>(blocks(object.body))
        });
        opened.buffered(READ_AHEAD).try_flatten().boxed()
    }

    async fn complete_or_abort(
        &self,
        upload: &str,
        parts: Result<Vec<Part>, StorageError>,
    ) -> Result<(), StorageError> {
        let target = &self.assembly.target;
        let outcome = match parts {
            Ok(parts) => self.complete(target, upload, &parts, self.assembly.size).await,
            Err(error) => Err(error),
        };
        if outcome.is_err()
            && let Err(error) = self.store.abort(target, upload).await
        {
            tracing::warn!(%error, path = %target, "a multipart upload is left over");
        }
        outcome
    }

    /// Gives up multipart uploads on the final key that an earlier try began and a crash left behind.
    async fn abort_strangers(&self, target: &ObjectLocation) -> Result<(), StorageError> {
        for id in leftovers::begun_at(self.store, target).await? {
            if self.gathering.storage_upload_id.as_ref() != Some(&id) {
                self.store.abort(target, &id).await?;
            }
        }
        Ok(())
    }

    /// A source for copies: bucket and key, URL-encoded (Amazon S3 API, `CopyObject`).
    fn copy_source(&self, location: &ObjectLocation) -> String {
        format!("{}/{}", self.store.bucket(location.bucket), utf8_percent_encode(&location.key, PATH))
    }
}

/// Whether to upload the objects of a mixed list as parts: where the store may refuse one, that must not cost much.
fn worth_a_try(segments: &[Segment]) -> bool {
    let others = segments.split_last().map_or(segments, |(_, others)| others);
    let objects = || segments.iter().filter(|segment| segment.is_object());
    let never_refused = others.iter().all(|segment| !segment.is_object() || segment.size >= MIN_PART_SIZE);
    never_refused
        || (objects().count() <= TRIED_PARTS && objects().map(|segment| segment.size).sum::<u64>() <= TRIED_BYTES)
}

/// Why a multipart upload is not completed.
fn not_completed(error: SdkError<CompleteMultipartUploadError, HttpResponse>) -> StorageError {
    if errors::absent(&error) {
        StorageError::Damaged("the store has lost the multipart upload".into())
    } else {
        errors::failed(error)
    }
}

/// Where a chunk that is an object waits.
fn staging_of(chunk: &Segment) -> Result<ObjectLocation, StorageError> {
    match &chunk.source {
        Source::Object { key } => Ok(ObjectLocation { bucket: Visibility::Private, key: key.clone() }),
        Source::Completed { .. } => Err(StorageError::Damaged("a chunk is a part already".into())),
    }
}
