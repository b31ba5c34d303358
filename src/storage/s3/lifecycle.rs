//! A second net under the reconciler: rules by which the store itself removes what was begun and never finished.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};

use super::StorageError;
use super::errors::{absent, failed};

/// The names of the rules that are ours.
const PARTS: &str = "filemanager-parts";
const STAGED: &str = "filemanager-staged";
const STAGING: &str = ".staging/";

/// Has the buckets' parts and staged objects removed after so many days. A store that keeps no such rules, or does not let
/// us set them, is tidied by the reconciler alone.
pub(super) async fn spread_net(client: &Client, buckets: [&str; 2], days: u64) -> Result<(), StorageError> {
    for bucket in buckets {
        match set_rules(client, bucket, i32::try_from(days).unwrap_or(i32::MAX)).await {
            Ok(false) => {}
            Ok(true) => tracing::info!(bucket, days, "the store removes what was never finished after so many days"),
            Err(StorageError::Unavailable(cause)) if !cause.contains("NotImplemented") => {
                return Err(StorageError::Unavailable(cause));
            }
            Err(cause) => {
                tracing::info!(bucket, %cause, "the store keeps no rules for what was never finished");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Sets our rules beside those that an operator has set; whether that was necessary.
async fn set_rules(client: &Client, bucket: &str, days: i32) -> Result<bool, StorageError> {
    let kept = match client.get_bucket_lifecycle_configuration().bucket(bucket).send().await {
        Ok(kept) => kept.rules.unwrap_or_default(),
        Err(error) if absent(&error) => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    let parts = AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build();
    let parts = rule(PARTS, "").abort_incomplete_multipart_upload(parts);
    let staged = rule(STAGED, STAGING).expiration(LifecycleExpiration::builder().days(days).build());
    let ours = [parts, staged].map(|rule| rule.build().map_err(|error| StorageError::Refused(error.to_string())));
    let ours = ours.into_iter().collect::<Result<Vec<_>, _>>()?;
    if ours.iter().all(|rule| kept.contains(rule)) {
        return Ok(false);
    }
    let others = kept.into_iter().filter(|rule| !matches!(rule.id(), Some(PARTS | STAGED)));
    let rules = BucketLifecycleConfiguration::builder().set_rules(Some(others.chain(ours).collect())).build();
    let rules = rules.map_err(|error| StorageError::Refused(error.to_string()))?;
    let set = client.put_bucket_lifecycle_configuration().bucket(bucket).lifecycle_configuration(rules).send().await;
    set.map(|_| true).map_err(failed)
}

fn rule(id: &str, prefix: &str) -> aws_sdk_s3::types::builders::LifecycleRuleBuilder {
    let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
    LifecycleRule::builder().id(id).status(ExpirationStatus::Enabled).filter(filter)
}
