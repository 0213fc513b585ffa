//! Holds a program of the command line where a test wants it.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::farm::Farm;

/// A pipe at which the command line of a wiki waits until it is opened and closed.
pub(super) struct Gate(PathBuf);

impl Gate {
    pub(super) fn new(farm: &Farm, wiki: &str) -> Self {
        let gate = farm.path("config/settings").join(format!("gate-{wiki}"));
        assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo runs").success());
        Self(gate)
    }

    /// Waits until somebody is there, who goes on when what is returned is dropped.
    #[track_caller]
    pub(super) fn wait(&self) -> File {
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let start = Instant::now();
        loop {
            // Nobody reads yet: ENXIO.
            match File::options().write(true).custom_flags(nonblocking).open(&self.0) {
                Ok(gate) => return gate,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "nobody comes: {error}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nobody will wait there again.
    pub(super) fn remove(&self) {
        fs::remove_file(&self.0).expect("removed");
    }
}
