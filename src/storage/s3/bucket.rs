//! The buckets: made when they are missing, the public one opened to strangers where the store can.

use aws_sdk_s3::Client;
use serde_json::{Value, json};

use super::StorageError;
use super::errors::{absent, code, failed, unsupported};

/// Makes a bucket that is not there.
pub(super) async fn ensure(client: &Client, bucket: &str) -> Result<(), StorageError> {
    let Err(error) = client.head_bucket().bucket(bucket).send().await else { return Ok(()) };
    let missing = absent(&error) || error.raw_response().is_some_and(|response| response.status().as_u16() == 404);
    if !missing {
        return Err(failed(error));
    }
    match client.create_bucket().bucket(bucket).send().await {
        // Another process was quicker.
        Err(error) if matches!(code(&error), Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists")) => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(_) => {
            tracing::info!(bucket, "made the bucket");
            Ok(())
        }
    }
}

/// Lets strangers read the objects of a bucket; whether they can. A policy that an operator has set is left as it is.
pub(super) async fn open_to_strangers(client: &Client, bucket: &str) -> Result<bool, StorageError> {
    match client.get_bucket_policy().bucket(bucket).send().await {
        Ok(policy) if policy.policy().is_some_and(|text| !text.is_empty()) => {
            return Ok(policy.policy().is_some_and(|text| opens(text, bucket)));
        }
        Err(error) if unsupported(&error) => return Ok(false),
        Err(error) if !absent(&error) => return Err(failed(error)),
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
            Ok(true)
        }
        Err(error) => match failed(error) {
            StorageError::Unavailable(cause) if !cause.contains("NotImplemented") => {
                Err(StorageError::Unavailable(cause))
            }
            cause => {
                tracing::info!(bucket, %cause, "the store keeps no bucket policies; public files get signed links");
                Ok(false)
            }
        },
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
