#!/usr/bin/env bash
# run.sh SECONDS [TARGET...]: builds the fuzz targets and runs each of them, or those that are named,
# for so many seconds, two at a time (JOBS=n: n). Prints what each has executed and covers, and fails on
# a finding. CORPUS=DIR keeps the corpus in DIR/TARGET, and goes on from what is there; findings
# go to artifacts/TARGET in any case. RUNS=n stops each after n executions, from a fixed seed. Needs a nightly toolchain and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
if [ $# -eq 0 ]; then
    for target in targets/*.rs; do set -- "$@" "$(basename "$target" .rs)"; done
fi
if [ -n "${CORPUS:-}" ]; then
    corpus=$(mkdir -p "$CORPUS" && cd "$CORPUS" && pwd)
else
    corpus=$(mktemp -d)
    trap 'rm -rf "$corpus"' EXIT
fi
logs=$(mktemp -d)
repeat=${RUNS:+-runs=$RUNS -seed=1}

if [ $# -eq 1 ]; then cargo +nightly fuzz build "$1"; else cargo +nightly fuzz build; fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
binaries=${CARGO_TARGET_DIR:-target}/$host/release

run() {
    local name=$1 log=$2/$1 result=0
    mkdir -p "$corpus/$name" "artifacts/$name"
    "$binaries/$name" "$corpus/$name" "seeds/$name" -dict=smtp.dict -artifact_prefix="artifacts/$name/" \
        $repeat -max_total_time="$seconds" -timeout=20 -print_final_stats=1 >"$log" 2>&1 || result=$?
    local executed covered
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -ao 'cov: [0-9]*' "$log" | sed -n '1s/cov: //p;$s/cov: / -> /p' | tr -d '\n')
    printf '%-20s %10s executions  edges %s\n' "$name" "${executed:-0}" "${covered:-?}"
    if [ "$result" -ne 0 ]; then
        grep -a -A 4 -m 1 -E 'panicked at|ERROR: libFuzzer' "$log" | cut -c 1-2000
        grep -a 'Test unit written' "$log" || true
        touch "$2/failed"
    fi
}
export -f run
export corpus seconds binaries repeat

printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -I{} bash -c 'run "$@"' _ {} "$logs"
[ ! -e "$logs/failed" ] || { echo "findings: see above; logs are in $logs" >&2; exit 1; }
rm -rf "$logs"
