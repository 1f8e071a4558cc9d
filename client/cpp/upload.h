// An upload that outlives its streams: windowed, acknowledged, resumed.

#ifndef SOBOLEV_CLIENT_CPP_UPLOAD_H_
#define SOBOLEV_CLIENT_CPP_UPLOAD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sobolev/uploader.h>

#include "client/cpp/append_stream.h"
#include "client/cpp/connection.h"
#include "client/cpp/sample_parts.h"

namespace sobolev::client {

// Cuts samples into blocks and sees each through to stable storage. A block is kept until it is
// acknowledged. Not thread-safe.
struct Uploader::Impl {
 public:
  // Opens the upload or finds it with what it holds. Throws RpcError.
  Impl(std::shared_ptr<Connection> connection, std::string dataset, std::string upload_id);

  // As PartsOf.
  void Append(const ConstMatrixRef& X, const ConstMatrixRef& Y, const ConstMatrixRef& jacobian,
              const ConstVectorRef& weight, const Samples& others);
  std::int64_t Commit();

  const std::vector<LabelWarning>& warnings() const { return warnings_; }
  const std::string& upload_id() const { return upload_id_; }
  std::int64_t sample_count() const { return sample_count_; }

 private:
  struct UnackedBlock {
    std::int64_t id;
    std::size_t bytes;
    v1::AppendSamplesRequest request;
  };

  // Gives the pending rows a number and a checksum and sends them.
  void FlushPending();
  void Send(v1::AppendSamplesRequest request);
  // Forgets the blocks that the server has acknowledged.
  void AbsorbAcknowledgements();
  // Opens a stream, again if need be, and sends what is unacknowledged. Throws RpcError for errors
  // that another attempt would not mend, and when the attempts are used up.
  void Connect();
  // Of one attempt: false if the stream broke.
  bool TryConnect();
  // Takes the status of a stream that ended early: throws unless it may be opened again.
  void GiveUpUnlessBroken();
  bool IsStored(std::int64_t block_id) const;

  const std::shared_ptr<Connection> connection_;
  const std::string dataset_;
  const std::string upload_id_;
  SampleSizes sizes_;  // n is known from the first Append on.

  v1::AppendSamplesRequest pending_;  // The block that is filling up.
  std::vector<PartShape> pending_shapes_;
  Index pending_rows_ = 0;

  std::int64_t block_count_ = 0;
  std::int64_t sample_count_ = 0;
  std::uint32_t crc32c_ = 0;  // Of the blocks' checksums.

  std::unique_ptr<AppendStream> stream_;
  Backoff backoff_;
  std::deque<UnackedBlock> unacked_;
  std::size_t unacked_bytes_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> stored_;  // Closed ranges, as last opened.
  std::optional<v1::AppendSamplesResponse::Committed> committed_;
  std::vector<LabelWarning> warnings_;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_UPLOAD_H_
