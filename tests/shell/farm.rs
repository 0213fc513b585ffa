//! What is wrong with a farm is said at once, and all of it.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use super::demo::Demo;

#[test]
fn every_unknown_extension_is_named() {
    let demo = Demo::new();
    demo.write_wikis("bad.yml", "cite, Nowhere, Scribunto");
    let ran = demo.run("build --wikis bad.yml --dry-run");
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), ""));
    assert_eq!(
        ran.err,
        "error: no extension `extensions/cite` in the tree\n\
         caused by: bad.yml, field `wikis.one.extensions[0]`\n\
         hint: did you mean `extensions/Cite`? names are directory names\n\n\
         error: no extension `extensions/Nowhere` in the tree\n\
         caused by: bad.yml, field `wikis.one.extensions[1]`\n\
         hint: names are directory names below `extensions/` and `skins/`\n"
    );
}

#[test]
fn every_missing_extension_that_is_required_is_named() {
    let demo = Demo::new();
    for extension in ["Cite", "AbuseFilter"] {
        let file = demo.tree().join("extensions").join(extension).join("extension.json");
        let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
        json["requires"]["extensions"][format!("Missing{extension}")] = "*".into();
        fs::write(&file, json.to_string()).expect("written");
    }
    let ran = demo.run("build");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    for extension in ["Cite", "AbuseFilter"] {
        let message = format!(
            "error: `extensions/{extension}` needs `Missing{extension}`, but no extension or skin of the tree has that \
             name\ncaused by: extensions/{extension}/extension.json, field `requires.extensions`; wiki `"
        );
        assert!(ran.err.contains(&message), "{}", ran.err);
    }
}

#[test]
fn a_wrong_directory_is_explained() {
    let demo = Demo::new();
    fs::remove_file(demo.tree().join("composer.json")).expect("removed");
    fs::remove_file(demo.tree().join("wikis.yml")).expect("removed");
    demo.run("build").fails(5, "hint: `-d` names the directory of MediaWiki's composer.json; here it is `tree`");
    demo.run("man --output tree/none").fails(1, "error: cannot write `tree/none/mwfarm.1`\ncaused by: ");
}

/// A build that waits for another says so, and for whom.
#[test]
fn a_build_says_that_it_waits() {
    let demo = Demo::new();
    let vendor = fs::File::open(demo.vendor()).expect("a directory");
    vendor.lock().expect("locked");
    demo.run("build --no-wait").fails(1, "is at work in `tree/vendor`\nhint: wait for it");
    let mut build = demo.command("build").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mwfarm runs");
    let mut said = Vec::new();
    let mut stderr = build.stderr.take().expect("a pipe");
    while !said.ends_with(b"\n") {
        let mut byte = [0];
        assert_eq!(stderr.read(&mut byte).expect("read"), 1, "{}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    let said = String::from_utf8(said).expect("UTF-8");
    assert!(
        said.starts_with("waiting for process ") && said.ends_with(", which is at work in `tree/vendor`\n"),
        "{said}"
    );
    vendor.unlock().expect("unlocked");
    stderr.read_to_end(&mut Vec::new()).expect("read");
    assert!(build.wait().expect("ended").success());
    demo.run("verify").done();
}

#[test]
fn graphs_quote_what_their_languages_give_a_meaning() {
    let demo = Demo::new();
    let extension = demo.tree().join("extensions/C#; x]");
    fs::create_dir(&extension).expect("a directory");
    fs::write(extension.join("extension.json"), r#"{"name": "C", "manifest_version": 2}"#).expect("written");
    let graph = |format: &str| demo.run(&format!("graph --format {format}")).done().out.clone();
    assert!(graph("mermaid").contains("([\"extensions/C#35;; x]\"])\n"));
    assert!(graph("dot").contains("  \"extensions/C#; x]\" [style=filled];\n"));
}

#[test]
fn verbose_lines_count_what_they_name() {
    let demo = Demo::new();
    let build = demo.run("build -v");
    for line in ["read 1 tree in ", "scanned 80 autoload paths in ", "wrote 34 sets, bundles and tables in "] {
        assert!(build.done().err.lines().any(|said| said.starts_with(line)), "no `{line}` in:\n{}", build.err);
    }
    let verified = demo.run("verify -v");
    assert!(verified.done().err.starts_with("verified 1 vendor directory in "), "{}", verified.err);
}
