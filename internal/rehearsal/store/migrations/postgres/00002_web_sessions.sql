-- +goose Up
CREATE TABLE web_sessions (
  hash       TEXT   PRIMARY KEY,
  site       TEXT   NOT NULL,
  data       BYTEA  NOT NULL,
  created_at BIGINT NOT NULL,
  touched_at BIGINT NOT NULL
);
CREATE INDEX web_sessions_touched ON web_sessions(site, touched_at);

-- +goose Down
DROP TABLE web_sessions;
