//! What the agent of an app server answers.

use serde_json::json;

use super::answer::{Answer, answer, release};
use crate::cli::Format;
use crate::deploy::agent::Followed;
use crate::deploy::order::Observed;
use crate::report::escaped;

/// The version of the JSON forms.
const SCHEMA: &str = "1.1.0";

/// What an order changed, and what there is now.
pub(super) fn applied(followed: &Followed, observed: &Observed, format: Format) -> Answer {
    let text = || {
        let what = match followed {
            Followed { superseded_by: Some(newer), .. } => format!("unchanged: order {newer} is newer"),
            Followed { changed: true, .. } => "changed".to_owned(),
            Followed { changed: false, .. } => "unchanged".to_owned(),
        };
        format!("{what}\n{}", seen(observed))
    };
    let json = json!({
        "schema": SCHEMA, "changed": followed.changed, "superseded_by": followed.superseded_by, "observed": observed,
    });
    answer(format, text, &json)
}

/// What there is.
pub(super) fn observed(observed: &[Observed], format: Format) -> Answer {
    answer(format, || observed.iter().map(seen).collect(), &json!({"schema": SCHEMA, "wikis": observed}))
}

fn seen(observed: &Observed) -> String {
    let health = match &observed.health.reason {
        None => "answers".to_owned(),
        Some(reason) => format!("does not answer: {reason}"),
    };
    format!("{}: release {}, {}\n", observed.wiki, release(observed.release.as_ref()), escaped(&health))
}
