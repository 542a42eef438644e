-- +goose Up
-- The links by which a password is created, each known by its hash alone.
CREATE TABLE links (
  id         INTEGER PRIMARY KEY,
  hash       BLOB    NOT NULL UNIQUE,
  address    TEXT    NOT NULL,              -- normalised; as the university asserts it
  name       TEXT    NOT NULL,              -- as the university asserts it
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER,                       -- a password was created by this link
  void_at    INTEGER                        -- or by another one to the same address
);
CREATE INDEX links_address ON links(address, created_at);
CREATE INDEX links_expiry ON links(expires_at);

-- +goose Down
DROP TABLE links;
