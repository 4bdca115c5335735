#!/usr/bin/env bash
# Puts the foreign software that interop/run.py talks to into DIR: Postfix, Exim, OpenSMTPD, Dovecot, msmtp, swaks, nodemailer
# and its smtp-server, a program on lettre, a Python environment with aiosmtpd. Where they are missing, curl, perl, openssl
# and npm come on the system, and so do the users that daemons become.
# Debian's mail servers are unpacked, not installed: installed they would replace each other, and the machine's own.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: interop/install.sh DIR" >&2
    exit 64
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
root=$dir/root
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
libraries=$root/usr/lib/postfix:$root/usr/lib/dovecot:$root/usr/lib/$triplet:$root/lib/$triplet

# Whether a program is there, with every library that it wants.
links() {
    [ -x "$root/$1" ] || return 1
    ! LD_LIBRARY_PATH=$libraries ldd "$root/$1" | grep -q 'not found' || return 1
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

apt_install() {
    update
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
for program in curl perl openssl npm; do
    command -v "$program" >/dev/null || apt_install "$program"
done
# Unpacks a package, and those libraries of it that the machine lacks. The C library must be the machine's own.
provide() {
    local program=$1 package=$2 needed
    ! links "$program" || return 0
    unpack "$package"
    if ! links "$program"; then
        mapfile -t needed < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
            --no-replaces --no-enhances "$package" | grep -E '^lib[a-z0-9.+-]+$' | grep -vE '^libc6|^libc-' | sort -u)
        unpack "${needed[@]}"
    fi
    links "$program" || { echo "$program lacks a library" >&2; exit 1; }
}
provide usr/sbin/smtp-sink postfix
provide usr/lib/postfix/sbin/smtp postfix
# The mechanisms of Postfix's client.
[ -e "$root/usr/lib/$triplet/sasl2/libscram.so" ] || unpack libsasl2-modules
provide usr/bin/msmtp msmtp
provide usr/sbin/exim4 exim4-daemon-light
# A setuid program is not told where libraries are; the tests run as the superuser anyway.
chmod u-s "$root/usr/sbin/exim4"
provide usr/sbin/smtpd opensmtpd
provide usr/sbin/dovecot dovecot-core
provide usr/lib/dovecot/lmtp dovecot-lmtpd
[ -e "$root/usr/lib/$triplet/perl5/5.36/Net/SSLeay.pm" ] || unpack libnet-ssleay-perl
for user in postfix Debian-exim; do
    getent passwd "$user" >/dev/null || useradd --system --no-create-home --home-dir /nonexistent "$user"
done
getent group postdrop >/dev/null || groupadd --system postdrop
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$dir/node/node_modules/nodemailer" ]; then
    mkdir -p "$dir/node"
    cp "$here/peers/package.json" "$here/peers/package-lock.json" "$dir/node/"
    (cd "$dir/node" && npm ci --silent --no-audit --no-fund)
fi
if ! swaks_works; then
    unpack swaks
    # perl-base lacks modules that swaks wants.
    swaks_works || apt_install perl
fi
if ! aiosmtpd_works; then
    python3 -m venv "$dir/venv" 2>/dev/null || {
        apt_install python3-venv
        rm -rf "$dir/venv"
        python3 -m venv "$dir/venv"
    }
    "$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check aiosmtpd
fi
cargo build --quiet --locked --manifest-path "$here/peers/lettre/Cargo.toml" --target-dir "$dir/lettre"

swaks_works || { echo "swaks does not start" >&2; exit 1; }
aiosmtpd_works || { echo "aiosmtpd cannot be imported" >&2; exit 1; }
printf '%s\n' "$libraries" >"$dir/library-path"
