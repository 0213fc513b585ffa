#!/bin/bash
# deploy.sh - what deploying costs: against `git archive | tar`, in git objects, and with many wikis in the registry
set -euo pipefail
# Scans are not kept: benches/incremental.sh measures what that is worth.
export MWFARM_CACHE_DIR=/dev/null
usage() { cat <<'U'
usage: benches/deploy.sh [--rounds N] [--pushes N] [--sizes "N..."] [DIRECTORY]
  1. `mwfarm deploy` of a push to a core repository as large as MediaWiki, in turns with `git archive | tar` of the same
     commit; users and web server off, without update.php. Medians and their ratio. A worker runs, as on a farm: it
     removes old releases, between two rounds.
  2. What one more wiki on an unchanged branch adds to the objects of the reference repository.
  3. The daily cleaning of that repository after many pushes, and how long fetches take meanwhile.
  4. `mwfarm status`, `mwfarm watch reconcile` and `mwfarm deploy --all --again` with so many wikis of a small core.
  It fails when an aim is missed: 3 times `git archive | tar`; 5 % more objects; `status` in 0.2 s; a wiki costs a
  reconcile of the most wikis at most 1.5 times what it costs one of the fewest.
  Whole processes, with everything durable on the disk. The core is the tree of MediaWiki 1.39 that the tests use:
    eval "$(bash tests/all.sh materials)" && bash benches/deploy.sh
  What is written goes to DIRECTORY (default target/deploy).
options:
  --rounds N      how often (7)
  --pushes N      of 3 (300)
  --sizes "N..."  wikis ("100 300 1000")
U
}
die() { printf 'deploy.sh: %s\n' "$*" >&2; exit 1; }
rounds=7 pushes=300 sizes="100 300 1000" directory=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --pushes | --sizes) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" "$pushes" $sizes; do [[ $number =~ ^[1-9][0-9]{0,4}$ ]] || die "not a number: $number"; done
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
# aim WHAT NUMBER MOST: says so when it is missed
missed=0
aim() {
  awk "BEGIN { exit !($2 > $3) }" || return 0
  echo "  missed: $1 is $2, and should be at most $3"
  missed=1
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
# follow NAME OPTION...: starts a worker, whose log is NAME.log
follow() {
  "$mwfarm" watch worker --config-dir "$big" "${@:2}" >"$directory/$1.log" 2>&1 &
  worker=$!
}
trap 'kill "$worker" 2>/dev/null || true' EXIT
follow remover -q --reconcile 0
# idle: waits until no old release is to be removed any more
idle() {
  while compgen -G "$big/srv/deployment/releases/.tmp/*.removed" >/dev/null; do
    kill -0 "$worker" 2>/dev/null || die "the worker has ended: $(tail -n 3 "$directory/remover.log")"
    sleep 0.2
  done
}
deploys='' archives=''
for ((round = 1; round <= rounds; round++)); do
  echo "body { /* $round */ }" >"$directory/core/resources/bench.css"
  git -C "$directory/core" add -A
  git -C "$directory/core" commit -qm "$round"
  git -C "$directory/core" push -q origin HEAD:refs/heads/wiki/alpha
  idle
  sync
  if ((round % 2)); then
    archives+="$(seconds archive "$big/core.git" "$directory/tar$round" wiki/alpha)"$'\n'
    deploys+="$(seconds run "$big" deploy alpha)"$'\n'
  else
    deploys+="$(seconds run "$big" deploy alpha)"$'\n'
    idle
    sync
    archives+="$(seconds archive "$big/core.git" "$directory/tar$round" wiki/alpha)"$'\n'
  fi
done
deploy=$(printf %s "$deploys" | median) archive=$(printf %s "$archives" | median)
ratio=$(awk "BEGIN { printf \"%.2f\", $deploy / $archive }")
echo "push → served, $files files: $deploy s; git archive | tar, durable: $archive s; ratio $ratio"
aim 'the ratio' "$ratio" 3
more=$(awk "BEGIN { printf \"%.2f\", 100 * ($after - $before) / $before }")
echo "git objects: $before kB with one wiki, $after kB with two: $more % more"
aim 'what a wiki adds' "$more" 5
rm -rf "$directory"/tar*
idle
kill "$worker" && wait "$worker"

# Pushes as they come: some files each. A dry run fetches, and makes nothing.
mapfile -t changed < <(git -C "$directory/core" ls-files '*.php' | awk 'NR % 11 == 0')
for ((push = 1; push <= pushes; push++)); do
  for ((file = 0; file < 8; file++)); do
    echo "// $push" >>"$directory/core/${changed[$(((push * 8 + file) % ${#changed[@]}))]}"
  done
  git -C "$directory/core" commit -qam "$push"
  git -C "$directory/core" push -q origin HEAD:refs/heads/wiki/alpha
  run "$big" deploy alpha --dry-run
done
run "$big" deploy alpha
packs() { git -C "$common" count-objects -v | awk '/^packs/ { print $2 }'; }
before=$(packs)
alone=$(for ((round = 0; round < 5; round++)); do seconds run "$big" deploy beta --dry-run; done | median)
rm -f "$big/var/lib/mwfarm/cleaned"
begin=$EPOCHREALTIME
follow worker -v
meanwhile=''
until grep -q '^cleaning up' "$directory/worker.log"; do
  kill -0 "$worker" 2>/dev/null || die "the worker has ended: $(tail -n 3 "$directory/worker.log")"
  meanwhile+="$(seconds run "$big" deploy beta --dry-run)"$'\n'
done
cleaned=$(echo "$begin $EPOCHREALTIME" | awk '{ printf "%.2f", $2 - $1 }')
kill "$worker" && wait "$worker"
echo "cleaning $before packs of $pushes pushes: $cleaned s; a dry run meanwhile $(printf %s "$meanwhile" | median) s, the longest $(printf %s "$meanwhile" | sort -n | tail -n 1) s; else $alone s"
aim 'what is left of the packs' "$(packs)" 1

mkdir -p "$directory/small-core/includes"
echo '<?php' >"$directory/small-core/index.php"
small=$directory/small
farm "$small" "$directory/small-core"
export -f run
export mwfarm small
made=0 first='' last=''
for wikis in $sizes; do
  begin=$EPOCHREALTIME
  seq "$made" $((wikis - 1)) | xargs -P "$(nproc)" -I{} bash -c 'run "$small" wiki create w{}'
  created=$(echo "$begin $EPOCHREALTIME" | awk "{ printf \"%.0f\", 1000 * (\$2 - \$1) / ($wikis - $made) }")
  made=$wikis
  status='' reconcile=''
  for ((round = 0; round < rounds; round++)); do
    status+="$(seconds run "$small" status)"$'\n'
    reconcile+="$(seconds run "$small" watch reconcile)"$'\n'
  done
  again=$(seconds run "$small" deploy --all --again)
  status=$(printf %s "$status" | median) reconcile=$(printf %s "$reconcile" | median)
  last=$(awk "BEGIN { printf \"%.2f\", 1000 * $reconcile / $wikis }")
  first=${first:-$last}
  echo "$wikis wikis, made in $created ms each: status $status s; reconcile $reconcile s, $last ms each; deploy --all --again $again s, $(awk "BEGIN { printf \"%.0f\", 1000 * $again / $wikis }") ms each"
  aim status "$status" 0.2
done
aim 'a wiki of the most, to one of the fewest,' "$(awk "BEGIN { printf \"%.2f\", $last / $first }")" 1.5
exit $missed
