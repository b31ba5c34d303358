//! What must hold once nothing is broken any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{MySqlConnection, Row};
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::ledger::{Ledger, Promised, sha256};
use crate::support::deployment::run;
use crate::support::eventually;
use crate::uploader::Caller;

/// Nothing may be stuck longer than this after calm.
const CALM: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(250);

/// Waits until all work is done, then checks that every promise is kept, once, and that nothing is left over. What lies in
/// the store and belongs to nobody, the reconciler removes.
///
/// # Panics
/// When something does not hold.
pub async fn all_is_well(cluster: &Cluster, ledger: &Arc<Ledger>) {
    ledger.assert_kept();
    at_rest(cluster, ledger).await;
    let mut rows = cluster.rows().await;
    let promised = ledger.files();
    let files = paths(&mut rows).await;
    assert_eq!(files.len(), promised.len(), "files in the database, and files that were promised\n{}", ledger.tail());
    let caller = Caller::new(&cluster.url_past_faults(), ledger);
    files_are_there(caller.base(), ledger, &promised).await;
    let present = objects(cluster).await;
    let missing: Vec<_> = files.difference(&present).collect();
    assert!(missing.is_empty(), "objects that are not there: {missing:?}");
    let strangers = present.difference(&files);
    let twice: Vec<_> = strangers.filter(|name| !name.contains(".staging/") && !name.contains("?uploadId")).collect();
    assert!(twice.is_empty(), "objects of no file: {twice:?}\n{}", ledger.tail());
    if present != files {
        eventually("the reconciler removes what belongs to nobody", async || {
            reconcile(cluster).await;
            (objects(cluster).await == files).then_some(())
        })
        .await;
    }
}

/// Runs `filemanager gc`, for which everything that is older than a lease is old.
async fn reconcile(cluster: &Cluster) {
    let mut command = cluster.deployment.command(env!("CARGO_BIN_EXE_filemanager"));
    command.arg("gc").env("GC_GRACE", "4");
    run(command).await;
}

/// Checks that these files can be downloaded from the service at `base` and are what was sent.
///
/// # Panics
/// When one is not.
pub async fn files_are_there(base: &str, ledger: &Arc<Ledger>, files: &[Promised]) {
    let caller = Caller::new(base.trim_end_matches("/api/v1"), ledger);
    for file in files {
        let status = eventually("a file is done", async || {
            let (code, status) = caller.once("status", caller.about(file, "status")).await?;
            assert_ne!(code, 404, "{file:?} was promised, and nobody knows it\n{}", ledger.tail());
            let done = ["SUCCESS", "FAILURE"].contains(&status["data"]["status"].as_str()?);
            done.then_some(status)
        })
        .await;
        assert_eq!(status["data"]["status"], "SUCCESS", "{file:?}: {status}\n{}", ledger.tail());
        let got = caller.about(file, "download").send().await.expect("an answer");
        let got = got.bytes().await.expect("a body");
        assert_eq!(sha256(&got), file.sha256, "{file:?} is not what was acknowledged\n{}", ledger.tail());
    }
}

/// Waits until no job waits or runs and no upload is between two states.
async fn at_rest(cluster: &Cluster, ledger: &Ledger) {
    let (mut deadline, mut fewest) = (Instant::now() + CALM, usize::MAX);
    loop {
        let mut rows = cluster.rows().await;
        let unfinished = "SELECT CONCAT('job ', kind, ' of ', HEX(subject), ' is ', state, ' after ', attempts, \
                          ' attempts: ', COALESCE(last_error, '')) FROM jobs WHERE state NOT IN ('done', 'failed') \
                          UNION ALL SELECT CONCAT('upload ', HEX(id), ' is ', state) FROM uploads \
                          WHERE state = 'completing' AND id NOT IN (SELECT upload_id FROM files WHERE status = 'FAILURE')";
        let unfinished: Vec<String> = sqlx::query_scalar(unfinished).fetch_all(&mut rows).await.unwrap();
        if unfinished.is_empty() {
            return;
        }
        // What is worked off, however slowly on a busy machine, is not stuck.
        if unfinished.len() < fewest {
            (deadline, fewest) = (Instant::now() + CALM, unfinished.len());
        }
        assert!(Instant::now() < deadline, "stuck {CALM:?} after calm:\n{}\n{}", unfinished.join("\n"), ledger.tail());
        sleep(LOOK).await;
    }
}

/// Where the files of the database lie.
async fn paths(rows: &mut MySqlConnection) -> BTreeSet<String> {
    let found = sqlx::query("SELECT path FROM files").fetch_all(rows).await.unwrap();
    found.iter().map(|row| row.get::<String, _>(0)).collect()
}

/// What lies in the store: objects as `<visibility>/<key>`, and multipart uploads that are not over.
async fn objects(cluster: &Cluster) -> BTreeSet<String> {
    let (client, mut found) = (cluster.objects(), BTreeSet::new());
    for (bucket, visibility) in cluster.buckets().into_iter().zip(["public", "private"]) {
        let mut pages = client.list_objects_v2().bucket(bucket).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.expect("a listing");
            found.extend(page.contents().iter().filter_map(|object| Some(format!("{visibility}/{}", object.key()?))));
        }
        let uploads = client.list_multipart_uploads().bucket(bucket).send().await.expect("a listing");
        let uploads = uploads.uploads().iter();
        found.extend(uploads.map(|upload| {
            format!(
                "{visibility}/{}?uploadId={}",
                upload.key().unwrap_or_default(),
                upload.upload_id().unwrap_or_default()
            )
        }));
    }
    found
}
