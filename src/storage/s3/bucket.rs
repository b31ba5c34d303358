//! The buckets: made when they are missing, the public one opened to strangers where the store can.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketLocationConstraint, CorsConfiguration, CorsRule, CreateBucketConfiguration};
use serde_json::{Value, json};

use super::StorageError;
use super::errors::{absent, code, failed, unsupported};
use crate::storage::Openness;

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

/// Lets strangers read the objects of a bucket; whether they can. A policy that an operator has set is left as it is.
pub(super) async fn open_to_strangers(client: &Client, bucket: &str) -> Result<Openness, StorageError> {
    match client.get_bucket_policy().bucket(bucket).send().await {
        Ok(policy) if policy.policy().is_some_and(|text| !text.is_empty()) => {
            return Ok(openness_by(policy.policy().unwrap_or_default(), bucket));
        }
        Err(error) if unsupported(&error) => return Ok(Openness::Closed),
        Err(error) if !absent(&error) => {
            return match failed(error) {
                StorageError::Refused(cause) => {
                    tracing::info!(bucket, %cause, "the bucket's policy may not be read; public files get signed links");
                    Ok(Openness::Uncertain)
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
            Ok(Openness::Open)
        }
        Err(error) => match failed(error) {
            StorageError::Unavailable(cause) if !cause.contains("NotImplemented") => {
                Err(StorageError::Unavailable(cause))
            }
            cause => {
                tracing::info!(bucket, %cause, "the store keeps no bucket policies; public files get signed links");
                Ok(Openness::Closed)
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

/// Whom a policy lets read the objects of the bucket: everybody all of them, no stranger any, or something between, such as
/// everybody some of them or at some addresses.
fn openness_by(policy: &str, bucket: &str) -> Openness {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return Openness::Uncertain };
    let whole = format!("arn:aws:s3:::{bucket}/*");
    let holds = |value: &Value, wanted: &[&str]| match value {
        Value::String(text) => wanted.contains(&text.as_str()),
        Value::Array(list) => list.iter().any(|item| item.as_str().is_some_and(|text| wanted.contains(&text))),
        _ => false,
    };
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let denies = statements.iter().any(|statement| statement["Effect"] == "Deny");
    let names_everybody =
        |statement: &Value| holds(&statement["Principal"], &["*"]) || holds(&statement["Principal"]["AWS"], &["*"]);
    let opens = |statement: &Value| {
        names_everybody(statement)
            && statement["Condition"].is_null()
            && holds(&statement["Action"], &["s3:GetObject", "s3:*", "*"])
            && holds(&statement["Resource"], &[&whole])
    };
    let lets_in = |statement: &Value| names_everybody(statement) || !statement["NotPrincipal"].is_null();
    let mut allowing = statements.iter().filter(|statement| statement["Effect"] != "Deny");
    if !denies && allowing.clone().any(opens) {
        Openness::Open
    } else if allowing.any(lets_in) {
        Openness::Uncertain
    } else {
        Openness::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::{Openness, openness_by};

    #[test]
    fn only_a_policy_for_everybody_and_every_object_opens_the_bucket_and_only_one_for_nobody_closes_it() {
        let allowing = |principal: &str, more: &str| format!(r#"{{"Effect":"Allow","Principal":{principal},{more}}}"#);
        let of = |statements: &str| openness_by(&format!(r#"{{"Statement":{statements}}}"#), "public");
        let whole = r#""Action":["s3:GetObject"],"Resource":["arn:aws:s3:::public/*"]"#;
        for everybody in [r#"{"AWS":["*"]}"#, r#"{"AWS":"*"}"#, r#""*""#] {
            assert_eq!(of(&format!("[{}]", allowing(everybody, whole))), Openness::Open);
            assert_eq!(of(&allowing(everybody, whole)), Openness::Open);
        }
        let somebody = allowing(r#"{"AWS":["arn:aws:iam::1:root"]}"#, whole);
        let everybody = allowing(r#""*""#, whole);
        let denial = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#;
        for closed in ["[]".to_owned(), format!("[{somebody}]"), format!("[{denial}]")] {
            assert_eq!(of(&closed), Openness::Closed, "{closed}");
        }
        let some_objects = r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::public/some/*""#;
        let somewhere = format!(r#"{whole},"Condition":{{"IpAddress":{{"aws:SourceIp":"10.0.0.0/8"}}}}"#);
        let others = whole.replace("s3:GetObject", "s3:Get*");
        for uncertain in [
            format!("[{}]", allowing(r#""*""#, some_objects)),
            format!("[{}]", allowing(r#""*""#, &somewhere)),
            format!("[{}]", allowing(r#""*""#, &others)),
            format!("[{everybody},{denial}]"),
            format!(r#"[{{"Effect":"Allow","NotPrincipal":{{"AWS":"arn:aws:iam::1:root"}},{whole}}}]"#),
            "nonsense".to_owned(),
        ] {
            assert_eq!(of(&uncertain), Openness::Uncertain, "{uncertain}");
        }
    }
}
