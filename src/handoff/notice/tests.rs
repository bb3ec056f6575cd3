use super::*;

fn notices(text: &str) -> Notices {
    let tables = BTreeMap::from([("n".to_owned(), NoticeTable { text: text.into(), ..NoticeTable::default() })]);
    Notices::new(&tables, "notice").expect("the notice of a test is right")
}

fn phrases(wording: &Wording) -> Vec<&str> {
    wording
        .0
        .iter()
        .map(|p| match p {
            Phrase::Text(text) | Phrase::Prompt { text, .. } => text.as_str(),
        })
        .collect()
}

#[test]
fn sentences_with_something_unknown_are_left_out() {
    let notices = Notices::new(&BTreeMap::new(), "notice").expect("the defaults are right");
    let nothing = NoticeFacts::default();
    assert_eq!(notices.wording(TRANSFER, &nothing).words(), "All right, I am getting a person for you. Please stay on the line.");
    let facts = NoticeFacts { position: Some(2), wait_s: Some(100.0), ..nothing.clone() };
    assert_eq!(
        notices.wording(TRANSFER, &facts).words(),
        "All right, I am getting a person for you. You are number two in line. It should take less than two minutes. Please stay on the line."
    );
    assert_eq!(notices.wording(CONNECTING, &nothing).words(), "Thank you for waiting.");
    assert!(notices.wording("no such notice", &nothing).is_empty());
}

#[test]
fn every_default_notice_says_something_with_nothing_known() {
    let notices = Notices::new(&BTreeMap::new(), "notice").expect("the defaults are right");
    assert!(notices.names().all(|name| !notices.wording(name, &NoticeFacts::default()).is_empty()));
    assert!(
        [
            TRANSFER,
            OFFER,
            CONNECTING,
            STILL_WAITING,
            NOBODY_CALLBACK,
            NOBODY_MESSAGE,
            NOBODY_BOT,
            NOBODY_TICKET,
            MESSAGE_THANKS,
            DECLINED,
            RESUMED,
            AGENT_LOST,
            GOODBYE
        ]
        .iter()
        .all(|n| notices.has(n))
    );
}

#[test]
fn fixed_pieces_and_values_are_phrases_of_their_own() {
    let facts = NoticeFacts { queue: Some("Billing".into()), wait_s: Some(400.0), ..NoticeFacts::default() };
    let wording = notices("One moment. {queue} will take {wait}, or so. Wait at 9.30 a.m. please!").wording("n", &facts);
    assert_eq!(phrases(&wording), ["One moment.", "Billing", "will take", "less than ten minutes,", "or so.", "Wait at 9.30 a.m.", "please!"]);
}

#[test]
fn what_is_known_beforehand_can_be_synthesized_ahead() {
    let notices = notices("Hold on. {queue} takes {wait}.");
    let ahead = notices.fixed(&["Billing".into()]);
    let facts = NoticeFacts { queue: Some("Billing".into()), wait_s: Some(100.0), ..NoticeFacts::default() };
    for phrase in notices.wording("n", &facts).0 {
        assert!(ahead.contains(&Wording(vec![phrase.clone()])), "{phrase:?}");
    }
    for name in [TRANSFER, OFFER, STILL_WAITING, RESUMED] {
        let facts = NoticeFacts { position: Some(20), wait_s: Some(9_000.0), ..NoticeFacts::default() };
        assert!(notices.wording(name, &facts).0.into_iter().all(|p| ahead.contains(&Wording(vec![p]))), "{name}");
    }
}

#[test]
fn a_recording_comes_before_the_text() {
    let table = NoticeTable { prompt: Some("one-moment".into()), prompt_text: "One moment.".into(), text: "You are number {position}.".into() };
    let notices = Notices::new(&BTreeMap::from([(TRANSFER.to_owned(), table)]), "notice").expect("it is right");
    let said = notices.wording(TRANSFER, &NoticeFacts { position: Some(1), ..NoticeFacts::default() });
    assert_eq!(said.0[0], Phrase::Prompt { name: "one-moment".into(), text: "One moment.".into() });
    assert_eq!(said.words(), "One moment. You are number one.");
}

#[test]
fn a_wait_is_spoken_as_an_upper_bound() {
    for (wait_s, told) in [
        (0.0, Some("less than one minute")),
        (60.0, Some("less than one minute")),
        (60.1, Some("less than two minutes")),
        (3_601.0, Some("more than one hour")),
        (f64::NAN, None),
        (f64::INFINITY, None),
    ] {
        assert_eq!(spoken_wait(wait_s), told, "{wait_s}");
    }
}

#[test]
fn mistakes_are_named_by_key() {
    let table = |text: &str, prompt: Option<&str>, prompt_text: &str| NoticeTable {
        text: text.into(),
        prompt: prompt.map(str::to_owned),
        prompt_text: prompt_text.into(),
    };
    let tables = BTreeMap::from([
        ("a".to_owned(), table("Wait {until}.", None, "")),
        ("b".to_owned(), table("Wait {wait.", None, "")),
        ("c".to_owned(), table("Wait }.", None, "")),
        ("d".to_owned(), table("", None, "")),
        ("e".to_owned(), table("", Some("../secret.wav"), "")),
        ("f".to_owned(), table("Hello {{you}}.", None, "words of nothing")),
    ]);
    let problems = Notices::new(&tables, "notice").expect_err("they are full of mistakes");
    let keys: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["notice.a.text", "notice.b.text", "notice.c.text", "notice.d.text", "notice.e.prompt", "notice.f.prompt_text"]);
    assert!(problems.0[0].what.contains("{position}"), "{}", problems.0[0].what);
}
