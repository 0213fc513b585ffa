//! Why a setting has its value.

use super::levels::{Level, Levels};
use super::names::Names;
use super::prepared::{Form, Prepared, Track};
use super::walk::{self, Said, Walk};
use crate::config::farms::Entry;
use crate::config::value::{Key, Node};

/// What one file says of a setting at one level.
#[derive(Debug, Clone)]
pub struct Contribution<'a, 'd> {
    /// Whom it is for.
    pub level: Level<'a>,
    /// The file, as [`Entry::index`].
    pub entry: usize,
    /// Whether it is the value, or a diff onto MediaWiki's.
    pub track: Track,
    /// The key below the name, as written: `+mywiki`; none in a file for one key.
    pub key: Option<&'d Key>,
    /// The value, with its place.
    pub node: &'d Node,
    /// Whether it is all of its track, or merged with what is below.
    pub form: Form,
    /// What became of it.
    pub state: State,
}

/// What became of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is the setting's value, or the diff, alone.
    Won,
    /// It is a part of it.
    Merged,
    /// It has no part in it.
    Overridden,
}

/// Lists everything that a wiki's files say of a setting, from high to low: the track of the diff, which is put onto the
/// value, then that of the value. The name is as written, without `+`.
#[must_use]
pub fn explain<'a, 'd>(
    name: &str,
    names: &Names<'d>,
    levels: &Levels<'a>,
    files: &[(&Entry, &Prepared<'d>)],
) -> Vec<Contribution<'a, 'd>> {
    let Some(id) = names.find(name) else { return Vec::new() };
    let said = walk::said(levels, files, Some(id));
    let (of_value, of_diff) = walk::tracks(&said);
    let (value, diff) = (Walk::of(of_value), Walk::of(of_diff));
    let put = diff.parts().next().is_some();
    // A diff is put onto an array, and takes the place of anything else.
    let kept = !put || value.whole.is_none_or(|whole| whole.part.node.value.is_array());
    let parts = diff.parts().count() + if kept { value.parts().count() } else { 0 };
    let state = if parts > 1 { State::Merged } else { State::Won };

    let mut found = Vec::with_capacity(said.len());
    for (walk, counts) in [(&diff, true), (&value, kept)] {
        let state = if counts { state } else { State::Overridden };
        let shown = |said: &Said<'d>, state| Contribution {
            level: levels.level(said.rung),
            entry: files[said.file as usize].0.index,
            track: said.part.track,
            key: said.part.key,
            node: said.part.node,
            form: said.part.form,
            state,
        };
        found.extend(walk.dropped.iter().map(|said| shown(said, State::Overridden)));
        found.extend(walk.parts().map(|said| shown(said, state)));
        found.extend(walk.overridden.iter().map(|said| shown(said, State::Overridden)));
    }
    found
}
