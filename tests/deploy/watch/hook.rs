//! git's hooks, in real repositories.

use std::process::{Command, Output};

use mwfarm::deploy::event::{Kind, Source};
use mwfarm::deploy::home;
use mwfarm::deploy::queue::Queue;
use mwfarm::deploy::watch::hook;
use mwfarm::report::Silent;

use super::*;

/// A bare repository with our hooks, and a clone of it with one commit on `master`.
struct Repositories {
    farm: Farm,
}

impl Repositories {
    fn new(more: &str) -> Self {
        let repositories = Self { farm: Farm::new(more) };
        let path = repositories.farm.path();
        run(Command::new("git").args(["init", "-q", "--bare", "bare"]).current_dir(path));
        run(Command::new("git").args(["init", "-q", "-b", "master", "work"]).current_dir(path));
        for role in ["pre-receive", "post-receive"] {
            let hook = path.join("bare/hooks").join(role);
            fs::write(&hook, child::script(role, &repositories.farm)).unwrap();
            fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        repositories.commit("first");
        assert!(repositories.push(&["master"]).0);
        repositories
    }

    fn git(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]);
        // Whose repository it is matters to git, which asks this file.
        command.env("HOME", self.farm.path());
        command.args(arguments).current_dir(self.farm.path().join("work")).output().unwrap()
    }

    fn commit(&self, file: &str) {
        fs::write(self.farm.path().join("work").join(file), file).unwrap();
        assert!(self.git(&["add", "-A"]).status.success());
        assert!(self.git(&["commit", "-q", "-m", file]).status.success());
    }

    fn head(&self) -> Sha {
        Sha::new(String::from_utf8(self.git(&["rev-parse", "HEAD"]).stdout).unwrap().trim()).unwrap()
    }

    /// Whether it was accepted, and what was said.
    fn push(&self, refs: &[&str]) -> (bool, String) {
        let output = self.git(&[&["push", "../bare"], refs].concat());
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_push_is_checked_queued_and_answered() {
    let repositories = Repositories::new("");
    assert_eq!(repositories.farm.queued(), (0, 0), "master is no wiki's");
    repositories.commit("second");
    let (accepted, said) = repositories.push(&["HEAD:refs/heads/wiki/alpha", "HEAD:refs/heads/wiki/beta"]);
    assert!(accepted && said.contains("mwfarm: alpha is queued to be deployed"), "{said}");
    let taken = Queue::open(&repositories.farm.options.layout).unwrap().take(&Silent).unwrap();
    assert_eq!(taken.len(), 2);
    for taken in &taken {
        assert_eq!(taken.entry.code, Some(repositories.head()));
        assert_eq!((taken.entry.kind, taken.entry.source), (Kind::Created, Source::Hook));
    }
}

#[test]
fn what_can_never_be_deployed_is_refused_while_the_pusher_reads() {
    let repositories = Repositories::new("");
    let refused = |refs: &[&str], why: &str| {
        let (accepted, said) = repositories.push(refs);
        assert!(!accepted && said.contains(why), "{refs:?}: {said}");
    };
    refused(&["HEAD:refs/heads/wiki/No_Name"], "must be made of a-z, 0-9 and `-`");
    refused(&["HEAD:refs/heads/wiki/$(id)"], "must be made of a-z, 0-9 and `-`");
    refused(&["HEAD:refs/heads/wiki/a/b"], "must be made of");
    refused(&["HEAD:refs/heads/wiki"], "is not where wikis are");
    refused(&["HEAD:refs/heads/Wiki/alpha"], "is not where wikis are");
    refused(&["HEAD:refs/tags/wiki/alpha"], "is not where wikis are");
    refused(&["HEAD:refs/wiki/alpha"], "is not where wikis are");
    refused(&["HEAD:refs/deployed/alpha/1"], "is kept by mwfarm");
    assert!(repositories.push(&["HEAD:refs/heads/wiki/alpha", "HEAD:refs/tags/v1"]).0);
    refused(&[":refs/heads/wiki/alpha"], "cannot be deleted");
    // One bad tree refuses all of the push; it is in the quarantine only.
    repositories.commit("evil");
    refused(&["HEAD:refs/heads/wiki/alpha", "HEAD:refs/heads/other"], "`evil` is evil");
    // Another history.
    assert!(repositories.git(&["checkout", "-q", "--orphan", "x"]).status.success());
    assert!(repositories.git(&["rm", "-q", "--cached", "evil"]).status.success());
    fs::remove_file(repositories.farm.path().join("work/evil")).unwrap();
    repositories.commit("third");
    refused(&["-f", "HEAD:refs/heads/wiki/alpha"], "leaves out commits");
    assert_eq!(repositories.farm.queued(), (1, 0));
    // Nothing of it is in the repository.
    let bare = repositories.farm.path().join("bare");
    let listed = Command::new("git").args(["for-each-ref", "--format=%(refname)"]).current_dir(bare).output().unwrap();
    let listed = listed.stdout;
    assert_eq!(String::from_utf8(listed).unwrap(), "refs/heads/master\nrefs/heads/wiki/alpha\nrefs/tags/v1\n");
}

#[test]
fn a_shared_repository_may_belong_to_somebody_else() {
    assert!(rustix::process::geteuid().is_root(), "this test gives files away: run it as root");
    let repositories = Repositories::new("");
    assert!(repositories.push(&["HEAD:refs/heads/wiki/alpha"]).0);
    repositories.commit("second");
    let bare = repositories.farm.path().join("bare");
    run(Command::new("chown").args(["-R", "64999"]).arg(&bare));
    fs::write(repositories.farm.path().join(".gitconfig"), "[safe]\n\tdirectory = *\n").unwrap();
    let (accepted, said) = repositories.push(&["HEAD:refs/heads/wiki/alpha"]);
    assert!(accepted, "{said}");
}

#[test]
fn a_farm_may_allow_to_leave_out_commits() {
    let repositories = Repositories::new("force-push: true");
    assert!(repositories.push(&["HEAD:refs/heads/wiki/alpha"]).0);
    assert!(repositories.git(&["commit", "-q", "--amend", "-m", "other"]).status.success());
    let (accepted, said) = repositories.push(&["-f", "HEAD:refs/heads/wiki/alpha"]);
    assert!(accepted, "{said}");
    assert_eq!(repositories.farm.queued(), (2, 0));
}

#[test]
fn a_push_is_done_even_when_nobody_can_be_told() {
    let repositories = Repositories::new("");
    fs::remove_dir_all(repositories.farm.options.layout.queue()).unwrap();
    let (accepted, said) = repositories.push(&["HEAD:refs/heads/wiki/alpha"]);
    assert!(accepted && said.contains("alpha is looked at later"), "{said}");
}

#[test]
fn a_commit_of_a_wiki_is_heard_of() {
    let farm = Farm::new("");
    let layout = &farm.options.layout;
    let alpha = farm.wiki("alpha", |_| ());
    let directory = layout.home(&alpha);
    fs::create_dir_all(&directory).unwrap();
    // What else is in the directory is the wiki's affair.
    fs::create_dir(directory.join("other")).unwrap();
    for _ in 0..3 {
        assert_eq!(hook::post_commit(layout, &alpha, "alice"), "mwfarm: the commit of alpha is queued to be deployed");
    }
    assert_eq!(farm.queued(), (0, 0), "the wiki's user cannot write there");
    let engine = Engine::default();
    engine.push("alpha", 1);
    let (heard, stop) = (Heard::default(), Stop::default());
    let deploy = |name: &Name, pushed: &Pushed| engine.deploy(name, pushed);
    beside(&service(&farm, &deploy, &nothing_missed, &stop, &heard), || {
        until("the commit is deployed", || engine.is_current() && farm.queued() == (0, 0));
    });
    let (_, told) = engine.deploys.lock().unwrap().remove(0);
    assert_eq!((told.kind, told.code), (Kind::Config, None));
    assert!(!home::notification(layout, &alpha).exists() && directory.join("other").exists());
    assert_eq!(engine.deploys_of("alpha"), 0, "told of once");
    // Who has no such directory, but the queue.
    let beta = farm.wiki("beta", |_| ());
    assert_eq!(hook::post_commit(layout, &beta, "bob"), "mwfarm: the commit of beta is queued to be deployed");
    assert_eq!(farm.queued(), (1, 0));
}

#[test]
fn eight_who_push_at_a_time_end_with_the_newest() {
    const PUSHERS: usize = 8;
    const PUSHES: usize = 20;
    let repositories = Repositories::new("force-push: true");
    let farm = &repositories.farm;
    let bare = farm.path().join("bare");
    // Two of them push to each wiki, over one another.
    let wikis: Vec<Name> = (0..PUSHERS / 2).map(|number| farm.wiki(&format!("w{number}"), |_| ())).collect();
    let branch = |name: &Name| {
        let mut command = Command::new("git");
        let output = command.args(["rev-parse", "--verify", &Options::branch(name)]).current_dir(&bare).output();
        Sha::new(String::from_utf8(output.unwrap().stdout).unwrap().trim()).unwrap()
    };
    let engine = Engine::default();
    let deploy = |name: &Name, pushed: &Pushed| {
        engine.remote.lock().unwrap().insert(name.clone(), branch(name));
        engine.deploy(name, pushed)
    };
    let (heard, stop) = (Heard::default(), Stop::default());
    beside(&service(farm, &deploy, &nothing_missed, &stop, &heard), || {
        std::thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let bare = &bare;
                let wiki = &wikis[pusher % wikis.len()];
                scope.spawn(move || pushes(farm, bare, pusher, wiki, PUSHES));
            }
        });
        let served = |name: &Name| engine.served.lock().unwrap().get(name).cloned();
        until("each wiki has what its branch has", || {
            farm.queued() == (0, 0) && wikis.iter().all(|name| served(name).as_ref() == Some(&branch(name)))
        });
    });
    let deploys = engine.deploys.lock().unwrap();
    let told: u64 = deploys.iter().map(|(_, pushed)| pushed.superseded + 1).sum();
    assert_eq!(told, (PUSHERS * PUSHES) as u64, "every push was told of: {}", heard.all());
}

/// Pushes commits of its own to a wiki, each in the place of whatever is there.
fn pushes(farm: &Farm, bare: &Path, who: usize, wiki: &Name, times: usize) {
    let clone = farm.path().join(format!("clone{who}"));
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]);
        command.args(arguments).current_dir(&clone).env("HOME", farm.path()).output().unwrap()
    };
    run(Command::new("git").args(["clone", "-q", "-b", "master"]).arg(bare).arg(&clone));
    for number in 0..times {
        let message = format!("{who}: {number}");
        assert!(git(&["commit", "-q", "--allow-empty", "-m", &message]).status.success());
        let target = format!("+HEAD:{}", Options::branch(wiki));
        until("git takes the push", || {
            let output = git(&["push", "-q", "origin", &target]);
            let said = String::from_utf8(output.stderr).unwrap();
            // The other one was there a moment before: git asks to try again.
            assert!(output.status.success() || said.contains("lock"), "{said}");
            output.status.success()
        });
    }
}
