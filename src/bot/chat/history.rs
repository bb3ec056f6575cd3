//! What was said in the call, as the model is told it again: bounded, and cut to what the caller heard.

use std::collections::VecDeque;

use serde_json::{Value, json};

/// Follows what is left of a sentence that the caller talked over.
const CUT: &str = "…";
/// What a tool that was called says until it has answered, and for good if the caller talked over it.
const UNFINISHED: &str = "{\"error\":\"not finished: the caller went on speaking\"}";

/// A tool that the model wants called.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ToolCall {
    /// The model's name for this call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
enum Message {
    /// What the caller said or did.
    User(String),
    /// What the model is to know beside it, in the midst of its answer. By the caller's role, which servers take anywhere.
    Note(String),
    /// What the model said, sentence by sentence, and called.
    Assistant { said: Vec<String>, calls: Vec<ToolCall> },
    /// What a tool answered.
    Tool { call: String, answer: String },
}

impl Message {
    fn chars(&self) -> usize {
        match self {
            Message::User(text) | Message::Note(text) => text.len(),
            Message::Assistant { said, calls } => {
                said.iter().map(String::len).sum::<usize>() + calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>()
            }
            Message::Tool { answer, .. } => answer.len(),
        }
    }

    fn wire(&self) -> Value {
        match self {
            Message::User(text) | Message::Note(text) => json!({ "role": "user", "content": text }),
            Message::Assistant { said, calls } if calls.is_empty() => json!({ "role": "assistant", "content": said.join(" ") }),
            Message::Assistant { said, calls } => {
                let content = if said.is_empty() { Value::Null } else { said.join(" ").into() };
                let call =
                    |call: &ToolCall| json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } });
                json!({ "role": "assistant", "content": content, "tool_calls": calls.iter().map(call).collect::<Vec<_>>() })
            }
            Message::Tool { call, answer } => json!({ "role": "tool", "tool_call_id": call, "content": answer }),
        }
    }
}

/// The messages of a call.
#[derive(Debug)]
pub(super) struct History {
    messages: VecDeque<Message>,
    max_messages: usize,
    max_chars: usize,
}

impl History {
    /// Keeps at most so many messages and characters, the latest ones.
    pub fn new(max_messages: usize, max_chars: usize) -> Self {
        History { messages: VecDeque::new(), max_messages, max_chars }
    }

    /// The messages as they are sent.
    pub fn wire(&self) -> impl Iterator<Item = Value> + '_ {
        self.messages.iter().map(Message::wire)
    }

    /// The caller said or did something.
    pub fn user(&mut self, text: String) {
        self.push(Message::User(text));
    }

    /// The model is to know this.
    pub fn note(&mut self, text: &str) {
        self.push(Message::Note(text.to_owned()));
    }

    /// The model says one more sentence.
    pub fn say(&mut self, sentence: &str) {
        match self.messages.back_mut() {
            Some(Message::Assistant { said, calls }) if calls.is_empty() => said.push(sentence.to_owned()),
            _ => self.push(Message::Assistant { said: vec![sentence.to_owned()], calls: Vec::new() }),
        }
    }

    /// The latest sentence of the model.
    pub fn last_said(&self) -> Option<&str> {
        self.messages.iter().rev().find_map(|message| match message {
            Message::Assistant { said, .. } => said.last().map(String::as_str),
            Message::User(_) | Message::Note(_) | Message::Tool { .. } => None,
        })
    }

    /// The model calls tools, all at once; their answers are not there yet.
    pub fn call(&mut self, calls: &[ToolCall]) {
        match self.messages.back_mut() {
            Some(Message::Assistant { calls: none, .. }) if none.is_empty() => *none = calls.to_vec(),
            _ => self.push(Message::Assistant { said: Vec::new(), calls: calls.to_vec() }),
        }
        for call in calls {
            self.push(Message::Tool { call: call.id.clone(), answer: UNFINISHED.to_owned() });
        }
    }

    /// A tool has answered.
    pub fn answer(&mut self, of: &str, with: String) {
        let mut latest = self.messages.iter_mut().rev();
        if let Some(Message::Tool { answer, .. }) = latest.find(|message| matches!(message, Message::Tool { call, .. } if call == of)) {
            *answer = with;
        }
        self.bound();
    }

    /// Of a sentence the caller heard only `heard`, and nothing of what was said after it until they spoke.
    pub fn cut(&mut self, sentence: &str, heard: &str) {
        let is_it = |message: &Message| matches!(message, Message::Assistant { said, .. } if said.iter().any(|s| s == sentence));
        let Some(at) = self.messages.iter().rposition(is_it) else { return };
        let end = self.messages.iter().skip(at).position(|m| matches!(m, Message::User(_))).map_or(self.messages.len(), |n| at + n);
        for (n, message) in self.messages.range_mut(at..end).enumerate() {
            let Message::Assistant { said, .. } = message else { continue };
            let kept = if n == 0 { said.iter().rposition(|s| s == sentence).unwrap_or(0) } else { 0 };
            said.truncate(kept);
            if n == 0 && !heard.trim().is_empty() {
                said.push(format!("{}{CUT}", heard.trim_end()));
            }
        }
        self.messages.retain(|message| !matches!(message, Message::Assistant { said, calls } if said.is_empty() && calls.is_empty()));
    }

    fn push(&mut self, message: Message) {
        self.messages.push_back(message);
        self.bound();
    }

    /// The oldest go first; a tool's answer never stands without its call. What the caller said last stays.
    fn bound(&mut self) {
        let mut chars: usize = self.messages.iter().map(Message::chars).sum();
        let last_user = |all: &VecDeque<Message>| all.iter().rposition(|m| matches!(m, Message::User(_))).unwrap_or(all.len().saturating_sub(1));
        while (self.messages.len() > self.max_messages || chars > self.max_chars) && last_user(&self.messages) > 0 {
            while let Some(first) = self.messages.pop_front() {
                chars -= first.chars();
                if !matches!(self.messages.front(), Some(Message::Tool { .. })) {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(history: &History) -> String {
        let line = |message: Value| match message["role"].as_str() {
            Some("tool") => format!("tool {}", message["content"].as_str().unwrap_or_default()),
            Some("assistant") => {
                let calls = message["tool_calls"].as_array().map_or(String::new(), |calls| format!(" +{}", calls.len()));
                format!("bot {}{calls}", message["content"].as_str().unwrap_or_default())
            }
            role => format!("{} {}", role.unwrap_or_default(), message["content"].as_str().unwrap_or_default()),
        };
        history.wire().map(line).collect::<Vec<_>>().join(" | ")
    }

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "order".into(), arguments: "{}".into() }
    }

    fn talk() -> History {
        let mut history = History::new(100, 10_000);
        history.say("Hello.");
        history.user("where is it".into());
        history.say("It is on its way.");
        history.say("It comes tomorrow.");
        history.say("Anything else?");
        history
    }

    #[test]
    fn an_answer_that_was_talked_over_is_cut_to_what_was_heard() {
        for (sentence, heard, left) in [
            ("It comes tomorrow.", "It comes", "bot Hello. | user where is it | bot It is on its way. It comes…"),
            ("It is on its way.", "", "bot Hello. | user where is it"),
            ("It is on its way.", "It", "bot Hello. | user where is it | bot It…"),
            ("Hello.", "Hel", "bot Hel… | user where is it | bot It is on its way. It comes tomorrow. Anything else?"),
            ("Nobody said this.", "x", "bot Hello. | user where is it | bot It is on its way. It comes tomorrow. Anything else?"),
        ] {
            let mut history = talk();
            history.cut(sentence, heard);
            assert_eq!(told(&history), left, "{sentence}");
        }
    }

    #[test]
    fn what_came_after_a_tool_is_cut_too_but_its_answer_stays() {
        let mut history = talk();
        history.call(&[call("a"), call("b")]);
        history.answer("b", "ok".into());
        history.say("Done.");
        history.cut("Anything else?", "Any");
        let unfinished = format!("tool {UNFINISHED}");
        assert_eq!(
            told(&history),
            format!("bot Hello. | user where is it | bot It is on its way. It comes tomorrow. Any… +2 | {unfinished} | tool ok")
        );
    }

    #[test]
    fn a_long_call_forgets_its_beginning_and_no_answer_stands_without_its_call() {
        for (messages, chars) in [(6, 10_000), (100, 60)] {
            let mut history = History::new(messages, chars);
            for n in 0..50 {
                history.user(format!("question {n}"));
                history.call(&[call("a"), call("b")]);
                history.answer("a", "x".into());
                history.answer("b", "y".into());
                history.say("An answer.");
                let wire: Vec<Value> = history.wire().collect();
                assert!(wire.len() <= messages && wire[0]["role"] != "tool", "{wire:?}");
                assert!(wire.iter().any(|m| m["content"] == format!("question {n}")), "what was asked last is told: {wire:?}");
            }
        }
    }

    #[test]
    fn one_message_that_is_too_long_is_told_all_the_same() {
        let mut history = History::new(4, 10);
        history.user("a long sentence of the caller".into());
        assert_eq!(history.wire().count(), 1);
    }
}
