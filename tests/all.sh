#!/bin/bash
# all.sh - installs what the tests need, makes their materials, and runs every check and every test
set -euo pipefail
usage() { cat <<'U'
usage: tests/all.sh [materials]
  On Debian 12 or 13 with cargo (by rustup): installs missing Debian packages (as root, or fails and names them), puts
  MediaWiki 1.39 and 1.43, Composer 2.8 with PHP 8.4, PHP 7.4 and mago below target/materials, and runs formatting, lints
  and all tests. Nothing is skipped: whatever is missing ends the run. With `materials`, only those are made, and the
  settings that `cargo test` then needs are printed:  eval "$(tests/all.sh materials)"
environment:
  MWFARM_CASES=n  how many random cases the theorem is tried on (100)
  MWFARM_PUBLICATIONS=n  how often is published while PHP-FPM serves (100)
  MWFARM_FPM      the php-fpm to use (php-fpm, else the newest /usr/sbin/php-fpm*)
  XDG_CACHE_HOME  where packages are kept (default ~/.cache), in mwfarm-tests/
U
}
case ${1:-} in '' | materials) ;; -h | --help) usage; exit 0;; *) usage >&2; exit 2;; esac
cd "$(dirname "$(readlink -f "$0")")/.."
say() { printf '\n== %s\n' "$*" >&2; }
die() { printf 'all.sh: %s\n' "$*" >&2; exit 1; }

# 1. Programs. A package is asked for by what the tests use of it.
packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need cc build-essential
need php php-cli
# Debian names it by its version.
[ -n "${MWFARM_FPM:-}" ] || command -v php-fpm >/dev/null || compgen -G '/usr/sbin/php-fpm*' >/dev/null || packages+=(php-fpm)
need shellcheck shellcheck
need flock util-linux
need strace strace
# What deployed wikis are served by, and keep their data in.
export PATH=$PATH:/usr/sbin
need nginx nginx-light
need apache2 apache2
[ -f /usr/lib/apache2/modules/mpm_itk.so ] || packages+=(libapache2-mpm-itk)
compgen -G '/usr/lib/apache2/modules/libphp*.so' >/dev/null || packages+=(libapache2-mod-php)
need redis-server redis-server
need redis-cli redis-tools
need mariadbd mariadb-server
need sshd openssh-server
need ssh openssh-client
need setfacl acl
need systemd-analyze systemd
need pkill procps
need script bsdutils
need setpriv util-linux
need git git
[ -f /usr/share/php/PhpParser/autoload.php ] || packages+=(php-parser)
# Read as a whole: `grep -q` would close the pipe while PHP still writes, which fails for that.
modules=$(php -m 2>/dev/null || true)
for module in mbstring:php-mbstring xml:php-xml intl:php-intl pdo_sqlite:php-sqlite3 redis:php-redis mysqli:php-mysql; do
  grep -qix "${module%%:*}" <<< "$modules" || packages+=("${module##*:}")
done
if [ ${#packages[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || die "these Debian packages are missing, and there is no apt-get: ${packages[*]}"
  [ "$(id -u)" = 0 ] || die "install these packages, or run as root: ${packages[*]}"
  say "installing ${packages[*]}"
  apt-get -qq update >&2
  # The tests start daemons of their own: those of the packages are not wanted.
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod 755 "$policy"; fi
  installed=0
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}" >&2 || installed=$?
  [ -z "$policy" ] || rm -f "$policy"
  [ "$installed" = 0 ] || die "the packages cannot be installed"
fi
command -v cargo >/dev/null || die "cargo is missing; install Rust with rustup"
for component in fmt clippy; do
  cargo "$component" --version >/dev/null 2>&1 || die "cargo $component is missing: rustup component add rustfmt clippy"
done
# shellcheck disable=SC2016
php -r 'exit(PHP_VERSION_ID >= 80100 ? 0 : 1);' || die "the tests need PHP 8.1 or newer"

[ "$(id -u)" = 0 ] || die "run as root: wikis are deployed under users of their own, which the tests make and remove"

# 2. Materials: kept between runs, made anew when their scripts say so.
materials=$PWD/target/materials
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-${HOME:-$materials}/.cache}
say "materials"
for version in 1.39 1.43; do
  bash tests/tools/mediawiki-tree.sh "$version" "$materials/trees/$version" >&2
done
bash tests/tools/composer-oracle.sh "$materials/oracle" >&2
bash tests/tools/php74.sh "$materials/php74" >&2
bash tests/tools/mago.sh "$materials/mago" >&2
export MWFARM_TREES=$materials/trees MWFARM_ORACLE=$materials/oracle MWFARM_PHP74=$materials/php74
if [ "${1:-}" = materials ]; then
  printf 'export MWFARM_TREES=%q MWFARM_ORACLE=%q MWFARM_PHP74=%q\n' "$MWFARM_TREES" "$MWFARM_ORACLE" "$MWFARM_PHP74"
  exit 0
fi

# 3. Checks that need no build.
say "shellcheck"
mapfile -t scripts < <(find tests benches .ci -name '*.sh' -o -path .ci/run | sort)
shellcheck -S warning -x -P SCRIPTDIR "${scripts[@]}"
say "php -l: the runtime and the tests' own PHP, on the system's"
while IFS= read -r -d '' file; do
  php -d display_errors=stderr -l "$file" >/dev/null
done < <(find php tests -name '*.php' -print0)
say "static analysis of the runtime"
"$materials/mago/bin/mago" --config tests/php/mago.toml analyze

# 4. Rust.
say "cargo fmt"
cargo fmt --check
say "cargo clippy"
cargo clippy --locked --all-targets -- -D warnings
say "cargo test"
# More than twice what they take: one that comes to no end is told, and not waited for.
timeout --verbose 150m cargo test --locked
say "all passed"
