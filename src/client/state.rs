//! What is remembered between two runs of the client, so that the second goes on where the first stopped. It is in the
//! user's cache: losing it costs time and nothing else. It holds no credential.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::source::Source;

const MAX_AGE: Duration = Duration::from_hours(30 * 24);

/// An upload under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UploadState {
    /// The upload's identifier.
    pub(super) upload_id: Uuid,
    /// In bytes.
    pub(super) chunk_size: u64,
}

/// A download under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DownloadState {
    /// The version of the file that the part belongs to.
    pub(super) etag: String,
}

/// The user's cache folder of this program.
#[derive(Debug, Clone)]
pub(super) struct Cache(Option<PathBuf>);

impl Cache {
    /// `$XDG_CACHE_HOME/filemanager`, else `~/.cache/filemanager`, else nothing is remembered.
    pub(super) fn of_the_user() -> Self {
        let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
        Self(root.map(|root| root.join("filemanager")))
    }

    /// A cache in this folder.
    #[cfg(test)]
    pub(super) fn at(folder: &Path) -> Self {
        Self(Some(folder.to_owned()))
    }

    /// Where an upload is remembered: it is the same one only if all of this is the same.
    pub(super) fn upload(&self, server: &str, source: &Source, credential: &str, mode: &str) -> Slot {
        let modified = source.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (size, nanos) = (source.size.to_be_bytes(), modified.as_nanos().to_be_bytes());
        let (seconds, rest) = source.changed;
        let changed = [seconds.to_be_bytes(), rest.to_be_bytes()].concat();
        let path = source.path.as_os_str().as_bytes();
        let who = [server.as_bytes(), credential.as_bytes(), mode.as_bytes()];
        self.slot("uploads", &[who.as_slice(), &[path, &size, &nanos, &changed]].concat())
    }

    /// Where a download is remembered: the same file to the same place.
    pub(super) fn download(&self, server: &str, id: Uuid, part: &Path) -> Slot {
        self.slot("downloads", &[server.as_bytes(), id.as_bytes(), part.as_os_str().as_bytes()])
    }

    fn slot(&self, folder: &str, key: &[&[u8]]) -> Slot {
        let mut hash = Sha256::new();
        for part in key {
            // With lengths, so that no two keys run into the same text.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let name = format!("{}.json", hex::encode(hash.finalize()));
        Slot(self.0.as_ref().map(|root| root.join(folder).join(name)))
    }

    /// Forgets what nobody came back to for 30 days.
    pub(super) fn clean(&self) {
        let Some(root) = &self.0 else { return };
        for folder in ["uploads", "downloads"] {
            let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| is_old(entry).unwrap_or(false)) {
                // It is tried again with the next run.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn is_old(entry: &fs::DirEntry) -> io::Result<bool> {
    let metadata = entry.metadata()?;
    Ok(metadata.is_file() && metadata.modified()?.elapsed().is_ok_and(|age| age > MAX_AGE))
}

/// Where one thing is remembered.
#[derive(Debug, Clone)]
pub(super) struct Slot(Option<PathBuf>);

impl Slot {
    /// What is remembered. What cannot be read is as good as nothing.
    pub(super) fn load<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs::read(self.0.as_ref()?).ok()?).ok()
    }

    /// Remembers it: all or nothing, for this user only.
    ///
    /// # Errors
    /// When the user's cache cannot be written to.
    pub(super) fn save<T: Serialize>(&self, state: &T) -> io::Result<()> {
        let Some(path) = &self.0 else {
            return Err(io::Error::other("neither XDG_CACHE_HOME nor HOME is set"));
        };
        let folder = path.parent().unwrap_or(path);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Made with mode 0600.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Remembers no longer.
    pub(super) fn forget(&self) {
        if let Some(path) = &self.0 {
            // If it stays, the next run finds that it is of no use.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const STATE: UploadState = UploadState { upload_id: Uuid::from_u128(7), chunk_size: 10 };

    fn slot(folder: &Path) -> Slot {
        Cache::at(folder).slot("uploads", &[b"key"])
    }

    #[test]
    fn what_is_saved_is_loaded_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let slot = slot(folder.path());
        assert_eq!(slot.load::<UploadState>(), None);
        slot.save(&STATE).unwrap();
        assert_eq!(slot.load(), Some(STATE));
        slot.forget();
        assert_eq!(slot.load::<UploadState>(), None);
    }

    #[test]
    fn only_the_user_may_read_it_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let slot = slot(folder.path());
        slot.save(&STATE).unwrap();
        slot.save(&STATE).unwrap();
        let path = slot.0.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_corrupt_is_ignored_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let slot = slot(folder.path());
        slot.save(&STATE).unwrap();
        for corrupt in [&b""[..], b"{", b"{\"upload_id\":\"x\",\"chunk_size\":1}", &[0xff; 9]] {
            fs::write(slot.0.as_ref().unwrap(), corrupt).unwrap();
            assert_eq!(slot.load::<UploadState>(), None, "{corrupt:?}");
        }
        slot.save(&STATE).unwrap();
        assert_eq!(slot.load(), Some(STATE));
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_an_error_and_no_cache_is_one_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("uploads"), b"in the way").unwrap();
        assert!(slot(folder.path()).save(&STATE).is_err());
        assert!(Slot(None).save(&STATE).is_err());
    }

    #[test]
    fn old_states_are_cleaned_up_and_young_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let (old, young) = (cache.slot("uploads", &[b"old"]), cache.slot("downloads", &[b"young"]));
        for slot in [&old, &young] {
            slot.save(&STATE).unwrap();
        }
        let month_ago = SystemTime::now() - MAX_AGE - Duration::from_mins(1);
        File::open(old.0.as_ref().unwrap()).unwrap().set_modified(month_ago).unwrap();
        cache.clean();
        assert_eq!((old.load::<UploadState>(), young.load()), (None, Some(STATE)));
    }

    #[test]
    fn a_file_in_the_place_of_another_is_another_upload_even_if_it_looks_as_old() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cache) = (folder.path().join("a.txt"), Cache::at(folder.path()));
        let slot = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            File::open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            cache.upload("s", &Source::open(&path).unwrap(), "c", "m").0.unwrap()
        };
        let first = slot(b"one");
        // Clocks of file systems tick every few milliseconds.
        let differs = |_| {
            std::thread::sleep(Duration::from_millis(1));
            slot(b"two") != first
        };
        assert!((0..1000).any(differs));
    }

    #[test]
    fn another_file_server_credential_or_mode_is_another_upload() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cache) = (folder.path().join("a.txt"), Cache::at(folder.path()));
        fs::write(&path, b"1").unwrap();
        let source = Source::open(&path).unwrap();
        let slot = |server, credential, mode| cache.upload(server, &source, credential, mode).0.unwrap();
        let mut slots = vec![slot("s", "c", "m"), slot("t", "c", "m"), slot("s", "d", "m"), slot("s", "c", "n")];
        slots.push(slot("s", "cm", ""));
        fs::write(&path, b"22").unwrap();
        slots.push(cache.upload("s", &Source::open(&path).unwrap(), "c", "m").0.unwrap());
        let mut distinct = slots.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), slots.len());
        assert_eq!(slot("s", "c", "m"), slots[0]);
    }
}
