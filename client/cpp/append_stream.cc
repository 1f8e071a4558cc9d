#include "client/cpp/append_stream.h"

#include <utility>

namespace sobolev::client {

AppendStream::AppendStream(Connection& connection, const std::string& dataset,
                           const std::string& upload_id)
    : stream_(connection.datasets().AppendSamples(connection.Authorize(context_))) {
  v1::AppendSamplesRequest request;
  request.mutable_open()->set_dataset(dataset);
  request.mutable_open()->set_upload_id(upload_id);
  stream_->Write(request);  // If this fails, so does the first read.
  reader_ = std::thread([this] { ReadUntilEnd(); });
}

AppendStream::~AppendStream() {
  if (status_) return;
  context_.TryCancel();
  Finish();
}

bool AppendStream::Write(const v1::AppendSamplesRequest& request) {
  return !status_ && stream_->Write(request);
}

void AppendStream::WaitUntil(const std::function<bool(const AppendNews&)>& condition) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return news_.ended || condition(news_); });
}

std::vector<std::int64_t> AppendStream::TakeStored() {
  const std::lock_guard lock(mutex_);
  return std::exchange(news_.stored, {});
}

AppendNews AppendStream::News() {
  const std::lock_guard lock(mutex_);
  return news_;
}

grpc::Status AppendStream::Finish() {
  if (!status_) {
    stream_->WritesDone();
    reader_.join();
    status_ = stream_->Finish();
  }
  return *status_;
}

void AppendStream::ReadUntilEnd() {
  v1::AppendSamplesResponse response;
  bool more = true;
  while (more) {
    more = stream_->Read(&response);
    const std::lock_guard lock(mutex_);
    if (!more) {
      news_.ended = true;
    } else if (response.has_opened()) {
      news_.opened = response.opened();
    } else if (response.has_stored()) {
      news_.stored.push_back(response.stored().block_id());
    } else if (response.has_committed()) {
      news_.committed = response.committed();
    }
    changed_.notify_all();
  }
}

}  // namespace sobolev::client
