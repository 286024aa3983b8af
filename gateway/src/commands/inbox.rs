//! `portcullis inbox list|show|replay|close`: dead letters of a gateway, beside it while it runs and in its folder when it
//! is stopped.
//!
//! The store of messages is read and written as any process may (SQLite). What must be recorded is recorded by whoever
//! holds the ledger: a gateway that runs is left an errand and does it; of a stopped one the command takes the ledger
//! itself. Only a gateway that runs decides, so a replay waits in the store for the next start.

use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::time::{Instant, sleep};

use self::told::{cannot, clean, describe, line, object};
use super::Exit;
use crate::clock::Clock;
use crate::ledger::{AuditLedger, FolderLock, LockError, SegmentLedger};
use crate::push::clerk::{Clerk, digest};
use crate::push::errands::{Done, Errand, ErrandId, Progress, What};
use crate::push::letters::{LetterId, Which};
use crate::push::listed::{Listed, Older};
use crate::push::open::{STORE_FILE, senders_of};
use crate::push::store::Store;
use crate::serve::{ledger_folder, ledger_options, today};
use crate::settings::Settings;
use crate::settings::check::load;

mod told;

/// How often a running gateway is asked whether it is done.
const LOOK: Duration = Duration::from_millis(50);
/// The most that is read of a mended text.
const MENDED_BYTES_MAX: u64 = 16 << 20;
/// Characters of a name or reason.
const WORDS: std::ops::RangeInclusive<usize> = 3..=500;

/// What is done with dead letters.
#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// List the dead letters: what could not be read, translated, decided or delivered, and why.
    ///
    /// The newest 10,000, the newest last; a line on standard error says where older ones begin. Tells nothing of their
    /// content. Exit status: 0, also when there is none; 64, 74 as everywhere.
    List {
        /// Which gateway.
        #[command(flatten)]
        site: Site,
        /// Those that were replayed or closed too.
        #[arg(long)]
        all: bool,
        /// Those that are older than this one.
        #[arg(long, value_name = "LETTER", default_value_t = i64::MAX, hide_default_value = true)]
        before: i64,
        /// A JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter: what is known of it and, with --content, its text.
    ///
    /// A look at the text is recorded in the ledger, and stands in the trail of those whom it names, before it is shown.
    /// Exit status: 0 shown, 65 there is no such letter or its text is not kept, 75 the gateway did not answer.
    Show {
        /// Which gateway.
        #[command(flatten)]
        site: Site,
        /// The number of the letter.
        letter: i64,
        /// Show the text, as it came, on standard output.
        #[arg(long, requires = "by", requires = "reason")]
        content: bool,
        /// Your name: who looks at the text.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Why, in words.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// What is known of it as a JSON object.
        #[arg(long, conflicts_with = "content")]
        json: bool,
    },
    /// Send dead letters on their way again, as they came or mended.
    ///
    /// They are translated, decided, minimised and recorded as any message. A mended text must keep the id and the sender
    /// of its message, unless the letter was refused because of that id. A gateway that is stopped does it when it starts.
    ///
    /// Exit status: 0 on their way (or left for the next start), 1 refused again, 65 this cannot be replayed, 69 and 74
    /// not now, 75 the gateway did not answer.
    Replay {
        /// Which gateway.
        #[command(flatten)]
        site: Site,
        /// The numbers of the letters.
        #[arg(required = true)]
        letters: Vec<i64>,
        /// The mended text of the one letter; `-` reads standard input.
        #[arg(long = "with", value_name = "FILE")]
        mended: Option<PathBuf>,
        /// Who asks, and why.
        #[command(flatten)]
        who: Who,
    },
    /// Close dead letters that somebody has seen to otherwise. Their text is erased.
    ///
    /// Exit status: as of replay.
    Close {
        /// Which gateway.
        #[command(flatten)]
        site: Site,
        /// The numbers of the letters.
        #[arg(required = true)]
        letters: Vec<i64>,
        /// Who asks, and why.
        #[command(flatten)]
        who: Who,
    },
}

/// Which gateway.
#[derive(Debug, Args)]
pub struct Site {
    /// The settings file of the gateway.
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    pub config: PathBuf,
    /// How many seconds a running gateway has to answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
}

/// Who asks, and why: recorded in the ledger.
#[derive(Debug, Clone, Args)]
pub struct Who {
    /// Your name.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// A folder of messages, opened.
struct Desk {
    settings: Settings,
    store: Store,
    wait: Duration,
    clock: Clock,
}

/// Why a command ended before it could begin.
struct Stopped(Exit, String);

impl InboxCommand {
    /// Runs the command.
    pub fn run(&self, clock: Clock, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let ended = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|fault| Stopped(Exit::Io, fault.to_string()))
            .and_then(|runtime| runtime.block_on(self.carry_out(clock, out, err)));
        match ended {
            Ok(exit) => exit,
            Err(Stopped(exit, told)) => super::written(writeln!(err, "{told}"), exit),
        }
    }

    async fn carry_out(
        &self,
        clock: Clock,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Exit, Stopped> {
        match self {
            Self::List { site, all, before, json } => {
                let which = if *all { Which::All } else { Which::Open };
                let desk = Desk::open(site, clock)?;
                let Listed { letters, older } =
                    desk.store.letters_before(which, LetterId::from(*before)).await?;
                for letter in &letters {
                    let told = if *json { object(letter).to_string() } else { line(letter) };
                    writeln!(out, "{told}")?;
                }
                match older {
                    Older::Before(oldest) => {
                        let number = oldest.number();
                        writeln!(err, "there are older ones: inbox list --before {number}")?;
                    }
                    Older::None if letters.is_empty() && !json => writeln!(err, "there are no dead letters")?,
                    Older::None => {}
                }
                Ok(Exit::Held)
            }
            Self::Show { site, letter, content: true, by, reason, .. } => {
                let desk = Desk::open(site, clock)?;
                // Both are demanded with --content; what is empty is refused below.
                let (by, reason) = (by.clone().unwrap_or_default(), reason.clone().unwrap_or_default());
                desk.show(*letter, &Who { by, reason }, out, err).await
            }
            Self::Show { site, letter, json, content: false, .. } => {
                let desk = Desk::open(site, clock)?;
                let Some(opened) = desk.store.letter(LetterId::from(*letter)).await? else {
                    return Err(no_such(*letter));
                };
                let waiting = desk.store.waiting_errands().await?;
                if *json {
                    writeln!(out, "{}", object(&opened.letter))?;
                } else {
                    write!(out, "{}", describe(&opened.letter, &waiting))?;
                }
                Ok(Exit::Held)
            }
            Self::Replay { site, letters, mended, who } => {
                let mended = match (mended, letters.len()) {
                    (None, _) => None,
                    (Some(file), 1) => Some(read(file)?),
                    (Some(_), _) => {
                        return Err(Stopped(Exit::Settings, "one mended text is for one letter".to_owned()));
                    }
                };
                let desk = Desk::open(site, clock)?;
                desk.each(letters, (What::Replay, who, mended.as_deref()), out, err).await
            }
            Self::Close { site, letters, who } => {
                let desk = Desk::open(site, clock)?;
                desk.each(letters, (What::Close, who, None), out, err).await
            }
        }
    }
}

impl Desk {
    fn open(site: &Site, clock: Clock) -> Result<Self, Stopped> {
        let checked = load(&site.config, today(&clock))
            .map_err(|faults| Stopped(Exit::Settings, faults.to_string()))?;
        let settings = checked.settings;
        let state = &settings.gateway.state;
        check_owner(state)?;
        let file = state.join(STORE_FILE);
        if !file.is_file() {
            return Err(Stopped(
                Exit::Io,
                format!("{} is not there: no gateway ran here yet", file.display()),
            ));
        }
        let store = Store::open(&file)?;
        Ok(Self { settings, store, wait: Duration::from_secs(site.wait), clock })
    }

    /// Has a look recorded, and then writes the text.
    async fn show(
        &self,
        letter: i64,
        who: &Who,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Exit, Stopped> {
        let done = self.have_done(letter, (What::Show, who, None)).await?;
        let Outcome::Over(Done::Shown { receipt, digest: seen }) = done else {
            return self.tell(letter, &done, out, err);
        };
        let opened = self.store.letter(LetterId::from(letter)).await?;
        let cannot = |why| Err(Stopped(Exit::BadInput, format!("letter {letter}: {}", cannot(why))));
        let Some((raw, place)) = opened.and_then(|opened| Some((opened.raw?, opened.letter.place))) else {
            return cannot("text-not-kept");
        };
        if digest(&raw) != seen {
            // The look is recorded for those whom the text named then.
            return cannot("text-changed");
        }
        out.write_all(&raw)?;
        if let Some(place) = place {
            writeln!(err, "letter {letter}: it stood in {}", clean(&place))?;
        }
        writeln!(err, "letter {letter}: this look is recorded, receipt {receipt}")?;
        Ok(Exit::Held)
    }

    async fn each(
        &self,
        letters: &[i64],
        (what, who, mended): (What, &Who, Option<&[u8]>),
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Exit, Stopped> {
        let mut worst = Exit::Held;
        for letter in letters {
            let done = self.have_done(*letter, (what, who, mended)).await?;
            let exit = self.tell(*letter, &done, out, err)?;
            if worst == Exit::Held {
                worst = exit;
            }
        }
        Ok(worst)
    }

    /// Has an errand done by whoever holds the ledger.
    async fn have_done(
        &self,
        letter: i64,
        (what, who, mended): (What, &Who, Option<&[u8]>),
    ) -> Result<Outcome, Stopped> {
        let by = words(&who.by, "--by")?;
        let reason = words(&who.reason, "--reason")?;
        if self.store.letter(LetterId::from(letter)).await?.is_none() {
            return Err(no_such(letter));
        }
        let errand = Errand {
            id: ErrandId::default(),
            letter: LetterId::from(letter),
            what,
            by,
            account: format!("uid {}", rustix::process::geteuid().as_raw()),
            reason,
            mended: mended.map(<[u8]>::to_vec),
            asked_ms: self.clock.now().as_millisecond(),
        };
        let folder = ledger_folder(&self.settings);
        match FolderLock::acquire(&folder) {
            Err(LockError::InUse { .. }) => self.ask(errand).await,
            Err(fault @ LockError::Io { .. }) => Err(Stopped(Exit::Io, fault.to_string())),
            Ok(lock) => {
                drop(lock);
                match what {
                    What::Replay => {
                        self.store.ask(errand).await?;
                        Ok(Outcome::Left)
                    }
                    What::Show | What::Close => self.oneself(errand).await,
                }
            }
        }
    }

    /// Leaves an errand for the gateway that runs, and waits.
    async fn ask(&self, errand: Errand) -> Result<Outcome, Stopped> {
        let id = self.store.ask(errand).await?;
        let until = Instant::now() + self.wait;
        loop {
            match self.store.progress(id).await? {
                Some(Progress::Done(done)) => return Ok(Outcome::Over(done)),
                // Once the gateway has it, it is carried out; before, it can be taken back.
                Some(Progress::Waiting) if Instant::now() >= until => {
                    if self.store.withdraw(id).await? {
                        return Ok(Outcome::Silent);
                    }
                }
                Some(Progress::Taken) if Instant::now() >= until => return Ok(Outcome::UnderWay),
                Some(Progress::Waiting | Progress::Taken) => {}
                None => return Ok(Outcome::Silent),
            }
            sleep(LOOK).await;
        }
    }

    /// Does an errand with the ledger of a gateway that is stopped.
    async fn oneself(&self, errand: Errand) -> Result<Outcome, Stopped> {
        let ledger = SegmentLedger::open(&ledger_options(&self.settings), self.clock.clone());
        let ledger = Arc::new(ledger.map_err(|fault| {
            let exit = if fault.exit_status() == Exit::InUse.code() { Exit::InUse } else { Exit::Io };
            Stopped(exit, format!("the ledger cannot be opened: {fault}"))
        })?);
        let senders = senders_of(&self.settings);
        let clerk = Clerk {
            store: self.store.clone(),
            ledger: Arc::clone(&ledger) as Arc<dyn AuditLedger>,
            clock: self.clock.clone(),
            senders: Arc::new(move || senders.clone()),
            organisation: self.settings.gateway.organisation.as_str().to_owned(),
            intake: None,
        };
        let done = clerk.carry_out(&errand).await;
        ledger.close().await;
        Ok(Outcome::Over(done?))
    }

    fn tell(
        &self,
        letter: i64,
        outcome: &Outcome,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Exit, Stopped> {
        match outcome {
            Outcome::Over(Done::Well(receipt) | Done::Shown { receipt, .. }) => {
                writeln!(out, "letter {letter}: done, receipt {receipt}")?;
                Ok(Exit::Held)
            }
            Outcome::Left => {
                writeln!(out, "letter {letter}: the gateway is stopped; it is replayed when that starts")?;
                Ok(Exit::Held)
            }
            Outcome::Over(Done::InVain(reason)) => {
                writeln!(err, "letter {letter}: refused again: {reason}")?;
                Ok(Exit::Finding)
            }
            Outcome::Over(Done::Cannot(why)) => {
                writeln!(err, "letter {letter}: {}", cannot(why))?;
                Ok(Exit::BadInput)
            }
            Outcome::Over(Done::NotNow(reason)) => {
                writeln!(err, "letter {letter}: not now: {reason}; nothing was done, ask again later")?;
                Ok(if matches!(reason.as_str(), "ledger" | "not-stored") { Exit::Io } else { Exit::Upstream })
            }
            Outcome::UnderWay => {
                writeln!(err, "letter {letter}: it is being done; `inbox list` will tell")?;
                Ok(Exit::InUse)
            }
            Outcome::Silent => {
                let seconds = self.wait.as_secs();
                writeln!(
                    err,
                    "letter {letter}: the gateway did not take it in {seconds} s; nothing was done"
                )?;
                Ok(Exit::InUse)
            }
        }
    }
}

/// What came of an errand.
enum Outcome {
    /// It is over.
    Over(Done),
    /// It waits for the next start.
    Left,
    /// The gateway has it, and is not done.
    UnderWay,
    /// The gateway did not take it, and it was taken back.
    Silent,
}

fn no_such(letter: i64) -> Stopped {
    Stopped(Exit::BadInput, format!("there is no letter {letter}"))
}

/// A name or reason as it will be recorded: one line of words.
fn words(text: &str, option: &str) -> Result<String, Stopped> {
    let text = text.trim();
    let wanted = WORDS.contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let (least, most) = (WORDS.start(), WORDS.end());
    wanted.then(|| text.to_owned()).ok_or_else(|| {
        Stopped(Exit::Settings, format!("{option}: {least} to {most} characters on one line are wanted"))
    })
}

/// Files that another account makes could not be opened by the gateway again.
fn check_owner(state: &Path) -> Result<(), Stopped> {
    let fault = |fault: io::Error| Stopped(Exit::Io, format!("{}: {}", state.display(), fault.kind()));
    let owner = std::fs::metadata(state).map_err(fault)?.uid();
    let own = rustix::process::geteuid().as_raw();
    if owner == own {
        return Ok(());
    }
    let told =
        format!("{} belongs to uid {owner}, this is uid {own}: run it as the gateway does", state.display());
    Err(Stopped(Exit::Settings, told))
}

fn read(file: &Path) -> Result<Vec<u8>, Stopped> {
    let fault =
        |fault: io::Error| Stopped(Exit::Io, format!("{} is not readable: {}", file.display(), fault.kind()));
    let mut bytes = Vec::new();
    let from: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(std::fs::File::open(file).map_err(fault)?),
    };
    from.take(MENDED_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.is_empty() || u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MENDED_BYTES_MAX {
        return Err(Stopped(Exit::BadInput, "the mended text is empty or above 16 MiB".to_owned()));
    }
    Ok(bytes)
}

impl From<crate::push::store::StoreError> for Stopped {
    fn from(fault: crate::push::store::StoreError) -> Self {
        Self(Exit::Io, fault.to_string())
    }
}

impl From<io::Error> for Stopped {
    fn from(fault: io::Error) -> Self {
        Self(Exit::Io, format!("not written: {}", fault.kind()))
    }
}
