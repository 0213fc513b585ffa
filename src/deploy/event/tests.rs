use proptest::prelude::*;
use serde_json::json;

use super::*;

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn sha(text: &str) -> Option<Sha> {
    Sha::new(text)
}

fn told(value: &Value) -> Vec<Event> {
    match gerrit(value.to_string().as_bytes()).unwrap() {
        Told::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

fn ref_updated(name: &str, old: &str, new: &str) -> Value {
    json!({
        "submitter": {"name": "Alice", "email": "alice@example.org", "username": "alice"},
        "refUpdate": {"oldRev": old, "newRev": new, "refName": name, "project": "mediawiki/core"},
        "type": "ref-updated", "eventCreatedOn": 1_700_000_000,
    })
}

#[test]
fn gerrit_tells_of_pushes() {
    for name in ["refs/heads/wiki/alpha", "wiki/alpha"] {
        let event = told(&ref_updated(name, OLD, NEW)).remove(0);
        assert_eq!(event.about("mediawiki/core"), About::Wiki(Name::new("alpha").unwrap()));
        assert_eq!((event.old, event.new), (sha(OLD), sha(NEW)));
        assert_eq!((event.kind, event.source, event.who.as_str()), (Kind::Updated, Source::Gerrit, "alice"));
    }
    assert_eq!(told(&ref_updated("wiki/alpha", ZERO, NEW))[0].kind, Kind::Created);
    let gone = told(&ref_updated("wiki/alpha", OLD, ZERO)).remove(0);
    assert_eq!((gone.kind, gone.new), (Kind::Deleted, None));
}

#[test]
fn what_was_merged_is_not_what_was_reviewed() {
    let merged = json!({
        "change": {"project": "mediawiki/core", "branch": "wiki/alpha", "number": 7},
        "patchSet": {"revision": OLD}, "newRev": NEW, "submitter": {"name": "Bob"}, "type": "change-merged",
    });
    let event = told(&merged).remove(0);
    assert_eq!((event.new, event.kind, event.who.as_str()), (sha(NEW), Kind::Merged, "Bob"));
    // Older versions do not tell the new commit: it is a hint only.
    let mut older = merged;
    older.as_object_mut().unwrap().remove("newRev");
    assert_eq!((told(&older)[0].new.as_ref(), told(&older)[0].kind), (None, Kind::Merged));
}

#[test]
fn several_updates_are_several_events() {
    let update = |name: &str| json!({"oldRev": OLD, "newRev": NEW, "refName": name});
    let batch = json!({
        "type": "batch-ref-updated", "project": "mediawiki/core",
        "refUpdates": [update("refs/heads/wiki/alpha"), update("refs/heads/wiki/beta"), update("refs/changes/1/1/meta")],
    });
    let abouts: Vec<About> = told(&batch).iter().map(|event| event.about("mediawiki/core")).collect();
    let wiki = |name: &str| About::Wiki(Name::new(name).unwrap());
    assert_eq!(abouts, [wiki("alpha"), wiki("beta"), About::Other]);
}

#[test]
fn other_messages_are_nothing_or_a_loss() {
    for text in ["{}", r#"{"type":"comment-added","change":7}"#, r#"{"type":"ref-replicated"}"#, r#"{"type":null}"#] {
        assert_eq!(gerrit(text.as_bytes()), Ok(Told::Nothing), "{text}");
    }
    assert_eq!(gerrit(br#"{"type":"dropped-output"}"#), Ok(Told::Lost));
}

#[test]
fn what_cannot_be_followed_names_its_field() {
    let message = |text: &str| gerrit(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(message("7"), "it is no object");
    assert_eq!(message(r#"{"type":7}"#), "field `type` is no text");
    assert_eq!(message(r#"{"type":"ref-updated"}"#), "field `refUpdate` is missing");
    assert_eq!(message(r#"{"type":"ref-updated","refUpdate":[]}"#), "field `refUpdate` is no object");
    assert_eq!(
        message(r#"{"type":"ref-updated","refUpdate":{"project":"p","oldRev":"","newRev":"","refName":7}}"#),
        "field `refUpdate.refName` is no text"
    );
    assert_eq!(
        message(r#"{"type":"batch-ref-updated","project":"p","refUpdates":[{},7]}"#),
        "field `refUpdates[1]` is no object"
    );
    assert!(message(r#"{"type":"ref-updated","type":"x"}"#).contains("field `type` is there twice"));
    assert!(message("{\"type\":").contains("no JSON"));
    assert!(gerrit(&vec![b' '; MAX_BYTES + 1]).is_err());
}

#[test]
fn other_projects_and_refs_are_not_ours() {
    let event = told(&ref_updated("wiki/alpha", OLD, NEW)).remove(0);
    assert_eq!(event.about("mediawiki/core.git"), About::Other);
    for reference in [
        "refs/heads/master",
        "refs/heads/wiki",
        "refs/heads/Wiki/alpha",
        "refs/tags/wiki/alpha",
        "refs/wiki/alpha",
        "refs/heads/wikis/alpha",
        "refs/for/refs/heads/wiki/alpha",
        "",
    ] {
        assert_eq!(about(reference), About::Other, "{reference}");
    }
}

#[test]
fn branches_of_no_wiki_are_refused_with_the_reason() {
    for name in [
        "",
        "-x",
        "..",
        "a/b",
        "A",
        "a_b",
        "a--b",
        "xn--a",
        "www",
        "a\0",
        "a\nb",
        "$(id)",
        "`id`",
        "a;b",
        "%2e%2e",
        "é",
        "a\u{202e}",
    ] {
        let About::Refused(why) = about(&format!("refs/heads/wiki/{name}")) else { panic!("{name:?}") };
        assert!(why.contains("is the branch of no wiki"), "{why}");
    }
    let About::Refused(why) = about(&format!("refs/heads/wiki/{}", "a".repeat(10_000))) else { panic!() };
    assert!(why.len() < 300, "{why}");
}

#[test]
fn hooks_tell_line_by_line() {
    let input =
        format!("{OLD} {NEW} refs/heads/wiki/alpha\n{ZERO} {NEW} refs/heads/wiki/b c\n{OLD} {ZERO} refs/heads/x\n");
    let events = hook(input.as_bytes(), "mediawiki/core", "alice").unwrap();
    let kinds: Vec<Kind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Kind::Updated, Kind::Created, Kind::Deleted]);
    assert!(matches!(events[1].about("mediawiki/core"), About::Refused(_)));
    for input in
        ["x", "a b c", &format!("{OLD} {NEW}"), &format!("{OLD} {NEW} heads/x"), &format!("{OLD}  {NEW} refs/x")]
    {
        assert!(hook(input.as_bytes(), "p", "w").is_err(), "{input}");
    }
    assert!(hook(b"\xff\xff", "p", "w").is_err());
    assert_eq!(hook(b"", "p", "w"), Ok(Vec::new()));
}

#[test]
fn webhooks_of_each_sender_tell_of_pushes() {
    let bodies = [
        // GitHub, and Gitea with another field of the pusher.
        json!({"ref": "refs/heads/wiki/alpha", "before": OLD, "after": NEW, "created": false,
               "repository": {"full_name": "mediawiki/core", "owner": {"name": "mediawiki"}},
               "pusher": {"name": "alice", "email": "alice@example.org"}, "commits": []}),
        json!({"ref": "refs/heads/wiki/alpha", "before": OLD, "after": NEW,
               "repository": {"full_name": "mediawiki/core"}, "pusher": {"id": 1, "login": "alice"}}),
        // GitLab.
        json!({"object_kind": "push", "ref": "refs/heads/wiki/alpha", "before": OLD, "after": NEW,
               "user_username": "alice", "user_name": "Alice", "repository": {"name": "core"},
               "project": {"path_with_namespace": "mediawiki/core"}}),
        // By hand.
        json!({"ref": "wiki/alpha", "after": NEW, "project": "mediawiki/core", "user_name": "alice"}),
    ];
    for body in bodies {
        let Told::Events(events) = webhook(body.to_string().as_bytes()).unwrap() else { panic!("{body}") };
        assert_eq!(events[0].about("mediawiki/core"), About::Wiki(Name::new("alpha").unwrap()), "{body}");
        assert_eq!((events[0].new.clone(), events[0].who.as_str()), (sha(NEW), "alice"), "{body}");
        assert_eq!((events[0].kind, events[0].source), (Kind::Updated, Source::Webhook));
    }
    assert_eq!(webhook(br#"{"zen":"Keep it logically awesome.","hook_id":1}"#), Ok(Told::Nothing));
    let error = webhook(format!(r#"{{"ref":"refs/heads/x","after":"{NEW}"}}"#).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "field `repository` is missing");
    let gone = json!({"ref": "refs/heads/x", "before": OLD, "after": ZERO, "project": "p"});
    let Told::Events(events) = webhook(gone.to_string().as_bytes()).unwrap() else { panic!() };
    assert_eq!(events[0].kind, Kind::Deleted);
}

#[test]
fn names_of_people_are_only_shown() {
    let mut update = ref_updated("wiki/alpha", OLD, NEW);
    update["submitter"] = json!({"username": format!("\u{1b}[2J\n{}", "x".repeat(1000))});
    let who = &told(&update)[0].who;
    assert!(who.chars().count() == MAX_WHO && who.starts_with("[2Jxxx"), "{who}");
    update["submitter"] = json!({"username": 7});
    assert_eq!(told(&update)[0].who, "unknown");
}

/// Any JSON, with the names of the fields that are read among its own.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "type",
        "refUpdate",
        "refUpdates",
        "change",
        "project",
        "branch",
        "refName",
        "oldRev",
        "newRev",
        "submitter",
        "ref",
        "after",
        "before",
        "repository",
        "full_name",
        "path_with_namespace",
        "pusher",
        "x",
    ]);
    let texts = prop::sample::select(vec![
        "ref-updated",
        "change-merged",
        "batch-ref-updated",
        "dropped-output",
        "refs/heads/wiki/alpha",
        "wiki/$(id)",
        "mediawiki/core",
        OLD,
        ZERO,
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..8)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn bytes_never_do_more_than_be_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (gerrit(&bytes), webhook(&bytes), hook(&bytes, "p", "w"));
    }

    #[test]
    fn whatever_is_told_has_a_good_name_or_none(value in any_json()) {
        let text = value.to_string();
        for told in [gerrit(text.as_bytes()), webhook(text.as_bytes())].into_iter().flatten() {
            let Told::Events(events) = told else { continue };
            for event in events {
                if let About::Wiki(name) = event.about("mediawiki/core") {
                    prop_assert_eq!(Options::branch(&name), event.reference);
                    prop_assert!(event.who.chars().all(|c| !c.is_control()));
                }
            }
        }
    }

    #[test]
    fn cut_lines_are_refused(cut in 0..200_usize) {
        let line = ref_updated("refs/heads/wiki/alpha", OLD, NEW).to_string();
        prop_assert!(gerrit(&line.as_bytes()[..cut.min(line.len() - 1)]).is_err());
    }
}
