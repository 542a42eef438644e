-- +goose Up
CREATE TABLE proofs (
  id         BYTEA  PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX proofs_expiry ON proofs(expires_at);

-- +goose Down
DROP TABLE proofs;
