//! The command line: one file for each subcommand.
//!
//! What a program reads goes to standard output, everything else to standard error, one line a mistake. Exit status 0:
//! all is well; 1: what was expected did not happen; 2 (wins): bad usage, configuration or recording.

pub mod call;
pub mod check;
pub mod completions;
pub mod demo;
pub mod live;
pub mod man;
pub mod replay;
pub mod serve;
pub mod store;
mod terminal;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All is well.
    Well,
    /// An expectation was not met, or a decision changed.
    Unmet,
    /// Bad usage, configuration or recording.
    Bad,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> ExitCode {
        ExitCode::from(match ending {
            Ending::Well => 0,
            Ending::Unmet => 1,
            Ending::Bad => 2,
        })
    }
}

/// The command line of `segue`.
#[derive(Debug, Parser)]
#[command(name = "segue", version, about, max_term_width = 100, infer_subcommands = true)]
#[command(after_help = "Configuration: --config FILE, else $SEGUE_CONFIG, else the built-in one. Any key can be set by the environment:\n\
    SEGUE_LISTEN__TURN_PAUSE_SECS=0.9 sets `turn_pause_secs` of `[listen]`.\n\n\
    Exit status: 0 all is well, 1 an expectation was not met, 2 bad usage, configuration or recording.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more of what is going on, on standard error (-vv: more still, -vvv: everything)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Call(Box<call::CallArgs>),
    Replay(Box<replay::ReplayArgs>),
    Check(check::CheckArgs),
    Store(store::StoreArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Reads the command line of the process and does what it says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error).into(),
    };
    // Who serves wants a line for each call.
    terminal::log(cli.verbose.max(u8::from(matches!(cli.command, Command::Serve(_)))));
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Call(args) => call::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Check(args) => check::run(args),
        Command::Store(args) => store::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    };
    done.unwrap_or_else(|error| terminal::failed(&error)).into()
}

/// Shows the help that was asked for, or says in one line what is wrong with the command line.
fn misused(error: &clap::Error) -> Ending {
    let whole_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if whole_help || !error.use_stderr() {
        // A reader that went away has seen enough.
        let _ = error.print();
        return if whole_help { Ending::Bad } else { Ending::Well };
    }
    let known = |arg: &String| Cli::command().get_subcommands().any(|sub| sub.get_name() == arg);
    let named = std::env::args().skip(1).find(known).map_or("segue".to_owned(), |sub| format!("segue {sub}"));
    let said = error.render().to_string();
    let (said, usage) = said.split_once("Usage:").unwrap_or((&said, &named));
    let said: Vec<&str> = said
        .trim_start_matches("error:")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    let of: Vec<&str> = usage.split_whitespace().take_while(|word| !word.starts_with(['-', '[', '<'])).collect();
    let said = said.join("; ").replace(":; ", ": ");
    // A sentence loses its full stop here; an argument that may be repeated keeps its three dots.
    let said = if said.ends_with("...") { &said } else { said.trim_end_matches('.') };
    terminal::complain(&format!("{said}; see `{} --help`", of.join(" ")));
    Ending::Bad
}
