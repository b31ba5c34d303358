//! Who may write a chunk and how long, as the rows tell.

use chrono::TimeDelta;
use filemanager::domain::chunk::StoredChunk;
use filemanager::domain::{ChunkIndex, UploadId};
use filemanager::repositories::chunks::{self, ChunkState, Reservation};
use filemanager::repositories::{self, Connection, Durability, now, uploads};
use uuid::Uuid;

use crate::support::deployment::mysql_options;
use crate::support::{Database, Deployment, Queue, Service, Store};

/// An upload, and the way to its rows past the service.
async fn open_upload(kind: Database) -> ((Deployment, Service), UploadId, Connection) {
    let deployment = Deployment::new(kind, Store::Directory, Queue::InProcess).await;
    let api = deployment.api().await;
    let upload = api.client().init(&[]).await.parse().unwrap();
    let rows = match deployment.mysql_database() {
        Some(name) => repositories::Database::mysql(mysql_options(Some(name)), 1),
        None => repositories::Database::sqlite(&deployment.folder.path().join("data/filemanager.db")),
    };
    let session = rows.writer(Durability::Relaxed).await.unwrap();
    ((deployment, api), upload, session)
}

/// The bytes of a chunk that was cut may come to the store at any time: whoever writes it next has to know.
#[tokio::test]
async fn what_was_cut_is_remembered_whatever_its_writer_or_a_clock_says() {
    for kind in [Database::Sqlite, Database::MySql] {
        let (_service, upload, mut session) = open_upload(kind).await;
        let (index, until) = (ChunkIndex::try_from(0).unwrap(), now() + TimeDelta::seconds(30));
        let [first, second] = [Uuid::new_v4(), Uuid::new_v4()];
        let wanted = |writer| Reservation { upload, index, writer, size: 3, until, direct: false };
        assert!(chunks::reserve(&mut session, &wanted(first)).await.unwrap());
        chunks::abandon(&mut session, upload, index, first).await.unwrap();
        assert!(!chunks::prolong(&mut session, upload, index, first, until).await.unwrap(), "{kind:?}");
        chunks::release(&mut session, upload, index, first).await.unwrap();
        assert_eq!(chunks::begun(&mut session, upload).await.unwrap(), [0].into(), "{kind:?}");
        let behind = now() - TimeDelta::minutes(5);
        let state = chunks::state(&mut session, upload, index, behind).await.unwrap();
        assert_eq!(state, ChunkState::Abandoned, "{kind:?}");
        assert!(chunks::take_over(&mut session, &wanted(second), behind).await.unwrap(), "{kind:?}");
        let chunk = StoredChunk { index, size: 3, crc: Some(7), receipt: "receipt".to_owned(), found: None };
        assert!(!chunks::acknowledge(&mut session, upload, &chunk, first).await.unwrap(), "{kind:?}");
        assert!(chunks::acknowledge(&mut session, upload, &chunk, second).await.unwrap(), "{kind:?}");
    }
}

/// Else a part could be made of what is sent by a link as well.
#[tokio::test]
async fn who_does_not_know_of_links_reserves_nothing_once_they_are_given() {
    for kind in [Database::Sqlite, Database::MySql] {
        let (_service, upload, mut session) = open_upload(kind).await;
        assert!(uploads::set_direct(&mut session, upload).await.unwrap());
        let until = now() + TimeDelta::seconds(30);
        for (place, direct) in [(0, false), (1, true)] {
            let (index, writer) = (ChunkIndex::try_from(place).unwrap(), Uuid::new_v4());
            let wanted = Reservation { upload, index, writer, size: 3, until, direct };
            assert_eq!(chunks::reserve(&mut session, &wanted).await.unwrap(), direct, "{kind:?}");
        }
    }
}

/// Somebody may go on with an upload after the sweeper has found that its time is over.
#[tokio::test]
async fn only_what_is_over_expires() {
    for kind in [Database::Sqlite, Database::MySql] {
        let (_service, upload, mut session) = open_upload(kind).await;
        let over_at = now() + TimeDelta::days(30);
        uploads::prolong(&mut session, upload, over_at).await.unwrap();
        assert!(!uploads::expire(&mut session, upload, over_at - TimeDelta::seconds(1)).await.unwrap(), "{kind:?}");
        assert!(uploads::expire(&mut session, upload, over_at).await.unwrap(), "{kind:?}");
        assert!(!uploads::expire(&mut session, upload, over_at).await.unwrap(), "{kind:?}");
    }
}
