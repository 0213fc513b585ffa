//! Why a package is there, as JSON for programs and as text for people.

use std::fmt::Write;

use serde::Serialize;

use super::escaped;
use crate::farm::WikiId;

/// The version of the JSON form.
pub const SCHEMA: &str = "1.0.0";

/// The answer of `mwfarm why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The package, or the directory of the extension, that was asked for.
    pub package: String,
    /// Its locked version, as the package writes it; none for a plain directory.
    pub version: Option<String>,
    /// Whether the base has it, so that every wiki loads it.
    pub base: bool,
    /// Who needs it: the base or extensions, ordered by their names.
    pub paths: Vec<Path>,
    /// The wikis that load it, ordered by identifier.
    pub wikis: Vec<WikiId>,
}

/// A shortest way from somebody who needs a package down to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Path {
    /// From the extension (or the file that requires it for the base) to the package, both included.
    pub steps: Vec<String>,
}

impl Why {
    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The text form: the package, one line for each way to it, the wikis, or whether the one wiki that was asked for
    /// loads it.
    #[must_use]
    pub fn text(&self, asked: Option<&str>) -> String {
        let mut text = escaped(&self.package).into_owned();
        if let Some(version) = &self.version {
            let _ = write!(text, " {}", escaped(version));
        }
        text.push('\n');
        for path in &self.paths {
            let steps: Vec<_> = path.steps.iter().map(|step| escaped(step)).collect();
            let _ = writeln!(text, "  {}", steps.join(" > "));
        }
        if self.paths.is_empty() {
            text.push_str("  nobody requires it\n");
        }
        let wikis: Vec<&str> = self.wikis.iter().map(WikiId::as_str).collect();
        let _ = match (self.base, wikis.is_empty()) {
            (true, _) => writeln!(text, "in the base: every wiki loads it"),
            (false, true) => match asked {
                Some(wiki) => writeln!(text, "wiki {} does not load it", escaped(wiki)),
                None => writeln!(text, "no wiki loads it"),
            },
            (false, false) => writeln!(text, "wikis: {}", wikis.join(", ")),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(paths: &[&[&str]], wikis: &[&str]) -> Why {
        Why {
            schema: SCHEMA,
            package: "data-values/geo".to_owned(),
            version: Some("4.4.0".to_owned()),
            base: false,
            paths: paths.iter().map(|steps| Path { steps: steps.iter().map(ToString::to_string).collect() }).collect(),
            wikis: wikis.iter().map(|wiki| WikiId::new(wiki).unwrap()).collect(),
        }
    }

    #[test]
    fn text_shows_the_ways_and_the_wikis() {
        let maps: &[&str] = &["extensions/Maps", "mediawiki/maps", "jeroen/simple-geocoder", "data-values/geo"];
        assert_eq!(
            why(&[maps], &["atlas", "research"]).text(None),
            "data-values/geo 4.4.0\n  \
             extensions/Maps > mediawiki/maps > jeroen/simple-geocoder > data-values/geo\nwikis: atlas, research\n"
        );
    }

    #[test]
    fn text_of_the_base_of_orphans_and_of_the_unused() {
        let base = Why { base: true, version: None, ..why(&[&["composer.json", "psr/log"]], &["atlas"]) };
        assert_eq!(base.text(None), "data-values/geo\n  composer.json > psr/log\nin the base: every wiki loads it\n");
        assert_eq!(why(&[], &[]).text(None), "data-values/geo 4.4.0\n  nobody requires it\nno wiki loads it\n");
    }

    #[test]
    fn text_is_escaped() {
        let evil = Why { package: "a\u{1b}[2J".to_owned(), ..why(&[&["b\n"]], &[]) };
        assert!(why(&[], &[]).text(Some("alpha")).ends_with("\nwiki alpha does not load it\n"));
        assert!(why(&[], &["alpha"]).text(Some("alpha")).ends_with("\nwikis: alpha\n"));
        assert_eq!(evil.text(None), "a\\u{1b}[2J 4.4.0\n  b\\n\nno wiki loads it\n");
    }

    #[test]
    fn json_follows_its_schema() {
        let answer: serde_json::Value = serde_json::from_str(&why(&[&["a", "b"]], &["w"]).json().unwrap()).unwrap();
        assert_eq!(
            answer,
            serde_json::json!({
                "schema": "1.0.0", "package": "data-values/geo", "version": "4.4.0", "base": false,
                "paths": [{"steps": ["a", "b"]}], "wikis": ["w"],
            })
        );
    }
}
