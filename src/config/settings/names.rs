//! The names of settings: which of them can be variables of PHP, and which may not be set.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::farm::ExtensionId;

/// All names of a farm's settings files, each once. What a wiki's files say is gathered by their numbers.
#[derive(Debug, Default)]
pub struct Names<'d> {
    all: Vec<Name<'d>>,
    numbers: HashMap<&'d str, NameId>,
    by_variable: HashMap<Cow<'d, str>, NameId>,
}

/// A name's number in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u32);

/// The name of a setting.
#[derive(Debug, Clone)]
pub struct Name<'d> {
    /// As written, without the `+` of a diff: `wgUseExtensionConfirmEdit/QuestyCaptcha`.
    pub raw: &'d str,
    /// The variable: `wgUseExtensionConfirmEditQuestyCaptcha`.
    pub variable: Cow<'d, str>,
}

/// What stands before the directory of an extension, or of a skin, in the setting that turns it on.
const SWITCHES: [&str; 2] = ["wgUseExtension", "wgUseSkin"];

/// Variables that PHP or MediaWiki's start keep for themselves.
const RESERVED: [&str; 13] = [
    "this", "GLOBALS", "_SERVER", "_GET", "_POST", "_FILES", "_COOKIE", "_SESSION", "_REQUEST", "_ENV", "argv", "argc",
    "IP",
];

impl<'d> Names<'d> {
    /// A name by its number.
    #[must_use]
    pub fn get(&self, id: NameId) -> &Name<'d> {
        &self.all[id.0 as usize]
    }

    /// The number of a name, as written without `+`; none when no file has it.
    #[must_use]
    pub fn find(&self, raw: &str) -> Option<NameId> {
        self.numbers.get(raw).copied()
    }

    /// Takes a name of a file, without `+`.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase: it cannot be a variable, may not be set, or has the variable of another.
    pub(super) fn take(&mut self, raw: &'d str) -> Result<NameId, String> {
        if let Some(id) = self.numbers.get(raw) {
            return Ok(*id);
        }
        let variable = variable(raw)?;
        let id = NameId(u32::try_from(self.all.len()).map_err(|_| "is one name too many".to_owned())?);
        match self.by_variable.entry(variable.clone()) {
            Entry::Occupied(other) => {
                let other = &self.all[other.get().0 as usize].raw;
                return Err(format!("has the variable `${variable}` of `{}`", other.escape_debug()));
            }
            Entry::Vacant(free) => free.insert(id),
        };
        self.numbers.insert(raw, id);
        self.all.push(Name { raw, variable });
        Ok(id)
    }
}

/// The variable of a name.
fn variable(raw: &str) -> Result<Cow<'_, str>, String> {
    let extension = SWITCHES.into_iter().find_map(|switch| raw.strip_prefix(switch)).filter(|name| !name.is_empty());
    if let Some(extension) = extension {
        // Whether it is a skin makes no difference to the rules.
        ExtensionId::new(&format!("extensions/{extension}"))
            .map_err(|error| format!("names an extension, whose directory {}", error.reason))?;
        if raw.bytes().all(is_plain) {
            return Ok(Cow::Borrowed(raw));
        }
        return Ok(Cow::Owned(raw.chars().filter(|c| u8::try_from(*c).is_ok_and(is_plain)).collect()));
    }
    if raw.is_empty() || !raw.bytes().all(is_plain) || raw.as_bytes()[0].is_ascii_digit() {
        return Err("is no name of a setting: letters, digits and `_`, not beginning with a digit".to_owned());
    }
    if RESERVED.contains(&raw) || raw.starts_with("wgMediaWikiFarm") {
        return Err("is no setting of a wiki: PHP, MediaWiki or the farm sets it".to_owned());
    }
    Ok(Cow::Borrowed(raw))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
