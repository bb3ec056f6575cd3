//! The options of a replay that the command line and `X.expect.toml` share (DESIGN §7).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who else speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum BotChoice {
    /// Our bot answers.
    #[default]
    Speak,
    /// The recording's other channel is the bot whom the caller heard.
    Recorded,
    /// Nobody, until the notice.
    None,
}

/// Which channel of a stereo recording is the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The first.
    #[default]
    Left,
    /// The second.
    Right,
    /// Both are the caller, mixed.
    Mix,
}

/// Whether the recording waits for our bot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The call's time is the recording's time.
    #[default]
    Recording,
    /// Reading pauses after each turn of the caller until our bot has finished.
    Turns,
}

/// What one scripted agent does with an offer, so many seconds after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScriptItem {
    /// Takes the caller.
    Accept {
        /// After how long, in s.
        after_secs: f64,
    },
    /// Says no.
    Decline {
        /// After how long, in s.
        after_secs: f64,
    },
    /// Does nothing.
    Silent,
    /// Their line goes away.
    Vanish {
        /// After how long, in s.
        after_secs: f64,
    },
}

/// The agents of a replay, in the order of asking: `accept:4,decline,silent,vanish:2`, or `none`.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentScript(pub Vec<ScriptItem>);

/// After how long a scripted agent accepts, unless told otherwise (DESIGN §7: the default script is `accept:4`).
const ACCEPT_SECS: f64 = 4.0;
/// After how long a scripted agent declines or vanishes, unless told otherwise: a glance at the card.
const REFUSE_SECS: f64 = 2.0;
/// Longest time that a script may name: an hour.
const MAX_SCRIPT_SECS: f64 = 3_600.0;
/// Most agents in a script.
const MAX_SCRIPT_AGENTS: usize = 100;

impl AgentScript {
    /// What the agent of this name (`agent-1` and so on) does.
    pub fn of(&self, agent: &str) -> ScriptItem {
        let n = agent.strip_prefix("agent-").and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
        self.0.get(n.saturating_sub(1)).copied().unwrap_or(ScriptItem::Silent)
    }
}

impl Default for AgentScript {
    fn default() -> Self {
        AgentScript(vec![ScriptItem::Accept { after_secs: ACCEPT_SECS }])
    }
}

impl FromStr for AgentScript {
    type Err = String;

    fn from_str(script: &str) -> Result<Self, String> {
        if script.trim() == "none" {
            return Ok(AgentScript(Vec::new()));
        }
        let items = script.split(',').map(|item| item.trim().parse()).collect::<Result<Vec<_>, _>>()?;
        if items.len() > MAX_SCRIPT_AGENTS {
            return Err(format!("{} agents are too many; at most {MAX_SCRIPT_AGENTS}", items.len()));
        }
        Ok(AgentScript(items))
    }
}

impl FromStr for ScriptItem {
    type Err = String;

    fn from_str(item: &str) -> Result<Self, String> {
        let (what, after) = item.split_once(':').map_or((item, None), |(what, after)| (what, Some(after)));
        let secs = |default: f64| match after {
            None => Ok(default),
            Some(text) => match text.parse::<f64>() {
                Ok(secs) if (0.0..=MAX_SCRIPT_SECS).contains(&secs) => Ok(secs),
                _ => Err(format!("`{text}` in `{item}` is no number of seconds from 0 to {MAX_SCRIPT_SECS}")),
            },
        };
        match what {
            "accept" => Ok(ScriptItem::Accept { after_secs: secs(ACCEPT_SECS)? }),
            "decline" => Ok(ScriptItem::Decline { after_secs: secs(REFUSE_SECS)? }),
            "vanish" => Ok(ScriptItem::Vanish { after_secs: secs(REFUSE_SECS)? }),
            "silent" if after.is_none() => Ok(ScriptItem::Silent),
            "silent" => Err("`silent` does nothing, so it takes no seconds".into()),
            _ => Err(format!("`{item}` is none of accept:SECONDS, decline:SECONDS, silent, vanish:SECONDS; `none` alone means nobody on duty")),
        }
    }
}

impl fmt::Display for AgentScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (n, item) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            match item {
                ScriptItem::Accept { after_secs } => write!(f, "accept:{after_secs}")?,
                ScriptItem::Decline { after_secs } => write!(f, "decline:{after_secs}")?,
                ScriptItem::Silent => f.write_str("silent")?,
                ScriptItem::Vanish { after_secs } => write!(f, "vanish:{after_secs}")?,
            }
        }
        Ok(())
    }
}

/// Reads the wall time of `--at`: `2026-03-03T10:00` in the zone of the entry, or with an offset and a zone of its own.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_at(text: &str, zone: &jiff::tz::TimeZone) -> Result<jiff::Zoned, String> {
    if let Ok(zoned) = text.parse::<jiff::Zoned>() {
        return Ok(zoned);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.to_zoned(zone.clone()));
    }
    let civil = text.parse::<jiff::civil::DateTime>();
    let zoned = civil.and_then(|at| at.to_zoned(zone.clone()));
    zoned.map_err(|_| format!("`{text}` is no time; write it as 2026-03-03T10:00, with +01:00 after it for another zone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_and_written() {
        for script in ["accept:4", "accept:4,decline:2,silent,vanish:2", "none", "accept:0.5"] {
            assert_eq!(script.parse::<AgentScript>().expect(script).to_string(), script);
        }
        assert_eq!("accept, decline".parse::<AgentScript>().expect("defaults").to_string(), "accept:4,decline:2");
        assert_eq!(AgentScript::default().to_string(), "accept:4");
    }

    #[test]
    fn wrong_scripts_say_what_would_be_right() {
        for (script, says) in [
            ("", "none of accept"),
            ("acept:4", "none of accept"),
            ("accept:", "no number of seconds"),
            ("accept:-1", "no number of seconds"),
            ("accept:NaN", "no number of seconds"),
            ("accept:1e9", "no number of seconds"),
            ("silent:3", "takes no seconds"),
            ("accept:4,none", "none of accept"),
            ("accept,,decline", "none of accept"),
        ] {
            let error = script.parse::<AgentScript>().expect_err(script);
            assert!(error.contains(says), "{script}: {error}");
        }
        assert!(vec!["silent"; 101].join(",").parse::<AgentScript>().is_err());
    }

    #[test]
    fn wall_times_are_read_with_and_without_a_zone() {
        let berlin = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
        for text in ["2026-03-03T10:00", "2026-03-03 10:00:00", "2026-03-03T10:00+01:00", "2026-03-03T09:00Z", "2026-03-03T10:00[Europe/Berlin]"] {
            assert_eq!(parse_at(text, &berlin).expect(text).timestamp().to_string(), "2026-03-03T09:00:00Z", "{text}");
        }
        for text in ["", "yesterday", "2026-13-03T10:00", "10:00"] {
            assert!(parse_at(text, &berlin).expect_err(text).contains("is no time"));
        }
    }
}
