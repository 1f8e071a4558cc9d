#include <algorithm>
#include <array>
#include <span>

#include <sobolev/uploader.h>

#include "client/cpp/convert.h"
#include "client/cpp/training.h"
#include "client/cpp/upload.h"
#include "proto/wire/crc32c.h"

namespace sobolev::client {
namespace {

constexpr Index kBlockBytes = 1 << 20;
constexpr Index kMaxBlockRows = 65536;
constexpr std::size_t kWindowBytes = 8 << 20;

Index RowsPerBlock(const std::vector<SamplePart>& parts) {
  Index numbers_per_row = 0;
  for (const SamplePart& part : parts) numbers_per_row += part.shape.rows * part.shape.columns;
  const Index bytes_per_row =
      static_cast<Index>(sizeof(double)) * std::max<Index>(1, numbers_per_row);
  return std::clamp<Index>(kBlockBytes / bytes_per_row, 1, kMaxBlockRows);
}

}  // namespace

Uploader::Impl::Impl(std::shared_ptr<Connection> connection, std::string dataset,
                     std::string upload_id)
    : connection_(std::move(connection)),
      dataset_(std::move(dataset)),
      upload_id_(std::move(upload_id)),
      backoff_(connection_->channel()) {
  Connect();
}

void Uploader::Impl::Append(const ConstMatrixRef& X, const ConstMatrixRef& Y,
                            const ConstMatrixRef& jacobian, const ConstVectorRef& weight,
                            const Samples& others) {
  const std::vector<SamplePart> parts = PartsOf(X, Y, jacobian, weight, others, sizes_);
  if (parts.empty()) return;
  const Index rows_per_block = RowsPerBlock(parts);
  std::vector<PartShape> shapes;
  shapes.reserve(parts.size());
  for (const SamplePart& part : parts) shapes.push_back(part.shape);
  // All rows of a block carry the same labels.
  if (shapes != pending_shapes_) FlushPending();
  pending_shapes_ = std::move(shapes);
  for (Index first = 0; first < X.cols();) {
    const Index rows = std::min(X.cols() - first, rows_per_block - pending_rows_);
    for (const SamplePart& part : parts) {
      AppendRows(part, first, rows, *pending_.mutable_block());
    }
    pending_rows_ += rows;
    first += rows;
    if (pending_rows_ == rows_per_block) FlushPending();
  }
  sample_count_ += X.cols();
}

void Uploader::Impl::FlushPending() {
  if (pending_rows_ == 0) return;
  v1::SampleBlock& block = *pending_.mutable_block();
  block.set_block_id(block_count_);
  for (const PartShape& shape : pending_shapes_) SetShape(shape, pending_rows_, block);
  block.set_crc32c(Checksum(block));

  const std::uint32_t crc = block.crc32c();
  crc32c_ = Crc32c(std::as_bytes(std::span(&crc, 1)), crc32c_);
  ++block_count_;
  pending_rows_ = 0;
  Send(std::exchange(pending_, {}));
}

void Uploader::Impl::Send(v1::AppendSamplesRequest request) {
  const std::int64_t id = request.block().block_id();
  if (committed_ || IsStored(id)) return;

  const std::size_t bytes = request.ByteSizeLong();
  AbsorbAcknowledgements();
  while (!committed_ && unacked_bytes_ > 0 && unacked_bytes_ + bytes > kWindowBytes) {
    stream_->WaitUntil([](const AppendNews& news) { return !news.stored.empty(); });
    if (stream_->News().ended) {
      GiveUpUnlessBroken();
      Connect();
    }
    AbsorbAcknowledgements();
  }
  if (committed_ || IsStored(id)) return;  // A new connection may have learned of it.
  unacked_.push_back({id, bytes, std::move(request)});
  unacked_bytes_ += bytes;
  if (!stream_->Write(unacked_.back().request)) {
    GiveUpUnlessBroken();
    Connect();
  }
}

void Uploader::Impl::AbsorbAcknowledgements() {
  for (const std::int64_t id : stream_->TakeStored()) {
    const auto block = std::ranges::find(unacked_, id, &UnackedBlock::id);
    if (block == unacked_.end()) continue;
    unacked_bytes_ -= block->bytes;
    unacked_.erase(block);
    backoff_.Progress();
  }
}

void Uploader::Impl::Connect() {
  while (!TryConnect()) GiveUpUnlessBroken();
}

bool Uploader::Impl::TryConnect() {
  stream_ = std::make_unique<AppendStream>(*connection_, dataset_, upload_id_);
  stream_->WaitUntil(
      [](const AppendNews& news) { return news.opened.has_value() || news.committed.has_value(); });
  const AppendNews news = stream_->News();
  committed_ = news.committed;
  if (committed_) return true;
  if (!news.opened) return false;

  backoff_.Contact();
  stored_.clear();
  for (const auto& range : news.opened->stored_blocks()) {
    stored_.emplace_back(range.first(), range.last());
  }
  std::erase_if(unacked_, [this](const UnackedBlock& block) { return IsStored(block.id); });
  unacked_bytes_ = 0;
  for (const UnackedBlock& block : unacked_) unacked_bytes_ += block.bytes;
  return std::ranges::all_of(
      unacked_, [this](const UnackedBlock& block) { return stream_->Write(block.request); });
}

void Uploader::Impl::GiveUpUnlessBroken() {
  AbsorbAcknowledgements();
  const grpc::Status status = stream_->Finish();
  // An end without an error and without a commit is a break as well.
  const bool broken = status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE;
  if (broken && backoff_.Wait()) return;
  if (!status.ok()) throw ToRpcError(status);
  throw RpcError(StatusCode::kUnavailable, "STREAM_ENDED",
                 "the server ends the upload again and again without an error");
}

bool Uploader::Impl::IsStored(std::int64_t block_id) const {
  return std::ranges::any_of(stored_, [block_id](const auto& range) {
    return range.first <= block_id && block_id <= range.second;
  });
}

std::int64_t Uploader::Impl::Commit() {
  FlushPending();
  v1::AppendSamplesRequest request;
  request.mutable_commit()->set_block_count(block_count_);
  request.mutable_commit()->set_sample_count(sample_count_);
  request.mutable_commit()->set_crc32c(crc32c_);
  while (!committed_) {
    stream_->Write(request);  // If this fails, the stream has ended.
    stream_->WaitUntil([](const AppendNews& news) { return news.committed.has_value(); });
    committed_ = stream_->News().committed;
    if (committed_) break;
    GiveUpUnlessBroken();
    Connect();
  }
  unacked_.clear();
  if (committed_->sample_count() != sample_count_) {
    throw RpcError(StatusCode::kAlreadyExists, "UPLOAD_COMMITTED",
                   "upload_id: upload \"" + upload_id_ + "\" is committed with " +
                       std::to_string(committed_->sample_count()) + " samples, expected " +
                       std::to_string(sample_count_) + "; choose another id for other samples");
  }
  warnings_.clear();
  for (const v1::LabelWarning& warning : committed_->warnings()) {
    warnings_.push_back(FromProto(warning));
  }
  return committed_->dataset_version();
}

Uploader::Uploader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Uploader::Uploader(Uploader&&) noexcept = default;
Uploader& Uploader::operator=(Uploader&&) noexcept = default;
Uploader::~Uploader() = default;

void Uploader::Append(const ConstMatrixRef& X, const ConstMatrixRef& Y,
                      const ConstMatrixRef& jacobian, const ConstVectorRef& weight) {
  impl_->Append(X, Y, jacobian, weight, {});
}

void Uploader::Append(const Samples& samples) {
  impl_->Append(samples.X, samples.Y, samples.jacobian, samples.weight, samples);
}

std::int64_t Uploader::Commit() { return impl_->Commit(); }
const std::vector<LabelWarning>& Uploader::warnings() const { return impl_->warnings(); }
const std::string& Uploader::upload_id() const { return impl_->upload_id(); }
std::int64_t Uploader::sample_count() const { return impl_->sample_count(); }

}  // namespace sobolev::client
