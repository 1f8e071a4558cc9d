// Rows that are made of the samples while they are needed, by a thread of their own.

#ifndef SOBOLEV_ENGINE_TRAIN_STREAMED_BATCHES_H_
#define SOBOLEV_ENGINE_TRAIN_STREAMED_BATCHES_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/row_layout.h"
#include "engine/train/batches.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/standard_rows.h"
#include "engine/train/stream_order.h"

namespace sobolev::train {

template <class T>
class StreamedBatches : public Batches<T> {
 public:
  // References `split` and the samples' memory. Throws as StandardRows::Write for any sample, and
  // Error(kCancelled) soon after `stop` fires.
  StreamedBatches(const StandardRows<T>& samples, const Split& split, const Options& resolved,
                  const std::stop_token& stop);
  ~StreamedBatches() override;

  const nn::RowLayout& layout() const override { return samples_.layout(); }
  RowBatch<T> OfStep(Index epoch, Index step, const std::stop_token& stop) override;
  Index NumValidationParts() const override;
  RowBatch<T> OfValidation(Index part, const std::stop_token& stop) override;
  std::uint64_t Fingerprint() const override { return fingerprint_; }

 private:
  // A window of an epoch, or a part of the held-out samples if the epoch is kValidation.
  struct Key {
    Index epoch;
    Index window;
    bool operator==(const Key&) const = default;
  };
  static constexpr Index kValidation = -1;

  struct Window {
    std::optional<Key> key;                // Of what it holds or will hold.
    std::vector<T> rows;                   // In order of number.
    std::vector<std::uint32_t> positions;  // In the training or the held-out samples.
    std::vector<std::uint32_t> order;      // In which the steps take the rows.
    std::exception_ptr error;              // Why it could not be filled.
  };

  // Makes `key` the front window; then starts on `next`.
  void Show(const Key& key, const Key& next, const std::stop_token& stop);
  void Request(const Key& key);
  void WaitForThread(const std::stop_token& stop);
  // The thread's work.
  void Run(const std::stop_token& stop);
  void Fill(Window& window, const std::stop_token& stop);
  std::uint64_t HashAll(const std::stop_token& stop) const;

  const StandardRows<T> samples_;
  const Split& split_;
  const StreamOrder order_;
  const Index part_samples_;  // Held-out samples of a part, as many as the largest window has.
  const std::uint64_t fingerprint_;

  Index epoch_ = -1;  // Of the latest step.
  Window front_;
  Window back_;  // The thread's while busy_.

  // The thread's: the blocks in the order of an epoch.
  Index blocks_epoch_ = -1;
  std::vector<std::uint32_t> blocks_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool busy_ = false;  // By mutex_.
  std::jthread thread_;
};

extern template class StreamedBatches<float>;
extern template class StreamedBatches<double>;

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_STREAMED_BATCHES_H_
