// Streams samples into a dataset as one atomic upload.

#ifndef SOBOLEV_UPLOADER_H_
#define SOBOLEV_UPLOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::client {

// Made by Client::Upload. Samples become visible all at once with Commit; without it, none do.
//
// Samples are cut into checksummed blocks of about 1 MiB, which are sent without waiting for their
// acknowledgement while at most 8 MiB await theirs. When the connection breaks, the uploader asks
// the server which blocks are in and sends the rest, for about a minute without progress.
// An upload that was given an id can be continued by another process that appends the same samples
// in the same way: what the server has is not sent again.
//
// Calls throw RpcError; after one the upload stays open on the server for a day. Not thread-safe.
class Uploader {
 public:
  Uploader(Uploader&&) noexcept;
  Uploader& operator=(Uploader&&) noexcept;
  // Ends the stream; what was not committed stays invisible.
  ~Uploader();

  // Appends N samples. X: n×N, Y: m×N, jacobian: n×(m·N) or empty, weight: N or empty. Throws
  // RpcError(kInvalidArgument) if a shape disagrees with another or with the calls before.
  void Append(const ConstMatrixRef& X, const ConstMatrixRef& Y,
              const ConstMatrixRef& jacobian = Matrix(), const ConstVectorRef& weight = Vector());

  // Appends N samples with labels of any kind. Throws likewise.
  void Append(const Samples& samples);

  // Makes all samples visible and returns the dataset version with them. Once; Append no more.
  std::int64_t Commit();

  // After Commit: Jacobians that contradict the values of neighbours.
  const std::vector<LabelWarning>& warnings() const;
  const std::string& upload_id() const;
  std::int64_t sample_count() const;  // Appended so far.

 private:
  friend class Client;
  struct Impl;
  explicit Uploader(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_UPLOADER_H_
