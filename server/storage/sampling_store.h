// The points of sampling jobs with their leases and results, in the embedded store.

#ifndef SOBOLEV_SERVER_STORAGE_SAMPLING_STORE_H_
#define SOBOLEV_SERVER_STORAGE_SAMPLING_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/storage/job_table.h"
#include "server/storage/store_core.h"

namespace sobolev::server {

// The methods are those of Store. Thread-safe.
class SamplingStore {
 public:
  // `core` outlives this.
  explicit SamplingStore(StoreCore& core) : core_(core) {}

  SamplingRecord Get(const std::string& job_id);
  void SetPaused(const std::string& job_id, bool paused);
  void RequestStop(const std::string& job_id);
  void AddPoints(const Lease& lease, const std::vector<NewSamplingPoint>& points,
                 const std::string& state);
  void TrimQueue(const Lease& lease, std::int64_t keep);
  void SetBoxes(const Lease& lease, const std::string& boxes);
  std::string GetBoxes(const std::string& job_id);
  SamplingPointCounts Count(const std::string& job_id);
  std::vector<SamplingPointRecord> List(const std::string& job_id, std::int64_t after,
                                        std::int64_t limit);
  void Expire(const std::string& job_id, const SamplingLeaseTerms& terms);
  std::vector<SamplingPointRecord> Ask(const std::string& job_id, const std::string& worker,
                                       std::int64_t count, const SamplingLeaseTerms& terms);
  std::vector<std::int64_t> Renew(const std::string& job_id, const std::string& worker,
                                  const SamplingLeaseTerms& terms);
  std::vector<TellOutcome> Tell(const std::string& job_id, const std::string& worker,
                                const std::vector<SamplingResult>& results,
                                const std::vector<SamplingFailure>& failures,
                                const SamplingLeaseTerms& terms);
  std::vector<SamplingPointRecord> TakeForUpload(const Lease& lease, std::int64_t upload);

 private:
  StoreCore& core_;
};

// Store::UpdateSampling inside a write transaction: whether the job is to be queued again.
bool ChangeSamplingOf(Database& db, const JobRow& job, const ChangeSampling& change);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_SAMPLING_STORE_H_
