#!/usr/bin/env bash
# run.sh SECONDS [TARGET...]: builds the fuzz targets and runs each of them, or those that are named,
# for so many seconds, two at a time (JOBS=n: n). Prints what each has executed and covers, and from which
# seed of chance; fails on a finding, which is printed whole, as base64. SEED=n takes that seed for all.
# CORPUS=DIR keeps the corpus in DIR/TARGET, and goes on from what is there; findings go to
# artifacts/TARGET in any case. LOG=FILE adds a line of JSON for each run, for report.py. RUNS=n stops
# each after n executions, from seed 1. Needs a nightly toolchain and cargo-fuzz.
set -euo pipefail
log_file=${LOG:+$(realpath -m "$LOG")}
corpus=${CORPUS:+$(realpath -m "$CORPUS")}
cd "$(dirname "$0")"

seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
if [ $# -eq 0 ]; then
    for target in targets/*.rs; do set -- "$@" "$(basename "$target" .rs)"; done
fi
if [ -z "$corpus" ]; then
    corpus=$(mktemp -d)
    trap 'rm -rf "$corpus"' EXIT
fi
logs=$(mktemp -d)
repeat=${RUNS:+-runs=$RUNS}
seed=${SEED:-${RUNS:+1}}

if [ $# -eq 1 ]; then cargo +nightly fuzz build "$1"; else cargo +nightly fuzz build; fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
binaries=${CARGO_TARGET_DIR:-target}/$host/release

run() {
    local name=$1 log=$2/$1 result=0 mine=${seed:-$(((RANDOM << 15 | RANDOM) + 1))}
    mkdir -p "$corpus/$name" "artifacts/$name"
    local TIMEFORMAT='%U %S'
    { time "$binaries/$name" "$corpus/$name" "seeds/$name" -dict=smtp.dict \
        -artifact_prefix="artifacts/$name/" $repeat -seed="$mine" -max_total_time="$seconds" \
        -timeout=20 -print_final_stats=1 >"$log" 2>&1 || result=$?; } 2>"$log.time"
    local executed first last cpu
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    read -r first last < <(grep -ao 'cov: [0-9]*' "$log" | sed 's/cov: //' | sed -n '1p;$p' | tr '\n' ' '; echo) || true
    printf '%-20s %10s executions  edges %s -> %s  seed %s\n' \
        "$name" "${executed:-0}" "${first:-?}" "${last:-?}" "$mine"
    if [ -n "$log_file" ]; then
        cpu=$(tail -n 1 "$log.time" | awk '{ printf "%.2f", $1 + $2 }')
        printf '{"t": "%s", "cpu": %s, "n": %s, "cov": %s, "rc": %s, "seed": %s}\n' \
            "$name" "$cpu" "${executed:-0}" "${last:-0}" "$result" "$mine" >>"$log_file"
    fi
    if [ "$result" -ne 0 ]; then
        grep -a -A 4 -m 1 -E 'panicked at|ERROR: libFuzzer' "$log" | cut -c 1-2000
        local unit
        unit=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        if [ -n "$unit" ]; then
            # Whoever has nothing but this text can make the input of it.
            printf 'found by %s: fuzz/%s, which is\n  echo %s | base64 -d\n' "$name" "$unit" "$(base64 -w 0 "$unit")"
        fi
        touch "$2/failed"
    fi
}
export -f run
export corpus seconds binaries repeat seed log_file

printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -I{} bash -c 'run "$@"' _ {} "$logs"
[ ! -e "$logs/failed" ] || {
    echo "findings: see above; logs are in $logs. What to do with them: docs/fuzzing.md" >&2
    exit 1
}
rm -rf "$logs"
