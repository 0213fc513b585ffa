#!/bin/bash
# config.sh - `mwfarm config compile` as a whole process, for farms of growing size, as one Markdown table
set -euo pipefail
# Scans are not kept: benches/incremental.sh measures what that is worth.
export MWFARM_CACHE_DIR=/dev/null
usage() { cat <<'U'
usage: benches/config.sh [--rounds N] [--sizes "N..."] [DIRECTORY]
  Measures `mwfarm config compile` of farms with 500 settings for each wiki in 40 files (see benches/make_config.rs):
  clean, once more with nothing changed, and after a change that concerns one wiki. Medians of the rounds; the figures
  are of whole processes, with everything durable on the disk. What is written goes to DIRECTORY (default target/config).
options:
  --rounds N      how often (5)
  --sizes "N..."  wikis ("1000 2000 5000 10000")
U
}
die() { printf 'config.sh: %s\n' "$*" >&2; exit 1; }
rounds=5 sizes="1000 2000 5000 10000" directory=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --rounds | --sizes) [ $# -ge 2 ] || { usage >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$directory" ] || { usage >&2; exit 2; }; directory=$1; shift ;;
  esac
done
for number in "$rounds" $sizes; do [[ $number =~ ^[1-9][0-9]{0,6}$ ]] || die "not a number: $number"; done
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
directory=$(realpath -m -- "${directory:-$repository/target/config}")
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || [ -e "$directory/.config" ] || die "$directory is not empty, and not of this script"
rm -rf "$directory"
mkdir -p "$directory"
: >"$directory/.config"
cd "$repository"
mwfarm=${MWFARM:-$repository/target/release/mwfarm}
[ -n "${MWFARM:-}" ] || cargo build --release --locked
# Its own time does not count.
make=$(cargo bench --profile dev --locked --bench make_config --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
[ -x "$make" ] || die "cargo bench made no program"

# Prints seconds and the peak of memory in MB of one run.
timed() {
  local times
  times=$( { /usr/bin/env time -f '%e %M' "$mwfarm" config compile -q --config-dir "$1/etc" >/dev/null; } 2>&1) || die "$times"
  echo "$times" | tail -1
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
rows=''
for wikis in $sizes; do
  clean='' same='' one='' memory=''
  for ((round = 0; round < rounds; round++)); do
    # A directory of its own: file systems are slow to make files right after others were removed.
    farm=$directory/$wikis-$round
    "$make" "$farm" --wikis "$wikis" >/dev/null
    sync
    read -r time kilobytes <<<"$(timed "$farm")"
    clean+="$time"$'\n' memory+="$kilobytes"$'\n'
    read -r time _ <<<"$(timed "$farm")"
    same+="$time"$'\n'
    sed -i 's/^  w52: .*/  w52: changed/' "$farm/etc/settings/2.yml"
    read -r time _ <<<"$(timed "$farm")"
    one+="$time"$'\n'
  done
  size=$(du -sm "$directory/$wikis-0/out/settings" | cut -f1)
  rows+="| $wikis | $(printf %s "$clean" | median) s | $(printf %s "$same" | median) s | $(printf %s "$one" | median) s |"
  rows+=" $(($(printf %s "$memory" | median) / 1024)) MB | $size MB |"$'\n'
done
echo
echo "$(date -u +%F), $(git rev-parse --short HEAD), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $rounds rounds"
echo
echo "| wikis | clean | nothing changed | one wiki changed | memory | settings written |"
echo "|---|---|---|---|---|---|"
printf '%s' "$rows"
