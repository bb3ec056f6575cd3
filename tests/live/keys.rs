//! Keys of phones on live calls: by whatever number (trap 13), in the sound and by INFO.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::phones::{PATIENCE, accepts, agent, finished, in_time, on_loopback, open, outcomes, part, phone, until};
use crate::raw::{Raw, sound_of};
use segue::base::{Happening, Key, OfferOutcome, Party, StageName};
use segue::cmd::live::Running;
use segue::replay::caller;
use segue::sound::rtp::Packet;
use tokio::net::UdpSocket;

const TICK: Duration = Duration::from_millis(20);

/// A gateway whose calls go to a bot, and where `anna` is.
async fn with_bot(anna: SocketAddr) -> Running {
    let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bots/mercury.toml");
    let tables = format!(
        "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\nbot = \"mercury\"\n[bot.mercury]\nfile = \"{}\"\n[[queue]]\nname = \"service\"\n",
        bot.display()
    );
    open(&(tables + &on_loopback("") + &agent("anna", &["service"], &[anna]))).await
}

/// An offer of G.711 A-law with keys at payload type 96, as some gateways of carriers make it.
fn offer(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 96\r\n\
         a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n"
    )
}

/// A key as RFC 4733 writes it: nothing but packets of the event, three of which end it.
async fn press(rtp: &UdpSocket, to: SocketAddr, payload_type: u8, code: u8, numbers: (u16, u32)) {
    for n in 0..8_u16 {
        let duration = (n.min(5) + 1) * 160;
        let ends = if n >= 5 { 0x80 } else { 0 };
        let payload = [code, ends | 10, (duration >> 8) as u8, duration as u8];
        let packet = Packet { marker: n == 0, payload_type, sequence: numbers.0 + n, timestamp: numbers.1, ssrc: 7, payload: &payload };
        let mut datagram = [0; 64];
        let length = packet.encode(&mut datagram).unwrap();
        rtp.send_to(&datagram[..length], to).await.unwrap();
        tokio::time::sleep(TICK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_13_keys_are_understood_though_each_leg_has_another_number_for_them() {
    let (agent_phone, mut rung) = phone().await;
    let mut running = with_bot(agent_phone.local()).await;
    let mut records = running.gateway.watch();
    let anna = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        // Ours has 101.
        caller::attend(invited.leg, Duration::from_millis(100), accepts(Duration::from_millis(500), part(60))).await
    });
    let (sip, rtp) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (us, to, body) = (sip.local_addr().unwrap(), running.sip.local(), offer(rtp.local_addr().unwrap().port()));
    let request = |method: &str, cseq: u32, tag: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:1000@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK13{method}{cseq};rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@{us}>;tag=1\r\n\
             To: <sip:1000@{to}>{tag}\r\nCall-ID: trap13@test\r\nCSeq: {cseq} {method}\r\nContact: <sip:a@{us}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    sip.send_to(request("INVITE", 1, "", &body).as_bytes(), to).await.unwrap();
    let answer = in_time(answer(&sip)).await;
    assert!(answer.contains("a=rtpmap:96 telephone-event/8000") && !answer.contains("101"), "{answer}");
    let tag = answer.lines().find_map(|line| line.strip_prefix("To:")?.split_once(";tag=")).map(|(_, tag)| format!(";tag={}", tag.trim())).unwrap();
    sip.send_to(request("ACK", 1, &tag, "").as_bytes(), to).await.unwrap();
    let media = sound_of(&answer);
    until(&mut records, |h| matches!(h, Happening::StageEntered { stage: StageName::WithBot })).await;
    press(&rtp, media, 96, 0, (100, 8_000)).await;
    until(&mut records, |h| matches!(h, Happening::KeyPressed { who: Party::Caller, .. })).await;
    until(&mut records, |h| matches!(h, Happening::OfferSettled { .. })).await;
    sip.send_to(request("BYE", 2, &tag, "").as_bytes(), to).await.unwrap();
    anna.await.unwrap();
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [("anna".to_owned(), OfferOutcome::Accepted)]);
}

async fn answer(sip: &UdpSocket) -> String {
    let mut datagram = [0; 4_096];
    loop {
        let length = sip.recv(&mut datagram).await.unwrap();
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        if text.starts_with("SIP/2.0 200") {
            return text;
        }
    }
}

/// Phones that press keys in their sound and by INFO send each both ways.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_in_the_sound_and_by_info_counts_once_each_time_it_is_pressed() {
    let (agent_phone, _rung) = phone().await;
    let mut running = with_bot(agent_phone.local()).await;
    let mut records = running.gateway.watch();
    let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = rtp.local_addr().unwrap().port();
    let mut caller = Raw::new(running.sip.local(), "caller").patient(PATIENCE.as_secs());
    let media = sound_of(&caller.calls("", port));
    until(&mut records, |h| matches!(h, Happening::StageEntered { stage: StageName::WithBot })).await;
    for n in 0..3_u16 {
        caller.presses('5');
        press(&rtp, media, 101, 5, (100 + 20 * n, 8_000 * (1 + u32::from(n)))).await;
        caller.expect("SIP/2.0 200");
    }
    // Once this one is there, all before it are.
    press(&rtp, media, 101, 6, (200, 80_000)).await;
    let six = Key::new('6');
    until(&mut records, |h| matches!(h, Happening::KeyPressed { key, .. } if *key == six)).await;
    caller.ask("BYE", "", "");
    caller.expect("SIP/2.0 200");
    let finished = finished(&mut running).await;
    let pressed = finished.records.iter().filter_map(|record| match &record.kind {
        Happening::KeyPressed { who: Party::Caller, key: Some(key) } => Some(*key),
        _ => None,
    });
    let keys = ['5', '5', '5', '6'].map(|label| Key::new(label).unwrap());
    assert_eq!(pressed.collect::<Vec<_>>(), keys);
}
