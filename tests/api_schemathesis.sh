#!/usr/bin/env bash
# Questions made from openapi.json, good ones and bad ones, against a node that runs: every answer must be one that the
# document describes, and none a fault of the server. The seed and the number of questions are fixed, so that a run can be
# had again. Needs the programs of `make build`, and python3 with venv: Schemathesis is installed, at a fixed version, into
# the folder of tools unless SCHEMATHESIS names one; see docs/guides/api.md.
#
#   tests/api_schemathesis.sh [SCHEMATHESIS OPTION...]
#   ALTHING_EXAMPLES=200 ALTHING_SEED=7 tests/api_schemathesis.sh --include-path /v1/views
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
tools="${ALTHING_CI_TOOLS:-$HOME/.cache/althing-tools}"
version=4.32.5
althing="${ALTHING:-$root/bin/althing}"
schemathesis="${SCHEMATHESIS:-$tools/schemathesis/bin/schemathesis}"
examples="${ALTHING_EXAMPLES:-20}"
seed="${ALTHING_SEED:-20261121}"
[ -x "$althing" ] || { echo "no $althing: make build, or ALTHING=FILE" >&2; exit 2; }
if [ -z "${SCHEMATHESIS:-}" ] && [ "$(cat "$tools/schemathesis.version" 2>/dev/null)" != "$version" ]; then
    mkdir -p "$tools" && rm -rf "$tools/schemathesis"
    python3 -m venv "$tools/schemathesis"
    "$tools/schemathesis/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" || {
        echo "schemathesis $version cannot be installed" >&2
        exit 3
    }
    echo "$version" > "$tools/schemathesis.version"
fi
command -v "$schemathesis" >/dev/null 2>&1 || { echo "no $schemathesis" >&2; exit 2; }

work="$(mktemp -d "${TMPDIR:-/tmp}/althing-schemathesis.XXXXXX")"
finish() {
    local code=$?
    "$althing" devnet down --dir "$work/net" >/dev/null 2>&1 || true
    if [ "$code" -eq 0 ]; then rm -rf "$work"; else echo "kept for a look: $work" >&2; fi
    exit "$code"
}
trap finish EXIT

"$althing" devnet up --dir "$work/net" --authorities 1 --detach
api="$(grep -o '"api": *"[^"]*"' "$work/net/devnet.json" | head -n 1 | cut -d '"' -f 4)"
# Something to be found: a binding, so that there are blocks, receipts and events.
ALTHING_HOME="$work/net" "$althing" contract call tld_binding bind '{"tld": "lab", "organisation": "registry-1"}'

# Not asked for: that whatever fits a type is taken (positive_data_acceptance). A key of which the chain has no account fits
# too, and so does a transaction that nobody signed.
cd "$work"
"$schemathesis" --no-color run "$root/node/api/openapi.json" --url "$api" --max-examples "$examples" --seed "$seed" \
    --phases examples,coverage,fuzzing --generation-database none --continue-on-failure --request-timeout 40 \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance \
    "$@"
