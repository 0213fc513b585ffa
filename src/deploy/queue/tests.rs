use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Mutex;

use super::*;
use crate::report::{Phase, Silent, Verbosity};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn begin(&self, _: Phase, _: usize) {}
    fn step(&self) {}
    fn end(&self) {}
    fn warning(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn note(&self, _: Verbosity, _: &str) {}
}

fn spool() -> (tempfile::TempDir, Layout) {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout::new(root.path().to_owned());
    prepare(&layout, None).unwrap();
    (root, layout)
}

fn entry(wiki: &str) -> Entry {
    Entry::of_config(&Name::new(wiki).unwrap(), "alice")
}

#[test]
fn what_is_added_is_taken_in_order_and_once() {
    let (_root, layout) = spool();
    for wiki in ["c", "a", "b"] {
        add(&layout, &entry(wiki)).unwrap();
    }
    assert_eq!(lengths(&layout).unwrap(), (3, 0));
    let queue = Queue::open(&layout).unwrap();
    let taken = queue.take(&Silent).unwrap();
    let wikis: Vec<&str> = taken.iter().map(|taken| taken.entry.wiki.as_ref().unwrap().as_str()).collect();
    assert_eq!(wikis, ["c", "a", "b"]);
    assert_eq!(lengths(&layout).unwrap(), (0, 3));
    assert_eq!(queue.take(&Silent).unwrap(), []);
    assert_eq!(queue.left(&Silent).unwrap(), taken);
    for taken in &taken {
        queue.done(&taken.file).unwrap();
        queue.done(&taken.file).unwrap();
    }
    assert_eq!(lengths(&layout).unwrap(), (0, 0));
}

#[test]
fn one_works_on_it_at_a_time() {
    let (_root, layout) = spool();
    let queue = Queue::open(&layout).unwrap();
    let problem = Queue::open(&layout).unwrap_err();
    assert_eq!(problem.exit, ExitCode::Usage);
    assert!(problem.what.contains("is at work"), "{problem:?}");
    drop(queue);
    Queue::open(&layout).unwrap();
}

#[test]
fn what_is_no_entry_is_put_aside_and_harms_nobody() {
    let (root, layout) = spool();
    let new = layout.queue().join("new");
    let secret = root.path().join("secret");
    fs::write(&secret, "{}").unwrap();
    symlink(&secret, new.join("00-link.json")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, new.join("00-pipe.json"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    fs::create_dir(new.join("00-directory.json")).unwrap();
    fs::write(new.join("00-directory.json/inside"), "").unwrap();
    let texts: [(&str, &[u8]); 8] = [
        ("00-empty.json", b""),
        ("00-cut.json", b"{\"schema\":1,\"wiki\":\"al"),
        ("00-large.json", &[b' '; 5000]),
        ("00-other.json", br#"{"schema":2,"wiki":"a","source":"hook","kind":"updated","who":"w","at":1}"#),
        ("00-name.json", br#"{"schema":1,"wiki":"../a","source":"hook","kind":"updated","who":"w","at":1}"#),
        ("00-sha.json", br#"{"schema":1,"wiki":"a","code":"HEAD","source":"hook","kind":"updated","who":"w","at":1}"#),
        ("00-twice.json", br#"{"schema":1,"schema":1,"source":"hook","kind":"missed","who":"w","at":1}"#),
        ("name with \u{1b} and spaces", b"x"),
    ];
    for (name, text) in texts {
        fs::write(new.join(name), text).unwrap();
    }
    fs::write(new.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff.json")), "x").unwrap();
    add(&layout, &entry("alpha")).unwrap();
    let heard = Heard::default();
    let queue = Queue::open(&layout).unwrap();
    let taken = queue.take(&heard).unwrap();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(lengths(&layout).unwrap(), (0, 1));
    assert_eq!(heard.0.lock().unwrap().len(), 12, "{:#?}", heard.0);
    assert_eq!(fs::read_dir(layout.queue().join("bad")).unwrap().count(), 12);
    assert_eq!(fs::read(&secret).unwrap(), b"{}");
    // It is told of once.
    assert_eq!(queue.take(&heard).unwrap(), []);
    assert_eq!(heard.0.lock().unwrap().len(), 12);
}

#[test]
fn unfinished_files_are_let_alone_until_they_are_old() {
    let (_root, layout) = spool();
    let new = layout.queue().join("new");
    for (name, age) in [(".mwfarm-young", 60), (".mwfarm-old", 2 * 3600)] {
        let file = fs::File::create(new.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    assert_eq!(lengths(&layout).unwrap(), (0, 0));
    assert_eq!(Queue::open(&layout).unwrap().take(&Silent).unwrap(), []);
    assert!(new.join(".mwfarm-young").exists() && !new.join(".mwfarm-old").exists());
}

#[test]
fn bad_files_are_kept_up_to_a_number() {
    let (_root, layout) = spool();
    for number in 0..MAX_BAD + 20 {
        fs::write(layout.queue().join(format!("new/{number}.json")), "x").unwrap();
    }
    assert_eq!(Queue::open(&layout).unwrap().take(&Silent).unwrap(), []);
    assert_eq!(lengths(&layout).unwrap(), (0, 0));
    assert_eq!(fs::read_dir(layout.queue().join("bad")).unwrap().count(), MAX_BAD);
}

#[test]
fn a_group_may_add_and_nobody_else_may_anything() {
    let (_root, layout) = spool();
    let mode = |directory: &str| fs::metadata(layout.queue().join(directory)).unwrap().mode() & 0o7777;
    assert_eq!([mode("new"), mode("cur"), mode("bad")], [0o700, 0o700, 0o700]);
    let own = fs::metadata(layout.queue()).unwrap().gid();
    prepare(&layout, Some(own)).unwrap();
    assert_eq!([mode("new"), mode("cur"), mode("bad")], [0o3770, 0o2750, 0o700]);
    fs::set_permissions(layout.queue().join("new"), fs::Permissions::from_mode(0o777)).unwrap();
    prepare(&layout, Some(own)).unwrap();
    assert_eq!(mode("new"), 0o3770);
    fs::remove_dir(layout.queue().join("bad")).unwrap();
    symlink("/", layout.queue().join("bad")).unwrap();
    assert!(prepare(&layout, None).is_err());
}
