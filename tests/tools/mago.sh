#!/bin/bash
# mago.sh DEST - the static analyser for PHP with which the tests look at the runtime
set -euo pipefail
usage() { cat <<'U'
usage: mago.sh DEST
  Makes DEST/bin/mago from its crate, with the cargo that is here (needs Rust 1.95; about two minutes). Built once: a
  copy is kept in the cache, and a new DEST needs neither time nor network. DEST must be absent, empty, or made by this
  script. (phpstan and psalm come through Composer's registry alone; no Debian release has them.)
environment: XDG_CACHE_HOME, FORCE, VERBOSE as for composer-oracle.sh
U
}
# shellcheck source-path=SCRIPTDIR source=debs.sh
. "$(dirname "$(readlink -f "$0")")/debs.sh"
case ${1:-} in -h|--help) usage; exit 0;; esac
[ $# = 1 ] && [ -n "$1" ] || { usage >&2; exit 2; }
dest=$(realpath -ms -- "$1")
mark=.mago version=1.25.0

if [ -e "$dest" ]; then
  [ -d "$dest" ] || die "$dest is not a directory"
  if [ -f "$dest/$mark" ]; then
    [ "${FORCE:-0}" != 0 ] || [ "$(cat "$dest/$mark")" != "$version" ] || exit 0
  elif [ -n "$(ls -A "$dest")" ]; then
    die "$dest is not empty and was not made by this script"
  fi
fi

# debs_cache comes from debs.sh.
# shellcheck disable=SC2154
kept=$debs_cache/mago-$version
mkdir -p "$debs_cache" "$(dirname "$dest")"
exec {lock}> "$debs_cache/mago.lock"
flock "$lock"
if [ "${FORCE:-0}" != 0 ] || ! "$kept/bin/mago" --version >/dev/null 2>&1; then
  say "building mago $version"
  # Not optimized: that would take longer than all that it is asked here.
  cargo install --quiet --locked --debug --config 'profile.dev.debug=false' --force --root "$kept" --version "=$version" mago \
    || die "mago $version does not build"
fi
exec {lock}>&-

tmp=$(mktemp -d "$dest.new.XXXXXX"); chmod 755 "$tmp"
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/bin"
cp "$kept/bin/mago" "$tmp/bin/mago"
printf '%s\n' "$version" > "$tmp/$mark"
[ ! -e "$dest" ] || rm -rf "$dest"
mv "$tmp" "$dest"
trap - EXIT
say "mago $version in $dest/bin"
