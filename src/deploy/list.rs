//! The list of all wikis beside `farms.yml`, for the variable of a farm whose wikis are made on request.
//!
//! ```yaml
//! # farms.yml
//! demo:
//!   server: '(?<wiki>[a-z0-9-]+)\.wiki\.example\.org'
//!   variables: [ { variable: wiki, file: wikis.yml } ]
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use super::engine::{of_lock, of_registry};
use super::name::Name;
use super::options::{FILE, Options};
use super::record::State;
use super::releases::unusable;
use super::{lock, registry};
use crate::disk;
use crate::report::{ExitCode, Problem};

/// How the list begins. What begins otherwise is somebody else's.
const HEADER: &str = "# The wikis of this farm. Made by mwfarm: changes are lost with the next wiki.\n";

/// The name of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    name: String,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `- alpha`
    Yaml,
    /// `alpha`
    Plain,
}

impl List {
    /// Takes the name of a file that is a list by its ending.
    ///
    /// # Errors
    /// It is no name of a file of the directory, or of no kind that can have a header: why, as the rest of a sentence.
    pub fn new(name: &str) -> Result<Self, String> {
        let form = match name.rsplit_once('.') {
            Some((_, "yml" | "yaml")) => Form::Yaml,
            Some((_, "dblist")) => Form::Plain,
            _ => return Err("is no list: `.yml`, `.yaml` and `.dblist` are".to_owned()),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.starts_with('.') || !name.bytes().all(is_plain) || name == FILE || name.starts_with("farms.") {
            return Err("is no name for a file beside farms.yml, such as `wikis.yml`".to_owned());
        }
        Ok(Self { name: name.to_owned(), form })
    }

    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.name
    }

    /// The list's text.
    fn text<'n>(&self, names: impl Iterator<Item = &'n str>) -> String {
        let mut text = HEADER.to_owned();
        let begin = text.len();
        for name in names {
            text.push_str(&self.line(name));
            text.push('\n');
        }
        if self.form == Form::Yaml && text.len() == begin {
            text.push_str("[]\n");
        }
        text
    }

    /// A name's line. Without quotes, some would be no texts in YAML, such as `no` and `1e3`.
    fn line(&self, name: &str) -> String {
        if self.form == Form::Yaml { ["- '", name, "'"].concat() } else { name.to_owned() }
    }
}

/// Makes sure that the list holds exactly the wikis that are there and are not being deleted. Of a wiki whose record cannot
/// be read, it has what it had. Says whether it changed.
///
/// # Errors
/// A file of that name was not made by us, or the system refuses.
pub fn ensure(options: &Options) -> Result<bool, Problem> {
    let Some(list) = &options.list else { return Ok(false) };
    let path = options.directory.join(&list.name);
    // What is written is what was read under the lock: others may make wikis, too.
    let _web = lock::web(&options.layout).map_err(|error| of_lock(&error))?;
    // What deaths left of it.
    let left = disk::left(&options.directory).map_err(|error| unusable(&options.directory, &error))?;
    for (path, _) in left.iter().filter(|(_, name)| *name == list.name) {
        disk::discard(path).map_err(|error| unusable(path, &error))?;
    }
    let before = read(&path)?;
    let (wikis, damaged) = registry::readable(&options.layout).map_err(|error| of_registry(&error))?;
    let there = wikis.values().filter(|wiki| wiki.state != State::Deleting).map(|wiki| &wiki.name);
    let listed = String::from_utf8_lossy(before.as_deref().unwrap_or_default());
    let kept = damaged.keys().filter(|name| listed.lines().any(|line| line == list.line(name.as_str())));
    let names: BTreeSet<&Name> = there.chain(kept).collect();
    let text = list.text(names.into_iter().map(Name::as_str));
    if before.as_deref() == Some(text.as_bytes()) {
        return Ok(false);
    }
    disk::replace(&path, text.as_bytes(), 0o644).map_err(|error| unusable(&path, &error))?;
    Ok(true)
}

/// Refuses a list that is somebody else's, before anything is made.
///
/// # Errors
/// As of [`ensure`].
pub fn check(options: &Options) -> Result<(), Problem> {
    match &options.list {
        Some(list) => read(&options.directory.join(&list.name)).map(drop),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let bytes = disk::read_optional(path).map_err(|error| unusable(path, &error))?;
    if bytes.as_ref().is_some_and(|bytes| !bytes.starts_with(HEADER.as_bytes())) {
        let what = format!("`{}` was not made by mwfarm, and is not overwritten", path.display());
        let problem = Problem::new(ExitCode::Farm, what).cause(format!("{FILE}, field `deploy.list`"));
        return Err(problem.hint("move it away, or let `list` name another file"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_named_by_what_they_are() {
        let list = List::new("wikis.yml").unwrap();
        assert_eq!(list.text(["a", "no"].into_iter()), format!("{HEADER}- 'a'\n- 'no'\n"));
        assert_eq!(list.text([].into_iter()), format!("{HEADER}[]\n"));
        let list = List::new("wikis.dblist").unwrap();
        assert_eq!(list.text(["a"].into_iter()), format!("{HEADER}a\n"));
        for name in ["", "wikis", "wikis.json", "../wikis.yml", "a/b.yml", ".yml", "mwfarm.yml", "farms.yml", "a b.yml"]
        {
            assert!(List::new(name).is_err(), "{name}");
        }
    }
}
