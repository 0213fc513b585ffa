//! The order in which a verb makes things durable, from a log of its system calls: whatever is renamed was durable
//! before, all names were before the switch, and nothing is taken away until then. So a loss of power leaves old or new.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mwfarm::disk::STAGING;

use super::stopped::{Case, built, copied, linked, twice};
use super::tree::{State, Tree};

/// What the order depends on; strace writes the paths of descriptors.
const CALLS: &str = "trace=openat,write,utimensat,fchmod,rename,renameat,symlink,mkdir,unlink,unlinkat,rmdir,fsync,fdatasync,\
    syncfs";

/// Looks at what one command does, which switches once or more by renaming `switches`, all beside the tree.
fn ordered(tree: &Tree, words: &[&str], switches: &[&str]) {
    tree.traced(words, &["decode-fds=path", CALLS]).well();
    let log =
        Log { cache: tree.beside("cache"), switches: switches.iter().map(|switch| tree.beside(switch)).collect() };
    let wrong = log.violations(&tree.trace());
    assert!(wrong.is_empty(), "`{}`:\n{}", words.join(" "), wrong.join("\n"));
}

fn of(case: &Case) {
    let tree = Tree::new(5);
    (case.prepare)(&tree);
    ordered(&tree, case.words, &[&format!("{}/autoload.php", case.place)]);
}

#[test]
fn what_a_build_renames_is_durable_and_the_dispatcher_is_last() {
    let words = &["build", "-j", "1"];
    for prepare in [|_: &Tree| {}, built] {
        of(&Case { words, prepare, place: "tree/vendor", done: None });
    }
}

#[test]
fn links_are_durable_before_the_dispatcher() {
    let words = &["build", "-j", "1", "--mediawikifarm"];
    of(&Case { words, prepare: linked, place: "tree/vendor", done: None });
}

#[test]
fn a_copy_is_durable_before_the_dispatcher() {
    let words = &["build", "-j", "1", "--output", "@/other/vendor"];
    of(&Case { words, prepare: copied, place: "other/vendor", done: None });
}

#[test]
fn an_earlier_generation_is_served_again_by_a_durable_rename() {
    of(&Case { words: &["rollback", "--to", "%"], prepare: twice, place: "tree/vendor", done: None });
}

#[test]
fn settings_are_durable_before_what_leads_to_them() {
    let tree = Tree::new(5);
    tree.enter(State::First);
    tree.write("includes/Defines.php", "<?php\ndefine( 'MW_VERSION', '1.43.0' );\n");
    tree.write("../config/mwfarm.yml", "tree: ../tree\noutput: ../output\n");
    tree.write(
        "../config/farms.yml",
        "main:\n  server: '(?<wiki>[a-z]+)\\.example\\.org'\n  variables: [{variable: wiki, file: wikis.yml}]\n  \
         suffix: wiki\n  wikiID: $wikiwiki\n  config: [{file: settings.yml, key: '*'}]\n",
    );
    tree.write("../config/wikis.yml", "- all\n- some\n");
    for name in ["First", "Second"] {
        tree.write("../config/settings.yml", &format!("wgSitename: {{default: {name}}}\n"));
        let words = ["config", "compile", "-j", "1", "--config-dir", "@/config"];
        ordered(&tree, &words, &["tree/vendor/autoload.php", "output/farm.php"]);
    }
}

/// What is looked at.
struct Log {
    /// Where nothing has to be durable.
    cache: PathBuf,
    /// What switches when something is renamed to it. In its directory nothing else is renamed afterwards.
    switches: Vec<PathBuf>,
}

/// What would be lost.
#[derive(Default)]
struct Volatile {
    /// Files, links and directories with content that was not made durable.
    content: BTreeSet<PathBuf>,
    /// Directories with names that were not.
    names: BTreeSet<PathBuf>,
}

impl Log {
    /// What is in the wrong order.
    fn violations(&self, log: &str) -> Vec<String> {
        let mut volatile = Volatile::default();
        let (mut wrong, mut switched) = (Vec::new(), BTreeSet::new());
        let is_staged = |path: &Path| path.components().any(|part| part.as_os_str() == STAGING);
        for line in log.lines().filter(|line| line.contains(" = ") && !line.contains(" = -1 ")) {
            let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            let Some((call, arguments)) = line.split_once('(') else { continue };
            let paths = paths(call, arguments);
            let Some(path) = paths.first().filter(|path| path.is_absolute() && !path.starts_with(&self.cache)) else {
                continue;
            };
            match call {
                "openat" | "mkdir" if call == "mkdir" || arguments.contains("O_CREAT") => {
                    volatile.content.insert(path.clone());
                    volatile.names.extend(path.parent().map(Path::to_owned));
                }
                "write" | "utimensat" | "fchmod" => drop(volatile.content.insert(path.clone())),
                "fsync" | "fdatasync" => {
                    volatile.content.remove(path);
                    volatile.names.remove(path);
                }
                "syncfs" => volatile = Volatile::default(),
                "rename" | "renameat" => {
                    let to = &paths[1];
                    let lost = volatile.content.iter().chain(&volatile.names).filter(|lost| lost.starts_with(path));
                    let lost: Vec<&PathBuf> = lost.collect();
                    if !lost.is_empty() {
                        wrong.push(format!("{} gets its name while {lost:?} is not durable", to.display()));
                    }
                    let directory = to.parent().expect("a directory").to_owned();
                    if switched.contains(&directory) {
                        wrong.push(format!("{} comes after the switch", to.display()));
                    }
                    if self.switches.contains(to) {
                        volatile.names.retain(|name| !is_staged(name));
                        if !volatile.names.is_empty() {
                            wrong.push(format!("the switch comes before names in {:?} are durable", volatile.names));
                        }
                        switched.insert(directory.clone());
                    }
                    volatile.names.insert(directory);
                }
                "unlink" | "unlinkat" | "rmdir" if switched.is_empty() && !is_staged(path) => {
                    wrong.push(format!("{} goes before the switch", path.display()));
                }
                _ => {}
            }
        }
        if switched.is_empty() {
            wrong.push("there is no switch".to_owned());
        }
        if switched.iter().any(|directory| volatile.names.contains(directory)) {
            wrong.push("the switch is not made durable".to_owned());
        }
        wrong
    }
}

/// The check itself finds what is wrong.
#[test]
fn an_order_in_which_something_could_be_lost_is_noticed() {
    let log = Log { cache: "/c".into(), switches: vec!["/v/autoload.php".into()] };
    let open = |path: &str| format!("1 openat(AT_FDCWD</>, \"{path}\", O_WRONLY|O_CREAT|O_EXCL, 0666) = 4<{path}>\n");
    let write = |path: &str| format!("1 write(4<{path}>, \"<?php\"..., 5) = 5\n");
    let sync = |path: &str| format!("1 fsync(4<{path}>) = 0\n");
    let rename = |from: &str, to: &str| format!("1 rename(\"{from}\", \"{to}\") = 0\n");
    let (hashed, staged) = ("/v/.mwfarm_staging/a", "/v/.mwfarm_staging/r");
    let steps = [
        open(hashed),
        write(hashed),
        sync(hashed),
        rename(hashed, "/v/a"),
        sync("/v"),
        open(staged),
        write(staged),
        sync(staged),
        rename(staged, "/v/autoload.php"),
        sync("/v"),
    ];
    assert_eq!(log.violations(&steps.concat()), [""; 0]);
    // Each of what makes durable is missed, as is anything in another order.
    for missing in [2, 4, 7, 8, 9] {
        let rest = steps.iter().enumerate().filter(|(step, _)| *step != missing).map(|(_, step)| step.as_str());
        assert!(!log.violations(&rest.collect::<String>()).is_empty(), "without step {missing}");
    }
    let early = "1 unlink(\"/v/b\") = 0\n".to_owned() + &steps.concat();
    assert!(!log.violations(&early).is_empty(), "what is served loses a file");
    let late = steps.concat() + &[rename("/v/.mwfarm_staging/c", "/v/c"), sync("/v")].concat();
    assert!(!log.violations(&late).is_empty(), "what is served lacks a file");
}

/// The paths among the arguments of a call. Those of calls whose name ends so are below the descriptor before.
pub(super) fn paths(call: &str, arguments: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut descriptor: Option<PathBuf> = None;
    let arguments = arguments.trim_end_matches(" <unfinished ...>");
    for argument in arguments.split(", ") {
        if let Some(text) = argument.strip_prefix('"') {
            let text = text.split('"').next().unwrap_or_default();
            match descriptor.take() {
                None => paths.push(PathBuf::from(text)),
                Some(directory) if call.ends_with("at") => paths.push(directory.join(text)),
                Some(file) => paths.push(file),
            }
        } else if let Some((_, path)) = argument.split_once('<')
            && let Some((path, _)) = path.split_once('>')
        {
            descriptor = Some(PathBuf::from(path));
        }
    }
    paths.extend(descriptor);
    paths
}
