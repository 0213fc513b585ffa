#!/bin/bash
# incremental.sh - what a build costs when nothing, or one extension, has changed, as one Markdown table
set -euo pipefail
usage() { cat <<'U'
usage: benches/incremental.sh [--rounds N] [--farm N] [--first] [DIRECTORY]
  Measures whole processes, interleaved, warm cache, and prints one Markdown table: medians, and the median, least and
  greatest of the ratios of each round. What is written goes to DIRECTORY (default target/incremental).
    walk       every directory is listed, and every entry below the tree asked for its size and times, on one thread
    find       the same by `find TREE -printf '%s %T@ %C@ %i\n'`
    unchanged  `mwfarm build -o` when nothing has changed, with what the scan before found
    no cache   the same with --no-cache
    changed    `mwfarm build -o` after a class was added to one extension, or to a library of one
    own scan   reading and scanning the PHP files of that extension, or of that library
  On a generated farm (see benches/farm) and on MediaWiki 1.43 with a wiki for each bundled extension and one for all.
options:
  --rounds N  how many rounds (9)
  --farm N    extensions of the generated farm (1000)
  --first     measure with real-time priority, for a machine that does something else, too; needs root
environment, as `eval "$(tests/all.sh materials)"` sets it:
  MWFARM_TREES    the MediaWiki trees
U
}
die() { printf 'incremental.sh: %s\n' "$*" >&2; exit 1; }
say() { printf '== %s\n' "$*" >&2; }
rounds=9 farm=1000 first=() directory=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --farm) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    --first) first=(chrt -f 10); shift ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" "$farm"; do
  [[ $number =~ ^[1-9][0-9]{0,4}$ ]] || die "not a number: $number"
done
: "${MWFARM_TREES:?run this first: eval \"\$(tests/all.sh materials)\"}"
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
directory=$(realpath -m -- "${directory:-$repository/target/incremental}")
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || [ -e "$directory/.incremental" ] || die "$directory is not empty, and not of this script"
rm -rf "$directory"
mkdir -p "$directory/results"
: >"$directory/.incremental"
export MWFARM_CACHE_DIR=$directory/cache

say "building"
cd "$repository"
cargo build --release --locked
mwfarm=$repository/target/release/mwfarm
bench() { cargo bench --locked --bench "$1" --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'; }
make_farm=$(bench make_farm) scan_files=$(bench scan_files) walk=$(bench walk)
for program in "$make_farm" "$scan_files" "$walk"; do
  [ -x "$program" ] || die "cargo bench made no program"
done

say "a farm of $farm extensions"
"$make_farm" "$directory/farm" --extensions "$farm" >/dev/null
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

# Where a class is added, and its namespace: in one extension of the farm; in a library of MediaWiki's that one of its
# extensions needs, since MediaWiki's own are loaded by what extension.json says.
declare -A place=([farm]=extensions/Extension$((farm / 2 + 1))/includes [mediawiki]=vendor/endroid/qr-code/src)
declare -A namespace=([farm]="MediaWiki\\Extension\\Extension$((farm / 2 + 1))" [mediawiki]="Endroid\\QrCode")

# Runs a command; appends its wall time in seconds to results/NAME.
measure() {
  local name=$1 from to
  shift
  from=$EPOCHREALTIME
  "${first[@]}" "$@" >"$directory/output" 2>&1 || { cat "$directory/output" >&2; die "this failed: $*"; }
  to=$EPOCHREALTIME
  awk -v wall="$((${to/[.,]/} - ${from/[.,]/}))" 'BEGIN { printf "%.6f\n", wall / 1e6 }' >>"$directory/results/$name"
}
build() { "$mwfarm" build -q -o -d "$directory/$1" >/dev/null || die "mwfarm cannot build $1"; }
one_round() { # TREE ROUND
  local tree=$1 class=Added$2 generation
  # What was added in the round before is old enough to be believed now, and noted.
  sleep 2.5
  build "$tree"
  measure "$tree-walk" "$walk" "$directory/$tree"
  measure "$tree-unchanged" "$mwfarm" build -q -o -d "$directory/$tree"
  measure "$tree-find" find "$directory/$tree" -printf '%s %T@ %C@ %i\n'
  measure "$tree-nocache" "$mwfarm" build -q -o --no-cache -d "$directory/$tree"
  printf '<?php\nnamespace %s;\n\nclass %s {\n}\n' "${namespace[$tree]}" "$class" \
    >"$directory/$tree/${place[$tree]}/$class.php"
  find "$directory/$tree/${place[$tree]}" -name '*.php' -print0 >"$directory/$tree.files"
  measure "$tree-scan" "$scan_files" "$directory/$tree.files"
  generation=$(grep -m1 '"generation"' "$directory/$tree/vendor/mwfarm.json")
  measure "$tree-changed" "$mwfarm" build -q -o -d "$directory/$tree"
  [ "$generation" != "$(grep -m1 '"generation"' "$directory/$tree/vendor/mwfarm.json")" ] || die "$tree did not change"
}
for tree in farm mediawiki; do build $tree; done
for ((round = 1; round <= rounds; round++)); do
  say "round $round of $rounds"
  for tree in farm mediawiki; do one_round $tree "$round"; done
done

# The table. median NAME; ratio A B [C]: of A to B plus C, round by round.
middle() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR] }'; }
median() { middle <"$directory/results/$1" | cut -d ' ' -f 1; }
ratio() {
  paste "$directory/results/$1" "$directory/results/$2" "$directory/results/${4:-$2}" |
    awk -v times="$3" -v more="${4:+1}" '{ print $1 / ($2 * times + $3 * more) }' | middle |
    awk '{ printf "%.2f (%.2f–%.2f)", $1, $2, $3 }'
}
row() { # WHAT NAME AGAINST NAME
  printf '| %s | %.3f s | %s | %.3f s | %s |\n' "$1" "$(median "$2")" "$3" "$(median "$4")" "$(ratio "$2" "$4" 1)"
}
entries() { find "$directory/$1" | wc -l; }
echo
echo "$(date -u +%F), $(git rev-parse --short HEAD), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $rounds rounds"
echo
echo "| \`mwfarm build -o\` | median | against | median | ratio (least–greatest of the rounds) |"
echo "|---|---|---|---|---|"
declare -A name=([farm]="farm of $farm" [mediawiki]="MediaWiki 1.43")
for tree in farm mediawiki; do
  row "nothing changed, ${name[$tree]}" $tree-unchanged "a bare walk of its $(entries $tree) entries" $tree-walk
  row "the same" $tree-unchanged "\`find -printf\`" $tree-find
  row "the same" $tree-unchanged "the same with \`--no-cache\`" $tree-nocache
  row "one extension changed, ${name[$tree]}" $tree-changed "nothing changed" $tree-unchanged
  printf '| the same | %.3f s | 1.5 × nothing changed, and the scan of that extension | %.3f s | %s |\n' \
    "$(median $tree-changed)" \
    "$(awk -v u="$(median $tree-unchanged)" -v s="$(median $tree-scan)" 'BEGIN { print 1.5 * u + s }')" \
    "$(ratio $tree-changed $tree-unchanged 1.5 $tree-scan)"
done
