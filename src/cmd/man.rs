//! `segue man`: the manual page, of all subcommands in one.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, Ending};

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  segue man | man -l -\n  segue man > /usr/local/share/man/man1/segue.1")]
pub struct ManArgs {}

/// Prints the page.
///
/// # Errors
/// If standard output can't be written.
pub fn run(_: &ManArgs) -> anyhow::Result<Ending> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone());
    // An apostrophe is an apostrophe, whatever formats the page.
    let mut page = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n".to_owned();
    page += &section(&man, &[Man::render_title, Man::render_name_section, Man::render_synopsis_section, Man::render_options_section])?;
    for sub in command.get_subcommands() {
        let about = sub.get_long_about().or(sub.get_about()).map(ToString::to_string).unwrap_or_default();
        let heading = format!("segue {}", sub.get_name()).to_uppercase();
        page += &Roff::new().control("SH", [heading.as_str()]).text([roman(format!("{about}."))]).to_roff();
        let own = section(&Man::new(sub.clone()), &[Man::render_synopsis_section, Man::render_options_section, Man::render_extra_section])?;
        page += &own.replace(".SH EXTRA", ".SH EXAMPLES\n.nf").replace(".SH ", ".SS ");
        page += ".fi\n";
    }
    page += &section(&man, &[Man::render_extra_section])?.replace(".SH EXTRA", ".SH NOTES\n.nf");
    page += ".fi\n";
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(Ending::Well)
}

type Section = fn(&Man, &mut dyn Write) -> Result<(), std::io::Error>;

/// These sections, without the preamble that is repeated before each.
fn section(man: &Man, sections: &[Section]) -> anyhow::Result<String> {
    let mut roff = Vec::new();
    for section in sections {
        section(man, &mut roff)?;
    }
    let roff = String::from_utf8(roff)?;
    let lines = roff.lines().filter(|line| !matches!(*line, r".ie \n(.g .ds Aq \(aq" | ".el .ds Aq '"));
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}
