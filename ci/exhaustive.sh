#!/usr/bin/env bash
# Every string of commands, every reply, every cut of the link, every spelling of the end of data,
# 64 MiB of every flood, and the work of every parser: minutes, in release mode. With `--all` also a
# gibibyte of every flood.
set -euo pipefail
cd "$(dirname "$0")/.."

tests=(--test server_model --test client_model --test end_of_data --test faults --test linear
    --test gigabyte)
skip=(--skip gibibyte)
[ "${1:-}" = --all ] && skip=()
cargo test --release --locked -p smtp-codec "${tests[@]}" -- --ignored --nocapture "${skip[@]}"
