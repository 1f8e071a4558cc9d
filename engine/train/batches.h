// The standardised rows of the samples of every step and of the held-out samples.
//
// Resident rows are all in memory; an epoch visits them in random order. Streamed rows are made of
// the samples while they are needed: a window of a few steps at a time, by a thread that is one
// window ahead of the optimiser. The samples of a window are blocks of neighbours, each epoch other
// blocks (stream_order.h), so that mapped files are read in long runs, and steps take them from the
// window in random order.
//
// Either way the order depends on nothing but seed and epoch, so that training can resume in its
// midst.

#ifndef SOBOLEV_ENGINE_TRAIN_BATCHES_H_
#define SOBOLEV_ENGINE_TRAIN_BATCHES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

// The rows at these indices.
template <class T>
struct RowBatch {
  nn::SampleRows<T> rows;
  std::span<const std::uint32_t> indices;
};

// What comes back from one call is valid until the next. Not thread-safe.
template <class T>
class Batches {
 public:
  virtual ~Batches() = default;

  virtual const nn::RowLayout& layout() const = 0;
  // Of step `step` of epoch `epoch`, from 0. Throws Error(kCancelled) soon after `stop` fires.
  virtual RowBatch<T> OfStep(Index epoch, Index step, const std::stop_token& stop) = 0;
  // Of the held-out samples, in parts 0 … NumValidationParts() − 1.
  virtual Index NumValidationParts() const = 0;
  virtual RowBatch<T> OfValidation(Index part, const std::stop_token& stop) = 0;
  // A hash of all rows.
  virtual std::uint64_t Fingerprint() const = 0;
};

// What streamed rows take in memory besides the split.
std::size_t StreamBytes(const SampleShape& shape, const Options& resolved);

// As the options say. Streamed batches reference `split` and the memory of the samples. Throws as
// StandardRows::Write for any sample, and Error(kCancelled) soon after `stop` fires.
template <class T>
std::unique_ptr<Batches<T>> MakeBatches(const SampleSet& samples, const Split& split,
                                        const Standardisation& standardisation,
                                        const Options& resolved, const std::stop_token& stop);

extern template std::unique_ptr<Batches<float>> MakeBatches(const SampleSet&, const Split&,
                                                            const Standardisation&, const Options&,
                                                            const std::stop_token&);
extern template std::unique_ptr<Batches<double>> MakeBatches(const SampleSet&, const Split&,
                                                             const Standardisation&, const Options&,
                                                             const std::stop_token&);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_BATCHES_H_
