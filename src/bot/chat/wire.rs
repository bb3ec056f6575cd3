//! What comes over the wire: server-sent events, and the chunks of a chat completion in them.

use serde::Deserialize;

use crate::base::{Fault, Organ};

/// Longest line of an event stream; a chunk is a few hundred octets.
const MAX_LINE_BYTES: usize = 262_144;
/// Longest part of an unreadable line that is told.
const MAX_SHOWN_CHARS: usize = 60;
/// The line that ends every stream.
const DONE: &str = "[DONE]";

/// One event of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A piece of the answer.
    Chunk(Chunk),
    /// Nothing more comes.
    Done,
}

/// `chat.completion.chunk`, as far as we read it; servers leave out and add what they like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

/// What a chunk adds to the answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Delta {
    /// Words.
    #[serde(default)]
    pub content: Option<String>,
    /// Words by which the model refuses.
    #[serde(default)]
    pub refusal: Option<String>,
    /// Pieces of tool calls.
    #[serde(default)]
    pub tool_calls: Option<Vec<ToolDelta>>,
}

/// A piece of a tool call. Id and name come with the first piece of an index only.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct ToolDelta {
    /// Which of the calls.
    #[serde(default)]
    pub index: Option<u32>,
    /// Its id.
    #[serde(default)]
    pub id: Option<String>,
    /// Name and arguments.
    #[serde(default)]
    pub function: Option<FunctionDelta>,
}

/// Name and arguments of a tool call, or a piece of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct FunctionDelta {
    /// The tool.
    #[serde(default)]
    pub name: Option<String>,
    /// JSON, in pieces.
    #[serde(default)]
    pub arguments: Option<String>,
}

impl Chunk {
    /// What it adds, and why the answer ends, if it does. The last chunk of a stream may have no choice (usage).
    ///
    /// # Errors
    /// The server gave up in the middle of its answer.
    pub fn take(self) -> Result<(Delta, Option<String>), Fault> {
        if let Some(error) = self.error.filter(|error| !error.is_null()) {
            let code = ["code", "type"].iter().find_map(|key| error[*key].as_str()).filter(|code| is_code(code)).unwrap_or("no code");
            return Err(Fault::Failed { organ: Organ::Bot, detail: format!("the model gave up within its answer ({code})") });
        }
        let choice = self.choices.into_iter().find(|choice| choice.index == 0).unwrap_or_default();
        Ok((choice.delta, choice.finish_reason))
    }
}

/// A code is told; a sentence may quote what callers said.
fn is_code(text: &str) -> bool {
    text.len() <= MAX_SHOWN_CHARS && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// Cuts octets into events (WHATWG HTML, section 9.2; fields other than `data` mean nothing here).
#[derive(Debug, Default)]
pub(super) struct EventStream {
    bytes: Vec<u8>,
    data: String,
}

impl EventStream {
    /// Adds octets as they came.
    ///
    /// # Errors
    /// A line is too long to be an event.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > MAX_LINE_BYTES && !self.bytes.contains(&b'\n') {
            return Err(malformed(format!("a line of its answer is longer than {MAX_LINE_BYTES} octets")));
        }
        Ok(())
    }

    /// The next whole event.
    ///
    /// # Errors
    /// It is no chunk of a chat completion.
    pub fn next(&mut self) -> Result<Option<Event>, Fault> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8(line).map_err(|_| malformed("its answer is no UTF-8 text".into()))?;
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
                if self.data.len() > MAX_LINE_BYTES {
                    return Err(malformed(format!("an event of its answer is longer than {MAX_LINE_BYTES} octets")));
                }
            } else if line.is_empty() && !self.data.is_empty() {
                return event(&std::mem::take(&mut self.data)).map(Some);
            }
        }
        Ok(None)
    }

    /// What is left when the answer ends without its last blank line, as some servers send it.
    ///
    /// # Errors
    /// It is no chunk of a chat completion.
    pub fn last(&mut self) -> Result<Option<Event>, Fault> {
        self.bytes.extend_from_slice(b"\n\n");
        self.next()
    }
}

fn event(data: &str) -> Result<Event, Fault> {
    if data.trim() == DONE {
        return Ok(Event::Done);
    }
    serde_json::from_str(data).map(Event::Chunk).map_err(|error| malformed(format!("its answer is no chat completion: {}", plain(&error))))
}

/// Where it is wrong, and not what it says.
fn plain(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Eof => "it is cut",
        serde_json::error::Category::Syntax => "no JSON",
        serde_json::error::Category::Data => "a field of another type",
    };
    format!("{kind} at column {}", error.column())
}

/// The fault of an answer that may not be.
pub(super) fn malformed(detail: String) -> Fault {
    Fault::Malformed { organ: Organ::Bot, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(event: Event) -> Option<String> {
        match event {
            Event::Chunk(chunk) => chunk.take().ok()?.0.content,
            Event::Done => Some("[done]".into()),
        }
    }

    fn all(text: &str, at_once: usize) -> Result<Vec<String>, Fault> {
        let mut stream = EventStream::default();
        let mut heard = Vec::new();
        for piece in text.as_bytes().chunks(at_once) {
            stream.push(piece)?;
            while let Some(event) = stream.next()? {
                heard.extend(words(event));
            }
        }
        heard.extend(stream.last()?.and_then(words));
        Ok(heard)
    }

    #[test]
    fn events_are_found_however_they_are_cut() {
        let text = ": hello\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Grü\"}}]}\r\n\r\nevent: x\nid: 3\ndata:{\"choices\":\
                    [{\"delta\":{\"content\":\"ße\"},\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"x\"}\n\ndata: {\"choices\":[]}\n\ndata: [DONE]";
        for at_once in [1, 3, 7, 10_000] {
            assert_eq!(all(text, at_once).expect("it is a stream"), ["Grü", "ße", "[done]"], "{at_once} octets at once");
        }
    }

    #[test]
    fn what_is_no_stream_of_chunks_is_a_fault_that_quotes_nobody() {
        for text in [
            "data: {\"choices\":[{\"delta\":{\"content\":\"my card is 4111\n\n",
            "data: <html>4111</html>\n\n",
            "data: {\"choices\":\"4111\"}\n\n",
            "data: [{\"4111\":1}]\n\n",
            &format!("data: {}", "4111".repeat(100_000)),
        ] {
            let fault = all(text, 1_000).expect_err("it is none");
            assert!(matches!(fault, Fault::Malformed { .. }) && !fault.to_string().contains("4111"), "{fault}");
        }
        let mut stream = EventStream::default();
        stream.push(b"data: \xff\xfe\n\n").expect("it is short");
        assert!(stream.next().is_err());
    }

    #[test]
    fn an_error_within_the_stream_is_told_by_its_code() {
        let told = |text: &str| serde_json::from_str::<Chunk>(text).expect("a chunk").take().map(|_| ()).map_err(|fault| fault.to_string());
        let told = |text: &str| told(text).expect_err("it is an error");
        assert!(told(r#"{"error":{"message":"you said 4111","type":"server_error","code":null}}"#).ends_with("(server_error)"));
        assert!(told(r#"{"error":{"code":"you said 4111"}}"#).ends_with("(no code)"));
    }
}
