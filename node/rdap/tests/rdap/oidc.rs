//! Claims about users: bearer tokens of an OpenID provider that the test plays, and how many users there may be (D 4).
use crate::town::{Play, Reply, Server, Town};
use althing_rdap::{
    config::{Tier, UserConfig},
    oidc::OidcConfig,
};
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use sha3::{Digest, Sha3_256};
use std::time::{Duration, SystemTime};

/// A key of these tests and of nobody else.
const RSA_KEY: &[u8] = include_bytes!("rsa_key.der");

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0u32, |all, at| all << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..=chunk.len() {
            out.push(char::from(LETTERS[(number >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

/// Keys of a provider.
struct Signer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(RSA_KEY).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    fn keys(&self, prefix: &str) -> Value {
        let rsa = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let point = self.ec.public_key().as_ref();
        let id = |kind: &str| format!("{prefix}{kind}");
        json!({"keys": [
            {"kty": "RSA", "kid": id("rsa"), "use": "sig", "alg": "RS256", "n": base64(&rsa.n), "e": base64(&rsa.e)},
            {"kty": "EC", "kid": id("ec"), "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..])},
            {"kty": "OKP", "kid": id("ed"), "crv": "Ed25519", "x": base64(self.ed.public_key().as_ref())},
            {"kty": "oct", "kid": id("oct"), "k": "c2VjcmV0"},
        ]})
    }

    /// A token; the algorithm says who signs.
    fn token(&self, header: &Value, claims: &Value) -> String {
        let body = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let random = SystemRandom::new();
        let signature = match header["alg"].as_str().unwrap() {
            "RS256" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, body.as_bytes(), &mut signature).unwrap();
                signature
            }
            "ES256" => self.ec.sign(&random, body.as_bytes()).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(body.as_bytes()).as_ref().to_vec(),
            "HS256" => {
                // With the public key in the place of a secret.
                let secret = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public()).n;
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
                ring::hmac::sign(&key, body.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{body}.{}", base64(&signature))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn claims(issuer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = json!({"iss": issuer, "aud": ["other", "althing-rdap"], "sub": "u1", "exp": now() + 600});
    change(&mut claims);
    claims
}

struct Played {
    town: Town,
    provider: Server,
    signer: Signer,
    issuer: String,
}

impl Played {
    async fn start() -> Self {
        let provider = Server::start().await;
        let (issuer, signer) = (provider.url(""), Signer::new());
        let discovery = json!({"issuer": issuer, "jwks_uri": provider.url("/keys")});
        provider.on("/.well-known/openid-configuration", Play::Rdap(discovery));
        provider.on("/keys", Play::Rdap(signer.keys("")));
        let town = Town::with(|config| {
            config.limits.tiers.push(Tier { name: "closed".into(), per_second: 0, burst: 1 });
            config.fetch.allow.push(provider.address.to_string());
            config.oidc = Some(OidcConfig {
                issuer: issuer.clone(),
                audience: "althing-rdap".into(),
                tier: "gold".into(),
                tier_claim: Some("tier".into()),
                jwks: None,
                refresh_s: 1,
            });
        })
        .await;
        town.known();
        Self { town, provider, signer, issuer }
    }

    async fn ask(&self, token: &str) -> Reply {
        let town = &self.town;
        let request = town.http().get(town.url("/domain/example.lab?source=registry"));
        town.send(request.header("authorization", format!("Bearer {token}"))).await
    }

    fn good(&self, header: Value) -> String {
        self.signer.token(&header, &claims(&self.issuer, |_| {}))
    }
}

#[tokio::test]
async fn tokens_of_the_provider_are_taken_by_each_of_three_algorithms() {
    let played = Played::start().await;
    for (algorithm, key) in [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")] {
        let reply = played.ask(&played.good(json!({"alg": algorithm, "kid": key, "typ": "at+jwt"}))).await;
        assert_eq!(reply.status, 200, "{algorithm}: {}", reply.text);
    }
    // Without a key id there is no choice here: one key for each algorithm.
    assert_eq!(played.ask(&played.good(json!({"alg": "EdDSA"}))).await.status, 200);
    // All that with one fetch of discovery document and keys.
    assert_eq!(played.provider.asked(), ["/.well-known/openid-configuration", "/keys"]);
    let closed =
        played.signer.token(&json!({"alg": "EdDSA"}), &claims(&played.issuer, |c| c["tier"] = "closed".into()));
    assert_eq!(played.ask(&closed).await.status, 403);
    let unknown = played.signer.token(&json!({"alg": "EdDSA"}), &claims(&played.issuer, |c| c["tier"] = "root".into()));
    assert_eq!(played.ask(&unknown).await.status, 200);
    // Keys of the configuration go on beside the provider.
    assert_eq!(played.ask("secret").await.status, 200);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_it_is_not_taken() {
    let played = Played::start().await;
    let ed = json!({"alg": "EdDSA", "kid": "ed"});
    let with = |change: fn(&mut Value)| played.signer.token(&ed, &claims(&played.issuer, change));
    let other = Signer::new();
    let mut damaged = played.good(ed.clone());
    let last = damaged.pop().unwrap();
    damaged.insert(damaged.len() - 3, if last == 'A' { 'B' } else { 'A' });
    let exchanged = {
        let (good, evil) = (played.good(ed.clone()), with(|c| c["sub"] = "admin".into()));
        let (good, evil): (Vec<_>, Vec<_>) = (good.split('.').collect(), evil.split('.').collect());
        format!("{}.{}.{}", good[0], evil[1], good[2])
    };
    for (what, token) in [
        ("expired", with(|c| c["exp"] = (now() - 61).into())),
        ("no expiry", with(|c| drop(c.as_object_mut().unwrap().remove("exp")))),
        ("expiry is text", with(|c| c["exp"] = "9999999999".into())),
        ("not yet", with(|c| c["nbf"] = (now() + 120).into())),
        ("not before is text", with(|c| c["nbf"] = "0".into())),
        ("audience", with(|c| c["aud"] = "althing".into())),
        ("no audience", with(|c| drop(c.as_object_mut().unwrap().remove("aud")))),
        ("issuer", with(|c| c["iss"] = "https://other.example".into())),
        ("issuers", with(|c| c["iss"] = json!([c["iss"].clone(), "x"]))),
        ("no subject", with(|c| drop(c.as_object_mut().unwrap().remove("sub")))),
        ("empty subject", with(|c| c["sub"] = "".into())),
        ("none", played.good(json!({"alg": "none"}))),
        ("no signature", format!("{}.", played.good(ed.clone()).rsplit_once('.').unwrap().0)),
        ("HS256 with the public key", played.good(json!({"alg": "HS256", "kid": "rsa"}))),
        ("HS256 with a key that was passed over", played.good(json!({"alg": "HS256", "kid": "oct"}))),
        ("a key of another algorithm", played.good(json!({"alg": "EdDSA", "kid": "ec"}))),
        ("unknown key", played.good(json!({"alg": "EdDSA", "kid": "x"}))),
        ("somebody else's key", other.token(&ed, &claims(&played.issuer, |_| {}))),
        ("critical", played.good(json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]}))),
        ("damaged", damaged),
        ("claims exchanged", exchanged),
        ("long", format!("{}.a.b", "a".repeat(9_000))),
        ("no token", "a.b.c".into()),
    ] {
        let reply = played.ask(&token).await;
        assert_eq!((reply.status, &reply.json()["errorCode"]), (401, &json!(401)), "{what}");
        assert_eq!(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"", "{what}");
    }
    // Clocks may differ by a minute.
    assert_eq!(played.ask(&with(|c| c["exp"] = (now() - 30).into())).await.status, 200);
    assert_eq!(played.ask(&with(|c| c["nbf"] = (now() + 30).into())).await.status, 200);
}

#[tokio::test]
async fn keys_are_renewed_for_an_unknown_one_and_stay_while_the_provider_is_down() {
    let played = Played::start().await;
    let ed = json!({"alg": "EdDSA", "kid": "ed"});
    assert_eq!(played.ask(&played.good(ed.clone())).await.status, 200);
    // Guessed key ids do not make this node ask again and again.
    for _ in 0..5 {
        assert_eq!(played.ask(&played.good(json!({"alg": "EdDSA", "kid": "x"}))).await.status, 401);
    }
    assert_eq!(played.provider.asked().len(), 2);
    played.provider.on("/keys", Play::Status(500));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(played.ask(&played.good(json!({"alg": "EdDSA", "kid": "x"}))).await.status, 401);
    assert_eq!(played.provider.asked().len(), 4);
    assert_eq!(played.ask(&played.good(ed.clone())).await.status, 200);
    // A new key counts, and the one that it took the place of does not.
    let rotated = Signer::new();
    played.provider.on("/keys", Play::Rdap(rotated.keys("new-")));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let token = rotated.token(&json!({"alg": "EdDSA", "kid": "new-ed"}), &claims(&played.issuer, |_| {}));
    assert_eq!(played.ask(&token).await.status, 200);
    assert_eq!(played.ask(&played.good(ed)).await.status, 401);
}

#[tokio::test]
async fn without_any_key_of_the_provider_nobody_is_called_a_liar() {
    let played = Played::start().await;
    for play in [
        Play::Status(500),
        Play::Rdap(json!({"issuer": "https://other.example", "jwks_uri": played.provider.url("/keys")})),
        Play::Rdap(json!({"issuer": played.issuer, "jwks_uri": "http://169.254.169.254/keys"})),
        Play::Rdap(json!({"issuer": played.issuer, "jwks_uri": "/etc/passwd"})),
    ] {
        played.provider.on("/.well-known/openid-configuration", play.clone());
        let reply = played.ask(&played.good(json!({"alg": "EdDSA", "kid": "ed"}))).await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, "10"), "{play:?}");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    assert!(!played.provider.asked().contains(&"/keys".to_owned()));
}

#[tokio::test]
async fn there_are_at_most_so_many_users_at_a_time() {
    let user = |name: &str| UserConfig {
        name: name.into(),
        key_sha3: hex::encode(Sha3_256::digest(name.as_bytes())),
        tier: "gold".into(),
    };
    let town = Town::with(|config| {
        config.users = vec![user("a"), user("b")];
        config.limits.users_online = 1;
        config.limits.online_s = 1;
    })
    .await;
    let ask = async |key: &str| {
        let request = town.http().get(town.url("/help"));
        town.send(request.header("authorization", format!("Bearer {key}"))).await
    };
    assert_eq!((ask("a").await.status, ask("a").await.status), (200, 200));
    let reply = ask("b").await;
    assert_eq!((reply.status, &reply.json()["errorCode"]), (503, &json!(503)));
    assert!(["1", "2"].contains(&reply.header("retry-after")));
    // Those without key are counted by their addresses and rates, not here.
    assert_eq!(town.get("/help").await.status, 200);
    assert!(town.get("/metrics").await.text.contains("althing_rdap_users_online 1"));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(ask("b").await.status, 200);
}
