-- The log, the roster, and when a device was last seen. One file a step, for SQLite and PostgreSQL alike: every type below
-- means the same to both (SQLite keeps bytes as bytes under any declared type).
-- A statement ends with a semicolon at the end of its line. One that only one dialect understands stands behind a line
-- "-- only: sqlite" or "-- only: postgres".

-- One row a workspace: where its log and its roster end. It is locked last and held shortest.
CREATE TABLE workspaces (
  workspace TEXT NOT NULL PRIMARY KEY,
  log_id TEXT NOT NULL,
  head BIGINT NOT NULL,
  chain TEXT NOT NULL,
  stored_bytes BIGINT NOT NULL,
  roster_number BIGINT NOT NULL,
  founded_at BIGINT NOT NULL
);

-- entry is NULL where only the skeleton is left.
CREATE TABLE entries (
  workspace TEXT NOT NULL REFERENCES workspaces (workspace),
  seq BIGINT NOT NULL,
  device TEXT NOT NULL,
  device_seq BIGINT NOT NULL,
  doc TEXT NOT NULL,
  hash TEXT NOT NULL,
  chain TEXT NOT NULL,
  entry_bytes BIGINT NOT NULL,
  entry BYTEA,
  PRIMARY KEY (workspace, seq)
);

-- What makes sending twice harmless.
CREATE UNIQUE INDEX entries_by_device ON entries (workspace, device, device_seq);

-- What finds one doc's entries without reading the log.
CREATE INDEX entries_by_doc ON entries (workspace, doc, seq);

CREATE TABLE statements (
  workspace TEXT NOT NULL REFERENCES workspaces (workspace),
  number BIGINT NOT NULL,
  statement BYTEA NOT NULL,
  PRIMARY KEY (workspace, number)
);

-- How far each device last said it has stored the log, signed by it. Written at most about once a second and device.
CREATE TABLE cursors (
  workspace TEXT NOT NULL REFERENCES workspaces (workspace),
  device TEXT NOT NULL,
  log_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  chain TEXT NOT NULL,
  signature TEXT NOT NULL,
  reported_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, device)
);

-- Written when a device gets a token, so at most every few minutes.
CREATE TABLE devices_seen (
  workspace TEXT NOT NULL REFERENCES workspaces (workspace),
  device TEXT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, device)
);

-- Who may refill a log that was lost, and until when, epoch milliseconds.
CREATE TABLE refill_leases (
  workspace TEXT NOT NULL REFERENCES workspaces (workspace),
  device TEXT NOT NULL,
  ends_at BIGINT NOT NULL,
  PRIMARY KEY (workspace)
);
