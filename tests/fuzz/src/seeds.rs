//! Where each target starts: the golden samples of the vocabulary, and a few texts.

use crate::description;
use althing_types::{codec, genesis::Genesis};
use borsh::BorshDeserialize;

const GOLDEN: &str = include_str!("../../../node/types/tests/golden.txt");

const ZONE: &str = include_str!("../../../examples/four_nodes/sample.zone");
const CHANGES: &str = include_str!("../../../examples/four_nodes/sample-changes.jsonl");

const JOURNAL: &str = include_str!("../../../node/zone/tests/golden/journal.hex");

/// What a registry and a registrar say of one domain.
const REGISTRY: &str = r#"{"rdapConformance":["rdap_level_0","redacted"],"objectClassName":"domain","handle":"D1","ldhName":"EXAMPLE.lab.","status":["active"],"nameservers":[{"objectClassName":"nameserver","ldhName":"ns1.lab"}],"secureDNS":{"delegationSigned":false},"links":[{"value":"https://a.lab/","rel":"related","href":"https://b.lab/domain/example.lab","type":"application/rdap+json"}],"events":[{"eventAction":"registration","eventDate":"2020-01-01T00:00:00Z"}],"entities":[{"objectClassName":"entity","roles":["registrar"],"publicIds":[{"type":"IANA Registrar ID","identifier":"7"}]},{"objectClassName":"entity","roles":["registrant"],"vcardArray":["vcard",[["version",{},"text","4.0"],["fn",{},"text",""]]]}],"redacted":[{"name":{"description":"Registrant Name"},"postPath":"$.entities[1].vcardArray[1][1][3]","method":"emptyValue"}]}"#;
const REGISTRAR: &str = r#"{"rdapConformance":["rdap_level_0"],"objectClassName":"domain","handle":"R1","ldhName":"example.lab","events":[{"eventAction":"registrar expiration","eventDate":"2030-01-01T00:00:00Z"}],"entities":[{"objectClassName":"entity","roles":["registrant"],"vcardArray":["vcard",[["version",{},"text","4.0"],["fn",{},"text","Ada"]]]}],"notices":[{"title":"Terms","description":["Be kind."]}],"redacted":[{"name":{"description":"Email"},"postPath":"$.entities[0].vcardArray[1][2]"}],"seller_extra":{"a":[1]}}"#;

/// A named input.
pub type Seed = (String, Vec<u8>);

fn digits(text: &str) -> Vec<u8> {
    hex::decode(text).expect("golden bytes are hexadecimal")
}

/// Golden samples of this name, or of this name and more after a dot or an underscore.
fn golden(prefix: &str) -> Vec<Seed> {
    let fits =
        |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']));
    let lines = GOLDEN.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found: Vec<Seed> = lines
        .filter_map(|words| match words[..] {
            [name, bytes, ..] if fits(name) => Some((name.to_string(), digits(bytes))),
            _ => None,
        })
        .collect();
    assert!(!found.is_empty(), "no golden sample is named {prefix}");
    found
}

fn first(prefix: &str) -> Vec<u8> {
    golden(prefix).swap_remove(0).1
}

/// The value of a golden sample.
pub fn golden_value<T: BorshDeserialize>(name: &str) -> T {
    codec::decode("golden sample", &first(name), usize::MAX).expect("golden bytes decode")
}

/// Parts one after the other.
fn joined(name: &str, parts: &[&[u8]]) -> Seed {
    (name.into(), parts.concat())
}

fn texts(texts: &[&str]) -> Vec<Seed> {
    texts.iter().enumerate().map(|(at, text)| (format!("text_{at}"), text.as_bytes().to_vec())).collect()
}

/// Inputs that a target starts from.
pub fn seeds(target: &str) -> Vec<Seed> {
    match target {
        "transaction" => golden("Signed.Transaction"),
        "block" => golden("Block"),
        "compact_block" => golden("CompactBlock"),
        "header" => golden("Header"),
        "receipt" => golden("Receipt"),
        "remediation_plan" => golden("PlanDocument"),
        "certificate" => golden("QuorumCertificate"),
        "vote" => golden("Signed.Vote"),
        "recovery" => golden("ProvenRecovery"),
        "checkpoint_chunk" => golden("Chunk"),
        "export_record" => golden("ExportRecord"),
        "proposal" => golden("Signed.Proposal"),
        "evidence" => golden("Evidence"),
        "genesis_json" => {
            let genesis: Genesis = golden_value("Genesis");
            vec![("genesis".into(), serde_json::to_vec(&genesis).expect("a genesis has a JSON form"))]
        }
        "domain_name" => texts(&[". lab", "ns1.XN--P1AI. xn--p1ai", "a.b.c _dmarc.b.c", "root-1 alpha:1"]),
        // Header, certificate, no list, no messages, no end, no cursor.
        "root_delivery" => {
            vec![joined("empty", &[&first("Header"), &first("QuorumCertificate"), &[0], &[0; 4], &[0], &[0]])]
        }
        "state_proof" => golden("StateProof")
            .into_iter()
            .map(|(name, proof)| joined(&name, &[&proof, &[7; 32], &[1, 0, 0, 0, b'k'], &[1, 0, 0, 0, b'v']]))
            .collect(),
        "merkle_proof" => vec![joined("proof", &[&first("MerkleProof"), &[7; 32], &[8; 32]])],
        "state_value" => state_values(),
        "contract_key" => ["order.name", "order.text", "order.bytes", "order.identifier", "order.some"]
            .iter()
            .zip(0u8..)
            .map(|(name, which)| joined(name, &[&[which], &first(name)]))
            .collect(),
        "abi" => {
            let abi = description::sample();
            vec![("module".into(), description::module(&abi)), ("description".into(), abi.encode())]
        }
        "abi_json" => arguments(),
        "consensus_record" => vec![
            joined("proposal", &[&[0], &first("Signed.Proposal")]),
            joined("vote", &[&[1], &first("Signed.Vote")]),
            joined("ready", &[&[2], &[1; 8], &[0; 4], &[7; 32], &[1]]),
            joined("built", &[&[3], &[1; 8], &[0; 4], &[7; 32]]),
            joined("timeout", &[&[4], &[1; 8], &[0; 4], &[0]]),
        ],
        "log_record" => {
            vec![joined("consensus", &[&[0, 1], &first("Signed.Vote")]), joined("block", &[&[1], &first("Block")])]
        }
        #[cfg(feature = "runtime")]
        "module" => modules(),
        "zone_file" => texts(&[
            ZONE,
            "$TTL 60\n@ NS a.root-servers.net.\n\\097.lab. A 192.0.2.1",
            "$ORIGIN lab.\n@ 1 IN NS (\nns ; x\n)",
        ]),
        "change_list" => texts(&[CHANGES]),
        "zone_journal" => vec![("entry".into(), digits(JOURNAL.trim()))],
        // An entry's body stands behind its head of 48 octets.
        "zone_delta" => vec![("body".into(), digits(JOURNAL.trim()).split_off(48))],
        #[cfg(feature = "zone_server")]
        "zone_snapshot" => vec![("snapshot".into(), snapshot())],
        "zone_request" => requests(),
        "network_frame" => vec![
            joined("proposal", &[&[0, 0], &first("Signed.Proposal"), &first("CompactBlock")]),
            joined("vote", &[&[0, 1], &first("Signed.Vote")]),
            joined("transactions", &[&[0, 2, 1, 0, 0, 0], &first("Signed.Transaction")]),
            joined("status", &[&[0, 3], &[1; 8]]),
            joined("recovery", &[&[0, 4], &first("SignedRecovery")]),
            joined("links", &[&[1, 1, 0, 0, 0], &first("NodeId")]),
        ],
        "network_request" => vec![
            joined("blocks", &[&[0], &[1; 8], &[4, 0, 0, 0]]),
            joined("transactions", &[&[1], &[7; 32], &[1, 0, 0, 0], &[8; 32]]),
            joined("compact_block", &[&[2], &[7; 32]]),
        ],
        "network_response" => vec![
            joined("blocks", &[&[0, 1, 0, 0, 0], &first("Block"), &first("QuorumCertificate")]),
            joined("transactions", &[&[1, 1, 0, 0, 0], &first("Signed.Transaction")]),
            joined("compact_block", &[&[2, 1], &first("CompactBlock")]),
            joined("busy", &[&[3]]),
        ],
        "rdap_answer" => vec![joined("both", &[REGISTRY.as_bytes(), &[0], REGISTRAR.as_bytes()])],
        "rdap_bootstrap" => texts(&[
            r#"{"version":"1.0","publication":"2026-01-01T00:00:00Z","services":[[["lab","a.lab"],["https://rdap.nic.lab/","http://b.lab/x"]],[["xn--p1ai"],["https://c.example/"]]]}"#,
            r#"{"ccTldRdapServers":[{"tld":"is","rdapServer":"https://rdap.example"}]}"#,
        ]),
        "rdap_registrars" => vec![
            joined("ids", &[&[0], b"\xef\xbb\xbfID,Registrar Name,Status,RDAP Base URL\n7,\"A, Inc.\",Accredited,https://a.example\n9,B,Terminated,https://b.example/\n"]),
            joined("accredited", &[&[1], b"Registrar Name,IANA Number,Country/Territory,Public Contact,Link\nA,7,Iceland,desk,https://a.example\n"]),
        ],
        "rdap_place" => texts(&[
            "https://rdap.example:8443/domain/a.lab?x#y",
            "https://user@[2606:4700::1111]:443/",
            "../domain/A.LAB",
            "//0x7f.1/",
            "max-age=60, s-maxage=\"30\", private",
        ]),
        "rdap_question" => texts(&["Example.LAB.", "b\u{fc}cher\u{3002}lab", "xn--bcher-kva.lab", "2001:db8::/32", "192.0.2.1"]),
        "certificate_chain" => vec![("chain".into(), chain())],
        "certificate_request" => vec![("request".into(), certificate("request"))],
        _ => vec![],
    }
}

/// Questions for the root: type, operation, and whether an EDNS record is with them.
fn requests() -> Vec<Seed> {
    let ask = |name: &str, kind: u8, operation: u8, edns: bool| {
        let mut out = vec![7, 7, operation << 3, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns), 0, 0, kind, 0, 1];
        if edns {
            out.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        }
        (name.to_owned(), out)
    };
    let mut all = vec![ask("soa", 6, 0, true), ask("axfr", 252, 0, false), ask("notify", 6, 4, false)];
    // AXFR with a signature whose digest is zeros.
    let (_, mut signed) = ask("signed", 252, 0, false);
    signed[11] = 1;
    signed.extend(b"\x03xfr\x03lab\0\0\xfa\0\xff\0\0\0\0\0\x3d\x0bhmac-sha256\0\0\0\x6b\x02\x37\x80\x01\x2c\0\x20");
    signed.extend([0; 32]);
    signed.extend([7, 7, 0, 0, 0, 0]);
    all.push(("signed".into(), signed));
    all
}

/// A version of a small zone.
#[cfg(feature = "zone_server")]
fn snapshot() -> Vec<u8> {
    use althing_zone::{
        master,
        record::Owner,
        store::snapshot,
        version::{Origin, Version},
    };
    let apex = Owner::root();
    let text = ". 1 IN SOA a. b. 7 1 1 1 1\n. 1 IN NS a.\nlab. 1 IN NS a.\na. 1 IN A 192.0.2.1\n";
    let mut records = master::parse(text, &apex).expect("a zone");
    let soa = records.remove(0);
    let records = records.into_iter().collect();
    let version = Version { apex, serial: 7, soa, records, origin: Origin::default(), delegations: 1 };
    let mut out = Vec::new();
    snapshot::write(&version, &mut out).expect("a vector");
    out
}

const CERTIFICATES: &str = include_str!("../../../node/identity/tests/golden.txt");

fn certificate(name: &str) -> Vec<u8> {
    let line = CERTIFICATES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    digits(line.expect("a committed certificate of this name"))
}

/// The committed chain: root, leaf, authority.
pub fn certificates() -> [Vec<u8>; 3] {
    ["root", "leaf", "authority"].map(certificate)
}

fn chain() -> Vec<u8> {
    let mut all = 1_795_305_600_000u64.to_le_bytes().to_vec();
    for one in certificates() {
        all.extend(u16::try_from(one.len()).expect("certificates are short").to_le_bytes());
        all.extend(one);
    }
    all
}

fn state_values() -> Vec<Seed> {
    let kinds = [
        (0, "AuthorityList"),
        (1, "Parameters"),
        (2, "ContractEntry"),
        (3, "KeyEntry"),
        (4, "Organisation"),
        (5, "Sequence"),
        (6, "Abnormal"),
        (15, "Genesis"),
    ];
    let mut all: Vec<Seed> = kinds.iter().map(|(which, name)| joined(name, &[&[*which], &first(name)])).collect();
    let name: &[u8] = b"\x07\0\0\0ns1.lab";
    all.push(joined("delegation", &[&[7, 1, 0, 0, 0], name, &[0; 12]]));
    all.push(joined("host", &[&[8, 1, 0, 0, 0, 192, 0, 2, 1], &[60, 0, 0, 0], &[0; 8]]));
    all
}

fn arguments() -> Vec<Seed> {
    let zero = "00".repeat(32);
    let put = format!(
        r#"{{"entry":{{"flag":true,"small":1,"port":53,"count":4,"total":"5","wide":"6","change":-7,"note":"n",
        "blob":"00ff","address":"c0000201","hash":"{zero}","key":"{zero}","name":"lab.","owner":"alpha","contract":"c","role":"isp",
        "nothing":null}},"choice":{{"Two":[1,null]}}}}"#
    );
    let texts = [&put, r#"{"all":["None",{"One":null},{"Named":{"name":"."}}]}"#, r#"[{"some":[null,null]}]"#, "[]"];
    let mut all: Vec<Seed> =
        texts.iter().enumerate().map(|(at, text)| joined(&format!("json_{at}"), &[&[0, 0], text.as_bytes()])).collect();
    let abi = description::sample().encode();
    let length = u16::try_from(abi.len()).expect("the sample is short").to_le_bytes();
    all.push(joined("own_description", &[&length, &abi, b"[null]"]));
    all.push(joined("bytes", &[&[0, 0, 2, 0, 0, 0, 1, 0, 0]]));
    all
}

/// Modules that the machine takes, but for the last one, which is too hungry.
#[cfg(feature = "runtime")]
fn modules() -> Vec<Seed> {
    let mut abi = description::sample();
    abi.methods.clear();
    abi.migrates_from.clear();
    let head = r#"(import "althing" "gas_left" (func (result i64))) (memory (export "memory") 1)
        (func (export "althing_abi_1"))"#;
    let bodies = [
        "",
        r#"(global (mut i64) (i64.const 7)) (table 4 funcref) (elem (i32.const 0) 0 1) (data (i32.const 8) "lab")"#,
        r#"(func (param i32) (result i32) (local i64)
            (block (loop (br_if 1 (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))
            (if (result i32) (local.get 0) (then (i32.load (local.get 0))) (else (i32.const 3))))"#,
        "(memory 60000)",
    ];
    let module = |(at, body): (usize, &&str)| {
        let mut code = wat::parse_str(format!("(module {head} {body})")).expect("a module in text form");
        description::append(&abi, &mut code);
        (format!("module_{at}"), code)
    };
    bodies.iter().enumerate().map(module).collect()
}
