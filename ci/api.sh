#!/usr/bin/env bash
# Compares the public API of each crate with api/, and docs/api.md with api/. `UPDATE=1 ci/api.sh` writes
# api/ anew.
set -euo pipefail
cd "$(dirname "$0")/.."

work=${CARGO_TARGET_DIR:-$PWD/target}/api
crates='smtp-proto smtp-codec smtp-std smtp-tokio smtp-futures smtp-async-std smtp-tls smtp-sasl smtp-proxy-protocol smtp-watch smtp-test'

list() {
    # With aws-lc-rs smtp-tls would show nothing more.
    local features=--all-features
    if [ "$1" = smtp-tls ]; then features='--features self-signed'; fi
    cargo +nightly rustdoc --quiet -p "$1" --lib $features --locked --target-dir "$work" \
        -- -Z unstable-options --output-format json
    "$work/debug/api-listing" "$work/doc/${1//-/_}.json"
}

compare() {
    local failed=
    for crate in $crates; do
        list "$crate" >"$work/$crate.txt" || return 2
        if [ -n "${UPDATE-}" ]; then cp "$work/$crate.txt" "api/$crate.txt"; fi
        diff -u "api/$crate.txt" "$work/$crate.txt" || failed=1
    done
    if [ -n "$failed" ]; then
        echo 'the API is not what api/ says; if that is meant: UPDATE=1 ci/api.sh, and tell of it in CHANGELOG.md'
        return 1
    fi
}

if cargo +nightly --version >/dev/null 2>&1; then
    mkdir -p "$work"
    (cd ci/api && CARGO_TARGET_DIR=$work cargo build --quiet --locked)
    outcome=0
    compare || outcome=$?
    case $outcome in
    1) exit 1 ;;
    2) echo 'the API was not compared: the listing did not come about with this nightly toolchain' ;;
    esac
else
    echo 'the API was not compared: there is no nightly toolchain here'
fi
python3 ci/api.py
