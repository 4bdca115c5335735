#!/usr/bin/env bash
# Lines of smtp-proto and smtp-codec that their own tests run, file by file. Fails below the thresholds
# at the end of this file. Installs what it needs under target/.
#
# `bash ci/coverage.sh --missed` also names each line that no test ran.
#
# What counts: each line of `src/` that the compiler put a counter on. A `#[cfg(test)]` module is not
# counted, nor is a strategy for proptest, which only tests use; nor are `tests/`. Tests of other crates
# and doctests are not run, nor those that are `#[ignore]`d.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/ci
mkdir -p "$tools"

# The profile must be read by the LLVM that wrote it: rustup's, or a Debian package of the same number.
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
host=$(rustc -vV | sed -n 's/^host: //p')
here=$(rustc --print sysroot)/lib/rustlib/$host/bin
if [ -z "${LLVM_COV:-}" ] && [ ! -x "$here/llvm-cov" ]; then
    rustup component add llvm-tools >/dev/null 2>&1 || true
fi
if [ -z "${LLVM_COV:-}" ] && [ ! -x "$here/llvm-cov" ]; then
    here=$tools/llvm/usr/lib/llvm-$llvm/bin
    if [ ! -x "$here/llvm-cov" ]; then
        mkdir -p "$tools/llvm"
        (cd "$tools/llvm" && apt-get download "llvm-$llvm" "libllvm$llvm" &&
            for package in *.deb; do dpkg -x "$package" . && rm "$package"; done) >/dev/null
    fi
    libraries=("$tools"/llvm/usr/lib/*-linux-gnu)
    export LD_LIBRARY_PATH=${libraries[0]}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
cov=${LLVM_COV:-$here/llvm-cov}
profdata=${LLVM_PROFDATA:-$here/llvm-profdata}

export CARGO_TARGET_DIR=$target/cov CARGO_INCREMENTAL=0
export RUSTFLAGS='-C instrument-coverage -C debuginfo=0'
profiles=$CARGO_TARGET_DIR/profiles
rm -rf "$profiles"
export LLVM_PROFILE_FILE=$profiles/%m-%p.profraw

packages=(-p smtp-proto -p smtp-codec)
cargo test "${packages[@]}" --tests --locked --no-fail-fast -- --quiet
mapfile -t programs < <(cargo test "${packages[@]}" --tests --locked --no-run --message-format json 2>/dev/null |
    python3 -c 'import json, sys
for line in sys.stdin:
    name = json.loads(line).get("executable")
    if name: print(name)')

"$profdata" merge --sparse -o "$profiles/all.profdata" "$profiles"/*.profraw
objects=("${programs[0]}")
for program in "${programs[@]:1}"; do objects+=(--object "$program"); done
"$cov" export --format lcov --instr-profile "$profiles/all.profdata" "${objects[@]}" \
    $(git ls-files 'smtp-proto/src/*.rs' 'smtp-codec/src/*.rs') >"$profiles/lines.lcov"

# Percent of lines: each crate, and the state machines with their framing.
python3 ci/coverage.py "$profiles/lines.lcov" \
    --least smtp-proto/=98 --least smtp-codec/=98 --least machines=100 "$@"
