# shellcheck shell=bash
# Names: a root chain and the chain of .lab, whose registry is in both with one process; names that registrars register
# there, served to a real BIND, and a DS record that travels from the chain of .lab to the root zone. Sourced by demo.sh.

names="$work/names"
lab_chain=tld-lab
lab() { "$althing" --home "$names" --chain "$lab_chain" "$@"; }
at_root() { "$althing" --home "$names" "$@"; }
# A port that nobody listens on.
free_port() {
    local port
    for _ in $(seq 1 50); do
        port=$((20000 + RANDOM % 10000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return 0; fi
    done
    return 1
}
dns_port="$(free_port)"
query() { dig +norecurse +time=2 +tries=1 "@127.0.0.1" -p "$dns_port" "$@"; }
serial_of() { query "$1" SOA +short | awk '{ print $3 }'; }

say "names: a root chain, the chain of .lab with registrars, and the zone server of both"
"$althing" devnet down --dir "$net"
"$althing" --timeout 180 devnet up --dir "$names" --profile root+tld:lab --timelock-ms 2000 --detach
lab member list
# The root zone needs name servers of its own before it can be served.
at_root zone import "$here/sample.zone"
zone_address="$(grep -o '"address": *"[^"]*"' "$names/devnet.json" | head -n 1 | cut -d '"' -f 4)"
key_file="$(grep -o '"key_file": *"[^"]*"' "$names/devnet.json" | head -n 1 | cut -d '"' -f 4)"

say "the registry gives .lab its name servers on the chain of .lab; the root hears of it with proofs"
lab domain apex --ns ns1.nic.lab --host ns1.nic.lab=192.0.2.53 --ns ns2.example.net --ttl 3600 --key registry-1
until_says "ns1.nic.lab" at_root query tld lab
at_root sync status

say "registrars register names; the wrong registrar changes nothing"
lab domain register alice.lab --years 2 --ns ns.alice.lab --host ns.alice.lab=192.0.2.1 --key registrar-1
lab domain register bob.lab --ns ns1.example.net --ns ns2.example.net --key registrar-2
lab domain show alice.lab
if lab domain update alice.lab --ns ns.elsewhere.example --key registrar-2; then
    echo "another registrar changed alice.lab" >&2; exit 1
fi

if [ -z "${ALTHING_DEMO_WITHOUT_BIND:-}" ] && command -v named >/dev/null 2>&1 && command -v dig >/dev/null 2>&1; then
    say "BIND is a secondary of both zones, on port $dns_port; the zone server is at $zone_address"
    mkdir -p "$work/bind"
    key_name="$(grep -o '"key_name": *"[^"]*"' "$names/devnet.json" | head -n 1 | cut -d '"' -f 4)"
    cat >"$work/bind/named.conf" <<CONF
include "$key_file";
options {
    directory "$work/bind"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
    listen-on port $dns_port { 127.0.0.1; }; listen-on-v6 { none; }; notify no; allow-transfer { none; };
    # This network's zone server knows of no secondary to notify: BIND asks often instead.
    min-refresh-time 1; max-refresh-time 2; min-retry-time 1; max-retry-time 2;
};
controls { };
zone "." { type secondary; primaries { ${zone_address%:*} port ${zone_address##*:} key "$key_name"; }; file "root.db"; };
zone "lab" { type secondary; primaries { ${zone_address%:*} port ${zone_address##*:} key "$key_name"; }; file "lab.db"; };
CONF
    named -g -c "$work/bind/named.conf" >"$work/bind/log" 2>&1 &
    bind=$!
    until_says "192.0.2.1" query ns.alice.lab A +noall +additional +answer
    until_says "ns1.nic.lab" query lab NS +noall +authority +answer

    say "a DS record that the registry sets on the chain of .lab is soon in the root zone of BIND"
    lab domain apex --ns ns1.nic.lab --host ns1.nic.lab=192.0.2.53 --ns ns2.example.net --ttl 3600 \
        --ds '4711 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE49FD46E6C4B45C55D4AC69CB' --key registry-1
    until_says "4711 13 2" query lab DS +short
    at_root zone explain lab DS
    at_root zone explain lab DS --json | grep -q '"verified": true'

    say "a change that is taken back leads to the old data under a higher serial"
    before="$(serial_of lab)"
    lab domain update bob.lab --ns ns9.example.net --key registrar-2
    until_says "ns9.example.net" query bob.lab NS +noall +authority
    between="$(serial_of lab)"
    lab domain update bob.lab --ns ns1.example.net --ns ns2.example.net --key registrar-2
    until_says "ns1.example.net" query bob.lab NS +noall +authority
    after="$(serial_of lab)"
    echo "serials of lab: $before, then $between, then $after"
    [ "$before" -lt "$between" ] && [ "$between" -lt "$after" ]
    kill "$bind"; wait "$bind" 2>/dev/null || true
    bind=""
else
    say "no BIND here (apt-get install bind9 bind9-dnsutils): the transfer to it is left out"
fi

say "the zone of .lab comes out with proofs, and each record has its reason"
lab zone export --zone lab --out "$work/lab.zone"
cat "$work/lab.zone"
lab zone explain alice.lab NS
"$althing" devnet down --dir "$names"
