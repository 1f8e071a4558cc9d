#include "server/jobs/job_work.h"

#include <cstddef>
#include <memory>

#include "engine/base/stop.h"

namespace sobolev::server {

std::shared_ptr<const Snapshot> OpenVerifiedSnapshot(const JobContext& context,
                                                     std::int64_t version) {
  std::shared_ptr<const Snapshot> snapshot =
      context.environment.store.OpenSnapshot(context.job.dataset_id, version);
  for (std::size_t block = 0; block < snapshot->samples().blocks.size(); ++block) {
    ThrowIfStopped(context.stop);
    snapshot->Verify(block);
  }
  return snapshot;
}

}  // namespace sobolev::server
