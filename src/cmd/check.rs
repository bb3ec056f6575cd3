//! `segue check`: is the configuration right?

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Ending;
use super::terminal::{self, LOOK, WELL, WRONG};
use crate::bot::chat::ChatBot;
use crate::bot::{BotTable, Bots};
use crate::config::{BUILT_IN, Config};
use crate::speech::doctor;

/// Check a configuration and name every mistake by its key
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  segue check                      the built-in configuration, or the one in $SEGUE_CONFIG\n  segue check my.toml\n  segue check my.toml --probe      and is every hosted bot there?\n  segue check --schema > segue.schema.json"
)]
pub struct CheckArgs {
    /// The configuration to check (default: --config, else $SEGUE_CONFIG, else the built-in one)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The same as FILE, as the other commands have it
    #[arg(long, value_name = "FILE", env = "SEGUE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    /// Ask the model behind each hosted bot for a word, to see that it answers
    #[arg(long, conflicts_with = "schema")]
    probe: bool,

    /// Print the JSON schema of the configuration instead
    #[arg(long)]
    schema: bool,
}

/// Checks, and says what was found: the verdict first, then one line a mistake on standard error.
///
/// # Errors
/// If standard output can't be written.
pub fn run(args: &CheckArgs) -> anyhow::Result<Ending> {
    let mut out = anstream::stdout();
    if args.schema {
        writeln!(out, "{}", serde_json::to_string_pretty(&Config::schema())?)?;
        return Ok(Ending::Well);
    }
    let path = args.file.as_deref().or(args.config.as_deref());
    let name = path.map_or_else(|| capital(BUILT_IN), |path| path.display().to_string());
    match Config::load(path) {
        Ok(config) => {
            writeln!(out, "{name} {WELL}is fine{WELL:#}: {}.", contents(&config))?;
            if let Some(missing) = doctor(&config.speech).line() {
                writeln!(out, "{LOOK}Missing on this machine:{LOOK:#} {missing}")?;
            }
            for fault in Bots::load(&config.bot).missing {
                writeln!(out, "{LOOK}Missing on this machine:{LOOK:#} {fault}")?;
            }
            if args.probe { probe(&config, &mut out) } else { Ok(Ending::Well) }
        }
        Err(problems) => {
            writeln!(out, "{name} {WRONG}has {}{WRONG:#}:", count(problems.0.len(), "mistake", "mistakes"))?;
            out.flush()?;
            terminal::mistakes(&problems);
            Ok(Ending::Bad)
        }
    }
}

/// Asks every hosted bot for a word.
fn probe(config: &Config, out: &mut impl Write) -> anyhow::Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut ending = Ending::Well;
    for (name, table) in &config.bot {
        let BotTable::Chat(table) = table else { continue };
        let asked = match ChatBot::load(name, table) {
            Ok(bot) => runtime.block_on(bot.probe()),
            Err(fault) => Err(fault),
        };
        match asked {
            Ok(after) => writeln!(out, "The model of bot `{name}` {WELL}answers{WELL:#}, in {:.1} s.", after.as_secs_f64())?,
            Err(fault) => {
                writeln!(out, "The model of bot `{name}` {WRONG}does not answer{WRONG:#}: {fault}")?;
                ending = Ending::Unmet;
            }
        }
    }
    Ok(ending)
}

fn contents(config: &Config) -> String {
    let parts = [
        (config.entry.len(), "entry", "entries"),
        (config.queue.len(), "queue", "queues"),
        (config.triggers().len(), "trigger", "triggers"),
        (config.bot.len(), "bot", "bots"),
    ];
    parts.map(|(n, one, many)| count(n, one, many)).join(", ")
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
