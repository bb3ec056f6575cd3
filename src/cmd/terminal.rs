//! What all subcommands have in common on a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use tracing_subscriber::EnvFilter;

use super::Ending;
use crate::base::{Problem, Problems};

/// What went wrong.
pub const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub const LOOK: Style = AnsiColor::Yellow.on_default().bold();
/// What is well.
pub const WELL: Style = AnsiColor::Green.on_default().bold();

/// Logs to standard error, as much as `-v` was given.
pub fn log(verbose: u8) {
    let level = match verbose {
        0 => "error",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(format!("segue={level}"))).with_writer(io::stderr).with_ansi(colours);
    // Only a second call in one process could fail, and then there is a log already.
    let _ = log.try_init();
}

/// Tells of an error in one line. That the reader of our output went away is none.
pub fn failed(error: &anyhow::Error) -> Ending {
    let reader_left =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if error.chain().any(reader_left) {
        return Ending::Well;
    }
    let line = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    complain(&line);
    Ending::Bad
}

/// Tells of an error that is not of a file, in one line on standard error; coloured only where a person sees it.
pub fn complain(line: &str) {
    // If it fails, nobody is left to be told.
    let _ = writeln!(anstream::stderr(), "{WRONG}segue:{WRONG:#} {}", in_one_line(line));
}

/// Tells of mistakes in what a person wrote, one line each, beginning with the place.
pub fn mistakes(problems: &Problems) {
    let mut err = anstream::stderr().lock();
    for Problem { key, what } in &problems.0 {
        let _ = writeln!(err, "{WRONG}{key}{WRONG:#}: {what}");
    }
}

/// Tells of something worth knowing, in one line on standard error.
pub fn hint(line: &str) {
    let _ = writeln!(anstream::stderr(), "{LOOK}segue:{LOOK:#} {}", in_one_line(line));
}

/// A file's name may hold line breaks and escape sequences; a line has none.
fn in_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Columns of the terminal that standard output is; `None` for a pipe or file, whose lines are not wrapped.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(terminal_size::Width(columns), _)| usize::from(columns))
}
