//! Lines of a program that goes on talking, or of any file: of bounded length, and never waited for without end.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::time::{Duration, Instant};

use memchr::memchr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Error, Program, Running, Status};

/// What is kept of the last of the messages, in bytes.
const MESSAGES: usize = 4096;

/// Lines, as they come.
pub struct Lines {
    file: File,
    most: usize,
    buffer: Vec<u8>,
    /// How much of the buffer has no end of a line.
    searched: usize,
    /// The beginning of the line was too much, and is gone.
    skipping: bool,
    ended: bool,
    program: Option<(Running, Option<File>)>,
    messages: Vec<u8>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// A line that was longer than is allowed, and is gone.
    TooLong,
    /// Nothing yet.
    Quiet,
    /// Nothing more comes; what was said last had no end.
    End(Vec<u8>),
}

impl Program {
    /// Starts it without input, to take what it says line by line. It is killed when the lines are dropped.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn lines(&self, most: usize) -> Result<Lines, Error> {
        let start = |source| Error::Start { program: self.program.clone(), source };
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.group(&mut command);
        let mut child = command.spawn().map_err(start)?;
        let file = |pipe: Option<OwnedFd>| pipe.map(File::from);
        let messages = file(child.stderr.take().map(OwnedFd::from));
        let output = file(child.stdout.take().map(OwnedFd::from));
        let running = Running { child, reaped: false };
        let output = output.ok_or_else(|| start(io::ErrorKind::BrokenPipe.into()))?;
        let mut lines = Lines::of(output, most);
        lines.program = Some((running, messages));
        Ok(lines)
    }
}

impl Lines {
    /// The lines of a file, of at most so many bytes each.
    #[must_use]
    pub fn of(file: File, most: usize) -> Self {
        let buffer = Vec::new();
        Self { file, most, buffer, searched: 0, skipping: false, ended: false, program: None, messages: Vec::new() }
    }

    /// What comes next, within that time.
    ///
    /// # Errors
    /// Those of the system.
    pub fn next(&mut self, time: Duration) -> io::Result<Next> {
        let deadline = Instant::now() + time;
        loop {
            if let Some(end) = memchr(b'\n', &self.buffer[self.searched..]) {
                let mut line: Vec<u8> = self.buffer.drain(..=self.searched + end).collect();
                line.pop();
                self.searched = 0;
                let too_long = std::mem::take(&mut self.skipping) || line.len() > self.most;
                return Ok(if too_long { Next::TooLong } else { Next::Line(line) });
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > self.most {
                self.skipping = true;
            }
            if self.skipping {
                self.buffer.clear();
                self.searched = 0;
            }
            if self.ended {
                self.searched = 0;
                return Ok(Next::End(std::mem::take(&mut self.buffer)));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !self.read(left)? {
                return Ok(Next::Quiet);
            }
        }
    }

    /// The last of what it said on its standard error.
    #[must_use]
    pub fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// Ends the program, if it has not ended, with all that it started, and tells how it ended.
    ///
    /// # Errors
    /// Those of the system.
    pub fn end(mut self) -> io::Result<Option<Status>> {
        let Some((running, _)) = &mut self.program else { return Ok(None) };
        // One that closed its output is about to end by itself.
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.ended && Instant::now() < deadline {
            if let Some(status) = running.child.try_wait()? {
                running.reaped = true;
                return Ok(Some(status.into()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        running.kill_group();
        running.reap().map(|status| Some(status.into()))
    }

    /// Reads what is there, of both streams; says whether anything was, in that time.
    fn read(&mut self, time: Duration) -> io::Result<bool> {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let time = Timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() };
        let messages = self.program.as_mut().and_then(|(_, messages)| messages.as_mut());
        let mut files = vec![PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::IN)];
        files.extend(messages.as_ref().map(|file| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)));
        match poll(&mut files, Some(&time)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let said = files.get(1).is_some_and(|file| !file.revents().is_empty());
        let spoke = !files[0].revents().is_empty();
        drop(files);
        let mut chunk = [0; 16 * 1024];
        if let Some(file) = messages.filter(|_| said) {
            match once(file, &mut chunk)? {
                0 => self.program.iter_mut().for_each(|(_, messages)| *messages = None),
                length => self.messages.extend_from_slice(&chunk[..length]),
            }
            let old = self.messages.len().saturating_sub(MESSAGES);
            self.messages.drain(..old);
        }
        if spoke {
            match once(&mut self.file, &mut chunk)? {
                0 => self.ended = true,
                length => self.buffer.extend_from_slice(&chunk[..length]),
            }
        }
        Ok(true)
    }
}

fn once(file: &mut File, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::super::Environment;
    use super::*;

    fn shell(script: &str) -> Program {
        Program {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            directory: PathBuf::from("/"),
            environment: Environment::Clean(Vec::new()),
            user: None,
            limits: None,
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn lines_come_whole_and_bounded() {
        let mut lines =
            shell("printf 'a\\n\\n'; head -c 100000 /dev/zero; printf '\\nlast one\\nrest'").lines(10).unwrap();
        let line = |text: &str| Next::Line(text.as_bytes().to_vec());
        let expected = [line("a"), line(""), Next::TooLong, line("last one"), Next::End(b"rest".to_vec())];
        for next in expected {
            assert_eq!(lines.next(LONG).unwrap(), next);
        }
        assert_eq!(lines.end().unwrap(), Some(Status::Exited(0)));
    }

    #[test]
    fn silence_is_not_waited_for_and_nothing_stays() {
        let mut lines = shell("echo 1; echo why >&2; sleep 600").lines(10).unwrap();
        assert_eq!(lines.next(LONG).unwrap(), Next::Line(b"1".to_vec()));
        let mut tries = 0;
        while lines.messages() != b"why\n" && tries < 200 {
            assert_eq!(lines.next(Duration::from_millis(20)).unwrap(), Next::Quiet);
            tries += 1;
        }
        assert_eq!(lines.messages(), b"why\n");
        assert_eq!(lines.end().unwrap(), Some(Status::Killed(9)));
    }

    #[test]
    fn files_have_lines_too() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one\ntwo").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut lines = Lines::of(file, 10);
        assert_eq!(lines.next(LONG).unwrap(), Next::Line(b"one".to_vec()));
        assert_eq!(lines.next(LONG).unwrap(), Next::End(b"two".to_vec()));
        assert_eq!(lines.end().unwrap(), None);
    }
}
