#!/usr/bin/env bash
# Unpacks Debian packages into build/debs/root, with what they depend on and the system lacks: debs.sh NAME...
# It needs no root and changes nothing else: apt-get is given lists and a cache of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p build
exec 9>build/debs.lock # one at a time: they share lists and archives
flock 9

missing=()
for name; do
    [ -e "build/debs/$name.stamp" ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0
for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null || { echo "debs.sh: no $tool here to fetch Debian's ${missing[*]}: install them" >&2; exit 1; }
done

dir=$PWD/build/debs
rm -rf "$dir/archives"
mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/root"
# Read after the system's own. What is installed is looked up in dpkg's status, and never locked.
cat >"$dir/apt.conf" <<END
Dir::State "$dir";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$dir";
Debug::NoLocking "true";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
apt-get -c "$dir/apt.conf" -qq update
apt-get -c "$dir/apt.conf" -qq -y --no-install-recommends --download-only install "${missing[@]}" >/dev/null
shopt -s nullglob # nothing comes where the system has it all
for deb in "$dir"/archives/*.deb; do
    dpkg -x "$deb" "$dir/root"
done
rm -rf "$dir/archives"
for name in "${missing[@]}"; do
    touch "$dir/$name.stamp"
done
