//! From the staging file of an upload to its object.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{COPY_BLOCK, remove_if_there, sync_parent};
use crate::failpoint;

/// Makes one file of the pieces `(offset, length)` of the staging file. May be called again after a crash at
/// any step: the target appears by a rename and only when it is whole. [`io::ErrorKind::WouldBlock`] while another does it.
pub(super) fn assemble(
    staging: &Path,
    compacted: &Path,
    target: &Path,
    pieces: &[(u64, u64)],
    size: u64,
) -> io::Result<()> {
    // It is there only when it is whole. What lies in staging then is of a writer that has come too late.
    if size > 0 && fs::metadata(target).is_ok_and(|target| target.len() == size) {
        remove_if_there(staging)?;
        sync_parent(target)?;
        return sync_parent(staging);
    }
    let source = match OpenOptions::new().read(true).write(true).open(staging) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound && (size == 0 || target.exists()) => {
            return if target.exists() { sync_parent(target) } else { create_empty(target) };
        }
        // The folder is there, so it is this file that is gone, and no other try will find it.
        Err(error) if error.kind() == io::ErrorKind::NotFound && staging.parent().is_some_and(Path::exists) => {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the staging file is gone"));
        }
        Err(error) => return Err(error),
    };
    // To make it longer would fill what was lost with zeros.
    let length = source.metadata()?.len();
    if length < pieces.last().map_or(0, |&(start, length)| start + length) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the staging file is shorter than its chunks"));
    }
    let mut end = 0;
    let gapless = pieces.iter().all(|&(start, length)| {
        let follows = start == end;
        end = start + length;
        follows
    });
    if gapless {
        // What was acknowledged is on the disk. Behind it there may be what failed.
        if length != size {
            source.set_len(size)?;
            source.sync_all()?;
        }
        fs::rename(staging, target)?;
    } else {
        // A worker that has lost the job may still be copying. Two at one file would leave holes in it.
        match source.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "another worker is still copying the chunks"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if let Err(error) = compact(&source, compacted, pieces) {
            // On a full disk its space is needed now, and not when the upload ends.
            let _ = remove_if_there(compacted);
            return Err(error);
        }
        failpoint::reach("assemble.compacted");
        fs::rename(compacted, target)?;
        failpoint::reach("assemble.renamed");
        remove_if_there(staging)?;
    }
    sync_parent(target)?;
    sync_parent(staging)
}

fn create_empty(target: &Path) -> io::Result<()> {
    File::create(target)?.sync_all()?;
    sync_parent(target)
}

/// Copies the pieces to a new file, one after the other, without the bytes passing through this process.
fn compact(source: &File, path: &Path, pieces: &[(u64, u64)]) -> io::Result<()> {
    let destination = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let mut written = 0;
    for &(start, length) in pieces {
        let (mut from, end) = (start, start + length);
        while from < end {
            let wanted = usize::try_from(end - from).unwrap_or(usize::MAX);
            let copied =
                match rustix::fs::copy_file_range(source, Some(&mut from), &destination, Some(&mut written), wanted) {
                    Ok(copied) => copied,
                    // The file system cannot: copy the block through memory instead.
                    Err(
                        rustix::io::Errno::XDEV
                        | rustix::io::Errno::NOSYS
                        | rustix::io::Errno::OPNOTSUPP
                        | rustix::io::Errno::INVAL,
                    ) => copy_block(source, &mut from, &destination, &mut written, wanted)?,
                    Err(error) => return Err(error.into()),
                };
            if copied == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the staging file is shorter than its chunks",
                ));
            }
        }
    }
    destination.sync_all()
}

fn copy_block(source: &File, from: &mut u64, destination: &File, to: &mut u64, wanted: usize) -> io::Result<usize> {
    let mut block = vec![0; wanted.min(COPY_BLOCK)];
    let read = source.read_at(&mut block, *from)?;
    destination.write_all_at(&block[..read], *to)?;
    *from += read as u64;
    *to += read as u64;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_copied_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (staging, compacted, target) = (path("staging"), path("staging.compact"), path("object"));
        fs::write(&staging, b"abc..def").unwrap();
        let assemble = || assemble(&staging, &compacted, &target, &[(0, 3), (5, 3)], 6);
        let other = File::open(&staging).unwrap();
        other.lock().unwrap();
        assert!(assemble().unwrap_err().to_string().contains("another worker"));
        assert!(!compacted.exists() && !target.exists());
        drop(other);
        assemble().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abcdef");
    }

    #[test]
    fn what_comes_after_the_object_is_whole_does_not_take_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (staging, compacted, target) = (path("staging"), path("staging.compact"), path("object"));
        let assemble = || assemble(&staging, &compacted, &target, &[(0, 3), (3, 3)], 6);
        fs::write(&staging, b"abcdef").unwrap();
        assemble().unwrap();
        fs::write(&staging, b"\0\0\0def").unwrap();
        assemble().unwrap();
        assert!(fs::read(&target).unwrap() == b"abcdef" && !staging.exists());
    }

    #[test]
    fn a_copy_that_fails_gives_its_space_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (staging, compacted) = (path("staging"), path("staging.compact"));
        fs::write(&staging, b"abc..def").unwrap();
        // The pieces end where the file does, but one before them lies outside.
        let pieces = [(100, 3), (5, 3)];
        assert!(super::assemble(&staging, &compacted, &path("object"), &pieces, 6).is_err());
        assert!(!compacted.exists() && staging.exists());
    }
}
