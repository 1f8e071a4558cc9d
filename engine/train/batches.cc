#include "engine/train/batches.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/nn/row_layout.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/standard_rows.h"
#include "engine/train/streamed_batches.h"

namespace sobolev::train {

namespace {

template <class T>
class ResidentBatches : public Batches<T> {
 public:
  ResidentBatches(const StandardRows<T>& samples, const Split& split, const Options& resolved,
                  const std::stop_token& stop)
      : layout_(samples.layout()),
        rows_(static_cast<std::size_t>(samples.NumSamples() * layout_.Size())),
        training_(split.training),
        validation_(split.validation),
        steps_per_epoch_(StepsPerEpoch(resolved, static_cast<Index>(training_.size()))),
        seed_(resolved.seed) {
    for (Index number = 0; number < samples.NumSamples(); ++number) {
      if (number % kSamplesPerStopCheck == 0) ThrowIfStopped(stop);
      samples.Write(number, 0, rows_.data() + number * layout_.Size());
    }
  }

  const nn::RowLayout& layout() const override { return layout_; }

  RowBatch<T> OfStep(Index epoch, Index step, const std::stop_token& /*stop*/) override {
    if (epoch != shuffled_epoch_) {
      order_ = training_;
      Rng rng(seed_, kFirstEpochStream + static_cast<std::uint64_t>(epoch));
      Shuffle(std::span(order_), rng);
      shuffled_epoch_ = epoch;
    }
    const auto num_training = static_cast<Index>(training_.size());
    const Index first = FirstOfStep(step, steps_per_epoch_, num_training);
    const Index size = FirstOfStep(step + 1, steps_per_epoch_, num_training) - first;
    return Batch(std::span<const std::uint32_t>(order_).subspan(static_cast<std::size_t>(first),
                                                                static_cast<std::size_t>(size)));
  }

  Index NumValidationParts() const override { return 1; }

  RowBatch<T> OfValidation(Index /*part*/, const std::stop_token& /*stop*/) override {
    return Batch(validation_);
  }

  std::uint64_t Fingerprint() const override {
    Hasher hasher;
    hasher.Add(rows_.data(), rows_.size() * sizeof(T));
    return hasher.Finish();
  }

 private:
  RowBatch<T> Batch(std::span<const std::uint32_t> indices) const {
    return {.rows = {.data = rows_.data(), .stride = layout_.Size()}, .indices = indices};
  }

  const nn::RowLayout layout_;
  std::vector<T> rows_;
  const std::vector<std::uint32_t> training_;
  const std::vector<std::uint32_t> validation_;
  const Index steps_per_epoch_;
  const std::uint64_t seed_;

  // The training samples in the order of one epoch.
  std::vector<std::uint32_t> order_;
  Index shuffled_epoch_ = -1;
};

}  // namespace

template <class T>
std::unique_ptr<Batches<T>> MakeBatches(const SampleSet& samples, const Split& split,
                                        const Standardisation& standardisation,
                                        const Options& resolved, const std::stop_token& stop) {
  const StandardRows<T> rows(samples, split, standardisation, resolved, stop);
  if (resolved.streamed) return std::make_unique<StreamedBatches<T>>(rows, split, resolved, stop);
  return std::make_unique<ResidentBatches<T>>(rows, split, resolved, stop);
}

template std::unique_ptr<Batches<float>> MakeBatches(const SampleSet&, const Split&,
                                                     const Standardisation&, const Options&,
                                                     const std::stop_token&);
template std::unique_ptr<Batches<double>> MakeBatches(const SampleSet&, const Split&,
                                                      const Standardisation&, const Options&,
                                                      const std::stop_token&);

}  // namespace sobolev::train
