#!/usr/bin/env bash
# Changes smtp-proto and smtp-codec in small ways, one at a time, and says which changes no test of
# theirs sees. Installs cargo-mutants under target/ where it is not there.
#
# All of them take days; `bash ci/mutants.sh 3/40` takes each 40th, from the third on. More arguments go to
# cargo-mutants: `bash ci/mutants.sh 0/8 -f 'smtp-proto/src/session/**'`. What was found stands in
# target/mutants.out. What is left out, and why, in .cargo/mutants.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/ci
if ! command -v cargo-mutants >/dev/null; then
    export PATH=$tools/cargo/bin:$PATH
    [ -x "$tools/cargo/bin/cargo-mutants" ] || cargo install cargo-mutants --locked --root "$tools/cargo"
fi
shard=${1:-0/40}
shift || true
# The copy that is changed and built is as large as a target directory: not in /tmp.
mkdir -p "$target/ci/tmp"
TMPDIR=$target/ci/tmp PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 \
    cargo mutants -p smtp-proto -p smtp-codec --shard "$shard" --sharding round-robin --no-shuffle \
    --output "$target" "$@"
