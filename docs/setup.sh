#!/bin/sh
# Checks what the build needs and installs it where that is possible; says exactly what to do where it is not.
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need cc gcc
need c++ g++
need make make
need git git
need curl curl
need clang clang
# bindgen, which reads RocksDB's headers, loads libclang.
if ! ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* >/dev/null 2>&1; then missing="$missing libclang-dev"; fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: cargo is missing. Install rustup (https://rustup.rs), then run this again." >&2
    exit 1
fi

# Contracts are built for wasm32-unknown-unknown: with rustup's target when it is there, else with Debian's compiler.
wasm_by_rustup() { [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]; }
if ! wasm_by_rustup; then
    if command -v rustup >/dev/null 2>&1 && [ "${RUSTUP_AUTO_INSTALL:-1}" != "0" ]; then
        rustup target add wasm32-unknown-unknown >/dev/null 2>&1 || true
    fi
fi
if ! wasm_by_rustup; then
    [ -x /usr/bin/rustc ] || missing="$missing rustc-web"
    [ -x /usr/bin/cargo ] || missing="$missing cargo-web"
    ls -d /usr/src/rustc-*/library /usr/lib/rustlib/src/rust/library >/dev/null 2>&1 || missing="$missing rust-web-src"
fi

# The demo shows zones in a real BIND; ALTHING_DEMO_WITHOUT_BIND=1 leaves that part out.
new_bind=""
if [ "${1:-}" = demo ] && [ -z "${ALTHING_DEMO_WITHOUT_BIND:-}" ]; then
    command -v named >/dev/null 2>&1 || { missing="$missing bind9"; new_bind=1; }
    need dig bind9-dnsutils
fi

[ -n "$missing" ] || exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then as_root="sudo"; else
        echo "setup: these packages are missing:$missing" >&2
        echo "setup: as root, run: apt-get update && apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: install with your package manager what Debian calls:$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
# The demo runs a BIND of its own; the package's service is not wanted.
if [ -n "$new_bind" ] && [ -d /run/systemd/system ]; then
    $as_root systemctl disable --now named >/dev/null 2>&1 || true
    echo "setup: the service of the new package bind9 is switched off"
fi
