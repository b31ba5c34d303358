//! What is in the folders, page by page.

use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::Path;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::in_files;
use crate::domain::{ObjectLocation, UploadId, Visibility};
use crate::storage::{Held, Holding, StorageError};

/// How many entries are read at a time.
const PAGE: usize = 1000;

/// Which of the folders it is.
#[derive(Clone, Copy)]
enum Folder {
    Objects(Visibility),
    Staging,
}

/// Everything under `root` that is there for uploads.
pub(super) fn pages(root: &Path) -> BoxStream<'_, Result<Vec<Holding>, StorageError>> {
    let folders = [Folder::Objects(Visibility::Public), Folder::Objects(Visibility::Private), Folder::Staging];
    stream::iter(folders)
        .map(move |folder| {
            let path = match folder {
                Folder::Objects(bucket) => root.join("objects").join(bucket.as_str()),
                Folder::Staging => root.join("staging"),
            };
            stream::try_unfold(None, move |entries: Option<ReadDir>| {
                let path = path.clone();
                in_files(move || {
                    let mut entries = match entries.map_or_else(|| fs::read_dir(path), Ok) {
                        // What should be in it is missing, which is for others to tell.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                        entries => entries?,
                    };
                    let page: Vec<DirEntry> = entries.by_ref().take(PAGE).collect::<io::Result<_>>()?;
                    let holdings = page.iter().filter_map(|entry| holding(folder, entry).transpose());
                    let holdings = holdings.collect::<io::Result<Vec<_>>>()?;
                    Ok((!page.is_empty()).then_some((holdings, Some(entries))))
                })
            })
        })
        .flatten()
        .boxed()
}

/// A file as the port tells of it; `None` for one that is gone by now, and for what is no file.
fn holding(folder: Folder, entry: &DirEntry) -> io::Result<Option<Holding>> {
    let about = match entry.metadata() {
        Ok(about) if about.is_file() => about,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => return Ok(None),
    };
    let name = entry.file_name().to_string_lossy().into_owned();
    let (held, upload) = match folder {
        Folder::Objects(bucket) => {
            let location = ObjectLocation { bucket, key: name };
            (Held::Object(location.clone()), location.upload())
        }
        Folder::Staging => {
            let id = name.strip_suffix(super::COMPACTED).unwrap_or(&name);
            // The service writes it in one way only.
            let upload = id.parse().ok().filter(|upload: &UploadId| upload.to_string() == id);
            (Held::Staging(name), upload)
        }
    };
    Ok(Some(Holding { held, upload, bytes: about.len(), since: about.modified()?.into() }))
}
