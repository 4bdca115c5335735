#!/usr/bin/env bash
# Changes smtp-proto and smtp-codec in small ways, one at a time, and says which changes no test of
# theirs sees. Installs cargo-mutants, which lists the changes, under target/ where it is not there.
#
#   bash ci/mutants.sh --sample 200           200 of each crate, at random (--seed S: others)
#   bash ci/mutants.sh -f FILE                all of this file, or of those that a glob matches
#   bash ci/mutants.sh -F REGEX               those whose name matches
#   bash ci/mutants.sh 3/40                   each 40th, from the third on
#   bash ci/mutants.sh --missed               those once more that the last run missed
#
# One takes 7 s, or a minute if nothing sees it. What came of each stands in target/ci/mutants/outcomes.
# What is left out, and why, in .cargo/mutants.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/ci
export PATH=$tools/cargo/bin:$PATH
command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked --root "$tools/cargo"
mkdir -p "$tools/mutants"
exec python3 ci/mutants.py --work "$tools/mutants" "$@"
