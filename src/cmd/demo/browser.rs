//! `segue demo --browser`: the same caller, and you are the agent; then you are the caller.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{AGENT, AGENT_RINGS, AGENT_TAKES, CALLER, CALLER_STAYS, DemoArgs, LONGEST, dana, spoken};
use crate::base::{AgentId, CallId, Record};
use crate::cmd::Ending;
use crate::cmd::live::{self, Running};
use crate::config::Config;
use crate::console::Served;
use crate::console::people::{Role, User};
use crate::edge::Invited;
use crate::edge::sip::SipEdge;
use crate::edge::sip::table::{PhoneTable, SipTable};
use crate::edge::webrtc::LineState;
use crate::gateway::live::Gateway;
use crate::gateway::live::call::Finished;
use crate::handoff::desk::{AgentState, AgentTable, DeskInput, Presence};
use crate::replay::caller::{self, Manners, Part, Tools};
use crate::replay::progress::Progress;
use crate::replay::terminal::{Judgement, result};
use crate::store::StoreTable;

/// Where pages are served unless it is said otherwise; if that is taken, at any port.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Any machine far away: whoever is connected to it knows their own address. Nothing is sent (RFC 5737).
const FAR_AWAY: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);
/// Whoever sees this for the first time reads before they answer.
const RING_SECS: f64 = 90.0;
/// The longest that the recorded caller talks with a real agent.
const CALLER_TALKS: Duration = Duration::from_secs(600);
/// How often it is looked whether you are on duty.
const LOOK: Duration = Duration::from_millis(500);
/// An agent who has just gone on duty looks around for so many looks before the caller rings.
const SETTLES: u32 = 4;
/// From one address; everybody here has the same.
const VISITS: u32 = 1_000;
/// On leaving, the store may take so long for the last records.
const LAST_RECORDS: Duration = Duration::from_secs(2);
/// Lines that were typed and not looked at.
const TYPED: usize = 4;

/// A directory that is gone when this is dropped.
struct Room(PathBuf);

impl Room {
    fn new() -> std::io::Result<Room> {
        let dir = std::env::temp_dir().join(format!("segue-demo-{}", uuid::Uuid::now_v7().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Room(dir))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What can't be removed is the system's to tidy up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Calls that ring at Ben's phone.
type Rung = Arc<tokio::sync::Mutex<Receiver<Invited>>>;

/// Everything of a demo that runs.
struct Demo {
    running: Running,
    console: Served,
    caller: SipEdge,
    /// Rings where Ben is.
    agent_phone: SipEdge,
    rung: Rung,
    you: AgentId,
    ben: AgentId,
    names: BTreeMap<String, String>,
    link: String,
    _room: Room,
}

/// Serves the demo until it is stopped.
///
/// # Errors
/// A port or directory can't be had, or standard output can't be written.
pub async fn play(config: Config, args: &DemoArgs) -> anyhow::Result<Ending> {
    let mut stop = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let mut demo = Demo::open(config, args).await?;
    demo.greet(args.watch)?;
    let watched = demo.watch(args, &mut stop).await;
    demo.close(&mut stop).await;
    watched.map(|()| Ending::Well)
}

impl Demo {
    async fn open(mut config: Config, args: &DemoArgs) -> anyhow::Result<Demo> {
        let room = Room::new().context("a directory for the store")?;
        let bind = address(args.listen)?;
        let (agent_phone, rung) = live::phone(31_000).await.context("the agent's phone")?;
        let (caller, _) = live::phone(33_000).await.context("the caller's phone")?;
        config.sip = SipTable { bind: vec!["udp:127.0.0.1:0".into()], rtp_first_port: 35_000, rtp_last_port: 36_999, ..config.sip };
        config.gateway.recordings = Some(std::path::absolute(&args.out)?);
        config.store = StoreTable { url: format!("sqlite:{}", room.0.join("segue.db").display()), ..config.store };
        (config.console.bind, config.console.address_visits) = (Some(bind), VISITS);
        // Sound comes in by UDP: on this machine by any port, from elsewhere by one that can be opened.
        config.webrtc.bind = SocketAddr::new(bind.ip(), if bind.ip().is_loopback() { 0 } else { bind.port() });
        config.queue.iter_mut().for_each(|queue| queue.ring_secs = RING_SECS);
        config.entry.iter_mut().for_each(|entry| entry.browser = true);
        let [you, ben, ..] = &mut config.agent[..] else { anyhow::bail!("the built-in configuration has too few agents") };
        ben.title = Some(format!("{} (a recording)", ben.spoken()));
        let names = [&*you, &*ben].map(|agent| (agent.name.clone(), agent.spoken().to_owned())).into();
        let (you, ben) = (you.clone(), ben.clone());
        config.agent.truncate(2);
        config.phone = vec![PhoneTable::dialled(&ben.name, format!("sip:{}@{}", ben.name, agent_phone.local()))];
        let kit = live::kit(&config, None).map_err(|problems| anyhow::anyhow!("the built-in configuration: {problems}"))?;
        let mut running = live::open_kept(&config, kit).await?;
        let console = running.console.take().context("no pages are served")?;
        let page = if args.watch { "/wall" } else { "/desk" };
        let link = console.invite(user(&you), page).await?;
        let (you, ben) = (AgentId::from(you.name.as_str()), AgentId::from(ben.name.as_str()));
        let rung = Arc::new(tokio::sync::Mutex::new(rung));
        let demo = Demo { running, console, caller, agent_phone, rung, you, ben, names, link, _room: room };
        // A phone that can be rung is on duty; this one only when it is asked for.
        demo.ben_is(Presence::Offline);
        Ok(demo)
    }

    fn gateway(&self) -> &Gateway {
        &self.running.gateway
    }

    fn ben_is(&self, presence: Presence) {
        self.gateway().desk().tell(DeskInput::Presence { agent: self.ben.clone(), presence });
    }

    /// What to do now.
    fn greet(&self, watch: bool) -> std::io::Result<()> {
        let mut out = anstream::stdout();
        let base = self.console.base_url();
        writeln!(out, "Open this in a browser; it works once, and signs you in:\n\n  {}\n", self.link)?;
        if watch {
            writeln!(out, "You watch: a recorded agent takes the recorded caller. The call stands on the wall, and under Calls when it is over.")?;
        } else {
            writeln!(out, "Go on duty there, and allow the microphone: then a caller rings who loses patience with the bot. A accepts.")?;
            writeln!(out, "Enter, here: she calls without you, and a recorded agent takes her. No microphone? That is for you; watch {base}/wall")?;
        }
        writeln!(out, "Call yourself, any time:  {base}/call?entry=main  and say “I want a person”. Ctrl-C ends it all.\n")?;
        let bind = self.console.address();
        if !bind.ip().is_loopback() {
            let sound = self.running.webrtc.local();
            writeln!(
                out,
                "From other machines: open TCP port {} and UDP port {} (sound). Browsers give a page the microphone",
                bind.port(),
                sound.port()
            )?;
            writeln!(
                out,
                "over HTTPS only: put a proxy with TLS before it, or take `segue serve` with `tls_certificate`. Here one can only watch.\n"
            )?;
        }
        out.flush()
    }

    /// Plays the caller when she is wanted, and tells what happens, until it is stopped.
    async fn watch(&mut self, args: &DemoArgs, stop: &mut [Signal; 2]) -> anyhow::Result<()> {
        let mut records = self.gateway().watch();
        let mut told: BTreeMap<CallId, Progress> = BTreeMap::new();
        let (mut typed, mut calls, mut goodbye): (_, _, Option<CancellationToken>) = (typed(), JoinSet::new(), None);
        // Looks at which you were on duty, one after the other; `None` once she has called.
        let mut looks = Some(0);
        if args.watch {
            self.call(false, &mut calls, &mut goodbye);
            looks = None;
        }
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                biased;
                () = stopped(stop) => break,
                record = records.recv() => match record {
                    Ok(record) => self.tell(&record, &mut told)?,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => anyhow::bail!("the gateway went away"),
                },
                Some(over) = self.running.finished.recv() => {
                    told.remove(&over.call);
                    self.sum_up(&over)?;
                }
                Some(_) = calls.join_next() => self.ben_is(Presence::Offline),
                Some(()) = typed.recv() => if calls.is_empty() {
                    looks = None;
                    self.call(self.is_ready(), &mut calls, &mut goodbye);
                },
                _ = look.tick() => if let Some(seen) = &mut looks {
                    *seen = if self.is_ready() { *seen + 1 } else { 0 };
                    if *seen > SETTLES {
                        looks = None;
                        self.call(true, &mut calls, &mut goodbye);
                    }
                },
            }
        }
        if let Some(goodbye) = goodbye {
            goodbye.cancel();
        }
        Ok(())
    }

    /// Whether you are on duty and can be heard.
    fn is_ready(&self) -> bool {
        let state = self.gateway().desk().agents().borrow().get(&self.you).map(|agent| agent.state);
        state == Some(AgentState::Available) && self.gateway().lines().desktop(&self.you).line == Some(LineState::Up)
    }

    /// The recorded caller calls; for you, or for Ben.
    fn call(&self, for_you: bool, calls: &mut JoinSet<()>, goodbye: &mut Option<CancellationToken>) {
        let stop = goodbye.insert(CancellationToken::new()).clone();
        if !for_you {
            self.ben_is(Presence::Available);
        }
        let longest = if for_you { CALLER_TALKS } else { CALLER_STAYS };
        let (phone, dialling) = (self.caller.clone(), dana(&self.running.sip, &self.caller, longest));
        let part = Part { keys: super::presses(), ..spoken(CALLER, Manners::Turns, longest) };
        let tools = Tools { stop: stop.clone(), ..Tools::default() };
        let (over, is_over) = oneshot::channel::<()>();
        calls.spawn(async move {
            caller::place_with(&phone, dialling, part, tools).await;
            drop(over);
        });
        if for_you {
            return;
        }
        let rung = self.rung.clone();
        calls.spawn(async move {
            let mut rung = rung.lock().await;
            let call = tokio::select! {
                call = rung.recv() => call,
                _ = is_over => None,
            };
            drop(rung);
            let Some(call) = call else { return };
            let part = Part { keys: vec![(AGENT_TAKES, live::accept_key())], ..spoken(AGENT, Manners::Recording, LONGEST) };
            caller::attend_with(call.leg, AGENT_RINGS, part, Tools { stop, ..Tools::default() }).await;
        });
    }

    fn tell(&self, record: &Record, told: &mut BTreeMap<CallId, Progress>) -> std::io::Result<()> {
        let progress = told.entry(record.subject).or_insert_with(|| Progress::new(self.names.clone(), crate::cmd::terminal::width()));
        match progress.line(record) {
            Some(line) => writeln!(anstream::stdout(), "{line}"),
            None => Ok(()),
        }
    }

    fn sum_up(&self, over: &Finished) -> std::io::Result<()> {
        let mut out = anstream::stdout();
        let object = live::object(over);
        writeln!(out, "\n{}", result(&object, &Judgement::default(), crate::cmd::terminal::width()).trim_end())?;
        let base = self.console.base_url();
        writeln!(out, "\nAll of it:     {base}/calls/{}", over.call)?;
        writeln!(out, "Now you call:  {base}/call?entry=main   (say “I want a person”; Enter: the recorded caller once more; Ctrl-C: the end)\n")?;
        self.console.announce(&format!("Now you call: open {base}/call?entry=main in another window, and say “I want a person”."));
        out.flush()
    }

    /// Ends everything; callers are told, unless we are stopped again.
    async fn close(self, stop: &mut [Signal; 2]) {
        let Demo { running, console, caller, agent_phone, _room, .. } = self;
        tokio::select! {
            () = running.gateway.shut_down() => {}
            () = stopped(stop) => {}
        }
        running.serving.abort();
        running.sip.close().await;
        caller.close().await;
        agent_phone.close().await;
        console.close().await;
        if let Some(store) = &running.store {
            store.close(LAST_RECORDS).await;
        }
    }
}

/// You: the agent, who also sees the wall and what is kept.
fn user(you: &AgentTable) -> User {
    let (name, title) = (you.name.clone(), you.spoken().to_owned());
    User { agent: Some(name.clone()), name, title, role: Role::Admin, password_hash: String::new(), disabled: false, created: jiff::Timestamp::now() }
}

async fn stopped([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Where pages are served. Browsers must be told one address.
fn address(asked: Option<SocketAddr>) -> anyhow::Result<SocketAddr> {
    let Some(asked) = asked else {
        let is_free = TcpListener::bind(LISTEN).is_ok();
        return Ok(SocketAddr::new(LISTEN.ip(), if is_free { LISTEN.port() } else { 0 }));
    };
    if !asked.ip().is_unspecified() {
        return Ok(asked);
    }
    let own = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(FAR_AWAY)?;
        socket.local_addr()
    };
    let own = own().context("--listen: this machine's address is not known; name it")?;
    Ok(SocketAddr::new(own.ip(), asked.port()))
}

/// Tells of each Enter, where somebody sits at a terminal.
fn typed() -> Receiver<()> {
    let (sender, typed) = channel(TYPED);
    if std::io::stdin().is_terminal() {
        // It ends with the process: nothing else can stop a read from a terminal.
        std::thread::spawn(move || {
            let mut line = String::new();
            while std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0) {
                if sender.blocking_send(()).is_err() {
                    return;
                }
            }
        });
    }
    typed
}
