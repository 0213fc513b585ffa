//! What is written when little or nothing has changed, and by how many threads.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::hostile::{Farm, MAIN};

const WIKIS: usize = 100;

/// Many wikis, each with a file of its own beside the one for all.
fn many() -> Farm {
    let farm = Farm::new();
    farm.put("farms.yml", &MAIN.replace("'*'}", "'*'}\n  - {file: wikis/$wiki.yml, key: $WIKIID}").into());
    let names: Vec<String> = (0..WIKIS).map(|at| format!("w{at}")).collect();
    farm.write("etc/wikis.dblist", names.join("\n"));
    for name in &names {
        farm.write(&format!("etc/wikis/{name}.yml"), format!("wgOwn: {name}\n+wgRights: {{user: {{edit: false}}}}\n"));
    }
    let rights: Vec<String> =
        (0..20).map(|at| format!("  default: [a{at}, {{b: {at}}}]\n  +w{at}wiki: [own]\n")).collect();
    let settings = rights.iter().enumerate().map(|(at, rights)| format!("wgShared{at}:\n{rights}"));
    farm.write("etc/settings.yml", settings.collect::<String>());
    farm
}

/// Settings files with what tells whether they were written again.
fn files(farm: &Farm) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let entries =
        fs::read_dir(farm.path("out/settings")).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| {
            let stat = fs::metadata(&path).expect("a file");
            (path, (stat.ino(), stat.ctime(), stat.ctime_nsec()))
        })
        .collect()
}

#[track_caller]
fn compile(farm: &Farm) {
    let ran = farm.run(&["config", "compile"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn one_changed_file_writes_the_files_of_its_wikis_only() {
    let farm = many();
    compile(&farm);
    let first = files(&farm);
    assert_eq!(first.len(), WIKIS);
    let whole = farm.listing(&["out", "tree"]);
    compile(&farm);
    assert!(
        files(&farm) == first && farm.listing(&["out", "tree"]) == whole,
        "nothing has changed, but something was written"
    );

    let before = farm.settings("w7wiki");
    farm.write("etc/wikis/w7.yml", "wgOwn: other\n");
    compile(&farm);
    let second = files(&farm);
    let after = farm.settings("w7wiki");
    assert!(before != after && second.contains_key(&after));
    // Requests that are on their way still find the old one.
    assert_eq!(second.len(), WIKIS + 1);
    assert!(first.iter().all(|(path, stat)| second.get(path) == Some(stat)), "others were written again");

    // Back again, no file is made; but the old one has changed just now, as MediaWiki's caches see it.
    farm.write("etc/wikis/w7.yml", "wgOwn: w7\n+wgRights: {user: {edit: false}}\n");
    compile(&farm);
    let third = files(&farm);
    assert!(farm.settings("w7wiki") == before && third[&before] != second[&before]);
    assert_eq!(third[&before].0, second[&before].0, "it was written anew");
    assert!(
        third.iter().all(|(path, stat)| *path == before || second.get(path) == Some(stat)),
        "others were written again"
    );
    // What has no effect writes none.
    farm.write("etc/wikis/w7.yml", "# nothing new\nwgOwn: w7\n+wgRights: {user: {edit: false}}\n");
    compile(&farm);
    assert!(files(&farm) == third);
}

#[test]
fn any_number_of_threads_writes_the_same() {
    let farm = many();
    let mut listings = Vec::new();
    for threads in ["1", "2", "8"] {
        let _ = fs::remove_dir_all(farm.path("out"));
        farm.run_with(&["config", "compile"], &[("RAYON_NUM_THREADS", threads)]);
        listings.push(farm.listing(&["out"]));
    }
    assert!(listings[0].len() > WIKIS);
    assert!(listings[0] == listings[1] && listings[1] == listings[2]);
}
