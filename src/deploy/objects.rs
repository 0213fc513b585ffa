//! The content of many objects, read by few processes, with bounded memory.
//!
//! `git cat-file` applies no attributes, filters nor line ends of the tree: what it prints is what was committed.

use std::ops::Range;
use std::time::Duration;

use super::git::{self, Repository};
use super::release::Sha;

/// The most bytes that are read at once, unless one object alone is larger.
const BATCH_BYTES: u64 = 16 << 20;

/// The most objects that are read at once.
const BATCH_OBJECTS: usize = 4_000;

/// How long one batch may take.
const TIME: Duration = Duration::from_secs(120);

/// What is wanted: an object, and its size as the tree's list has it.
pub(super) type Wanted<'w> = (&'w Sha, u64);

/// Cuts a list into batches.
pub(super) fn batches(wanted: &[Wanted<'_>]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut begin, mut bytes) = (0, 0_u64);
    for (index, (_, size)) in wanted.iter().enumerate() {
        if index > begin && (index - begin >= BATCH_OBJECTS || bytes.saturating_add(*size) > BATCH_BYTES) {
            ranges.push(begin..index);
            (begin, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(*size);
    }
    if begin < wanted.len() {
        ranges.push(begin..wanted.len());
    }
    ranges
}

/// What git printed for a batch.
pub(super) struct Batch {
    printed: Vec<u8>,
    contents: Vec<Range<usize>>,
}

impl Batch {
    /// Reads one.
    ///
    /// # Errors
    /// git fails, or an object is missing, no blob, or of another size.
    pub(super) fn read(repository: &Repository, wanted: &[Wanted<'_>]) -> Result<Self, git::Error> {
        let input: String = wanted.iter().flat_map(|(sha, _)| [sha.as_str(), "\n"]).collect();
        let bytes: u64 = wanted.iter().map(|(_, size)| size.saturating_add(120)).sum();
        let limit = usize::try_from(bytes).unwrap_or(usize::MAX);
        let program = repository.program(["cat-file", "--batch", "--buffer"]);
        let printed = git::succeeded(program.capture_with(input.as_bytes(), limit, TIME)?, "cat-file")?;
        let contents = parse(&printed, wanted).ok_or_else(|| git::Error::Failed {
            command: "cat-file".to_owned(),
            messages: "an object is missing or not what the tree says it is".to_owned(),
        })?;
        Ok(Self { printed, contents })
    }

    /// The contents, in the order in which they were wanted.
    pub(super) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.contents.iter().map(|range| &self.printed[range.clone()])
    }
}

/// Where each content is in `<sha> blob <size>\n<content>\n`, again and again.
fn parse(printed: &[u8], wanted: &[Wanted<'_>]) -> Option<Vec<Range<usize>>> {
    let mut at = 0;
    let mut contents = Vec::with_capacity(wanted.len());
    for (sha, size) in wanted {
        let header = format!("{sha} blob {size}\n");
        at += printed.get(at..)?.starts_with(header.as_bytes()).then_some(header.len())?;
        let end = at.checked_add(usize::try_from(*size).ok()?)?;
        (printed.get(end) == Some(&b'\n')).then_some(())?;
        contents.push(at..end);
        at = end + 1;
    }
    (at == printed.len()).then_some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: char) -> Sha {
        Sha::new(&digit.to_string().repeat(40)).unwrap()
    }

    #[test]
    fn contents_may_hold_anything() {
        let (a, b) = (sha('a'), sha('b'));
        let wanted = [(&a, 3), (&b, 0)];
        let printed = format!("{a} blob 3\n\n\0x\n{b} blob 0\n\n").into_bytes();
        let contents = parse(&printed, &wanted).unwrap();
        assert_eq!((&printed[contents[0].clone()], contents[1].len()), (&b"\n\0x"[..], 0));
        for end in 0..printed.len() {
            assert!(parse(&printed[..end], &wanted).is_none(), "{end}");
        }
        for wrong in [[(&a, 2), (&b, 0)], [(&b, 3), (&a, 0)], [(&a, u64::MAX), (&b, 0)]] {
            assert!(parse(&printed, &wrong).is_none());
        }
        assert!(parse(format!("{a} missing\n").as_bytes(), &[(&a, 3)]).is_none());
        assert!(parse(format!("{a} tree 3\nabc\n").as_bytes(), &[(&a, 3)]).is_none());
    }

    #[test]
    fn batches_cover_everything_once() {
        let a = sha('a');
        let wanted = [(&a, BATCH_BYTES + 1), (&a, 1), (&a, BATCH_BYTES), (&a, 0), (&a, u64::MAX)];
        assert_eq!(batches(&wanted), [0..1, 1..2, 2..4, 4..5]);
        assert_eq!(batches(&vec![(&a, 0); BATCH_OBJECTS + 1]), [0..BATCH_OBJECTS, BATCH_OBJECTS..BATCH_OBJECTS + 1]);
        assert!(batches(&[]).is_empty());
    }
}
