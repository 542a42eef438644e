-- +goose Up
-- Proofs of possession that were used, by their hash, where several processes serve: what
-- one has accepted another refuses. A service alone on its file remembers them itself.
CREATE TABLE proofs (
  id         BLOB    PRIMARY KEY,
  expires_at INTEGER NOT NULL
);
CREATE INDEX proofs_expiry ON proofs(expires_at);

-- +goose Down
DROP TABLE proofs;
