//! Where a download goes: a file name that is safe, a part beside the target, and the target at the end. What is written
//! comes from [`super::download`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use crc_fast::Digest;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tokio::task::{JoinHandle, spawn_blocking};

use super::plan::ALGORITHM;
use super::problem::Problem;
use crate::spool::blocking;

const BLOCK: usize = 1024 * 1024;

/// A name from the service as the name of a file: its last component. `None` when it is none.
pub(super) fn safe_name(name: &str) -> Option<&str> {
    let last = name.rsplit(['/', '\\']).next()?.trim();
    let refused = matches!(last, "" | "." | "..") || last.chars().any(char::is_control);
    (!refused).then_some(last)
}

/// Where the bytes of one download go.
pub(super) struct Target {
    sink: Arc<Sink>,
    /// What is being written.
    writing: Option<JoinHandle<io::Result<()>>>,
    /// What waits to be written.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    length: u64,
    digest: Digest,
}

enum Sink {
    Stdout,
    File { file: File, part: PathBuf, target: PathBuf, replace: bool },
}

impl Target {
    /// Standard output.
    pub(super) fn stdout() -> Self {
        Self::to(Sink::Stdout)
    }

    /// The part beside this file. If `known`, what the part has is kept.
    ///
    /// # Errors
    /// When there is a file already, unless it may be replaced; when the part is somebody else's.
    pub(super) async fn file(target: &Path, known: bool, replace: bool) -> Result<Self, Problem> {
        let part = part_of(target);
        if !replace && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        let fail = |error: &io::Error| Problem::local("write to", &part, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).truncate(false);
        // A part that nothing is remembered of may be a file of the user's, unless there is nothing in it.
        let empty = part.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0);
        let ours = known || replace || empty;
        let options = if ours { options.create(true) } else { options.create_new(true) };
        let file = match options.open(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let shown = part.display();
                return Err(Problem::Local(format!("{shown} is in the way; remove it, or use --force")));
            }
            opened => opened.map_err(|error| fail(&error))?,
        };
        if file.try_lock().is_err() {
            return Err(Problem::Local(format!("another download is writing to {}", part.display())));
        }
        let mut target = Self::to(Sink::File { file, target: target.to_owned(), replace, part: part.clone() });
        let read = if known { target.read().await } else { target.clear().await };
        read.map_err(|error| fail(&error))?;
        Ok(target)
    }

    fn to(sink: Sink) -> Self {
        let digest = Digest::new(ALGORITHM);
        Self { sink: Arc::new(sink), writing: None, waiting: Vec::new(), waiting_bytes: 0, length: 0, digest }
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The CRC of all bytes.
    pub(super) fn crc(&self) -> u64 {
        self.digest.finalize()
    }

    /// Takes bytes; they may be written later.
    ///
    /// # Errors
    /// Those of what was written before.
    pub(super) async fn push(&mut self, bytes: Bytes) -> Result<(), Problem> {
        self.digest.update(&bytes);
        self.length += bytes.len() as u64;
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_bytes < BLOCK {
            return Ok(());
        }
        self.write_on().await
    }

    /// Writes all that was taken.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn flush(&mut self) -> Result<(), Problem> {
        self.write_on().await?;
        self.write_on().await
    }

    /// Waits for what is being written, and writes what waits in the background.
    async fn write_on(&mut self) -> Result<(), Problem> {
        if let Some(writing) = self.writing.take() {
            let written = writing.await.map_err(io::Error::other).flatten();
            written.map_err(|error| self.sink.failure(&error))?;
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let offset = self.length - self.waiting_bytes as u64;
        let (blocks, sink) = (std::mem::take(&mut self.waiting), self.sink.clone());
        self.waiting_bytes = 0;
        self.writing = Some(spawn_blocking(move || sink.write(offset, &blocks)));
        Ok(())
    }

    /// Begins anew.
    ///
    /// # Errors
    /// On standard output, which cannot be taken back.
    pub(super) async fn restart(&mut self) -> Result<(), Problem> {
        self.flush().await?;
        if self.length > 0 && matches!(*self.sink, Sink::Stdout) {
            return Err(Problem::Replaced);
        }
        self.clear().await.map_err(|error| self.sink.failure(&error))
    }

    async fn clear(&mut self) -> io::Result<()> {
        let sink = self.sink.clone();
        blocking(move || if let Sink::File { file, .. } = &*sink { file.set_len(0) } else { Ok(()) }).await?;
        (self.length, self.digest) = (0, Digest::new(ALGORITHM));
        Ok(())
    }

    /// Takes note of what the part has already.
    async fn read(&mut self) -> io::Result<()> {
        let sink = self.sink.clone();
        let read = blocking(move || {
            let (mut digest, mut length, mut block) = (Digest::new(ALGORITHM), 0, vec![0; BLOCK]);
            if let Sink::File { file, .. } = &*sink {
                loop {
                    let read = file.read_at(&mut block, length)?;
                    if read == 0 {
                        break;
                    }
                    digest.update(&block[..read]);
                    length += read as u64;
                }
            }
            Ok((length, digest))
        });
        (self.length, self.digest) = read.await?;
        Ok(())
    }

    /// The target is there, whole.
    ///
    /// # Errors
    /// When it came to be meanwhile, or cannot be written.
    pub(super) async fn keep(mut self) -> Result<(), Problem> {
        self.flush().await?;
        let sink = self.sink.clone();
        let kept = blocking(move || sink.keep()).await;
        kept.map_err(|error| self.sink.failure(&error))
    }

    /// Removes the part: its bytes are wrong.
    pub(super) fn discard(self) {
        if let Sink::File { part, .. } = &*self.sink {
            // What stays is written over by the next download.
            let _ = fs::remove_file(part);
        }
    }
}

impl Sink {
    fn write(&self, offset: u64, blocks: &[Bytes]) -> io::Result<()> {
        let mut offset = offset;
        for block in blocks {
            match self {
                Self::Stdout => io::stdout().write_all(block)?,
                Self::File { file, .. } => file.write_all_at(block, offset)?,
            }
            offset += block.len() as u64;
        }
        Ok(())
    }

    fn keep(&self) -> io::Result<()> {
        let Self::File { file, part, target, replace } = self else {
            return io::stdout().flush();
        };
        file.sync_data()?;
        if *replace {
            return fs::rename(part, target);
        }
        match renameat_with(CWD, part, CWD, target, RenameFlags::NOREPLACE) {
            // Some file systems cannot promise it; a hard link is refused there too if the target exists.
            Err(Errno::INVAL | Errno::NOSYS) => {
                fs::hard_link(part, target)?;
                fs::remove_file(part)
            }
            renamed => Ok(renamed?),
        }
    }

    fn failure(&self, error: &io::Error) -> Problem {
        match self {
            Self::Stdout => Problem::Local(format!("cannot write to standard output: {error}")),
            Self::File { target, .. } if error.kind() == io::ErrorKind::AlreadyExists => exists(target),
            Self::File { part, .. } => Problem::local("write to", part, error),
        }
    }
}

fn exists(target: &Path) -> Problem {
    Problem::Local(format!("{} exists already; use --force to replace it, or --output PATH", target.display()))
}

/// Where the bytes are until all are there.
pub(super) fn part_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_from_the_service_never_leaves_the_folder() {
        for (name, safe) in [
            ("report.pdf", Some("report.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\me\\a b.txt", Some("a b.txt")),
            ("/", None),
            ("a/..", None),
            (".", None),
            ("", None),
            ("a\nb", None),
            ("a\0b", None),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_name_it_is_one_component(name in ".*") {
            if let Some(safe) = safe_name(&name) {
                let mut components = Path::new(safe).components();
                prop_assert!(matches!(components.next(), Some(std::path::Component::Normal(_))));
                prop_assert!(components.next().is_none());
            }
        }
    }

    #[tokio::test]
    async fn a_part_goes_on_where_it_was_and_becomes_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        fs::write(part_of(&path), b"hello ").unwrap();
        let mut target = Target::file(&path, true, false).await.unwrap();
        assert_eq!(target.length(), 6);
        target.push(Bytes::from_static(b"world")).await.unwrap();
        assert_eq!(target.crc(), crc_fast::checksum(ALGORITHM, b"hello world"));
        target.keep().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"hello world");
        assert!(!part_of(&path).exists());
    }

    #[tokio::test]
    async fn a_download_that_ended_before_its_first_byte_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        drop(Target::file(&path, false, false).await.unwrap());
        let mut target = Target::file(&path, false, false).await.unwrap();
        target.push(Bytes::from_static(b"hello")).await.unwrap();
        target.keep().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"hello");
    }

    #[tokio::test]
    async fn files_of_the_user_are_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let target = Target::file(&path, false, false).await.unwrap();
        let refused = |target: Result<Target, Problem>| target.err().unwrap().to_string();
        assert!(refused(Target::file(&path, true, false).await).contains("another download"));
        fs::write(&path, b"mine").unwrap();
        assert!(target.keep().await.unwrap_err().to_string().contains("exists already"));
        assert!(refused(Target::file(&path, false, false).await).contains("exists already"));
        fs::remove_file(&path).unwrap();
        fs::write(part_of(&path), b"mine too").unwrap();
        assert!(refused(Target::file(&path, false, false).await).contains("in the way"));
        fs::write(&path, b"mine").unwrap();
        Target::file(&path, false, true).await.unwrap().keep().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
