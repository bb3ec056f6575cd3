//! A replay's result for a person: the verdict first, then a few aligned lines, coloured only where the terminal wants it.
//!
//! [`result`] and [`summary`] give text with ANSI colours; print it through `anstream`, which takes them out where they do not belong
//! (a pipe, `NO_COLOR`). Lines are wrapped to the width that is given; piped output is given none and is not wrapped.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::expect::Unmet;
use super::result::{HandoffObject, ReplayObject};
use super::transcript::mark;
use super::verdict::{clock, sentence, verdict, who};
use crate::base::{CallOutcome, HandoffOutcome, Mode, OfferOutcome};

/// Narrowest width that lines are wrapped to.
const MIN_WIDTH: usize = 40;
/// Width of the labels' column.
const LABEL: usize = 12;
/// Most signals that are listed.
const MAX_SIGNALS: usize = 12;
/// Seconds of an hour.
const HOUR_SECS: f64 = 3_600.0;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();

/// What is said of one recording beside its object.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// True if there was an expectation.
    pub expected: bool,
    /// What it expected and is not so.
    pub unmet: Vec<Unmet>,
    /// Why the expectation could not be read: one line for each mistake.
    pub malformed: Vec<String>,
    /// The decisions that differ from the baseline; `None` without one.
    pub differences: Option<Vec<String>>,
}

impl Judgement {
    /// True if something is not as it should be.
    pub fn is_bad(&self) -> bool {
        !self.unmet.is_empty() || !self.malformed.is_empty() || self.differences.as_ref().is_some_and(|d| !d.is_empty())
    }
}

/// One recording's result. `width` is that of the terminal in columns, `None` if there is none.
pub fn result(object: &ReplayObject, judgement: &Judgement, width: Option<usize>) -> String {
    let mut page = Page { width: width.map(|w| w.max(MIN_WIDTH)), text: String::new() };
    page.line(BOLD, &object.recording);
    page.wrapped(Style::new(), "", &verdict(object));
    for signal in object.signals.iter().take(MAX_SIGNALS) {
        let label = format!("{} {}", clock(signal.start_s), mark(signal.kind));
        page.labelled(&label, Style::new(), &format!("{}: {}", signal.kind.name().replace('_', " "), signal.why));
    }
    if object.signals.len() > MAX_SIGNALS {
        page.labelled("", DIM, &format!("and {} more signals; --json lists them all", object.signals.len() - MAX_SIGNALS));
    }
    for handoff in &object.handoffs {
        page.handoff(handoff);
    }
    let (style, told) = outcome(object.outcome);
    page.labelled("outcome", style, told);
    page.labelled("length", Style::new(), &lengths(object));
    page.judgement(judgement);
    page.text
}

/// What is said of all recordings together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Recordings that were replayed.
    pub replayed: usize,
    /// Recordings with an expectation.
    pub expected: usize,
    /// Recordings whose expectation was not met, or whose decisions changed.
    pub unmet: usize,
    /// Recordings that could not be replayed, or only to a cut, or whose expectation is malformed.
    pub failed: usize,
    /// CPU time of all, in s.
    pub processing_s: f64,
    /// Length of all recordings, in s.
    pub duration_s: f64,
}

/// One line over many recordings.
pub fn summary(totals: &Totals) -> String {
    let Totals { replayed, expected, unmet, failed, .. } = *totals;
    let noun = if replayed == 1 { "recording" } else { "recordings" };
    let as_expected = expected.saturating_sub(unmet);
    let mut told = format!("{replayed} {noun}");
    let mut parts = Vec::new();
    if expected > 0 || unmet > 0 {
        parts.push(format!("{GOOD}{as_expected} as expected{GOOD:#}"));
    }
    if unmet > 0 {
        parts.push(format!("{BAD}{unmet} not as expected{BAD:#}"));
    }
    if failed > 0 {
        parts.push(format!("{BAD}{failed} failed{BAD:#}"));
    }
    if !parts.is_empty() {
        let _ = write!(told, ": {}", parts.join(", "));
    }
    let _ = write!(told, ", in {}", speed(totals.processing_s, totals.duration_s));
    told.push('\n');
    told
}

/// `3.1 s CPU (52× real time, 69 s for each hour)`
fn speed(processing_s: f64, duration_s: f64) -> String {
    if processing_s <= 0.0 || duration_s <= 0.0 {
        return format!("{processing_s:.1} s CPU");
    }
    let (times, hourly) = (duration_s / processing_s, processing_s / duration_s * HOUR_SECS);
    let decimals = usize::from(times < 10.0);
    format!("{processing_s:.1} s CPU ({times:.decimals$}× real time, {hourly:.0} s CPU for each recorded hour)")
}

fn lengths(object: &ReplayObject) -> String {
    let call = if (object.call_s - object.duration_s).abs() >= 1.0 { format!(", call {}", clock(object.call_s)) } else { String::new() };
    let cut = if object.truncated { " (cut)" } else { "" };
    format!("{}{cut}{call}, replayed in {}", clock(object.duration_s), speed(object.processing_s, object.duration_s))
}

fn outcome(outcome: Option<CallOutcome>) -> (Style, &'static str) {
    match outcome {
        Some(CallOutcome::Bridged) => (GOOD, "bridged: the caller talked with a person"),
        Some(CallOutcome::Contained) => (GOOD, "contained: the bot served the call to its end"),
        Some(CallOutcome::Callback) => (WARN, "callback: somebody will call back"),
        Some(CallOutcome::Message) => (WARN, "message: the caller left one"),
        Some(CallOutcome::Ticket) => (WARN, "ticket: one was filed"),
        Some(CallOutcome::Abandoned) => (BAD, "abandoned: the caller hung up before a person was there"),
        None => (BAD, "unknown: the call has no end"),
    }
}

struct Page {
    width: Option<usize>,
    text: String,
}

impl Page {
    fn line(&mut self, style: Style, text: &str) {
        let _ = writeln!(self.text, "{style}{}{style:#}", plain(text));
    }

    fn labelled(&mut self, label: &str, style: Style, text: &str) {
        let start = format!("  {DIM}{label:<LABEL$}{DIM:#}");
        let indent = LABEL + 2;
        for (n, line) in wrap(&plain(text), self.width.map(|w| w.saturating_sub(indent))).iter().enumerate() {
            if n == 0 {
                let _ = writeln!(self.text, "{start}{style}{line}{style:#}");
            } else {
                let _ = writeln!(self.text, "{:indent$}{style}{line}{style:#}", "");
            }
        }
    }

    fn wrapped(&mut self, style: Style, indent: &str, text: &str) {
        for line in wrap(&plain(text), self.width.map(|w| w - indent.len())) {
            let _ = writeln!(self.text, "{indent}{style}{line}{style:#}");
        }
    }

    fn handoff(&mut self, handoff: &HandoffObject) {
        let shadow = if handoff.mode == Mode::Shadow { " (shadow)" } else { "" };
        let told = format!("“{}” at {} for {}{shadow}: {}", handoff.trigger, clock(handoff.at_s), handoff.kind, sentence(&handoff.reason));
        self.labelled("trigger", BOLD, &told);
        if let Some(notice) = &handoff.notice {
            let end = notice.end_s.map_or(String::new(), |end| format!("–{}", clock(end)));
            let text = notice.text.as_deref().unwrap_or("(a recording)");
            self.labelled("notice", Style::new(), &format!("“{text}” {}{end}", clock(notice.start_s)));
        }
        let offers = handoff.offers.iter().flatten().map(|o| {
            let why = o.reason.as_deref().map_or(String::new(), |why| format!(": “{why}”"));
            format!("{} {} ({}){why}", o.agent, offer_words(o.outcome), clock(o.at_s))
        });
        let offers: Vec<String> = offers.collect();
        if !offers.is_empty() {
            self.labelled("asked", Style::new(), &offers.join(", "));
        }
        let clocks = clocks(handoff);
        if !clocks.is_empty() {
            self.labelled("clocks", Style::new(), &clocks);
        }
        let ended = handoff.outcome.filter(|_| handoff.mode == Mode::Act);
        if let Some(how) = ended {
            let by = handoff.ended_by.map_or(String::new(), |by| format!(", ended by {}", who(by)));
            let at = handoff.ended_s.map_or(String::new(), |at| format!(" at {}", clock(at)));
            self.labelled("handoff", Style::new(), &format!("{}{by}{at}", handoff_words(how)));
        }
    }

    fn judgement(&mut self, judgement: &Judgement) {
        for wrong in &judgement.malformed {
            self.labelled("✗ malformed", BAD, wrong);
        }
        for unmet in &judgement.unmet {
            self.labelled("✗ unmet", BAD, &unmet.sentence);
        }
        if judgement.expected && judgement.unmet.is_empty() && judgement.malformed.is_empty() {
            self.labelled("✓ expected", GOOD, "everything is as expected");
        }
        for difference in judgement.differences.iter().flatten() {
            self.labelled("≠ changed", WARN, difference);
        }
        if judgement.differences.as_ref().is_some_and(Vec::is_empty) {
            self.labelled("= baseline", GOOD, "no decision differs");
        }
    }
}

fn offer_words(outcome: Option<OfferOutcome>) -> &'static str {
    match outcome {
        Some(OfferOutcome::Accepted) => "accepted",
        Some(OfferOutcome::Declined) => "declined",
        Some(OfferOutcome::Unanswered) => "did not answer",
        Some(OfferOutcome::Vanished) => "was gone",
        Some(OfferOutcome::Withdrawn) => "was not needed any more",
        None => "was still being asked",
    }
}

/// How a handoff ended, in words.
pub(crate) fn handoff_words(outcome: HandoffOutcome) -> &'static str {
    match outcome {
        HandoffOutcome::Bridged => "bridged",
        HandoffOutcome::KeptWithBot => "kept with the bot",
        HandoffOutcome::Callback => "callback filed",
        HandoffOutcome::Message => "message left",
        HandoffOutcome::Ticket => "ticket filed",
        HandoffOutcome::Abandoned => "abandoned",
        HandoffOutcome::HandedBack => "handed back to the bot",
        HandoffOutcome::Shadow => "shadow",
    }
}

fn clocks(handoff: &HandoffObject) -> String {
    let clocks = handoff.clocks_ms.unwrap_or_default();
    let told = [
        ("notice", clocks.time_to_notice),
        ("context", clocks.time_to_context),
        ("human", clocks.time_to_human),
        ("pick-up gap", clocks.pick_up_gap),
        ("bridge gap", clocks.bridge_gap),
    ];
    let told: Vec<String> = told.into_iter().filter_map(|(name, ms)| Some(format!("{name} {}", duration(ms?)))).collect();
    told.join(" · ")
}

/// `180 ms`, `4.1 s`
fn duration(ms: f64) -> String {
    if ms.abs() < 1_000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1e3) }
}

/// One line without control characters: a caller's words must not move the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Breaks between words; a word that is longer than the line stands alone.
pub(super) fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let line = lines.last_mut().expect("it begins with one line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::result::tests::{golden, object};
    use crate::store::story::fixture;

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn judged() -> Judgement {
        Judgement {
            expected: true,
            unmet: vec![Unmet {
                key: "expect.by_s".into(),
                sentence: "expected a handoff by 20.0 s, “upset” fired at 25.4 s for raised_volume".into(),
            }],
            malformed: Vec::new(),
            differences: Some(vec!["trigger “upset” fired at 0:19.0, now at 0:25.4 (+6.4 s)".into()]),
        }
    }

    #[test]
    fn a_result_reads_verdict_first() {
        golden("terminal.txt", &bare(&result(&object(&fixture::bridged()), &judged(), None)));
        golden("terminal-60.txt", &bare(&result(&object(&fixture::bridged()), &judged(), Some(60))));
        let well = Judgement { expected: true, differences: Some(Vec::new()), ..Judgement::default() };
        golden("terminal-contained.txt", &bare(&result(&object(&fixture::contained()), &well, Some(80))));
    }

    #[test]
    fn lines_fit_the_terminal() {
        for width in [40, 60, 100] {
            let text = bare(&result(&object(&fixture::bridged()), &judged(), Some(width)));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn a_callers_words_cannot_steer_the_terminal() {
        let mut object = object(&fixture::bridged());
        object.signals[0].why = "said \u{1b}[2J\u{7}\r\n".into();
        let text = result(&object, &Judgement::default(), None);
        assert!(!text.contains("\u{1b}[2J") && !text.contains(['\u{7}', '\r']));
    }

    #[test]
    fn many_recordings_are_summed_up_in_one_line() {
        let totals = Totals { replayed: 7, expected: 7, unmet: 0, failed: 0, processing_s: 3.1, duration_s: 161.2 };
        assert_eq!(bare(&summary(&totals)), "7 recordings: 7 as expected, in 3.1 s CPU (52× real time, 69 s CPU for each recorded hour)\n");
        let totals = Totals { replayed: 3, expected: 2, unmet: 1, failed: 1, ..totals };
        assert!(bare(&summary(&totals)).starts_with("3 recordings: 1 as expected, 1 not as expected, 1 failed, in "));
        let totals = Totals { replayed: 1, processing_s: 0.0, ..Totals::default() };
        assert_eq!(bare(&summary(&totals)), "1 recording, in 0.0 s CPU\n");
    }
}
