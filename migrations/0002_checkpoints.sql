-- Checkpoints: entries that stand for all of their doc's entries up to a Seq. What they replaced loses its bytes; the row stays.

-- As the entry's clear header says: 1 update, 2 checkpoint.
ALTER TABLE entries ADD COLUMN kind BIGINT NOT NULL DEFAULT 1;

-- The checkpoint (the Seq of its last part) that is given in this entry's place; entry_bytes is then what it weighs.
ALTER TABLE entries ADD COLUMN stand_in BIGINT;

-- One row for each that stands for something or waits for another device's word: at most a few a doc.
CREATE TABLE checkpoints (
  workspace TEXT NOT NULL REFERENCES workspaces (workspace),
  doc TEXT NOT NULL,
  -- Of its last part.
  seq BIGINT NOT NULL,
  device TEXT NOT NULL,
  first_device_seq BIGINT NOT NULL,
  parts BIGINT NOT NULL,
  through BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  named_at BIGINT NOT NULL,
  -- named: replaces nothing yet; active: stands in, and what it replaced is being removed; done.
  state TEXT NOT NULL,
  -- Where it stands in; 0 while it does not.
  place BIGINT NOT NULL,
  -- Up to where what it replaced is removed.
  cleared_to BIGINT NOT NULL,
  PRIMARY KEY (workspace, doc, seq)
);
