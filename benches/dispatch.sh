#!/bin/bash
# dispatch.sh - the runtime against Composer's best autoloader in a PHP-FPM worker, as one Markdown table
set -euo pipefail
# Scans are not kept: benches/incremental.sh measures what that is worth.
export MWFARM_CACHE_DIR=/dev/null
usage() { cat <<'U'
usage: benches/dispatch.sh [--rounds N] [--wikis N] [--sizes "N..."] [--farm N] [--short] [DIRECTORY]
  Measures, in requests to one PHP-FPM worker, vendor/autoload.php and then up to 300 classes that exist and 100 that
  do not, and prints one Markdown table. What is written goes to DIRECTORY (default target/dispatch).
  The tree is a generated farm (see benches/farm) over the packages of a real MediaWiki 1.43, all of which are in
  the base; classes are chosen at random among all that a wiki can load. For each combination of extensions
    Composer  makes its autoloader for exactly the packages of this wiki, in a copy of the tree: -a, and -o
    mwfarm    finds the wiki by its host, and its bundle: of builds -a, -a --autoloader fast, and -o
    list      is told the extensions, which no wiki has together, by MWFARM_EXTENSIONS
  All of them load the same files: only the autoload files differ, and all of these lie in one vendor directory, those
  of Composer in one beside vendor/composer, so that they name files as Composer wrote it. Variants take turns, and
  whoever goes first changes from round to round; each request that counts comes after two of the same variant, so that
  nobody profits from what another has left in the processor's caches. Ratios are those of each round. OPcache is on,
  does not look at times, has room for everything, and compiles nothing to machine code.
options:
  --rounds N      how many requests of each variant (150)
  --wikis N       how many wikis the farm has, besides some dozens (100000)
  --farm N        extensions of the farm (50)
  --sizes "N..."  how many of them a wiki has on ("1 5 10 20 50")
  --short         no measurement but a check that everything works: 3 rounds, 10 extensions, 2100 wikis, a debug build
environment, as `eval "$(tests/all.sh materials)"` sets it:
  MWFARM_ORACLE   Composer 2.8 with its PHP; COMPOSER28_PHP=php takes another PHP
  MWFARM_TREES    the MediaWiki trees
  MWFARM_FPM      the PHP-FPM to measure
U
}
die() { printf 'dispatch.sh: %s\n' "$*" >&2; exit 1; }
say() { printf '== %s\n' "$*" >&2; }
rounds=150 wikis=100000 farm=50 sizes="1 5 10 20 50" directory='' short=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --wikis | --farm | --sizes) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    --short) short=1 rounds=3 wikis=2100 farm=10 sizes="1 5"; shift ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" "$wikis" "$farm" $sizes; do
  [[ $number =~ ^[1-9][0-9]{0,6}$ ]] || die "not a number: $number"
done
: "${MWFARM_ORACLE:?run this first: eval \"\$(tests/all.sh materials)\"}" "${MWFARM_TREES:?}"
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
directory=$(realpath -m -- "${directory:-$repository/target/dispatch}")
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || [ -e "$directory/.dispatch" ] || die "$directory is not empty, and not of this script"
rm -rf "$directory"
mkdir -p "$directory/tree/vendor"
: >"$directory/.dispatch"

say "building"
cd "$repository"
profile=release
[ -z "$short" ] || profile=dev
cargo build --profile $profile --locked
mwfarm=$repository/target/${profile/dev/debug}/mwfarm
if [ -n "$short" ]; then profile=dev; else profile=bench; fi
dispatch=$(cargo bench --profile $profile --locked --bench dispatch --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
[ -x "$dispatch" ] || die "cargo bench made no program"
options=("$directory" --extensions "$farm" --sizes "$sizes" --wikis "$wikis" --rounds "$rounds")

# shellcheck source=composer.sh
. "$repository/benches/composer.sh"
# Nothing is installed, everything is in place; packages that are not needed are removed.
update() { composer "$1" update --no-autoloader --ignore-platform-reqs; }

say "a farm of $farm extensions over MediaWiki 1.43"
tree=$directory/tree
mediawiki=$(realpath "$MWFARM_TREES/1.43")
cp -r "$mediawiki/vendor/." "$tree/vendor/"
cp "$mediawiki/composer.json" "$tree/core.json"
"$dispatch" prepare "${options[@]}"
mkdir -p "$tree/vendor/composer/installers"
cp -r "$repository/tests/farm/installer/." "$tree/vendor/composer/installers/"
update "$tree"
composer "$tree" dump-autoload
[ -s "$tree/vendor/autoload.php" ] || die "Composer wrote no autoloader"

for root in "$directory"/roots/*; do
  name=$(basename "$root")
  say "Composer's autoloaders for $name"
  # Links to the same class files; what Composer writes lies in files of its own.
  reference=$directory/reference
  rm -rf "$reference"
  cp -al "$tree" "$reference"
  rm -rf "$reference"/composer.{json,local.json,lock} "$reference"/vendor/{autoload.php,autoload-*.php,composer-*,composer}
  cp -r "$tree/vendor/composer" "$reference/vendor/"
  cp "$root"/composer{,.local}.json "$reference/"
  update "$reference"
  for mode in a o; do
    composer "$reference" dump-autoload -$mode
    mkdir "$tree/vendor/composer-$name-$mode"
    cp "$reference"/vendor/composer/{ClassLoader,InstalledVersions,installed,platform_check,include_paths,autoload_*}.php \
      "$tree/vendor/composer-$name-$mode/"
    sed "s|/composer/autoload_real.php|/composer-$name-$mode/autoload_real.php|" "$reference/vendor/autoload.php" \
      >"$tree/vendor/autoload-composer-$name-$mode.php"
    grep -q "/composer-$name-$mode/" "$tree/vendor/autoload-composer-$name-$mode.php" || die "unknown autoload.php"
  done
done
rm -rf "$reference"

# Each build publishes a generation of its own beside those before; its dispatcher is kept under another name.
build() {
  local name=$1
  shift
  say "mwfarm build $*"
  "$mwfarm" build -q -d "$tree" "$@" >/dev/null || die "mwfarm cannot build the tree"
  cp "$tree/vendor/autoload.php" "$tree/vendor/autoload-$name.php"
}
build o -o
build fast -a --autoloader fast
build a -a

say "measuring"
table=$("$dispatch" measure "${options[@]}")
version=$("$MWFARM_ORACLE/bin/composer28" --version --no-ansi 2>/dev/null | sed -n "s/^Composer version \([^ ]*\).*/\1/p")
echo
echo "$(date -u +%F), $(git rev-parse --short HEAD), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1)," \
  "Composer ${version:-2.8}, farm of $farm over MediaWiki 1.43"
echo "$table"
