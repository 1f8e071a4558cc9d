// The mapped samples of one dataset version.

#ifndef SOBOLEV_SERVER_STORAGE_DATASET_SNAPSHOT_H_
#define SOBOLEV_SERVER_STORAGE_DATASET_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/storage/data_directory.h"
#include "server/storage/segment_file.h"
#include "server/storage/sqlite.h"
#include "server/storage/store.h"

namespace sobolev::server {

// What the metadata store knows of a snapshot.
struct SnapshotContents {
  struct Upload {
    std::string uid;
    std::int64_t segment_bytes = 0;
    std::vector<BlockLocation> blocks;  // Ascending block id.
  };

  DatasetRecord dataset;
  std::int64_t version = 0;
  DatasetStatistics statistics;
  std::vector<Upload> uploads;  // In order of commit.
};

// version 0 means the current one. Throws kDataLoss if the dataset is damaged, kNotFound if it has
// no such version.
SnapshotContents LoadSnapshotContents(Database& db, const DatasetRecord& dataset,
                                      std::int64_t version);

// What to say when the segment file ends before the end of block `block_id`.
std::string DescribeMissingBlock(const std::string& dataset_id, const std::string& upload_uid,
                                 std::int64_t block_id);

// Told about damage that was found. Throws kNotFound if the dataset was deleted meanwhile.
using MarkDamagedFn =
    std::function<void(const std::string& dataset_uid, const std::string& damage)>;

class DatasetSnapshot final : public Snapshot {
 public:
  // Throws kDataLoss, after telling mark_damaged, if a file is missing or too short.
  DatasetSnapshot(IoEnv& env, const DataDirectory& directory, SnapshotContents contents,
                  MarkDamagedFn mark_damaged);

  const train::SampleSet& samples() const override { return samples_; }
  void Verify(std::size_t index) const override;
  const DatasetStatistics& statistics() const override { return contents_.statistics; }
  std::int64_t version() const override { return contents_.version; }

 private:
  // Where block `index` of samples_ is.
  struct Place {
    std::size_t upload;
    std::size_t block;
  };

  SegmentView OpenSegment(IoEnv& env, const DataDirectory& directory,
                          const SnapshotContents::Upload& upload) const;
  [[noreturn]] void ReportDamage(const std::string& damage) const;

  const SnapshotContents contents_;
  const MarkDamagedFn mark_damaged_;
  std::vector<SegmentView> segments_;  // One for each upload.
  std::vector<Place> places_;
  train::SampleSet samples_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_DATASET_SNAPSHOT_H_
