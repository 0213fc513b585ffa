//! Builds into a directory of their own: the copy of the vendor directory is that of the tree, whatever its times say.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::keeping::{mwfarm, place};

const FILE: &str = "composer/notes";

#[test]
fn an_edit_that_hides_behind_its_time_of_modification_is_copied() {
    let place = place();
    let output = place.0.path().join("output");
    let build = || {
        let words = ["build", "-q", "--output", output.to_str().expect("UTF-8")];
        let output = mwfarm(&place, &words, &[("MWFARM_CACHE_DIR", &place.cache())]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let path = place.vendor().join(FILE);
    fs::write(&path, "number x").expect("a file");
    let edit = |path: &Path, number: u8| {
        let modified = fs::metadata(path).expect("a file").modified().expect("a time");
        let mut content = fs::read(path).expect("a file");
        let last = content.len() - 1;
        content[last] = b'0' + number;
        fs::write(path, content).expect("a file");
        File::options().append(true).open(path).expect("a file").set_modified(modified).expect("a time");
    };
    // The first copy is as young as the file, the later ones are made when it has been left alone.
    for number in 0..3 {
        edit(&path, number);
        build();
        assert!(fs::read(output.join(FILE)).expect("a copy") == fs::read(&path).expect("a file"), "{number}");
        thread::sleep(Duration::from_millis(1100));
        build();
    }
}
