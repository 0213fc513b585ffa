#!/bin/bash
# compare.sh - mwfarm against Composer as whole processes, as one Markdown table
set -euo pipefail
# Scans are not kept: benches/incremental.sh measures what that is worth.
export MWFARM_CACHE_DIR=/dev/null
usage() { cat <<'U'
usage: benches/compare.sh [--rounds N] [--sizes "N..."] [--farm N] [DIRECTORY]
  Measures whole processes, interleaved, warm cache, and prints one Markdown table: medians, and the median, least and
  greatest of the ratios of each round. What is written goes to DIRECTORY (default target/compare).
    clean      mwfarm build into a vendor/ without files of ours, against `composer dump-autoload -o` of a copy
    unchanged  the same build again
    original   against N+2 times one `composer update`: nothing is downloaded, installed or removed in it, everything
               is in place already, so the real ones take longer
    scan       reading and scanning every PHP file of a tree on one thread, against `cat` of the same files: CPU
    growth     clean builds of generated farms of different sizes; packages, files and wikis grow with the extensions
  On a generated farm (see benches/farm) and on MediaWiki 1.43 with a wiki for each bundled extension and one for all.
  Earlier files of ours are moved away rather than deleted before a clean build: ext4 does not use an inode again for
  a while after its file was deleted, and looks at each such inode for every new file.
options:
  --rounds N      how many rounds (7)
  --farm N        extensions of the farm that is compared (50)
  --sizes "N..."  sizes for the growth ("10 100 1000"; 1000 writes about 1 GB)
environment, as `eval "$(tests/all.sh materials)"` sets it:
  MWFARM_ORACLE   Composer 2.8 with its PHP; COMPOSER28_PHP=php takes another PHP
  MWFARM_TREES    the MediaWiki trees
U
}
die() { printf 'compare.sh: %s\n' "$*" >&2; exit 1; }
say() { printf '== %s\n' "$*" >&2; }
rounds=7 farm=50 sizes="10 100 1000" directory=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --farm | --sizes) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" "$farm" $sizes; do
  [[ $number =~ ^[1-9][0-9]{0,4}$ ]] || die "not a number: $number"
done
: "${MWFARM_ORACLE:?run this first: eval \"\$(tests/all.sh materials)\"}" "${MWFARM_TREES:?}"
[ -x /usr/bin/time ] || die "/usr/bin/time is missing: install the package \`time\`"
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
directory=$(realpath -m -- "${directory:-$repository/target/compare}")
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || [ -e "$directory/.compare" ] || die "$directory is not empty, and not of this script"
rm -rf "$directory"
mkdir -p "$directory/results" "$directory/aside"
: >"$directory/.compare"

say "building"
cd "$repository"
cargo build --release --locked
mwfarm=$repository/target/release/mwfarm
bench() { cargo bench --locked --bench "$1" --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'; }
make_farm=$(bench make_farm) scan_files=$(bench scan_files)
[ -x "$make_farm" ] && [ -x "$scan_files" ] || die "cargo bench made no program"

TIMEFORMAT='%3U %3S'
# Runs a command; appends its wall time and CPU time in seconds and its peak memory in KB to results/NAME.
measure() {
  local name=$1 from to
  shift
  from=$EPOCHREALTIME
  # Bash tells CPU time to a millisecond, /usr/bin/time only to ten.
  { time /usr/bin/time -o "$directory/peak" -f %M -- "$@" >"$directory/output" 2>&1; } 2>"$directory/cpu" ||
    { cat "$directory/output" >&2; die "this failed: $*"; }
  to=$EPOCHREALTIME
  paste "$directory/cpu" "$directory/peak" |
    awk -v wall="$((${to/[.,]/} - ${from/[.,]/}))" '{ printf "%.6f %.3f %d\n", wall / 1e6, $1 + $2, $3 }' \
      >>"$directory/results/$name"
}
# shellcheck source=composer.sh
. "$repository/benches/composer.sh"
export -f composer
export directory MWFARM_ORACLE
# Takes our files out of a tree, but keeps them.
clear_tree() {
  local aside name
  [ -e "$1/vendor/mwfarm.json" ] || return 0
  aside=$(mktemp -d "$directory/aside/XXXXXX")
  for name in "$1"/vendor/{composer????????????????????????????????,mwfarm_*,bundle_*,wikis_*}; do
    [ ! -e "$name" ] || mv "$name" "$aside/"
  done
  "$mwfarm" eject -d "$1" >/dev/null 2>&1
}

say "a farm of $farm extensions"
"$make_farm" "$directory/farm" --extensions "$farm" --home "$directory/home" >/dev/null
cp -r "$MWFARM_TREES/1.43/vendor/wikimedia/composer-merge-plugin/." \
  "$directory/farm/vendor/wikimedia/composer-merge-plugin/"
cp -r "$repository/tests/farm/installer/." "$directory/farm/vendor/composer/installers/"
composer "$directory/farm" update
[ -s "$directory/farm/vendor/autoload.php" ] || die "Composer wrote no autoloader"
cp -r "$directory/farm" "$directory/farm-composer"

say "MediaWiki 1.43"
cp -r "$(realpath "$MWFARM_TREES/1.43")" "$directory/mediawiki"
{
  echo "wikis:"
  all=()
  for manifest in "$directory"/mediawiki/extensions/*/extension.json; do
    name=$(basename "$(dirname "$manifest")") all+=("$name")
    id=${name,,}
    printf '  %s: { hosts: [%s.example.org], extensions: [%s] }\n' "${id//_/-}" "${id//_/-}" "$name"
  done
  printf '  everything: { hosts: [everything.example.org], extensions: [%s] }\n' "$(IFS=,; echo "${all[*]}")"
} >"$directory/mediawiki/wikis.yml"
cp -r "$directory/mediawiki" "$directory/mediawiki-composer"

for tree in farm mediawiki; do
  find "$directory/$tree/" -name '.?*' -prune -o -type f \( -name '*.php' -o -name '*.inc' -o -name '*.hh' \) -print0 \
    >"$directory/$tree.files"
  # Once without being measured, for the cache.
  "$mwfarm" build -d "$directory/$tree" >/dev/null 2>&1 || die "mwfarm cannot build $tree"
  composer "$directory/$tree-composer" dump-autoload -o
  clear_tree "$directory/$tree"
done

mwfarm_rounds() {
  clear_tree "$directory/$1"
  measure "$1-clean" "$mwfarm" build -d "$directory/$1"
  measure "$1-unchanged" "$mwfarm" build -d "$directory/$1"
}
composer_round() {
  measure "$1-dump" bash -c 'composer "$@"' - "$directory/$1-composer" dump-autoload -o
}
for ((round = 1; round <= rounds; round++)); do
  say "round $round of $rounds"
  for tree in farm mediawiki; do
    # Who goes first takes turns.
    if ((round % 2)); then mwfarm_rounds $tree; composer_round $tree; else composer_round $tree; mwfarm_rounds $tree; fi
    measure $tree-scan "$scan_files" "$directory/$tree.files"
    measure $tree-cat bash -c 'xargs -0 cat <"$1" >/dev/null' - "$directory/$tree.files"
  done
  rm -f "$directory/farm-composer/composer.lock"
  measure farm-update bash -c 'composer "$@"' - "$directory/farm-composer" update
done
for size in $sizes; do
  say "a farm of $size extensions"
  rm -rf "$directory/aside" "$directory/growing"
  mkdir "$directory/aside"
  "$make_farm" "$directory/growing" --extensions "$size" >"$directory/results/files-$size"
  "$mwfarm" build -d "$directory/growing" >/dev/null 2>&1 || die "mwfarm cannot build a farm of $size"
  for ((round = 1; round <= rounds && round <= 5; round++)); do
    clear_tree "$directory/growing"
    measure "growth-$size" "$mwfarm" build -d "$directory/growing"
  done
done
rm -rf "$directory/aside" "$directory/growing"

# The table. median NAME COLUMN; ratio A B COLUMN TIMES: of A to TIMES x B, round by round.
median() { sort -g -k"$2,$2" "$directory/results/$1" | awk -v c="$2" '{ v[NR] = $c } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
ratio() {
  paste "$directory/results/$1" "$directory/results/$2" | awk -v c="$3" -v times="$4" '{ print $c / ($(c + 3) * times) }' | sort -g |
    awk '{ v[NR] = $1 } END { printf "%.3g (%.3g–%.3g)", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR] }'
}
row() { # WHAT A AGAINST B COLUMN TIMES
  printf '| %s | %.3f s | %s | %.2f s | %s |\n' "$1" "$(median "$2" "$5")" "$3" \
    "$(awk -v m="$(median "$4" "$5")" -v t="$6" 'BEGIN { print m * t }')" "$(ratio "$2" "$4" "$5" "$6")"
}
php=$("${COMPOSER28_PHP:-$MWFARM_ORACLE/bin/php84}" -r 'echo PHP_VERSION;')
version=$(composer "$directory/farm-composer" --version --no-quiet 2>/dev/null | sed -n 's/^Composer version \([^ ]*\).*/\1/p')
dump="Composer ${version:-2.8}, PHP $php: \`dump-autoload -o\`"
files() { tr -cd '\0' <"$directory/$1.files" | wc -c; }
echo
echo "$(date -u +%F), $(git rev-parse --short HEAD), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $rounds rounds"
echo
echo "| mwfarm | median | against | median | ratio (least–greatest of the rounds) |"
echo "|---|---|---|---|---|"
declare -A name=(
  [farm]="farm of $farm ($(files farm) PHP files)" [mediawiki]="MediaWiki 1.43 ($(files mediawiki) PHP files)"
)
for tree in farm mediawiki; do
  row "clean build, ${name[$tree]}" $tree-clean "$dump" $tree-dump 1 1
  row "the same, CPU" $tree-clean "the same, CPU" $tree-dump 2 1
  row "unchanged build" $tree-unchanged "$dump" $tree-dump 1 1
done
row "clean build, farm of $farm" farm-clean "$((farm + 2)) × \`composer update\` with nothing to install" farm-update 1 $((farm + 2))
for tree in farm mediawiki; do
  row "scan on one thread, CPU, ${name[$tree]}" $tree-scan "\`cat\` of the same files, CPU" $tree-cat 2 1
done
for size in $sizes; do
  printf '| clean build, %s extensions, %s PHP files | %.3f s | CPU %.2f s, peak %.0f MB | %.2f ms each | |\n' "$size" \
    "$(cat "$directory/results/files-$size")" "$(median "growth-$size" 1)" "$(median "growth-$size" 2)" \
    "$(awk -v k="$(median "growth-$size" 3)" 'BEGIN { print k / 1024 }')" \
    "$(awk -v w="$(median "growth-$size" 1)" -v n="$size" 'BEGIN { print w * 1000 / n }')"
done
