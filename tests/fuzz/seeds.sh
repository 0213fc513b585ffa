#!/bin/bash
# seeds.sh - puts what the fuzz targets begin with into target/fuzz/corpus
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
corpus=target/fuzz/corpus
mkdir -p "$corpus"/{composer_json,version_constraint,php_scan,php_quote,wikis_host,deploy_event}
number=0
# A file behind a byte that tells the target what it is.
seed() { number=$((number + 1)); { printf '%b' "\\$2"; cat "$3"; } > "$corpus/$1/seed$number"; }
while IFS= read -r file; do seed composer_json 000 "$file"; done < <(find fixtures -name composer.json)
while IFS= read -r file; do seed composer_json 001 "$file"; done < <(find fixtures -name 'extension*.json' -o -name skin.json)
while IFS= read -r file; do seed composer_json 002 "$file"; done < <(find fixtures -name installed.json)
while IFS= read -r file; do seed composer_json 003 "$file"; done < <(find fixtures -name composer.lock)
while IFS= read -r file; do seed composer_json 005 "$file"; done < <(find fixtures -name installed.php)
while IFS= read -r file; do seed wikis_host 000 "$file"; done < <(find fixtures -name wikis.yml)
while IFS= read -r file; do seed wikis_host 001 "$file"; done < <(find fixtures -name farms.yml)
cp fixtures/scan/*.php "$corpus/php_scan"
cp fixtures/scan/*.php "$corpus/php_quote"
find fixtures/semver -type f -exec cp {} "$corpus/version_constraint" \;
event() { number=$((number + 1)); printf "\\$1%s" "$2" > "$corpus/deploy_event/seed$number"; }
old=1111111111111111111111111111111111111111 new=2222222222222222222222222222222222222222
update="\"oldRev\":\"$old\",\"newRev\":\"$new\",\"refName\":\"refs/heads/wiki/alpha\",\"project\":\"mediawiki/core\""
event 000 "{\"type\":\"ref-updated\",\"submitter\":{\"username\":\"alice\"},\"refUpdate\":{$update}}"
event 000 "{\"type\":\"batch-ref-updated\",\"project\":\"mediawiki/core\",\"refUpdates\":[{$update}]}"
event 000 "{\"type\":\"change-merged\",\"change\":{\"project\":\"mediawiki/core\",\"branch\":\"wiki/alpha\"},\"newRev\":\"$new\"}"
push="\"ref\":\"refs/heads/wiki/alpha\",\"before\":\"$old\",\"after\":\"$new\""
event 001 "{$push,\"repository\":{\"full_name\":\"mediawiki/core\"},\"pusher\":{\"login\":\"bob\"}}"
event 001 "{$push,\"project\":{\"path_with_namespace\":\"mediawiki/core\"},\"user_username\":\"bob\"}"
event 002 "$old $new refs/heads/wiki/alpha
"
