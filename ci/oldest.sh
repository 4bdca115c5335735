#!/usr/bin/env bash
# The libraries with the oldest packages that their Cargo.toml files allow, by the oldest compiler that they name, so that
# what these say is true: Cargo.lock holds newer ones, and hides what is missing there. Programs are built with
# Cargo.lock, and are left out. Needs a nightly toolchain, to choose the versions. Where that compiler cannot be
# had, builds with the usual one.
set -euo pipefail
cd "$(dirname "$0")/.."

work=${CARGO_TARGET_DIR:-$PWD/target}/ci/oldest
rm -rf "$work/tree"
mkdir -p "$work/tree"
git ls-files -z Cargo.toml README.md smtp-proto smtp-codec adapters | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
features=$(python3 - <<'PYTHON'
import pathlib, re, tomllib

features = []
for path in pathlib.Path().rglob("Cargo.toml"):
    text = path.read_text()
    manifest = tomllib.loads(text)
    if "package" in manifest:
        # aws-lc-rs builds C for minutes, and takes the place of ring.
        features += [f"{manifest['package']['name']}/{name}"
                     for name in manifest.get("features", {}) if name != "aws-lc-rs"]
    text = re.sub(r'^ *"(cli|examples.*)",\n|^default-members.*\n|^exclude.*\n', "", text, flags=re.M)
    # What only tests need says nothing to whoever depends on a library.
    parts = re.split(r"^(?=\[)", text, flags=re.M)
    path.write_text("".join(part for part in parts if not part.startswith("[dev-dependencies]")))
print(",".join(features))
PYTHON
)
cargo +nightly update --quiet -Z direct-minimal-versions
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if ! cargo +"$oldest" --version >/dev/null 2>&1 &&
    ! timeout 300 rustup toolchain install "$oldest" --profile minimal >/dev/null 2>&1; then
    echo "Rust $oldest is not here and cannot be had: building with $(rustc --version)"
    oldest=
fi
cargo ${oldest:++"$oldest"} check --workspace --features "$features" --locked --target-dir "$work"
