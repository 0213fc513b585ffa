//! Maintenance scripts of MediaWiki, run as a wiki's user with the code and settings of one release.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::name::Name;
use crate::process::{Environment, Program, User};

/// A wiki's release, as scripts see it.
#[derive(Debug, Clone)]
pub struct Site<'s> {
    /// The PHP program.
    pub php: &'s Path,
    /// The wiki.
    pub name: &'s Name,
    /// The release's directory.
    pub tree: PathBuf,
    /// Whom scripts run as.
    pub user: Option<User>,
    /// The wiki's home.
    pub home: PathBuf,
}

impl Site<'_> {
    /// A script with all that it is started with. `file` is relative to the tree.
    #[must_use]
    pub fn script(&self, file: &str, arguments: &[OsString]) -> Program {
        let mut all: Vec<OsString> = Vec::new();
        for (setting, value) in [
            ("sys_temp_dir", self.home.join("tmp")),
            ("upload_tmp_dir", self.home.join("tmp")),
            ("session.save_path", self.home.join("tmp")),
        ] {
            let mut setting = OsString::from(format!("{setting}="));
            setting.push(value);
            all.extend(["-d".into(), setting]);
        }
        let runner = self.tree.join("maintenance/run.php");
        if runner.is_file() && !file.ends_with("run.php") {
            all.push(runner.into());
        }
        all.push(self.tree.join(file).into());
        all.extend(arguments.iter().cloned());
        Program {
            program: self.php.to_owned(),
            arguments: all,
            directory: self.tree.clone(),
            environment: Environment::Clean(self.variables()),
            user: self.user,
            limits: None,
        }
    }

    /// The variables that lead MediaWiki to this release and its settings.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("MWFARM_WIKI".into(), self.name.as_str().into()),
            ("MW_CONFIG_FILE".into(), self.tree.join(".mwfarm/settings.php").into()),
            ("MW_INSTALL_PATH".into(), self.tree.clone().into()),
            ("HOME".into(), self.home.clone().into()),
            // Not that of whoever calls, with directories of their own.
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("TMPDIR".into(), self.home.join("tmp").into()),
        ]
    }

    /// Whether the tree has a file.
    #[must_use]
    pub fn has(&self, file: &str) -> bool {
        self.tree.join(file).is_file()
    }
}

/// The most lines of an error, and of what was said last, that are told.
const TOLD: (usize, usize) = (3, 4);

/// The most of a line that is told, in characters.
const LONGEST: usize = 500;

/// Why a script failed, from all that it said: the lines that name the error, then those it said last. What PHP says of
/// an error that nobody caught ends with a trace, which is longer than what is said last.
#[must_use]
pub fn reason(said: &str) -> String {
    let all = said.lines().map(str::trim).filter(|line| !line.is_empty());
    // With `display_errors` and `log_errors`, PHP says it twice.
    let mut errors: Vec<&str> = Vec::new();
    for line in all.clone().map(without_php).filter(|line| is_error(line)) {
        if errors.len() < TOLD.0 && !errors.contains(&line) {
            errors.push(line);
        }
    }
    let others = all.map(without_php).filter(|line| !errors.contains(line) && (errors.is_empty() || !is_trace(line)));
    let others: Vec<&str> = others.collect();
    let last = &others[others.len().saturating_sub(TOLD.1)..];
    let short = |line: &&str| line.chars().take(LONGEST).collect::<String>();
    errors.iter().chain(last).map(short).collect::<Vec<_>>().join("; ")
}

/// PHP's log has `PHP Fatal error:  Uncaught …` where it shows `Fatal error: Uncaught …`.
fn without_php(line: &str) -> &str {
    let line = line.strip_prefix("PHP ").filter(|rest| rest.contains(": ")).unwrap_or(line);
    ["Fatal error:", "Parse error:"].iter().find_map(|kind| line.strip_prefix(kind)).map_or(line, str::trim_start)
}

/// Whether a line names an error: of PHP, of an exception that MediaWiki shows (`[…] [no req]   Wikimedia\…Error: …`,
/// before 1.40 also `…Exception from line 2 of file …: …`), or of a script of MediaWiki.
fn is_error(line: &str) -> bool {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let is_class = |word: &str| {
        let word = word.trim_end_matches(':');
        let is_name = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_\\".contains(&byte));
        is_name && (word.ends_with("Exception") || word.ends_with("Error"))
    };
    let shown = line.split_once("] [").and_then(|(_, rest)| rest.split_once("] ")).map_or("", |(_, rest)| rest.trim());
    let shown_class = shown.split_whitespace().next().unwrap_or_default();
    line.starts_with("Uncaught ")
        || line.starts_with("syntax error,")
        || (is_class(first) && (first.ends_with(':') || rest.starts_with("from line ")))
        || (!shown.is_empty() && is_class(shown_class))
}

/// Whether a line is one of a trace.
fn is_trace(line: &str) -> bool {
    let is_frame = line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    is_frame || line.starts_with("thrown in ") || matches!(line, "Stack trace:" | "Backtrace:")
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn an_exception_that_nobody_caught_is_told_before_its_trace() {
        let trace = "Stack trace:\n#0 /w/doMaintenance.php(83): require_once()\n#1 /w/a(1): b()\n#2 /w/a(2): c()\n\
                     #3 {main}\n  thrown in /w/Setup.php on line 2\n";
        let logged = format!("PHP Fatal error:  Uncaught Exception: boom in /w/Setup.php:2\n{trace}");
        let shown = format!("PHP stands\n\nFatal error: Uncaught Exception: boom in /w/Setup.php:2\n{trace}{logged}");
        assert_eq!(reason(&logged), "Uncaught Exception: boom in /w/Setup.php:2");
        assert_eq!(reason(&shown), "Uncaught Exception: boom in /w/Setup.php:2; PHP stands");
    }

    #[test]
    fn what_mediawiki_and_its_scripts_say_of_an_error_comes_first() {
        let said = "Going to run\n[0123abc] [no req]   Wikimedia\\Rdbms\\DBQueryError: Error 1146: no table\n\
                    Query: SELECT 1\nBacktrace:\nfrom /w/a.php(3)\n#0 /w/a(1): b()\n";
        let first = "[0123abc] [no req]   Wikimedia\\Rdbms\\DBQueryError: Error 1146: no table; ";
        assert!(reason(said).starts_with(first), "{}", reason(said));
        assert!(
            reason("[1] [no req]   MWException from line 2 of file /w/a.php: x\n#0 b\n").contains("file /w/a.php: x")
        );
        let many = "Error: no user\nline 4\nline 5\nline 6\nline 7\nline 8\n";
        assert_eq!(reason(many), "Error: no user; line 5; line 6; line 7; line 8");
        assert_eq!(
            reason("PHP Parse error:  syntax error, unexpected 'x' in a on line 1\nso\n").matches("syntax").count(),
            1
        );
    }

    #[test]
    fn without_a_known_error_the_last_lines_are_told() {
        assert_eq!(reason("a\n\nb\nc\n  d\n#0 e\n"), "b; c; d; #0 e");
        assert_eq!(reason(""), "");
        assert_eq!(reason("no table").len(), 8);
        assert_eq!(reason(&"x".repeat(9000)).len(), 500);
    }
}
