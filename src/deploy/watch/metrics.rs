//! `/metrics`: figures of the queue, the deploys and the wikis, in the text format of Prometheus. No wiki is named:
//! whoever can connect may read them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::layout::Layout;
use super::super::name::Name;
use super::super::{queue, registry};
use super::counts::Counts;
use crate::disk;

/// The figures as they are now. What cannot be read is left out.
pub(super) fn text(layout: &Layout) -> String {
    let mut text = String::new();
    if let Ok((new, taken)) = queue::lengths(layout) {
        let values = [("new", new as u64), ("taken", taken as u64)];
        family(&mut text, "mwfarm_queue_entries", "gauge", "Pushes in the queue.", "place", values);
    }
    let counts = Counts::read(layout).named();
    family(&mut text, "mwfarm_deploys_total", "counter", "Deploys that pushes led to.", "result", counts);
    let wikis = wikis(layout);
    family(&mut text, "mwfarm_wikis", "gauge", "Wikis of the registry.", "state", wikis.states);
    let waiting = [("held", wikis.held), ("broken", wikis.broken)];
    family(&mut text, "mwfarm_wikis_waiting", "gauge", "Wikis that wait for somebody.", "reason", waiting);
    text
}

#[derive(Default)]
struct Wikis {
    states: BTreeMap<&'static str, u64>,
    held: u64,
    broken: u64,
}

fn wikis(layout: &Layout) -> Wikis {
    let mut wikis = Wikis::default();
    let names = disk::names(&layout.state().join("wikis")).unwrap_or_default();
    for name in names.iter().filter_map(|file| Name::new(file.strip_suffix(".json")?).ok()) {
        let state = match registry::find(layout, &name) {
            // It went between the two looks.
            Ok(None) => continue,
            Ok(Some(wiki)) => {
                wikis.held += u64::from(wiki.held.is_some());
                wikis.broken += u64::from(wiki.broken.is_some());
                wiki.state.word()
            }
            Err(_) => "unreadable",
        };
        *wikis.states.entry(state).or_default() += 1;
    }
    wikis
}

fn family(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = (&'static str, u64)>,
) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (word, value) in values {
        let _ = writeln!(text, "{name}{{{label}=\"{word}\"}} {value}");
    }
}
