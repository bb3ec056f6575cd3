//! `segue completions`: what a shell needs to complete the command line.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Ending};

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  segue completions bash > /etc/bash_completion.d/segue\n  segue completions zsh > ~/.zfunc/_segue\n  segue completions fish > ~/.config/fish/completions/segue.fish"
)]
pub struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// If standard output can't be written.
pub fn run(args: &CompletionsArgs) -> anyhow::Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "segue", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Ending::Well)
}
