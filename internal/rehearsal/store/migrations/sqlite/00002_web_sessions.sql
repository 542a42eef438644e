-- +goose Up
-- Signed-in browsers of the cockpit and the portal, and those that only looked in.
CREATE TABLE web_sessions (
  hash       TEXT    PRIMARY KEY,           -- of the cookie's token
  site       TEXT    NOT NULL,              -- whose cookie
  data       BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  touched_at INTEGER NOT NULL
);
CREATE INDEX web_sessions_touched ON web_sessions(site, touched_at);

-- +goose Down
DROP TABLE web_sessions;
