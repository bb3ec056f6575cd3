//! Segue: a voice call handoff gateway.
//!
//! It takes a phone call, lets a voice bot serve it, hears when the caller is getting nowhere, and brings the right person
//! onto the same call: the caller is told, the person is briefed, nobody repeats anything and nobody is cut off.
//!
//! This page is for someone who will change the code. What a user needs stands in the README; what a key of the
//! configuration means, in `config/segue.toml`.
//!
//! # The house
//!
//! `src/` reads in the order in which sound becomes a handoff. A room uses only rooms above it:
//!
//! | room | what lives there |
//! |---|---|
//! | [`base`] | ids, [`base::Time`], [`base::Frame`], [`base::Record`], [`base::Fault`], timers with reasons, [`base::Pii`], mistakes by key |
//! | [`sound`] | codecs, resampling, levels, mixing, tones, keys in band, recordings, playback, and the bridge: who hears whom |
//! | [`listen`] | the listener of one leg: voice activity, turns, barge-in, transcript, and one file for each signal |
//! | [`handoff`] | triggers, notices, the context packet, and [`handoff::desk`]: agents, queues, offers, callbacks |
//! | [`call`] | the call's state machine |
//! | | ***above this line nothing waits, does I/O, or reads a clock*** |
//! | [`net`] | what those share who talk to other machines: secrets, TLS, HTTP with bounds |
//! | [`speech`] | recognizers and synthesizers: traits, and one file for each engine |
//! | [`bot`] | bot back ends: a trait, and one file for each |
//! | [`edge`] | where legs enter and leave: telephony and the web, one file for each dialect |
//! | `connector` | outside systems of record, one file for each |
//! | [`store`] | records, and what is told from them |
//! | [`gateway`] | carries out what the machines ask for, and the live driver |
//! | [`replay`] | the other driver: recorded audio on virtual time, its report and its expectations |
//! | [`console`] | pages for people and the API: access, live feed, `console/web` |
//! | [`config`] | the file as written, joined from each room's own table type |
//! | [`cmd`] | the command line, one file for each subcommand |
//!
//! Children of `speech`, `bot`, `edge` and `connector` are alternatives: they never use each other. `tests/layering.rs`
//! holds all of this. It reads the source, follows imports, other names and re-exports, and stands beside a broken house
//! for each rule, so that a rule that has gone blind is noticed.
//!
//! # Above the line: pure
//!
//! What comes out of a pure room depends only on what went in: arguments of constructors, and inputs. So a call can be
//! replayed to the byte, a test of an hour of hold music takes no time, and a random sequence of inputs that broke
//! something can be shrunk. The price: no tokio, socket, file, thread, clock, lock, random number or environment, and
//! `BTreeMap` for `HashMap`, whose order differs from run to run. A library may be used there if it keeps the same rule.
//!
//! # Four machines
//!
//! | machine | one for each | what goes in | what comes out |
//! |---|---|---|---|
//! | the bridge, [`sound::bridge`] | call | frames, routes, playbacks, ticks | frames for each leg, what was really heard |
//! | the listener, [`listen`] | leg | frames, recognizers' results, the bot's reports | turns, signals, the score, barge-in |
//! | the call, [`call`] | call | all of these, desk news, commands, faults | what to play, whom to seek, records |
//! | the desk, [`handoff::desk`] | gateway | callers' needs, agents' acts | offers, assignments, positions |
//!
//! They hold no reference to each other. The shell joins them: one's output is translated into another's input, by one
//! executor that live calls and replays share, so that a replay shows what a live call would do.
//!
//! ## One mutation, then drain
//!
//! A machine is driven so, and only so:
//!
//! ```text
//! machine.handle(input, now);
//! loop {
//!     match machine.poll() {
//!         Output::Idle(deadline) => break,     // come back then at the latest
//!         output => carry_out(output),         // may produce inputs: hand them over after the drain
//!     }
//! }
//! ```
//!
//! `handle` cannot fail. Input that makes no sense in the present state (an acceptance of an offer that is over, a key
//! after the hang-up) is counted and otherwise ignored: on a telephone line such things are normal. A state is an enum
//! whose variants carry what only they need, and no `_` arm stands over our own enums, so that a new state or input makes
//! the compiler list every place that must think about it. Each deadline has a name that says why it exists
//! ([`base::Timers`]).
//!
//! # Three kinds of time
//!
//! - [`base::Time`] is what machines are given: µs from one origin (the process's start, or a recording's first sample).
//! - Wall time enters once, as an offset to it, and matters only to opening hours and to people.
//! - A *sample of the call* counts what was really sent. The handoff clocks t0 to t6 come from these, by way of
//!   `Started` and `Stopped` of the bridge, never from what was intended.
//!
//! Inputs of the same instant are ordered by time, source and sequence. In a replay an engine's answer is awaited before
//! virtual time goes on, and delivered at its request plus the engine's configured `replay_delay_secs`.
//!
//! # How a call flows through the rooms
//!
//! 1. A frame of the caller arrives (in a replay: from a recording). It goes to the call's bridge and to the leg's listener.
//! 2. The listener finds that somebody speaks, opens an utterance at the recognizer, and ends the turn when the pause is
//!    long enough for what was said.
//! 3. The turn goes to the call, and the call gives it to the bot. What the bot says is synthesized and played by the
//!    bridge; what the bot reports (understood, progress, wants a person) goes back to the listener.
//! 4. Each signal that the listener finds is joined into the score. The call considers its triggers whenever something
//!    new is known. One fires: t0.
//! 5. In the same instant the call speaks the notice, and asks the desk for a person. The desk offers the caller to an
//!    agent, whose screen shows the packet (t2) while they are alerted (t3).
//! 6. The agent accepts (t4); the call opens the routes of the bridge; the bridge reports when sound of each side has
//!    crossed (t5); the bot leaves (t6).
//! 7. Everything that happened was told as a [`base::Record`]. Results, reports and pages are projections of these and of
//!    nothing else.
//!
//! # A live call
//!
//! - [`edge::sip`] speaks SIP: a task for each leg's dialog turns [`edge::LegCommand`]s into messages and messages into
//!   [`edge::LegEvent`]s; what is no SIP, too much or from strangers ends at the door before it. It knows no call.
//! - [`edge::webrtc`] connects browsers: one thread and one UDP port for all lines. A line lends itself to a leg of [`edge::rtp`] as a
//!   pair of queues of plain packets, and takes itself back.
//! - [`edge::rtp`] is the sound of one leg: sockets, jitter buffer, codec, RTCP, SRTP. It is asked, and starts nothing.
//! - [`gateway::live`] has a few *threads for sound*. Each call is a task on one of them, and everything of its machines,
//!   legs and sockets is touched there and nowhere else; so nothing of a call is locked. Every 20 ms the task takes what
//!   each leg's jitter buffer gives, drives the machines, and sends what each leg is to hear. A pair of legs that hear each
//!   other and nothing else is forwarded packet by packet in between; where many packets come, they gather for a moment first.
//! - Signalling and pages work on other threads, engines on yet others, and all answer through bounded queues. Threads for
//!   sound go first (at real-time priority where that is granted, else by `nice`); so nothing there may wait by looking
//!   again and again for what another thread is to do. The desk is one task that calls send messages to
//!   ([`gateway::live::desk`]).
//! - [`gateway::live::journal`] is one thread that writes records and sound of all calls, so that no call waits for a disk.
//! - A live line's frames come about every 20 ms, never exactly: in [`listen`] and [`sound`] frames are counted, and times
//!   are only noted.
//!
//! `segue replay --realtime` takes a recording through all of this; `tests/replay/realtime.rs` holds it to what virtual
//! time decides.
//!
//! Neither the call nor the desk ever waits for the other. A failed handoff falls to the next agent, then the queue, then
//! bot, callback or message, and never to a hang-up.
//!
//! # Where to add something
//!
//! A new engine, signal, dialect or connector is one new file, one line in its parent, one table in the configuration,
//! one test.
//!
//! - **A signal**: a file in `listen/signal/` that takes what the listener knows and gives [`listen::types::Signal`]s with a
//!   span, a value with its unit, a weight and a sentence for a supervisor; its kind in [`base::SignalKind`]; its table
//!   in `[signal]`. Nothing in there allocates per frame.
//! - **A recognizer or synthesizer**: a file in `speech/` that implements [`speech::Recognizer`] or
//!   [`speech::Synthesizer`]. Dropping a stream must cancel it.
//! - **A bot**: a file in `bot/` that implements [`bot::Bot`], and its table in [`bot::BotTable`]. Dropping a request must cancel it.
//! - **A key of the configuration**: a field with a doc comment in its room's table type, a default, a line in the
//!   table's `check`, and a line in `config/segue.toml`; a test compares them.
//! - **A subcommand**: a file in `cmd/`, and its help in `tests/golden/`.
//!
//! # When a panic is right
//!
//! When one of our own invariants is broken, and then with `expect("why this holds")`: going on would make the record
//! untrue. Never for what comes from outside: a caller, a file, an engine, a network or a configuration can do nothing
//! that is our bug. Trouble of an engine or edge is an input ([`base::Fault`]); a mistake in a file is a
//! [`base::Problem`] with its key. A panic ends one call, never the process.
//!
//! # Glossary
//!
//! - **Call**: one caller's visit from first ring to hang-up.
//! - **Leg**: one party's media path in a call (caller, agent, supervisor).
//! - **Line**: an agent's standing connection while on duty; it belongs to the desk, and a leg is its membership in one call.
//! - **Entry**: what a called number (or page) means: its bot, language, queue, hours, triggers.
//! - **Turn**: one party's uninterrupted say.
//! - **Utterance**: a stretch of caller speech between pauses.
//! - **Signal**: a timed, scored, explained piece of evidence.
//! - **Frustration**: the score in 0..1 fused from signals.
//! - **Trigger**: a rule over signals that asks for a handoff.
//! - **Handoff**: from the trigger to the bot's departure.
//! - **Notice**: what the caller is told.
//! - **Context packet**: what the agent is shown.
//! - **Briefing**: what the agent is told by ear (whisper) before the bridge.
//! - **Desk**: agents, their presence and the queues.
//! - **Ticket**: one caller's place in the desk's queues.
//! - **Offer**: asking one agent to take one caller, with a deadline.
//! - **Bridge**: caller and agent hear each other.
//! - **Handback**: the agent returns the caller to the bot.
//! - **Wrap-up**: the agent's work after the call.
//! - **Barge-in**: the caller talks over what is played, more than backchannel ("mm-hm"), and it stops.
//! - **Shadow**: a trigger or entry that records what it would have done and does nothing.
//! - **Edge**: where legs enter and leave.
//! - **Engine**: a speech or bot back end.
//! - **Connector**: an outside system of record.
//! - **Driver**: what moves inputs and outputs of the machines: the gateway for live calls, replay for recordings.
//! - **Handoff clocks**: t0 trigger (for an offer: the caller's yes), t1 first sample of the notice, t2 packet on the
//!   agent's screen, t3 agent alerted, t4 agent accepts, t5 sound of each side has been sent to the other, t6 bot gone.

pub mod base;
pub mod sound;
pub mod listen;
pub mod handoff;
pub mod call;
pub mod net;
pub mod speech;
pub mod bot;
pub mod edge;
pub mod store;
pub mod gateway;
pub mod replay;
pub mod console;
pub mod config;
pub mod cmd;
