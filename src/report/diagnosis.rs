//! What `doctor` found, as JSON for programs and as text for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::{escaped, escaped_json};
use crate::farm::{ExtensionId, WikiId};

/// The version of the JSON form.
pub const SCHEMA: &str = "1.0.0";

/// How many wikis the text names of one finding.
const SHOWN: usize = 8;

/// The answer of `mwfarm doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// How many errors were found.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
    /// How many notes.
    pub notes: usize,
    /// The PHP whose modules and limits were looked at.
    pub php: Option<Php>,
    /// What OPcache needs; none when the tree cannot be read.
    pub opcache: Option<Needs>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

/// A PHP that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Php {
    /// The program.
    pub program: String,
    /// `cli` or `fpm`.
    pub kind: &'static str,
    /// Its version.
    pub version: String,
    /// The php.ini that it read.
    pub ini: Option<String>,
    /// Its settings of OPcache, without the prefix; none when that is not loaded.
    pub opcache: Option<BTreeMap<String, String>>,
}

/// What OPcache needs if all PHP files of the tree are loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// PHP files.
    pub files: u64,
    /// Keys they take.
    pub keys: u64,
    /// Memory they take, in MiB.
    pub memory_mib: u64,
    /// Of it, that of interned strings.
    pub interned_strings_mib: u64,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is, by its stable name.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What was found.
    pub what: String,
    /// The file that says or is it, relative to the tree.
    pub file: Option<String>,
    /// The field of the file.
    pub field: Option<String>,
    /// The package that it is about.
    pub package: Option<String>,
    /// The extension that it is about.
    pub extension: Option<ExtensionId>,
    /// The classes that it is about.
    pub classes: Vec<String>,
    /// What holds for which wikis, where that differs.
    pub cases: Vec<Case>,
    /// Which wikis it concerns.
    pub wikis: Wikis,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub hint: String,
}

/// Something that holds for some wikis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// What holds.
    pub what: String,
    /// For whom.
    pub wikis: Wikis,
}

/// Some wikis; in JSON `"all"`, or a list of identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wikis {
    /// All, whatever they have on.
    All,
    /// These.
    These(Vec<WikiId>),
}

impl Serialize for Wikis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::These(wikis) => wikis.serialize(serializer),
        }
    }
}

impl Wikis {
    fn text(&self) -> String {
        let wikis = match self {
            Self::All => return "all wikis".to_owned(),
            Self::These(wikis) if wikis.is_empty() => return "no wiki".to_owned(),
            Self::These(wikis) => wikis,
        };
        let names: Vec<&str> = wikis.iter().take(SHOWN).map(WikiId::as_str).collect();
        let of = if wikis.len() == 1 { "wiki" } else { "wikis" };
        match wikis.len().saturating_sub(SHOWN) {
            0 => format!("{of} {}", names.join(", ")),
            more => format!("{of} {} and {more} more", names.join(", ")),
        }
    }
}

/// How much the text form says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Errors and warnings, and nothing else.
    Warnings,
    /// How many notes there are, too.
    Summary,
    /// Notes, too.
    Everything,
}

impl Diagnosis {
    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(escaped_json(&serde_json::to_string_pretty(self)?).into_owned() + "\n")
    }

    /// The text form: findings of a kind together, what to do once for those that have the same to be done, and last how
    /// many there are.
    #[must_use]
    pub fn text(&self, detail: Detail) -> String {
        let mut text = String::new();
        let (notes, shown): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|finding| finding.severity == "note" && detail != Detail::Everything);
        for group in shown.chunk_by(|a, b| (a.severity, a.code) == (b.severity, b.code)) {
            let first = group[0];
            let _ = writeln!(text, "{}: {}: {}", first.severity, first.code, escaped(first.why));
            for alike in group.chunk_by(|a, b| a.hint == b.hint) {
                for finding in alike {
                    finding.write(&mut text);
                }
                // What is to be done is worth a line; that nothing is, is not.
                if !alike[0].hint.starts_with("nothing") {
                    let _ = writeln!(text, "  hint: {}", escaped(&alike[0].hint));
                }
            }
            text.push('\n');
        }
        if detail == Detail::Warnings {
            return text;
        }
        if !notes.is_empty() {
            let kinds = notes.chunk_by(|a, b| a.code == b.code).map(|alike| match alike.len() {
                1 => alike[0].code.to_owned(),
                count => format!("{} ({count})", alike[0].code),
            });
            let _ = writeln!(text, "notes: {}", kinds.collect::<Vec<_>>().join(", "));
        }
        if let Some(php) = &self.php {
            let _ = writeln!(text, "asked PHP {} (`{}`)", escaped(&php.version), escaped(&php.program));
        }
        let hidden = if notes.is_empty() {
            ""
        } else if notes.len() == 1 {
            " (-v shows it)"
        } else {
            " (-v shows them)"
        };
        let _ = writeln!(text, "{}{hidden}", self.total());
        text
    }

    fn total(&self) -> String {
        let count = |number: usize, name: &str| format!("{number} {name}{}", if number == 1 { "" } else { "s" });
        let (errors, warnings) = (count(self.errors, "error"), count(self.warnings, "warning"));
        format!("{errors}, {warnings}, {}", count(self.notes, "note"))
    }
}

impl Finding {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  {}", escaped(&self.what));
        // Most phrases name the file themselves.
        match (&self.file, &self.field) {
            (Some(file), Some(field)) => {
                let _ = writeln!(text, "    {}, field `{}`", escaped(file), escaped(field));
            }
            (Some(file), None) if !self.what.contains(file.as_str()) => {
                let _ = writeln!(text, "    {}", escaped(file));
            }
            _ => {}
        }
        for case in &self.cases {
            let _ = writeln!(text, "    - {} ({})", escaped(&case.what), case.wikis.text());
        }
        let _ = writeln!(text, "    {}", self.wikis.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: &'static str, code: &'static str, what: &str, wikis: Wikis) -> Finding {
        Finding {
            code,
            severity,
            what: what.into(),
            file: Some("a.json".into()),
            field: None,
            package: None,
            extension: None,
            classes: Vec::new(),
            cases: Vec::new(),
            wikis,
            why: "it matters",
            hint: "do it".into(),
        }
    }

    fn diagnosis(findings: Vec<Finding>) -> Diagnosis {
        let count = |severity: &str| findings.iter().filter(|finding| finding.severity == severity).count();
        Diagnosis {
            schema: SCHEMA,
            errors: count("error"),
            warnings: count("warning"),
            notes: count("note"),
            php: None,
            opcache: Some(Needs { files: 1, keys: 2, memory_mib: 3, interned_strings_mib: 4 }),
            findings,
        }
    }

    #[test]
    fn nothing_is_one_line() {
        assert_eq!(diagnosis(Vec::new()).text(Detail::Summary), "0 errors, 0 warnings, 0 notes\n");
    }

    #[test]
    fn findings_of_a_kind_stand_together() {
        let wikis = |names: &[&str]| Wikis::These(names.iter().map(|name| WikiId::new(name).unwrap()).collect());
        let mut cased = finding("warning", "b-code", "`x\u{202e}`", Wikis::All);
        cased.field = Some("f".into());
        cased.cases.push(Case { what: "c\u{7}".into(), wikis: wikis(&["one"]) });
        let all = vec![
            finding("error", "a-code", "`a.json` is bad", wikis(&["one", "two"])),
            finding("error", "a-code", "`b.json` is bad", wikis(&[])),
            cased,
        ];
        assert_eq!(
            diagnosis(all).text(Detail::Summary),
            "error: a-code: it matters\n  `a.json` is bad\n    wikis one, two\n  `b.json` is bad\n    a.json\n    no wiki\n  \
             hint: do it\n\nwarning: b-code: it matters\n  `x\\u{202e}`\n    a.json, field `f`\n    - c\\u{7} (wiki one)\n    \
             all wikis\n  hint: do it\n\n2 errors, 1 warning, 0 notes\n"
        );
    }

    #[test]
    fn notes_are_counted_and_shown_on_request() {
        let mut idle = finding("note", "b-code", "`b`", Wikis::All);
        idle.hint = "nothing: it is meant".into();
        let all = diagnosis(vec![
            finding("warning", "c-code", "`a.json`", Wikis::All),
            finding("note", "a-code", "`a.json`", Wikis::All),
            idle.clone(),
            idle,
        ]);
        let warning = "warning: c-code: it matters\n  `a.json`\n    all wikis\n  hint: do it\n\n";
        assert_eq!(all.text(Detail::Warnings), warning);
        let counted = "notes: a-code, b-code (2)\n0 errors, 1 warning, 3 notes (-v shows them)\n";
        assert_eq!(all.text(Detail::Summary), format!("{warning}{counted}"));
        let whole = all.text(Detail::Everything);
        assert!(whole.ends_with("0 errors, 1 warning, 3 notes\n") && whole.contains("note: b-code"), "{whole}");
        assert!(!whole.contains("hint: nothing"), "{whole}");
    }

    #[test]
    fn many_wikis_are_not_all_named() {
        let many = (0..20).map(|number| WikiId::new(&format!("w{number}")).unwrap()).collect();
        assert_eq!(Wikis::These(many).text(), "wikis w0, w1, w2, w3, w4, w5, w6, w7 and 12 more");
    }

    #[test]
    fn json_follows_its_schema() {
        let text = diagnosis(vec![finding("note", "c", "w", Wikis::All)]).json().unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            answer,
            serde_json::json!({
                "schema": "1.0.0", "errors": 0, "warnings": 0, "notes": 1, "php": null,
                "opcache": {"files": 1, "keys": 2, "memory_mib": 3, "interned_strings_mib": 4},
                "findings": [{"code": "c", "severity": "note", "what": "w", "file": "a.json", "field": null,
                    "package": null, "extension": null, "classes": [], "cases": [], "wikis": "all",
                    "why": "it matters", "hint": "do it"}],
            })
        );
    }
}
