# shellcheck shell=bash
# For the scripts beside it: Composer at work in a tree, with a home of its own below $directory and no network.
composer() {
  local tree=$1
  shift
  # shellcheck disable=SC2154
  env -C "$tree" HOME="$directory/home" COMPOSER_HOME="$directory/home" COMPOSER_CACHE_DIR=/dev/null \
    COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_DISABLE_NETWORK=1 COMPOSER_NO_AUDIT=1 GIT_DIR=/nonexistent \
    "$MWFARM_ORACLE/bin/composer28" --no-interaction --no-ansi --quiet "$@"
}
