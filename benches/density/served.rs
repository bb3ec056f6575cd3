//! The gateway under load: started with a configuration of its own, watched from outside (`/proc`).

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Args, What};

/// Ticks of the kernel's accounting in a second (`USER_HZ`, 100 on Linux everywhere).
const KERNEL_HZ: f64 = 100.0;
/// Fields of `/proc/PID/stat` after the name: user and system time.
const STAT_TIMES: (usize, usize) = (11, 12);

/// Where its sockets are.
const FIRST_PORT: &str = "50000";
const LAST_PORT: &str = "65000";

/// A gateway.
pub struct Served {
    child: Child,
    /// Where it is called.
    pub address: SocketAddr,
    /// Its configuration, log and store.
    dir: PathBuf,
    log: PathBuf,
}

/// What a process has used so far.
pub struct Usage {
    /// Processor time in s.
    pub cpu_s: f64,
    /// Resident memory in kB.
    pub memory_kb: u64,
}

impl Usage {
    /// Reads it.
    pub fn of(pid: u32) -> anyhow::Result<Usage> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the gateway is gone")?;
        let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let time = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0) / KERNEL_HZ;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        Ok(Usage { cpu_s: time(STAT_TIMES.0) + time(STAT_TIMES.1), memory_kb: memory.unwrap_or(0) })
    }
}

/// Puts this process on the cores that the gateway does not have.
pub fn settle_in(core: usize, nice: i32) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pid = std::process::id().to_string();
    let others: Vec<String> = (0..cores).filter(|n| *n != core).map(|n| n.to_string()).collect();
    if others.is_empty() {
        eprintln!("there is one core only: gateway and load share it, and figures suffer");
    } else if !Command::new("taskset").args(["-a", "-cp", &others.join(","), &pid]).stdout(Stdio::null()).status()?.success() {
        bail!("taskset (util-linux) does not work here");
    }
    if nice != 0 {
        Command::new("renice").args(["-n", &nice.to_string(), "-p", &pid]).stdout(Stdio::null()).status()?;
    }
    Ok(())
}

impl Served {
    /// Starts it on its core, for so many calls.
    pub fn start(what: What, calls: usize, agents: SocketAddr, args: &Args) -> anyhow::Result<Served> {
        // A free port; that somebody takes it meanwhile is unlikely.
        let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let dir = std::env::temp_dir().join(format!("segue-density-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let (config, log) = (dir.join("segue.toml"), dir.join("log"));
        let mut command = Command::new("taskset");
        command.args(["-c", &args.core.to_string()]);
        command.args(args.under.iter().flat_map(|under| under.split_whitespace()));
        if what == What::Rtpengine {
            command.args(["rtpengine", "--foreground", "--log-stderr", "--table", "-1", "--num-threads", "1", "--interface", "127.0.0.1"]);
            command.args(["--port-min", FIRST_PORT, "--port-max", LAST_PORT, "--listen-ng", &address.to_string()]);
        } else {
            std::fs::write(&config, configuration(what, calls, address, agents))?;
            command.args([env!("CARGO_BIN_EXE_segue"), "-vv", "serve", "--config"]).arg(&config);
        }
        // Its store lies there too.
        let child = command.current_dir(&dir).env("NO_COLOR", "1").stdout(Stdio::null()).stderr(std::fs::File::create(&log)?).spawn()?;
        let served = Served { child, address, dir, log };
        let last_words = match what {
            // What is said of pages comes after.
            What::Lines => "/welcome?key=",
            What::Rtpengine => "Startup complete",
            What::Bot | What::Listened | What::Mixed | What::Relay | What::Direct => "serving",
        };
        for _ in 0..200 {
            if std::fs::read_to_string(&served.log)?.contains(last_words) {
                return Ok(served);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("it does not begin to serve: {}", std::fs::read_to_string(&served.log)?)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        // Whatever it is started under has it as its child.
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.child.id())).unwrap_or_default();
        children.split_whitespace().next().and_then(|child| child.parse().ok()).unwrap_or(self.child.id())
    }

    /// The word that comes after this in its log.
    pub fn word_after(&self, what: &str) -> anyhow::Result<String> {
        let log = std::fs::read_to_string(&self.log)?;
        let word = log.split_once(what).and_then(|(_, rest)| rest.split_whitespace().next());
        Ok(word.with_context(|| format!("it does not say `{what}`:\n{log}"))?.to_owned())
    }

    /// What it says of the ticks of the last minute.
    pub fn lateness(&self) -> anyhow::Result<String> {
        let log = std::fs::read_to_string(&self.log)?;
        let late = log.lines().rev().find_map(|line| line.split_once("in the last minute 99")).map(|(_, late)| format!("99{late}"));
        Ok(late.unwrap_or_else(|| "not told".into()))
    }

    /// Ends it.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for _ in 0..2 {
            Command::new("kill").arg(self.pid().to_string()).status()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        for _ in 0..100 {
            if self.child.try_wait()?.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Its store is tens of megabytes after some hundred calls.
        std::fs::remove_dir_all(&self.dir).context("its directory")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(what: What, calls: usize, address: SocketAddr, agents: SocketAddr) -> String {
    let bot = concat!(env!("CARGO_MANIFEST_DIR"), "/config/bots/mercury.toml");
    let mut text = format!(
        "[sip]\nbind = [\"udp:{address}\"]\nrtp_first_port = {FIRST_PORT}\nrtp_last_port = {LAST_PORT}\ncalls_per_second = 10000\n\
         [gateway]\nmax_calls = 10000\nmedia_threads = 1\n[speech]\nrecognizer = \"off\"\n\
         [notice.transfer]\ntext = \"One moment.\"\n[[queue]]\nname = \"service\"\nmax_waiting = 10000\n[[entry]]\nname = \"main\"\nqueue = \"service\"\n"
    );
    match what {
        What::Bot => text += "bot = \"mercury\"\ntriggers = []\n",
        What::Relay => text += "listen_bridged = false\n",
        // People are made anew for each step.
        What::Lines => text += "[store]\nurl = \"\"\n[console]\nbind = \"127.0.0.1:0\"\nsign_in_address_attempts = 100000\n",
        What::Listened | What::Mixed | What::Direct | What::Rtpengine => {}
    }
    if what == What::Bot {
        let _ = write!(text, "[bot.mercury]\nfile = \"{bot}\"\n[[agent]]\nname = \"nobody\"\n");
        return text;
    }
    for n in 0..calls {
        if what == What::Lines {
            let _ = write!(text, "[[agent]]\nname = \"agent-{n}\"\n");
            continue;
        }
        let _ = write!(text, "[[agent]]\nname = \"agent-{n}\"\n[[phone]]\nagent = \"agent-{n}\"\ncontact = \"sip:agent-{n}@{agents}\"\n");
    }
    text
}
