//! A TLD's zone goes in as a whole, also when the command that loads it is killed in the middle and run again.

use crate::net::{Net, wait_until};
use std::{collections::BTreeSet, fmt::Write as _, process::Stdio};

/// Delegations of the zone: enough that a load of them is under way for seconds.
const NAMES: usize = 30_000;

/// The names that a zone of the chain has delegated.
fn delegated(net: &Net) -> BTreeSet<String> {
    let out = net.path().join("alpha.out");
    net.ok(&["zone", "export", "--zone", "alpha", "--out", out.to_str().unwrap()]);
    let text = std::fs::read_to_string(&out).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.len() == 5 && fields[3] == "NS" && fields[0] != "alpha.")
            .then(|| format!("{} {}", fields[0], fields[4]))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn a_load_that_is_killed_in_the_middle_is_completed_by_the_next_one() {
    let net = Net::none();
    net.ok(&["devnet", "up", "--profile", "tld:alpha", "--detach"]);
    let mut zone = String::from("$ORIGIN alpha.\n$TTL 3600\n@ NS ns1\nns1 A 192.0.2.53\n");
    let mut wanted = BTreeSet::new();
    for number in 0..NAMES {
        let host = format!("ns{}.example.", number % 7);
        writeln!(zone, "name-{number} NS {host}").unwrap();
        wanted.insert(format!("name-{number}.alpha. {host}"));
    }
    let file = net.path().join("alpha.zone");
    std::fs::write(&file, zone).unwrap();
    let import = ["zone", "import", "--zone", "alpha", "--sponsor", "registrar-1", file.to_str().unwrap()];

    let mut first = net.command(&import).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // In the first parcel.
    wait_until(|| net.run(&["zone", "explain", "name-0.alpha", "NS"]).status.success(), || net.logs());
    first.kill().unwrap();
    first.wait().unwrap();

    let again = net.json(&import);
    assert_eq!(again["names"], NAMES, "{again}");
    assert!(again["present"].as_u64().unwrap() > 0, "{again}");
    assert_eq!(delegated(&net), wanted);
    let third = net.json(&import);
    assert_eq!((&third["present"], &third["transactions"]), (&NAMES.into(), &0.into()), "{third}");
}
