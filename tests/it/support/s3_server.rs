//! s3s-fs with what Amazon S3 and MinIO do and it does not: part numbers may have gaps, a part that is not the one
//! named is refused, a small part in the middle too and without the loss of the upload, parts are listed in order with
//! their `ETag`s, multipart uploads are listed and, once they are over, not there, and buckets keep rules for web pages.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use futures::StreamExt;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

const LEAST_PART: u64 = 5 * 1024 * 1024;

pub struct Store {
    inner: FileSystem,
    root: PathBuf,
    cors: Mutex<HashMap<String, Vec<CORSRule>>>,
    etags: Mutex<HashMap<(String, i32), ETag>>,
    /// Bucket, key and beginning of each multipart upload that is not over.
    begun: Mutex<HashMap<String, (String, String, SystemTime)>>,
}

impl Store {
    pub fn new(root: PathBuf) -> Self {
        Self {
            inner: FileSystem::new(&root).expect("a store"),
            root,
            cors: Mutex::default(),
            etags: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    fn part(&self, upload: &str, number: i32) -> PathBuf {
        self.root.join(format!(".upload_id-{upload}.part-{number}"))
    }

    /// Numbers the parts from 1 without gaps, as s3s-fs wants them.
    fn close_gaps(&self, upload: &str, parts: &mut [CompletedPart]) -> S3Result<()> {
        let last = parts.len().saturating_sub(1);
        for (index, part) in parts.iter().enumerate() {
            let file = self.part(upload, part.part_number.unwrap_or_default());
            let size = fs::metadata(file).map_err(|_| s3_error!(InvalidPart))?.len();
            let number = (upload.to_owned(), part.part_number.unwrap_or_default());
            if part.e_tag.as_ref() != self.etags.lock().unwrap().get(&number) {
                return Err(s3_error!(InvalidPart));
            }
            if index < last && size < LEAST_PART {
                return Err(s3_error!(EntityTooSmall));
            }
        }
        if !parts.is_sorted_by_key(|part| part.part_number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        for (part, number) in parts.iter_mut().zip(1..) {
            let from = self.part(upload, part.part_number.unwrap_or_default());
            fs::rename(from, self.part(upload, number)).map_err(|_| s3_error!(InternalError))?;
            part.part_number = Some(number);
        }
        Ok(())
    }
}

macro_rules! pass_on {
    ($($call:ident($input:ty) -> $output:ty;)*) => {
        #[async_trait::async_trait]
        impl S3 for Store {
            $(async fn $call(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.inner.$call(request).await
            })*

            async fn complete_multipart_upload(
                &self,
                mut request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                let upload = request.input.upload_id.clone();
                if let Some(parts) = request.input.multipart_upload.as_mut().and_then(|upload| upload.parts.as_mut()) {
                    self.close_gaps(&upload, parts)?;
                }
                let response = self.inner.complete_multipart_upload(request).await?;
                self.begun.lock().unwrap().remove(&upload);
                Ok(response)
            }

            async fn create_multipart_upload(
                &self,
                request: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                let place = (request.input.bucket.clone(), request.input.key.clone(), SystemTime::now());
                let response = self.inner.create_multipart_upload(request).await?;
                self.begun.lock().unwrap().extend(response.output.upload_id.clone().map(|upload| (upload, place)));
                Ok(response)
            }

            async fn abort_multipart_upload(
                &self,
                request: S3Request<AbortMultipartUploadInput>,
            ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
                let upload = request.input.upload_id.clone();
                let response = self.inner.abort_multipart_upload(request).await?;
                self.begun.lock().unwrap().remove(&upload);
                Ok(response)
            }

            async fn list_multipart_uploads(
                &self,
                request: S3Request<ListMultipartUploadsInput>,
            ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
                let ListMultipartUploadsInput { bucket, prefix, .. } = request.input;
                let prefix = prefix.unwrap_or_default();
                let begun = self.begun.lock().unwrap();
                let uploads = begun.iter().filter(|(_, (of, key, _))| *of == bucket && key.starts_with(&prefix));
                let uploads = uploads.map(|(upload, (_, key, since))| MultipartUpload {
                    key: Some(key.clone()),
                    upload_id: Some(upload.clone()),
                    initiated: Some((*since).into()),
                    ..MultipartUpload::default()
                });
                let uploads = Some(uploads.collect());
                Ok(S3Response::new(ListMultipartUploadsOutput { uploads, ..ListMultipartUploadsOutput::default() }))
            }

            async fn upload_part(
                &self,
                request: S3Request<UploadPartInput>,
            ) -> S3Result<S3Response<UploadPartOutput>> {
                let part = (request.input.upload_id.clone(), request.input.part_number);
                if !self.begun.lock().unwrap().contains_key(&part.0) {
                    // Read to its end, so that the answer reaches who sends it.
                    if let Some(mut body) = request.input.body {
                        while body.next().await.is_some() {}
                    }
                    return Err(s3_error!(NoSuchUpload));
                }
                let response = self.inner.upload_part(request).await?;
                self.etags.lock().unwrap().extend(response.output.e_tag.clone().map(|etag| (part, etag)));
                Ok(response)
            }

            async fn list_parts(
                &self,
                request: S3Request<ListPartsInput>,
            ) -> S3Result<S3Response<ListPartsOutput>> {
                let upload = request.input.upload_id.clone();
                if !self.begun.lock().unwrap().contains_key(&upload) {
                    return Err(s3_error!(NoSuchUpload));
                }
                let mut response = self.inner.list_parts(request).await?;
                let parts = response.output.parts.get_or_insert_default();
                parts.sort_by_key(|part| part.part_number);
                let etags = self.etags.lock().unwrap();
                for part in parts {
                    part.e_tag = etags.get(&(upload.clone(), part.part_number.unwrap_or_default())).cloned();
                }
                drop(etags);
                Ok(response)
            }

            async fn put_bucket_cors(
                &self,
                request: S3Request<PutBucketCorsInput>,
            ) -> S3Result<S3Response<PutBucketCorsOutput>> {
                let PutBucketCorsInput { bucket, cors_configuration, .. } = request.input;
                self.cors.lock().unwrap().insert(bucket, cors_configuration.cors_rules);
                Ok(S3Response::new(PutBucketCorsOutput::default()))
            }

            async fn get_bucket_cors(
                &self,
                request: S3Request<GetBucketCorsInput>,
            ) -> S3Result<S3Response<GetBucketCorsOutput>> {
                let kept = self.cors.lock().unwrap().get(&request.input.bucket).cloned();
                let cors_rules = Some(kept.ok_or_else(|| s3_error!(NoSuchCORSConfiguration))?);
                Ok(S3Response::new(GetBucketCorsOutput { cors_rules }))
            }
        }
    };
}

pass_on! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
}
