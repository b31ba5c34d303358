use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::config::JwtKeys;

const ISSUER: &str = "https://issuer.example";

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn claims() -> Value {
    let now = chrono::Utc::now().timestamp();
    json!({ "iss": ISSUER, "aud": ["files", "others"], "sub": "ada", "exp": now + 60, "nbf": now - 1,
            "scope": "openid files:read", "org": "acme" })
}

/// An issuer with a key on each of two curves.
struct Issuer {
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let p256 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            p256: EcdsaKeyPair::from_pkcs8(algorithm, p256.as_ref(), &random).unwrap(),
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap(),
        }
    }

    fn set(&self) -> Value {
        let (x, y) = self.p256.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let ed = URL_SAFE_NO_PAD.encode(self.ed25519.public_key().as_ref());
        json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": y },
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": ed },
            { "kty": "oct", "kid": "secret", "k": URL_SAFE_NO_PAD.encode("published") },
            { "kty": "new", "kid": "unheard-of" },
        ] })
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => self.ed25519.sign(message.as_bytes()).as_ref().to_vec(),
            _ => self.p256.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn config(keys: JwtKeys, algorithms: &[Algorithm]) -> JwtConfig {
    JwtConfig {
        issuer: ISSUER.into(),
        audience: "files".into(),
        algorithms: algorithms.to_vec(),
        keys,
        scopes_claim: "scope".into(),
        tenant_claim: Some("org".into()),
        user_claim: Some("user".into()),
    }
}

fn service(issuer: &Issuer) -> JwtService {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, issuer.set().to_string()).unwrap();
    JwtService::new(config(JwtKeys::File(path), &[Algorithm::ES256, Algorithm::EdDSA])).unwrap()
}

#[tokio::test]
async fn a_token_says_who_calls_whose_things_it_sees_and_what_it_may() {
    let issuer = Issuer::new();
    let service = service(&issuer);
    for header in
        [json!({ "alg": "ES256", "kid": "ec" }), json!({ "alg": "EdDSA", "kid": "ed" }), json!({ "alg": "EdDSA" })]
    {
        let mut claims = claims();
        let user = UserId::random();
        claims["user"] = user.to_string().into();
        let caller = service.caller(&issuer.token(&header, &claims)).await.unwrap().expect("a caller");
        assert_eq!(caller.actor, Actor::Subject("ada".into()));
        assert_eq!((caller.tenant.as_str(), caller.scopes.to_string().as_str()), ("acme", "files:read"));
        assert_eq!(caller.user, Some(user));
    }
    let mut list = claims();
    list["scope"] = json!(["users", 7, "admin"]);
    let caller = service.caller(&issuer.token(&json!({ "alg": "EdDSA" }), &list)).await.unwrap().expect("a caller");
    assert_eq!(caller.scopes.to_string(), "users,admin");
}

#[tokio::test]
async fn every_known_attack_ends_at_the_door() {
    let issuer = Issuer::new();
    let service = service(&issuer);
    let good = json!({ "alg": "ES256", "kid": "ec" });
    let now = chrono::Utc::now().timestamp();
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        issuer.token(&good, &claims)
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        issuer.token(&good, &claims)
    };
    let fine = issuer.token(&good, &claims());
    assert!(service.caller(&fine).await.unwrap().is_some());
    let (message, signature) = fine.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    // The public key as the secret of HMAC (RFC 8725 section 2.1), and a secret that was published.
    let hmac = |secret: &[u8], header: Value| {
        let message = format!("{}.{}", encoded(&header), encoded(&claims()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
    };
    let attacks = [
        format!("{}.{body}.", encoded(&json!({ "alg": "none" }))),
        format!("{}.{body}.{signature}", encoded(&json!({ "alg": "None", "kid": "ec" }))),
        hmac(issuer.p256.public_key().as_ref(), json!({ "alg": "HS256", "kid": "ec" })),
        hmac(issuer.set().to_string().as_bytes(), json!({ "alg": "HS256" })),
        hmac(b"published", json!({ "alg": "HS256", "kid": "secret" })),
        format!("{head}.{body}."),
        format!(
            "{head}.{}.{signature}",
            encoded(&json!({ "iss": ISSUER, "aud": "files", "org": "acme", "exp": now + 60 }))
        ),
        format!("{head}.{body}.{signature}.x"),
        format!("{head}.{body}"),
        Issuer::new().token(&good, &claims()),
        issuer.token(&json!({ "alg": "ES256", "kid": "ed" }), &claims()),
        issuer.token(&json!({ "alg": "ES256", "kid": "ec", "crit": ["b64"] }), &claims()),
        // A key that the token brings along is nobody's.
        Issuer::new().token(&json!({ "alg": "ES256", "jwk": issuer.set()["keys"][0] }), &claims()),
        changed("exp", (now - 31).into()),
        changed("exp", "tomorrow".into()),
        changed("nbf", (now + 40).into()),
        changed("iss", "https://issuer.example.evil".into()),
        changed("aud", "others".into()),
        changed("aud", json!([])),
        changed("org", "../other".into()),
        changed("org", json!(["acme"])),
        changed("user", "ada".into()),
        without("exp"),
        without("iss"),
        without("aud"),
        without("org"),
        String::new(),
        "..".into(),
    ];
    for (number, attack) in attacks.iter().enumerate() {
        assert!(service.caller(attack).await.unwrap().is_none(), "{number}: {attack}");
    }
    // A little skew is no attack.
    assert!(service.caller(&changed("exp", (now - 20).into())).await.unwrap().is_some());
}

#[tokio::test]
async fn a_shared_secret_verifies_only_what_it_signed() {
    let keys = JwtKeys::Secret("a secret of the issuer and ours".to_owned().into());
    let service = JwtService::new(config(keys, &[Algorithm::HS256])).unwrap();
    let signed = |secret: &str, algorithm: &str| {
        let message = format!("{}.{}", encoded(&json!({ "alg": algorithm })), encoded(&claims()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
    };
    assert!(service.caller(&signed("a secret of the issuer and ours", "HS256")).await.unwrap().is_some());
    assert!(service.caller(&signed("another secret", "HS256")).await.unwrap().is_none());
    assert!(service.caller(&signed("a secret of the issuer and ours", "HS384")).await.unwrap().is_none());
}

#[test]
fn a_file_without_a_public_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for content in
        ["", "nonsense", "{}", r#"{"keys":[]}"#, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
    {
        std::fs::write(&path, content).unwrap();
        let refused = JwtService::new(config(JwtKeys::File(path.clone()), &[Algorithm::ES256])).err();
        assert!(format!("{:#}", refused.expect("an error")).contains("APP_JWT_KEYS_FILE is"), "{content}");
    }
}
