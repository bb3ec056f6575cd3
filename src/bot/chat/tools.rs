//! What the model may do: bring a person, end the call, and call addresses of the operator.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value, json};

use crate::base::{CallId, Fault, Organ, secs};
use crate::net::http::{self, Limits};

use super::history::ToolCall;
use super::table::{END_CALL, HANDOFF, ToolTable};

/// Longest answer of a tool that the model is told; more would cost it what the caller said.
const MAX_ANSWER_BYTES: usize = 16_384;
/// Longest arguments of a call.
pub(super) const MAX_ARGUMENT_BYTES: usize = 16_384;
/// Longest text of a handoff that an agent is shown.
const MAX_SHOWN_CHARS: usize = 300;

/// What becomes of the call after an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Next {
    /// It is the caller's turn.
    #[default]
    Caller,
    /// A person is to take over.
    Person(Wish),
    /// The conversation is over.
    Goodbye,
}

/// Why the model wants a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    /// For the person and the record.
    pub reason: String,
    /// What the call is about, in a few words.
    pub about: Option<String>,
    /// What the person should do first.
    pub next_step: Option<String>,
    /// The caller asked for a person.
    pub was_asked_for: bool,
}

/// A tool of the operator, with what is needed to call it.
pub(super) struct Tool {
    table: ToolTable,
    secret: Option<(HeaderName, HeaderValue)>,
}

impl Tool {
    /// Finds its secret.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if it can't be had.
    pub fn load(table: &ToolTable) -> Result<Tool, Fault> {
        let unusable =
            || Fault::Unavailable { organ: Organ::Bot, detail: format!("the secret of the tool `{}` can't stand in a header", table.name) };
        let secret = match table.find_secret()? {
            None => None,
            Some(secret) => {
                let name = HeaderName::from_bytes(table.secret_header.as_bytes()).map_err(|_| unusable())?;
                let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| unusable())?;
                value.set_sensitive(true);
                Some((name, value))
            }
        };
        Ok(Tool { table: table.clone(), secret })
    }

    /// What the caller is told while it works.
    pub fn says(&self) -> Option<&str> {
        Some(self.table.says.as_str()).filter(|says| !says.is_empty())
    }

    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// Calls it: what the model is told, and what went wrong, if anything did.
    pub async fn call(&self, client: &Client, call: CallId, arguments: Map<String, Value>) -> (String, Option<Fault>) {
        if let Err(wrong) = fits(&self.table.parameters, &arguments) {
            return (json!({ "error": wrong }).to_string(), None);
        }
        let body = json!({ "call": call.to_string(), "tool": self.table.name, "arguments": arguments });
        let mut request = client.post(&self.table.url).json(&body);
        if let Some((name, value)) = &self.secret {
            request = request.header(name, value);
        }
        match answer(request, secs(self.table.timeout_secs)).await {
            Ok(answer) => (answer, None),
            Err(fault) => {
                let told = json!({ "error": "the system behind this tool does not work at the moment" });
                (told.to_string(), Some(named(fault, &self.table.name)))
            }
        }
    }
}

async fn answer(request: RequestBuilder, patience: Duration) -> Result<String, Fault> {
    let limits = Limits { first: patience, idle: patience, total: patience, bytes: MAX_ANSWER_BYTES };
    let bytes = http::fetch(Organ::Connector, request, limits).await.map_err(|trouble| trouble.fault)?.all().await?;
    String::from_utf8(bytes).map_err(|_| Fault::Malformed { organ: Organ::Connector, detail: "its answer is no text".into() })
}

fn named(fault: Fault, tool: &str) -> Fault {
    let of = |detail: String| format!("tool `{tool}`: {detail}");
    match fault {
        Fault::Unavailable { organ, detail } => Fault::Unavailable { organ, detail: of(detail) },
        Fault::Failed { organ, detail } => Fault::Failed { organ, detail: of(detail) },
        Fault::Malformed { organ, detail } => Fault::Malformed { organ, detail: of(detail) },
        Fault::Overloaded { organ, detail } => Fault::Overloaded { organ, detail: of(detail) },
        stalled @ Fault::Stalled { .. } => stalled,
    }
}

/// The arguments of a call, if they are a JSON object. A tool without any may be called with nothing.
pub(super) fn arguments(call: &ToolCall) -> Result<Map<String, Value>, String> {
    if call.arguments.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(&call.arguments).map_err(|_| "the arguments are no JSON object".to_owned())
}

/// Holds arguments to the schema: what is required is there, and what is there has its type. The rest is the tool's to check.
fn fits(schema: &Value, arguments: &Map<String, Value>) -> Result<(), String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !arguments.contains_key(*name)) {
        return Err(format!("the argument `{missing}` is missing"));
    }
    for (name, value) in arguments {
        let is_right = match schema["properties"][name]["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some("null") => value.is_null(),
            Some(_) | None => true,
        };
        if !is_right {
            return Err(format!("the argument `{name}` has another type than the schema says"));
        }
    }
    Ok(())
}

/// What the built-in tools ask for, if this is one of them.
pub(super) fn built_in(call: &ToolCall) -> Option<Next> {
    match call.name.as_str() {
        END_CALL => Some(Next::Goodbye),
        HANDOFF => {
            // Whatever else is wrong with it: that a person is wanted is understood.
            let arguments = arguments(call).unwrap_or_default();
            let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(shown).filter(|text| !text.is_empty());
            Some(Next::Person(Wish {
                reason: text("reason").unwrap_or_default(),
                about: text("about"),
                next_step: text("next_step"),
                was_asked_for: arguments.get("caller_asked").and_then(Value::as_bool).unwrap_or(false),
            }))
        }
        _ => None,
    }
}

fn shown(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_SHOWN_CHARS).collect()
}

/// The tools as the model is told of them.
pub(super) fn wire<'a>(tools: impl Iterator<Item = &'a ToolTable>) -> Vec<Value> {
    let function = |name: &str, description: &str, parameters: &Value| json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } });
    let handoff = json!({
        "type": "object",
        "properties": {
            "reason": { "type": "string", "description": "Why, in one short sentence for the person who takes over." },
            "about": { "type": "string", "description": "What the call is about, in two to five words." },
            "next_step": { "type": "string", "description": "What the person should do first." },
            "caller_asked": { "type": "boolean", "description": "True if the caller asked for a person." },
        },
        "required": ["reason"],
    });
    let nothing = json!({ "type": "object", "properties": {} });
    let mut all = vec![
        function(
            HANDOFF,
            "Brings a person into the call. Use it as soon as the caller asks for one, or when you can't help. The caller is told by the telephone \
             system: don't announce it, and don't argue.",
            &handoff,
        ),
        function(END_CALL, "Ends the call. Use it when the caller says that nothing else is needed; say goodbye in the same answer.", &nothing),
    ];
    all.extend(tools.map(|tool| function(&tool.name, &tool.description, &tool.parameters)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: "1".into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn a_person_is_brought_however_badly_the_model_asks() {
        for (arguments, reason, was_asked_for) in [
            (r#"{"reason":"wants  a refund","caller_asked":true}"#, "wants a refund", true),
            (r#"{"reason":7}"#, "", false),
            ("{\"reason\":\"cut", "", false),
            ("", "", false),
        ] {
            let Some(Next::Person(wish)) = built_in(&call(HANDOFF, arguments)) else { panic!("{arguments}") };
            assert_eq!((wish.reason.as_str(), wish.was_asked_for), (reason, was_asked_for), "{arguments}");
        }
        assert_eq!(built_in(&call(END_CALL, "nonsense")), Some(Next::Goodbye));
        assert_eq!(built_in(&call("order", "{}")), None);
    }

    #[test]
    fn arguments_are_held_to_the_schema() {
        let schema = json!({ "type": "object", "required": ["order"], "properties": {
            "order": { "type": "string" }, "count": { "type": "integer" }, "fast": { "type": "boolean" } } });
        for (written, wrong) in [
            (r#"{"order":"4711","count":2,"fast":true,"more":[1]}"#, None),
            (r#"{"count":2}"#, Some("`order` is missing")),
            (r#"{"order":4711}"#, Some("`order` has another type")),
            (r#"{"order":"1","count":1.5}"#, Some("`count`")),
            ("", Some("`order` is missing")),
            ("[1]", Some("no JSON object")),
            ("{\"order\":", Some("no JSON object")),
        ] {
            let fitted = arguments(&call("order", written)).and_then(|arguments| fits(&schema, &arguments));
            match wrong {
                None => assert_eq!(fitted, Ok(()), "{written}"),
                Some(wrong) => assert!(fitted.clone().is_err_and(|said| said.contains(wrong)), "{written}: {fitted:?}"),
            }
        }
    }
}
