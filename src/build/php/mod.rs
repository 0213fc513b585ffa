//! From linked maps to PHP text. Pure; every value goes through `crate::php`.

pub mod bundle;
pub mod runtime;
pub mod set;
pub mod table;

use super::autoload::platform::Platform;
use super::generated::Generated;
use crate::key::Key;
use crate::php;

/// How a generated file names a path of the tree: relative to its own directory, and so relocatable and folded by
/// the compiler into one constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'t> {
    /// From a file in `vendor/`. With the tree's real path, what lies outside of `vendor/` has absolute paths.
    Vendor(Option<&'t str>),
    /// From a file in a directory of `vendor/`.
    VendorDirectory,
}

impl Origin<'_> {
    /// Writes the expression for a path of the tree. Packages in `vendor/` are named without `..` from there: a path
    /// with `..` takes a second key in OPcache.
    pub fn path(self, out: &mut String, path: &str) {
        if path.starts_with('/') {
            return php::string(out, path.as_bytes());
        }
        let up = if self == Self::VendorDirectory { "/.." } else { "" };
        let (above, rest) = match path.strip_prefix("vendor") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => ("", rest),
            _ if path.is_empty() => ("/..", ""),
            _ => ("/../", path),
        };
        if let (Self::Vendor(Some(tree)), false) = (self, above.is_empty()) {
            return php::string(out, absolute(tree, path).as_bytes());
        }
        php::path(out, &[up, above, rest].concat());
    }

    /// Writes a list of paths on one line.
    pub fn paths<'p>(self, out: &mut String, paths: impl IntoIterator<Item = &'p str>) {
        out.push('[');
        for (index, path) in paths.into_iter().enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            self.path(out, path);
        }
        out.push(']');
    }
}

/// A path of the tree from the root of the file system.
fn absolute(tree: &str, path: &str) -> String {
    let (mut base, mut rest) = (tree.trim_end_matches('/'), path);
    // The tree's path is a real one, so what is above it is, too.
    while let Some(above) = rest.strip_prefix("..") {
        base = base.rsplit_once('/').map_or("", |(parent, _)| parent);
        rest = above.trim_start_matches('/');
    }
    if rest.is_empty() { base.to_owned() } else { format!("{base}/{rest}") }
}

/// The expression for a file of the runtime, from a file in `vendor/` or in a directory of it.
fn runtime_file(origin: Origin<'_>, runtime: &Key, file: &str) -> String {
    let up = if origin == Origin::VendorDirectory { "/.." } else { "" };
    php::path_expression(&format!("{up}/{}/{file}", Generated::Runtime(runtime.clone())))
}

/// Makes sure that there is a `ClassLoader`: ours, unless another vendor directory's came first.
fn class_loader(out: &mut String, origin: Origin<'_>, runtime: &Key) {
    out.push_str("class_exists(\\Composer\\Autoload\\ClassLoader::class, false) || require ");
    out.push_str(&runtime_file(origin, runtime, "ClassLoader.php"));
    out.push_str(";\n");
}

/// Calls the runtime's platform check, which says what lacks.
fn platform_check(out: &mut String, origin: Origin<'_>, runtime: &Key, platform: &Platform) {
    out.push_str("(require ");
    out.push_str(&runtime_file(origin, runtime, "platform_check.php"));
    out.push_str(")(");
    bundle::issues(out, platform);
    out.push_str(");\n");
}

/// A prefix with its directories, as linked.
type Prefix<'m> = (&'m str, Vec<&'m str>);

/// Prefixes as Composer's `ClassLoader` keeps them: by first byte, the empty prefix apart as fallback.
struct Prefixes<'m> {
    by_first: Vec<(u8, Vec<&'m Prefix<'m>>)>,
    fallback: Vec<&'m str>,
}

impl<'m> Prefixes<'m> {
    fn new(prefixes: &'m [Prefix<'m>]) -> Self {
        let mut by_first: Vec<(u8, Vec<&'m Prefix<'m>>)> = Vec::new();
        let mut fallback = Vec::new();
        for entry in prefixes {
            match entry.0.bytes().next() {
                None => fallback.extend(&entry.1),
                Some(first) => match by_first.iter_mut().find(|(known, _)| *known == first) {
                    Some((_, entries)) => entries.push(entry),
                    None => by_first.push((first, vec![entry])),
                },
            }
        }
        Self { by_first, fallback }
    }
}

/// The arrays of one autoloader, each as a PHP expression; `None` where it would be empty.
pub(super) struct Arrays {
    /// `prefixLengthsPsr4`, `prefixDirsPsr4`, `fallbackDirsPsr4`, `prefixesPsr0`, `fallbackDirsPsr0`, `classMap`.
    properties: Vec<(&'static str, String)>,
}

impl Arrays {
    /// Writes them; `indent` is the level of the line they begin on.
    fn new(map: &super::autoload::AutoloadMap<'_>, from: Origin<'_>, level: usize, installed_versions: bool) -> Self {
        let mut properties = Vec::new();
        let psr4 = Prefixes::new(&map.psr4);
        let psr0 = Prefixes::new(&map.psr0);
        if !psr4.by_first.is_empty() {
            let mut lengths = String::from("[\n");
            let mut directories = String::from("[\n");
            for (first, entries) in &psr4.by_first {
                php::indent(&mut lengths, level + 1);
                php::string(&mut lengths, &[*first]);
                lengths.push_str(" => [");
                for (index, (prefix, paths)) in entries.iter().enumerate() {
                    lengths.push_str(if index == 0 { "" } else { ", " });
                    php::string(&mut lengths, prefix.as_bytes());
                    lengths.push_str(" => ");
                    lengths.push_str(&prefix.len().to_string());
                    php::indent(&mut directories, level + 1);
                    php::string(&mut directories, prefix.as_bytes());
                    directories.push_str(" => ");
                    from.paths(&mut directories, paths.iter().copied());
                    directories.push_str(",\n");
                }
                lengths.push_str("],\n");
            }
            properties.push(("prefixLengthsPsr4", closed(lengths, level)));
            properties.push(("prefixDirsPsr4", closed(directories, level)));
        }
        let mut fallback = |name, paths: &[&str]| {
            if !paths.is_empty() {
                let mut text = String::new();
                from.paths(&mut text, paths.iter().copied());
                properties.push((name, text));
            }
        };
        fallback("fallbackDirsPsr4", &psr4.fallback);
        fallback("fallbackDirsPsr0", &psr0.fallback);
        if !psr0.by_first.is_empty() {
            let mut text = String::from("[\n");
            for (first, entries) in &psr0.by_first {
                php::indent(&mut text, level + 1);
                php::string(&mut text, &[*first]);
                text.push_str(" => [\n");
                for (prefix, paths) in entries {
                    php::indent(&mut text, level + 2);
                    php::string(&mut text, prefix.as_bytes());
                    text.push_str(" => ");
                    from.paths(&mut text, paths.iter().copied());
                    text.push_str(",\n");
                }
                php::indent(&mut text, level + 1);
                text.push_str("],\n");
            }
            properties.push(("prefixesPsr0", closed(text, level)));
        }
        let mut text = String::with_capacity(map.classes.len() * 128 + 128);
        text.push_str("[\n");
        class_map(&mut text, map, from, level + 1, installed_versions);
        properties.push(("classMap", closed(text, level)));
        Self { properties }
    }
}

/// Writes the entries of the class map, a line each. `Composer\InstalledVersions` is always Composer's own.
fn class_map(
    out: &mut String,
    map: &super::autoload::AutoloadMap<'_>,
    from: Origin<'_>,
    level: usize,
    installed_versions: bool,
) {
    const INSTALLED_VERSIONS: &[u8] = br"Composer\InstalledVersions";
    let mut pending = installed_versions;
    let own = |out: &mut String| {
        php::indent(out, level);
        php::string(out, INSTALLED_VERSIONS);
        out.push_str(" => ");
        from.path(out, "vendor/composer/InstalledVersions.php");
        out.push_str(",\n");
    };
    for (class, path) in &map.classes {
        if installed_versions && class.as_bytes() == INSTALLED_VERSIONS {
            continue;
        }
        if pending && class.as_bytes() > INSTALLED_VERSIONS {
            pending = false;
            own(out);
        }
        php::indent(out, level);
        php::string(out, class.as_bytes());
        out.push_str(" => ");
        from.path(out, path);
        out.push_str(",\n");
    }
    if pending {
        own(out);
    }
}

fn closed(mut text: String, level: usize) -> String {
    php::indent(&mut text, level);
    text.push(']');
    text
}

/// Writes `id => path` of `files`, a line each.
fn files(out: &mut String, files: &[&super::set::File], from: Origin<'_>, level: usize) {
    out.push_str("[\n");
    for file in files {
        php::indent(out, level + 1);
        php::string(out, file.id.as_bytes());
        out.push_str(" => ");
        from.path(out, &file.path);
        out.push_str(",\n");
    }
    php::indent(out, level);
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_generated_file() {
        let path = |from: Origin<'_>, path: &str| {
            let mut out = String::new();
            from.path(&mut out, path);
            out
        };
        assert_eq!(path(Origin::Vendor(None), "vendor/psr/log/src"), "__DIR__ . '/psr/log/src'");
        assert_eq!(path(Origin::Vendor(None), "vendor"), "__DIR__ . ''");
        assert_eq!(path(Origin::Vendor(None), ""), "__DIR__ . '/..'");
        assert_eq!(path(Origin::Vendor(None), "vendored/x"), "__DIR__ . '/../vendored/x'");
        let absolute = Origin::Vendor(Some("/srv/farm/mediawiki"));
        assert_eq!(path(absolute, "vendor/psr/log/src"), "__DIR__ . '/psr/log/src'");
        assert_eq!(path(absolute, "extensions/X"), "'/srv/farm/mediawiki/extensions/X'");
        assert_eq!(path(absolute, "../libs/x"), "'/srv/farm/libs/x'");
        assert_eq!(path(absolute, "../../../x"), "'/x'");
        assert_eq!(path(absolute, ""), "'/srv/farm/mediawiki'");
        assert_eq!(path(Origin::VendorDirectory, "vendor/psr/log"), "__DIR__ . '/../psr/log'");
        assert_eq!(path(Origin::VendorDirectory, "extensions/X"), "__DIR__ . '/../../extensions/X'");
        assert_eq!(path(Origin::Vendor(None), "../libs/x"), "__DIR__ . '/../../libs/x'");
        assert_eq!(path(Origin::Vendor(None), "/usr/share/php/X"), "'/usr/share/php/X'");
    }
}
