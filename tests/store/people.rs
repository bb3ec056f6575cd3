//! Who may sign in, keys, sessions, and who did what.

use segue::store::{ApiKey, FirstAdmin, Role, StoreTable, User, UserChange};

use super::calls::moment;
use super::opened;

fn user(name: &str, role: Role, password_hash: &str) -> User {
    let password_hash = password_hash.into();
    User { name: name.into(), title: "Ana Ortiz".into(), role, agent: Some("ana".into()), password_hash, disabled: false, created: moment(0) }
}

pub async fn users_come_change_and_go(table: StoreTable) {
    let store = opened(&table).await;
    assert!(store.is_empty().await.unwrap());
    let ana = user("Ana", Role::Agent, "correct horse");
    assert!(store.create_user(&ana).await.unwrap());
    assert!(!store.create_user(&user("aNA", Role::Admin, "another")).await.unwrap(), "the same name twice");
    assert_eq!(store.find_user("ANA").await.unwrap(), Some(ana.clone()));
    for name in ["zoe", "' OR '' = '"] {
        assert_eq!(store.find_user(name).await.unwrap(), None, "{name}");
    }
    let disabled = User { disabled: true, role: Role::Supervisor, agent: None, title: "A. Ortiz".into(), ..ana.clone() };
    // Two change something else at the same time.
    let titled = UserChange { title: Some("A. Ortiz".into()), agent: Some(None), ..UserChange::default() };
    let demoted = UserChange { role: Some(Role::Supervisor), disabled: Some(true), ..UserChange::default() };
    let both = tokio::join!(store.update_user("aNa", &titled), store.update_user("Ana", &demoted));
    assert!(both.0.unwrap() && both.1.unwrap());
    assert!(store.update_user("ana", &UserChange::default()).await.unwrap());
    assert_eq!(store.list_users().await.unwrap(), [disabled]);
    assert!(!store.update_user("zoe", &demoted).await.unwrap());
    assert!(store.delete_user("ana").await.unwrap() && !store.delete_user("ana").await.unwrap());
    assert!(store.is_empty().await.unwrap());
}

pub async fn the_first_admin_is_made_once(table: StoreTable) {
    let store = opened(&table).await;
    let first = store.offer_first_admin().await.unwrap().expect("nobody is there");
    let second = store.offer_first_admin().await.unwrap().expect("nobody is there");
    let admin = user("root", Role::Admin, "correct horse");
    for wrong in ["", "x", first.as_str()] {
        assert_eq!(store.create_first_admin(wrong, &admin).await.unwrap(), FirstAdmin::WrongKey);
    }
    assert!(!format!("{:?}", store.setting("first_admin").await.unwrap()).contains(&second), "the key itself is kept");
    // Two come together.
    let both = tokio::join!(store.create_first_admin(&second, &admin), store.create_first_admin(&second, &admin));
    let made = [both.0.unwrap(), both.1.unwrap()];
    assert!(made.contains(&FirstAdmin::Made) && made.contains(&FirstAdmin::WrongKey), "{made:?}");
    assert_eq!(store.offer_first_admin().await.unwrap(), None);
    assert_eq!(store.create_first_admin(&second, &admin).await.unwrap(), FirstAdmin::WrongKey);
    assert_eq!(store.list_users().await.unwrap().len(), 1);
}

pub async fn keys_and_settings_are_kept(table: StoreTable) {
    let store = opened(&table).await;
    let key = ApiKey { name: "wallboard".into(), hash: "b1ce".into(), created: moment(1) };
    assert!(store.create_key(&key).await.unwrap());
    assert!(!store.create_key(&ApiKey { hash: "other".into(), ..key.clone() }).await.unwrap());
    assert_eq!((store.find_key("b1ce").await.unwrap(), store.find_key("other").await.unwrap()), (Some(key.clone()), None));
    assert_eq!(store.list_keys().await.unwrap(), [key]);
    assert!(store.delete_key("wallboard").await.unwrap() && !store.delete_key("wallboard").await.unwrap());
    assert_eq!(store.setting("trigger.upset").await.unwrap(), None);
    store.set_setting("trigger.upset", "off").await.unwrap();
    store.set_setting("trigger.upset", "offer").await.unwrap();
    assert_eq!(store.setting("trigger.upset").await.unwrap().as_deref(), Some("offer"));
}

pub async fn sessions_end(table: StoreTable) {
    let store = opened(&table).await;
    let now = jiff::Timestamp::now().as_second();
    store.save_session("a", "{}", now + 60).await.unwrap();
    store.save_session("a", "{\"who\":\"ana\"}", now + 70).await.unwrap();
    store.update_session("a", "{\"who\":\"zoe\"}", now + 80).await.unwrap();
    assert_eq!(store.load_session("a").await.unwrap(), Some(("{\"who\":\"zoe\"}".into(), now + 80)));
    store.delete_session("a").await.unwrap();
    store.update_session("a", "{}", now + 90).await.unwrap();
    assert_eq!(store.load_session("a").await.unwrap(), None, "one that has ended goes on");
}

pub async fn acts_are_numbered_without_a_gap(table: StoreTable) {
    let store = opened(&table).await;
    let noting = (0..20).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.note("ana", "listened", Some(&format!("call {n}")), (n % 2 == 0).then_some("by hand")).await.unwrap() })
    });
    let mut numbers = Vec::new();
    for noted in noting.collect::<Vec<_>>() {
        numbers.push(noted.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<i64>>());
    let page = store.list_acts(None, 15).await.unwrap();
    let rest = store.list_acts(page.last().map(|act| act.n), 15).await.unwrap();
    let told: Vec<i64> = page.iter().chain(&rest).map(|act| act.n).collect();
    assert_eq!(told, (1..=20).rev().collect::<Vec<i64>>());
    assert!(page.iter().all(|act| act.who == "ana" && act.what == "listened" && act.about.is_some()));
}

pub async fn odd_words_are_only_words(table: StoreTable) {
    let store = opened(&table).await;
    for words in ["'; DROP TABLE users; --", "\\", "$1", "%_", "\u{1f600}\u{202e}", &"x".repeat(100_000), "a\"b'c`d", "{\"a\": 1}"] {
        let odd = User { name: words.into(), title: words.into(), agent: Some(words.into()), ..user("x", Role::Tester, "x") };
        assert!(store.create_user(&odd).await.unwrap(), "{words:.40}");
        assert_eq!(store.find_user(words).await.unwrap(), Some(odd), "{words:.40}");
        store.note(words, words, Some(words), Some(words)).await.unwrap();
        assert_eq!(store.list_acts(None, 1).await.unwrap()[0].detail.as_deref(), Some(words));
    }
    // PostgreSQL takes no NUL, wherever it is.
    assert_eq!(store.find_user("a\0b").await.unwrap(), None);
    assert_eq!(store.history("a\0b", 1).await.unwrap(), []);
    assert!(!store.delete_key("a\0b").await.unwrap());
    store.note("a\0b", "tried", Some("\0"), Some("\0")).await.unwrap();
    assert_eq!(store.list_users().await.unwrap().len(), 8);
}
