//! A terminal, or whatever stands in its place: messages, progress bars, results, and the last words of a bug.

use std::io::{self, IsTerminal, Write};
use std::panic::{self, PanicHookInfo, UnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::problem::{errors, warning};
use super::{ExitCode, Output, Phase, Problem, Reporter, Settings, Verbosity, escaped};

/// How long a phase goes on before it gets a progress bar: what is over sooner would only flicker.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a bug says that says nothing.
const SILENT: &str = "it stopped without saying why";

/// Shows messages and progress on stderr, and results on stdout.
pub struct Terminal {
    look: Look,
    stderr: Mutex<Box<dyn Write + Send>>,
    running: Mutex<Option<Running>>,
}

/// What the user and the surroundings together allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    verbosity: Verbosity,
    colours: bool,
    bars: bool,
}

/// What matters of the surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Surroundings {
    /// stderr is a terminal that can do more than print.
    terminal: bool,
    /// `NO_COLOR` is set.
    no_color: bool,
    /// `CI` is set.
    ci: bool,
}

/// The phase that goes on.
struct Running {
    phase: Phase,
    total: usize,
    since: Instant,
    bar: ProgressBar,
    shown: bool,
}

impl Terminal {
    /// The terminal of this process, as the user wants it.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::with(Look::new(settings, Surroundings::of_process()), Box::new(io::stderr()))
    }

    fn with(look: Look, stderr: Box<dyn Write + Send>) -> Self {
        Self { look, stderr: Mutex::new(stderr), running: Mutex::new(None) }
    }

    /// Prints what a command gave back, and says what the process ends with.
    pub fn finish(&self, result: Result<Output, Vec<Problem>>) -> ExitCode {
        if let Some(running) = self.running().take() {
            running.bar.finish_and_clear();
        }
        let problems = match result {
            Ok(output) => match print(&output.stdout) {
                Ok(()) => {
                    if !output.problems.is_empty() {
                        self.say(&errors(&output.problems));
                    }
                    return output.exit;
                }
                Err(error) => {
                    vec![Problem::new(ExitCode::Failed, "cannot write the result to stdout").cause(error.to_string())]
                }
            },
            Err(problems) if problems.is_empty() => vec![bug("the command failed without saying why")],
            Err(problems) => problems,
        };
        self.say(&errors(&problems));
        problems[0].exit
    }

    /// Writes to stderr. When even that fails there is nobody left to tell.
    fn say(&self, text: &str) {
        let mut stderr = unpoisoned(&self.stderr);
        let _ = if self.look.colours {
            stderr.write_all(text.as_bytes())
        } else {
            stderr.write_all(strip_str(text).to_string().as_bytes())
        };
        let _ = stderr.flush();
    }

    /// Writes to stderr, above the progress bar if there is one.
    fn say_above(&self, text: &str) {
        match &*self.running() {
            Some(running) if running.shown => running.bar.suspend(|| self.say(text)),
            _ => self.say(text),
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        unpoisoned(&self.running)
    }
}

impl Reporter for Terminal {
    fn begin(&self, phase: Phase, total: usize) {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        bar.set_style(
            ProgressStyle::with_template("{msg:>10} {bar:32} {human_pos}/{human_len}")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_message(phase.doing());
        *self.running() = Some(Running { phase, total, since: Instant::now(), bar, shown: false });
    }

    fn step(&self) {
        if !self.look.bars {
            return;
        }
        if let Some(running) = self.running().as_mut() {
            running.bar.inc(1);
            if !running.shown && running.since.elapsed() >= PATIENCE {
                running.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(20));
                running.shown = true;
            }
        }
    }

    fn end(&self) {
        let Some(running) = self.running().take() else { return };
        running.bar.finish_and_clear();
        let (did, what) = running.phase.did();
        let took = running.since.elapsed().as_secs_f64();
        self.note(Verbosity::Verbose, &format!("{did} {} {what} in {took:.3} s", running.total));
    }

    fn warning(&self, text: &str) {
        if self.look.verbosity >= Verbosity::Normal {
            self.say_above(&warning(text));
        }
    }

    fn note(&self, at: Verbosity, text: &str) {
        if self.look.verbosity >= at {
            self.say_above(&format!("{}\n", escaped(text)));
        }
    }

    fn progress(&self, at: Verbosity, text: &str) {
        self.note(if self.look.bars { at.min(Verbosity::Normal) } else { at }, text);
    }
}

impl Look {
    fn new(settings: Settings, around: Surroundings) -> Self {
        let Settings { verbosity, colours, progress } = settings;
        Self {
            verbosity,
            colours: colours.unwrap_or(around.terminal && !around.no_color && !around.ci),
            bars: progress && around.terminal && !around.ci && colours != Some(false) && verbosity > Verbosity::Quiet,
        }
    }
}

impl Surroundings {
    fn of_process() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { terminal: io::stderr().is_terminal() && !dumb, no_color: set("NO_COLOR"), ci: set("CI") }
    }
}

/// Prints what clap says of a command line that is no command: help and version are results, all else is a
/// usage error.
#[must_use]
pub fn usage(message: &clap::Error) -> ExitCode {
    let text = message.render().to_string();
    if !message.use_stderr() {
        return match print(text.as_bytes()) {
            Ok(()) => ExitCode::Done,
            Err(_) => ExitCode::Failed,
        };
    }
    for line in text.lines() {
        let _ = writeln!(io::stderr(), "{}", escaped(line));
    }
    ExitCode::Usage
}

/// Runs the program, and turns a panic into a message and an exit code.
pub fn catch_bugs(program: impl FnOnce() -> ExitCode + UnwindSafe) -> ExitCode {
    caught(program).unwrap_or_else(|problem| {
        let _ = io::stderr().write_all(strip_str(&errors(std::slice::from_ref(&problem))).to_string().as_bytes());
        problem.exit
    })
}

/// What the program ends with, or the bug that ended it.
fn caught(program: impl FnOnce() -> ExitCode + UnwindSafe) -> Result<ExitCode, Problem> {
    static FIRST: Mutex<Option<Problem>> = Mutex::new(None);

    // The hook runs on the thread that panics, which need not be this one, and knows the place; it prints
    // nothing, so that one message is all there is.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        unpoisoned(&FIRST).get_or_insert_with(|| bug_of(info));
    }));
    let result = panic::catch_unwind(program);
    panic::set_hook(hook);
    result.map_err(|_| unpoisoned(&FIRST).take().unwrap_or_else(|| bug(SILENT)))
}

/// A bug, with the request to report it.
fn bug(what: &str) -> Problem {
    Problem::new(ExitCode::Bug, format!("this is a bug in mwfarm: {what}")).hint(format!(
        "please report it, with this text and the command line; this is mwfarm {}",
        env!("CARGO_PKG_VERSION")
    ))
}

fn bug_of(info: &PanicHookInfo<'_>) -> Problem {
    let payload = info.payload();
    let words =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let mut problem = bug(words.unwrap_or(SILENT));
    if let Some(place) = info.location() {
        problem = problem.cause(format!("{}:{}:{}", place.file(), place.line(), place.column()));
    }
    problem
}

/// Writes a result to stdout. A reader that has seen enough (`mwfarm graph | head`) is no error.
fn print(result: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(result).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The content of a lock, also after a panic elsewhere: a message is worth more than a clean bar.
fn unpoisoned<T: ?Sized>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Keeps what is written to stderr.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const TERMINAL: Surroundings = Surroundings { terminal: true, no_color: false, ci: false };

    const PLAIN: Settings = Settings { verbosity: Verbosity::Normal, colours: None, progress: true };

    fn terminal(settings: Settings) -> (Terminal, Paper) {
        let paper = Paper::default();
        (Terminal::with(Look::new(settings, Surroundings::default()), Box::new(paper.clone())), paper)
    }

    fn saying(verbosity: Verbosity) -> Settings {
        Settings { verbosity, ..PLAIN }
    }

    #[test]
    fn colours_need_a_terminal_or_a_wish() {
        let colours = |wish, around| Look::new(Settings { colours: wish, ..PLAIN }, around).colours;
        assert!(colours(None, TERMINAL));
        assert!(!colours(None, Surroundings::default()));
        assert!(!colours(None, Surroundings { no_color: true, ..TERMINAL }));
        assert!(!colours(None, Surroundings { ci: true, ..TERMINAL }));
        assert!(!colours(Some(false), TERMINAL));
        assert!(colours(Some(true), Surroundings { no_color: true, ci: true, terminal: false }));
    }

    #[test]
    fn bars_need_a_terminal_and_nothing_against_them() {
        let bars = |settings, around| Look::new(settings, around).bars;
        assert!(bars(PLAIN, TERMINAL));
        assert!(bars(PLAIN, Surroundings { no_color: true, ..TERMINAL }));
        assert!(!bars(PLAIN, Surroundings::default()));
        assert!(!bars(Settings { colours: Some(true), ..PLAIN }, Surroundings::default()));
        assert!(!bars(PLAIN, Surroundings { ci: true, ..TERMINAL }));
        assert!(!bars(Settings { colours: Some(false), ..PLAIN }, TERMINAL));
        assert!(!bars(Settings { progress: false, ..PLAIN }, TERMINAL));
        assert!(!bars(saying(Verbosity::Quiet), TERMINAL));
    }

    #[test]
    fn progress_is_said_to_whoever_waits_at_a_terminal() {
        let said = |settings, around| {
            let paper = Paper::default();
            let terminal = Terminal::with(Look::new(settings, around), Box::new(paper.clone()));
            terminal.progress(Verbosity::VeryVerbose, "code");
            paper.text()
        };
        assert_eq!(said(PLAIN, TERMINAL), "code\n");
        assert_eq!(said(PLAIN, Surroundings::default()), "");
        assert_eq!(said(saying(Verbosity::VeryVerbose), Surroundings::default()), "code\n");
        assert_eq!(said(saying(Verbosity::Quiet), TERMINAL), "");
        assert_eq!(said(Settings { progress: false, ..PLAIN }, TERMINAL), "");
    }

    #[test]
    fn verbosity_decides_what_is_said() {
        for (verbosity, said) in [
            (Verbosity::Quiet, ""),
            (Verbosity::Normal, "warning: odd\nnormal\n"),
            (Verbosity::Verbose, "warning: odd\nnormal\nverbose\n"),
            (Verbosity::VeryVerbose, "warning: odd\nnormal\nverbose\nvery verbose\n"),
            (Verbosity::Debug, "warning: odd\nnormal\nverbose\nvery verbose\ndebug\n"),
        ] {
            let (terminal, paper) = terminal(saying(verbosity));
            terminal.warning("odd");
            terminal.note(Verbosity::Normal, "normal");
            terminal.note(Verbosity::Verbose, "verbose");
            terminal.note(Verbosity::VeryVerbose, "very verbose");
            terminal.note(Verbosity::Debug, "debug");
            assert_eq!(paper.text(), said, "{verbosity:?}");
        }
    }

    #[test]
    fn errors_are_said_even_when_quiet_and_the_first_decides() {
        let (terminal, paper) = terminal(saying(Verbosity::Quiet));
        let problems = vec![Problem::new(ExitCode::Farm, "a"), Problem::new(ExitCode::Unmet, "b")];
        assert_eq!(terminal.finish(Err(problems)), ExitCode::Farm);
        assert_eq!(paper.text(), "error: a\nerror: b\n");
    }

    #[test]
    fn failing_without_a_reason_is_a_bug() {
        let (terminal, paper) = terminal(PLAIN);
        assert_eq!(terminal.finish(Err(Vec::new())), ExitCode::Bug);
        assert!(paper.text().starts_with("error: this is a bug in mwfarm: "), "{}", paper.text());
    }

    #[test]
    fn ansi_colours_messages() {
        let (terminal, paper) = terminal(Settings { colours: Some(true), ..PLAIN });
        terminal.warning("odd");
        assert_eq!(paper.text(), "\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m odd\n");
    }

    #[test]
    fn notes_are_escaped() {
        let (terminal, paper) = terminal(PLAIN);
        terminal.note(Verbosity::Normal, "a\u{1b}[31m");
        assert_eq!(paper.text(), "a\\u{1b}[31m\n");
    }

    #[test]
    fn a_phase_tells_its_time_when_asked_and_draws_nothing_elsewhere() {
        for (verbosity, prefix) in [(Verbosity::Normal, ""), (Verbosity::Verbose, "scanned 3 autoload paths in 0.0")] {
            let (terminal, paper) = terminal(saying(verbosity));
            terminal.begin(Phase::Scan, 3);
            for _ in 0..3 {
                terminal.step();
            }
            terminal.end();
            terminal.end();
            assert!(paper.text().starts_with(prefix), "{}", paper.text());
            assert_eq!(paper.text().lines().count(), usize::from(!prefix.is_empty()));
        }
    }

    #[test]
    fn a_bar_waits_before_it_is_shown() {
        let look = Look::new(PLAIN, TERMINAL);
        let terminal = Terminal::with(look, Box::new(Paper::default()));
        let shown = || terminal.running().as_ref().is_some_and(|running| running.shown);
        terminal.begin(Phase::Scan, 3);
        terminal.step();
        assert!(!shown());
        if let Some(running) = terminal.running().as_mut() {
            running.since = Instant::now().checked_sub(PATIENCE).unwrap();
        }
        terminal.step();
        assert!(shown());
        terminal.end();
        assert!(!shown());
    }

    #[test]
    fn a_panic_becomes_a_problem_wherever_it_happens() {
        use rayon::prelude::*;

        assert_eq!(caught(|| ExitCode::Unmet), Ok(ExitCode::Unmet));
        // Of many at once, one is told.
        let problem = caught(|| {
            (0..1000).into_par_iter().for_each(|_| panic!("in a pool"));
            ExitCode::Done
        });
        assert_eq!(problem.unwrap_err().what, "this is a bug in mwfarm: in a pool");
        let problem = caught(|| {
            let thread = std::thread::spawn(|| panic!("index {} is {}", 3, "out of bounds"));
            std::panic::resume_unwind(thread.join().unwrap_err())
        });
        let problem = problem.unwrap_err();
        assert_eq!(problem.exit, ExitCode::Bug);
        assert_eq!(problem.what, "this is a bug in mwfarm: index 3 is out of bounds");
        assert!(problem.causes[0].starts_with("src/report/terminal.rs:"), "{:?}", problem.causes);
        assert!(problem.hint.is_some_and(|hint| hint.contains("please report it") && hint.contains("mwfarm 0.")));
    }

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        let codes = [
            ExitCode::Done,
            ExitCode::Failed,
            ExitCode::Unmet,
            ExitCode::Usage,
            ExitCode::Farm,
            ExitCode::OutOfDate,
            ExitCode::Bug,
        ];
        assert_eq!(codes.map(ExitCode::code), [0, 1, 2, 4, 5, 6, 70]);
    }
}
