-- The tables as version 2 of the state made them. Written by that version, and never changed.
CREATE TABLE unit (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL, industry TEXT NOT NULL,
  channels TEXT NOT NULL, source TEXT NOT NULL
) STRICT;
CREATE INDEX unit_of ON unit (code, id);
CREATE TABLE enrolment (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, person TEXT NOT NULL, roles TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  expires TEXT NOT NULL, who TEXT NOT NULL
) STRICT;
CREATE TABLE enrolled (
  enrolment INTEGER PRIMARY KEY REFERENCES enrolment, at TEXT NOT NULL, serial TEXT NOT NULL
) STRICT;
CREATE TABLE certificate (
  serial TEXT PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, person TEXT NOT NULL, roles TEXT NOT NULL, until TEXT NOT NULL,
  der BLOB NOT NULL
) STRICT;
CREATE INDEX certificate_of ON certificate (unit, at);
CREATE TABLE revocation (
  serial TEXT PRIMARY KEY, at TEXT NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL
) STRICT;
CREATE TABLE blob (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE package (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, payload TEXT NOT NULL UNIQUE, content TEXT NOT NULL REFERENCES blob,
  trial INTEGER NOT NULL
) STRICT;
CREATE TABLE report (
  id INTEGER PRIMARY KEY, package INTEGER NOT NULL REFERENCES package, unit TEXT NOT NULL, form TEXT NOT NULL, edition TEXT NOT NULL,
  period TEXT NOT NULL, file TEXT NOT NULL, channel TEXT NOT NULL, trial INTEGER NOT NULL, version INTEGER NOT NULL,
  previous INTEGER REFERENCES report, UNIQUE (unit, form, edition, period, trial, version)
) STRICT;
CREATE INDEX report_by ON report (package);
CREATE TABLE receipt (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, payload TEXT NOT NULL, content TEXT NOT NULL,
  accepted INTEGER NOT NULL, reasons TEXT NOT NULL, leaf INTEGER NOT NULL UNIQUE REFERENCES entry, body BLOB NOT NULL
) STRICT;
CREATE INDEX receipt_of ON receipt (payload, unit, id);
CREATE INDEX receipt_by ON receipt (content, unit, id);
CREATE TABLE entry (
  leaf INTEGER PRIMARY KEY, kind TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, record BLOB NOT NULL
) STRICT;
CREATE TABLE node (
  level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, at TEXT NOT NULL, note TEXT NOT NULL) STRICT;
CREATE TABLE agent (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE INDEX agent_of ON agent (unit, origin, id);
CREATE TABLE message (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, form TEXT NOT NULL,
  period TEXT NOT NULL, payload TEXT NOT NULL, subject TEXT NOT NULL, reply_to INTEGER REFERENCES message, key TEXT NOT NULL,
  text TEXT NOT NULL, UNIQUE (unit, key)
) STRICT;
CREATE INDEX message_of ON message (unit, id);
CREATE TABLE pack (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, edition TEXT NOT NULL, form TEXT NOT NULL, revision INTEGER NOT NULL,
  sha256 TEXT NOT NULL UNIQUE, text TEXT NOT NULL, body BLOB NOT NULL, who TEXT NOT NULL, UNIQUE (kind, edition, form, revision)
) STRICT;
CREATE TRIGGER unit_update BEFORE UPDATE ON unit BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER unit_delete BEFORE DELETE ON unit BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER enrolment_update BEFORE UPDATE ON enrolment BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER enrolment_delete BEFORE DELETE ON enrolment BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER enrolled_update BEFORE UPDATE ON enrolled BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER enrolled_delete BEFORE DELETE ON enrolled BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER certificate_update BEFORE UPDATE ON certificate BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER certificate_delete BEFORE DELETE ON certificate BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER revocation_update BEFORE UPDATE ON revocation BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER revocation_delete BEFORE DELETE ON revocation BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER blob_update BEFORE UPDATE ON blob BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER blob_delete BEFORE DELETE ON blob BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER package_update BEFORE UPDATE ON package BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER package_delete BEFORE DELETE ON package BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER report_update BEFORE UPDATE ON report BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER report_delete BEFORE DELETE ON report BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER receipt_update BEFORE UPDATE ON receipt BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER receipt_delete BEFORE DELETE ON receipt BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER node_update BEFORE UPDATE ON node BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER node_delete BEFORE DELETE ON node BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER agent_update BEFORE UPDATE ON agent BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER agent_delete BEFORE DELETE ON agent BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER message_update BEFORE UPDATE ON message BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER message_delete BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER pack_update BEFORE UPDATE ON pack BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER pack_delete BEFORE DELETE ON pack BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
