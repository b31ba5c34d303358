//! Writes one chunk: reserves it, hands its bytes to the store, and turns the reservation into the row that
//! acknowledges it. Of two that have the same chunk one writes; the other waits and is compared.

use std::time::Duration;

use futures::TryStreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use super::direct::{begin, gathering};
use super::meter::{Reading, watch};
use super::room::{Bound, Room};
use super::{IncomingChunk, UploadError, lasting, too_long};
use crate::config::ContentCheck;
use crate::domain::body::{Body, BodyError};
use crate::domain::chunk::{Fingerprint, StoredChunk};
use crate::domain::upload::{Upload, UploadState};
use crate::domain::{ChunkIndex, FoundType, found_type};
use crate::failpoint;
use crate::repositories::chunks::{self, ChunkState, Reservation};
use crate::repositories::{Durability, now, uploads};
use crate::services::{Failure, Ports, invalid_field};
use crate::storage::StorageError;

/// How long a chunk is reserved without a sign of life of its writer.
const RESERVATION: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(5);
/// How long a store may do nothing with a chunk before it counts as away.
const STORE_TIMEOUT: Duration = Duration::from_secs(25);
/// How long a request waits for another that writes the same chunk.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(30);
const FIRST_LOOK: Duration = Duration::from_millis(20);
const SLOWEST_LOOK: Duration = Duration::from_millis(500);

pub(super) struct ChunkWriter {
    ports: Ports,
    upload: Upload,
    index: ChunkIndex,
    declared_size: u64,
    bound: Option<Bound>,
    /// What the bound leaves, once the chunk is reserved.
    room: Option<Room>,
    sha256: Option<[u8; 32]>,
    /// Whether its first bytes say what the file is, and somebody wants to know.
    looks: bool,
    /// Who we are to the reservation.
    id: Uuid,
    /// Whether a part of ours that failed, or of a writer before us that went away, may still come to the store.
    contested: bool,
    /// Until when the reservation is good without another word.
    reserved_until: Instant,
}

impl ChunkWriter {
    pub(super) fn new(
        ports: Ports,
        upload: Upload,
        index: ChunkIndex,
        chunk: &IncomingChunk,
        bound: Option<Bound>,
        check: ContentCheck,
    ) -> Self {
        let declared_size = chunk.declared_size.unwrap_or(upload.chunk_size).cast_unsigned();
        let sha256 = chunk.sha256;
        let looks = index.get() == 0 && check != ContentCheck::Off;
        let id = Uuid::new_v4();
        let reserved_until = Instant::now();
        Self {
            ports,
            upload,
            index,
            declared_size,
            bound,
            room: None,
            sha256,
            looks,
            id,
            contested: false,
            reserved_until,
        }
    }

    pub(super) async fn write(mut self, body: Body) -> Result<(), UploadError> {
        if let Some(length) = body.length.filter(|length| *length > self.most()) {
            return Err(self.too_long(length));
        }
        if let Some(stored) = self.reserve(body.length.unwrap_or(self.declared_size)).await? {
            return self.compare(body, stored).await;
        }
        failpoint::reach("chunk.reserved");
        let written = match self.make_room(body.length).await {
            Ok(()) => self.put(body).await,
            Err(refused) => Err(refused),
        };
        if written.is_err() {
            self.give_up().await;
        }
        written
    }

    /// The most bytes that the chunk may have.
    fn most(&self) -> u64 {
        self.room.as_ref().map_or(self.declared_size, |room| room.left.min(self.declared_size))
    }

    /// What to tell a caller who sends more than that.
    fn too_long(&self, length: u64) -> UploadError {
        match &self.room {
            Some(room) if room.left < self.declared_size => room.error(length),
            _ => too_long(&self.upload, self.declared_size, length),
        }
    }

    /// Waits until the chunk is ours to write, or is found stored.
    async fn reserve(&mut self, size: u64) -> Result<Option<Fingerprint>, UploadError> {
        // Mostly nobody has it, which taking it shows as well as looking.
        if self.try_reserve(&ChunkState::Absent, size).await? {
            return Ok(None);
        }
        let deadline = Instant::now() + WAIT_FOR_OTHER;
        let mut pause = FIRST_LOOK;
        loop {
            let state = {
                let mut database = self.ports.database.reader().await?;
                chunks::state(&mut database, self.upload.id, self.index, now()).await?
            };
            match state {
                ChunkState::Stored(fingerprint) => return Ok(Some(fingerprint)),
                ChunkState::Absent | ChunkState::Abandoned if self.try_reserve(&state, size).await? => {
                    self.contested = state == ChunkState::Abandoned;
                    return Ok(None);
                }
                _ if Instant::now() > deadline => return Err(UploadError::Failed(Failure::Busy)),
                ChunkState::Reserved => {
                    sleep(pause).await;
                    pause = (pause * 2).min(SLOWEST_LOOK);
                }
                // Somebody was quicker, with this chunk, with links for it, or with the end of the upload: look again.
                _ => self.upload.direct = self.still_open().await?.direct,
            }
        }
    }

    async fn try_reserve(&mut self, state: &ChunkState, size: u64) -> Result<bool, UploadError> {
        // A reservation that a power cut takes away was of a writer that it took away too.
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        self.reserved_until = Instant::now() + RESERVATION;
        let (now, wanted) = (now(), self.reservation(size));
        Ok(match state {
            ChunkState::Abandoned => chunks::take_over(&mut database, &wanted, now).await?,
            _ => chunks::reserve(&mut database, &wanted).await?,
        })
    }

    fn reservation(&self, size: u64) -> Reservation {
        let (upload, index, writer) = (self.upload.id, self.index, self.id);
        let (until, direct) = (now() + lasting(RESERVATION), self.upload.direct);
        Reservation { upload, index, writer, size: size.cast_signed(), until, direct }
    }

    /// The upload as it is now; fails when it takes no chunks any more.
    async fn still_open(&self) -> Result<Upload, UploadError> {
        let upload = uploads::find(&mut self.ports.database.reader().await?, self.upload.id).await?;
        let upload = upload.ok_or(UploadError::NotFound)?;
        match upload.state {
            UploadState::Open => Ok(upload),
            UploadState::Completing | UploadState::Completed => Err(UploadError::AlreadyCompleted),
            UploadState::Aborted => Err(UploadError::NotFound),
        }
    }

    /// Finds out how many bytes the reserved chunk may have beside the others, where something limits them.
    async fn make_room(&mut self, length: Option<u64>) -> Result<(), UploadError> {
        let Some(bound) = self.bound else { return Ok(()) };
        let others = {
            let mut database = self.ports.database.reader().await?;
            chunks::size_of_others(&mut database, self.upload.id, self.index, now()).await?
        };
        let room = Room::beside(bound, others);
        if length.unwrap_or(1) > room.left {
            return Err(room.error(length.unwrap_or(1)));
        }
        if length.is_none() && room.left < self.declared_size {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            chunks::shrink(&mut database, &self.reservation(self.declared_size), room.left.cast_signed()).await?;
        }
        self.room = Some(room);
        Ok(())
    }

    /// Gives the reservation back; a trace of it stays if what was sent may still come to the store.
    async fn give_up(&self) {
        let released = async {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            let (upload, index, id) = (self.upload.id, self.index, self.id);
            if self.contested {
                chunks::abandon(&mut database, upload, index, id).await
            } else {
                chunks::release(&mut database, upload, index, id).await
            }
        };
        if let Err(error) = released.await {
            tracing::debug!(%error, "a reservation could not be given back; it runs out by itself");
        }
    }

    /// Gives the store back what was written, while the chunk is still ours: what a successor writes must not be touched.
    async fn free(&self) {
        let freed: Result<(), Failure> = async {
            let until = now() + lasting(RESERVATION);
            let ours = {
                let mut database = self.ports.database.writer(Durability::Relaxed).await?;
                chunks::prolong(&mut database, self.upload.id, self.index, self.id, until).await?
            };
            let storage = &self.ports.storage;
            if ours { Ok(storage.free_chunk(&gathering(&self.upload), self.index).await?) } else { Ok(()) }
        }
        .await;
        if let Err(error) = freed {
            tracing::debug!(%error, "what is left of a chunk goes with its upload");
        }
    }

    /// Reads a chunk that is stored already, to see whether it is the same.
    async fn compare(&self, body: Body, stored: Fingerprint) -> Result<(), UploadError> {
        let far_off = (Instant::now() + Duration::from_hours(24)).into_std();
        let (body, reading) = watch(body, self.most(), self.sha256, far_off);
        let drained = body.blocks.try_for_each(|_| async { Ok(()) }).await;
        match reading.fingerprint() {
            Some(sent) if sent == stored => Ok(()),
            Some(_) => Err(UploadError::OtherBytes),
            None => Err(self.failure(
                &reading,
                drained.err().map_or(StorageError::Body(BodyError::Disconnected), StorageError::Body),
            )),
        }
    }

    async fn put(&mut self, body: Body) -> Result<(), UploadError> {
        let (body, reading) = watch(body, self.most(), self.sha256, self.reserved_until.into_std());
        if self.looks {
            reading.keep_head(found_type::HEAD);
        }
        let receipt = {
            let this = &mut *self;
            let (ports, upload, index, id) = (this.ports.clone(), this.upload.id, this.index, this.id);
            let renewal = async {
                let mut ticks = interval(RENEWAL);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                ticks.tick().await;
                loop {
                    ticks.tick().await;
                    if reading.idle() > STORE_TIMEOUT {
                        return StorageError::Unavailable("the store does not go on with the chunk".into());
                    }
                    let Ok(mut database) = ports.database.writer(Durability::Relaxed).await else { continue };
                    let (until, asked_at) = (now() + lasting(RESERVATION), Instant::now());
                    match chunks::prolong(&mut database, upload, index, id, until).await {
                        Ok(true) => reading.prolong((asked_at + RESERVATION).into_std()),
                        Ok(false) => return StorageError::Body(BodyError::ReservationLost),
                        Err(error) => tracing::debug!(%error, "a reservation could not be prolonged"),
                    }
                }
            };
            tokio::select! {
                stored = this.store(body, &reading) => stored,
                // Nor would it give back what it has.
                stalled = renewal => return Err(this.failure(&reading, stalled)),
            }
        };
        if receipt.is_err() {
            self.free().await;
        }
        match (receipt, reading.fingerprint()) {
            (Ok(_), Some(Fingerprint { size: 0, .. })) => {
                Err(UploadError::Invalid(invalid_field("file", "file should have at least 1 byte")))
            }
            (Ok(receipt), Some(fingerprint)) => {
                let found = reading.take_head().map(|head| FoundType::of(&head));
                self.acknowledge(fingerprint, receipt, found).await
            }
            (Ok(_), None) => Err(UploadError::Body(BodyError::Disconnected)),
            (Err(UploadError::Failed(Failure::Storage(error))), _) => Err(self.failure(&reading, error)),
            (Err(UploadError::Body(error)), _) => Err(self.failure(&reading, StorageError::Body(error))),
            (Err(error), _) => Err(error),
        }
    }

    async fn store(&mut self, body: Body, reading: &Reading) -> Result<String, UploadError> {
        let body = match body.length {
            Some(_) => body,
            None => reading.attend(self.ports.storage.measure(body).await?),
        };
        if body.length == Some(0) {
            // Not worth a trip to the store: `put` refuses it. The body is read so that its reading is complete.
            body.blocks.try_for_each(|_| async { Ok(()) }).await.map_err(StorageError::Body)?;
            return Ok(String::new());
        }
        // By a link it may be sent at any time.
        let contested = self.contested || self.upload.direct;
        if !contested && self.ports.storage.needs_begin(body.length) {
            self.upload.storage_upload_id = Some(begin(&self.ports, &self.upload).await?);
            // However it ends: what a cut connection carried may be read by the store after what is sent next.
            self.contested = true;
        }
        let stored = self.ports.storage.put_chunk(&gathering(&self.upload), self.index, body, contested).await;
        if let Err(StorageError::Lost(what)) = &stored {
            // Completed or given up meanwhile, which is told then.
            self.still_open().await?;
            tracing::error!(upload_id = %self.upload.id, what, "the store has lost what was acknowledged of an upload");
        }
        Ok(stored?)
    }

    async fn acknowledge(
        &self,
        fingerprint: Fingerprint,
        receipt: String,
        found: Option<FoundType>,
    ) -> Result<(), UploadError> {
        failpoint::reach("chunk.stored");
        let Fingerprint { size, crc } = fingerprint;
        let chunk = StoredChunk { index: self.index, size, crc: Some(crc), receipt, found };
        let mut database = self.ports.database.writer(Durability::Full).await?;
        if chunks::acknowledge(&mut database, self.upload.id, &chunk, self.id).await? {
            failpoint::reach("chunk.acknowledged");
            return Ok(());
        }
        drop(database);
        let open = self.still_open().await;
        if matches!(open, Err(UploadError::NotFound)) {
            self.forget(&chunk).await;
        }
        open.and(Err(UploadError::Failed(Failure::Busy)))
    }

    /// Removes a chunk that was stored when its upload was given up already.
    async fn forget(&self, chunk: &StoredChunk) {
        let chunk = std::slice::from_ref(chunk);
        if let Err(error) = self.ports.storage.discard(&gathering(&self.upload), chunk, None).await {
            tracing::warn!(%error, upload_id = %self.upload.id, "a chunk is left over");
        }
    }

    /// What to tell the caller: the body's own failure counts more than what the store made of it.
    fn failure(&self, reading: &Reading, of_store: StorageError) -> UploadError {
        match reading.take_failure() {
            Some(BodyError::TooLong { .. }) => self.too_long(reading.length()),
            Some(BodyError::ReservationLost) => UploadError::Failed(Failure::Busy),
            Some(error) => UploadError::Body(error),
            None => of_store.into(),
        }
    }
}
