/** The tables of a workspace's store in SQLite. The version stands in `user_version`. */

/** Rises when a later version of this package cannot work with the tables as they are. */
export const storeVersion = 1

/**
 * `AUTOINCREMENT` so that a LocalSeq is never given twice [STORE-8]. `sealedUnder` is the first DeviceSeq of the item
 * that covers an update, 0 while none does. `contentSum` and `checksum` are those of [CHECK-1]. `state` of a sealed item:
 * 0 waits, 1 the server has this part, 2 refused. `edit_rows` finds the edits of a row.
 */
export const storeTables = `
CREATE TABLE updates (
  localSeq INTEGER PRIMARY KEY AUTOINCREMENT, doc TEXT NOT NULL, bytes BLOB NOT NULL, own INTEGER NOT NULL,
  spans TEXT NOT NULL, seq INTEGER NOT NULL, sealedUnder INTEGER NOT NULL,
  contentSum INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX updatesByDoc ON updates (doc, localSeq);
CREATE INDEX updatesUnsealed ON updates (localSeq) WHERE own = 1 AND seq = 0 AND sealedUnder = 0;
CREATE TABLE snapshots (
  doc TEXT PRIMARY KEY, through INTEGER NOT NULL, bytes BLOB NOT NULL, contentSum INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE leases (
  doc TEXT NOT NULL, peer TEXT NOT NULL, nonce TEXT NOT NULL, nextCounter INTEGER NOT NULL, holder TEXT NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (doc, peer)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE copies (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sealed (
  deviceSeq INTEGER PRIMARY KEY, firstSeq INTEGER NOT NULL, parts INTEGER NOT NULL, doc TEXT NOT NULL,
  bytes BLOB NOT NULL, covers TEXT NOT NULL, sealedAt INTEGER NOT NULL, state INTEGER NOT NULL, seq INTEGER,
  refusal TEXT, contentSum INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX sealedByState ON sealed (state, deviceSeq);
CREATE INDEX sealedByFirst ON sealed (firstSeq);
CREATE TABLE held (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, doc TEXT NOT NULL, device TEXT NOT NULL, deviceSeq INTEGER NOT NULL,
  bytes BLOB NOT NULL, message TEXT NOT NULL, contentSum INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE rows (table_name TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (table_name, id)) STRICT;
CREATE TABLE edits (
  localSeq INTEGER PRIMARY KEY, carrier INTEGER NOT NULL, doc TEXT NOT NULL, spans TEXT NOT NULL, rows TEXT NOT NULL,
  seq INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX editsByCarrier ON edits (carrier);
CREATE INDEX editsWaiting ON edits (localSeq) WHERE seq = 0;
CREATE TABLE edit_rows (
  table_name TEXT NOT NULL, id TEXT NOT NULL, localSeq INTEGER NOT NULL, PRIMARY KEY (table_name, id, localSeq)
) STRICT, WITHOUT ROWID;
CREATE INDEX editRowsByEdit ON edit_rows (localSeq);
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, key TEXT NOT NULL, doc TEXT, bytes BLOB,
  fields TEXT NOT NULL, isContentWhole INTEGER NOT NULL, healed TEXT
) STRICT;
PRAGMA user_version = ${storeVersion};
`
