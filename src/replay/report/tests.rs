use super::*;
use crate::base::Record;
use crate::replay::expect::Unmet;
use crate::replay::result::tests::object;
use crate::store::story::fixture;

/// Sound for a story: each turn is a voice-like tone on its speaker's side.
fn sound(story: &Story, secs: f64) -> (Peaks, Option<Vec<u8>>) {
    let rate = 8_000;
    let samples = (secs * f64::from(rate)) as usize;
    let (mut sides, mut noise) = ([vec![0i16; samples], vec![0i16; samples]], 1u32);
    for turn in &story.turns {
        let side = usize::from(turn.who != crate::base::Party::Caller);
        let (from, to) = (turn.start.as_secs_f64() * f64::from(rate), turn.end.as_secs_f64() * f64::from(rate));
        let span = from as usize..(to as usize).min(samples);
        for (n, sample) in sides[side].iter_mut().enumerate().take(span.end).skip(span.start) {
            let t = n as f64 / f64::from(rate);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise >> 16) / 32_768.0 - 1.0;
            let syllables = (t * 24.0).sin().abs() * (0.55 + 0.45 * (t * 3.1).sin());
            *sample = (((t * 900.0).sin() * 0.7 + hiss * 0.3) * syllables * 9_000.0) as i16;
        }
    }
    let (mut peaks, mut sound) = (Peaks::new(rate), ReportSound::new(rate));
    for (caller, served) in sides[0].chunks(160).zip(sides[1].chunks(160)) {
        peaks.push(caller, served);
        sound.push(caller, served);
    }
    (peaks, sound.finish())
}

fn report(records: &[Record], recognizer: Option<&str>, judgement: &Judgement) -> String {
    let story = Story::tell(records);
    let object = object(records);
    let (peaks, sound) = sound(&story, object.call_s);
    let thresholds = [Threshold { trigger: "upset".into(), score: 0.6 }];
    let goals = Goals { time_to_human: Some(5_000.0), pick_up_gap: Some(500.0), ..Goals::default() };
    let (thresholds, sound) = (&thresholds[..], sound.as_deref());
    render(&ReportInput { object: &object, story: &story, peaks: &peaks, sound, thresholds, goals, recognizer, judgement })
}

fn judgement() -> Judgement {
    Judgement {
        expected: true,
        unmet: vec![Unmet {
            key: "expect.by_s".into(), sentence: "expected a handoff by 20.0 s, “upset” fired at 25.4 s for raised_volume".into()
        }],
        malformed: Vec::new(),
        differences: Some(vec!["trigger “upset” fired at 0:19.0, now at 0:25.4 (+6.4 s)".into()]),
    }
}

#[test]
fn every_story_has_a_report() {
    let nothing = Judgement::default();
    let pages = [
        ("bridged", report(&fixture::bridged(), Some("pocketsphinx"), &judgement())),
        (
            "contained",
            report(&fixture::contained(), Some("pocketsphinx"), &Judgement { expected: true, differences: Some(vec![]), ..nothing.clone() }),
        ),
        ("declined", report(&fixture::declined(), None, &nothing)),
        ("shadow", report(&fixture::shadow(), Some("pocketsphinx"), &nothing)),
        ("abandoned", report(&fixture::abandoned(), Some("pocketsphinx"), &nothing)),
        ("empty", report(&[], None, &nothing)),
    ];
    for (name, page) in pages {
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{name}");
        assert!(!page.contains("{{"), "{name} has an open place");
        keep(name, &page);
    }
}

/// Writes the page where `SEGUE_REPORTS` names a directory, to be looked at.
fn keep(name: &str, page: &str) {
    if let Some(dir) = std::env::var_os("SEGUE_REPORTS") {
        std::fs::write(std::path::Path::new(&dir).join(format!("{name}.html")), page).expect("the directory can be written");
    }
}

#[test]
fn a_callers_words_never_become_markup() {
    let evil = "<img src=x onerror=alert(1)> </script><script>alert(2)</script> <!-- {{script}} & \u{2028}";
    let mut journal = fixture::Journal::new();
    journal.begin().turn(crate::base::Party::Caller, 1.0, 2.0, evil);
    journal.signal(SignalKind::Request, 1.0, 2.0, (1.0, "count", 0.9), evil);
    journal.trigger(2.0, (evil, "request"), Mode::Act, crate::base::Asked::Transfer, evil);
    journal.offer(2.1, 0, evil, json!({"headline": evil, evil: evil}));
    let judgement = Judgement { unmet: vec![Unmet { key: String::new(), sentence: evil.into() }], ..Judgement::default() };
    let page = report(&journal.records, Some(evil), &judgement);
    keep("evil", &page);
    assert!(!page.contains("<img") && !page.contains("alert(2)</script>") && !page.contains('\u{2028}'));
    assert_eq!(page.matches("<script").count(), 3, "only the page's own");
    assert_eq!(page.matches("</script>").count(), 3);
    let data = page.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>")).expect("it is there").0;
    let data: Value = serde_json::from_str(data).expect("it is JSON");
    assert_eq!(data["object"]["turns"][0]["text"], evil, "and comes back as it was said");
}

#[test]
fn nothing_runs_or_loads_but_the_page_itself() {
    let page = report(&fixture::bridged(), Some("pocketsphinx"), &Judgement::default());
    for forbidden in
        ["http://", "https://", "unsafe-inline", "unsafe-eval", "innerHTML", "insertAdjacentHTML", "document.write", " style=\"", " onclick="]
    {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(forbidden);
        assert!(!found, "the page has {forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
}

/// Eight hours with a turn every ten seconds and a signal every minute.
fn shift() -> Vec<Record> {
    let mut journal = fixture::Journal::new();
    journal.begin().stage(0.5, crate::base::StageName::WithBot);
    for n in 0..2_880 {
        let at = f64::from(n) * 10.0;
        let who = if n % 2 == 0 { crate::base::Party::Caller } else { crate::base::Party::Bot };
        journal.turn(who, at + 1.0, at + 6.0, "and what about the other order that i made last week");
        if n % 6 == 0 {
            journal.signal(SignalKind::Repeat, at + 1.0, at + 6.0, (0.9, "share", 0.3), "Said the same again.");
        }
        for s in (0..10).map(f64::from) {
            journal.score(at + s, 0.3 - s * 0.01, &[]);
        }
    }
    journal.end(28_800.0, crate::base::CallOutcome::Contained, crate::base::EndedBy::Caller);
    journal.records
}

#[test]
fn a_long_call_links_its_sound_and_stays_small() {
    let records = shift();
    let (story, object) = (Story::tell(&records), object(&records));
    let mut peaks = Peaks::new(100);
    (0..28_800).for_each(|n| peaks.push(&[(n % 300) as i16 * 20; 100], &[-90; 100]));
    let judgement = Judgement::default();
    let input = ReportInput {
        object: &object,
        story: &story,
        peaks: &peaks,
        sound: None,
        thresholds: &[],
        goals: Goals::default(),
        recognizer: None,
        judgement: &judgement,
    };
    let page = render(&input);
    keep("long", &page);
    assert!(page.contains(r#""embedded":false"#) && page.contains(r#""href":"call.wav""#));
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}
