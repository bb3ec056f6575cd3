//! Who may sign in, their sessions, keys of programs, and who did what: in the store, or, where nothing is kept, in memory until
//! the process ends.
//!
//! Names are compared without regard to case. A session or key is kept as its hash only, so that who reads the store can't use
//! it. What is *not* here: what anybody may do (`access`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use super::refusal::Refusal;
use crate::store::{FirstAdmin, Store, StoreError, fingerprint, random_text};

pub use crate::store::{Act, ApiKey, Role, User, UserChange};

/// Acts that are kept in memory.
const MAX_ACTS: usize = 10_000;
/// Sessions that are kept in memory.
const MAX_SESSIONS: usize = 10_000;

/// Where they are kept. Clones are the same people.
#[derive(Clone, Debug)]
pub enum People {
    /// For good.
    Stored(Store),
    /// Until the process ends.
    Remembered(Memory),
}

/// People who are forgotten when the process ends. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    users: BTreeMap<String, User>,
    keys: BTreeMap<String, ApiKey>,
    sessions: BTreeMap<String, (String, i64)>,
    acts: Vec<Act>,
    /// By which the first admin is made: its fingerprint.
    first_admin: Option<String>,
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        if !error.is_retryable() {
            return Refusal::failed("asking the store", &error);
        }
        tracing::warn!(%error, "a request to the console found the store away");
        Refusal::Away
    }
}

impl People {
    /// In this store, or in memory without one.
    pub fn of(store: Option<Store>) -> People {
        store.map_or_else(|| People::Remembered(Memory::default()), People::Stored)
    }

    /// Whether the store is known to be away.
    pub fn is_away(&self) -> bool {
        matches!(self, People::Stored(store) if store.counts().is_away)
    }

    /// Whether nobody may sign in yet.
    ///
    /// # Errors
    /// The store is away.
    pub async fn is_empty(&self) -> Result<bool, Refusal> {
        Ok(match self {
            People::Stored(store) => store.is_empty().await?,
            People::Remembered(memory) => memory.kept().users.is_empty(),
        })
    }

    /// The key that makes the first admin, while nobody may sign in; it replaces the one before.
    ///
    /// # Errors
    /// The store is away.
    pub async fn offer_first_admin(&self) -> Result<Option<String>, Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.offer_first_admin().await?),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        let key = kept.users.is_empty().then(random_text);
        kept.first_admin = key.as_deref().map(fingerprint);
        Ok(key)
    }

    /// Makes the first admin, once, for whoever has the key. False if it is not the key, or there is somebody.
    ///
    /// # Errors
    /// The store is away.
    pub async fn create_first_admin(&self, key: &str, user: &User) -> Result<bool, Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.create_first_admin(key, user).await? == FirstAdmin::Made),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        if !kept.users.is_empty() || kept.first_admin.take_if(|kept| *kept == fingerprint(key)).is_none() {
            return Ok(false);
        }
        kept.users.insert(user.name.to_lowercase(), user.clone());
        Ok(true)
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// The store is away.
    pub async fn list_users(&self) -> Result<Vec<User>, Refusal> {
        Ok(match self {
            People::Stored(store) => store.list_users().await?,
            People::Remembered(memory) => memory.kept().users.values().cloned().collect(),
        })
    }

    /// Whoever signs in with this name.
    ///
    /// # Errors
    /// The store is away.
    pub async fn find_user(&self, name: &str) -> Result<Option<User>, Refusal> {
        Ok(match self {
            People::Stored(store) => store.find_user(name).await?,
            People::Remembered(memory) => memory.kept().users.get(&name.to_lowercase()).cloned(),
        })
    }

    /// Somebody more. False if the name is taken.
    ///
    /// # Errors
    /// The store is away.
    pub async fn create_user(&self, user: User) -> Result<bool, Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.create_user(&user).await?),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        let key = user.name.to_lowercase();
        if kept.users.contains_key(&key) {
            return Ok(false);
        }
        kept.users.insert(key, user);
        Ok(true)
    }

    /// Somebody is different from now on in what is named, and in nothing else. False if there is nobody of this name.
    ///
    /// # Errors
    /// The store is away.
    pub async fn update_user(&self, name: &str, change: UserChange) -> Result<bool, Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.update_user(name, &change).await?),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        let Some(user) = kept.users.get_mut(&name.to_lowercase()) else { return Ok(false) };
        let UserChange { title, role, agent, password_hash, disabled } = change;
        user.title = title.unwrap_or_else(|| user.title.clone());
        user.role = role.unwrap_or(user.role);
        user.agent = agent.unwrap_or_else(|| user.agent.clone());
        user.password_hash = password_hash.unwrap_or_else(|| user.password_hash.clone());
        user.disabled = disabled.unwrap_or(user.disabled);
        Ok(true)
    }

    /// Somebody may not sign in any more. False if there was nobody.
    ///
    /// # Errors
    /// The store is away.
    pub async fn delete_user(&self, name: &str) -> Result<bool, Refusal> {
        Ok(match self {
            People::Stored(store) => store.delete_user(name).await?,
            People::Remembered(memory) => memory.kept().users.remove(&name.to_lowercase()).is_some(),
        })
    }

    /// Keys of programs, by name.
    ///
    /// # Errors
    /// The store is away.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, Refusal> {
        Ok(match self {
            People::Stored(store) => store.list_keys().await?,
            People::Remembered(memory) => memory.kept().keys.values().cloned().collect(),
        })
    }

    /// The key with this hash.
    ///
    /// # Errors
    /// The store is away.
    pub async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, Refusal> {
        Ok(match self {
            People::Stored(store) => store.find_key(hash).await?,
            People::Remembered(memory) => memory.kept().keys.values().find(|key| key.hash == hash).cloned(),
        })
    }

    /// A key more. False if the name is taken.
    ///
    /// # Errors
    /// The store is away.
    pub async fn create_key(&self, key: ApiKey) -> Result<bool, Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.create_key(&key).await?),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        if kept.keys.contains_key(&key.name) {
            return Ok(false);
        }
        kept.keys.insert(key.name.clone(), key);
        Ok(true)
    }

    /// A key opens nothing any more. False if there was none.
    ///
    /// # Errors
    /// The store is away.
    pub async fn delete_key(&self, name: &str) -> Result<bool, Refusal> {
        Ok(match self {
            People::Stored(store) => store.delete_key(name).await?,
            People::Remembered(memory) => memory.kept().keys.remove(name).is_some(),
        })
    }

    /// A session, by the hash of its id: what it holds, and when it ends, in s of Unix time.
    ///
    /// # Errors
    /// The store is away.
    pub async fn load_session(&self, key: &str) -> Result<Option<(String, i64)>, Refusal> {
        Ok(match self {
            People::Stored(store) => store.load_session(key).await?,
            People::Remembered(memory) => memory.kept().sessions.get(key).cloned(),
        })
    }

    /// Keeps a session.
    ///
    /// # Errors
    /// The store is away.
    pub async fn save_session(&self, key: &str, data: &str, ends: i64) -> Result<(), Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.save_session(key, data, ends).await?),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        if kept.sessions.len() >= MAX_SESSIONS {
            let now = Timestamp::now().as_second();
            kept.sessions.retain(|_, (_, ends)| *ends > now);
        }
        kept.sessions.insert(key.to_owned(), (data.to_owned(), ends));
        Ok(())
    }

    /// A session that goes on holds something else, or ends later. One that has ended stays so.
    ///
    /// # Errors
    /// The store is away.
    pub async fn update_session(&self, key: &str, data: &str, ends: i64) -> Result<(), Refusal> {
        match self {
            People::Stored(store) => store.update_session(key, data, ends).await?,
            People::Remembered(memory) => {
                if let Some(session) = memory.kept().sessions.get_mut(key) {
                    *session = (data.to_owned(), ends);
                }
            }
        }
        Ok(())
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// The store is away.
    pub async fn delete_session(&self, key: &str) -> Result<(), Refusal> {
        match self {
            People::Stored(store) => store.delete_session(key).await?,
            People::Remembered(memory) => drop(memory.kept().sessions.remove(key)),
        }
        Ok(())
    }

    /// Notes what somebody did.
    ///
    /// # Errors
    /// The store is away.
    pub async fn note(&self, who: &str, what: &str, about: Option<&str>, detail: Option<&str>) -> Result<(), Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.note(who, what, about, detail).await.map(|_| ())?),
            People::Remembered(memory) => memory,
        };
        let mut kept = memory.kept();
        let n = kept.acts.last().map_or(1, |act| act.n + 1);
        let (about, detail) = (about.map(str::to_owned), detail.map(str::to_owned));
        if kept.acts.len() >= MAX_ACTS {
            kept.acts.remove(0);
        }
        kept.acts.push(Act { n, at: Timestamp::now(), who: who.to_owned(), what: what.to_owned(), about, detail });
        Ok(())
    }

    /// What was done before act number `before`, the latest first.
    ///
    /// # Errors
    /// The store is away.
    pub async fn list_acts(&self, before: Option<i64>, most: usize) -> Result<Vec<Act>, Refusal> {
        let memory = match self {
            People::Stored(store) => return Ok(store.list_acts(before, most).await?),
            People::Remembered(memory) => memory,
        };
        let kept = memory.kept();
        Ok(kept.acts.iter().rev().filter(|act| before.is_none_or(|before| act.n < before)).take(most).cloned().collect())
    }
}
