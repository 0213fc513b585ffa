//! Events: what tells of a push, in one form, whoever told.
//!
//! An event is a hint that a branch may have moved, and nothing more. Streams lose events, repeat them and change their
//! order; a webhook may be late by hours. What a wiki gets is what its branch has when it is deployed: the commits here
//! are for messages.

pub(in crate::deploy) mod json;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::name::Name;
use super::options::Options;
use super::release::Sha;

/// The longest text that is read as an event, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The longest name of a person that is kept, in characters.
const MAX_WHO: usize = 100;

/// A branch may have moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The project it is in, as the one who told names it; for hooks, the one that they are for.
    pub project: String,
    /// The full name of the ref.
    pub reference: String,
    /// Where it was, when that was told.
    pub old: Option<Sha>,
    /// Where it is, when that was told.
    pub new: Option<Sha>,
    /// Who moved it, as the one who told names them.
    pub who: String,
    /// What happened.
    pub kind: Kind,
    /// Who told.
    pub source: Source,
}

/// What happened to a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is new.
    Created,
    /// It was pushed to.
    Updated,
    /// A change was merged into it after a review.
    Merged,
    /// It is gone. No wiki is ever deleted for that.
    Deleted,
    /// It is not what is served, though nobody told.
    Missed,
    /// Not the branch, but the wiki's configuration has a new commit.
    Config,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "pushed",
            Self::Merged => "merged",
            Self::Deleted => "deleted",
            Self::Missed => "missed",
            Self::Config => "configured",
        }
    }
}

/// Who told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Gerrit's stream.
    Gerrit,
    /// A hook of a repository.
    Hook,
    /// A webhook.
    Webhook,
    /// Our own look at the remote repository.
    Reconcile,
}

impl Source {
    /// The word for it, as in [`super::record::Desired::event`].
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gerrit => "gerrit",
            Self::Hook => "hook",
            Self::Webhook => "webhook",
            Self::Reconcile => "reconcile",
        }
    }
}

/// What a message told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Of these.
    Events(Vec<Event>),
    /// That some were lost: one has to look at the remote repository.
    Lost,
    /// Of nothing that is about branches.
    Nothing,
}

/// A message that tells of branches, but not in a way that can be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A wiki that there is, or could be.
    Wiki(Name),
    /// A branch that could be a wiki's but for its name.
    Refused(String),
    /// Something else of the repository, or another project.
    Other,
}

impl Event {
    /// What the event is about, for the farm that follows a project. No path and no argument is ever made of the ref
    /// itself.
    #[must_use]
    pub fn about(&self, project: &str) -> About {
        if self.project == project { about(&self.reference) } else { About::Other }
    }
}

/// Which wiki a full ref belongs to.
#[must_use]
pub fn about(reference: &str) -> About {
    let Some(name) = reference.strip_prefix("refs/heads/wiki/") else { return About::Other };
    match Name::new(name) {
        // The one way round has to be the other way round, too.
        Ok(name) if Options::branch(&name) == reference => About::Wiki(name),
        Ok(_) => About::Other,
        Err(error) => {
            About::Refused(format!("`{}` is the branch of no wiki: its name {}", cut(reference), error.reason))
        }
    }
}

/// Reads a line of Gerrit's stream.
///
/// Creation is a `ref-updated` whose old commit is all zeros, as the versions that could be read have it: there is no
/// event of its own. Submitting a change tells `ref-updated` and `change-merged`, newer versions `batch-ref-updated`
/// instead of the first. What is merged is `newRev`, not the commit that was reviewed: the server may have rebased it.
///
/// # Errors
/// It is no JSON, or tells of a branch without the fields for that.
pub fn gerrit(line: &[u8]) -> Result<Told, Unreadable> {
    let value = parsed(line)?;
    let event = Object::root(&value)?;
    let (updates, who) = match event.optional_text("type")? {
        Some("ref-updated") => (vec![event.object("refUpdate")?], person(event.optional_object("submitter")?)),
        Some("batch-ref-updated") => (event.objects("refUpdates")?, person(event.optional_object("submitter")?)),
        Some("change-merged") => return merged(&event).map(|event| Told::Events(vec![event])),
        Some("dropped-output") => return Ok(Told::Lost),
        _ => return Ok(Told::Nothing),
    };
    let whole = event.optional_text("project")?;
    let events = updates.iter().map(|update| {
        let project = match update.optional_text("project")? {
            Some(project) => project,
            None => whole.ok_or_else(|| update.missing("project"))?,
        };
        let (old, new) = (update.text("oldRev")?, update.text("newRev")?);
        let reference = full(update.text("refName")?);
        Ok(moved(Source::Gerrit, project, reference, old, new, who.clone()))
    });
    Ok(Told::Events(events.collect::<Result<_, Unreadable>>()?))
}

fn merged(event: &Object<'_>) -> Result<Event, Unreadable> {
    let change = event.object("change")?;
    Ok(Event {
        project: change.text("project")?.to_owned(),
        reference: full(change.text("branch")?),
        old: None,
        new: event.optional_text("newRev")?.and_then(Sha::new),
        who: person(event.optional_object("submitter")?),
        kind: Kind::Merged,
        source: Source::Gerrit,
    })
}

/// Reads what git writes to `pre-receive` and `post-receive`: lines of `<old> <new> <ref>`.
///
/// # Errors
/// A line is something else.
pub fn hook(input: &[u8], project: &str, who: &str) -> Result<Vec<Event>, Unreadable> {
    let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let events = lines.map(|line| {
        let wrong = || Unreadable(format!("`{}` is no line of git's", cut(&String::from_utf8_lossy(line))));
        // What is no UTF-8 is no wiki's branch, and may be another one: its name is only ever shown.
        let line = String::from_utf8_lossy(line);
        let mut words = line.splitn(3, ' ');
        let (Some(old), Some(new), Some(reference)) = (words.next(), words.next(), words.next()) else {
            return Err(wrong());
        };
        if ![old, new].into_iter().all(is_object) || !reference.starts_with("refs/") {
            return Err(wrong());
        }
        Ok(moved(Source::Hook, project, reference.to_owned(), old, new, shown(who)))
    });
    events.collect()
}

/// Reads the body of a webhook: what GitHub, Gitea and GitLab tell of a push, or the same fields made by hand:
/// `{"ref": …, "before": …, "after": …, "repository": {"full_name": …}}`, with `project` for the last where that is
/// shorter. What has no `ref` and `after` tells of something else.
///
/// # Errors
/// It is no JSON, or a field has another kind of value.
pub fn webhook(body: &[u8]) -> Result<Told, Unreadable> {
    let value = parsed(body)?;
    let push = Object::root(&value)?;
    let (Some(reference), Some(after)) = (push.optional_text("ref")?, push.optional_text("after")?) else {
        return Ok(Told::Nothing);
    };
    // GitLab's `project` is an object, a hand-made one's a text.
    let project = match push.fields.get("project") {
        Some(Value::String(project)) => project,
        Some(_) => push.object("project")?.text("path_with_namespace")?,
        None => push.object("repository")?.text("full_name")?,
    };
    let who = match push.optional_text("user_username")? {
        Some(who) => Some(who),
        None => match push.optional_object("pusher")? {
            Some(pusher) => pusher.first_text(&["login", "username", "name"])?,
            None => push.optional_text("user_name")?,
        },
    };
    let before = push.optional_text("before")?.unwrap_or_default();
    let who = shown(who.unwrap_or("unknown"));
    Ok(Told::Events(vec![moved(Source::Webhook, project, full(reference), before, after, who)]))
}

fn moved(source: Source, project: &str, reference: String, old: &str, new: &str, who: String) -> Event {
    let kind = match (is_zero(old), is_zero(new)) {
        (_, true) => Kind::Deleted,
        (true, false) => Kind::Created,
        (false, false) => Kind::Updated,
    };
    let (old, new) = (Sha::new(old), Sha::new(new));
    Event { project: project.to_owned(), reference, old, new, who, kind, source }
}

/// Whether a text stands for no commit.
fn is_zero(text: &str) -> bool {
    is_object(text) && text.bytes().all(|byte| byte == b'0')
}

fn is_object(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    matches!(text.len(), 40 | 64) && text.bytes().all(hex)
}

/// The full name of a branch. Gerrit's versions differ in whether `refName` is one.
fn full(reference: &str) -> String {
    if reference.starts_with("refs/") { reference.to_owned() } else { format!("refs/heads/{reference}") }
}

fn person(account: Option<Object<'_>>) -> String {
    let known = account.and_then(|account| account.first_text(&["username", "name", "email"]).ok().flatten());
    shown(known.unwrap_or("unknown"))
}

/// A name for messages and the journal: without what moves a terminal's cursor, and not longer than a line.
fn shown(who: &str) -> String {
    who.chars().filter(|c| !c.is_control()).take(MAX_WHO).collect()
}

/// The beginning of a text from outside, for messages: in one line, and without what moves a terminal's cursor.
fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let short: String = chars.by_ref().take(80).flat_map(char::escape_debug).collect();
    if chars.next().is_some() { short + "…" } else { short }
}

fn parsed(text: &[u8]) -> Result<Value, Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable(format!("it has more than {MAX_BYTES} bytes")));
    }
    json::read(text).map_err(|error| Unreadable(format!("it is no JSON that can be followed: {error}")))
}

/// An object, and what it is called in messages.
struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    fn root(value: &'a Value) -> Result<Self, Unreadable> {
        let fields = value.as_object().ok_or_else(|| Unreadable("it is no object".to_owned()))?;
        Ok(Self { path: String::new(), fields })
    }

    fn named(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    fn missing(&self, field: &str) -> Unreadable {
        Unreadable(format!("field `{}` is missing", self.named(field)))
    }

    fn wrong(&self, field: &str, kind: &str) -> Unreadable {
        Unreadable(format!("field `{}` is no {kind}", self.named(field)))
    }

    fn optional_text(&self, field: &str) -> Result<Option<&'a str>, Unreadable> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| self.wrong(field, "text")),
        }
    }

    fn text(&self, field: &str) -> Result<&'a str, Unreadable> {
        self.optional_text(field)?.ok_or_else(|| self.missing(field))
    }

    fn first_text(&self, fields: &[&str]) -> Result<Option<&'a str>, Unreadable> {
        for field in fields {
            if let Some(text) = self.optional_text(field)?.filter(|text| !text.is_empty()) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn optional_object(&self, field: &str) -> Result<Option<Self>, Unreadable> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { path: self.named(field), fields })),
            Some(_) => Err(self.wrong(field, "object")),
        }
    }

    fn object(&self, field: &str) -> Result<Self, Unreadable> {
        self.optional_object(field)?.ok_or_else(|| self.missing(field))
    }

    fn objects(&self, field: &str) -> Result<Vec<Self>, Unreadable> {
        let values = match self.fields.get(field) {
            None => return Err(self.missing(field)),
            Some(value) => value.as_array().ok_or_else(|| self.wrong(field, "list"))?,
        };
        let object = |(place, value): (usize, &'a Value)| {
            let path = format!("{}[{place}]", self.named(field));
            let fields = value.as_object().ok_or_else(|| Unreadable(format!("field `{path}` is no object")))?;
            Ok(Self { path, fields })
        };
        values.iter().enumerate().map(object).collect()
    }
}

#[cfg(test)]
mod tests;
