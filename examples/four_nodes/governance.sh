# The governance act of the demo; `demo.sh` sources it. Uses: $althing, $net, $api, $work, $root, say, field, height_of.
# Seven organisations have one vote each; more than half of all members decide.

# Votes for a proposal with each of these members' keys: agree PROPOSAL ORGANISATION...
agree() {
    local proposal="$1" member; shift
    for member in "$@"; do "$althing" --api "$api" vote agree "$proposal" --key "$member" >/dev/null; done
    echo "proposal $proposal: $# members agree ($*)"
}
status_of() { "$althing" --api "$api" proposal show "$1" --json | field status; }
# Waits until a proposal has this status: until_status PROPOSAL STATUS
until_status() {
    local now=""
    for _ in $(seq 1 240); do
        now="$(status_of "$1")"
        [ "$now" = "$2" ] && { echo "proposal $1 is $2"; return; }
        case "$now" in failed|rejected|expired|vetoed|done) break ;; esac
        sleep 0.5
    done
    "$althing" --api "$api" proposal show "$1" >&2
    echo "proposal $1 is '$now', not '$2'" >&2
    exit 1
}
# Runs a command until it succeeds: retry WHAT COMMAND...
retry() {
    local what="$1"; shift
    for _ in $(seq 1 240); do if "$@" >/dev/null 2>&1; then echo "$what"; return; fi; sleep 0.5; done
    echo "it does not come: $what" >&2
    exit 1
}
is_member() { "$althing" --api "$api" member list --json | grep -q "\"$1\""; }
is_no_member() { ! is_member "$1"; }
is_authority() { "$althing" --api "$api" authority list --json | grep -q "\"$1\""; }
has_evidence() { "$althing" --api "$api" complaint list "$1" --json | grep -q '"kind": *"evidence"'; }
has_caught_up() { local now; now="$(height_of "$1")"; [ "${now:-0}" -ge "$(height_of "$api")" ]; }
proposal_in() { field proposal; }

say "who governs: seven organisations, four authorities"
"$althing" --api "$api" member list

say "a node asks to join; four of seven agree, one objects"
added="$("$althing" devnet add --organisation registry-6 --kind registry --dir "$net" --json)"
newcomer="$(echo "$added" | field node_id)"
newcomer_api="$(echo "$added" | field api)"
request="$("$althing" --api "$api" member request --organisation registry-6 --kind registry --node-id "$newcomer" \
    --address "$(echo "$added" | field address)" --public-key "$(echo "$added" | field public_key)" \
    --certificate "$(echo "$added" | field certificate)" --key registry-1 --json | proposal_in)"
"$althing" --api "$api" vote object "$request" --key registry-5 >/dev/null
agree "$request" registry-1 registry-2 isp-1
"$althing" --api "$api" proposal show "$request"
agree "$request" coordinator
until_status "$request" done
"$althing" devnet start 7 --dir "$net"
retry "the new node has caught up" has_caught_up "$newcomer_api"

say "it is promoted by a vote that the coordinator proposes"
sleep 2
promotion="$("$althing" --api "$api" proposal open promote "$newcomer" --key coordinator --json | proposal_in)"
agree "$promotion" registry-1 registry-2 registry-3 registry-6 isp-1
retry "five authorities decide blocks" is_authority "$newcomer"

say "it is given the TLD $first_tld by votes, and takes its delegation apart"
"$althing" --api "$api" zone export --out "$work/before.zone" >/dev/null
owner="$("$althing" --api "$api" query tld "$first_tld" --json | field organisation)"
rebinding="$("$althing" --api "$api" proposal open bind "$first_tld" registry-6 --key "$owner" --json | proposal_in)"
agree "$rebinding" registry-1 registry-2 registry-3 registry-4 isp-1
until_status "$rebinding" done
harm_from="$(height_of "$api")"
"$althing" --api "$api" contract call domain_records set_ns \
    "{\"tld\": \"$first_tld\", \"ns\": [\"ns.elsewhere.example\"], \"ttl\": 60}" --key registry-6
"$althing" --api "$api" query tld "$first_tld"

say "and its node starts to vote twice (a test build, never part of the product)"
"$althing" devnet stop 7 --dir "$net" >/dev/null
ALTHINGD="$equivocator" ALTHING_EQUIVOCATE_FROM=1 "$althing" devnet start 7 --dir "$net"
retry "two votes of one node for one height are on the chain as evidence" has_evidence registry-6
"$althing" --api "$api" complaint list registry-6
"$althing" devnet stop 7 --dir "$net" >/dev/null

say "the coordinator opens a review; the members remove it"
review="$("$althing" --api "$api" review open --organisation registry-6 --reason 'it voted twice, and took a TLD apart' \
    --key coordinator --json | proposal_in)"
agree "$review" registry-1 registry-2 registry-3 registry-4 isp-1
until_status "$review" done
retry "registry-6 is no member" is_no_member registry-6
"$althing" --api "$api" authority list

say "what it did is put right: a plan that everybody can compute, a vote, compensating writes"
"$althing" --api "$api" remediation plan --organisation registry-6 --from "$harm_from" --out "$work/plan.json"
remediation="$("$althing" --api "$api" remediation propose "$work/plan.json" --key coordinator --json | proposal_in)"
mapfile -t apis < <(apis_of)
"$althing" --api "${apis[1]}" remediation check "$remediation"
agree "$remediation" registry-1 registry-2 registry-3 registry-4
until_status "$remediation" done
"$althing" --api "$api" zone export --out "$work/after.zone" >/dev/null
cmp "$work/before.zone" "$work/after.zone"
echo "the zone is what it was before registry-6 touched it"
returned="$("$althing" --api "$api" proposal open bind "$first_tld" "$owner" --key "$owner" --json | proposal_in)"
agree "$returned" registry-1 registry-2 registry-3 registry-4
until_status "$returned" done

say "a contract of all members: deployed by votes"
"$althing" contract build --manifest-path "$root/examples/guestbook/v1/Cargo.toml" --out "$work/guestbook-1.wasm"
"$althing" contract build --manifest-path "$root/examples/guestbook/Cargo.toml" --out "$work/guestbook-2.wasm"
"$althing" contract build --manifest-path "$root/examples/guestbook/faulty/Cargo.toml" --out "$work/guestbook-faulty.wasm"
deployment="$("$althing" --api "$api" proposal open deploy guestbook "$work/guestbook-1.wasm" '{"title": "visitors"}' --key registry-1 --json | proposal_in)"
agree "$deployment" registry-1 registry-2 registry-3 registry-4
until_status "$deployment" done
"$althing" --api "$api" contract call guestbook write '{"text": "hello"}' --key registry-1
"$althing" --api "$api" contract call guestbook write '{"text": "trap"}' --key isp-1

say "an upgrade whose migration traps: the dry run says so; voted through all the same, it is rolled back"
before="$("$althing" --api "$api" upgrade status guestbook --json | field code)"
if "$althing" --api "$api" upgrade dry-run guestbook "$work/guestbook-faulty.wasm"; then
    echo "the dry run did not see the trap" >&2
    exit 1
fi
faulty="$("$althing" --api "$api" upgrade propose guestbook "$work/guestbook-faulty.wasm" --even-if-it-fails --key registry-1 --json | proposal_in)"
agree "$faulty" registry-1 registry-2 registry-3 registry-4
until_status "$faulty" failed
"$althing" --api "$api" proposal show "$faulty"
[ "$("$althing" --api "$api" upgrade status guestbook --json | field code)" = "$before" ]
"$althing" --api "$api" contract query guestbook entry '{"id": 0}'

say "an upgrade with a migration: tried on a fork, voted, migrated"
upgrade="$("$althing" --api "$api" upgrade propose guestbook "$work/guestbook-2.wasm" --key registry-1 --json | proposal_in)"
"$althing" --api "$api" proposal diff "$upgrade"
agree "$upgrade" registry-1 registry-2 registry-3 registry-4
until_status "$upgrade" done
"$althing" --api "$api" contract query guestbook entries '{"after": null}'
"$althing" --api "$api" upgrade status guestbook
