//! A real MediaWiki from end to end: git, the daemons, the databases, the cache, and the program itself. Needs root.

pub(super) mod browser;
mod core;
mod fpm;
mod itk;
mod life;
mod servers;
mod settings;
mod stream;
mod upgrade;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use mwfarm::deploy::name::Name;
use mwfarm::deploy::secrets::{self, Secrets};
use mwfarm::deploy::{layout::Layout, options};

use super::farm::{Farm, Said};
use super::web::daemons::Reply;
use browser::Browser;

/// A farm whose wikis run MediaWiki.
trait MediaWikis {
    /// Somebody who looks at a wiki.
    fn browser(&self, name: &str) -> Browser<'_>;

    /// A page, which is there.
    fn view(&self, name: &str, title: &str) -> Reply;

    /// A maintenance script with an input.
    fn maintain(&self, name: &str, script: &str, arguments: &[&str], input: &str) -> Said;

    /// The wiki's secrets.
    fn secrets(&self, name: &str) -> Secrets;

    /// What of the messages that PHP wrote for a wiki is a fault.
    fn faults(&self, name: &str) -> Vec<String>;

    /// Where everything is.
    fn layout(&self) -> Layout;

    /// The extensions and skins that a wiki has on.
    fn extensions(&self, name: &str) -> Vec<String>;

    /// Changes files of a wiki's configuration by a shell script, and commits them as the wiki's user.
    fn configure_files(&self, name: &str, script: &str);

    /// Runs code as a pushed file of a wiki does, and gives what it prints.
    fn execute(&self, name: &str, code: &str) -> String;
}

impl MediaWikis for Farm {
    fn browser(&self, name: &str) -> Browser<'_> {
        Browser::new(&self.proxy, self.host(name))
    }

    #[track_caller]
    fn view(&self, name: &str, title: &str) -> Reply {
        let reply = self.get(name, &format!("/index.php?title={title}"));
        assert_eq!(reply.status, 200, "{reply:?} {:?}", self.faults(name));
        reply
    }

    fn maintain(&self, name: &str, script: &str, arguments: &[&str], input: &str) -> Said {
        let wiki = format!("--wiki={}", self.name(name));
        let mut command = self.command([&["run", script, &wiki, "--"], arguments].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends").into()
    }

    fn secrets(&self, name: &str) -> Secrets {
        let options = options::read(&self.base).expect("options");
        secrets::read(&options, &Name::new(&self.name(name)).expect("a name")).expect("secrets")
    }

    fn faults(&self, name: &str) -> Vec<String> {
        let log = self.at(&format!("data/project/{}/logs/php.log", self.name(name)));
        let text = fs::read_to_string(log).unwrap_or_default();
        text.lines().filter(|line| line.contains("PHP ")).map(str::to_owned).collect()
    }

    fn layout(&self) -> Layout {
        Layout::new(self.base.clone())
    }

    fn extensions(&self, name: &str) -> Vec<String> {
        let answer = self.browser(name).api(&[("action", "query"), ("meta", "siteinfo"), ("siprop", "extensions")]);
        let extensions = answer["query"]["extensions"].as_array().expect("a list");
        extensions.iter().filter_map(|extension| extension["name"].as_str()).map(str::to_owned).collect()
    }

    #[track_caller]
    fn configure_files(&self, name: &str, script: &str) {
        let commit = "git add -A; git -c user.name=carol -c user.email=carol@wiki.test commit -qm change";
        self.mwfarm(["wiki", "become", &self.name(name), "--", "sh", "-c", &format!("set -e; {script}; {commit}")])
            .well();
    }

    #[track_caller]
    fn execute(&self, name: &str, code: &str) -> String {
        let reply = self.browser(name).ask("/thumb.php", &[("code", code)]);
        assert_eq!(reply.status, 200, "{reply:?} {:?}", self.faults(name));
        reply.body
    }
}
