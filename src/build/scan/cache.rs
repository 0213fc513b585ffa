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
pub(super) const MAGIC: &[u8; 8] = b"mwfscan\n";

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
    /// Their names, a NUL behind each: no name holds one.
    classes: &'c [u8],
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
pub(super) struct Cache<'c> {
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
    if content.classes.is_empty() {
        return Some(Arc::default());
    }
    content.classes.strip_suffix(b"\0")?.split(|&byte| byte == 0).map(ClassName::new).collect()
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
    let mut names: Vec<u8> = Vec::new();
    let mut end_of = |classes: &[ClassName]| {
        for class in classes {
            names.extend(class.as_bytes().iter().chain(b"\0"));
        }
        names.len()
    };
    let ends: Vec<(&Hash, usize)> = contents.into_iter().map(|(hash, classes)| (hash, end_of(classes))).collect();
    let mut begin = 0;
    let contents = ends.into_iter().map(|(hash, end)| {
        let classes = &names[begin..end];
        begin = end;
        Content { hash: *hash, classes }
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { seconds: 1_000_000_000, nanoseconds: 500 };

    fn at(seconds: i64) -> Moment {
        Moment { seconds: NOW.seconds + seconds, nanoseconds: 500 }
    }

    fn hint(modified: Moment, changed: Moment) -> Hint {
        Hint { size: 10, modified, changed, inode: 5, device: 3 }
    }

    fn found(hint: Hint, content: u8, classes: &[&[u8]]) -> Found {
        let classes = classes.iter().map(|name| ClassName::new(name).unwrap()).collect();
        Found { classes, hint, hash: [content; 32] }
    }

    fn kept(now: Moment, files: &[(&str, Found)]) -> Vec<u8> {
        encode(now, files.iter().map(|(path, found)| (*path, found))).unwrap()
    }

    fn names(found: &Found) -> Vec<&[u8]> {
        found.classes.iter().map(ClassName::as_bytes).collect()
    }

    /// What a scan at `later` makes of a file that a scan at `now` read, with a hint then and another later: whether it
    /// is believed to be the same.
    fn is_believed(now: Moment, then: Hint, later: Moment, today: Hint) -> bool {
        let bytes = kept(now, &[("a.php", found(then, 1, &[b"A"]))]);
        let cache = Cache::new(&bytes, later);
        let known = cache.recall(["a.php"].into_iter())[0].unwrap();
        cache.by_hint(known, &today).is_some()
    }

    #[test]
    fn an_old_file_with_the_same_hint_is_believed() {
        let old = hint(at(-100), at(-100));
        assert!(is_believed(NOW, old, at(1), old));
        assert!(is_believed(NOW, old, NOW, old));
        assert!(is_believed(NOW, hint(at(-100), at(-3)), at(1), hint(at(-100), at(-3))));
    }

    #[test]
    fn every_part_of_the_hint_counts() {
        let old = hint(at(-100), at(-100));
        let moved = |moment: Moment| Moment { nanoseconds: moment.nanoseconds + 1, ..moment };
        for other in [
            Hint { size: 11, ..old },
            Hint { modified: moved(old.modified), ..old },
            // The same size, and the time of modification put back: only the system's own time tells.
            Hint { changed: moved(old.changed), ..old },
            Hint { inode: 6, ..old },
            Hint { device: 4, ..old },
        ] {
            assert!(!is_believed(NOW, old, at(1), other), "{other:?}");
        }
    }

    /// Case 1 of wrong clocks: what was changed while, or just before, it was read may change again at the same time.
    #[test]
    fn a_young_file_is_not_believed() {
        for (modified, changed) in [(0, 0), (-1, -1), (-2, -2), (-100, -1), (-1, -100)] {
            let young = hint(at(modified), at(changed));
            assert!(!is_believed(NOW, young, at(100), young), "{modified} {changed}");
        }
    }

    /// Case 2: a time in the future, which a clock that is ahead or `touch` gives.
    #[test]
    fn a_file_of_the_future_is_not_believed() {
        const YEARS: i64 = 20 * 365 * 24 * 60 * 60;
        for (modified, changed) in [(YEARS, -100), (-100, YEARS), (YEARS, YEARS), (1, -100)] {
            let future = hint(at(modified), at(changed));
            assert!(!is_believed(NOW, future, at(100), future), "{modified} {changed}");
        }
        // Once that time has come and gone, it was still not settled when it was read.
        let future = hint(at(YEARS), at(YEARS));
        assert!(!is_believed(NOW, future, at(2 * YEARS), future));
    }

    /// Case 3: 1970, which archives and `touch -d @0` give, says nothing; the time of change does.
    #[test]
    fn a_file_of_the_epoch_is_told_by_its_change() {
        let epoch = Moment { seconds: 0, nanoseconds: 0 };
        assert!(is_believed(NOW, hint(epoch, at(-100)), at(1), hint(epoch, at(-100))));
        assert!(!is_believed(NOW, hint(epoch, at(-100)), at(1), hint(epoch, at(-99))));
        assert!(!is_believed(NOW, hint(epoch, epoch), at(1), hint(epoch, epoch)), "the change has no fraction either");
    }

    /// Case 4: the clock was set back, by a second or by 20 years, so that a change may have got any time before.
    #[test]
    fn nothing_is_believed_by_a_clock_that_was_set_back() {
        let old = hint(at(-100), at(-100));
        for back in [1, 60, 20 * 365 * 24 * 60 * 60] {
            assert!(!is_believed(NOW, old, at(-back), old), "{back}");
        }
    }

    #[test]
    fn what_has_no_fractions_of_seconds_is_not_believed() {
        let whole = Hint { changed: Moment { seconds: NOW.seconds - 100, nanoseconds: 0 }, ..hint(at(-100), at(-100)) };
        assert!(!is_believed(NOW, whole, at(1), whole));
    }

    #[test]
    fn files_are_found_by_path_and_contents_by_hash() {
        let old = hint(at(-100), at(-100));
        let young = hint(at(-100), at(0));
        let files = [
            ("a-b/x.php", found(old, 3, &[b"X", b"\xff"])),
            ("a.php", found(old, 1, &[b"A"])),
            ("a/b/c.php", found(old, 1, &[b"A"])),
            ("a/b/d.php", found(young, 2, &[])),
        ];
        let bytes = kept(NOW, &files);
        let cache = Cache::new(&bytes, at(1));
        let known = cache.recall(["a-b/x.php", "a/a.php", "a/b/c.php", "a/b/d.php", "b"].into_iter());
        assert_eq!(known.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, true, false]);
        assert_eq!(names(&cache.by_hint(known[0].unwrap(), &old).unwrap()), [&b"X"[..], b"\xff"]);
        let again = cache.by_hint(known[2].unwrap(), &old).unwrap();
        assert_eq!((names(&again), again.hash), (vec![&b"A"[..]], [1; 32]));
        assert!(cache.by_hint(known[3].unwrap(), &young).is_none());
        assert_eq!(cache.by_hash(&[3; 32]).map(|classes| classes.len()), Some(2));
        assert_eq!(cache.by_hash(&[2; 32]).map(|classes| classes.len()), Some(0));
        assert!(cache.by_hash(&[4; 32]).is_none());
    }

    #[test]
    fn it_is_written_anew_when_anything_has_changed() {
        let old = hint(at(-100), at(-100));
        let files = [("a.php", found(old, 1, &[b"A"])), ("b.php", found(hint(at(0), at(0)), 2, &[b"B"]))];
        let bytes = kept(NOW, &files);
        let anew = |bytes: &[u8], now: Moment, files: &[(&str, Found)]| {
            let cache = Cache::new(bytes, now);
            let known = cache.recall(files.iter().map(|(path, _)| *path));
            let files = files.iter().zip(known).map(|((path, found), known)| (*path, known, found));
            cache.replaced(files).is_some()
        };
        assert!(!anew(&bytes, NOW, &files));
        assert!(!anew(&bytes, at(2), &files), "the second file is not settled yet");
        assert!(anew(&bytes, at(100), &files), "it is now");
        assert!(anew(&bytes, at(-1), &files), "the clock was set back");
        assert!(anew(&bytes, NOW, &files[..1]), "a file has gone");
        assert!(anew(b"", NOW, &[]), "there was none");
        let three = [("a.php", found(old, 1, &[b"A"])), ("c.php", found(hint(at(0), at(0)), 2, &[b"B"]))];
        assert!(anew(&bytes, NOW, &three), "a file was renamed");
        let other = [("a.php", found(old, 9, &[b"A"])), ("b.php", found(hint(at(0), at(0)), 2, &[b"B"]))];
        assert!(anew(&bytes, NOW, &other), "a file has other content");
    }

    #[test]
    fn what_is_torn_or_foreign_is_none() {
        let old = hint(at(-100), at(-100));
        let bytes = kept(NOW, &[("a.php", found(old, 1, &[b"A"])), ("b.php", found(old, 2, &[b"B"]))]);
        assert!(decode(&bytes).is_some());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_none(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(decode(&other).is_none(), "changed at {at}");
        }
        assert!(decode(&[&bytes[..], b"x"].concat()).is_none());
    }

    #[test]
    fn what_is_whole_and_wrong_harms_nobody() {
        // No scan writes such a thing. Should one do so: no panic, and the files are read.
        let old = hint(at(-100), at(-100));
        let file = |shared, rest, content| File { shared, rest, hint: old, settled: true, content };
        let body = Body {
            now: NOW,
            contents: vec![Content { hash: [1; 32], classes: b"A" }],
            files: vec![file(7, b"b", 0), file(0, b"a", 0), file(1, b"c", 9)],
        };
        let rest = postcard::to_allocvec(&body).unwrap();
        let bytes = [&MAGIC[..], &SCANNER.to_be_bytes(), &Sha256::digest(&rest), &rest].concat();
        let cache = Cache::new(&bytes, at(1));
        assert!(!cache.is_new);
        for known in cache.recall(["a", "ac", "b"].into_iter()).into_iter().flatten() {
            assert!(cache.by_hint(known, &old).is_none());
        }
        assert!(cache.by_hash(&[1; 32]).is_none());
    }
}
