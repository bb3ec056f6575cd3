//! Live calls over loopback: a caller, the gateway, and agents on SIP phones, in real time.
//!
//! Entries here have no bot, so that a call goes straight to its queue and a test takes seconds.

use std::path::Path;
use std::time::Duration;

use crate::likeness::{read, speech};
use crate::peers::until_so;
use crate::phones::{PATIENCE, accepts, call, dialling, finished, gateway, gateway_with, in_time, outcomes, part, phone, phone_with, tone};
use segue::base::{EndedBy, Frame, HandoffClock, Happening, LegId, Network, OfferOutcome, Party, Purpose, Rate, SignalKind};
use segue::cmd::live;
use segue::edge::sip::SipEdge;
use segue::edge::{LegCommand, LegEvent, Wire};
use segue::replay::caller::{self, Part};
use segue::sound::codec::{Codec, Encoder, MAX_ENCODED};
use segue::sound::recording::ChannelChoice;
use segue::sound::rtp::Packet;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_bridged_to_an_agent_who_takes_the_call_by_key() {
    let words = &speech(&["gets-loud"])[..12_000];
    let said: Vec<i16> = [words, &[0; 8_000]].concat().repeat(4);
    for (codec, transport) in [(Codec::Pcma, ""), (Codec::Pcmu, ";transport=tcp")] {
        let (agent, mut rung) = phone_with(vec![codec]).await;
        let (caller_phone, _rung) = phone().await;
        let mut running = gateway(&[agent.local()], "").await;
        let target = format!("sip:1000@{}{transport}", running.sip.local());
        let talks = |secs| Part { recording: said.clone().into(), ..part(secs) };
        let theirs = talks(30);
        let agent = tokio::spawn(async move {
            let invited = in_time(rung.recv()).await.unwrap();
            let key = invited.data.iter().find(|(name, _)| name == "user_to_user").map(|(_, key)| key.0.clone()).unwrap();
            assert!(key.ends_with(".0") && key.len() == 38, "the key of the first handoff's packet: {key}");
            caller::attend(invited.leg, Duration::from_millis(300), accepts(Duration::from_millis(2_500), theirs)).await
        });
        let heard = call(&caller_phone, &target, codec, talks(9)).await;
        let agent = in_time(agent).await.unwrap();
        let finished = finished(&mut running).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        assert!(heard.longest_silence_s < 2.0, "the caller is never left in silence: {heard:?}");
        assert!(heard.heard_s > 2.0 && agent.heard_s > 2.0, "{heard:?} {agent:?}");
        assert!(agent.they_hung_up, "the agent's phone is told that the caller has left");
        assert_eq!(outcomes(&finished), [("agent-1".to_owned(), OfferOutcome::Accepted)]);
        let object = live::object(&finished);
        let handoff = &object.handoffs[0];
        assert!(handoff.bridged_s.is_some() && handoff.t_s[1].is_some() && handoff.t_s[3].is_some(), "{handoff:?}");
        assert!(handoff.clocks_ms.as_ref().is_some_and(|clocks| clocks.bridge_gap.is_some_and(|gap| gap <= 40.0)), "{handoff:?}");
        assert_eq!(handoff.ended_by, Some(EndedBy::Caller));
        let forwarded: Vec<u64> = finished.network.iter().map(|(_, stats)| stats.forwarded).collect();
        assert!(forwarded.len() == 2 && forwarded.iter().all(|n| *n > 20), "equal codecs are passed on as they come: {forwarded:?}");
        let is_heard = |who| object.turns.iter().any(|turn| turn.who == who && handoff.bridged_s.is_some_and(|bridged| turn.end_s > bridged));
        assert!(is_heard(Party::Caller) && is_heard(Party::Agent), "both are still listened to, though there never was a bot: {:?}", object.turns);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_raises_their_voice_is_noticed_while_their_sound_is_passed_on_as_it_comes() {
    let recording = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls/gets-loud.flac"), ChannelChoice::Left);
    let pause = [0; 9_600];
    // Three calm turns and two loud ones.
    let turns = [(12_000, 36_000), (60_000, 71_200), (95_000, 106_400), (196_000, 213_600), (236_800, 247_600)];
    let said: Vec<i16> = turns.iter().flat_map(|(from, to)| [&pause, &recording[*from..*to]].concat()).collect();
    let (agent, mut rung) = phone().await;
    let (caller_phone, _rung) = phone().await;
    let mut running = gateway(&[agent.local()], "").await;
    let agent = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        caller::attend(invited.leg, Duration::from_millis(100), accepts(Duration::from_millis(300), part(60))).await
    });
    let heard = call(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu, Part { recording: said.into(), ..part(20) }).await;
    assert!(heard.status == 200 && in_time(agent).await.unwrap().heard_s > 5.0, "{heard:?}");
    let finished = finished(&mut running).await;
    let at = |what: &dyn Fn(&Happening) -> bool| finished.records.iter().filter(|r| what(&r.kind)).map(|r| r.at.as_secs_f64()).collect::<Vec<_>>();
    let bridged = at(&|kind| matches!(kind, Happening::ClockReached { clock: HandoffClock::T5, .. }))[0];
    let loud = at(&|kind| matches!(kind, Happening::SignalHeard { who: Party::Caller, signal: SignalKind::RaisedVolume, .. }));
    // The first loud turn begins after 10.3 s.
    assert!(loud.len() == 2 && loud.iter().all(|loud| *loud > bridged.max(10.3)), "{bridged} {loud:?}");
    let of_caller = finished.network.iter().find(|(leg, _)| *leg == LegId::CALLER).map(|(_, network)| network.forwarded);
    assert!(of_caller.is_some_and(|packets| packets > 700), "{of_caller:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_is_dialled_over_a_trunk_takes_the_call_by_key() {
    let (carrier, mut rung) = phone().await;
    let number = "tel:+4930123456";
    let mut tables = format!("[[trunk]]\nname = \"carrier\"\nserver = \"sip:{}\"\n[[agent]]\nname = \"anna\"\n", carrier.local());
    tables += &format!("[[phone]]\nagent = \"anna\"\ncontact = \"{number}\"\ntrunks = [\"carrier\"]\n");
    let mut running = gateway(&[], &tables).await;
    let anna = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        let called = invited.called.clone();
        (called, caller::attend(invited.leg, Duration::from_millis(300), accepts(Duration::from_millis(500), part(60))).await)
    });
    let (caller_phone, _rung) = phone().await;
    let heard = call(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu, part(6)).await;
    let (called, anna) = in_time(anna).await.unwrap();
    assert_eq!(called, "+4930123456");
    assert!(anna.they_hung_up && anna.heard_s > 2.0 && heard.heard_s > 2.0, "{anna:?} {heard:?}");
    assert_eq!(outcomes(&finished(&mut running).await), [("anna".to_owned(), OfferOutcome::Accepted)]);
}

/// The share of a sound's power between 4.5 and 7.5 kHz, of 20 ms frames at 16 kHz.
fn high_share(samples: &[f64]) -> f64 {
    let (mut high, mut all) = (0.0, 0.0);
    for frame in samples.chunks_exact(320).filter(|frame| frame.iter().any(|x| x.abs() > 500.0)) {
        all += frame.iter().map(|x| x * x).sum::<f64>() * 160.0;
        for bin in 90..150 {
            let turn = std::f64::consts::TAU * f64::from(bin) / 320.0;
            let (re, im) = frame.iter().zip(0..).fold((0.0, 0.0), |(re, im), (x, n)| {
                let at = turn * f64::from(n);
                (re + x * at.cos(), im + x * at.sin())
            });
            high += re * re + im * im;
        }
    }
    high / f64::max(all, 1.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_in_wide_band_hears_wide_band_though_the_agent_has_not() {
    let (agent, mut rung) = phone_with(vec![Codec::Pcmu]).await;
    let (caller_phone, _rung) = phone().await;
    let kept = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wide-{}", uuid::Uuid::now_v7()));
    let recordings = format!("[gateway]\nrecordings = \"{}\"\n", kept.display());
    let mut running = gateway_with("codecs = [\"g722\", \"pcmu\"]", &[agent.local()], &recordings).await;
    let target = format!("sip:1000@{}", running.sip.local());
    let agent = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        assert_eq!(invited.rate, Rate::Hz8000);
        caller::attend(invited.leg, Duration::from_millis(300), accepts(Duration::from_millis(2_500), part(30))).await
    });
    let heard = call(&caller_phone, &target, Codec::G722, part(9)).await;
    let agent = in_time(agent).await.unwrap();
    let finished = finished(&mut running).await;
    assert!(heard.heard_s > 4.0 && agent.heard_s > 4.0, "{heard:?} {agent:?}");
    assert_eq!(outcomes(&finished), [("agent-1".to_owned(), OfferOutcome::Accepted)]);
    let mut wav = hound::WavReader::open(finished.dir.unwrap().join("call.wav")).unwrap();
    assert_eq!(wav.spec().sample_rate, 16_000);
    let samples: Vec<f64> = wav.samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect();
    let second = |n: usize| 2 * 16_000 * n;
    let notice: Vec<f64> = samples[..second(3)].iter().skip(1).step_by(2).copied().collect();
    assert!(high_share(&notice) > 0.002, "of the notice {} is above 4.5 kHz", high_share(&notice));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_never_gets_a_caller_and_who_is_busy_is_passed_over() {
    let (busy, mut busy_rung) = phone().await;
    let (voicemail, mut voicemail_rung) = phone().await;
    let (person, mut person_rung) = phone().await;
    let (caller_phone, _rung) = phone().await;
    let mut running = gateway(&[busy.local(), voicemail.local(), person.local()], "").await;
    let target = format!("sip:1000@{}", running.sip.local());
    tokio::spawn(async move {
        let invited = in_time(busy_rung.recv()).await.unwrap();
        invited.leg.commands.send(LegCommand::Refuse { status: 486, retry_after_s: None, contact: None }).await.unwrap();
    });
    let machine = tokio::spawn(async move {
        let invited = in_time(voicemail_rung.recv()).await.unwrap();
        caller::attend(invited.leg, Duration::from_millis(100), part(40)).await
    });
    let taker = tokio::spawn(async move {
        let invited = in_time(person_rung.recv()).await.unwrap();
        caller::attend(invited.leg, Duration::from_millis(100), accepts(Duration::from_millis(1_500), part(40))).await
    });
    let heard = call(&caller_phone, &target, Codec::Pcmu, part(18)).await;
    let (machine, taker) = (machine.await.unwrap(), taker.await.unwrap());
    let finished = finished(&mut running).await;
    let settled = outcomes(&finished);
    assert!(settled.contains(&("agent-1".to_owned(), OfferOutcome::Declined)), "{settled:?}");
    assert!(settled.contains(&("agent-2".to_owned(), OfferOutcome::Unanswered)), "{settled:?}");
    assert!(settled.contains(&("agent-3".to_owned(), OfferOutcome::Accepted)), "{settled:?}");
    assert!(machine.they_hung_up && machine.talked_s < 9.0, "{machine:?}");
    assert!(taker.heard_s > 3.0 && heard.longest_silence_s < 2.5, "{taker:?} {heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_while_it_rings_ends_the_ringing() {
    let (agent, mut rung) = phone().await;
    let (caller_phone, _rung) = phone().await;
    let mut running = gateway(&[agent.local()], "").await;
    let target = format!("sip:1000@{}", running.sip.local());
    let agent = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        caller::attend(invited.leg, PATIENCE, part(40)).await
    });
    call(&caller_phone, &target, Codec::Pcmu, part(2)).await;
    let agent = in_time(agent).await.unwrap();
    assert!(agent.they_hung_up && agent.status == 0, "{agent:?}");
    let finished = finished(&mut running).await;
    assert_eq!(outcomes(&finished), [("agent-1".to_owned(), OfferOutcome::Withdrawn)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_can_not_be_served_are_refused_with_the_reason() {
    let (caller_phone, _rung) = phone().await;
    let running = gateway(&[], "[gateway]\nmax_calls = 1\n").await;
    let at = running.sip.local();
    let nobody = call(&caller_phone, &format!("sip:9999@{at}"), Codec::Pcmu, part(1)).await;
    assert_eq!(nobody.status, 404, "no entry has the number: {nobody:?}");
    let g722 = call(&caller_phone, &format!("sip:1000@{at}"), Codec::G722, part(1)).await;
    assert_eq!(g722.status, 488, "no codec in common: {g722:?}");
    let target = format!("sip:1000@{at}");
    let first = {
        let (caller_phone, target) = (caller_phone.clone(), target.clone());
        tokio::spawn(async move { call(&caller_phone, &target, Codec::Pcmu, part(4)).await })
    };
    until_so("the call", || running.gateway.active() > 0).await;
    let second = call(&caller_phone, &target, Codec::Pcmu, part(1)).await;
    assert_eq!(second.status, 503, "no room: {second:?}");
    assert_eq!(first.await.unwrap().status, 200);
    running.sip.drain();
    let late = call(&caller_phone, &target, Codec::Pcmu, part(1)).await;
    assert_eq!(late.status, 503, "it shuts down: {late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_shutdown_running_calls_are_told_and_ended() {
    let (caller_phone, _rung) = phone().await;
    let mut running = gateway(&[], "[gateway]\ndrain_secs = 0.0\n").await;
    let target = format!("sip:1000@{}", running.sip.local());
    let calling = tokio::spawn(async move { call(&caller_phone, &target, Codec::Pcmu, part(50)).await });
    until_so("the call", || running.gateway.active() > 0).await;
    running.sip.drain();
    running.gateway.drain().await;
    assert_eq!(running.gateway.active(), 0);
    let heard = calling.await.unwrap();
    assert!(heard.talked_s < 40.0, "{heard:?}");
    finished(&mut running).await;
}

/// A call that was let in by the edge a moment before the shutdown, and reaches the gateway after it.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_calls_have_been_ended_is_refused_and_not_forgotten() {
    let (caller_phone, _rung) = phone().await;
    let running = gateway(&[], "").await;
    running.gateway.shut_down().await;
    let late = call(&caller_phone, &format!("sip:1000@{}", running.sip.local()), Codec::Pcmu, part(1)).await;
    assert_eq!((late.status, running.gateway.active()), (503, 0), "{late:?}");
}

/// An edge that is closed right after its calls were ended still tells their callers.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_goodbye_is_said_before_the_edge_is_closed() {
    let (caller_phone, _rung) = phone().await;
    let running = gateway(&[], "[gateway]\ndrain_secs = 0.0\n").await;
    let target = format!("sip:1000@{}", running.sip.local());
    let calling = tokio::spawn(async move { call(&caller_phone, &target, Codec::Pcmu, part(50)).await });
    while running.gateway.active() == 0 {
        tokio::task::yield_now().await;
    }
    running.sip.drain();
    running.gateway.drain().await;
    running.sip.close().await;
    let heard = calling.await.unwrap();
    assert!(heard.they_hung_up && heard.talked_s < 40.0, "{heard:?}");
}

/// baresip hangs up on a 200 whose `Contact` has no scheme.
#[tokio::test(flavor = "multi_thread")]
async fn the_contact_of_an_answer_is_a_whole_uri() {
    let running = gateway(&[], "").await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (us, gateway) = (socket.local_addr().unwrap(), running.sip.local());
    let sdp = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n", us.port());
    let invite = format!(
        "INVITE sip:1000@{gateway} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKwhole;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@{us}>;tag=1\r\n\
         To: <sip:1000@{gateway}>\r\nCall-ID: whole@test\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{us}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    socket.send_to(invite.as_bytes(), gateway).await.unwrap();
    let answered = async {
        let mut datagram = [0; 4_096];
        loop {
            let length = socket.recv(&mut datagram).await.unwrap();
            let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
            if text.starts_with("SIP/2.0 200") {
                return text;
            }
        }
    };
    let answer = in_time(answered).await;
    let contact = answer.lines().find(|line| line.starts_with("Contact:")).unwrap();
    assert!(contact.contains(&format!("<sip:segue@{gateway}")), "{contact}");
}

/// A caller without a phone: sends a tone packet by packet for so long, and gives the packets that came until the end.
async fn bare_caller(sip: &SipEdge, target: String, talks: Duration) -> Vec<(u32, u16, u32)> {
    let mut leg = sip.dial(dialling(sip, &target, Codec::Pcma));
    let mut media = None;
    loop {
        match in_time(leg.events.recv()).await.unwrap() {
            LegEvent::Media { plan, wire: Some(Wire::Sockets(sockets)) } => media = Some((plan, sockets)),
            LegEvent::Answered => break,
            _ => {}
        }
    }
    let (plan, sockets) = media.unwrap();
    let frame = Frame::from_samples(Rate::Hz8000, &tone(1)[..160]);
    let mut payload = [0; MAX_ENCODED];
    let length = Encoder::new(Codec::Pcma, Rate::Hz8000).unwrap().encode(&frame, &mut payload);
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let (mut came, mut datagram) = (Vec::new(), [0; 400]);
    for n in 0u32.. {
        tokio::select! {
            _ = ticks.tick() => {}
            event = leg.events.recv() => match event {
                Some(LegEvent::Gone(_)) | None => break,
                Some(_) => {}
            },
        }
        while let Ok(length) = sockets.rtp.recv(&mut datagram) {
            came.extend(Packet::parse(&datagram[..length]).map(|packet| (packet.ssrc, packet.sequence, packet.timestamp)));
        }
        if Duration::from_millis(20) * n < talks {
            let packet = Packet { marker: n == 0, payload_type: 8, sequence: n as u16, timestamp: n * 160, ssrc: 5, payload: &payload[..length] };
            let length = packet.encode(&mut datagram).unwrap();
            sockets.rtp.send_to(&datagram[..length], plan.remote).unwrap();
        }
    }
    came
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_gets_one_stream_through_notice_music_and_bridge_and_is_lost_when_nothing_comes_from_them() {
    let (agent, mut rung) = phone_with(vec![Codec::Pcma]).await;
    let (caller_phone, _rung) = phone().await;
    let more = "[gateway]\nmedia_timeout_secs = 2.0\n[notice.transfer]\ntext = \"One moment.\"\n";
    let mut running = gateway(&[agent.local()], more).await;
    let target = format!("sip:1000@{}", running.sip.local());
    let agent = tokio::spawn(async move {
        let invited = in_time(rung.recv()).await.unwrap();
        caller::attend(invited.leg, Duration::from_millis(300), accepts(Duration::from_secs(4), part(30))).await
    });
    let came = in_time(bare_caller(&caller_phone, target, Duration::from_secs(11))).await;
    let finished = finished(&mut running).await;
    let agent = in_time(agent).await.unwrap();
    assert!(came.len() > 500 && came.iter().all(|(ssrc, ..)| *ssrc == came[0].0), "one source");
    for pair in came.windows(2) {
        let [(_, before, earlier), (_, after, later)] = [pair[0], pair[1]];
        assert_eq!(after, before.wrapping_add(1), "no number is left out or used twice");
        let step = later.wrapping_sub(earlier);
        assert!(step >= 160 && step.is_multiple_of(160) && step <= 8_000, "the clock goes on: {step}");
    }
    let purposes: Vec<Purpose> = finished
        .records
        .iter()
        .filter_map(|record| match &record.kind {
            Happening::PlaybackStarted { leg: LegId::CALLER, purpose, .. } => Some(*purpose),
            _ => None,
        })
        .collect();
    assert!(purposes.contains(&Purpose::Notice) && purposes.contains(&Purpose::Music), "{purposes:?}");
    assert!(agent.they_hung_up && agent.heard_s > 2.0, "{agent:?}");
    assert!(finished.records.iter().any(|r| matches!(r.kind, Happening::CallEnded { by: EndedBy::LostMedia, .. })), "{:?}", finished.records.last());
    let networks: Vec<(LegId, &Network)> = finished
        .records
        .iter()
        .filter_map(|record| match &record.kind {
            Happening::NetworkMeasured { leg, network } => Some((*leg, network)),
            _ => None,
        })
        .collect();
    let of_caller = networks.iter().find(|(leg, _)| *leg == LegId::CALLER).unwrap().1;
    let of_agent = networks.iter().find(|(leg, _)| *leg != LegId::CALLER).unwrap().1;
    assert!(of_caller.codec == "PCMA" && of_caller.received >= 500 && of_caller.forwarded > 50, "{of_caller:?}");
    assert!(of_agent.peer.is_some_and(|peer| peer.lost < 0.1), "the agent's phone has said how we sound: {of_agent:?}");
}
