//! Many calls in a few lines: one sentence that judges them, and how they were spread.

use std::fmt::Write as _;

use super::{CallReport, OK};

/// The value that this share of all values does not exceed (nearest rank); the values are sorted.
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

/// Calls that were wanted, and how those that were placed went.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// Of those that are over.
    pub reports: &'a [CallReport],
    /// How many there should have been.
    pub wanted: usize,
}

impl Summary<'_> {
    /// Every call was placed, answered, and heard something.
    pub fn is_well(&self) -> bool {
        self.reports.len() >= self.wanted && self.reports.iter().all(CallReport::is_good)
    }

    /// The judgement in one sentence.
    pub fn verdict(&self) -> String {
        let count = |of: &dyn Fn(&CallReport) -> bool| self.reports.iter().filter(|report| of(report)).count();
        let good = count(&CallReport::is_good);
        let mut said = match (good, self.wanted) {
            (1, 1) => "The call was answered and heard something".to_owned(),
            (0, 1) => "The call failed".to_owned(),
            (good, wanted) if good == wanted => format!("All {wanted} calls were answered and heard something"),
            (good, wanted) => format!("{good} of {wanted} calls were answered and heard something"),
        };
        let bad = [
            (count(&|report| report.status >= 300 && report.status != TIMED_OUT), "refused"),
            (count(&|report| report.status < 200 || report.status == TIMED_OUT), "never answered"),
            (count(&|report| report.status == OK && !report.is_good()), "answered without any sound"),
            (self.wanted.saturating_sub(self.reports.len()), "not placed"),
        ];
        for (n, (count, what)) in bad.iter().filter(|(count, _)| *count > 0).enumerate() {
            let joint = if n == 0 { ":" } else { "," };
            // Writing to a string can't fail.
            let _ = if self.wanted == 1 { write!(said, "{joint} it was {what}") } else { write!(said, "{joint} {count} {what}") };
        }
        said + "."
    }

    /// The verdict, then how values were spread over the calls, and what went wrong.
    pub fn text(&self) -> String {
        let mut text = self.verdict() + "\n";
        for (name, unit, of) in ROWS {
            let mut values: Vec<f64> = self.reports.iter().filter_map(of).collect();
            let [Some(p50), Some(p95), Some(p99)] = [0.5, 0.95, 0.99].map(|share| quantile(&mut values, share)) else { continue };
            let _ = match values.len() {
                1 => writeln!(text, "  {name:<26} {p50:>9.1} {unit}"),
                _ => writeln!(text, "  {name:<26} {p50:>9.1} {unit:<2}   p95 {p95:>9.1}   p99 {p99:>9.1}"),
            };
        }
        let answered: Vec<_> = self.reports.iter().filter(|report| report.status == OK).collect();
        if !answered.is_empty() {
            let total = |of: &dyn Fn(&CallReport) -> u64| answered.iter().map(|report| of(report)).sum::<u64>();
            let _ = writeln!(text, "  packets: {} came, {} were lost", total(&|r| r.received), total(&|r| r.lost));
            let (them, cut) = (answered.iter().filter(|r| r.they_hung_up).count(), answered.iter().filter(|r| r.was_cut).count());
            let _ = writeln!(text, "  hung up: {} by us, {them} by them, {cut} cut off", answered.len() - them - cut);
        }
        let mut refused = std::collections::BTreeMap::<(u16, &str), usize>::new();
        for report in self.reports.iter().filter(|report| report.status != OK) {
            *refused.entry((report.status, report.reason.as_deref().unwrap_or_default())).or_default() += 1;
        }
        for ((status, reason), count) in refused.into_iter().take(MAX_REASONS) {
            let _ = writeln!(text, "  {count} × {status} {}", reason.escape_debug());
        }
        text
    }
}

/// SIP status where nobody answered: our own time-out, or that of a proxy (RFC 3261, 21.4.9).
const TIMED_OUT: u16 = 408;
/// Reasons of refusal that are listed.
const MAX_REASONS: usize = 10;

/// A row of the summary: its name, its unit, and its value in a call.
type Row = (&'static str, &'static str, fn(&CallReport) -> Option<f64>);

const ROWS: [Row; 13] = [
    ("INVITE to ringing", "ms", |r| r.ring_ms),
    ("INVITE to pick-up", "ms", |r| r.answer_ms),
    ("pick-up to first sound", "ms", |r| r.first_sound_ms),
    ("talked", "s", |r| r.of_answered(r.talked_s)),
    ("sound sent", "s", |r| r.of_answered(r.sent_s)),
    ("sound heard", "s", |r| r.of_answered(r.heard_s)),
    ("longest silence", "s", |r| r.of_answered(r.longest_silence_s)),
    ("packets lost", "%", |r| r.of_answered(100.0 * r.lost as f64 / (r.lost + r.received).max(1) as f64)),
    ("jitter", "ms", |r| r.of_answered(r.jitter_ms)),
    ("round trip of reports", "ms", |r| r.round_trip_ms),
    ("mouth to ear", "ms", |r| r.mouth_to_ear_ms),
    ("mouth to ear and back", "ms", |r| r.echo_ms),
    ("this tester was late by", "ms", |r| r.of_answered(r.late_ms)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> CallReport {
        CallReport { status: 200, heard_s: 1.0, answer_ms: Some(5.0), ..CallReport::default() }
    }

    fn refused() -> CallReport {
        CallReport { status: 486, reason: Some("Busy Here".into()), ..CallReport::default() }
    }

    #[test]
    fn a_quantile_is_a_value_that_occurred() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.95, 0.99, 1.0].map(|share| quantile(&mut hundred, share)), [1.0, 50.0, 95.0, 99.0, 100.0].map(Some));
        assert_eq!([0.5, 0.99].map(|share| quantile(&mut [7.0], share)), [Some(7.0); 2]);
        assert_eq!(quantile(&mut [], 0.5), None);
    }

    #[test]
    fn the_verdict_says_what_went_wrong() {
        let silent = CallReport { status: 200, ..CallReport::default() };
        for (reports, wanted, verdict) in [
            (vec![good()], 1, "The call was answered and heard something."),
            (vec![good(), good()], 2, "All 2 calls were answered and heard something."),
            (vec![refused()], 1, "The call failed: it was refused."),
            (vec![CallReport { status: 408, ..refused() }], 1, "The call failed: it was never answered."),
            (vec![silent.clone()], 1, "The call failed: it was answered without any sound."),
            (vec![], 1, "The call failed: it was not placed."),
            (
                vec![good(), refused(), silent, CallReport::default()],
                6,
                "1 of 6 calls were answered and heard something: 1 refused, 1 never answered, 1 answered without any sound, 2 not placed.",
            ),
        ] {
            let summary = Summary { reports: &reports, wanted };
            assert_eq!(summary.verdict(), verdict);
            assert_eq!(summary.is_well(), reports.len() == wanted && reports.iter().all(|report| *report == good()), "{verdict}");
        }
    }

    #[test]
    fn the_text_shows_what_was_measured_and_nothing_else() {
        let slow = CallReport { answer_ms: Some(95.0), they_hung_up: true, received: 90, lost: 10, ..good() };
        let text = Summary { reports: &[good(), slow, refused(), refused()], wanted: 4 }.text();
        let has =
            |wanted: &str| assert!(text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == wanted), "{wanted}: {text}");
        has("INVITE to pick-up 5.0 ms p95 95.0 p99 95.0");
        has("packets lost 0.0 % p95 10.0 p99 10.0");
        has("packets: 90 came, 10 were lost");
        has("hung up: 1 by us, 1 by them, 0 cut off");
        has("2 × 486 Busy Here");
        assert!(!text.contains("ringing") && !text.contains("mouth"), "{text}");
        let text = Summary { reports: &[refused()], wanted: 1 }.text();
        assert_eq!(text, "The call failed: it was refused.\n  1 × 486 Busy Here\n");
    }
}
