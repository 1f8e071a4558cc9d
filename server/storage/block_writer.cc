#include "server/storage/block_writer.h"

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "engine/base/error.h"
#include "server/base/log.h"
#include "server/base/stored_id.h"

namespace sobolev::server {
namespace {

constexpr std::size_t kStagingBytes = std::size_t{8} << 20;

StoredBlock Identity(const SampleBlockData& block) {
  return {.wire_crc32c = block.wire_crc32c, .rows = block.rows, .layout = block.Layout()};
}

// Decides about a block whose id is taken by `stored`.
void RequireSameBlock(const SampleBlockData& block, const StoredBlock& stored) {
  if (Identity(block) == stored) return;
  const std::string what = block.wire_crc32c == stored.wire_crc32c
                               ? "the same bytes as labels of other kinds"
                               : "expected crc32c " + std::to_string(stored.wire_crc32c) +
                                     ", got " + std::to_string(block.wire_crc32c);
  throw Error(ErrorCode::kAlreadyExists, "BLOCK_ALREADY_EXISTS", "block.block_id",
              "block " + std::to_string(block.block_id) + " is stored with other content: " + what +
                  "; choose another block_id or start a new upload");
}

// The exception in flight, with errors of the operating system translated.
std::exception_ptr CurrentError() {
  try {
    throw;
  } catch (const std::system_error& error) {
    return std::make_exception_ptr(ToError(error));
  } catch (...) {
    return std::current_exception();
  }
}

bool IsMissingFile(const std::system_error& error) { return error.code().value() == ENOENT; }

}  // namespace

BlockWriter::BlockWriter(StoreCore& core)
    : core_(core), staging_(kStagingBytes), thread_([this] { Run(); }) {}

BlockWriter::~BlockWriter() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void BlockWriter::Append(const std::string& upload_uid, SampleBlockData block, BlockDone done) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(
        {.upload_uid = upload_uid, .block = std::move(block), .done = std::move(done)});
  }
  wake_.notify_one();
}

void BlockWriter::Run() {
  while (true) {
    std::deque<Request> group = TakeGroup();
    if (group.empty()) return;
    CommitGroup(group);
    for (Request& request : group) {
      if (request.duplicate_of != nullptr) request.error = request.duplicate_of->error;
      request.done(request.error, request.already_stored && request.error == nullptr);
    }
  }
}

std::deque<BlockWriter::Request> BlockWriter::TakeGroup() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return closed_ || !queue_.empty(); });
  std::deque<Request> group;
  std::size_t bytes = 0;
  while (!queue_.empty()) {
    bytes += queue_.front().block.PayloadBytes();
    if (!group.empty() && bytes > core_.options.max_group_bytes) break;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void BlockWriter::CommitGroup(std::deque<Request>& group) {
  try {
    std::map<std::string, Addition> additions = Plan(group);
    WriteSegments(additions);
    WriteMetadata(additions);
  } catch (...) {
    const std::exception_ptr error = CurrentError();
    for (Request& request : group) {
      if (request.error == nullptr) request.error = error;
    }
  }
}

std::map<std::string, BlockWriter::Addition> BlockWriter::Plan(std::deque<Request>& group) {
  StoreCore::Reader reader(core_);
  std::map<std::string, Addition> additions;
  for (Request& request : group) {
    try {
      PlanRequest(reader.db(), request, additions);
    } catch (...) {
      request.error = CurrentError();
    }
  }
  return additions;
}

void BlockWriter::PlanRequest(Database& db, Request& request,
                              std::map<std::string, Addition>& additions) {
  const SampleBlockData& block = request.block;
  auto found = additions.find(request.upload_uid);
  if (found == additions.end()) {
    UploadRow upload = LoadUpload(db, request.upload_uid);
    const std::int64_t segment_bytes = upload.statistics.size_bytes;
    found = additions
                .emplace(request.upload_uid,
                         Addition{.upload = std::move(upload), .old_segment_bytes = segment_bytes})
                .first;
  }
  Addition& addition = found->second;
  UploadRow& upload = addition.upload;
  RequireBlockSizes(block, upload.n, upload.m);

  const auto earlier = addition.by_block_id.find(block.block_id);
  if (earlier != addition.by_block_id.end()) {
    RequireSameBlock(block, Identity(earlier->second->block));
    request.already_stored = true;
    request.duplicate_of = earlier->second;
    return;
  }
  if (const auto stored = FindBlock(db, upload.uid, block.block_id)) {
    RequireSameBlock(block, *stored);
    request.already_stored = true;
    return;
  }
  if (upload.committed_version > 0) {
    throw FailedPrecondition("UPLOAD_COMMITTED", "block.block_id",
                             "the upload was committed without block " +
                                 std::to_string(block.block_id) +
                                 "; start a new upload with another upload_id");
  }
  const BlockLocation location{.block_id = block.block_id,
                               .rows = block.rows,
                               .layout = block.Layout(),
                               .offset = upload.statistics.size_bytes,
                               .payload_crc32c = block.payload_crc32c};
  Merge(BlockStatistics(block, location.StoredBytes(upload.n, upload.m)), upload.statistics);
  addition.locations.push_back(location);
  addition.requests.push_back(&request);
  addition.by_block_id.emplace(block.block_id, &request);
}

void BlockWriter::WriteSegments(std::map<std::string, Addition>& additions) {
  for (auto it = additions.begin(); it != additions.end();) {
    try {
      if (!it->second.requests.empty()) WriteSegment(it->second);
      ++it;
      continue;
    } catch (const std::system_error& error) {
      // The dataset may have been deleted since the group was planned.
      const Error reason = IsMissingFile(error)
                               ? NotFound("dataset", LocalId(it->second.upload.dataset_id))
                               : ToError(error);
      Abandon(it->second, std::make_exception_ptr(reason));
    } catch (...) {
      Abandon(it->second, std::current_exception());
    }
    it = additions.erase(it);
  }
}

void BlockWriter::WriteSegment(const Addition& addition) {
  const UploadRow& upload = addition.upload;
  core_.directory.RequireRoom(upload.statistics.size_bytes - addition.old_segment_bytes);
  const FileDescriptor file =
      OpenSegmentForWriting(core_.env, core_.directory.SegmentPath(upload.dataset_uid, upload.uid));
  std::vector<const SampleBlockData*> blocks;
  for (const Request* request : addition.requests) blocks.push_back(&request->block);
  WriteBlocks(core_.env, file, upload.n, upload.m, addition.locations, blocks, staging_);
  SyncDataOrDie(core_.env, file);
  if (addition.old_segment_bytes == 0) {
    SyncDirectoryOrDie(core_.env, core_.directory.DatasetPath(upload.dataset_uid));
  }
}

void BlockWriter::WriteMetadata(std::map<std::string, Addition>& additions) {
  try {
    StoreCore::Writer writer(core_);
    for (auto it = additions.begin(); it != additions.end();) {
      const Addition& addition = it->second;
      if (!addition.requests.empty() &&
          !UpdateOpenUpload(writer.db(), addition.upload, core_.clock.WallMicros())) {
        Abandon(addition,
                std::make_exception_ptr(FailedPrecondition(
                    "UPLOAD_CLOSED", "block",
                    "the upload was committed or deleted while the block was on its way")));
        it = additions.erase(it);
        continue;
      }
      for (std::size_t i = 0; i < addition.requests.size(); ++i) {
        InsertBlock(writer.db(), addition.upload.uid, addition.locations[i],
                    addition.requests[i]->block.wire_crc32c);
      }
      ++it;
    }
    writer.Commit();
  } catch (...) {
    const std::exception_ptr error = CurrentError();
    for (const auto& [uid, addition] : additions) Abandon(addition, error);
  }
}

void BlockWriter::Abandon(const Addition& addition, const std::exception_ptr& error) {
  for (Request* request : addition.requests) request->error = error;
  const std::string path =
      core_.directory.SegmentPath(addition.upload.dataset_uid, addition.upload.uid);
  try {
    // The next write starts at the same place in any case.
    core_.env.Truncate(core_.env.Open(path, O_WRONLY), addition.old_segment_bytes);
  } catch (const std::system_error& failure) {
    if (IsMissingFile(failure)) return;
    LogWarning("cannot give back the bytes of failed blocks", {{"what", failure.what()}});
  }
}

}  // namespace sobolev::server
