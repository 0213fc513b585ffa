//! The requirements in `extension.json` and `skin.json`, checked at run time when a wiki turns an extension on.

use std::collections::HashMap;

use super::{Checked, Dangling, Providers};
use crate::build::package::{Extension, ExtensionManifest, Link, Tree};
use crate::build::version;

/// Extensions are wanted by the `name` of their manifest, which is not their directory, nor their package. A missing
/// one dangles; versions that do not fit only warn, since they matter to wikis that turn the extension on.
pub(super) fn check(tree: &Tree, providers: &Providers, checked: &mut Checked) {
    let mut named: HashMap<&str, Vec<&ExtensionManifest>> = HashMap::new();
    for manifest in tree.extensions.iter().flat_map(|extension| &extension.manifests) {
        if let Some(name) = &manifest.name {
            named.entry(name).or_default().push(manifest);
        }
    }
    // A core version that Composer's rules cannot read, such as one of a development branch, is not checked.
    let core = tree.mediawiki_version.as_ref().and_then(|version| version::normalize(version).ok().zip(Some(version)));
    for extension in &tree.extensions {
        for manifest in &extension.manifests {
            let mut one = One { extension, manifest, providers, checked: &mut *checked };
            if let (Some(wanted), Some((normalized, shown))) = (&manifest.mediawiki, &core) {
                one.version("requires.MediaWiki", "MediaWiki", wanted, Some((normalized, shown)));
            }
            for link in &manifest.platform {
                if let Some(Some(pretended)) = tree.platform.get(&link.target) {
                    let normalized = version::normalize(pretended).ok();
                    let found = normalized.as_deref().map(|normalized| (normalized, pretended.as_str()));
                    one.version("requires.platform", &link.target, &link.constraint, found);
                }
            }
            for (field, links) in [("requires.extensions", &manifest.extensions), ("requires.skins", &manifest.skins)] {
                for link in links {
                    one.other(field, link, named.get(link.target.as_str()).map(Vec::as_slice).unwrap_or_default());
                }
            }
        }
    }
}

struct One<'a> {
    extension: &'a Extension,
    manifest: &'a ExtensionManifest,
    providers: &'a Providers<'a>,
    checked: &'a mut Checked,
}

impl One<'_> {
    /// A requirement on another extension.
    fn other(&mut self, field: &'static str, link: &Link, targets: &[&ExtensionManifest]) {
        let Some(first) = targets.first() else {
            return self.checked.dangling.push(Dangling {
                extension: self.extension.id.clone(),
                file: self.manifest.file.clone(),
                field: field.to_owned(),
                target: link.target.clone(),
            });
        };
        if link.constraint.trim() == "*" {
            return;
        }
        let normalized = first.version.as_deref().and_then(|version| version::normalize(version).ok());
        let found = normalized.as_deref().zip(first.version.as_deref());
        self.version(field, &link.target, &link.constraint, found);
    }

    /// Warns when a version, normalised and as written, is not as wanted.
    fn version(&mut self, field: &str, target: &str, wanted: &str, found: Option<(&str, &str)>) {
        let constraint = self.providers.constraint(wanted);
        if let (Ok(constraint), Some((normalized, _))) = (&constraint, found)
            && constraint.matches(normalized)
        {
            return;
        }
        let reason = match (&constraint, found) {
            (Err(error), _) => error.to_string(),
            (Ok(_), Some((_, shown))) => format!("the tree has {}", shown.escape_debug()),
            (Ok(_), None) => "it has no version".to_owned(),
        };
        self.checked.warnings.push(format!(
            "`{}`, field `{field}`: wants `{}` {}, but {reason}",
            self.manifest.file.escape_debug(),
            target.escape_debug(),
            wanted.escape_debug(),
        ));
    }
}
