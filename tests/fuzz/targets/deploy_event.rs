//! Any bytes as a line of Gerrit's stream, what git tells a hook, or the body of a webhook: refused, or events whose wikis
//! have good names, whose commits are commits, and whose people are fit to be shown.
//!
//! The first byte says which of them the rest is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mwfarm::deploy::event::{self, About, Event, Kind, MAX_BYTES, Told};
use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::Options;

fn sound(event: &Event) {
    assert!(!event.who.chars().any(char::is_control), "{event:?}");
    assert!(event.reference.starts_with("refs/"), "{event:?}");
    // The other way round, a sender may tell of what is no commit: it is a hint only.
    assert!(event.kind != Kind::Deleted || event.new.is_none(), "{event:?}");
    match event::about(&event.reference) {
        About::Wiki(name) => {
            assert_eq!(Name::new(name.as_str()).expect("a good name"), name);
            assert_eq!(Options::branch(&name), event.reference);
        }
        About::Refused(why) => assert!(!why.chars().any(char::is_control), "{why:?}"),
        About::Other => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    let told = match which % 3 {
        0 => event::gerrit(text),
        1 => event::webhook(text),
        _ => event::hook(text, "mediawiki/core", "carol").map(Told::Events),
    };
    match told {
        Ok(Told::Events(events)) => events.iter().for_each(sound),
        Ok(Told::Nothing | Told::Lost) => {}
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.len() < 4 * MAX_BYTES, "{said}");
        }
    }
});
