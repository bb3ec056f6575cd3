//! rtpengine between the parties of a load, in the gateway's place: what forwarding costs a program that does nothing else.
//!
//! It is asked by its NG protocol (bencode over UDP): an offer of one party's address gives the address at which the other
//! reaches it, and the answer gives the way back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio::sync::Mutex;

/// It answers within this.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// One that is asked for ways.
pub struct Rtpengine {
    ng: UdpSocket,
    /// Of each pair of parties, by their addresses: where the first reaches the second, and where the second reaches the first.
    ways: Mutex<BTreeMap<[SocketAddr; 2], [SocketAddr; 2]>>,
}

impl Rtpengine {
    /// One that is asked here.
    pub async fn at(address: SocketAddr) -> anyhow::Result<Rtpengine> {
        let ng = UdpSocket::bind("127.0.0.1:0").await?;
        ng.connect(address).await?;
        Ok(Rtpengine { ng, ways: Mutex::default() })
    }

    /// Where a party sends what is for the other.
    pub async fn way(&self, from: SocketAddr, to: SocketAddr) -> anyhow::Result<SocketAddr> {
        let pair = [from.min(to), from.max(to)];
        let mut ways = self.ways.lock().await;
        let way = match ways.get(&pair) {
            Some(way) => *way,
            None => {
                let call = format!("{}-{}", pair[0].port(), pair[1].port());
                let to_first = self.ask("offer", &call, &[("sdp", &sdp(pair[0]))]).await?;
                let to_second = self.ask("answer", &call, &[("to-tag", "second"), ("sdp", &sdp(pair[1]))]).await?;
                ways.insert(pair, [to_second, to_first]);
                [to_second, to_first]
            }
        };
        Ok(way[usize::from(from != pair[0])])
    }

    async fn ask(&self, command: &str, call: &str, what: &[(&str, &str)]) -> anyhow::Result<SocketAddr> {
        let string = |text: &str| format!("{}:{text}", text.len());
        let who = [("command", command), ("call-id", call), ("from-tag", "first")];
        let message: String = who.iter().chain(what).map(|(key, value)| string(key) + &string(value)).collect();
        // What it begins with must not have come before, or it is taken for a repetition.
        self.ng.send(format!("{command}-{call} d{message}e").as_bytes()).await?;
        let mut datagram = [0; 4_096];
        let length = tokio::time::timeout(ANSWERS_WITHIN, self.ng.recv(&mut datagram)).await.context("rtpengine does not answer")??;
        let answer = String::from_utf8_lossy(&datagram[..length]);
        let port = answer.split_once("m=audio ").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        Ok(([127, 0, 0, 1], port.with_context(|| format!("rtpengine says {answer}"))?).into())
    }
}

fn sdp(party: SocketAddr) -> String {
    let (ip, port) = (party.ip(), party.port());
    format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
}
