#include "server/jobs/sampling_upload.h"

#include <cstddef>
#include <exception>
#include <future>
#include <span>
#include <utility>

#include "proto/wire/crc32c.h"
#include "server/convert/sample_block.h"
#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

constexpr std::int64_t kMaxBlockRows = 65536;

// Waits until the block is durable.
void AppendBlock(Store& store, const std::string& upload_token, SampleBlockData block) {
  std::promise<void> done;
  store.AppendBlock(upload_token, std::move(block),
                    [&done](const std::exception_ptr& error, bool /*already_stored*/) {
                      if (error) {
                        done.set_exception(error);
                      } else {
                        done.set_value();
                      }
                    });
  done.get_future().get();
}

}  // namespace

std::vector<SamplingPointRecord> UploadResults(Store& store, const Lease& lease,
                                               const std::string& dataset_id,
                                               const v1::Schema& schema, std::int64_t number) {
  std::vector<SamplingPointRecord> points = store.TakeSamplingUpload(lease, number);
  if (points.empty()) return points;
  const UploadState upload =
      store.OpenUpload(dataset_id, "sampling-" + lease.job_id + "-" + std::to_string(number));
  if (upload.committed_version > 0) return points;
  std::vector<SampleRow> rows;
  rows.reserve(points.size());
  for (const SamplingPointRecord& point : points) rows.push_back(point.result);
  std::uint32_t crc = 0;
  const auto blocks = JoinRows(rows);
  for (const auto& block : blocks) {
    SampleBlockData data = CheckBlock(block, schema, kMaxBlockRows);
    const std::uint32_t wire_crc = data.wire_crc32c;
    crc = Crc32c(std::as_bytes(std::span(&wire_crc, 1)), crc);
    AppendBlock(store, upload.token, std::move(data));
  }
  store.CommitUpload(upload.token, std::ssize(blocks), std::ssize(points), crc);
  return points;
}

}  // namespace sobolev::server
