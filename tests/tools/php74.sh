#!/bin/bash
# php74.sh DEST - PHP 7.4, the oldest PHP that the runtime supports, beside the system's
set -euo pipefail
usage() { cat <<'U'
usage: php74.sh DEST
  Makes DEST/bin/php74 (command line, with json, mbstring, tokenizer) from Debian 11's packages, without installing
  anything, without root and without chroot. It brings its own C library. The second call does nothing; a new DEST
  needs no network. DEST must be absent, empty, or made by this script.
environment: XDG_CACHE_HOME, REFRESH, FORCE, DEB_MIRROR, VERBOSE as for composer-oracle.sh
U
}
# shellcheck source-path=SCRIPTDIR source=debs.sh
. "$(dirname "$(readlink -f "$0")")/debs.sh"
case ${1:-} in -h|--help) usage; exit 0;; esac
[ $# = 1 ] && [ -n "$1" ] || { usage >&2; exit 2; }
dest=$(realpath -ms -- "$1")
mark=.php74

if [ -e "$dest" ]; then
  [ -d "$dest" ] || die "$dest is not a directory"
  if [ -f "$dest/$mark" ]; then
    if [ "${FORCE:-0}" = 0 ] && [ "${REFRESH:-0}" = 0 ] && "$dest/bin/php74" -r '' 2>/dev/null; then exit 0; fi
  elif [ -n "$(ls -A "$dest")" ]; then
    die "$dest is not empty and was not made by this script"
  fi
fi

debs_fetch bullseye php74 deps php7.4-cli php7.4-mbstring

mkdir -p "$(dirname "$dest")"
tmp=$(mktemp -d "$dest.new.XXXXXX"); chmod 755 "$tmp"
trap 'rm -rf "$tmp"' EXIT
r=$tmp/root; mkdir "$r" "$tmp/bin"
# debs_dir comes from debs.sh.
# shellcheck disable=SC2154
for d in "$debs_dir"/*.deb; do
  case ${d##*/} in   # what maintainer scripts alone need
    perl*|lib*-perl_*|debconf_*|ucf_*|init-system-helpers_*|tzdata_*|media-types_*|mime-support_*|sensible-utils_*) ;;
    *) dpkg-deb -x "$d" "$r";;
  esac
done
for d in usr/share/doc usr/share/man usr/share/locale usr/share/lintian var; do rm -rf "${r:?}/$d"; done

# A path in the root, by its pattern (the first match).
one() { local m; m=$(cd "$r" && compgen -G "$1") || die "the packages hold no $1"; printf '%s\n' "${m%%$'\n'*}"; }
ld=$(one 'lib/*/ld-linux*.so.*')
libc=$(one 'lib/*/libc.so.6'); libc=${libc%/*}
ext=$(one 'usr/lib/php/2*/mbstring.so'); ext=${ext%/*}
printf 'extension=json.so\nextension=tokenizer.so\nextension=mbstring.so\n' > "$tmp/php.ini"
cat > "$tmp/bin/php74" <<W
#!/bin/sh
# PHP 7.4 with its own C library and settings.
d=\$(readlink -f "\$0"); d=\${d%/bin/*}
exec "\$d/root/$ld" --library-path "\$d/root/$libc:\$d/root/usr/$libc" "\$d/root/usr/bin/php7.4" \\
  -n -c "\$d/php.ini" -d extension_dir="\$d/root/$ext" "\$@"
W
chmod 755 "$tmp/bin/php74"
# shellcheck disable=SC2016
version=$("$tmp/bin/php74" -r 'echo PHP_VERSION;' 2>&1) || die "PHP does not run: $version"
case $version in 7.4.*) ;; *) die "unexpected PHP: $version";; esac
printf '%s\n' "$version" > "$tmp/$mark"
[ ! -e "$dest" ] || rm -rf "$dest"
mv "$tmp" "$dest"
trap - EXIT
say "PHP $version in $dest/bin"
