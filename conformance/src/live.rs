//! What a person sees while a run goes on: one line of progress on a terminal, and the first failure as soon as it is known.
//!
//! Where standard error is no terminal there is no such line, and nothing but text is ever written. `NO_COLOR` takes the colours
//! away, `TERM=dumb` the line too.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use conformance::report::Paint;

/// Columns that the line takes at most: few terminals are narrower.
const COLUMNS: usize = 78;
/// How often the time in it is brought up to date.
const TICK: Duration = Duration::from_secs(1);

/// Whether somebody looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    Yes,
    No,
}

/// How far a run is.
#[derive(Debug)]
struct Progress {
    begun: Instant,
    part: String,
    name: String,
    before: usize,
    all: usize,
    failed: usize,
    /// Whether the line stands on the terminal now.
    drawn: Watched,
}

/// The line of progress, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Live {
    watched: Watched,
    paint: Paint,
    progress: Arc<Mutex<Progress>>,
    clock: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Live {
    /// Looks at the terminals of this process, and begins.
    pub(crate) fn start() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let watched = if std::io::stderr().is_terminal() && !dumb { Watched::Yes } else { Watched::No };
        let coloured = std::io::stdout().is_terminal() && !dumb && set("NO_COLOR").is_none();
        let progress = Arc::new(Mutex::new(Progress {
            begun: Instant::now(),
            part: String::new(),
            name: String::new(),
            before: 0,
            all: 0,
            failed: 0,
            drawn: Watched::No,
        }));
        let clock = (watched == Watched::Yes).then(|| {
            let (stop, stopped) = channel();
            let progress = Arc::clone(&progress);
            let ticking = std::thread::spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    held(&progress, draw);
                }
            });
            (stop, ticking)
        });
        Self { watched, paint: if coloured { Paint::Coloured } else { Paint::Plain }, progress, clock }
    }

    /// How words are coloured on standard output.
    pub(crate) const fn paint(&self) -> Paint {
        self.paint
    }

    /// `name` of `part` begins, after so many of so many.
    pub(crate) fn begun(&self, part: &str, name: &str, before: usize, all: usize) {
        held(&self.progress, |progress| {
            part.clone_into(&mut progress.part);
            name.clone_into(&mut progress.name);
            (progress.before, progress.all) = (before, all);
            if self.watched == Watched::Yes {
                draw(progress);
            }
        });
    }

    /// One failed. Says whether it was the first.
    pub(crate) fn failed(&self) -> First {
        let mut first = First::No;
        held(&self.progress, |progress| {
            first = if progress.failed == 0 { First::Yes } else { First::No };
            progress.failed += 1;
        });
        first
    }

    /// Writes `text` to standard output, above the line.
    pub(crate) fn say(&self, text: &str) {
        held(&self.progress, |progress| {
            rub_out(progress);
            let mut out = std::io::stdout();
            // Whether or not anyone reads it, the exit status tells.
            drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
            if self.watched == Watched::Yes {
                draw(progress);
            }
        });
    }
}

/// Whether a failure is the first of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    Yes,
    No,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some((stop, ticking)) = self.clock.take() {
            drop(stop);
            drop(ticking.join());
        }
        held(&self.progress, rub_out);
    }
}

fn held(progress: &Mutex<Progress>, act: impl FnOnce(&mut Progress)) {
    act(&mut progress.lock().unwrap_or_else(PoisonError::into_inner));
}

fn draw(progress: &mut Progress) {
    if progress.all == 0 {
        return;
    }
    let line = line(progress, progress.begun.elapsed());
    drop(write!(std::io::stderr(), "\r\u{1b}[K{line}"));
    progress.drawn = Watched::Yes;
}

fn rub_out(progress: &mut Progress) {
    if progress.drawn == Watched::Yes {
        drop(write!(std::io::stderr(), "\r\u{1b}[K"));
        progress.drawn = Watched::No;
    }
}

/// `12/214  3 failed  0:07  fhir-core  fhir-core-create-location`, cut to the width of a terminal.
fn line(progress: &Progress, time: Duration) -> String {
    let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
    let (at, all, failed) = (progress.before + 1, progress.all, progress.failed);
    let whole =
        format!("{at}/{all}  {failed} failed  {minutes}:{seconds:02}  {}  {}", progress.part, progress.name);
    // A name may come from a script: no control code of its own reaches the terminal.
    let plain = whole.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(COLUMNS).collect()
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, First, Live, Progress, Watched, line};
    use std::time::{Duration, Instant};

    #[test]
    fn the_line_tells_how_far_a_run_is_and_fits() {
        let mut progress = Progress {
            begun: Instant::now(),
            part: "search".to_owned(),
            name: "search-by-date".to_owned(),
            before: 11,
            all: 214,
            failed: 3,
            drawn: Watched::No,
        };
        let told = line(&progress, Duration::from_secs(127));
        assert_eq!(told, "12/214  3 failed  2:07  search  search-by-date");
        progress.name = "\u{1b}[2J\r\n".to_owned() + &"x".repeat(200);
        let told = line(&progress, Duration::ZERO);
        assert_eq!(told.chars().count(), COLUMNS);
        assert!(!told.contains(['\u{1b}', '\r', '\n']), "{told:?}");
    }

    #[test]
    fn one_failure_is_the_first() {
        let live = Live::start();
        assert_eq!((live.failed(), live.failed()), (First::Yes, First::No));
    }
}
