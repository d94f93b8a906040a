#!/usr/bin/env bash
# Installs the RDAP clients that node/rdap is tested with, each at a fixed version, into one folder.
# Does nothing for a client that is there already.
#
#   docs/rdap_clients.sh [FOLDER]      default: $ALTHING_CI_TOOLS, else ~/.cache/althing-tools
#
# | client | of | needs |
# |---|---|---|
# | rdap, rdap-test | ICANN | cargo, a C compiler and perl (it builds OpenSSL) |
# | whoisit, rdap | PyPI | python3 with venv |
# | rdapper | npm | node 20 and npm |
set -euo pipefail

tools="${1:-${ALTHING_CI_TOOLS:-$HOME/.cache/althing-tools}}"
icann=0.0.30
python="whoisit==4.1.0 rdap==1.7.0"
node="rdapper@0.16.4"

# Whether what is in the folder is this version; the mark is written last.
there() {
    [ -e "$tools/$1" ] && [ "$(cat "$tools/$1.version" 2>/dev/null)" = "$2" ]
}
mkdir -p "$tools"

if ! there rdap-python "$python"; then
    rm -rf "$tools/rdap-python"
    python3 -m venv "$tools/rdap-python"
    # shellcheck disable=SC2086 # two words, two packages
    "$tools/rdap-python/bin/pip" install --quiet --disable-pip-version-check $python
    echo "$python" > "$tools/rdap-python.version"
fi

if ! there rdap-node "$node"; then
    rm -rf "$tools/rdap-node"
    mkdir -p "$tools/rdap-node"
    npm install --silent --no-audit --no-fund --prefix "$tools/rdap-node" "$node"
    echo "$node" > "$tools/rdap-node.version"
fi

if ! there bin/rdap-test "$icann"; then
    # A target folder of its own, thrown away: it shares no build with the ledger.
    build="$(mktemp -d)"
    trap 'rm -rf "$build"' EXIT
    CARGO_TARGET_DIR="$build" cargo install --locked --quiet --force --root "$tools" "icann-rdap-cli@$icann"
    echo "$icann" > "$tools/bin/rdap-test.version"
fi
