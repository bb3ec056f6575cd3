//! `segue store`: looks after what is kept.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Ending;
use super::terminal::{self, LOOK, WELL, WRONG};
use crate::config::Config;
use crate::replay::verdict::clock;
use crate::store::{Checked, LostCall, Store};

/// Look after what is kept of calls
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(StoreCheckArgs),
}

/// Check that what is kept is whole, and tell how calls ended that the gateway lost
#[derive(Debug, Args)]
#[command(after_help = "Nothing is changed. Calls that are going on are told too. Exit status: 0 it is whole, 1 rows belong to nothing.\n\n\
    Examples:\n  segue store check                      what the built-in configuration keeps, in segue.db\n  segue store check --config my.toml")]
pub struct StoreCheckArgs {
    /// The configuration that says where calls are kept (default: the built-in one)
    #[arg(long, value_name = "FILE", env = "SEGUE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// Does what was asked for.
///
/// # Errors
/// The store can't be had, or standard output can't be written.
pub fn run(args: &StoreArgs) -> anyhow::Result<Ending> {
    let What::Check(args) = &args.what;
    let config = match Config::load(args.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            terminal::mistakes(&problems);
            return Ok(Ending::Bad);
        }
    };
    if !config.store.keeps() {
        terminal::complain("store.url is \"\", so nothing is kept");
        return Ok(Ending::Bad);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let checked = runtime.block_on(async { Store::open_existing(&config.store).await?.check().await })?;
    tell(&checked, &mut anstream::stdout())?;
    Ok(if checked.is_whole() { Ending::Well } else { Ending::Unmet })
}

fn tell(checked: &Checked, out: &mut impl Write) -> std::io::Result<()> {
    let what = format!("{}, {}", count(checked.calls, "call", "calls"), count(checked.records, "record", "records"));
    if checked.is_whole() {
        writeln!(out, "The store {WELL}is whole{WELL:#}: {what}.")?;
    } else {
        writeln!(out, "The store {WRONG}is not whole{WRONG:#}: {what}.")?;
    }
    for dangling in &checked.dangling {
        writeln!(out, "  {WRONG}{} of `{}` have no {}{WRONG:#}", dangling.rows, dangling.table, dangling.owner)?;
    }
    let endings: Vec<String> = checked.endings.iter().map(|(ending, calls)| format!("{calls} {}", ending.replace('_', " "))).collect();
    if !endings.is_empty() {
        writeln!(out, "How they ended: {}.", endings.join(", "))?;
    }
    for call in &checked.incomplete {
        writeln!(out, "{LOOK}{} records are missing{LOOK:#} of call {}", call.missing, call.call)?;
    }
    for call in &checked.lost {
        writeln!(out, "{}", line(call))?;
    }
    Ok(())
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// What is known of a call without an end.
fn line(call: &LostCall) -> String {
    let how = if call.is_over { "was lost by the gateway" } else { "goes on, or was lost by a gateway that has not started since" };
    let stage = call.stage.as_deref().map_or_else(|| "before its first stage".to_owned(), |stage| format!("in stage {}", stage.replace('_', " ")));
    let agent = call.agent.as_deref().map(|agent| format!(", taken by {agent}")).unwrap_or_default();
    let last = if call.last_kind.is_empty() { "no record".to_owned() } else { call.last_kind.replace('_', " ") };
    format!("call {} of {}: {how} {stage}{agent}, {} after it began; last: {last}", call.call, call.began, clock(call.last_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CallId;
    use crate::store::Dangling;

    #[test]
    fn every_lost_call_has_a_line_that_says_how_it_ended() {
        let call = LostCall {
            call: CallId(uuid::Uuid::nil()),
            began: jiff::Timestamp::UNIX_EPOCH,
            is_over: true,
            stage: Some("ringing_agent".into()),
            agent: Some("ana".into()),
            last_kind: "offered".into(),
            last_s: 61.2,
        };
        let told = line(&call);
        for part in ["lost by the gateway in stage ringing agent, taken by ana", "1:01", "last: offered"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(line(&LostCall { is_over: false, stage: None, agent: None, ..call }).contains("goes on"));
    }

    #[test]
    fn rows_that_belong_to_nothing_are_told_first() {
        let mut out = Vec::new();
        let checked = Checked { dangling: vec![Dangling { table: "turns", owner: "call", rows: 3 }], ..Checked::default() };
        tell(&checked, &mut out).unwrap();
        let told = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert!(told.starts_with("The store is not whole") && told.contains("3 of `turns` have no call"), "{told}");
    }
}
