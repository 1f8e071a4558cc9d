#include <algorithm>
#include <array>
#include <span>

#include <sobolev/uploader.h>

#include "client/cpp/convert.h"
#include "client/cpp/upload.h"
#include "proto/wire/crc32c.h"

namespace sobolev::client {
namespace {

constexpr Index kBlockBytes = 1 << 20;
constexpr Index kMaxBlockRows = 65536;
constexpr std::size_t kWindowBytes = 8 << 20;

Index BytesPerRow(Index n, Index m, bool has_jacobian, bool has_weight) {
  return static_cast<Index>(sizeof(double)) *
         (n + m + (has_jacobian ? n * m : 0) + (has_weight ? 1 : 0));
}

Index RowsPerBlock(Index bytes_per_row) {
  return std::clamp<Index>(kBlockBytes / bytes_per_row, 1, kMaxBlockRows);
}

// The columns of A one after another, behind what the tensor has.
void AppendColumns(const ConstMatrixRef& A, v1::Tensor& tensor) {
  std::string& data = *tensor.mutable_data();
  const std::size_t column_bytes = static_cast<std::size_t>(A.rows()) * sizeof(double);
  if (A.outerStride() == A.rows()) {
    data.append(reinterpret_cast<const char*>(A.data()),
                column_bytes * static_cast<std::size_t>(A.cols()));
    return;
  }
  for (Index j = 0; j < A.cols(); ++j) {
    data.append(reinterpret_cast<const char*>(A.col(j).data()), column_bytes);
  }
}

void SetShape(v1::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  tensor.set_data_type(v1::Tensor::DATA_TYPE_FLOAT64);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
}

void RequireSize(const char* what, Index actual, Index expected) {
  if (actual == expected) return;
  const std::string field(what, std::string_view(what).find(' '));
  const std::string message = std::string(what) + ": expected " + std::to_string(expected) +
                              ", got " + std::to_string(actual);
  throw RpcError(StatusCode::kInvalidArgument, "SHAPE_MISMATCH", message, {{field, message}});
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
                            const ConstMatrixRef& jacobian, const ConstVectorRef& weight) {
  CheckShapes(X, Y, jacobian, weight);
  const bool has_jacobian = jacobian.size() > 0;
  const bool has_weight = weight.size() > 0;
  const Index rows_per_block = RowsPerBlock(BytesPerRow(n_, m_, has_jacobian, has_weight));
  // All rows of a block carry the same labels.
  if (pending_rows_ > 0 && (pending_.block().has_jacobian() != has_jacobian ||
                            pending_.block().has_weight() != has_weight)) {
    FlushPending();
  }
  for (Index first = 0; first < X.cols();) {
    const Index rows = std::min(X.cols() - first, rows_per_block - pending_rows_);
    v1::SampleBlock& block = *pending_.mutable_block();
    AppendColumns(X.middleCols(first, rows), *block.mutable_x());
    AppendColumns(Y.middleCols(first, rows), *block.mutable_y());
    if (has_jacobian) {
      AppendColumns(jacobian.middleCols(m_ * first, m_ * rows), *block.mutable_jacobian());
    }
    if (has_weight) AppendColumns(weight.segment(first, rows), *block.mutable_weight());
    pending_rows_ += rows;
    first += rows;
    if (pending_rows_ == rows_per_block) FlushPending();
  }
  sample_count_ += X.cols();
}

void Uploader::Impl::CheckShapes(const ConstMatrixRef& X, const ConstMatrixRef& Y,
                                 const ConstMatrixRef& jacobian, const ConstVectorRef& weight) {
  if (n_ == 0) {
    n_ = X.rows();
    m_ = Y.rows();
  }
  RequireSize("X rows", X.rows(), n_);
  RequireSize("Y rows", Y.rows(), m_);
  RequireSize("Y columns", Y.cols(), X.cols());
  if (jacobian.size() > 0) {
    RequireSize("jacobian rows", jacobian.rows(), n_);
    RequireSize("jacobian columns", jacobian.cols(), m_ * X.cols());
  }
  if (weight.size() > 0) RequireSize("weight size", weight.size(), X.cols());
}

void Uploader::Impl::FlushPending() {
  if (pending_rows_ == 0) return;
  v1::SampleBlock& block = *pending_.mutable_block();
  block.set_block_id(block_count_);
  SetShape(*block.mutable_x(), {pending_rows_, n_});
  SetShape(*block.mutable_y(), {pending_rows_, m_});
  if (block.has_jacobian()) SetShape(*block.mutable_jacobian(), {pending_rows_, m_, n_});
  if (block.has_weight()) SetShape(*block.mutable_weight(), {pending_rows_});
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
  return committed_->dataset_version();
}

Uploader::Uploader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Uploader::Uploader(Uploader&&) noexcept = default;
Uploader& Uploader::operator=(Uploader&&) noexcept = default;
Uploader::~Uploader() = default;

void Uploader::Append(const ConstMatrixRef& X, const ConstMatrixRef& Y,
                      const ConstMatrixRef& jacobian, const ConstVectorRef& weight) {
  impl_->Append(X, Y, jacobian, weight);
}

std::int64_t Uploader::Commit() { return impl_->Commit(); }
const std::string& Uploader::upload_id() const { return impl_->upload_id(); }
std::int64_t Uploader::sample_count() const { return impl_->sample_count(); }

}  // namespace sobolev::client
