//! What a stranger or a faulty client may send: refused with its stable code, kept as evidence, and without effect.

use crate::{
    http,
    net::{Net, Sender, wait_until},
};
use althing_types::{
    codec,
    crypto::SecretKey,
    id::{ChainId, Height},
    transaction::{SignedTransaction, Transaction},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A change that makes a good transaction a bad one.
type Fault = fn(&mut Transaction);

/// Faults of a transaction that is signed correctly, by the code they are refused with.
const FAULTS: [(&str, Fault); 8] = [
    ("wrong_chain", |t| t.chain = ChainId::new("another-chain").unwrap()),
    ("wrong_kind", |t| t.attributes = althing_types::transaction::Attributes::Tld),
    ("version", |t| t.version = 9),
    ("expired", |t| t.expiry = Height(1)),
    ("expiry_too_far", |t| t.expiry = Height(10_000_000)),
    ("sequence_used", |t| t.sequence.0 -= 1),
    ("sequence_gap", |t| t.sequence.0 += 1_000_000),
    ("fuel_limit", |t| t.fuel_limit = 0),
];

fn submit(api: &str, signed: &SignedTransaction) -> http::Answer {
    http::post(api, "/v1/transactions", &json!({ "transaction": hex::encode(codec::encode(signed)) }))
}

/// What must not change: the state, and what waits for a block. Empty blocks change neither.
fn facts(api: &str) -> [Value; 2] {
    let status = http::get(api, "/v1/status").json();
    ["state_root", "pending_transactions"].map(|field| status[field].clone())
}

/// Codes of the marked transactions, by hash.
fn marked(api: &str) -> BTreeMap<String, String> {
    let list = http::get(api, "/v1/abnormal?limit=500").json();
    let rows = list["abnormal"].as_array().unwrap().iter();
    rows.map(|row| (row["transaction"].as_str().unwrap().to_owned(), row["code"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn hostile_transactions_are_refused_by_code_marked_and_without_effect() {
    let net = Net::up(&[]);
    let api = &net.apis()[0];
    let sender = Sender::new(&net, "operator");
    let bind = |tld: &str| {
        net.json(&[
            "--api",
            api,
            "contract",
            "call",
            "tld_binding",
            "bind",
            &json!({ "tld": tld, "organisation": "registry-1" }).to_string(),
        ])
    };
    bind("alfa");
    // The block of the last call.
    let height = bind("bravo")["height"].as_u64().unwrap();
    let sequence = sender.sequence(api);
    let good = |note: &str| {
        let mut transaction = sender.call(sequence, height, "bind", vec![]);
        transaction.postscript = althing_types::codec::Text::new(note).unwrap();
        transaction
    };
    let before = facts(api);
    assert_eq!(before[1], 0, "{before:?}");
    let mut expected = BTreeMap::new();

    for (code, fault) in FAULTS {
        let mut transaction = good(code);
        fault(&mut transaction);
        let signed = sender.sign(transaction);
        let answer = submit(api, &signed);
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{answer:?}");
        expected.insert(signed.value.hash().to_string(), code.to_owned());
    }

    let stranger = Sender { key: SecretKey::from_seed(&[7; 32]), genesis: sender.genesis.clone() };
    let unknown = stranger.sign(stranger.call(0, height, "bind", vec![]));
    let answer = submit(api, &unknown);
    assert_eq!((answer.status, answer.code().as_str()), (422, "unknown_operator"), "{answer:?}");
    expected.insert(unknown.value.hash().to_string(), "unknown_operator".into());

    // Signed by one key in the name of another; and a good signature of which one bit was changed.
    let forged = SignedTransaction::sign(good("forged"), &stranger.key);
    let mut damaged = sender.sign(good("damaged"));
    damaged.signature.0[40] ^= 1;
    for bad in [forged, damaged] {
        let answer = submit(api, &bad);
        assert_eq!((answer.status, answer.code().as_str()), (422, "bad_signature"), "{answer:?}");
        expected.insert(bad.value.hash().to_string(), "bad_signature".into());
    }
    assert_eq!(marked(api), expected, "each refused transaction is kept with its reason, and nothing else is");
    let listed = net.json(&["--api", api, "tx", "list", "--abnormal"]);
    assert!(expected.keys().all(|hash| listed.to_string().contains(hash)), "{listed}");

    // What is no transaction has no hash to be marked under.
    let whole = codec::encode(&sender.sign(good("cut")));
    let long = [whole.as_slice(), &[0]].concat();
    for bytes in [&[][..], &[0xff; 64], &whole[..whole.len() - 1], &long] {
        let answer = http::post(api, "/v1/transactions", &json!({ "transaction": hex::encode(bytes) }));
        assert_eq!((answer.status, answer.code().as_str()), (422, "malformed"), "{answer:?}");
        let answer = http::request(api, "POST", "/v1/transactions", "application/octet-stream", bytes);
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_bytes"), "{answer:?}");
    }
    let large = "00".repeat(1024 * 1024);
    let answer = http::post(api, "/v1/transactions", &json!({ "transaction": large }));
    assert_eq!((answer.status, answer.code().as_str()), (422, "too_large"), "{answer:?}");
    let answer = http::post(api, "/v1/transactions", &json!({ "transaction": "xy" }));
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_json"), "{answer:?}");
    let answer = http::request(api, "POST", "/v1/transactions", "application/json", &vec![b' '; 5 * 1024 * 1024]);
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert_eq!(marked(api), expected);
    assert_eq!(facts(api), before, "a refused transaction has changed something");

    // A final transaction sent again is known, not executed again.
    let last = http::get(api, &format!("/v1/blocks/{height}?full=true")).json();
    let again: SignedTransaction = serde_json::from_value(last["transactions"][0].clone()).unwrap();
    let answer = submit(api, &again);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["results"][0]["accepted"], true, "{answer:?}");
    assert_eq!(facts(api), before, "a transaction was executed twice");
    assert_eq!(sender.sequence(api), sequence);

    // In one batch the good ones go in and the bad ones are named.
    let (mut bad, fine) = (good("bad"), good("fine"));
    bad.fuel_limit = u64::MAX;
    let texts = [bad, fine].map(|t| hex::encode(codec::encode(&sender.sign(t))));
    let answer = http::post(api, "/v1/transactions", &json!({ "transactions": texts }));
    let results = answer.json()["results"].clone();
    assert_eq!(results[0]["refusal"]["code"], "fuel_limit", "{answer:?}");
    assert_eq!(results[1]["accepted"], true, "{answer:?}");
    wait_until(|| sender.sequence(api) == sequence + 1, || net.logs());
    bind("charlie");
    assert_eq!(net.json(&["--api", api, "query", "tld", "charlie"])["verified"], true);
    for other in &net.apis()[1..] {
        assert!(marked(other).is_empty(), "what one node refused has reached another");
    }
}
