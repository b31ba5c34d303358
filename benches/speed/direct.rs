//! Reference (c): the bytes sent straight to the S3 server, by presigned URLs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use uuid::Uuid;

use crate::garage::{Garage, PRIVATE_BUCKET};
use crate::http::{Answer, Framed};
use crate::transfer::{self, Frame, Payload};

const VALID_FOR: Duration = Duration::from_hours(1);

/// Uploads a file of these chunks as a multipart upload; the time it took, without that of signing.
pub async fn upload(garage: &Garage, payload: &Payload, sizes: &[usize], parallel: usize) -> Result<Duration> {
    let client = garage.client();
    let key = Uuid::new_v4().to_string();
    let begun = Instant::now();
    let created = client.create_multipart_upload().bucket(PRIVATE_BUCKET).key(&key).send().await;
    let creation = begun.elapsed();
    let id = created.context("Garage opens no multipart upload")?.upload_id.context("Garage names no upload")?;
    let frame = presigned(&client, &key, &id, sizes.len()).await?;

    let begun = Instant::now();
    let answers = transfer::send(garage.address, &frame, payload, sizes, parallel).await.context("Garage, directly")?;
    let parts = answers.iter().zip(1..).map(part).collect::<Result<Vec<_>>>()?;
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = client.complete_multipart_upload().bucket(PRIVATE_BUCKET).key(&key).upload_id(&id);
    request.multipart_upload(parts).send().await.context("Garage does not complete a multipart upload")?;
    Ok(creation + begun.elapsed())
}

fn part((answer, number): (&Answer, i32)) -> Result<CompletedPart> {
    let etag = answer.etag.clone().with_context(|| format!("Garage gave part {number} no ETag"))?;
    Ok(CompletedPart::builder().part_number(number).e_tag(etag).build())
}

async fn presigned(client: &Client, key: &str, upload: &str, parts: usize) -> Result<Frame> {
    let signing = PresigningConfig::expires_in(VALID_FOR).context("a time to sign for")?;
    let mut heads = Vec::new();
    for number in (1..).take(parts) {
        let request = client.upload_part().bucket(PRIVATE_BUCKET).key(key).upload_id(upload).part_number(number);
        let signed = request.presigned(signing.clone()).await.context("a part's URL cannot be signed")?;
        heads.push(put_head(signed.uri())?);
    }
    Ok(Arc::new(move |index, length| frame(&heads[index], length)))
}

/// Requests that make objects of their own, each with a name of its own.
pub async fn objects(garage: &Garage, count: usize) -> Result<Frame> {
    let client = garage.client();
    let signing = PresigningConfig::expires_in(VALID_FOR).context("a time to sign for")?;
    let mut heads = Vec::new();
    for _ in 0..count {
        let request = client.put_object().bucket(PRIVATE_BUCKET).key(Uuid::new_v4().to_string());
        let signed = request.presigned(signing.clone()).await.context("an object's URL cannot be signed")?;
        heads.push(put_head(signed.uri())?);
    }
    let taken = AtomicUsize::new(0);
    Ok(Arc::new(move |_, length| frame(&heads[taken.fetch_add(1, Ordering::Relaxed) % count], length)))
}

fn frame(head: &str, length: usize) -> Framed {
    Framed { head: format!("{head}Content-Length: {length}\r\n\r\n").into_bytes(), tail: Vec::new() }
}

/// A request's head up to its length.
fn put_head(url: &str) -> Result<String> {
    let (host, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).context("not a URL of ours")?;
    Ok(format!("PUT /{path} HTTP/1.1\r\nHost: {host}\r\n"))
}

/// The signed path by which the object at `<bucket>/<key>` is read.
pub async fn get_path(garage: &Garage, path: &str) -> Result<String> {
    let (bucket, key) = path.split_once('/').context("not the path of an object")?;
    let signing = PresigningConfig::expires_in(VALID_FOR).context("a time to sign for")?;
    let request = garage.client().get_object().bucket(bucket).key(key);
    let signed = request.presigned(signing).await.context("a URL cannot be signed")?;
    let url = signed.uri().strip_prefix("http://").and_then(|url| url.split_once('/'));
    url.map(|(_, path)| format!("/{path}")).context("not a URL of ours")
}
