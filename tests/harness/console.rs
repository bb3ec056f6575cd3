//! A gateway with a console on loopback, and somebody at it: over real HTTP and WebSocket.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use segue::cmd::live::{self, Running};
use segue::config::Config;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::kit::kit;

/// Nothing here takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Whoever signs in.
pub const PASSWORD: &str = "a long password";

/// A gateway with a console; its phones are nobody's.
pub struct Site {
    pub running: Running,
    pub address: SocketAddr,
}

/// Somebody, or a program, at the console.
#[derive(Clone)]
pub struct Person {
    client: Client,
    address: SocketAddr,
    pub cookie: Option<String>,
    pub key: Option<String>,
}

/// What a gateway of a test has, beside its console.
pub const TABLES: &str = "[[entry]]\nname = \"main\"\ncalled = [\"1000\"]\nqueue = \"service\"\n[[queue]]\nname = \"service\"\ntitle = \"our service\"\n\
    [[queue]]\nname = \"sales\"\n[[agent]]\nname = \"anna\"\ntitle = \"Anna\"\nqueues = [\"service\"]\n[[agent]]\nname = \"ben\"\n\
    [sip]\nbind = [\"udp:127.0.0.1:0\"]\n[speech]\nrecognizer = \"off\"\n";

impl Site {
    /// With more keys of `[console]`.
    pub async fn open(console: &str) -> Site {
        Site::with(&format!("{TABLES}[console]\nbind = \"127.0.0.1:0\"\n{console}\n")).await
    }

    /// Of this configuration, as far as it can be checked.
    pub async fn with(text: &str) -> Site {
        let config = Config::read(Some(("test.toml", text)), [], |path| std::fs::read_to_string(path)).unwrap_or_else(|p| panic!("{p}"));
        Site::of(&config).await
    }

    /// Of this configuration, with its store.
    pub async fn kept(text: &str) -> Site {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Config::read(Some(("test.toml", text)), [], |path| std::fs::read_to_string(path)).unwrap_or_else(|p| panic!("{p}"));
        let running = live::open_kept(&config, kit(&config).await).await.unwrap();
        let address = running.console.as_ref().unwrap().address();
        Site { running, address }
    }

    /// Of this configuration, unchecked.
    pub async fn of(config: &Config) -> Site {
        // Another test of this process may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let running = live::open(config, kit(config).await).await.unwrap();
        let address = running.console.as_ref().unwrap().address();
        Site { running, address }
    }

    pub fn welcome_key(&self) -> String {
        let link = self.running.console.as_ref().unwrap().welcome().expect("nobody may sign in yet");
        link.split_once("/welcome?key=").unwrap().1.to_owned()
    }

    /// Somebody who has not signed in.
    pub fn stranger(&self) -> Person {
        Person::at(self.address)
    }

    /// Whoever sends this as `Authorization: Bearer`.
    pub fn bearer(&self, token: &str) -> Person {
        Person { key: Some(token.to_owned()), ..self.stranger() }
    }

    /// The first admin, `root`.
    pub async fn admin(&self) -> Person {
        let mut admin = self.stranger();
        admin.is_welcomed(&self.welcome_key()).await;
        admin
    }

    /// Somebody new, signed in.
    pub async fn person(&self, admin: &Person, name: &str, role: &str, agent: Option<&str>) -> Person {
        admin.makes(name, role, agent).await
    }

    /// A program with a key.
    pub async fn program(&self, admin: &Person, name: &str) -> Person {
        let made = admin.post("/keys", &json!({ "name": name })).await;
        assert_eq!(made.status(), 201);
        let key = made.json::<Value>().await.unwrap()["key"].as_str().unwrap().to_owned();
        Person { key: Some(key), ..self.stranger() }
    }
}

fn client() -> Client {
    Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl Person {
    /// Somebody who has not signed in, at the console of a gateway that is a process of its own.
    pub fn at(address: SocketAddr) -> Person {
        // Another test of this process may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Person { client: client(), address, cookie: None, key: None }
    }

    /// The same, with what they signed in with, at the console that is there now.
    pub fn moved_to(&self, address: SocketAddr) -> Person {
        Person { address, ..self.clone() }
    }

    /// Becomes the first admin, `root`, by the key of the link.
    pub async fn is_welcomed(&mut self, key: &str) {
        let answer = self.post("/welcome", &json!({ "key": key, "name": "root", "password": PASSWORD })).await;
        assert_eq!(answer.status(), 200);
        self.keep_cookie(&answer);
    }

    /// Makes somebody new, and gives them signed in.
    pub async fn makes(&self, name: &str, role: &str, agent: Option<&str>) -> Person {
        let asked = json!({ "name": name, "role": role, "agent": agent, "password": PASSWORD });
        let made = self.post("/users", &asked).await;
        assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
        let mut person = Person::at(self.address);
        assert_eq!(person.sign_in(name, PASSWORD).await, 200);
        person
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.address)
    }

    /// A request as a page of ours sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("x-segue", "1").header("origin", format!("http://{}", self.address))
    }

    /// A request with nothing but who sends it.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, self.url(path));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        request
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PUT, path).json(body).send().await.unwrap()
    }

    pub async fn sign_in(&mut self, name: &str, password: &str) -> StatusCode {
        let answer = self.post("/session", &json!({ "name": name, "password": password })).await;
        if answer.status() == 200 {
            self.keep_cookie(&answer);
        }
        answer.status()
    }

    pub fn keep_cookie(&mut self, answer: &Response) {
        let cookie = answer.headers().get("set-cookie").expect("a cookie").to_str().unwrap();
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    /// The live feed, without a first word.
    pub async fn feed(&self) -> Feed {
        self.feed_at("/live").await
    }

    /// The feed at this path.
    pub async fn feed_at(&self, path: &str) -> Feed {
        let mut request = format!("ws://{}/api/v1{path}", self.address).into_client_request().unwrap();
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        if let Some(key) = &self.key {
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Feed { socket, waiting: VecDeque::new() }
    }

    /// The live feed from now on, and its number now.
    pub async fn feed_from_now(&self) -> (Feed, u64) {
        let mut feed = self.feed().await;
        feed.say(&json!({})).await;
        let first = feed.next().await;
        assert_eq!(first["event"]["type"], "reset", "{first}");
        (feed, first["seq"].as_u64().unwrap())
    }
}

/// A page's connection.
pub struct Feed {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    waiting: VecDeque<Value>,
}

impl Feed {
    pub async fn say(&mut self, words: &Value) {
        self.socket.send(Message::Text(words.to_string().into())).await.unwrap();
    }

    pub async fn say_raw(&mut self, message: Message) {
        // It may have been closed already.
        let _ = self.socket.send(message).await;
    }

    /// The next message; the reason, if it was closed.
    pub async fn heard(&mut self) -> Result<Value, Option<(u16, String)>> {
        tokio::time::timeout(PATIENCE, self.hear()).await.expect("the feed is silent")
    }

    async fn hear(&mut self) -> Result<Value, Option<(u16, String)>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| (frame.code.into(), frame.reason.to_string()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub async fn next(&mut self) -> Value {
        match self.waiting.pop_front() {
            Some(message) => message,
            None => self.heard().await.unwrap_or_else(|why| panic!("the feed was closed: {why:?}")),
        }
    }

    /// Until a message of this type; gives all up to it.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next().await);
            if heard.last().is_some_and(|message| message["event"]["type"] == kind) {
                return heard;
            }
        }
    }
}
