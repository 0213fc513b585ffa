//! Histories that are small where they come from and large where they arrive.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mwfarm::deploy::repository;
use mwfarm::report::ExitCode;

use super::config::Tenant;
use super::fixture::{Fixture, git, sha};

/// What the object is made of that unpacks to a multiple of it.
const BASE: usize = 16 << 20;

/// Bytes as zlib stores them, unpacked.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![0x78, 0x01];
    let mut pieces = bytes.chunks(0xffff).peekable();
    while let Some(piece) = pieces.next() {
        let length = u16::try_from(piece.len()).unwrap();
        all.push(u8::from(pieces.peek().is_none()));
        all.extend(length.to_le_bytes());
        all.extend((!length).to_le_bytes());
        all.extend(piece);
    }
    let (mut low, mut high) = (1u32, 0u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    all.extend((high << 16 | low).to_be_bytes());
    all
}

/// The header of an object in a pack.
fn header(kind: u8, length: usize) -> Vec<u8> {
    let mut all = vec![kind << 4 | byte(length & 15)];
    all.extend(size(length >> 4).into_iter().take_while(|_| length >= 16));
    if length >= 16 {
        all[0] |= 0x80;
    }
    all
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).unwrap()
}

/// A length in pieces of seven bits.
fn size(mut length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while length > 0x7f {
        all.push(byte(length & 0x7f) | 0x80);
        length >>= 7;
    }
    all.push(byte(length));
    all
}

/// A pack of two objects: [`BASE`] zeros, and a delta that copies them so often. Beside the base, it has some hundred
/// bytes.
fn pack(times: usize) -> Vec<u8> {
    const MOST: usize = 0xff_ffff;
    let mut delta = size(BASE);
    delta.extend(size(MOST * times));
    delta.extend([0x80 | 0x70, 0xff, 0xff, 0xff].repeat(times));
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x02".to_vec();
    pack.extend(header(3, BASE));
    pack.extend(stored(&vec![0; BASE]));
    let base = pack.len() - 12;
    pack.extend(header(6, delta.len()));
    // How far back the base is: seven bits a byte, each but the last one less.
    let mut back = vec![byte(base & 0x7f)];
    let mut rest = base >> 7;
    while rest > 0 {
        rest -= 1;
        back.insert(0, byte(rest & 0x7f) | 0x80);
        rest >>= 7;
    }
    pack.extend(back);
    pack.extend(stored(&delta));
    let mut sum = Command::new("sha1sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sum.stdin.take().unwrap().write_all(&pack).unwrap();
    let printed = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    pack.extend((0..20).map(|at| u8::from_str_radix(&printed[2 * at..2 * at + 2], 16).unwrap()));
    pack
}

/// A commit of a file of 640 MiB in a repository, where it takes no more than its base.
pub(in crate::deploy) fn large_commit(repository: &Path) -> String {
    git(repository, &["index-pack", "--stdin"], &pack(40));
    let packs = repository.join("objects/pack");
    let index = fs::read_dir(&packs).unwrap().map(|file| file.unwrap().path());
    let index = index.filter(|path| path.extension().is_some_and(|end| end == "idx")).max().unwrap();
    let listed = git(repository, &["show-index"], &fs::read(index).unwrap());
    let large = listed.lines().max_by_key(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap()).unwrap();
    let object = large.split(' ').nth(1).unwrap();
    let tree = git(repository, &["mktree"], format!("100644 blob {object}\ta\n").as_bytes());
    git(repository, &["commit-tree", "-m", "x", &tree], b"")
}

#[test]
fn a_configuration_that_unpacks_to_any_size_is_refused() {
    let tenant = Tenant::new();
    let good = tenant.commit("<?php // 1");
    assert_eq!(tenant.import().unwrap(), good);
    let large = large_commit(&tenant.fixture.remote());
    tenant.take_objects(&tenant.fixture.remote());
    tenant.shell(&format!("cd config.git-work; git update-ref HEAD {large}"));
    let problem = tenant.import().unwrap_err();
    assert_eq!(problem.exit, ExitCode::Failed);
    let what = "the history of the configuration of `alpha` needs more than 512 MiB of memory, or 60 s, to be unpacked";
    assert_eq!(problem.what, what, "{problem:?}");
    assert!(problem.hint.unwrap().starts_with("take large files out of the history of `/"));
    tenant.shell(&format!("cd config.git-work; git update-ref HEAD {good}"));
    let next = tenant.commit("<?php // 2");
    assert_eq!(tenant.import().unwrap(), next, "what was refused keeps nothing back");
}

#[test]
fn a_branch_that_unpacks_to_any_size_is_refused() {
    let mut fixture = Fixture::new();
    let good = fixture.commit("a", b"1");
    fixture.in_work(&["push", "-q", "origin", "HEAD:refs/heads/wiki/alpha"]);
    repository::ensure(&fixture.options).unwrap();
    assert_eq!(repository::fetch(&fixture.options, "refs/heads/wiki/alpha").unwrap(), good);
    let large = large_commit(&fixture.remote());
    git(&fixture.remote(), &["update-ref", "refs/heads/wiki/alpha", &large], b"");
    fixture.options.remote_memory = 512 << 20;
    let problem = repository::fetch(&fixture.options, "refs/heads/wiki/alpha").unwrap_err();
    assert!(problem.what.contains("`refs/heads/wiki/alpha` needs more than 512 MiB of memory"), "{problem:?}");
    assert!(problem.hint.unwrap().contains("`deploy.remote-mebibytes`"));
    assert_eq!(repository::tip(&fixture.options, "refs/heads/wiki/alpha"), Some(good));
    fixture.options.remote_memory = 8 << 30;
    assert_eq!(repository::fetch(&fixture.options, "refs/heads/wiki/alpha").unwrap(), sha(&large));
}
