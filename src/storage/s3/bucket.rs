//! The buckets: made when they are missing, the public one opened to strangers where the store can.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketLocationConstraint, CorsConfiguration, CorsRule, CreateBucketConfiguration};
use serde_json::{Value, json};

use super::StorageError;
use super::errors::{absent, code, failed, unsupported};

/// The name of the rule that is ours.
const OUR_RULE: &str = "filemanager";
const FIRST_REGION: &str = "us-east-1";
/// How long a browser may remember what a bucket allows.
const PREFLIGHT_SECONDS: i32 = 3600;

/// Makes a bucket that is not there.
pub(super) async fn ensure(client: &Client, bucket: &str) -> Result<(), StorageError> {
    let Err(error) = client.head_bucket().bucket(bucket).send().await else { return Ok(()) };
    let missing = absent(&error) || error.raw_response().is_some_and(|response| response.status().as_u16() == 404);
    if !missing {
        return Err(failed(error));
    }
    let made = client.create_bucket().bucket(bucket);
    let made = match made.clone().set_create_bucket_configuration(place_of(client)).send().await {
        // Some stores have places with names of their own, and make it where they do without one.
        Err(error) if code(&error) == Some("InvalidLocationConstraint") => made.send().await,
        made => made,
    };
    match made {
        // Another process was quicker.
        Err(error) if matches!(code(&error), Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists")) => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(_) => {
            tracing::info!(bucket, "made the bucket");
            Ok(())
        }
    }
}

/// Where a bucket is made: Amazon wants to be told of every region but its first, and not to be told of that one.
fn place_of(client: &Client) -> Option<CreateBucketConfiguration> {
    let region = client.config().region().map(AsRef::as_ref).filter(|region| *region != FIRST_REGION)?;
    let place = BucketLocationConstraint::from(region);
    Some(CreateBucketConfiguration::builder().location_constraint(place).build())
}

/// Lets strangers read the objects of a bucket; whether they can, if that can be known. A policy that an operator has set is
/// left as it is.
pub(super) async fn open_to_strangers(client: &Client, bucket: &str) -> Result<Option<bool>, StorageError> {
    match client.get_bucket_policy().bucket(bucket).send().await {
        Ok(policy) if policy.policy().is_some_and(|text| !text.is_empty()) => {
            return Ok(Some(policy.policy().is_some_and(|text| opens(text, bucket))));
        }
        Err(error) if unsupported(&error) => return Ok(Some(false)),
        Err(error) if !absent(&error) => {
            return match failed(error) {
                StorageError::Refused(cause) => {
                    tracing::info!(bucket, %cause, "the bucket's policy may not be read; public files get signed links");
                    Ok(None)
                }
                error => Err(error),
            };
        }
        _ => {}
    }
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"],
            "Resource": [format!("arn:aws:s3:::{bucket}/*")],
        }],
    });
    match client.put_bucket_policy().bucket(bucket).policy(policy.to_string()).send().await {
        Ok(_) => {
            tracing::info!(bucket, "opened the bucket to readers without a signature");
            Ok(Some(true))
        }
        Err(error) => match failed(error) {
            StorageError::Unavailable(cause) if !cause.contains("NotImplemented") => {
                Err(StorageError::Unavailable(cause))
            }
            cause => {
                tracing::info!(bucket, %cause, "the store keeps no bucket policies; public files get signed links");
                Ok(Some(false))
            }
        },
    }
}

/// Lets web pages of these origins send chunks to a bucket and read from it. Rules that an operator has set stay.
pub(super) async fn let_pages_in(client: &Client, bucket: &str, origins: &[String]) -> Result<(), StorageError> {
    let kept = match client.get_bucket_cors().bucket(bucket).send().await {
        Ok(kept) => kept.cors_rules.unwrap_or_default(),
        Err(error) if absent(&error) => Vec::new(),
        Err(error) => return without_cors(bucket, failed(error)),
    };
    let ours = CorsRule::builder()
        .id(OUR_RULE)
        .set_allowed_origins(Some(origins.to_vec()))
        .set_allowed_methods(Some(["GET", "HEAD", "PUT"].map(str::to_owned).to_vec()))
        .allowed_headers("*")
        .set_expose_headers(Some(["ETag", "Content-Range", "Content-Disposition"].map(str::to_owned).to_vec()))
        .max_age_seconds(PREFLIGHT_SECONDS)
        .build()
        .map_err(|error| StorageError::Refused(error.to_string()))?;
    if kept.contains(&ours) {
        return Ok(());
    }
    let rules = kept.into_iter().filter(|rule| rule.id() != Some(OUR_RULE)).chain([ours]).collect();
    let rules = CorsConfiguration::builder().set_cors_rules(Some(rules)).build();
    let rules = rules.map_err(|error| StorageError::Refused(error.to_string()))?;
    match client.put_bucket_cors().bucket(bucket).cors_configuration(rules).send().await {
        Ok(_) => {
            tracing::info!(bucket, ?origins, "let web pages send chunks to the bucket");
            Ok(())
        }
        Err(error) => without_cors(bucket, failed(error)),
    }
}

/// A store that keeps no rules for web pages, or does not let us set them, is as good as any other for everybody else.
fn without_cors(bucket: &str, error: StorageError) -> Result<(), StorageError> {
    match error {
        StorageError::Unavailable(cause) if !cause.contains("NotImplemented") => Err(StorageError::Unavailable(cause)),
        cause => {
            tracing::info!(bucket, %cause, "the bucket's rules for web pages are left as they are");
            Ok(())
        }
    }
}

/// Whether a policy lets everybody read every object of the bucket.
fn opens(policy: &str, bucket: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let whole = format!("arn:aws:s3:::{bucket}/*");
    let holds = |value: &Value, wanted: &[&str]| match value {
        Value::String(text) => wanted.contains(&text.as_str()),
        Value::Array(list) => list.iter().any(|item| item.as_str().is_some_and(|text| wanted.contains(&text))),
        _ => false,
    };
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    let denies = statements.iter().any(|statement| statement["Effect"] == "Deny");
    !denies
        && statements.iter().any(|statement| {
            statement["Effect"] == "Allow"
                && statement["Condition"].is_null()
                && (holds(&statement["Principal"], &["*"]) || holds(&statement["Principal"]["AWS"], &["*"]))
                && holds(&statement["Action"], &["s3:GetObject", "s3:*", "*"])
                && holds(&statement["Resource"], &[&whole])
        })
}

#[cfg(test)]
mod tests {
    use super::opens;

    #[test]
    fn only_a_policy_for_everybody_and_every_object_opens_the_bucket() {
        let policy = |principal: &str, resource: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":["s3:GetObject"],"Resource":["{resource}"]}}]}}"#
            )
        };
        assert!(opens(&policy(r#"{"AWS":["*"]}"#, "arn:aws:s3:::public/*"), "public"));
        assert!(opens(&policy(r#""*""#, "arn:aws:s3:::public/*"), "public"));
        assert!(!opens(&policy(r#"{"AWS":["arn:aws:iam::1:root"]}"#, "arn:aws:s3:::public/*"), "public"));
        assert!(!opens(&policy(r#""*""#, "arn:aws:s3:::public/some/*"), "public"));
        assert!(!opens("nonsense", "public"));
    }
}
