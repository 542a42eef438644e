-- +goose Up
-- Times are milliseconds since 1970, UTC. Secrets are stored as hashes, mails
-- sealed with a key that is kept beside the database, never in it.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE accounts (
  id            INTEGER PRIMARY KEY,
  sub           TEXT    NOT NULL UNIQUE,
  name          TEXT    NOT NULL,
  extra_time    TEXT    NOT NULL DEFAULT '',
  password      TEXT,                       -- PHC string; NULL: never created
  blocked_until INTEGER NOT NULL DEFAULT 0,
  created_at    INTEGER NOT NULL
);

CREATE TABLE addresses (
  address    TEXT    PRIMARY KEY,           -- normalised, see Normalise
  account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  kind       TEXT    NOT NULL CHECK (kind IN ('primary', 'secondary'))
);
CREATE INDEX addresses_account ON addresses(account_id);

CREATE TABLE tablets (
  thumbprint  TEXT    PRIMARY KEY,
  label       TEXT    NOT NULL DEFAULT '',
  enrolled_at INTEGER NOT NULL,
  revoked_at  INTEGER
);

CREATE TABLE sessions (
  id             INTEGER PRIMARY KEY,
  hash           BLOB    NOT NULL UNIQUE,   -- of the newest auth_session
  jkt            TEXT    NOT NULL,          -- thumbprint of the DPoP key
  client_id      TEXT    NOT NULL,
  scope          TEXT    NOT NULL,
  code_challenge TEXT    NOT NULL,
  account_id     INTEGER REFERENCES accounts(id) ON DELETE CASCADE, -- NULL: nobody
  subject        TEXT    NOT NULL,          -- what limits count for
  class          TEXT    NOT NULL,          -- whom limits count: one tablet, or all unknown clients
  address        TEXT    NOT NULL,          -- '' for nobody
  masked         TEXT    NOT NULL,
  touched_at     INTEGER NOT NULL
);
CREATE INDEX sessions_touched ON sessions(touched_at);

CREATE TABLE codes (
  id            INTEGER PRIMARY KEY,
  session_id    INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  subject       TEXT    NOT NULL,
  class         TEXT    NOT NULL,
  salt          BLOB    NOT NULL,
  mac           BLOB    NOT NULL,
  sent_at       INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  tries         INTEGER NOT NULL DEFAULT 0,
  used_at       INTEGER
);
CREATE INDEX codes_session ON codes(session_id);
CREATE INDEX codes_subject ON codes(subject, class, sent_at);

CREATE TABLE events (
  id      INTEGER PRIMARY KEY,
  subject TEXT    NOT NULL,
  class   TEXT    NOT NULL,
  kind    TEXT    NOT NULL CHECK (kind IN ('password', 'code', 'send')),
  at      INTEGER NOT NULL
);
CREATE INDEX events_subject ON events(subject, class, kind, at);
CREATE INDEX events_at ON events(at);

CREATE TABLE grants (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  session_id INTEGER REFERENCES sessions(id) ON DELETE SET NULL,
  client_id  TEXT    NOT NULL,
  jkt        TEXT    NOT NULL,
  scope      TEXT    NOT NULL,
  granted_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
);
CREATE INDEX grants_session ON grants(session_id);
CREATE INDEX grants_account ON grants(account_id);

CREATE TABLE authorization_codes (
  hash           BLOB    PRIMARY KEY,
  session_id     INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  account_id     INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  client_id      TEXT    NOT NULL,
  jkt            TEXT    NOT NULL,
  scope          TEXT    NOT NULL,
  code_challenge TEXT    NOT NULL,
  granted_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  used_at        INTEGER,
  grant_id       INTEGER REFERENCES grants(id) ON DELETE SET NULL
);
CREATE INDEX authorization_codes_session ON authorization_codes(session_id);
CREATE INDEX authorization_codes_expiry ON authorization_codes(expires_at);

CREATE TABLE refresh_tokens (
  hash     BLOB    PRIMARY KEY,
  grant_id INTEGER NOT NULL REFERENCES grants(id) ON DELETE CASCADE,
  used_at  INTEGER
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens(grant_id);

CREATE TABLE mails (
  id        INTEGER PRIMARY KEY,
  sealed    BLOB    NOT NULL,
  phantom   INTEGER NOT NULL DEFAULT 0,     -- 1: for nobody, removed unsent
  not_after INTEGER NOT NULL,
  next_at   INTEGER NOT NULL,
  tries     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX mails_next ON mails(next_at);

-- +goose Down
DROP TABLE mails; DROP TABLE refresh_tokens; DROP TABLE authorization_codes; DROP TABLE grants; DROP TABLE events;
DROP TABLE codes; DROP TABLE sessions; DROP TABLE tablets; DROP TABLE addresses; DROP TABLE accounts; DROP TABLE meta;
