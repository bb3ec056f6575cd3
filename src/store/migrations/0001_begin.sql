-- The same statements for SQLite and PostgreSQL. Times that end in `_us` are µs: of calls, people and acts since 1970 (UTC),
-- of what happens within a call since the call began. True is 1, false is 0. Whatever belongs to a call goes with it.

CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    began_us BIGINT NOT NULL,
    entry TEXT NOT NULL,
    called TEXT NOT NULL,
    caller TEXT,
    language TEXT NOT NULL,
    mode TEXT NOT NULL,
    recordings TEXT,
    ended_us BIGINT,
    outcome TEXT,
    ended_by TEXT,
    agent TEXT,
    headline TEXT,
    frustration_peak DOUBLE PRECISION,
    handoffs BIGINT NOT NULL,
    stage TEXT,
    last_us BIGINT NOT NULL,
    last_kind TEXT NOT NULL,
    records BIGINT NOT NULL
);
CREATE INDEX calls_by_time ON calls (began_us, id);
CREATE INDEX calls_by_caller ON calls (caller, began_us);
CREATE INDEX calls_by_end ON calls (ended_us);

CREATE TABLE records (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (call, seq)
);

CREATE TABLE turns (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    who TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    text TEXT,
    confidence DOUBLE PRECISION,
    cut BIGINT NOT NULL,
    PRIMARY KEY (call, seq)
);

CREATE TABLE signals (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    unit TEXT NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (call, seq)
);

CREATE TABLE scores (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (call, seq)
);

CREATE TABLE legs (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    leg BIGINT NOT NULL,
    party TEXT NOT NULL,
    agent TEXT,
    joined_us BIGINT NOT NULL,
    left_us BIGINT,
    left_by TEXT,
    began_us BIGINT NOT NULL,
    PRIMARY KEY (call, leg)
);
-- When their call began stands with them, so that an agent's day is read without every call of theirs.
CREATE INDEX legs_by_agent ON legs (agent, began_us);

CREATE TABLE handoffs (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    trigger_name TEXT NOT NULL,
    cause TEXT NOT NULL,
    mode TEXT NOT NULL,
    asked TEXT NOT NULL,
    reason TEXT NOT NULL,
    queue TEXT NOT NULL,
    consent TEXT,
    t0_us BIGINT,
    t1_us BIGINT,
    t2_us BIGINT,
    t3_us BIGINT,
    t4_us BIGINT,
    t5_us BIGINT,
    t6_us BIGINT,
    bridge_gap_ms DOUBLE PRECISION,
    notice TEXT,
    notice_start_us BIGINT,
    notice_end_us BIGINT,
    packet TEXT,
    agent TEXT,
    ended_us BIGINT,
    outcome TEXT,
    ended_by TEXT,
    PRIMARY KEY (call, n)
);

CREATE TABLE offers (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    offer BIGINT NOT NULL,
    handoff BIGINT NOT NULL,
    agent TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    settled_us BIGINT,
    outcome TEXT,
    PRIMARY KEY (call, offer),
    FOREIGN KEY (call, handoff) REFERENCES handoffs (call, n) ON DELETE CASCADE
);
CREATE INDEX offers_by_agent ON offers (agent, call);

CREATE TABLE wrap_ups (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    agent TEXT NOT NULL,
    began_us BIGINT NOT NULL,
    saved_us BIGINT NOT NULL,
    summary TEXT NOT NULL,
    disposition TEXT,
    resolved BIGINT,
    PRIMARY KEY (call, agent)
);
CREATE INDEX wrap_ups_by_agent ON wrap_ups (agent, began_us);

-- Who may sign in. `name` is in lower case, `shown` as it was written.
CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    shown TEXT NOT NULL,
    title TEXT NOT NULL,
    role TEXT NOT NULL,
    agent TEXT,
    password_hash TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created_us BIGINT NOT NULL
);

-- Keys of programs: only their hashes.
CREATE TABLE api_keys (
    name TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    created_us BIGINT NOT NULL
);

-- Sessions of people at the pages, by the hash of their ids. `ends` is in s since 1970.
CREATE TABLE sessions (
    id_hash TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL,
    ends BIGINT NOT NULL
);

-- Who did what.
CREATE TABLE audit (
    n BIGINT NOT NULL PRIMARY KEY,
    at_us BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    about TEXT,
    detail TEXT
);

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);
INSERT INTO counters (name, n) VALUES ('audit', 0);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
