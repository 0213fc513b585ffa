#!/bin/bash
# deploy.sh - what deploying costs: against `git archive | tar`, in git objects, and with many wikis in the registry
set -euo pipefail
# Scans are not kept: benches/incremental.sh measures what that is worth.
export MWFARM_CACHE_DIR=/dev/null
usage() { cat <<'U'
usage: benches/deploy.sh [--rounds N] [--sizes "N..."] [DIRECTORY]
  1. `mwfarm deploy` of a push to a core repository as large as MediaWiki, in turns with `git archive | tar` of the same
     commit; users and web server off, without update.php. Medians and their ratio.
  2. What one more wiki on an unchanged branch adds to the objects of the reference repository.
  3. `mwfarm status` and `mwfarm watch reconcile` with so many wikis of a small core.
  Whole processes, with everything durable on the disk. The core is the tree of MediaWiki 1.39 that the tests use:
    eval "$(bash tests/all.sh materials)" && bash benches/deploy.sh
  What is written goes to DIRECTORY (default target/deploy).
options:
  --rounds N      how often (7)
  --sizes "N..."  wikis ("100 1000")
U
}
die() { printf 'deploy.sh: %s\n' "$*" >&2; exit 1; }
rounds=7 sizes="100 1000" directory=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --sizes) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" $sizes; do [[ $number =~ ^[1-9][0-9]{0,4}$ ]] || die "not a number: $number"; done
[ -n "${MWFARM_TREES:-}" ] || die "run: eval \"\$(bash tests/all.sh materials)\""
tree=$(readlink -f "$MWFARM_TREES/1.39") || die "there is no MediaWiki in $MWFARM_TREES"
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
directory=$(realpath -m -- "${directory:-$repository/target/deploy}")
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || [ -e "$directory/.deploy" ] || die "$directory is not empty, and not of this script"
rm -rf "$directory"
mkdir -p "$directory"
: >"$directory/.deploy"
cd "$repository"
mwfarm=${MWFARM:-$repository/target/release/mwfarm}
[ -n "${MWFARM:-}" ] || cargo build --release --locked
export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost

# farm DIRECTORY FILES: a farm whose core has these files
farm() {
  mkdir -p "$1"
  git init -q --bare -b main "$1/core.git"
  git -C "$2" init -q -b main
  git -C "$2" add -fA
  git -C "$2" commit -qm core
  git -C "$2" push -q "$1/core.git" main
  cat >"$1/mwfarm.yml" <<Y
deploy: {root: ., zone: wiki.test, core: $1/core.git, base: refs/heads/main, users: none, web: none, database: none}
Y
}
run() { "$mwfarm" -q "${@:2}" --config-dir "$1" >/dev/null; }
# seconds COMMAND...: how long it takes
seconds() {
  local begin=$EPOCHREALTIME
  "$@"
  echo "$begin $EPOCHREALTIME" | awk '{ printf "%.4f\n", $2 - $1 }'
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
archive() { mkdir "$2" && git -C "$1" archive "$3" | tar -x -C "$2" && sync -f "$2"; }

big=$directory/big
mkdir -p "$directory/core"
# The links of the distribution's tree lead out of it: what they lead to is copied.
cp -aL "$tree/." "$directory/core" 2>/dev/null || true
rm -rf "$directory/core/LocalSettings.php" "$directory/core/.git"
rm -f "$directory/core/maintenance/update.php" "$directory/core/maintenance/install.php"
farm "$big" "$directory/core"
files=$(git -C "$directory/core" ls-files | wc -l)
run "$big" wiki create alpha
common=$big/srv/deployment/mediawiki/common
before=$(du -sk "$common/objects" | cut -f1)
run "$big" wiki create beta
after=$(du -sk "$common/objects" | cut -f1)
git -C "$directory/core" remote add origin "$big/core.git"
deploys='' archives=''
for ((round = 1; round <= rounds; round++)); do
  echo "body { /* $round */ }" >"$directory/core/resources/bench.css"
  git -C "$directory/core" add -A
  git -C "$directory/core" commit -qm "$round"
  git -C "$directory/core" push -q origin HEAD:refs/heads/wiki/alpha
  sync
  if ((round % 2)); then
    archives+="$(seconds archive "$big/core.git" "$directory/tar$round" wiki/alpha)"$'\n'
    deploys+="$(seconds run "$big" deploy alpha)"$'\n'
  else
    deploys+="$(seconds run "$big" deploy alpha)"$'\n'
    archives+="$(seconds archive "$big/core.git" "$directory/tar$round" wiki/alpha)"$'\n'
  fi
done
deploy=$(printf %s "$deploys" | median) archive=$(printf %s "$archives" | median)
echo "push → served, $files files: $deploy s; git archive | tar, durable: $archive s; ratio $(awk "BEGIN { printf \"%.2f\", $deploy / $archive }")"
echo "git objects: $before kB with one wiki, $after kB with two: $(awk "BEGIN { printf \"%.2f\", 100 * ($after - $before) / $before }") % more"

mkdir -p "$directory/small-core/includes"
echo '<?php' >"$directory/small-core/index.php"
small=$directory/small
farm "$small" "$directory/small-core"
made=0
for wikis in $sizes; do
  for ((; made < wikis; made++)); do run "$small" wiki create "w$made"; done
  status='' reconcile=''
  for ((round = 0; round < rounds; round++)); do
    status+="$(seconds run "$small" status)"$'\n'
    reconcile+="$(seconds run "$small" watch reconcile)"$'\n'
  done
  status=$(printf %s "$status" | median) reconcile=$(printf %s "$reconcile" | median)
  echo "$wikis wikis: status $status s, reconcile $reconcile s ($(awk "BEGIN { printf \"%.2f\", 1000 * $reconcile / $wikis }") ms each)"
done
