// Group commit of sample blocks.
//
// One thread takes what has gathered, of all uploads, writes it to the segment files, syncs each
// touched file once, records the blocks in one transaction, and only then says that they are
// stored. While it works the next group gathers: alone, a block waits for nobody; under load, a
// sync is shared by many.

#ifndef SOBOLEV_SERVER_STORAGE_BLOCK_WRITER_H_
#define SOBOLEV_SERVER_STORAGE_BLOCK_WRITER_H_

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/storage/segment_file.h"
#include "server/storage/store_core.h"
#include "server/storage/upload_table.h"

namespace sobolev::server {

// Thread-safe.
class BlockWriter {
 public:
  // `core` outlives this.
  explicit BlockWriter(StoreCore& core);
  // Finishes what is queued.
  ~BlockWriter();
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;

  // As Store::AppendBlock.
  void Append(const std::string& upload_uid, SampleBlockData block, BlockDone done);

 private:
  struct Request {
    std::string upload_uid;
    SampleBlockData block;
    BlockDone done;
    // The outcome.
    std::exception_ptr error;
    bool already_stored = false;
    const Request* duplicate_of = nullptr;  // An earlier request of the group.
  };

  // What a group adds to one upload.
  struct Addition {
    UploadRow upload;
    std::int64_t old_segment_bytes = 0;
    std::map<std::int64_t, Request*> by_block_id;
    std::vector<Request*> requests;  // In the order of the file, as `locations`.
    std::vector<BlockLocation> locations;
  };

  void Run();
  // Waits for requests and takes a group; empty once closed and drained.
  std::deque<Request> TakeGroup();
  void CommitGroup(std::deque<Request>& group);

  // The steps. Requests that fail get their error and are dropped from the additions.
  std::map<std::string, Addition> Plan(std::deque<Request>& group);
  void PlanRequest(Database& db, Request& request, std::map<std::string, Addition>& additions);
  void WriteSegments(std::map<std::string, Addition>& additions);
  void WriteSegment(const Addition& addition);
  void WriteMetadata(std::map<std::string, Addition>& additions);
  // Fails every request of the addition and gives its bytes back to the disk.
  void Abandon(const Addition& addition, const std::exception_ptr& error);

  StoreCore& core_;
  const StagingBuffer staging_;  // Of the thread.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request> queue_;  // Guarded by mutex_.
  bool closed_ = false;        // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_BLOCK_WRITER_H_
