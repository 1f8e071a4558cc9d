#include "engine/train/streamed_batches.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <numeric>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/row_layout.h"
#include "engine/train/batches.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/standard_rows.h"
#include "engine/train/stream_order.h"

namespace sobolev::train {

namespace {

// Of the rows of a window, unless a single step takes more.
constexpr Index kWindowBytes = Index{8} << 20;
// Of the numbers of a block, so that disks read long runs.
constexpr Index kBlockBytes = Index{256} << 10;
// Blocks in a window at least, so that its steps see samples from many places.
constexpr Index kLeastBlocks = 16;

Index RowBytes(const nn::RowLayout& layout, const Options& resolved) {
  const std::size_t number =
      resolved.precision == Precision::kFloat32 ? sizeof(float) : sizeof(double);
  return layout.Size() * static_cast<Index>(number);
}

// How an epoch is cut: a property of the samples and the options, never of the machine, because it
// decides on the order.
struct StreamShape {
  Index steps_per_window = 1;
  Index window_samples = 1;  // At most.
  Index block_samples = 1;
};

StreamShape StreamShapeOf(const nn::RowLayout& layout, const Options& resolved,
                          Index num_training) {
  const Index steps = StepsPerEpoch(resolved, num_training);
  const Index step_samples = (num_training + steps - 1) / steps;
  const Index samples = std::max<Index>(1, kWindowBytes / RowBytes(layout, resolved));
  StreamShape shape;
  shape.steps_per_window = std::clamp<Index>(samples / step_samples, 1, steps);
  shape.window_samples = std::min(shape.steps_per_window * step_samples, num_training);
  const Index sample_bytes = layout.Size() * static_cast<Index>(sizeof(double));
  shape.block_samples = std::clamp<Index>(kBlockBytes / sample_bytes, 1,
                                          std::max<Index>(1, shape.window_samples / kLeastBlocks));
  return shape;
}

StreamOrder OrderOf(const nn::RowLayout& layout, const Split& split, const Options& resolved) {
  const auto num_training = static_cast<Index>(split.training.size());
  const StreamShape shape = StreamShapeOf(layout, resolved, num_training);
  return {num_training, StepsPerEpoch(resolved, num_training), shape.steps_per_window,
          shape.block_samples, resolved.seed};
}

}  // namespace

std::size_t StreamBytes(const SampleShape& shape, const Options& resolved) {
  const nn::RowLayout layout = LayoutOf(shape.layout, resolved);
  const Index num_training =
      shape.num_samples - NumHeldOut(shape.num_samples, resolved.validation_fraction);
  const Index window = StreamShapeOf(layout, resolved, num_training).window_samples;
  constexpr Index kPositionAndOrder = 2 * sizeof(std::uint32_t);
  return 2 * static_cast<std::size_t>(window * (RowBytes(layout, resolved) + kPositionAndOrder));
}

template <class T>
StreamedBatches<T>::StreamedBatches(const StandardRows<T>& samples, const Split& split,
                                    const Options& resolved, const std::stop_token& stop)
    : samples_(samples),
      split_(split),
      order_(OrderOf(samples_.layout(), split, resolved)),
      part_samples_(order_.MostPositions()),
      fingerprint_(HashAll(stop)) {
  const auto most = static_cast<std::size_t>(part_samples_);
  for (Window* const window : {&front_, &back_}) {
    window->rows.resize(most * static_cast<std::size_t>(samples_.layout().Size()));
    window->positions.reserve(most);
    window->order.reserve(most);
  }
  thread_ = std::jthread([this](const std::stop_token& thread_stop) { Run(thread_stop); });
}

template <class T>
StreamedBatches<T>::~StreamedBatches() = default;

template <class T>
RowBatch<T> StreamedBatches<T>::OfStep(Index epoch, Index step, const std::stop_token& stop) {
  epoch_ = epoch;
  const Index window = order_.WindowOfStep(step);
  const bool last = window + 1 == order_.NumWindows();
  Show({epoch, window}, last ? Key{kValidation, 0} : Key{epoch, window + 1}, stop);
  return {.rows = {.data = front_.rows.data(), .stride = layout().Size()},
          .indices = std::span<const std::uint32_t>(front_.order)
                         .subspan(static_cast<std::size_t>(order_.FirstInWindow(step)),
                                  static_cast<std::size_t>(order_.SizeOfStep(step)))};
}

template <class T>
Index StreamedBatches<T>::NumValidationParts() const {
  const auto num_samples = static_cast<Index>(split_.validation.size());
  return (num_samples + part_samples_ - 1) / part_samples_;
}

template <class T>
RowBatch<T> StreamedBatches<T>::OfValidation(Index part, const std::stop_token& stop) {
  const bool last = part + 1 == NumValidationParts();
  Show({kValidation, part}, last ? Key{epoch_ + 1, 0} : Key{kValidation, part + 1}, stop);
  return {.rows = {.data = front_.rows.data(), .stride = layout().Size()}, .indices = front_.order};
}

// ---- Between the threads ------------------------------------------------------------------------

template <class T>
void StreamedBatches<T>::Show(const Key& key, const Key& next, const std::stop_token& stop) {
  if (front_.key != key) {
    WaitForThread(stop);
    if (back_.key != key) {
      Request(key);
      WaitForThread(stop);
    }
    std::swap(front_, back_);
    if (front_.error) {
      front_.key.reset();
      std::rethrow_exception(std::exchange(front_.error, nullptr));
    }
    if (next != key) Request(next);
  }
}

template <class T>
void StreamedBatches<T>::Request(const Key& key) {
  back_.key = key;
  back_.error = nullptr;
  const std::lock_guard lock(mutex_);
  busy_ = true;
  changed_.notify_all();
}

template <class T>
void StreamedBatches<T>::WaitForThread(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return !busy_; });
  if (busy_) ThrowIfStopped(stop);
}

template <class T>
void StreamedBatches<T>::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return busy_; })) {
    lock.unlock();
    try {
      Fill(back_, stop);
    } catch (...) {
      back_.error = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

template <class T>
void StreamedBatches<T>::Fill(Window& window, const std::stop_token& stop) {
  const bool validation = window.key->epoch == kValidation;
  if (validation) {
    const Index first = window.key->window * part_samples_;
    const Index count =
        std::min(part_samples_, static_cast<Index>(split_.validation.size()) - first);
    window.positions.resize(static_cast<std::size_t>(count));
    std::iota(window.positions.begin(), window.positions.end(), static_cast<std::uint32_t>(first));
    window.order.resize(static_cast<std::size_t>(count));
    std::iota(window.order.begin(), window.order.end(), 0U);
  } else {
    if (window.key->epoch != blocks_epoch_) {
      blocks_epoch_ = window.key->epoch;
      blocks_ = order_.BlocksOf(blocks_epoch_);
    }
    order_.Window(blocks_epoch_, window.key->window, blocks_, window.positions, window.order);
  }
  const std::vector<std::uint32_t>& numbers = validation ? split_.validation : split_.training;
  // Held-out samples are judged by the same sketch always.
  const auto draw = static_cast<std::uint64_t>(window.key->epoch - kValidation);
  T* row = window.rows.data();
  Index written = 0;
  for (const std::uint32_t position : window.positions) {
    if (written++ % kSamplesPerStopCheck == 0) ThrowIfStopped(stop);
    samples_.Write(static_cast<Index>(numbers[position]), draw, row);
    row += layout().Size();
  }
}

template <class T>
std::uint64_t StreamedBatches<T>::HashAll(const std::stop_token& stop) const {
  Hasher hasher;
  std::vector<T> row(static_cast<std::size_t>(samples_.layout().Size()));
  for (Index number = 0; number < samples_.NumSamples(); ++number) {
    if (number % kSamplesPerStopCheck == 0) ThrowIfStopped(stop);
    samples_.Write(number, 0, row.data());
    hasher.Add(row.data(), row.size() * sizeof(T));
  }
  return hasher.Finish();
}

template class StreamedBatches<float>;
template class StreamedBatches<double>;

}  // namespace sobolev::train
