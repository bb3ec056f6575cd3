//! What the console serves beside the API: pages and their headers, health, TLS, and the API's document as a golden file.
//!
//! `SEGUE_BLESS=1 cargo test --test console` writes the golden document anew.

use std::collections::BTreeSet;

use crate::certificates::Certificates;
use crate::console::{PATIENCE, Site};
use reqwest::{Client, Method, Response};

async fn get(site: &Site, path: &str) -> Response {
    Client::builder().timeout(PATIENCE).build().unwrap().get(format!("http://{}{path}", site.address)).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let site = Site::open("").await;
    for path in ["/", "/api", "/api-page.js", "/api/v1/me", "/api/v1/nothing", "/nothing", "/healthz", "/handoff.css"] {
        let answer = get(&site, path).await;
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert!(headers["permissions-policy"].to_str().unwrap().contains("microphone=(self)"), "{path}");
        assert!(headers.contains_key("cache-control") && headers.contains_key("content-type"), "{path}");
    }
    // The page of a handoff stands in frames of other systems, and keeps its own rules.
    let answer = get(&site, "/handoff/nobodys-key").await;
    assert_eq!(answer.status(), 404);
    assert!(!answer.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_files_are_served_with_their_types_and_nothing_else_is() {
    let site = Site::open("").await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/desk", "text/html"),
        ("/wall", "text/html"),
        ("/calls/7", "text/html"),
        ("/api", "text/html"),
        ("/admin", "text/html"),
        ("/api-page.js", "text/javascript"),
        ("/css/base.css", "text/css"),
    ] {
        let answer = get(&site, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind), "{path}");
    }
    let answer = get(&site, "/api-page.js").await;
    let tag = answer.headers()["etag"].clone();
    let client = Client::builder().timeout(PATIENCE).build().unwrap();
    let ask = |method: Method, path: &str| client.request(method, format!("http://{}{path}", site.address));
    let again = ask(Method::GET, "/api-page.js").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.headers()["etag"].clone()), (304, tag));
    assert!(again.bytes().await.unwrap().is_empty());
    assert_eq!(ask(Method::GET, "/api-page.js").header("if-none-match", "\"older\"").send().await.unwrap().status(), 200);
    assert_eq!(ask(Method::HEAD, "/api-page.js").send().await.unwrap().status(), 200);
    assert_eq!(ask(Method::POST, "/api-page.js").send().await.unwrap().status(), 404);
    // As they go over the wire: a client would tidy them up.
    for path in [
        "/../table.rs",
        "/..%2ftable.rs",
        "/%2e%2e/table.rs",
        "/./../../Cargo.toml",
        "//etc/passwd",
        "/api-page.js/../table.rs",
        "/.git/config",
        "/\\..\\table.rs",
    ] {
        let answer = raw(&site, path).await;
        assert!(answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "), "{path}: {}", answer.lines().next().unwrap_or_default());
    }
}

/// The answer to a GET of this path, as it is written.
async fn raw(site: &Site, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(site.address).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", site.address).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness_are_told() {
    let site = Site::open("").await;
    assert_eq!(get(&site, "/healthz").await.status(), 200);
    assert_eq!(get(&site, "/readyz").await.status(), 200);
    site.running.console.as_ref().unwrap().drain();
    assert_eq!(get(&site, "/readyz").await.status(), 503);
    assert_eq!(get(&site, "/healthz").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookie_is_secure_and_a_new_certificate_is_read() {
    let Some(made) = Certificates::make("console") else { return };
    let file = |name: &str| made.path(name).display().to_string();
    // What is served: copies, which change below.
    for (from, to) in [("good.pem", "served.pem"), ("good.key", "served.key")] {
        std::fs::copy(file(from), file(to)).unwrap();
    }
    let site = Site::open(&format!("tls_certificate = {:?}\ntls_key = {:?}", file("served.pem"), file("served.key"))).await;
    let link = site.running.console.as_ref().unwrap().welcome().unwrap().to_owned();
    assert!(link.starts_with(&format!("https://{}/welcome?key=", site.address)), "{link}");
    let root = reqwest::Certificate::from_pem(&std::fs::read(file("root.pem")).unwrap()).unwrap();
    let client = || Client::builder().timeout(PATIENCE).tls_certs_only([root.clone()]).build().unwrap();
    let url = format!("https://{}/api/v1/welcome", site.address);
    let asked = serde_json::json!({ "key": site.welcome_key(), "name": "root", "password": crate::console::PASSWORD });
    let answer = client().post(url).header("x-segue", "1").json(&asked).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["segue=", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(answer.headers().contains_key("strict-transport-security"));
    // One that nobody trusts: new connections see it.
    for (from, to) in [("unknown.pem", "served.pem"), ("unknown.key", "served.key")] {
        std::fs::copy(file(from), file(to)).unwrap();
    }
    let health = format!("https://{}/healthz", site.address);
    assert_eq!(client().get(&health).send().await.unwrap().status(), 200, "nobody has said that it is to be read");
    site.running.console.as_ref().unwrap().renew_certificate().unwrap();
    assert!(client().get(&health).send().await.is_err());
    std::fs::write(file("served.pem"), "spoiled").unwrap();
    assert!(site.running.console.as_ref().unwrap().renew_certificate().is_err(), "and the one before it stays");
    // Who speaks no TLS gets nothing, and keeps nobody else from it.
    assert!(Client::builder().timeout(PATIENCE).build().unwrap().get(format!("http://{}/healthz", site.address)).send().await.is_err());
}

#[test]
fn the_document_of_the_api_is_as_it_was_agreed() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/openapi.json");
    let document = format!("{:#}\n", segue::console::openapi());
    if std::env::var_os("SEGUE_BLESS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(document == wanted, "the API's document is another than tests/golden/openapi.json (SEGUE_BLESS=1 writes it anew)");
}

#[test]
fn parameters_of_a_path_and_no_others_stand_in_it_and_no_name_comes_twice() {
    let (document, mut names) = (segue::console::openapi(), BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(names.insert(operation["operationId"].to_string()), "{path}: {operation}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let in_path = path.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
                assert_eq!(parameter["in"], if in_path { "path" } else { "query" }, "{path}: {parameter}");
            }
        }
    }
}

#[test]
fn every_type_that_the_document_refers_to_is_in_it() {
    let document = segue::console::openapi();
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is missing");
    }
}
