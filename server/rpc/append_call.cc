#include "server/rpc/append_call.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/error.h"
#include "engine/train/label_checks.h"
#include "engine/train/sample_checks.h"
#include "server/base/log.h"
#include "server/convert/grpc_status.h"
#include "server/convert/message_codec.h"
#include "server/convert/names.h"
#include "server/convert/report.h"
#include "server/convert/sample_block.h"

namespace sobolev::server {
AppendCall* AppendCall::Start(Store& store, Metrics& metrics, MethodMetrics* method_metrics,
                              ThreadPool& pool, const ServerConfig& config,
                              grpc::CallbackServerContext* context) {
  auto* call = new AppendCall(store, metrics, method_metrics, pool, config, context);
  call->self_.reset(call);
  const grpc::Status entered = call->context_.Enter(*method_metrics, 0);
  if (!entered.ok()) {
    call->EndWith(entered);
    return call;
  }
  const std::lock_guard lock(call->mutex_);
  call->WatchIdleness();
  call->ReadIfRoom();
  return call;
}

AppendCall::AppendCall(Store& store, Metrics& metrics, MethodMetrics* method_metrics,
                       ThreadPool& pool, const ServerConfig& config,
                       grpc::CallbackServerContext* context)
    : store_(store),
      metrics_(metrics),
      pool_(pool),
      config_(config),
      context_(CallContext::Of(context)),
      meter_(method_metrics) {}

void AppendCall::OnReadDone(bool ok) {
  if (!ok) {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    client_is_done_ = true;
    FinishIfDone();
    return;
  }
  meter_.Received();
  auto received = std::make_shared<Received>();
  grpc::ByteBuffer bytes;
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    handling_ = true;
    bytes.Swap(&incoming_);
    last_progress_ = std::chrono::steady_clock::now();
    const double wait_seconds = context_.ChargeBytes(bytes.Length());
    if (wait_seconds > 0) Pause(wait_seconds);
  }
  grpc::Status parsed = context_.ReserveMemory(bytes.Length(), received->memory);
  if (parsed.ok()) parsed = Guard([&] { Parse(bytes, received->message); });
  bytes.Clear();
  if (!parsed.ok()) {
    {
      const std::lock_guard lock(mutex_);
      handling_ = false;
    }
    EndWith(parsed);
  } else if (received->message.has_block()) {
    HandleMessage(received);
  } else {
    // Opening and committing wait for the disk.
    pool_.Submit([self = self_, received = std::move(received)] { self->HandleMessage(received); });
  }
}

void AppendCall::HandleMessage(const std::shared_ptr<Received>& received) {
  const v1::AppendSamplesRequest& message = received->message;
  const grpc::Status status = Guard([&] {
    const TenantScope tenant(context_.tenant());
    switch (message.message_case()) {
      case v1::AppendSamplesRequest::kOpen:
        Open(message.open());
        return;
      case v1::AppendSamplesRequest::kBlock:
        Append(received);
        return;
      case v1::AppendSamplesRequest::kCommit:
        Commit(message.commit());
        return;
      case v1::AppendSamplesRequest::MESSAGE_NOT_SET:
        break;
    }
    throw InvalidArgument("MISSING_FIELD", "message", "expected open, block or commit, got none");
  });
  if (!status.ok()) EndWith(status);
  const std::lock_guard lock(mutex_);
  handling_ = false;
  ReadIfRoom();
  FinishIfDone();
}

void AppendCall::Open(const v1::AppendSamplesRequest::Open& open) {
  if (dataset_) {
    throw InvalidArgument("OUT_OF_ORDER", "open",
                          "expected one open message, the first of the stream, got another");
  }
  context_.NoteObject(open);
  const std::string dataset_id = ParseDatasetName(open.dataset(), "open.dataset");
  RequireToken(open.upload_id(), "open.upload_id");
  dataset_ = store_.GetDataset(dataset_id);
  schema_.ParseFromString(dataset_->schema);
  const UploadState upload = store_.OpenUpload(dataset_id, open.upload_id());
  upload_token_ = upload.token;
  if (upload.committed_version > 0) {
    Reply(Committed(upload.committed_version, upload.sample_count));
    EndWith(grpc::Status::OK);
    return;
  }
  v1::AppendSamplesResponse response;
  response.mutable_opened()->set_sample_count(upload.sample_count);
  for (const BlockIdRange& range : upload.stored_blocks) {
    auto* stored = response.mutable_opened()->add_stored_blocks();
    stored->set_first(range.first);
    stored->set_last(range.last);
  }
  Reply(response);
}

void AppendCall::Append(const std::shared_ptr<Received>& received) {
  if (!dataset_) {
    throw InvalidArgument("OUT_OF_ORDER", "block", "expected an open message first, got a block");
  }
  const std::shared_ptr<const v1::SampleBlock> block(received, &received->message.block());
  SampleBlockData data = CheckBlock(block, schema_, config_.max_block_rows);
  const std::int64_t block_id = data.block_id;
  const std::int64_t rows = data.rows;
  const std::size_t bytes = data.PayloadBytes();
  {
    const std::lock_guard lock(mutex_);
    ++pending_blocks_;
    pending_bytes_ += bytes;
  }
  try {
    store_.AppendBlock(upload_token_, std::move(data),
                       [self = self_, received, block_id, rows, bytes](
                           const std::exception_ptr& error, bool already_stored) {
                         received->memory.Release();
                         self->BlockDone(block_id, rows, bytes, error, already_stored);
                       });
  } catch (...) {
    // The store did not take the block: nobody else will report it done.
    const std::lock_guard lock(mutex_);
    --pending_blocks_;
    pending_bytes_ -= bytes;
    throw;
  }
}

void AppendCall::BlockDone(std::int64_t block_id, std::int64_t rows, std::size_t bytes,
                           const std::exception_ptr& error, bool already_stored) {
  if (error) {
    EndWith(ToStatus(error));
  } else {
    if (!already_stored) metrics_.Uploaded(static_cast<std::int64_t>(bytes), rows);
    v1::AppendSamplesResponse response;
    response.mutable_stored()->set_block_id(block_id);
    response.mutable_stored()->set_already_stored(already_stored);
    Reply(response);
  }
  const std::lock_guard lock(mutex_);
  --pending_blocks_;
  pending_bytes_ -= bytes;
  last_progress_ = std::chrono::steady_clock::now();
  if (pending_blocks_ == 0 && commit_ && !end_) {
    // Under the lock, because OnDone may reset self_ as soon as the call can end.
    pool_.Submit([self = self_] { self->CommitNow(); });
  }
  ReadIfRoom();
  FinishIfDone();
}

void AppendCall::Commit(const v1::AppendSamplesRequest::Commit& commit) {
  if (!dataset_) {
    throw InvalidArgument("OUT_OF_ORDER", "commit", "expected an open message first, got a commit");
  }
  if (commit.block_count() < 1) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "commit.block_count",
        "expected at least one block, got " + std::to_string(commit.block_count()));
  }
  bool commit_is_due = false;
  {
    const std::lock_guard lock(mutex_);
    commit_ = commit;
    commit_is_due = pending_blocks_ == 0 && !end_;
  }
  if (commit_is_due) CommitNow();
}

void AppendCall::CommitNow() {
  const grpc::Status status = Guard([this] {
    const std::int64_t version = store_.CommitUpload(upload_token_, commit_->block_count(),
                                                     commit_->sample_count(), commit_->crc32c());
    Reply(Committed(version, commit_->sample_count()));
  });
  EndWith(status);
}

v1::AppendSamplesResponse AppendCall::Committed(std::int64_t version,
                                                std::int64_t sample_count) const {
  v1::AppendSamplesResponse response;
  v1::AppendSamplesResponse::Committed& committed = *response.mutable_committed();
  committed.set_dataset_version(version);
  committed.set_sample_count(sample_count);
  try {
    const auto snapshot = store_.OpenSnapshot(dataset_->id, version);
    for (const train::SuspectLabel& suspect :
         train::CheckLabels(snapshot->samples(), sample_count)) {
      *committed.add_warnings() = ToProto(suspect, schema_);
    }
  } catch (const Error& error) {
    // The upload is committed whatever becomes of the check: the dataset may be gone already.
    LogInfo("labels not checked", {{"dataset", dataset_->id}, {"reason", error.what()}});
  }
  return response;
}

void AppendCall::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  last_progress_ = std::chrono::steady_clock::now();
  if (ok) {
    meter_.Sent();
    WriteIfIdle();
  } else {
    // Nobody listens any more; OnCancel follows.
    replies_.clear();
  }
  FinishIfDone();
}

void AppendCall::OnCancel() {
  EndWith(grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled"));
}

void AppendCall::OnDone() { self_.reset(); }

void AppendCall::Reply(const v1::AppendSamplesResponse& response) {
  grpc::ByteBuffer bytes = Serialize(response);
  const std::lock_guard lock(mutex_);
  replies_.push_back(std::move(bytes));
  WriteIfIdle();
}

void AppendCall::EndWith(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (!end_) end_ = status;
  FinishIfDone();
}

void AppendCall::ReadIfRoom() {
  if (reading_ || paused_ || handling_ || client_is_done_ || commit_ || end_ ||
      pending_bytes_ >= static_cast<std::size_t>(config_.upload_window_bytes)) {
    return;
  }
  // Rather than be turned away, read on when what is under way is stored.
  if (pending_blocks_ > 0 && context_.MemoryIsShort()) return;
  reading_ = true;
  StartRead(&incoming_);
}

void AppendCall::Pause(double seconds) {
  paused_ = true;
  const auto wait = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds) + 1);
  pause_end_.Set(std::chrono::system_clock::now() + wait, [weak = std::weak_ptr(self_)](bool) {
    const std::shared_ptr<AppendCall> self = weak.lock();
    if (self == nullptr) return;
    const std::lock_guard lock(self->mutex_);
    self->paused_ = false;
    self->last_progress_ = std::chrono::steady_clock::now();
    self->ReadIfRoom();
  });
}

void AppendCall::WatchIdleness() {
  using std::chrono::steady_clock;
  const auto limit = std::chrono::duration_cast<steady_clock::duration>(
      std::chrono::duration<double>(config_.upload_idle_seconds));
  const steady_clock::time_point now = steady_clock::now();
  // Only the caller can be idle: while the server works or holds the caller back, it waits.
  if (handling_ || paused_ || pending_blocks_ > 0 || commit_) last_progress_ = now;
  const steady_clock::duration left = last_progress_ + limit - now;
  if (left <= steady_clock::duration::zero()) {
    EndIdle();
    return;
  }
  // A new one: the old one may be what calls here.
  idle_alarm_.emplace().Set(std::chrono::system_clock::now() + left,
                            [weak = std::weak_ptr(self_)](bool) {
                              const std::shared_ptr<AppendCall> self = weak.lock();
                              if (self == nullptr) return;
                              const std::lock_guard lock(self->mutex_);
                              if (!self->end_) self->WatchIdleness();
                            });
}

void AppendCall::EndIdle() {
  end_ = ToStatus(grpc::StatusCode::DEADLINE_EXCEEDED, "UPLOAD_IDLE",
                  "the stream rested for longer than the server waits; what was acknowledged is "
                  "stored, call again with the same upload_id to resume the upload");
  // A caller that does not even read its replies would not read the status either.
  if (writing_) context_.TryCancel();
  FinishIfDone();
}

void AppendCall::WriteIfIdle() {
  if (writing_ || replies_.empty() || finished_) return;
  writing_ = true;
  outgoing_.Swap(&replies_.front());
  replies_.pop_front();
  StartWrite(&outgoing_);
}

void AppendCall::FinishIfDone() {
  if (finished_ || handling_ || writing_ || !replies_.empty() || pending_blocks_ > 0) return;
  if (client_is_done_ && !commit_ && !end_) {
    end_ = ToStatus(std::make_exception_ptr(
        Error(ErrorCode::kAborted, "UPLOAD_NOT_COMMITTED", "commit",
              "the stream ended without a commit message; the upload stays open, call again with "
              "the same upload_id to resume it")));
  }
  if (!end_) return;
  finished_ = true;
  context_.Leave(*end_);
  meter_.Finish(*end_);
  Finish(*end_);
}

}  // namespace sobolev::server
