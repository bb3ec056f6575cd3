//! Session timers (RFC 4028): both sides agree on how long a call stands without a sign of life, and on who gives it.

use rsipstack::sip::{Header, Headers};
use std::time::Duration;

use super::params::{parameter, split};
use super::peer::{Peer, named};

/// A refresh is sent when half of the time is over (RFC 4028, 10).
const REFRESH_AT: f64 = 0.5;
/// Whoever waits for a refresh gives up so long before the end, or a third of the time (RFC 4028, 10).
const GIVE_UP_BEFORE: Duration = Duration::from_secs(32);

/// What we ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Seconds; 0 to ask for nothing.
    pub secs: u32,
    /// The shortest that we take, in s.
    pub min_secs: u32,
}

/// What is agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// The session is over so long after the last refresh.
    pub interval: Duration,
    /// We send the refreshes.
    pub we_refresh: bool,
}

/// The peer asks for less than we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooShort;

impl Session {
    /// When to act after a refresh: to send the next one, or to give up waiting for it.
    pub fn acts_after(&self) -> Duration {
        if self.we_refresh { self.interval.mul_f64(REFRESH_AT) } else { self.interval - GIVE_UP_BEFORE.min(self.interval / 3) }
    }

    fn secs(&self) -> u64 {
        self.interval.as_secs()
    }
}

/// `Session-Expires` as it is written: seconds, and who refreshes (`uac` or `uas`).
fn read(headers: &Headers) -> Option<(u32, Option<String>)> {
    let value = named(headers, "session-expires").next()?;
    let mut parts = split(value, ';').into_iter();
    let secs = parts.next()?.parse().ok()?;
    let refresher = parts.filter_map(parameter).find(|(name, _)| name == "refresher").and_then(|(_, value)| value);
    Some((secs, refresher.map(|refresher| refresher.to_ascii_lowercase())))
}

/// The shortest time that a peer takes, in s.
pub(super) fn min_secs(headers: &Headers) -> Option<u32> {
    named(headers, "min-se").next()?.split(';').next()?.trim().parse().ok()
}

/// Agrees to what an INVITE or UPDATE of the peer asks for; `None` if there is to be no timer.
///
/// # Errors
/// It asks for less than we take: 422 with [`too_short`].
pub(super) fn agree(headers: &Headers, wishes: Wishes) -> Result<Option<Session>, TooShort> {
    let knows = Peer::read(headers).knows("timer");
    let (secs, refresher) = match read(headers) {
        Some((secs, _)) if secs < wishes.min_secs && knows => return Err(TooShort),
        Some((secs, refresher)) => (secs.max(wishes.min_secs), refresher),
        None if knows && wishes.secs > 0 => (wishes.secs.max(min_secs(headers).unwrap_or_default()), Some("uas".into())),
        None => return Ok(None),
    };
    // A peer that does not know timers can't refresh.
    let we_refresh = !knows || refresher.as_deref() == Some("uas");
    Ok(Some(Session { interval: Duration::from_secs(u64::from(secs)), we_refresh }))
}

/// What our answer says of it.
pub(super) fn in_answer(session: &Session, peer_knows: bool) -> Vec<Header> {
    let refresher = if session.we_refresh { "uas" } else { "uac" };
    let mut headers = vec![Header::SessionExpires(format!("{};refresher={refresher}", session.secs()).into())];
    if peer_knows {
        headers.push(Header::Require("timer".into()));
    }
    headers
}

/// What our request says of it: the first one what we wish for, a refresh what is agreed on.
pub(super) fn in_request(secs: u64, we_refresh: Option<bool>, wishes: Wishes) -> Vec<Header> {
    let refresher = we_refresh.map_or("", |we| if we { ";refresher=uac" } else { ";refresher=uas" });
    vec![Header::SessionExpires(format!("{secs}{refresher}").into()), Header::MinSE(wishes.min_secs.to_string().into())]
}

/// What the answer to our request agreed to.
pub(super) fn agreed(headers: &Headers, wishes: Wishes) -> Option<Session> {
    let (secs, refresher) = read(headers)?;
    let interval = Duration::from_secs(u64::from(secs.max(wishes.min_secs).max(1)));
    Some(Session { interval, we_refresh: refresher.as_deref() != Some("uas") })
}

/// The header of a 422.
pub(super) fn too_short(wishes: Wishes) -> Header {
    Header::MinSE(wishes.min_secs.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::Request;

    const OURS: Wishes = Wishes { secs: 1_800, min_secs: 90 };

    fn headers(lines: &str) -> Headers {
        let text = format!("INVITE sip:1@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n{lines}\r\n\r\n");
        Request::try_from(text.as_bytes()).expect("well formed").headers
    }

    #[test]
    fn the_timer_that_a_peer_asks_for_is_agreed_to() {
        let agree = |lines: &str| agree(&headers(lines), OURS).map(|session| session.map(|s| (s.secs(), s.we_refresh)));
        for (lines, expected) in [
            ("Supported: timer\r\nSession-Expires: 600", Ok(Some((600, false)))),
            ("Supported: timer\r\nSession-Expires: 600;refresher=uas", Ok(Some((600, true)))),
            ("k: timer\r\nx: 600 ; refresher=UAC", Ok(Some((600, false)))),
            ("Session-Expires: 600", Ok(Some((600, true)))),
            ("Session-Expires: 60", Ok(Some((90, true)))),
            ("Supported: timer\r\nSession-Expires: 60", Err(TooShort)),
            ("Supported: timer", Ok(Some((1_800, true)))),
            ("Supported: timer\r\nMin-SE: 3600", Ok(Some((3_600, true)))),
            ("Session-Expires: soon", Ok(None)),
            ("To: <sip:b>", Ok(None)),
        ] {
            assert_eq!(agree(lines), expected, "{lines}");
        }
        assert_eq!(super::agree(&headers("Supported: timer"), Wishes { secs: 0, ..OURS }), Ok(None));
    }

    #[test]
    fn whoever_waits_gives_up_before_the_end_and_whoever_refreshes_does_it_half_way() {
        let acts = |secs, we_refresh| Session { interval: Duration::from_secs(secs), we_refresh }.acts_after();
        assert_eq!(acts(1_800, true), Duration::from_secs(900));
        assert_eq!(acts(1_800, false), Duration::from_secs(1_768));
        assert_eq!(acts(90, false), Duration::from_secs(60));
        assert_eq!(acts(0, false), Duration::ZERO);
    }

    #[test]
    fn what_is_agreed_on_is_said_in_answers_and_requests() {
        let session = Session { interval: Duration::from_secs(600), we_refresh: true };
        let written = |headers: Vec<Header>| headers.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(written(in_answer(&session, true)), ["Session-Expires: 600;refresher=uas", "Require: timer"]);
        assert_eq!(written(in_request(600, Some(true), OURS)), ["Session-Expires: 600;refresher=uac", "Min-SE: 90"]);
        assert_eq!(
            agreed(&headers("Session-Expires: 300;refresher=uas"), OURS),
            Some(Session { interval: Duration::from_secs(300), we_refresh: false })
        );
        assert_eq!(agreed(&headers("Session-Expires: 0"), OURS).map(|s| (s.secs(), s.we_refresh)), Some((90, true)));
        assert_eq!(agreed(&headers("To: <sip:b>"), OURS), None);
    }
}
