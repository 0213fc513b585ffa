//! The settings file of a release: what the farm gives a wiki, around the wiki's own file.
//!
//! MediaWiki is pointed to it by `MW_CONFIG_FILE`. It stands inside its release, so that a request which began with one
//! release's code never ends with another one's settings.

use std::fmt::Write as _;
use std::path::Path;

use super::release::ReleaseId;
use crate::php::{self, Value};

/// What a settings file is made of.
#[derive(Debug, Clone)]
pub struct Content<'c> {
    /// The wiki's name.
    pub wiki: &'c str,
    /// The release.
    pub release: &'c ReleaseId,
    /// The release's directory.
    pub directory: &'c Path,
    /// What every wiki gets, by names of settings, before anything else.
    pub given: &'c [(String, Value)],
    /// The file that returns the wiki's secrets, by names of settings.
    pub secrets: Option<&'c Path>,
    /// Whether the farm's compiled settings stand beside, as `farm.php`.
    pub farm: bool,
    /// The wiki's own file.
    pub own: &'c Path,
    /// What the wiki's own file does not change, or the wiki would not find its pages any more.
    pub kept: &'c [(String, Value)],
}

/// The PHP text.
#[must_use]
pub fn text(content: &Content<'_>) -> String {
    let path = |path: &Path| php::string_literal(&path.to_string_lossy());
    let mut text = format!("<?php\n// Made by mwfarm for `{}`: changes are lost with the next deploy.\n", content.wiki);
    let release = php::string_literal(&format!("MwFarm-Release: {}", content.release));
    let closed = content.directory.join(".mwfarm/closed");
    let _ = write!(
        text,
        "if ( PHP_SAPI !== 'cli' && !headers_sent() ) {{\n\
         \theader( {release} );\n\
         \t// A later release changes the database at this moment.\n\
         \tif ( file_exists( {} ) ) {{\n\
         \t\thttp_response_code( 503 );\n\
         \t\theader( 'Retry-After: 30' );\n\
         \t\theader( 'Content-Type: text/plain; charset=utf-8' );\n\
         \t\techo \"This wiki is being upgraded.\\n\";\n\
         \t\texit( 1 );\n\
         \t}}\n\
         }}\n",
        path(&closed)
    );
    assign(&mut text, content.given);
    if let Some(secrets) = content.secrets {
        let _ = write!(
            text,
            "foreach ( ( require {} )['settings'] as $mwfarmName => $mwfarmValue ) {{\n\t$$mwfarmName = $mwfarmValue;\n}}\n\
             unset( $mwfarmName, $mwfarmValue );\n",
            path(secrets)
        );
    }
    if content.farm {
        text.push_str("require __DIR__ . '/farm.php';\n");
    }
    let _ = writeln!(text, "require {};", path(content.own));
    assign(&mut text, content.kept);
    text
}

fn assign(text: &mut String, settings: &[(String, Value)]) {
    for (name, value) in settings {
        let mut literal = String::new();
        value.write(&mut literal, 0);
        // Over what is there already, such as MediaWiki's own caches.
        let rest = if matches!(value, Value::Map(_)) { format!(" + ( ${name} ?? [] )") } else { String::new() };
        let _ = writeln!(text, "${name} = {literal}{rest};");
    }
}
