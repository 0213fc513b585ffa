//! What `verify` found, as JSON for programs and as text for people.

use std::fmt::Write;

use serde::Serialize;

use super::{ExitCode, escaped};
use crate::key::Key;

/// The version of the JSON form.
pub const SCHEMA: &str = "1.0.0";

/// The answer of `mwfarm verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The generation that is published.
    pub generation: Key,
    /// How many files were compared byte by byte with the manifest.
    pub files: usize,
    /// How many paths in class maps and lists of files were looked for.
    pub mapped: usize,
    /// What is not as it should be, ordered by file.
    pub differences: Vec<Difference>,
}

/// Something that is not as it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file, relative to `vendor/`.
    pub file: String,
    /// What is wrong with it, as a phrase: `is missing`, `has other content`, `maps `Foo` to `a.php`, which is
    /// missing`.
    pub what: String,
}

impl Verification {
    /// The exit code: failed when there is any difference.
    #[must_use]
    pub fn exit(&self) -> ExitCode {
        if self.differences.is_empty() { ExitCode::Done } else { ExitCode::Failed }
    }

    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The text form: one line for each difference, then the totals.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for difference in &self.differences {
            let _ = writeln!(text, "{} {}", escaped(&difference.file), escaped(&difference.what));
        }
        let found = match self.differences.len() {
            0 => "all as published".to_owned(),
            1 => "1 difference".to_owned(),
            more => format!("{more} differences"),
        };
        let _ = writeln!(text, "{} files and {} mapped paths verified: {found}", self.files, self.mapped);
        let _ = writeln!(text, "generation {}", self.generation);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification(differences: &[(&str, &str)]) -> Verification {
        let difference = |(file, what): &(&str, &str)| Difference { file: file.to_string(), what: what.to_string() };
        Verification {
            schema: SCHEMA,
            generation: Key::of(b"generation"),
            files: 312,
            mapped: 4462,
            differences: differences.iter().map(difference).collect(),
        }
    }

    #[test]
    fn nothing_wrong_is_done() {
        let good = verification(&[]);
        assert_eq!(good.exit(), ExitCode::Done);
        assert_eq!(
            good.text(),
            "312 files and 4462 mapped paths verified: all as published\ngeneration e661f4c935e8a5a83349afb5e347695c\n"
        );
    }

    #[test]
    fn every_difference_is_told_and_fails() {
        let bad = verification(&[("autoload.php", "has other content"), ("x\u{7}", "is missing")]);
        assert_eq!(bad.exit(), ExitCode::Failed);
        assert_eq!(
            bad.text(),
            "autoload.php has other content\nx\\u{7} is missing\n\
             312 files and 4462 mapped paths verified: 2 differences\ngeneration e661f4c935e8a5a83349afb5e347695c\n"
        );
        assert!(verification(&[("a", "b")]).text().contains(": 1 difference\n"));
    }

    #[test]
    fn json_follows_its_schema() {
        let text = verification(&[("a", "is missing")]).json().unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            answer,
            serde_json::json!({
                "schema": "1.0.0", "generation": "e661f4c935e8a5a83349afb5e347695c", "files": 312, "mapped": 4462,
                "differences": [{"file": "a", "what": "is missing"}],
            })
        );
    }
}
