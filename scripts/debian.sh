#!/usr/bin/env bash
# Unpacks packages of a release of Debian into DIR/root: debian.sh install|download|source DIR SUITE CPU PACKAGE...
# install takes all that they depend on, too; download takes them alone; source puts the files of their sources there as they
# are. apt believes that nothing is installed, and has lists and a cache of its own; it checks Debian's signatures. It needs no
# root and changes nothing else.
set -euo pipefail
how=$1 at=$2 suite=$3 cpu=$4 stamp="$*"
shift 4
[ "$(cat "$at/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
echo "== Debian $suite for $cpu: $*"
for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null || { echo "debian.sh: no $tool here to fetch Debian's $*" >&2; exit 1; }
done
rm -rf "$at"
mkdir -p "$at"/{lists,archives}/partial "$at/root"
touch "$at/status"
type=deb
[ "$how" != source ] || type="deb-src"
# shellcheck disable=SC2016  # they are apt's
echo "$type $(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | sed -n 1p) $suite main" >"$at/sources.list"
cat >"$at/apt.conf" <<END_OF_CONF
APT::Architecture "$cpu";
APT::Architectures { "$cpu"; };
Dir::State "$at";
Dir::State::status "$at/status";
Dir::Cache "$at";
Dir::Etc::SourceList "$at/sources.list";
Dir::Etc::SourceParts "/dev/null";
Debug::NoLocking "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END_OF_CONF
apt-get -c "$at/apt.conf" -qq update
case $how in
install) apt-get -c "$at/apt.conf" -qq -y --no-install-recommends --download-only install "$@" >/dev/null ;;
download) (cd "$at/archives" && apt-get -c "$at/apt.conf" -qq download "$@") ;;
source) (cd "$at/root" && apt-get -c "$at/apt.conf" -qq --download-only source "$@") ;;
esac
[ "$how" = source ] || for deb in "$at"/archives/*.deb; do
    dpkg -x "$deb" "$at/root"
done
rm -rf "$at/archives" "$at/lists"
echo "$stamp" >"$at/stamp"
