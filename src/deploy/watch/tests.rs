use super::super::record::Held;
use super::*;
use crate::farm::Host;

fn sha(number: u32) -> Sha {
    Sha::new(&format!("{number:040x}")).unwrap()
}

fn known(name: &str, served: Option<u32>, change: impl FnOnce(&mut Wiki)) -> (Name, Known) {
    let name = Name::new(name).unwrap();
    let mut wiki = Wiki {
        state: State::Ready,
        ..Wiki::new(name.clone(), Host::new("alpha.wiki.test").unwrap(), "refs/heads/master", None)
    };
    change(&mut wiki);
    (name, Known { wiki, served: served.map(sha), configured: None })
}

#[test]
fn what_was_missed_is_what_differs() {
    let wikis: BTreeMap<Name, Known> = [
        known("same", Some(1), |_| ()),
        known("moved", Some(1), |_| ()),
        known("never", None, |_| ()),
        known("gone", Some(1), |_| ()),
        known("held", Some(1), |wiki| {
            wiki.held = Some(Held { by: "root".to_owned(), why: "a rollback".to_owned(), since: 0, by_deploy: true });
        }),
        known("archived", Some(1), |wiki| wiki.state = State::Archived),
        known("unfinished", None, |wiki| wiki.state = State::Provisioning),
    ]
    .into();
    let branch = |name: &str, number| (format!("refs/heads/wiki/{name}"), sha(number));
    let remote = [
        branch("same", 1),
        branch("moved", 2),
        branch("never", 3),
        branch("held", 2),
        branch("archived", 2),
        branch("unfinished", 2),
        branch("stray", 5),
        branch("No Name", 6),
        ("refs/heads/master".to_owned(), sha(7)),
    ]
    .into();
    let missed = missed("p", &remote, &wikis);
    let seen: Vec<(&str, Kind, Option<Sha>)> = missed
        .iter()
        .map(|event| (event.reference.strip_prefix("refs/heads/wiki/").unwrap(), event.kind, event.new.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("moved", Kind::Missed, Some(sha(2))),
            ("never", Kind::Missed, Some(sha(3))),
            ("stray", Kind::Created, Some(sha(5))),
            ("gone", Kind::Deleted, None),
            ("unfinished", Kind::Missed, Some(sha(2))),
        ]
    );
    assert!(missed.iter().all(|event| event.project == "p" && event.source == Source::Reconcile));
}

#[test]
fn what_cannot_be_deployed_is_told_less_and_less_often() {
    let mut wikis: BTreeMap<Name, Known> = [known("a", Some(1), |_| ()), known("b", Some(1), |_| ())].into();
    let mut remote =
        BTreeMap::from([("refs/heads/wiki/a".to_owned(), sha(2)), ("refs/heads/wiki/b".to_owned(), sha(1))]);
    let mut told = Reminders::default();
    let mut look = |remote: &_, wikis: &_| {
        let due = told.due(missed("p", remote, wikis), wikis);
        due.iter().map(|event| format!("{} {:?}", &event.reference[16..], event.kind)).collect::<Vec<_>>()
    };
    let times: Vec<usize> = (0..200).filter(|_| !look(&remote, &wikis).is_empty()).collect();
    assert_eq!(times, [0, 1, 2, 4, 8, 16, 32, 64, 128, 192]);
    remote.insert("refs/heads/wiki/a".to_owned(), sha(3));
    assert_eq!(look(&remote, &wikis), ["a Missed"], "another commit");
    // It works now, and later it does not.
    remote.insert("refs/heads/wiki/a".to_owned(), sha(1));
    assert!(look(&remote, &wikis).is_empty());
    remote.insert("refs/heads/wiki/a".to_owned(), sha(3));
    assert_eq!(look(&remote, &wikis), ["a Missed"]);
    let b = Name::new("b").unwrap();
    for commit in [5, 6] {
        wikis.get_mut(&b).unwrap().configured = Some(sha(commit));
        assert!(look(&remote, &wikis).contains(&"b Config".to_owned()));
    }
    remote.remove("refs/heads/wiki/b");
    assert!(look(&remote, &wikis).contains(&"b Deleted".to_owned()));
}
