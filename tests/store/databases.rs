//! A database for a test: a file of SQLite, or a PostgreSQL of our own that is started for it and stopped after.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use segue::store::StoreTable;

/// Whom PostgreSQL knows us as, and by what.
const USER: &str = "segue";
const PASSWORD: &str = "open sesame";
/// Where Debian has the programs.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A directory of our own, empty.
pub fn directory(name: &str) -> PathBuf {
    empty(Path::new(env!("CARGO_TARGET_TMPDIR")).join("store").join(name))
}

fn empty(dir: PathBuf) -> PathBuf {
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A store in a file of its own.
pub fn sqlite(name: &str) -> StoreTable {
    let file = directory(name).join("segue.db");
    StoreTable { url: format!("sqlite:{}", file.display()), ..StoreTable::default() }
}

/// A PostgreSQL of our own; stopped with the test.
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    programs: PathBuf,
    /// The user and group that it runs as: it does not run as root.
    runs_as: Option<(u32, u32)>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found: Vec<PathBuf> =
        versions.chain(std::env::split_paths(&path)).filter(|dir| dir.join("initdb").exists() && dir.join("pg_ctl").exists()).collect();
    found.into_iter().next()
}

fn number(user: &str, which: &str) -> Option<u32> {
    let told = Command::new("id").args([which, user]).output().ok()?;
    String::from_utf8(told.stdout).ok()?.trim().parse().ok()
}

fn runs_as() -> Option<(u32, u32)> {
    if number("root", "-u") != Command::new("id").arg("-u").output().ok().and_then(|told| String::from_utf8(told.stdout).ok()?.trim().parse().ok()) {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|user| Some((number(user, "-u")?, number(user, "-g")?)))
}

impl Cluster {
    /// Starts one, or says loudly that it is missing.
    pub fn start() -> Option<Cluster> {
        let Some(programs) = programs() else {
            eprintln!("SKIPPED: nothing was tried on PostgreSQL, because it is missing (Debian: postgresql)");
            return None;
        };
        // Where whoever it runs as may go, and where the name of its socket is short enough.
        let dir = empty(std::env::temp_dir().join(format!("segue-store-{}", std::process::id())));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Cluster { dir, port, programs, runs_as: runs_as() };
        std::fs::write(cluster.password(), format!("{PASSWORD}\n")).unwrap();
        for path in [&cluster.dir, &cluster.password()] {
            if let Some((user, group)) = cluster.runs_as {
                std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
            }
        }
        let data = cluster.data();
        let how = ["-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync", "--pwfile"];
        cluster.run("initdb", |command| command.arg("-D").arg(&data).args(how).arg(cluster.password()));
        cluster.resume();
        Some(cluster)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn password(&self) -> PathBuf {
        self.dir.join("password")
    }

    fn run(&self, program: &str, with: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = Command::new(self.programs.join(program));
        // What it starts keeps what it writes to: a pipe would never end.
        let log = self.dir.join(format!("{program}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        with(&mut command).current_dir(&self.dir).stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        if let Some((user, group)) = self.runs_as {
            command.uid(user).gid(group);
        }
        let done = command.status().unwrap();
        assert!(done.success(), "{program}: {}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// It is there again.
    pub fn resume(&self) {
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -c fsync=off -k {}", self.port, self.dir.display());
        self.run("pg_ctl", |command| {
            command.arg("-D").arg(self.data()).args(["-w", "-t", "120", "-o", &options, "-l"]).arg(self.dir.join("log")).arg("start")
        });
    }

    /// It is gone, as if its machine were.
    pub fn stop(&self) {
        self.run("pg_ctl", |command| command.arg("-D").arg(self.data()).args(["-w", "-m", "immediate", "stop"]));
    }

    /// A store in a database of its own.
    pub async fn store(&self, name: &str) -> StoreTable {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&self.url("postgres", true)).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
        pool.close().await;
        StoreTable { url: self.url(name, false), password_file: Some(self.password()), ..StoreTable::default() }
    }

    fn url(&self, database: &str, with_password: bool) -> String {
        let password = if with_password { format!(":{}", PASSWORD.replace(' ', "%20")) } else { String::new() };
        format!("postgres://{USER}{password}@127.0.0.1:{}/{database}", self.port)
    }
}

/// The rows themselves, past the store.
pub async fn rows_of(table: &StoreTable) -> sqlx::AnyPool {
    sqlx::any::install_default_drivers();
    let password = table.password_file.as_deref().map(|file: &Path| std::fs::read_to_string(file).unwrap());
    let url = match password {
        Some(password) => table.url.replacen('@', &format!(":{}@", password.trim().replace(' ', "%20")), 1),
        None => table.url.clone(),
    };
    sqlx::any::AnyPoolOptions::new().max_connections(2).connect(&url).await.unwrap()
}
