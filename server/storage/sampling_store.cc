#include "server/storage/sampling_store.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/base/error.h"
#include "server/storage/job_table.h"

namespace sobolev::server {
namespace {

std::string_view BytesOf(const std::vector<double>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)};
}

std::vector<double> NumbersOf(const std::string& bytes) {
  std::vector<double> numbers(bytes.size() / sizeof(double));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(double));
  return numbers;
}

int Number(SamplingPointState state) { return static_cast<int>(state); }

// The points of a job that `rest` (conditions and what follows) selects; ?1 is the job's number.
std::string SelectPoints(const char* rest) {
  return "SELECT id, x, state, space_filling, round, worker, attempt, expire_micros, reason, "
         "       result, upload "
         "FROM sampling_points WHERE job_number = ?1 " +
         std::string(rest);
}

SamplingPointRecord ReadPoint(const Rows& rows) {
  return {.id = rows.Int(0),
          .x = NumbersOf(rows.Text(1)),
          .state = static_cast<SamplingPointState>(rows.Int(2)),
          .space_filling = rows.Int(3) != 0,
          .round = rows.Int(4),
          .worker = rows.Text(5),
          .attempt = rows.Int(6),
          .expire_micros = rows.Int(7),
          .reason = rows.Text(8),
          .result = rows.Text(9),
          .upload = rows.Int(10)};
}

std::vector<SamplingPointRecord> ReadAll(Rows rows) {
  std::vector<SamplingPointRecord> points;
  while (rows.Next()) points.push_back(ReadPoint(rows));
  return points;
}

// The point that a worker speaks of, which it was given at some time.
SamplingPointRecord LoadAsked(Database& db, std::int64_t job, std::int64_t id,
                              const std::string& field) {
  Rows rows = db.Query(SelectPoints("AND id = ?2"), job, id);
  if (!rows.Next()) {
    throw Error(ErrorCode::kNotFound, "POINT_NOT_FOUND", field,
                "expected the id of a point of this job, got " + std::to_string(id));
  }
  SamplingPointRecord point = ReadPoint(rows);
  if (point.attempt == 0) {
    throw FailedPrecondition(
        "POINT_NOT_ASKED", field,
        "point " + std::to_string(id) +
            " was never handed out; ask for points and tell the results of these");
  }
  return point;
}

// Workers may have rounded x to single precision, or to six digits of text.
constexpr double kSamePlace = 1e-5;

void RequirePlace(const SamplingPointRecord& point, const std::vector<double>& x, std::size_t row) {
  if (x.size() != point.x.size()) {
    throw InvalidArgument("WRONG_PLACE", "block.x",
                          "expected the " + std::to_string(point.x.size()) + " inputs of point " +
                              std::to_string(point.id) + ", got " + std::to_string(x.size()) +
                              "; the dataset was made anew since the job began");
  }
  for (std::size_t j = 0; j < point.x.size(); ++j) {
    if (std::abs(x[j] - point.x[j]) <= kSamePlace * std::abs(point.x[j])) continue;
    const std::string indices = "[" + std::to_string(row) + "][" + std::to_string(j) + "]";
    throw InvalidArgument("WRONG_PLACE", "block.x" + indices,
                          "expected the x of point " + std::to_string(point.id) +
                              " as it was handed out; tell results in the order of points");
  }
}

void UpdatePoint(Database& db, std::int64_t job, const SamplingPointRecord& point) {
  db.Run(
      "UPDATE sampling_points SET state = ?3, worker = ?4, attempt = ?5, expire_micros = ?6, "
      "  reason = ?7, result = ?8 WHERE job_number = ?1 AND id = ?2",
      job, point.id, Number(point.state), point.worker, point.attempt, point.expire_micros,
      point.reason, Blob{point.result});
}

// What is left of an attempt that came to nothing.
SamplingPointState AfterFailure(const SamplingPointRecord& point, const SamplingLeaseTerms& terms) {
  return point.attempt >= terms.max_attempts ? SamplingPointState::kFailed
                                             : SamplingPointState::kQueued;
}

void ExpireLeases(Database& db, std::int64_t job, const SamplingLeaseTerms& terms) {
  std::vector<SamplingPointRecord> expired =
      ReadAll(db.Query(SelectPoints("AND state = ?2 AND expire_micros <= ?3"), job,
                       Number(SamplingPointState::kLeased), terms.now_micros));
  for (SamplingPointRecord& point : expired) {
    point.state = AfterFailure(point, terms);
    point.reason = "the lease of worker \"" + point.worker + "\" ran out";
    UpdatePoint(db, job, point);
  }
}

TellOutcome TakeResult(Database& db, std::int64_t job, SamplingPointRecord point,
                       const std::string& worker, const std::string& result) {
  if (point.state == SamplingPointState::kDone) {
    return point.result == result ? TellOutcome::kKnown : TellOutcome::kLate;
  }
  if (point.state == SamplingPointState::kInfeasible) return TellOutcome::kLate;
  point.state = SamplingPointState::kDone;
  point.worker = worker;
  point.result = result;
  UpdatePoint(db, job, point);
  return TellOutcome::kTaken;
}

TellOutcome TakeFailure(Database& db, std::int64_t job, SamplingPointRecord point,
                        const std::string& worker, const SamplingFailure& failure,
                        const SamplingLeaseTerms& terms) {
  using enum SamplingPointState;
  if (point.state == kDone) return TellOutcome::kLate;
  if (failure.infeasible) {
    if (point.state == kInfeasible) return TellOutcome::kKnown;
    point.state = kInfeasible;
    point.worker = worker;
    point.reason = failure.reason;
    UpdatePoint(db, job, point);
    return TellOutcome::kTaken;
  }
  if (point.state == kInfeasible) return TellOutcome::kLate;
  if (point.state == kFailed) return TellOutcome::kKnown;
  const bool is_latest = failure.attempt == 0 || failure.attempt == point.attempt;
  // Waiting for another try already, or at it: with another worker, or in a later attempt.
  if (point.state == kQueued || point.worker != worker || !is_latest) return TellOutcome::kRetry;
  point.state = AfterFailure(point, terms);
  point.reason = failure.reason;
  UpdatePoint(db, job, point);
  return point.state == kFailed ? TellOutcome::kTaken : TellOutcome::kRetry;
}

SamplingRecord LoadSampling(Database& db, std::int64_t job) {
  Rows rows = db.Query(
      "SELECT paused, stop_requested, state, spec FROM samplings WHERE job_number = ?1", job);
  if (!rows.Next()) return {};
  return {.paused = rows.Int(0) != 0,
          .stop_requested = rows.Int(1) != 0,
          .state = rows.Text(2),
          .spec = rows.Text(3)};
}

void Change(StoreCore& core, const std::string& job_id, const char* column, bool value) {
  StoreCore::Writer writer(core);
  const std::int64_t job = LoadJob(writer.db(), job_id).number;
  writer.db().Run("INSERT OR IGNORE INTO samplings (job_number) VALUES (?1)", job);
  writer.db().Run("UPDATE samplings SET " + std::string(column) + " = ?2 WHERE job_number = ?1",
                  job, value);
  writer.Commit();
}

}  // namespace

SamplingRecord SamplingStore::Get(const std::string& job_id) {
  StoreCore::Reader reader(core_);
  return LoadSampling(reader.db(), LoadJob(reader.db(), job_id).number);
}

void SamplingStore::SetPaused(const std::string& job_id, bool paused) {
  Change(core_, job_id, "paused", paused);
}

void SamplingStore::RequestStop(const std::string& job_id) {
  Change(core_, job_id, "stop_requested", true);
}

void SamplingStore::AddPoints(const Lease& lease, const std::vector<NewSamplingPoint>& points,
                              const std::string& state) {
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const std::int64_t job = LoadLeasedJob(db, lease).number;
  std::int64_t id = 0;
  {
    Rows rows = db.Query("SELECT max(id) FROM sampling_points WHERE job_number = ?1", job);
    if (rows.Next()) id = rows.Int(0);
  }
  for (const NewSamplingPoint& point : points) {
    ++id;
    db.Run(
        "INSERT INTO sampling_points (job_number, id, x, state, space_filling, round) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        job, id, Blob{BytesOf(point.x)}, Number(SamplingPointState::kQueued), point.space_filling,
        point.round);
  }
  db.Run("INSERT OR IGNORE INTO samplings (job_number) VALUES (?1)", job);
  db.Run("UPDATE samplings SET state = ?2 WHERE job_number = ?1", job, Blob{state});
  writer.Commit();
}

void SamplingStore::TrimQueue(const Lease& lease, std::int64_t keep) {
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const std::int64_t job = LoadLeasedJob(db, lease).number;
  std::vector<SamplingPointRecord> dropped =
      ReadAll(db.Query(SelectPoints("AND state = ?2 ORDER BY attempt = 0, id LIMIT -1 OFFSET ?3"),
                       job, Number(SamplingPointState::kQueued), keep));
  for (SamplingPointRecord& point : dropped) {
    if (point.attempt == 0) {
      db.Run("DELETE FROM sampling_points WHERE job_number = ?1 AND id = ?2", job, point.id);
    } else {
      point.state = SamplingPointState::kFailed;
      UpdatePoint(db, job, point);
    }
  }
  writer.Commit();
}

void SamplingStore::SetBoxes(const Lease& lease, const std::string& boxes) {
  StoreCore::Writer writer(core_);
  const std::int64_t job = LoadLeasedJob(writer.db(), lease).number;
  writer.db().Run("INSERT OR IGNORE INTO samplings (job_number) VALUES (?1)", job);
  writer.db().Run("UPDATE samplings SET boxes = ?2 WHERE job_number = ?1", job, Blob{boxes});
  writer.Commit();
}

std::string SamplingStore::GetBoxes(const std::string& job_id) {
  StoreCore::Reader reader(core_);
  const std::int64_t job = LoadJob(reader.db(), job_id).number;
  Rows rows = reader.db().Query("SELECT boxes FROM samplings WHERE job_number = ?1", job);
  return rows.Next() ? rows.Text(0) : "";
}

SamplingPointCounts SamplingStore::Count(const std::string& job_id) {
  StoreCore::Reader reader(core_);
  const std::int64_t job = LoadJob(reader.db(), job_id).number;
  Rows rows = reader.db().Query(
      "SELECT state, count(*), sum(attempt), max(upload) FROM sampling_points "
      "WHERE job_number = ?1 GROUP BY state",
      job);
  SamplingPointCounts counts;
  while (rows.Next()) {
    switch (static_cast<SamplingPointState>(rows.Int(0))) {
      case SamplingPointState::kQueued:
        counts.queued = rows.Int(1);
        break;
      case SamplingPointState::kLeased:
        counts.leased = rows.Int(1);
        break;
      case SamplingPointState::kDone:
        counts.done = rows.Int(1);
        break;
      case SamplingPointState::kInfeasible:
        counts.infeasible = rows.Int(1);
        break;
      case SamplingPointState::kFailed:
        counts.failed = rows.Int(1);
        break;
    }
    counts.attempts += rows.Int(2);
    counts.uploads = std::max(counts.uploads, rows.Int(3));
  }
  return counts;
}

std::vector<SamplingPointRecord> SamplingStore::List(const std::string& job_id, std::int64_t after,
                                                     std::int64_t limit) {
  StoreCore::Reader reader(core_);
  const std::int64_t job = LoadJob(reader.db(), job_id).number;
  return ReadAll(
      reader.db().Query(SelectPoints("AND id > ?2 ORDER BY id LIMIT ?3"), job, after, limit));
}

void SamplingStore::Expire(const std::string& job_id, const SamplingLeaseTerms& terms) {
  {
    StoreCore::Reader reader(core_);
    Rows rows = reader.db().Query(SelectPoints("AND state = ?2 AND expire_micros <= ?3 LIMIT 1"),
                                  LoadJob(reader.db(), job_id).number,
                                  Number(SamplingPointState::kLeased), terms.now_micros);
    if (!rows.Next()) return;
  }
  StoreCore::Writer writer(core_);
  ExpireLeases(writer.db(), LoadJob(writer.db(), job_id).number, terms);
  writer.Commit();
}

std::vector<SamplingPointRecord> SamplingStore::Ask(const std::string& job_id,
                                                    const std::string& worker, std::int64_t count,
                                                    const SamplingLeaseTerms& terms) {
  using enum SamplingPointState;
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const std::int64_t job = LoadJob(db, job_id).number;
  ExpireLeases(db, job, terms);
  std::vector<SamplingPointRecord> points =
      ReadAll(db.Query(SelectPoints("AND state = ?2 AND worker = ?3 ORDER BY id LIMIT ?4"), job,
                       Number(kLeased), worker, count));
  std::vector<SamplingPointRecord> added =
      ReadAll(db.Query(SelectPoints("AND state = ?2 ORDER BY id LIMIT ?3"), job, Number(kQueued),
                       terms.paused ? 0 : count - std::ssize(points)));
  for (SamplingPointRecord& point : added) {
    ++point.attempt;
    points.push_back(std::move(point));
  }
  for (SamplingPointRecord& point : points) {
    point.state = kLeased;
    point.worker = worker;
    point.expire_micros = terms.expire_micros;
    UpdatePoint(db, job, point);
  }
  writer.Commit();
  return points;
}

std::vector<std::int64_t> SamplingStore::Renew(const std::string& job_id, const std::string& worker,
                                               const SamplingLeaseTerms& terms) {
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const std::int64_t job = LoadJob(db, job_id).number;
  ExpireLeases(db, job, terms);
  db.Run(
      "UPDATE sampling_points SET expire_micros = ?4 "
      "WHERE job_number = ?1 AND state = ?2 AND worker = ?3",
      job, Number(SamplingPointState::kLeased), worker, terms.expire_micros);
  std::vector<std::int64_t> ids;
  {
    Rows rows = db.Query(
        "SELECT id FROM sampling_points WHERE job_number = ?1 AND state = ?2 AND worker = ?3 "
        "ORDER BY id",
        job, Number(SamplingPointState::kLeased), worker);
    while (rows.Next()) ids.push_back(rows.Int(0));
  }
  writer.Commit();
  return ids;
}

std::vector<TellOutcome> SamplingStore::Tell(const std::string& job_id, const std::string& worker,
                                             const std::vector<SamplingResult>& results,
                                             const std::vector<SamplingFailure>& failures,
                                             const SamplingLeaseTerms& terms) {
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const std::int64_t job = LoadJob(db, job_id).number;
  std::vector<TellOutcome> outcomes;
  outcomes.reserve(results.size() + failures.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    SamplingPointRecord point =
        LoadAsked(db, job, results[i].point, "points[" + std::to_string(i) + "]");
    RequirePlace(point, results[i].x, i);
    outcomes.push_back(TakeResult(db, job, std::move(point), worker, results[i].result));
  }
  for (std::size_t i = 0; i < failures.size(); ++i) {
    SamplingPointRecord point =
        LoadAsked(db, job, failures[i].point, "failures[" + std::to_string(i) + "].point");
    outcomes.push_back(TakeFailure(db, job, std::move(point), worker, failures[i], terms));
  }
  writer.Commit();
  return outcomes;
}

std::vector<SamplingPointRecord> SamplingStore::TakeForUpload(const Lease& lease,
                                                              std::int64_t upload) {
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const std::int64_t job = LoadLeasedJob(db, lease).number;
  const auto load = [&] {
    return ReadAll(db.Query(SelectPoints("AND upload = ?2 ORDER BY id"), job, upload));
  };
  std::vector<SamplingPointRecord> points = load();
  if (!points.empty()) return points;
  db.Run(
      "UPDATE sampling_points SET upload = ?3 "
      "WHERE job_number = ?1 AND state = ?2 AND upload = 0",
      job, Number(SamplingPointState::kDone), upload);
  points = load();
  writer.Commit();
  return points;
}

bool ChangeSamplingOf(Database& db, const JobRow& job, const ChangeSampling& change) {
  SamplingRecord record = LoadSampling(db, job.number);
  const bool goes_on = change(job.record, record);
  db.Run("INSERT OR IGNORE INTO samplings (job_number) VALUES (?1)", job.number);
  db.Run("UPDATE samplings SET spec = ?2 WHERE job_number = ?1", job.number, Blob{record.spec});
  if (goes_on) {
    db.Run(
        "UPDATE samplings SET paused = ?2, stop_requested = ?3, state = ?4 WHERE job_number = ?1",
        job.number, record.paused, record.stop_requested, Blob{record.state});
  }
  return goes_on;
}

}  // namespace sobolev::server
