-- +goose Up
-- What the cockpit knows of a person beside the login's account. The *_key columns are
-- folded (see Fold): how names are sorted and found.
ALTER TABLE accounts ADD COLUMN given_name     TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN family_name    TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN given_key      TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN family_key     TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN birth_date     TEXT NOT NULL DEFAULT ''; -- YYYY-MM-DD
ALTER TABLE accounts ADD COLUMN student_number TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN ine            TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN rpps           TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN email          TEXT NOT NULL DEFAULT ''; -- the primary address as the cockpit has it
ALTER TABLE accounts ADD COLUMN revision       INTEGER NOT NULL DEFAULT 1;
CREATE INDEX accounts_family     ON accounts(family_key, given_key);
CREATE INDEX accounts_given      ON accounts(given_key, family_key);
CREATE INDEX accounts_birth      ON accounts(birth_date, family_key);
CREATE INDEX accounts_student    ON accounts(student_number, family_key);
CREATE UNIQUE INDEX accounts_ine_once  ON accounts(ine)  WHERE ine <> '';
CREATE UNIQUE INDEX accounts_rpps_once ON accounts(rpps) WHERE rpps <> '';
CREATE INDEX accounts_ine        ON accounts(ine, family_key);
CREATE INDEX accounts_rpps       ON accounts(rpps, family_key);
CREATE INDEX accounts_email      ON accounts(email, family_key);
CREATE INDEX accounts_extra_time ON accounts(extra_time, family_key);

-- From when and until when the login knows an address; NULL: no end.
ALTER TABLE addresses ADD COLUMN known_from  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE addresses ADD COLUMN known_until INTEGER;

-- Words of a person by column, folded, found by how they begin.
CREATE VIRTUAL TABLE people_search USING fts5(
  given, family, birth, student, ine, rpps, email, secondary,
  content='', contentless_delete=1, detail=column, prefix='1 2 3', tokenize="unicode61 remove_diacritics 0");

CREATE TABLE staff (
  id          INTEGER PRIMARY KEY,
  login       TEXT    NOT NULL UNIQUE,      -- normalised
  name        TEXT    NOT NULL,
  role        TEXT    NOT NULL CHECK (role IN ('reader', 'manager', 'admin')),
  password    TEXT    NOT NULL,             -- PHC string
  epoch       INTEGER NOT NULL DEFAULT 1,   -- raised: every session of before has ended
  disabled_at INTEGER,
  created_at  INTEGER NOT NULL
);

-- Who changed what. Rows are never changed, and removed by age alone: a row may go once
-- it is older than audit_horizon, which only the purge sets.
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  actor    TEXT    NOT NULL,                -- a member of staff's login, or the command
  action   TEXT    NOT NULL,
  sub      TEXT    NOT NULL DEFAULT '',     -- whom it is about
  person   TEXT    NOT NULL DEFAULT '',     -- their name then
  field    TEXT    NOT NULL DEFAULT '',
  before   TEXT    NOT NULL DEFAULT '',
  after    TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX audit_at ON audit(at);
CREATE INDEX audit_sub ON audit(sub, id);
CREATE TABLE audit_horizon (one INTEGER PRIMARY KEY CHECK (one = 1), before INTEGER NOT NULL);
INSERT INTO audit_horizon VALUES (1, 0);
-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN old.at >= (SELECT before FROM audit_horizon)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- +goose StatementEnd

-- A file of people between its dry run and its import.
CREATE TABLE imports (
  id         TEXT    PRIMARY KEY,
  staff_id   INTEGER NOT NULL REFERENCES staff(id) ON DELETE CASCADE,
  content    BLOB    NOT NULL,
  created_at INTEGER NOT NULL
);

-- +goose Down
DROP TABLE imports; DROP TABLE audit; DROP TABLE audit_horizon; DROP TABLE staff; DROP TABLE people_search;
DROP INDEX accounts_family; DROP INDEX accounts_given; DROP INDEX accounts_birth; DROP INDEX accounts_student;
DROP INDEX accounts_ine; DROP INDEX accounts_rpps; DROP INDEX accounts_ine_once; DROP INDEX accounts_rpps_once;
DROP INDEX accounts_email; DROP INDEX accounts_extra_time;
ALTER TABLE accounts DROP COLUMN given_name; ALTER TABLE accounts DROP COLUMN family_name;
ALTER TABLE accounts DROP COLUMN given_key; ALTER TABLE accounts DROP COLUMN family_key;
ALTER TABLE accounts DROP COLUMN birth_date; ALTER TABLE accounts DROP COLUMN student_number;
ALTER TABLE accounts DROP COLUMN ine; ALTER TABLE accounts DROP COLUMN rpps;
ALTER TABLE accounts DROP COLUMN email; ALTER TABLE accounts DROP COLUMN revision;
ALTER TABLE addresses DROP COLUMN known_from; ALTER TABLE addresses DROP COLUMN known_until;
