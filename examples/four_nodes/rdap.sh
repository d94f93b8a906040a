# shellcheck shell=bash
# Registration data: a root chain that says where the registry of .lab is asked, a chain that says where a registrar is
# asked, real RDAP servers of both over SQLite, and the access node that follows the chains and puts the answers together.
# Sourced by demo.sh. Uses: $althing, $work, $root, say, field, until_says.

rdap="$work/rdap"
backend="$root/bin/rdap-backend"
sample="$root/examples/rdap_backend/sample.json"
backends=()
registries() { "$althing" --home "$rdap" "$@"; }
registrars() { "$althing" --home "$rdap" --chain rdap-registrar "$@"; }
# Has those vote on a proposal who may, until it is done: reviewed registries|registrars PROPOSAL ORGANISATION...
reviewed() {
    local on="$1" proposal="$2" now="" member
    shift 2
    for member in "$@"; do "$on" vote agree "$proposal" --key "$member" >/dev/null 2>&1 || true; done
    for _ in $(seq 1 120); do
        now="$("$on" proposal show "$proposal" --json | field status)"
        [ "$now" = done ] && { echo "proposal $proposal is done"; return 0; }
        sleep 0.5
    done
    "$on" proposal show "$proposal" >&2
    return 1
}
# Starts a server and gives its base URL: serve_data SIDE
serve_data() {
    "$backend" --side "$1" --database "$work/$1.sqlite" --load "$sample" >"$work/$1.url" 2>"$work/$1.log" &
    backends+=($!)
    for _ in $(seq 1 100); do [ -s "$work/$1.url" ] && break; sleep 0.1; done
}
host_of() { echo "$1" | sed 's|^http://||; s|/$||'; }

say "registration data: the RDAP servers of a registry and of a registrar, each over SQLite"
serve_data registry
serve_data registrar
registry_url="$(cat "$work/registry.url")" registrar_url="$(cat "$work/registrar.url")"
echo "registry $registry_url, registrar $registrar_url"

say "a root chain, a chain of registrars, and the access node that follows both"
"$althing" --timeout 180 devnet up --dir "$rdap" --profile root+registrar --timelock-ms 1000 --detach \
    --rdap-allow "$(host_of "$registry_url")" --rdap-allow "$(host_of "$registrar_url")"
server="$(grep -o '"url": *"[^"]*"' "$rdap/devnet.json" | head -n 1 | cut -d '"' -f 4)"

say "the registry of .lab, bound by votes, says where it is asked; the change is reviewed before it is written"
binding="$(registries proposal open bind lab registry-1 --key registry-1 --json | field proposal)"
reviewed registries "$binding" registry-1 registry-2 registry-3
change="$(registries bootstrap set lab "$registry_url" --key registry-1 --json | field proposal)"
registries proposal show "$change"
reviewed registries "$change" registry-1 registry-2 registry-3 registry-4
registries bootstrap show lab

say "a registrar on the accreditation list claims its number, is approved, and says where it is asked"
printf 'ID,Registrar Name,Status\n292,MarkMonitor Inc.,Accredited\n9999,Somebody Else Ltd.,Accredited\n' >"$work/registrar-ids.csv"
registrars accreditation load "$work/registrar-ids.csv" --key coordinator
registrars registrar apply 292 --key registrar-1
registrars registrar approve registrar-1 292 --key coordinator
change="$(registrars registrar set --country Iceland --contact desk@seller.example --link https://seller.example \
    --url "$registrar_url" --key registrar-1 --json | field proposal)"
reviewed registrars "$change" registrar-1 registrar-2 registrar-3 coordinator
registrars registrar show 292

say "one question: the chain names the registry, the registry the registrar, the chain where that is asked"
until_says "Alice Liddell" registries rdap query alice.lab
registries rdap query alice.lab --json >"$work/alice.json"
[ "$(grep -c '"verdict": "proven"' "$work/alice.json")" -eq 2 ] || { echo "not both parts are proven" >&2; exit 1; }
echo "the registry alone keeps people to itself:"
registries rdap query alice.lab --source registry
echo "the registrar alone:"
registries rdap query alice.lab --source registrar

if command -v curl >/dev/null 2>&1; then
    say "any RDAP client can ask, or take this node as its bootstrap"
    curl -sS -H 'Accept: application/rdap+json' "${server}domain/alice.lab?source=both" | head -c 400; echo
    curl -sS "${server}bootstrap/dns.json"; echo
fi
registries bootstrap export

"$althing" devnet down --dir "$rdap"
for process in "${backends[@]}"; do kill "$process" 2>/dev/null || true; done
backends=()
