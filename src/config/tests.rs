use std::collections::HashMap;

use super::{Config, DatabaseConfig, QueueConfig, Role, StorageConfig};

fn parse(variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::parse(Role::Api, variables).map_err(|errors| errors.to_string())
}

#[test]
fn nothing_set_is_the_embedded_deployment_on_loopback() {
    let config = parse(&[]).unwrap();
    assert!(matches!(config.database, DatabaseConfig::Sqlite));
    assert!(matches!(config.storage, StorageConfig::Directory));
    assert!(matches!(config.queue, QueueConfig::InProcess));
    assert!(config.server.host.is_loopback());
    assert_eq!(config.server.port, 8000);
    assert_eq!(config.uploads.max_chunk_size, 10_485_760);
}

#[test]
fn each_part_is_chosen_by_its_own_variable() {
    let config = parse(&[("RABBITMQ_HOST", "rabbitmq"), ("LOG_LEVEL", "warn,sqlx=debug")]).unwrap();
    assert!(matches!(config.queue, QueueConfig::RabbitMq { port: 5672, .. }));
    assert!(matches!(config.database, DatabaseConfig::Sqlite));
}

#[test]
fn all_mistakes_are_told_together_with_name_value_and_what_is_allowed() {
    let message = parse(&[
        ("APP_PORT", "eighty"),
        ("APP_HOST", "localhost"),
        ("APP_MAX_CHUNK_SIZE", "0"),
        ("MYSQL_HOST", "db"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "warning"),
        ("APP_CORS_ORIGINS", "https://ok.example, nonsense"),
        ("APP_AUTH", "of"),
        ("APP_DATA_DIR", "caf\u{FFFD}"),
    ])
    .unwrap_err();
    for part in [
        "APP_PORT is \"eighty\", but must be a whole number from 0 to 65535",
        "APP_HOST is \"localhost\", but must be an IP address",
        "APP_MAX_CHUNK_SIZE is \"0\", but must be a whole number from 1 to",
        "MYSQL_USER is not set, but must be when MYSQL_HOST is",
        "MYSQL_PASSWORD is not set, but must be when MYSQL_HOST is",
        "LOG_FORMAT is \"xml\", but must be text or json",
        "LOG_LEVEL is \"warning\", but must be error, warn, info,",
        "APP_CORS_ORIGINS is",
        "APP_AUTH is \"of\", but must be off, keys, jwt or keys,jwt",
        "APP_DATA_DIR is no text in UTF-8",
    ] {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
}

#[test]
fn where_others_can_reach_it_nothing_is_open_by_mistake() {
    assert!(parse(&[]).unwrap().access.is_off());
    assert!(parse(&[("APP_HOST", "::1")]).unwrap().access.is_off());
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let message = parse(&[("APP_HOST", host)]).unwrap_err();
        assert!(message.contains("APP_AUTH is not set, but must be when APP_HOST is"), "{message}");
        let worker = HashMap::from([("APP_HOST".to_owned(), host.to_owned())]);
        assert!(Config::parse(Role::Other, worker).is_ok());
        assert!(parse(&[("APP_HOST", host), ("APP_AUTH", "off")]).unwrap().access.is_off());
        assert!(parse(&[("APP_HOST", host), ("APP_AUTH", "keys")]).unwrap().access.keys);
    }
}

#[test]
fn tokens_of_others_need_an_issuer_an_audience_and_one_kind_of_key() {
    let with = |variables: &[(&str, &str)]| {
        let usual = [("APP_AUTH", "keys,jwt"), ("APP_JWT_ISSUER", "me"), ("APP_JWT_AUDIENCE", "files")];
        parse(&[&usual, variables].concat())
    };
    assert!(with(&[("APP_JWT_JWKS_URL", "https://issuer.example/keys")]).unwrap().access.jwt.is_some());
    let secret = "0123456789abcdef0123456789abcdef";
    assert!(with(&[("APP_JWT_SECRET", secret), ("APP_JWT_ALGORITHMS", "HS256")]).is_ok());
    for (wrong, complaint) in [
        (vec![], "one of APP_JWT_SECRET, APP_JWT_KEYS_FILE and APP_JWT_JWKS_URL must be set"),
        (vec![("APP_JWT_SECRET", secret), ("APP_JWT_KEYS_FILE", "k")], "one of APP_JWT_SECRET"),
        (vec![("APP_JWT_SECRET", secret)], "APP_JWT_ALGORITHMS must be HS256"),
        (vec![("APP_JWT_SECRET", &secret[1..])], "APP_JWT_SECRET is what it is, but must be a secret of 32 bytes"),
        (vec![("APP_JWT_SECRET", "-----BEGIN PUBLIC KEY----- and so on")], "APP_JWT_SECRET is what it is"),
        (vec![("APP_JWT_KEYS_FILE", "k"), ("APP_JWT_ALGORITHMS", "ES256,HS256")], "APP_JWT_ALGORITHMS must be HS256"),
        (vec![("APP_JWT_KEYS_FILE", "k"), ("APP_JWT_ALGORITHMS", "none")], "APP_JWT_ALGORITHMS is \"none\""),
        (vec![("APP_JWT_KEYS_FILE", "k"), ("APP_JWT_ISSUER", "")], "APP_JWT_ISSUER is not set"),
    ] {
        let message = with(&wrong).unwrap_err();
        assert!(message.contains(complaint), "{message}");
    }
}

#[test]
fn an_endpoint_is_host_and_port_or_a_url() {
    let keys = [("MINIO_ACCESS_KEY", "k"), ("MINIO_SECRET_KEY", "s")];
    for (given, expected) in
        [("minio:9000", "http://minio:9000/"), ("https://s3.example.org", "https://s3.example.org/")]
    {
        let config = parse(&[keys[0], keys[1], ("MINIO_ENDPOINT", given)]).unwrap();
        let StorageConfig::S3(s3) = config.storage else { panic!("no S3 store") };
        assert_eq!(s3.endpoint.as_str(), expected);
    }
    assert!(parse(&[keys[0], keys[1], ("MINIO_ENDPOINT", "http://u:p@h")]).is_err());
}

#[test]
fn one_bucket_for_public_and_private_files_is_refused() {
    let message = parse(&[
        ("MINIO_ENDPOINT", "minio:9000"),
        ("MINIO_ACCESS_KEY", "k"),
        ("MINIO_SECRET_KEY", "s"),
        ("MINIO_PRIVATE_BUCKET", "public"),
    ])
    .unwrap_err();
    assert!(message.contains("MINIO_PRIVATE_BUCKET is \"public\", but must be another bucket"), "{message}");
}

#[test]
fn a_secret_is_never_in_the_message_nor_in_the_debug_output() {
    let config = parse(&[("MYSQL_HOST", "db"), ("MYSQL_USER", "u"), ("MYSQL_PASSWORD", "hunter2")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_secret_may_be_in_a_file() {
    use secrecy::ExposeSecret;

    let folder = tempfile::tempdir().unwrap();
    let (kept, empty) = (folder.path().join("kept"), folder.path().join("empty"));
    std::fs::write(&kept, "pass word \n").unwrap();
    std::fs::write(&empty, "\n").unwrap();
    let with = |variables: &[(&str, &str)]| {
        parse(&[&[("MYSQL_HOST", "db"), ("MYSQL_USER", "me"), ("MYSQL_DATABASE", "files")], variables].concat())
    };
    let kept = kept.to_str().unwrap();
    let DatabaseConfig::MySql { password, .. } = with(&[("MYSQL_PASSWORD_FILE", kept)]).unwrap().database else {
        panic!("no MySQL")
    };
    assert_eq!(password.expose_secret(), "pass word ");
    let both = with(&[("MYSQL_PASSWORD_FILE", kept), ("MYSQL_PASSWORD", "canary")]).unwrap_err();
    assert!(both.contains("MYSQL_PASSWORD and MYSQL_PASSWORD_FILE are both set"), "{both}");
    let nothing = with(&[("MYSQL_PASSWORD_FILE", empty.to_str().unwrap())]).unwrap_err();
    assert!(nothing.contains("which is empty"), "{nothing}");
    let absent = with(&[("MYSQL_PASSWORD_FILE", "/no/such/file")]).unwrap_err();
    assert!(absent.contains("cannot be read") && !both.contains("canary") && !both.contains("pass word"), "{absent}");
    // What is no secret has no file.
    assert!(with(&[("MYSQL_PASSWORD", "x"), ("MYSQL_USER_FILE", "/no/such/file")]).is_ok());
}
