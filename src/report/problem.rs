//! What went wrong, in the one form that all messages have.

use std::error::Error;
use std::fmt::Write;

use clap::builder::styling::{AnsiColor, Style};

use super::{ExitCode, escaped};

/// The look of `error:`.
const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The look of `warning:`.
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The look of `caused by:` and `hint:`.
const DETAIL: Style = AnsiColor::Cyan.on_default().bold();

/// How many characters a line shows: what a stranger wrote may have millions.
const MOST: usize = 4000;

/// Something that went wrong: what, why, and what to do about it.
///
/// The texts are phrases in lower case, names in backticks, without full stop. They may hold anything that was
/// read: it is escaped when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What the process ends with when this is its first problem.
    pub exit: ExitCode,
    /// What failed.
    pub what: String,
    /// Why, from the nearest cause to the farthest: versions, the file and the field.
    pub causes: Vec<String>,
    /// The command to run or the choice to make.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without causes and hint.
    #[must_use]
    pub fn new(exit: ExitCode, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), causes: Vec::new(), hint: None }
    }

    /// An error with all its sources as causes.
    #[must_use]
    pub fn from_error(exit: ExitCode, error: &dyn Error) -> Self {
        let causes =
            std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source()).map(ToString::to_string);
        Self::new(exit, error.to_string()).causes(causes)
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds several causes.
    #[must_use]
    pub fn causes<Text: Into<String>>(mut self, causes: impl IntoIterator<Item = Text>) -> Self {
        self.causes.extend(causes.into_iter().map(Into::into));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Several problems, one after another, with colours. Those of more than one line stand apart.
pub(super) fn errors(problems: &[Problem]) -> String {
    let mut text = String::new();
    let mut apart = false;
    for problem in problems {
        let lines = !problem.causes.is_empty() || problem.hint.is_some();
        if !text.is_empty() && (lines || apart) {
            text.push('\n');
        }
        apart = lines;
        line(&mut text, ERROR, "error", &problem.what);
        for cause in &problem.causes {
            line(&mut text, DETAIL, "caused by", cause);
        }
        if let Some(hint) = &problem.hint {
            line(&mut text, DETAIL, "hint", hint);
        }
    }
    text
}

/// A warning, with colours.
pub(super) fn warning(what: &str) -> String {
    let mut text = String::new();
    line(&mut text, WARNING, "warning", what);
    text
}

fn line(text: &mut String, style: Style, label: &str, what: &str) {
    let shown = what.char_indices().nth(MOST).map_or(what, |(end, _)| &what[..end]);
    let dots = if shown.len() < what.len() { "…" } else { "" };
    let _ = writeln!(text, "{style}{label}:{style:#} {}{dots}", escaped(shown));
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the list of wikis")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("`farm/wikis.yml` is not there")]
    struct Middle(#[source] std::io::Error);

    fn unmet() -> Problem {
        Problem::new(ExitCode::Unmet, "`AbuseFilter` needs `wikimedia/equivset` ^2.0, but 1.4.3 is locked")
            .cause("extensions/AbuseFilter/composer.json, field `require`")
            .hint("run `composer update wikimedia/equivset --with-all-dependencies`")
    }

    #[test]
    fn a_problem_has_three_parts() {
        assert_eq!(
            strip_str(&errors(&[unmet()])).to_string(),
            "error: `AbuseFilter` needs `wikimedia/equivset` ^2.0, but 1.4.3 is locked\n\
             caused by: extensions/AbuseFilter/composer.json, field `require`\n\
             hint: run `composer update wikimedia/equivset --with-all-dependencies`\n"
        );
    }

    #[test]
    fn long_problems_stand_apart_and_short_ones_together() {
        let short = |what: &str| Problem::new(ExitCode::Farm, what);
        assert_eq!(
            strip_str(&errors(&[short("a"), short("b"), short("c").hint("d"), short("e")])).to_string(),
            "error: a\nerror: b\n\nerror: c\nhint: d\n\nerror: e\n"
        );
    }

    #[test]
    fn every_part_is_escaped() {
        let evil = "x\u{1b}[2J\n\u{202e}";
        let text = errors(&[Problem::new(ExitCode::Failed, evil).cause(evil).hint(evil)]) + &warning(evil);
        let seen = strip_str(&text).to_string();
        assert_eq!(
            seen,
            "error: x\\u{1b}[2J\\n\\u{202e}\ncaused by: x\\u{1b}[2J\\n\\u{202e}\n\
             hint: x\\u{1b}[2J\\n\\u{202e}\nwarning: x\\u{1b}[2J\\n\\u{202e}\n"
        );
    }

    #[test]
    fn no_line_is_endless() {
        let text = strip_str(&warning(&"é".repeat(1 << 20))).to_string();
        assert_eq!(text, format!("warning: {}…\n", "é".repeat(MOST)));
    }

    #[test]
    fn only_labels_are_coloured() {
        assert_eq!(warning("a"), "\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m a\n");
    }

    #[test]
    fn sources_become_causes() {
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let problem = Problem::from_error(ExitCode::Farm, &Outer(Middle(missing)));
        assert_eq!(problem.what, "cannot read the list of wikis");
        assert_eq!(problem.causes, ["`farm/wikis.yml` is not there", "no such file"]);
        assert_eq!((problem.exit, problem.hint), (ExitCode::Farm, None));
    }
}
