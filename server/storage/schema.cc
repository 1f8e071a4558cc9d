#include "server/storage/schema.h"

#include <array>
#include <string>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

// Step i leads from version i to i + 1. A released step never changes; a new one is appended.
constexpr std::array<const char*, kSchemaVersion> kSteps = {
    R"sql(
CREATE TABLE datasets (
  uid           TEXT PRIMARY KEY,
  id            TEXT NOT NULL UNIQUE,
  schema        BLOB NOT NULL,
  n             INTEGER NOT NULL,
  m             INTEGER NOT NULL,
  damage        TEXT NOT NULL DEFAULT '',
  version       INTEGER NOT NULL DEFAULT 0,
  create_micros INTEGER NOT NULL,
  update_micros INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The statistics of every snapshot; version 0 is the empty one.
CREATE TABLE dataset_versions (
  dataset_uid    TEXT NOT NULL REFERENCES datasets ON DELETE CASCADE,
  version        INTEGER NOT NULL,
  sample_count   INTEGER NOT NULL,
  jacobian_count INTEGER NOT NULL,
  weight_count   INTEGER NOT NULL,
  size_bytes     INTEGER NOT NULL,
  ranges         BLOB NOT NULL,  -- min, max as float64 of each input, then of each output
  fingerprint    TEXT NOT NULL,
  PRIMARY KEY (dataset_uid, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
  uid               TEXT PRIMARY KEY,
  dataset_uid       TEXT NOT NULL REFERENCES datasets ON DELETE CASCADE,
  upload_id         TEXT NOT NULL,
  committed_version INTEGER NOT NULL DEFAULT 0,  -- 0 while open
  sample_count      INTEGER NOT NULL DEFAULT 0,
  jacobian_count    INTEGER NOT NULL DEFAULT 0,
  weight_count      INTEGER NOT NULL DEFAULT 0,
  ranges            BLOB NOT NULL DEFAULT x'',
  segment_bytes     INTEGER NOT NULL DEFAULT 0,  -- what of the segment file counts
  touch_micros      INTEGER NOT NULL,
  UNIQUE (dataset_uid, upload_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
  upload_uid     TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
  block_id       INTEGER NOT NULL,
  row_count      INTEGER NOT NULL,
  has_jacobian   INTEGER NOT NULL,
  has_weight     INTEGER NOT NULL,
  segment_offset INTEGER NOT NULL,
  wire_crc32c    INTEGER NOT NULL,
  payload_crc32c INTEGER NOT NULL,
  PRIMARY KEY (upload_uid, block_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  number            INTEGER PRIMARY KEY,  -- order of creation
  id                TEXT NOT NULL UNIQUE,
  state             INTEGER NOT NULL,     -- 0 queued, 1 running, 2 succeeded, 3 failed, 4 cancelled
  dataset_id        TEXT NOT NULL,
  dataset_uid       TEXT NOT NULL,
  dataset_version   INTEGER NOT NULL,
  model_id          TEXT NOT NULL,
  model_version     INTEGER NOT NULL DEFAULT 0,
  spec              BLOB NOT NULL,
  request_id        TEXT NOT NULL,
  cancel_requested  INTEGER NOT NULL DEFAULT 0,
  attempt           INTEGER NOT NULL DEFAULT 0,
  crashes           INTEGER NOT NULL DEFAULT 0,  -- in a row, without a checkpoint in between
  lease_epoch       INTEGER NOT NULL DEFAULT 0,
  failure_code      INTEGER NOT NULL DEFAULT 0,
  failure_reason    TEXT NOT NULL DEFAULT '',
  failure_message   TEXT NOT NULL DEFAULT '',
  progress          BLOB NOT NULL DEFAULT x'',
  checkpoint_file   TEXT NOT NULL DEFAULT '',
  checkpoint_sha256 TEXT NOT NULL DEFAULT '',
  compute_seconds   REAL NOT NULL DEFAULT 0,
  last_event        INTEGER NOT NULL DEFAULT 0,  -- no event up to this number may be used again
  create_micros     INTEGER NOT NULL,
  start_micros      INTEGER NOT NULL DEFAULT 0,
  end_micros        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id) WHERE request_id <> '';
CREATE INDEX jobs_by_state ON jobs (state, number);

CREATE TABLE job_events (
  job_number  INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  number      INTEGER NOT NULL,
  time_micros INTEGER NOT NULL,
  state       INTEGER NOT NULL,
  is_progress INTEGER NOT NULL,
  progress    BLOB NOT NULL,
  PRIMARY KEY (job_number, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
  id            TEXT PRIMARY KEY,
  version_count INTEGER NOT NULL,
  create_micros INTEGER NOT NULL,
  update_micros INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model_versions (
  model_id      TEXT NOT NULL REFERENCES models ON DELETE CASCADE,
  version       INTEGER NOT NULL,
  description   BLOB NOT NULL,
  blob_file     TEXT NOT NULL,
  blob_sha256   TEXT NOT NULL,
  create_micros INTEGER NOT NULL,
  PRIMARY KEY (model_id, version)
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE programs (
  id            TEXT PRIMARY KEY,
  source        TEXT NOT NULL,
  source_sha256 TEXT NOT NULL,
  variables     BLOB NOT NULL,
  overview      BLOB NOT NULL,
  create_micros INTEGER NOT NULL
) STRICT;
)sql",
    R"sql(
-- Labels of every kind. Bit i of `arrays`: the block has the array of that number.
ALTER TABLE blocks ADD COLUMN arrays       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blocks ADD COLUMN num_tangents INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blocks ADD COLUMN num_adjoints INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blocks ADD COLUMN num_hvps     INTEGER NOT NULL DEFAULT 0;
UPDATE blocks SET arrays = 3 + 4 * (has_jacobian <> 0) + 8 * (has_weight <> 0);
ALTER TABLE blocks DROP COLUMN has_jacobian;
ALTER TABLE blocks DROP COLUMN has_weight;

ALTER TABLE uploads ADD COLUMN missing_value_count      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN missing_derivative_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN tangent_count            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN adjoint_count            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN hvp_count                INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN y_variance_count         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN jacobian_variance_count  INTEGER NOT NULL DEFAULT 0;

ALTER TABLE dataset_versions ADD COLUMN missing_value_count      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_versions ADD COLUMN missing_derivative_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_versions ADD COLUMN tangent_count            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_versions ADD COLUMN adjoint_count            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_versions ADD COLUMN hvp_count                INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_versions ADD COLUMN y_variance_count         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_versions ADD COLUMN jacobian_variance_count  INTEGER NOT NULL DEFAULT 0;
)sql",
    R"sql(
-- Jobs of several kinds, and those that start from a model version.
ALTER TABLE jobs ADD COLUMN kind                 INTEGER NOT NULL DEFAULT 0;  -- 0 train, 1 prune
ALTER TABLE jobs ADD COLUMN source_model_id      TEXT    NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN source_model_version INTEGER NOT NULL DEFAULT 0;
)sql",
    R"sql(
CREATE TABLE samplings (
  job_number     INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  paused         INTEGER NOT NULL DEFAULT 0,
  stop_requested INTEGER NOT NULL DEFAULT 0,
  state          BLOB NOT NULL DEFAULT x''
) STRICT;

CREATE TABLE sampling_points (
  job_number    INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  id            INTEGER NOT NULL,
  x             BLOB NOT NULL,     -- float64
  state         INTEGER NOT NULL,  -- 1 queued, 2 leased, 3 done, 4 infeasible, 5 failed
  space_filling INTEGER NOT NULL,
  round         INTEGER NOT NULL,
  worker        TEXT NOT NULL DEFAULT '',
  attempt       INTEGER NOT NULL DEFAULT 0,
  expire_micros INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  result        BLOB NOT NULL DEFAULT x'',
  upload        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job_number, id)
) STRICT;
CREATE INDEX sampling_points_by_state ON sampling_points (job_number, state, id);
CREATE INDEX sampling_points_by_upload ON sampling_points (job_number, upload, id);
)sql",
    R"sql(
ALTER TABLE samplings ADD COLUMN spec BLOB NOT NULL DEFAULT x'';   -- empty: that of the job
ALTER TABLE samplings ADD COLUMN boxes BLOB NOT NULL DEFAULT x'';
)sql",
};

std::int64_t FoundVersion(Database& db) {
  Rows rows = db.Query("PRAGMA user_version");
  rows.Next();
  return rows.Int(0);
}

}  // namespace

void MigrateSchema(Database& db, int target) {
  const std::int64_t found = FoundVersion(db);
  if (found > kSchemaVersion) {
    throw FailedPrecondition("STORE_TOO_NEW", "data_dir",
                             "the store was written by a newer server: expected schema version " +
                                 std::to_string(kSchemaVersion) + " or older, got " +
                                 std::to_string(found) +
                                 "; upgrade this server or choose another data directory");
  }
  for (std::int64_t version = found; version < target; ++version) {
    Transaction step(db);
    db.Execute(kSteps[static_cast<std::size_t>(version)]);
    db.Execute("PRAGMA user_version = " + std::to_string(version + 1));
    step.Commit();
  }
}

}  // namespace sobolev::server
