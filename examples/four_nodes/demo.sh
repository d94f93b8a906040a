#!/usr/bin/env bash
# The main job, start to end: a root chain of seven organisations, four of them with authorities, each node a process;
# the root zone and its history go through contracts, bindings by votes; a zone file that equals the expected one; a node
# killed and caught up again; a contract from the template. Then the members govern: governance.sh; and a second network
# has a chain for a TLD, whose names a BIND serves: names.sh. A third says where registration data are asked for, and an
# access node asks: rdap.sh. `make demo` runs it.
#
# Where the root zone comes from, in this order:
#   1. ALTHING_ROOT_ZONE: a folder with root-base-*.zone.gz, root-changes-*.jsonl.gz and root-expected-*.zone.gz, or
#      one zone file;
#   2. a transfer of the present root zone from a public server, when the network has one (needs dig);
#   3. the sample zone beside this script.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
althing="$root/bin/althing"
work="$(mktemp -d "${TMPDIR:-/tmp}/althing-demo.XXXXXX")"
net="$work/net"
started=$SECONDS
# A node that breaks the rules on purpose, built from an example beside the daemon.
equivocator="${ALTHING_EQUIVOCATOR:-$root/bin/equivocating_node}"
export ALTHING_HOME="$net"

finish() {
    local code=$?
    if [ -n "${bind:-}" ]; then kill "$bind" 2>/dev/null || true; fi
    for process in ${backends[@]+"${backends[@]}"}; do kill "$process" 2>/dev/null || true; done
    for folder in "$net" "$work/names" "$work/rdap"; do
        if [ -d "$folder" ]; then "$althing" devnet down --dir "$folder" >/dev/null 2>&1 || true; fi
    done
    if [ "$code" -eq 0 ] && [ -z "${ALTHING_DEMO_KEEP:-}" ]; then rm -rf "$work"; else echo "kept for a look: $work" >&2; fi
    exit "$code"
}
trap finish EXIT

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# The first value of a field in a JSON document; enough for what `althing --json` prints.
field() { grep -o "\"$1\": *\"\{0,1\}[^\",}]*" | head -n 1 | sed 's/^[^:]*: *"\{0,1\}//'; }
# Waits until a command prints something that has the text in it: until_says TEXT COMMAND...
until_says() {
    local text="$1" told=""
    shift
    for _ in $(seq 1 120); do
        told="$("$@" 2>/dev/null || true)"
        case "$told" in *"$text"*) echo "$told"; return 0 ;; esac
        sleep 0.5
    done
    echo "'$*' never said '$text', but: $told" >&2
    return 1
}
apis_of() { grep -o '"api": *"[^"]*"' "$net/devnet.json" | cut -d '"' -f 4; }
height_of() { "$althing" --api "$1" status --json | field height; }

base="" changes="" expected=""
source="${ALTHING_ROOT_ZONE:-}"
if [ -z "$source" ] && [ -d "$root/../shared/data/rootzone" ]; then source="$root/../shared/data/rootzone"; fi
if [ -n "$source" ] && [ -d "$source" ]; then
    base="$(ls "$source"/root-base-*.zone.gz | head -n 1)"
    changes="$(ls "$source"/root-changes-*.jsonl.gz 2>/dev/null | head -n 1 || true)"
    expected="$(ls "$source"/root-expected-*.zone.gz 2>/dev/null | head -n 1 || true)"
elif [ -n "$source" ]; then
    [ -f "$source" ] || { echo "ALTHING_ROOT_ZONE=$source is neither a file nor a folder" >&2; exit 2; }
    base="$source"
elif command -v dig >/dev/null 2>&1 && dig +time=3 +tries=1 +noall +answer @lax.xfr.dns.icann.org . AXFR >"$work/axfr" 2>/dev/null \
    && [ "$(wc -l <"$work/axfr")" -gt 10000 ]; then
    base="$work/axfr"
else
    base="$here/sample.zone"; changes="$here/sample-changes.jsonl"; expected="$here/sample-expected.zone"
fi
echo "root zone: $base"

say "a root chain: seven organisations, seven processes, four of them authorities"
"$althing" devnet up --dir "$net" --profile root --promotion-ms 1000 --timelock-ms 2000 --detach
mapfile -t apis < <(apis_of)
api="${apis[0]}"
"$althing" --api "$api" status

say "the root zone goes in: bindings by votes of the members, delegations and hosts by each registry"
import_start=$SECONDS
"$althing" --api "$api" zone import "$base"
import_seconds=$((SECONDS - import_start))

if [ -n "$changes" ]; then
    say "the zone's history follows; meanwhile node 2 is killed with -9"
    replay_start=$SECONDS
    "$althing" --api "$api" zone replay "$changes" &
    replay=$!
    sleep 2
    "$althing" devnet stop 2 --dir "$net"
    sleep 3
    "$althing" devnet start 2 --dir "$net"
    wait "$replay"
    replay_seconds=$((SECONDS - replay_start))
else
    "$althing" devnet stop 2 --dir "$net"
    "$althing" devnet start 2 --dir "$net"
fi

say "the zone comes out, each record proven against a certified header"
export_start=$SECONDS
if [ -n "$expected" ]; then
    "$althing" --api "$api" zone export --out "$work/root.zone" --compare "$expected"
    (if [ "${expected%.gz}" != "$expected" ]; then zcat "$expected"; else cat "$expected"; fi) | cmp - "$work/root.zone"
    echo "identical to $(basename "$expected")"
else
    "$althing" --api "$api" zone export --out "$work/root.zone"
fi
export_seconds=$((SECONDS - export_start))
records=$(wc -l <"$work/root.zone")

say "node 2 has caught up"
mapfile -t apis < <(apis_of)
goal="$(height_of "$api")"
for _ in $(seq 1 120); do
    here_height="$(height_of "${apis[2]}" || echo 0)"
    [ "${here_height:-0}" -ge "$goal" ] && break
    sleep 0.5
done
[ "${here_height:-0}" -ge "$goal" ] || { echo "node 2 is at $here_height, the others at $goal" >&2; exit 1; }
"$althing" --api "${apis[2]}" zone export --out "$work/root-2.zone"
cmp "$work/root.zone" "$work/root-2.zone"
echo "node 2 at height $here_height gives the same zone"

say "a query, verified on this side of the wire"
first_tld="$(awk '$4 == "NS" && $1 != "." { sub(/\.$/, "", $1); print $1; exit }' "$work/root.zone")"
"$althing" --api "$api" query tld "$first_tld"
answer="$("$althing" --api "$api" query tld "$first_tld" --json)"
[ "$(echo "$answer" | field verified)" = true ] || { echo "not verified: $answer" >&2; exit 1; }

say "a contract from the template: built, deployed under its owner's name, called, upgraded"
"$althing" contract new demo_counter --dir "$work/demo_counter" --sdk "$root/sdk/contract"
"$althing" contract build --manifest-path "$work/demo_counter/Cargo.toml" --out "$work/demo.wasm"
"$althing" contract check "$work/demo.wasm"
"$althing" --api "$api" contract deploy registry-1.counter "$work/demo.wasm" --key registry-1
"$althing" --api "$api" contract call registry-1.counter add '{"amount": 5}' --key isp-1
"$althing" --api "$api" contract query registry-1.counter total
# The second version has one view more.
awk '/\/\/\/ How much a key added./ { print "    /// Twice the total: new in the second version.\n    #[view]\n    fn doubled(&self) -> u64 {\n        self.total.get().unwrap_or(0).saturating_mul(2)\n    }\n" } { print }' \
    "$work/demo_counter/src/lib.rs" >"$work/lib.rs" && mv "$work/lib.rs" "$work/demo_counter/src/lib.rs"
"$althing" contract build --manifest-path "$work/demo_counter/Cargo.toml" --out "$work/demo-2.wasm"
"$althing" --api "$api" contract abi-diff registry-1.counter "$work/demo-2.wasm"
"$althing" --api "$api" contract upgrade registry-1.counter "$work/demo-2.wasm" --key registry-1
"$althing" --api "$api" contract query registry-1.counter doubled

governance_start=$SECONDS
# shellcheck source=governance.sh
. "$here/governance.sh"
governance_seconds=$((SECONDS - governance_start))

final="$(height_of "$api")"
names_start=$SECONDS
# shellcheck source=names.sh
. "$here/names.sh"
names_seconds=$((SECONDS - names_start))

rdap_start=$SECONDS
# shellcheck source=rdap.sh
. "$here/rdap.sh"
rdap_seconds=$((SECONDS - rdap_start))

say "summary"
printf '%-34s %s\n' "records in the exported zone" "$records"
printf '%-34s %s s\n' "import" "$import_seconds"
[ -z "$changes" ] || printf '%-34s %s s\n' "replay of the history" "$replay_seconds"
printf '%-34s %s s\n' "export with proofs" "$export_seconds"
printf '%-34s %s s\n' "governance" "$governance_seconds"
printf '%-34s %s s\n' "names" "$names_seconds"
printf '%-34s %s s\n' "registration data" "$rdap_seconds"
printf '%-34s %s\n' "final height of the first network" "$final"
printf '%-34s %s s\n' "all of it" "$((SECONDS - started))"
