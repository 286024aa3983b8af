//! `portcullis`: one binary for serving, checking, explaining and proving.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gateway::clock::Clock;
use gateway::commands::check::CheckArgs;
use gateway::commands::explain::ExplainArgs;
use gateway::commands::inbox::InboxCommand;
use gateway::commands::ledger::Evidence;
use gateway::commands::register::RegisterArgs;
use gateway::commands::serve::Serve;
use gateway::commands::translate::{Translate, Watched};
use gateway::commands::{Exit, check, explain, ledger, register};
use gateway::ledger::Exported;
use gateway::settings::check::load;
use jiff::civil::Date;

/// An exchange makes some hundreds of small values and drops them on other threads; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A FHIR gateway for health and social care: it shares what a person's care needs and no more, and leaves evidence of
/// every share.
///
/// Start with `portcullis check --config FILE`, which tells every fault of your settings and agreements and prints who
/// will see what; then `portcullis serve --config FILE`.
///
/// Exit status of every command: 0 it held, 1 a finding (a refusal, a broken ledger), 64 faults in settings or
/// arguments, 65 bad input, 69 a system upstream failed, 74 reading or writing failed, 75 another process holds the
/// state folder.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    Check(CheckArgs),
    Explain(ExplainArgs),
    Register(RegisterArgs),
    Translate(Translate),
    /// Dead letters: list what could not be passed on, look into it, send it on its way again.
    ///
    /// Works beside a running gateway and in the folder of a stopped one, as the user that the gateway runs as.
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// Evidence: verify the ledger, export it, take its checkpoint away.
    ///
    /// Works beside a running gateway and on a copy of its folder elsewhere. Nothing is changed.
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Check every entry, leaf and checkpoint of the ledger.
    ///
    /// Prints what held, or the first fault: which file, which entry, what. Give --public-key from a place that whoever
    /// could change the folder cannot change, and --witnessed with checkpoints kept elsewhere: then a ledger that was
    /// rewritten as a whole is found out too.
    ///
    /// Exit status: 0 it holds, 1 it does not, 74 it cannot be read.
    Verify {
        #[command(flatten)]
        which: Which,
        /// A checkpoint that was kept elsewhere; may stand more than once.
        #[arg(long, value_name = "FILE")]
        witnessed: Vec<PathBuf>,
    },
    /// Write the entries to standard output, a JSON object a line.
    ///
    /// Entries name persons: they are for those who may read the trail. Leaves name nobody: they are for verifiers.
    Export {
        #[command(flatten)]
        which: Which,
        /// Entries, or their leaves only.
        #[arg(long, value_enum, default_value_t = What::Entries)]
        what: What,
    },
    /// Write the last signed checkpoint to standard output, to be kept elsewhere.
    Checkpoint {
        #[command(flatten)]
        which: Which,
    },
}

/// Which ledger, and whom to believe about it.
#[derive(Debug, Args)]
struct Which {
    /// The settings file of the gateway whose ledger it is.
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    config: PathBuf,
    /// The folder of the ledger, when there is no settings file at hand.
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    folder: Option<PathBuf>,
    /// The public key of the ledger, kept elsewhere; else that in its folder.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Entries,
    Leaves,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            let exit = if told.use_stderr() { Exit::Settings } else { Exit::Held };
            return if told.print().is_ok() { exit.into() } else { Exit::Io.into() };
        }
    };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let today = gateway::serve::today(&Clock::machine());
    let exit = match cli.command {
        Command::Serve(serve) => serve_until_stopped(&serve, &mut err),
        Command::Check(args) => check::run(&args, today, &mut out, &mut err),
        Command::Explain(args) => explain::run(&args, Clock::machine().now(), &mut out, &mut err),
        Command::Register(args) => register::run(&args, today, &mut out, &mut err),
        Command::Translate(translate) => {
            let when = (Clock::machine().now(), Watched::here());
            translate.run(when, &mut io::stdin().lock(), &mut out, &mut err)
        }
        Command::Inbox(command) => command.run(Clock::machine(), &mut out, &mut err),
        Command::Ledger(command) => evidence(&command, today, &mut out, &mut err),
    };
    match out.flush() {
        Ok(()) => exit.into(),
        Err(_) => Exit::Io.into(),
    }
}

fn serve_until_stopped(serve: &Serve, err: &mut dyn Write) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve.run(err)),
        Err(_) => Exit::Io,
    }
}

fn evidence(command: &LedgerCommand, today: Date, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let (LedgerCommand::Verify { which, .. }
    | LedgerCommand::Export { which, .. }
    | LedgerCommand::Checkpoint { which }) = command;
    let folder = match &which.folder {
        Some(folder) => folder.clone(),
        None => match load(&which.config, today) {
            Ok(checked) => gateway::serve::ledger_folder(&checked.settings),
            Err(unusable) => {
                return if writeln!(err, "{unusable}").is_ok() { Exit::Settings } else { Exit::Io };
            }
        },
    };
    let evidence = Evidence { folder, public_key: which.public_key.clone() };
    match command {
        LedgerCommand::Verify { witnessed, .. } => ledger::verify(&evidence, witnessed, out),
        LedgerCommand::Export { what, .. } => {
            let what = match what {
                What::Entries => Exported::Entries,
                What::Leaves => Exported::Leaves,
            };
            ledger::export(&evidence, what, out, err)
        }
        LedgerCommand::Checkpoint { .. } => ledger::checkpoint(&evidence, out, err),
    }
}
