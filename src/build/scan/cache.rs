//! What was found in the files of a tree by the scan before, so that files which have not changed are not read again.
//! Pure.
//!
//! **What is believed.** The truth about a file is the SHA-256 of its content: the same bytes declare the same classes,
//! whatever they are called. That a file still has the content it had is told by its [`Hint`], and a hint is believed
//! only if no later change can have left it as it is:
//!
//! * its size, times of modification and of change, inode and device are all as they were. Any program may set the time
//!   of modification, so that a change of the same size hides behind it; the time of change is the system's own;
//! * both times were past, by more than clocks of file systems are coarse, when the file was about to be read: what
//!   changes later gets a later time. git's index has the same rule for what it calls racily clean. A time in the
//!   future is therefore never believed;
//! * the time of change has a fraction of a second: file systems without, such as images whose files all have the time
//!   at which they were made, say too little;
//! * the clock has not been set back since: a change now could get any time that was believed then.
//!
//! Otherwise the file is read. If its content is known, under whatever name, it is still not parsed.
//!
//! **Form.** The eight bytes `MAGIC`, the digest of the scanner, the SHA-256 of the rest, then the rest: [`Body`] in
//! the form of `postcard`. A cache that is anything else, from another version of mwfarm or torn, is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ClassName;

/// What a cache begins with.
const MAGIC: &[u8; 8] = b"mwfscan\n";

/// A time of a file must be older than this when the file is read, in seconds: FAT counts in steps of two.
const MARGIN: i64 = 2;

/// How many bytes a cache may have: some 200 a file.
pub(super) const MOST: u64 = 512 << 20;

/// A point in time: seconds since 1970 and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Moment {
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
}

/// What the system says of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint {
    pub(super) size: u64,
    pub(super) modified: Moment,
    pub(super) changed: Moment,
    pub(super) inode: u64,
    pub(super) device: u64,
}

impl Hint {
    /// Whether a change after `now` is certain to make another hint.
    fn is_settled(&self, now: Moment) -> bool {
        let past = |moment: Moment| Moment { seconds: moment.seconds.saturating_add(MARGIN), ..moment } < now;
        past(self.modified) && past(self.changed) && self.changed.nanoseconds != 0
    }
}

/// The SHA-256 of a file's content.
pub(super) type Hash = [u8; 32];

/// What is kept of the files of one tree.
#[derive(Debug, Serialize, Deserialize)]
struct Body<'c> {
    /// When those files were about to be read.
    now: Moment,
    /// By hash.
    #[serde(borrow)]
    contents: Vec<Content<'c>>,
    /// By path.
    #[serde(borrow)]
    files: Vec<File<'c>>,
}

/// A content and what it declares.
#[derive(Debug, Serialize, Deserialize)]
struct Content<'c> {
    hash: Hash,
    #[serde(borrow)]
    classes: Vec<&'c [u8]>,
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct File<'c> {
    /// How many bytes of the path are those of the file before.
    shared: usize,
    /// The other bytes of the path.
    rest: &'c [u8],
    hint: Hint,
    /// Whether the hint was settled when the file was read.
    settled: bool,
    /// The place of its content.
    content: usize,
}

/// What is known of files, for one scan.
#[derive(Debug)]
pub struct Cache<'c> {
    body: Body<'c>,
    /// Just before the scan begins.
    now: Moment,
    /// Whether nothing was there to begin with.
    is_new: bool,
}

/// What a scan found out about a file, to be kept.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) classes: Arc<[ClassName]>,
    pub(super) hint: Hint,
    pub(super) hash: Hash,
}

impl<'c> Cache<'c> {
    /// Reads what the scan before left; what cannot be read is as good as nothing.
    pub(super) fn new(bytes: &'c [u8], now: Moment) -> Self {
        let body = decode(bytes);
        let is_new = body.is_none();
        let body = body.unwrap_or_else(|| Body { now, contents: Vec::new(), files: Vec::new() });
        Self { body, now, is_new }
    }

    /// What is known of each of these paths, which are in the order of their bytes, without repetition.
    pub(super) fn recall<'p>(&self, paths: impl Iterator<Item = &'p str>) -> Vec<Option<&File<'c>>> {
        let mut known = self.body.files.iter();
        let mut path: Vec<u8> = Vec::new();
        let mut next = |path: &mut Vec<u8>| {
            let file = known.next()?;
            path.truncate(file.shared);
            path.extend_from_slice(file.rest);
            Some(file)
        };
        let mut current = next(&mut path);
        let mut recalled = Vec::with_capacity(paths.size_hint().0);
        for wanted in paths {
            while current.is_some() && path.as_slice() < wanted.as_bytes() {
                current = next(&mut path);
            }
            recalled.push(current.filter(|_| path == wanted.as_bytes()));
        }
        recalled
    }

    /// What a file declares that has this hint now, if it is certain to have the content that it had.
    pub(super) fn by_hint(&self, file: &File<'c>, hint: &Hint) -> Option<Found> {
        // A clock that was set back may give a change of today a time of then.
        let believed = file.settled && file.hint == *hint && self.body.now <= self.now;
        if !believed {
            return None;
        }
        let content = self.body.contents.get(file.content)?;
        Some(Found { classes: classes(content)?, hint: *hint, hash: content.hash })
    }

    /// What a content declares.
    pub(super) fn by_hash(&self, hash: &Hash) -> Option<Arc<[ClassName]>> {
        let at = self.body.contents.binary_search_by(|content| content.hash.cmp(hash)).ok()?;
        classes(&self.body.contents[at])
    }

    /// What is to be kept instead, when that is anything else: files by path, each with what was known of it.
    pub(super) fn replaced<'f>(
        &self,
        files: impl Iterator<Item = (&'f str, Option<&'f File<'c>>, &'f Found)> + Clone,
    ) -> Option<Vec<u8>>
    where
        'c: 'f,
    {
        let same = |(_, known, found): (&str, Option<&File<'c>>, &Found)| {
            known.is_some_and(|known| {
                known.hint == found.hint
                    && known.settled == found.hint.is_settled(self.now)
                    && self.body.contents.get(known.content).is_some_and(|content| content.hash == found.hash)
            })
        };
        let set_back = self.body.now > self.now;
        if !self.is_new && !set_back && files.clone().count() == self.body.files.len() && files.clone().all(same) {
            return None;
        }
        encode(self.now, files.map(|(path, _, found)| (path, found)))
    }
}

fn classes(content: &Content<'_>) -> Option<Arc<[ClassName]>> {
    content.classes.iter().map(|name| ClassName::new(name)).collect()
}

fn encode<'f>(now: Moment, files: impl Iterator<Item = (&'f str, &'f Found)> + Clone) -> Option<Vec<u8>> {
    let contents: BTreeMap<&Hash, &[ClassName]> =
        files.clone().map(|(_, found)| (&found.hash, &*found.classes)).collect();
    let places: BTreeMap<&Hash, usize> = contents.keys().enumerate().map(|(place, hash)| (*hash, place)).collect();
    let mut before = "";
    let files = files.map(|(path, found)| {
        let shared = before.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
        before = path;
        File {
            shared,
            rest: &path.as_bytes()[shared..],
            hint: found.hint,
            settled: found.hint.is_settled(now),
            content: places[&found.hash],
        }
    });
    let files = files.collect();
    let contents = contents
        .into_iter()
        .map(|(hash, classes)| Content { hash: *hash, classes: classes.iter().map(ClassName::as_bytes).collect() });
    let body = Body { now, contents: contents.collect(), files };
    let mut bytes = [&MAGIC[..], &SCANNER.to_be_bytes(), &[0; 32]].concat();
    let at = bytes.len();
    bytes = postcard::to_extend(&body, bytes).ok()?;
    let digest = Sha256::digest(&bytes[at..]);
    bytes[at - digest.len()..at].copy_from_slice(&digest);
    (bytes.len() as u64 <= MOST).then_some(bytes)
}

fn decode(bytes: &[u8]) -> Option<Body<'_>> {
    let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&SCANNER.to_be_bytes())?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    if Sha256::digest(rest)[..] != digest[..] {
        return None;
    }
    let (body, rest) = postcard::take_from_bytes(rest).ok()?;
    rest.is_empty().then_some(body)
}

/// A digest of the source of everything that says what a file declares, and of this file: a scanner that was changed
/// takes no cache from before.
const SCANNER: u64 = {
    let mut digest = 0;
    digest = fnv(digest, include_bytes!("cache.rs"));
    digest = fnv(digest, include_bytes!("class_name.rs"));
    digest = fnv(digest, include_bytes!("clean.rs"));
    digest = fnv(digest, include_bytes!("declarations.rs"));
    digest = fnv(digest, include_bytes!("files.rs"));
    digest = fnv(digest, include_bytes!("parser.rs"));
    digest = fnv(digest, include_bytes!("strip.rs"));
    digest = fnv(digest, include_bytes!("tokens.rs"));
    digest = fnv(digest, include_bytes!("yield_from.rs"));
    fnv(digest, env!("CARGO_PKG_VERSION").as_bytes())
};

/// FNV-1a, which the compiler can compute.
const fn fnv(mut digest: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        digest = (digest ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    digest
}
