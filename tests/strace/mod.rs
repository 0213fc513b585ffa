//! The unmodified program under strace, which kills it, or lets the system refuse, at one system call.
//!
//! strace counts the calls of each thread by their names; a program that is to be struck at the n-th has one thread.

use std::collections::BTreeMap;

/// What changes something or makes it durable, besides `openat`, which does when it is asked to make or write a file.
pub(crate) const CHANGES: &str = "rename,renameat,renameat2,mkdir,mkdirat,symlink,symlinkat,unlink,unlinkat,rmdir,link,\
    linkat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,fsync,fdatasync,syncfs,write,pwrite64,writev,ftruncate,\
    fsetxattr,utimensat,copy_file_range";

/// A moment: the n-th time that a program calls this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The system call.
    pub(crate) call: String,
    /// Which of all calls of that name.
    pub(crate) number: usize,
    /// What it was called with and what came of it, as strace writes it.
    pub(crate) text: String,
}

/// The calls of a trace in order, each a moment. With `-f`, each line begins with a process; all of them must be one.
pub(crate) fn moments(trace: &str) -> Vec<Moment> {
    let mut counts = BTreeMap::new();
    let moments = trace.lines().filter_map(|line| {
        let (call, text) = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').split_once('(')?;
        let number = counts.entry(call.to_owned()).or_insert(0);
        *number += 1;
        Some(Moment { call: call.to_owned(), number: *number, text: text.to_owned() })
    });
    moments.collect()
}

impl Moment {
    /// Whether it is one of these calls.
    pub(crate) fn is_of(&self, call: &str) -> bool {
        self.call == call
    }

    /// Whether the system is asked for a change.
    pub(crate) fn is_change(&self) -> bool {
        match self.call.as_str() {
            "openat" | "open" => ["O_CREAT", "O_WRONLY", "O_RDWR"].iter().any(|flag| self.text.contains(flag)),
            call => CHANGES.split(',').any(|change| change == call),
        }
    }

    /// What strace is told in order to kill the program at this moment, before the call.
    pub(crate) fn killing(&self) -> [String; 2] {
        let Self { call, number, .. } = self;
        [format!("trace={call}"), format!("inject={call}:signal=SIGKILL:when={number}")]
    }

    /// What strace is told to let the system refuse this call, and all further ones of its name if it is to last.
    pub(crate) fn refusing(&self, error: &str, lasts: bool) -> [String; 2] {
        let Self { call, number, .. } = self;
        let lasts = if lasts { "+" } else { "" };
        [format!("trace={call}"), format!("inject={call}:error={error}:when={number}{lasts}")]
    }
}

/// So many of all moments, spread evenly: each of equal parts has one, at a place that the seed tells.
pub(crate) fn spread<M: Clone>(moments: &[M], count: usize, seed: usize) -> Vec<M> {
    let count = count.clamp(1, moments.len().max(1));
    let at = |part: usize| moments.len() * part / count;
    let place = |part: usize| at(part) + (seed * 7919 + part * 31) % (at(part + 1) - at(part)).max(1);
    (0..count.min(moments.len())).map(|part| moments[place(part)].clone()).collect()
}
