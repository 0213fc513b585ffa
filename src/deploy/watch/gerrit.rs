//! Follows Gerrit's stream of events: a command that goes on printing one line of JSON for each.
//!
//! ```yaml
//! deploy:
//!   gerrit: [ssh, -p, "29418", -o, BatchMode=yes, -o, ServerAliveInterval=30, mwfarm@gerrit.example.org,
//!            gerrit, stream-events, -s, ref-updated, -s, change-merged]
//! ```
//!
//! The stream has no beginning, no end and no numbers: whatever happens while nobody listens is not told again. So after
//! each connection, and when the server says that it has dropped something, all wikis are looked at. Who may say what is
//! only ssh's host key to know, which belongs into `known_hosts`; `ServerAliveInterval` is what notices a connection that
//! died without a word.

use std::fs::File;
use std::time::{Duration, Instant};

use super::super::event::{self, About, MAX_BYTES, Told};
use super::super::options::Options;
use super::super::queue::{self, Entry};
use super::Stop;
use crate::process::{Environment, Lines, Next, Program};
use crate::report::{ExitCode, Problem, Reporter, Verbosity};

/// How late it may be noticed that one has to stop.
const STEP: Duration = Duration::from_millis(250);

/// [`Follow::settled`] for a server on a network: ssh needs a second or two until the stream begins.
pub const SETTLED: Duration = Duration::from_secs(5);

/// [`Follow::pauses`] that a server which restarts does not notice.
pub const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How a stream is followed.
pub struct Follow<'a> {
    /// The farm.
    pub options: &'a Options,
    /// How long a connection has to live until it counts as one, unless a line comes before. All wikis are looked at
    /// then: what was pushed before that is found, and what is pushed after it is told.
    pub settled: Duration,
    /// How long to wait until the next connection: so long at first, each time twice that, and so long at most.
    pub pauses: (Duration, Duration),
    /// Asks for a look at all wikis, such as [`queue::add`] of [`Entry::of_all`] does.
    pub reconcile: &'a dyn Fn() -> Result<(), Problem>,
    /// Ends it.
    pub stop: &'a Stop,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// Connections that lived.
    pub connections: u64,
    /// Events that were queued.
    pub queued: u64,
    /// Lines that could not be followed.
    pub unreadable: u64,
    /// Events of other projects.
    pub elsewhere: u64,
}

impl Follow<'_> {
    /// Follows the stream that a command prints, until it is stopped. When it ends, it is started again.
    ///
    /// # Errors
    /// The command cannot be started the first time.
    pub fn command(&self, command: &[String]) -> Result<Followed, Problem> {
        let Some((program, arguments)) = command.split_first() else {
            let hint = "write it as a list: `gerrit: [ssh, -p, \"29418\", …, gerrit, stream-events]`";
            return Err(Problem::new(ExitCode::Farm, "field `deploy.gerrit` names no command").hint(hint));
        };
        let program = Program {
            program: program.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            directory: self.options.directory.clone(),
            environment: Environment::Inherited(Vec::new()),
            user: None,
            limits: None,
        };
        let mut followed = Followed::default();
        let (first, most) = self.pauses;
        let mut pause = first;
        let mut started = false;
        while !self.stop.is_asked() {
            let lived = match program.lines(MAX_BYTES) {
                Err(error) if !started => return Err(Problem::from_error(ExitCode::Failed, &error)),
                Err(error) => {
                    self.reporter.warning(&error.to_string());
                    false
                }
                Ok(lines) => {
                    started = true;
                    self.connection(lines, &mut followed)
                }
            };
            if self.stop.is_asked() {
                break;
            }
            pause = if lived { first } else { pause };
            self.reporter.note(Verbosity::Normal, &format!("connecting again in {} s", pause.as_secs_f32()));
            // The answer is asked for above.
            let _ = self.stop.wait(pause);
            pause = pause.saturating_mul(2).min(most);
        }
        Ok(followed)
    }

    /// Follows a stream that was recorded, or that another program reads, to its end.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn recorded(&self, input: File) -> Result<Followed, Problem> {
        let mut followed = Followed::default();
        let mut lines = Lines::of(input, MAX_BYTES);
        while !self.stop.is_asked() {
            let next = lines.next(STEP).map_err(|error| {
                Problem::new(ExitCode::Failed, "cannot read the stream of events").cause(error.to_string())
            })?;
            match next {
                Next::Line(line) => self.line(&line, &mut followed),
                Next::TooLong => self.too_long(&mut followed),
                Next::Quiet => {}
                Next::End(last) => {
                    self.line(&last, &mut followed);
                    break;
                }
            }
        }
        Ok(followed)
    }

    /// One connection, to its end; says whether it lived.
    fn connection(&self, mut lines: Lines, followed: &mut Followed) -> bool {
        let begun = Instant::now();
        let mut lived = false;
        let mut alive = |followed: &mut Followed| {
            if !lived {
                lived = true;
                followed.connections += 1;
                self.reporter.note(Verbosity::Normal, "connected to Gerrit's stream of events");
                self.look();
            }
        };
        let why = loop {
            if self.stop.is_asked() {
                break None;
            }
            match lines.next(STEP) {
                Ok(Next::Line(line)) => {
                    alive(followed);
                    self.line(&line, followed);
                }
                Ok(Next::TooLong) => {
                    alive(followed);
                    self.too_long(followed);
                }
                Ok(Next::Quiet) if begun.elapsed() >= self.settled => alive(followed),
                Ok(Next::Quiet) => {}
                // What a cut line would have told is found by the look after the next connection.
                Ok(Next::End(_)) => break Some("it was closed".to_owned()),
                Err(error) => break Some(error.to_string()),
            }
        };
        if let Some(why) = why {
            let said = String::from_utf8_lossy(lines.messages()).trim().to_owned();
            let status = lines.end().ok().flatten().map(|status| format!(", exit code {}", status.code()));
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            let status = status.unwrap_or_default();
            self.reporter.warning(&format!("the stream of events is cut: {why}{status}{said}"));
        }
        lived
    }

    fn line(&self, line: &[u8], followed: &mut Followed) {
        if line.trim_ascii().is_empty() {
            return;
        }
        match event::gerrit(line) {
            Ok(Told::Nothing) => {}
            Ok(Told::Lost) => {
                self.reporter.warning("Gerrit has dropped events: all wikis are looked at");
                self.look();
            }
            Ok(Told::Events(events)) => {
                for event in events {
                    self.event(&event, followed);
                }
            }
            Err(error) => {
                followed.unreadable += 1;
                self.reporter.warning(&format!("an event cannot be followed: {error}"));
            }
        }
    }

    fn event(&self, event: &event::Event, followed: &mut Followed) {
        match event.about(&self.options.project) {
            About::Other => followed.elsewhere += u64::from(event.project != self.options.project),
            About::Refused(why) => self.reporter.warning(&why),
            About::Wiki(name) => match queue::add(&self.options.layout, &Entry::of(event, &name)) {
                Ok(()) => {
                    followed.queued += 1;
                    self.reporter.note(Verbosity::Verbose, &format!("`{name}` is queued"));
                }
                Err(error) => {
                    let text =
                        format!("cannot queue a push to `{name}`, which the next look at all wikis finds: {error}");
                    self.reporter.warning(&text);
                }
            },
        }
    }

    fn too_long(&self, followed: &mut Followed) {
        followed.unreadable += 1;
        self.reporter.warning(&format!("a line with more than {MAX_BYTES} bytes is passed over"));
    }

    fn look(&self) {
        if let Err(problem) = (self.reconcile)() {
            self.reporter.warning(&format!("cannot ask for a look at all wikis: {}", problem.what));
        }
    }
}
