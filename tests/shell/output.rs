//! `build --output`: where it writes, and what is in the copy.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::demo::Demo;

#[test]
fn a_copy_is_complete_and_is_not_written_twice() {
    let demo = Demo::new();
    let odd = OsStr::from_bytes(b"not\xffutf-8.txt");
    fs::write(demo.vendor().join("psr/log").join(odd), "x").expect("written");
    let before = demo.content("tree");
    demo.run("build --output new/vendor").done();
    demo.run("verify --output new/vendor").done();
    assert!(demo.path("new/vendor/psr/log").join(odd).exists());
    let stat = demo.stat("new");
    demo.run("build --output new/vendor").done();
    assert!(demo.stat("new") == stat, "the second build wrote");
    assert_eq!(demo.content("tree"), before);

    demo.run("eject --output new/vendor").done();
    assert_eq!(demo.content("new/vendor"), demo.content("tree/vendor"));
}

/// A class that a package no longer has would still be found by PSR-4.
#[test]
fn a_copy_loses_what_a_package_no_longer_has() {
    let demo = Demo::new();
    let package = demo.vendor().join("psr/log");
    fs::write(package.join("Old.php"), "<?php\n").expect("written");
    fs::create_dir_all(package.join("old/deep")).expect("directories");
    fs::write(package.join("swapped"), "a file").expect("written");
    demo.run("build --output copy").done();
    fs::write(demo.path("copy/psr/stranger"), "not in a package").expect("written");
    fs::remove_file(package.join("Old.php")).expect("removed");
    fs::remove_dir_all(package.join("old")).expect("removed");
    fs::remove_file(package.join("swapped")).expect("removed");
    fs::create_dir(package.join("swapped")).expect("a directory");

    demo.run("build --output copy").done();
    assert!(demo.content("copy/psr/log") == demo.content("tree/vendor/psr/log"));
    assert!(demo.path("copy/psr/stranger").exists(), "removed what is in no package");
}

#[test]
fn only_directories_of_builds_are_written() {
    let demo = Demo::new();
    fs::create_dir(demo.path("mine")).expect("a directory");
    fs::write(demo.path("mine/file"), "mine").expect("written");
    let before = demo.content("");
    demo.run("build --output mine").fails(1, "caused by: `mine` is not empty, and not made by a build");
    demo.run("build --output tree").fails(1, "caused by: `tree` is not empty, and not made by a build");
    let inside = "lies in the tree's own vendor directory";
    demo.run("build --output tree/vendor").fails(1, inside);
    demo.run("build --output tree/vendor/new/deep").fails(1, inside);
    demo.run("build --output mine/file").fails(1, "caused by: cannot use `mine/file`");
    assert_eq!(demo.content(""), before);
}

#[test]
fn a_copy_is_not_written_through_links() {
    let demo = Demo::new();
    fs::create_dir(demo.path("target")).expect("a directory");
    symlink("target", demo.path("link")).expect("a link");
    for output in ["link", "link/", "link/."] {
        let message = "error: `link` is a symbolic link, and mwfarm never writes through one";
        demo.run(&format!("build --output {output}")).fails(1, message);
    }
    demo.run("build --output copy").done();
    fs::remove_dir_all(demo.path("copy/psr")).expect("removed");
    symlink("../target", demo.path("copy/psr")).expect("a link");
    demo.run("build --output copy").fails(1, "`copy/psr` is a symbolic link");
    assert_eq!(fs::read_dir(demo.path("target")).expect("a directory").count(), 0);
}

#[test]
fn a_failed_build_leaves_no_directory() {
    let demo = Demo::new();
    fs::remove_file(demo.tree().join("composer.json")).expect("removed");
    demo.run("build --output new")
        .fails(1, "cannot read `composer.json`\ncaused by: there is no such file\nhint: `-d`");
    assert!(!demo.path("new").exists());
}

/// Composer links local packages into `vendor/`; the copy has their files.
#[test]
fn linked_packages_are_copied_and_links_that_would_break_are_refused() {
    let demo = Demo::new();
    fs::rename(demo.vendor().join("psr/log"), demo.path("log")).expect("moved");
    symlink("../../../log", demo.vendor().join("psr/log")).expect("a link");
    symlink("Psr", demo.path("log/inside")).expect("a link");
    demo.run("build --output copy").done();
    assert!(fs::symlink_metadata(demo.path("copy/psr/log")).expect("an entry").is_dir());
    assert_eq!(fs::read_link(demo.path("copy/psr/log/inside")).expect("a link"), OsStr::new("Psr"));

    let bad = demo.path("log/bad");
    symlink("../tree/wikis.yml", &bad).expect("a link");
    demo.run("build --output other").fails(1, "`tree/vendor/psr/log/bad` is a link that leaves its package");
    fs::remove_file(&bad).expect("removed");
    symlink(demo.path("log/Psr"), &bad).expect("a link");
    demo.run("build --output other").fails(1, "`tree/vendor/psr/log/bad` is a link to an absolute path");
    fs::remove_file(&bad).expect("removed");
    // What the refused builds began may be finished.
    demo.run("build --output other").done();
    assert!(demo.content("other") == demo.content("copy"));
}

#[test]
fn a_copy_obeys_the_umask() {
    let demo = Demo::new();
    let program = demo.vendor().join("psr/log/run");
    fs::write(&program, "#!/bin/sh\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    for (umask, expected) in [("022", 0o755), ("077", 0o700), ("027", 0o750)] {
        let output = format!("copy{umask}");
        let build = demo.command(&format!("build -q --output {output}"));
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\" >/dev/null")]).arg(build.get_program());
        let status = shell.args(build.get_args()).current_dir(demo.path("")).status().expect("sh runs");
        assert!(status.success());
        let mode = fs::metadata(demo.path(&output).join("psr/log/run")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, expected, "umask {umask}: {mode:o}");
    }
}
