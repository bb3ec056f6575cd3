//! Kamailio as a proxy in front: records its route, asks our side for a password, and tells what it relays.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing that it does takes longer than this on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
/// Where Debian keeps its modules, on the machines that tests run on.
const MODULES: [&str; 3] = ["/usr/lib/x86_64-linux-gnu/kamailio/modules", "/usr/lib/aarch64-linux-gnu/kamailio/modules", "/usr/lib/kamailio/modules"];

/// A Kamailio of its own; ended with the test.
pub struct Kamailio {
    child: Child,
    dir: PathBuf,
    pub port: u16,
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It has children, which are of its group.
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.child.id())]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Calls for `1…` go to `gateway`, those for `anna` to `phone`; who comes from `gateway` has to prove that they are `segue`.
pub fn start(name: &str, gateway: u16, phone: u16) -> Option<Kamailio> {
    let Some(modules) = MODULES.into_iter().find(|modules| Path::new(modules).join("tm.so").exists()) else {
        eprintln!("SKIPPED: {name} was not tried, because kamailio is missing (Debian: kamailio)");
        return None;
    };
    let dir = std::env::temp_dir().join(format!("segue-kamailio-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary directory");
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback has ports").port();
    let config = CONFIG
        .replace("@MODULES@", modules)
        .replace("@PORT@", &port.to_string())
        .replace("@GATEWAY@", &gateway.to_string())
        .replace("@PHONE@", &phone.to_string());
    let file = dir.join("kamailio.cfg");
    std::fs::write(&file, config).expect("a temporary file");
    let log = std::fs::File::create(dir.join("log")).expect("a temporary file");
    let mut command = Command::new("kamailio");
    command.args(["-DD", "-E", "-m", "16", "-M", "4", "-f"]).arg(&file).arg("-Y").arg(&dir).arg("-w").arg(&dir);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    let Ok(child) = child else {
        eprintln!("SKIPPED: {name} was not tried, because kamailio is missing (Debian: kamailio)");
        return None;
    };
    let kamailio = Kamailio { child, dir, port };
    kamailio.is_there();
    Some(kamailio)
}

impl Kamailio {
    /// Waits until it answers.
    fn is_there(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
        let ours = socket.local_addr().expect("it is bound");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("it is a socket");
        let begun = Instant::now();
        let mut buffer = [0; 2_000];
        for n in 0.. {
            let ask = format!(
                "OPTIONS sip:127.0.0.1:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bK{n}\r\nMax-Forwards: 9\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:c@d>\r\nCall-ID: {n}@{ours}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
                self.port
            );
            let _ = socket.send_to(ask.as_bytes(), ("127.0.0.1", self.port));
            if socket.recv(&mut buffer).is_ok_and(|length| buffer[..length].starts_with(b"SIP/2.0 200")) {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "kamailio does not answer:\n{}", self.log());
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Waits until it has relayed so many requests of this method.
    pub async fn relayed(&self, method: &str, times: usize) {
        let said = format!("relayed {method} ");
        let waiting = async {
            while self.log().matches(&said).count() < times {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "not {times} {method}:\n{}", self.log());
    }
}

const CONFIG: &str = r#"#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
disable_tcp=no
auto_aliases=no
listen=udp:127.0.0.1:@PORT@
listen=tcp:127.0.0.1:@PORT@
mpath="@MODULES@"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "auth.so"
modparam("rr", "enable_full_lr", 1)
modparam("auth", "qop", "auth")
modparam("auth", "nonce_count", 1)

request_route {
    if (!mf_process_maxfwd_header("10")) {
        sl_send_reply("483", "Too Many Hops");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) {
            t_relay();
        }
        exit;
    }
    if (has_totag()) {
        if (loose_route()) {
            xlog("L_ERR", "relayed $rm of $fU\n");
            t_relay();
            exit;
        }
        if (is_method("ACK")) {
            if (t_check_trans()) {
                t_relay();
            }
            exit;
        }
        sl_send_reply("404", "No Route");
        exit;
    }
    t_check_trans();
    remove_hf("Route");
    if (is_method("OPTIONS")) {
        sl_send_reply("200", "Here");
        exit;
    }
    if (!is_method("INVITE")) {
        sl_send_reply("405", "Not Here");
        exit;
    }
    if ($sp == @GATEWAY@) {
        if (!pv_proxy_authenticate("kamailio", "open sesame", "0")) {
            auth_challenge("kamailio", "1");
            exit;
        }
        consume_credentials();
    }
    record_route();
    if ($rU =~ "^1") {
        $du = "sip:127.0.0.1:@GATEWAY@";
    } else {
        $du = "sip:127.0.0.1:@PHONE@";
    }
    xlog("L_ERR", "relayed $rm of $fU\n");
    t_relay();
}
"#;
