#!/usr/bin/env bash
# Puts the foreign software that interop/run.py talks to into DIR: Postfix's smtp-source and smtp-sink, swaks,
# a Python environment with aiosmtpd; and curl and perl on the system where they are missing.
# Debian's postfix package is unpacked, not installed: installed it would replace the machine's mail server.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: interop/install.sh DIR" >&2
    exit 64
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
root=$dir/root
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
libraries=$root/usr/lib/postfix:$root/usr/lib/$triplet:$root/lib/$triplet

postfix_works() {
    local program
    for program in smtp-source smtp-sink; do
        [ -x "$root/usr/sbin/$program" ] || return 1
        ! LD_LIBRARY_PATH=$libraries ldd "$root/usr/sbin/$program" | grep -q 'not found' || return 1
    done
}
swaks_works() { [ -f "$root/usr/bin/swaks" ] && perl "$root/usr/bin/swaks" --version >/dev/null 2>&1; }
aiosmtpd_works() { [ -x "$dir/venv/bin/python" ] && "$dir/venv/bin/python" -c 'import aiosmtpd' 2>/dev/null; }

updated=
update() {
    [ -n "$updated" ] || apt-get update -qq
    updated=yes
}
# Fetches the named packages into DIR and unpacks them there; their versions are kept for the table.
unpack() {
    local debs package
    update
    debs=$(mktemp -d)
    (cd "$debs" && apt-get download -qq "$@" 2>"$dir/download.log") || {
        cat "$dir/download.log" >&2
        return 1
    }
    for package in "$debs"/*.deb; do
        dpkg -x "$package" "$root"
        echo "$(dpkg-deb -f "$package" Package) $(dpkg-deb -f "$package" Version)" >>"$dir/versions"
    done
    rm -rf "$debs"
}

if ! command -v curl >/dev/null || ! command -v perl >/dev/null; then
    update
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq curl perl >/dev/null
fi
if ! postfix_works; then
    unpack postfix
    if ! postfix_works; then
        # The C library must be the machine's own; every other library may come from the archive.
        mapfile -t needed < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
            --no-replaces --no-enhances postfix | grep -E '^lib[a-z0-9.+-]+$' | grep -vE '^libc6|^libc-' | sort -u)
        unpack "${needed[@]}"
    fi
fi
if ! swaks_works; then
    unpack swaks
    # perl-base lacks modules that swaks wants.
    swaks_works || { update && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq perl >/dev/null; }
fi
if ! aiosmtpd_works; then
    python3 -m venv "$dir/venv" 2>/dev/null || {
        update
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        rm -rf "$dir/venv"
        python3 -m venv "$dir/venv"
    }
    "$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check aiosmtpd
fi

postfix_works || { echo "smtp-source or smtp-sink lacks a library" >&2; exit 1; }
swaks_works || { echo "swaks does not start" >&2; exit 1; }
aiosmtpd_works || { echo "aiosmtpd cannot be imported" >&2; exit 1; }
printf '%s\n' "$libraries" >"$dir/library-path"
