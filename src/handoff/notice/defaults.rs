//! The notices that a new configuration begins with.

use std::collections::BTreeMap;

use super::*;

/// The default notices by name.
pub fn default_notices() -> BTreeMap<String, NoticeTable> {
    let texts = [
        (TRANSFER, "All right, I am getting a person for you. You are number {position} in line. It should take {wait}. Please stay on the line."),
        (OFFER, "Would you like to talk to a person? Say yes or no."),
        (CONNECTING, "Thank you for waiting. {agent} is with you now."),
        (STILL_WAITING, "I am still looking for a person for you. You are number {position} in line. It should take {wait}."),
        (NOBODY_CALLBACK, "I am sorry, nobody is free right now. We will call you back on the number that you are calling from."),
        (
            NOBODY_MESSAGE,
            "I am sorry, nobody is free right now. Please leave a message after the tone, and hang up or press the pound key when you are done.",
        ),
        (NOBODY_BOT, "I am sorry, nobody is free right now. Let me go on helping you myself."),
        (NOBODY_TICKET, "I am sorry, nobody is free right now. I have written down what you need, and somebody will look after it."),
        (MESSAGE_THANKS, "Thank you. I pass your message on."),
        (DECLINED, "All right, let us go on."),
        (RESUMED, "You are back with me now. How can I help you further?"),
        (AGENT_LOST, "I am sorry, we lost the connection to your agent. I am getting somebody else for you. Please stay on the line."),
        (ACCEPT_BY_KEY, "Press 1 to accept, or 2 to decline."),
        (HELD, "Please hold the line for a moment."),
        (GOODBYE, "Thank you for calling. Goodbye."),
        (ASK_TOPIC, "While I do that: what is it about?"),
        (SURVEY, "How did we do today? Press a key from 1 for badly to 5 for very well."),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), NoticeTable { text: text.to_owned(), ..NoticeTable::default() })).collect()
}
