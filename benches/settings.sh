#!/bin/bash
# settings.sh - what it costs a request to find its wiki and to load its settings, as one Markdown table
set -euo pipefail
# Scans are not kept: benches/incremental.sh measures what that is worth.
export MWFARM_CACHE_DIR=/dev/null
usage() { cat <<'U'
usage: benches/settings.sh [--rounds N] [--wikis N] [DIRECTORY]
  Measures, in requests to one PHP-FPM worker with OPcache, what MediaWiki's start does first: vendor/autoload.php, then
  the wiki's settings (500, see benches/make_config.rs), over the packages of a real MediaWiki 1.43. Compared are
    by hand   Composer's autoloader as MediaWiki ships it, and a LocalSettings.php with the same settings, for one wiki
    bundle    the same LocalSettings.php after mwfarm's bundle of that wiki, which nobody had to look up
    mwfarm    the wiki found by its host, in a farm of one MediaWiki, and in one with versions, through www/index.php
  Variants take turns; each request that counts comes after two of the same variant. Ratios are those of each round.
  What is written goes to DIRECTORY (default target/settings).
options:
  --rounds N   how many requests of each variant (300)
  --wikis N    how many wikis the farm has (1000)
environment, as `eval "$(tests/all.sh materials)"` sets it:
  MWFARM_TREES the MediaWiki trees
  MWFARM_FPM   the PHP-FPM to measure
  MWFARM       the program that compiles the farm, instead of a release build
U
}
die() { printf 'settings.sh: %s\n' "$*" >&2; exit 1; }
rounds=300 wikis=1000 directory=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --wikis) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" "$wikis"; do [[ $number =~ ^[1-9][0-9]{0,6}$ ]] || die "not a number: $number"; done
: "${MWFARM_TREES:?run this first: eval \"\$(tests/all.sh materials)\"}"
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
directory=$(realpath -m -- "${directory:-$repository/target/settings}")
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || [ -e "$directory/.settings" ] || die "$directory is not empty, and not of this script"
rm -rf "$directory"
mkdir -p "$directory"
: >"$directory/.settings"
cd "$repository"
mwfarm=${MWFARM:-$repository/target/release/mwfarm}
[ -n "${MWFARM:-}" ] || cargo build --release --locked
# What is measured is measured by PHP: these programs may be slow.
bench() { cargo bench --profile dev --locked --bench "$1" --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'; }
make=$(bench make_config) measure=$(bench settings)
[ -x "$make" ] && [ -x "$measure" ] || die "cargo bench made no program"

"$make" "$directory" --wikis "$wikis" >&2
cp benches/settings.php "$directory/start.php"
mediawiki=$(realpath "$MWFARM_TREES/1.43")
start='<?php
// As MediaWiki does at its start.
define( "MW_INSTALL_PATH", __DIR__ );
require_once MW_INSTALL_PATH . "/vendor/autoload.php";
require defined( "MW_CONFIG_FILE" ) ? MW_CONFIG_FILE : MW_INSTALL_PATH . "/LocalSettings.php";
'
entry() { # TREE: packages, and what is run there
  rm -rf "$1/vendor"
  cp -r "$mediawiki/vendor" "$1/vendor"
  cp "$mediawiki/composer.json" "$1/"
  printf '%s' "$start" >"$1/index.php"
}
entry "$directory/tree"
mkdir -p "$directory/composer" "$directory/bundle/vendor" "$directory/code"
entry "$directory/composer"
cp -r "$directory/tree" "$directory/code/1.43"
# As docs/farm.md has it.
ln -s ../out/LocalSettings.php "$directory/tree/LocalSettings.php"
"$mwfarm" config compile -q --config-dir "$directory/etc" >/dev/null || die "mwfarm cannot compile the farm"

cp -r "$directory/etc" "$directory/etc-versions"
printf 'code: ../code\noutput: ../out-versions\n' >"$directory/etc-versions/mwfarm.yml"
sed -i 's/^  config:/  versions: versions.yml\n  config:/' "$directory/etc-versions/farms.yml"
printf "default: '1.43'\n" >"$directory/etc-versions/versions.yml"
"$mwfarm" config compile -q --config-dir "$directory/etc-versions" >/dev/null || die "mwfarm cannot compile the farm"

# By hand: the same statements in the tree's own LocalSettings.php.
for tree in composer bundle; do cp "$directory/out/LocalSettings/w0wiki.php" "$directory/$tree/LocalSettings.php"; done
printf '%s' "$start" >"$directory/bundle/index.php"
runtime=$(sed -n "s/.*'\(\/mwfarm_[0-9a-f]*\)\/.*/\1/p" "$directory/tree/vendor/autoload.php" | head -1)
bundle=$(cd "$directory/tree/vendor" && find . -maxdepth 1 -name 'bundle_*.php' ! -name '*_installed.php' -printf '%f\n' | sort | head -1)
printf "<?php\nrequire '%s/Extensions.php';\nreturn require '%s';\n" "$directory/tree/vendor$runtime" \
  "$directory/tree/vendor/$bundle" >"$directory/bundle/vendor/autoload.php"

table=$("$measure" "$directory" "$rounds")
echo
echo "$(date -u +%F), $(git rev-parse --short HEAD), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1)," \
  "500 settings, $wikis wikis"
echo "$table"
