#include "engine/train/options.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/batches.h"
#include "engine/train/curvature_term.h"
#include "engine/train/loss_weights.h"
#include "engine/train/samples.h"
#include "engine/train/standard_rows.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

namespace {

constexpr Index kDefaultEpochs = 100;
constexpr Index kDefaultSteps = 1600;
// The published rate is 0.1, at which networks of more than four layers or other activations than
// softplus now and then collapse in the first epochs.
constexpr double kDefaultRate = 0.05;
constexpr Index kNarrow = 32;  // Width from which on the rate falls.
constexpr Index kMaxEpochs = 1'000'000;
constexpr Index kMaxBatchSize = 1'000'000;
constexpr Index kMinTrainingSamples = 2;
constexpr double kMaxLearningRate = 10;
constexpr double kMaxValidationFraction = 0.9;

template <class Number>
std::string Text(Number number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

void Require(bool holds, const char* field, const std::string& expected, double actual,
             const char* fix) {
  if (holds) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + expected + ", got " + Text(actual) + "; " + fix);
}

void RequireWhole(const char* field, Index actual, Index lowest, Index highest) {
  if (lowest <= actual && actual <= highest) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + Text(lowest) + " to " + Text(highest) + ", got " +
                            Text(actual) + "; choose a number in that range or leave it unset");
}

// Checks what was given; a NaN fails every comparison.
void CheckValues(const Options& options) {
  CheckLoss({.alpha = options.alpha, .beta = options.beta, .gamma = options.gamma});
  if (options.epochs) RequireWhole("spec.epochs", *options.epochs, 1, kMaxEpochs);
  if (options.batch_size) RequireWhole("spec.batch_size", *options.batch_size, 1, kMaxBatchSize);
  if (options.learning_rate) {
    const double rate = *options.learning_rate;
    Require(rate > 0 && rate <= kMaxLearningRate, "spec.learning_rate",
            "more than 0 and at most " + Text(kMaxLearningRate), rate,
            "leave it unset to have it chosen by the width of the network");
  }
  const double fraction = options.validation_fraction;
  Require(fraction > 0 && fraction <= kMaxValidationFraction, "spec.validation_fraction",
          "more than 0 and at most " + Text(kMaxValidationFraction), fraction, "0.1 is usual");
  if (options.patience) {
    RequireWhole("spec.patience", *options.patience, 0, std::numeric_limits<std::int32_t>::max());
  }
}

// Checks the dataset against the options.
void CheckSamples(const Options& options, const SampleShape& shape) {
  const Index num_samples = shape.num_samples;
  const Index num_training = num_samples - NumHeldOut(num_samples, options.validation_fraction);
  if (num_training < kMinTrainingSamples) {
    throw FailedPrecondition("TOO_FEW_SAMPLES", "dataset",
                             "expected at least " + Text(kMinTrainingSamples) +
                                 " samples to train on and 1 to validate with, got " +
                                 Text(num_samples) + " samples of which validation_fraction " +
                                 Text(options.validation_fraction) + " holds out " +
                                 Text(num_samples - num_training) +
                                 "; append samples or lower spec.validation_fraction");
  }
  if (shape.num_derivatives == 0 && options.beta.value_or(0) > 0) {
    throw FailedPrecondition(
        "NO_JACOBIANS", "spec.beta",
        "expected 0 or unset because no sample has a Jacobian or other labels of "
        "first derivatives, got " +
            Text(*options.beta) + "; append samples with Jacobians or train with beta = 0");
  }
  if (shape.num_hvps == 0 && options.gamma > 0) {
    throw FailedPrecondition(
        "NO_CURVATURES", "spec.gamma",
        "expected 0 or unset because no sample has a Hessian-vector label that "
        "the fit can use, got " +
            Text(options.gamma) +
            "; append samples with hvp or train with gamma = 0 (periods and "
            "spec.feature_degree leave such labels out)");
  }
}

void CheckStart(const Options& options, const nn::Architecture& architecture) {
  if (options.start == nullptr || options.start->architecture() == architecture) return;
  throw InvalidArgument("OTHER_ARCHITECTURE", "spec.start",
                        "expected a network with the inputs, outputs, hidden layers and activation "
                        "of the one to train, got another; train one like it or leave it unset");
}

// Fills in the sketch. More outputs than there are make no sketch, nor do labels without Jacobians.
void ResolveSketch(const SampleShape& shape, Options& options) {
  const Index m = shape.layout.m;
  if (options.derivative_sketch) {
    RequireWhole("spec.derivative_sketch", *options.derivative_sketch, 0,
                 std::numeric_limits<std::int32_t>::max());
  }
  Index sketch = options.derivative_sketch.value_or(m > kManyOutputs ? kSketchedOutputs : 0);
  if (sketch >= m || *options.beta == 0 || !shape.layout.jacobian) sketch = 0;
  options.derivative_sketch = sketch;
}

}  // namespace

Options ResolveOptions(const Options& options, const SampleShape& shape, std::size_t memory_limit) {
  const Index n = shape.layout.n;
  const Index num_samples = shape.num_samples;
  const nn::Architecture architecture = ArchitectureOf(options, n, shape.layout.m);
  nn::Validate(architecture);
  nn::CheckResidual(architecture);
  nn::CheckConstraints(architecture, options.shape);
  CheckStart(options, architecture);
  CheckValues(options);
  CheckSamples(options, shape);

  Options resolved = options;
  const auto inputs = static_cast<double>(n);
  if (!resolved.beta) resolved.beta = shape.num_derivatives > 0 ? inputs / (1 + inputs) : 0;
  if (!resolved.alpha) resolved.alpha = *resolved.beta > 0 ? 1 / (1 + inputs) : 1;
  CheckLoss({.alpha = resolved.alpha, .beta = resolved.beta, .gamma = resolved.gamma});

  const Index num_training = num_samples - NumHeldOut(num_samples, options.validation_fraction);
  const Index default_batch = std::min(std::max<Index>(256, num_samples / 16), kMaxBatchSize);
  resolved.batch_size = std::min(resolved.batch_size.value_or(default_batch), num_training);
  if (!resolved.epochs) {
    const Index steps = StepsPerEpoch(resolved, num_training);
    resolved.epochs = std::max(kDefaultEpochs, (kDefaultSteps + steps - 1) / steps);
  }
  if (!resolved.learning_rate) {
    Index width = kNarrow;
    for (const Index units : resolved.hidden) width = std::max(width, units);
    resolved.learning_rate =
        kDefaultRate * static_cast<double>(kNarrow) / static_cast<double>(width);
  }
  if (!resolved.patience) resolved.patience = std::max<Index>(10, *resolved.epochs / 3);

  ResolveSketch(shape, resolved);
  resolved.streamed = resolved.streamed || *resolved.derivative_sketch > 0;
  std::size_t bytes = MemoryBytes(resolved, shape);
  if (!resolved.streamed && bytes > memory_limit) {
    Options streamed = resolved;
    streamed.streamed = true;
    const std::size_t streamed_bytes = MemoryBytes(streamed, shape);
    // Of few samples two windows may take more than all rows.
    if (streamed_bytes < bytes) {
      resolved = streamed;
      bytes = streamed_bytes;
    }
  }
  if (bytes > memory_limit || num_samples > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "dataset",
                "expected a training that needs at most " + Text(memory_limit) +
                    " bytes and 2^32 - 1 samples, got one of " + Text(num_samples) +
                    " samples that needs about " + Text(bytes) +
                    " bytes; use fewer samples, float32, a smaller network or batch, or raise the "
                    "server's limit");
  }
  return resolved;
}

void RequireLabels(const Options& resolved, const SampleShape& shape) {
  if ((shape.has_values && *resolved.alpha > 0) || *resolved.beta > 0 || resolved.gamma > 0) return;
  throw FailedPrecondition("NO_LABELS", "dataset",
                           "expected samples with values or first derivatives that have a weight, "
                           "got none; append such samples, or set spec.gamma to train on "
                           "Hessian-vector labels");
}

std::size_t MemoryBytes(const Options& resolved, const SampleShape& shape) {
  const bool single = resolved.precision == Precision::kFloat32;
  const double number = single ? sizeof(float) : sizeof(double);
  const nn::RowLayout layout = LayoutOf(shape.layout, resolved);
  const nn::Architecture architecture = ArchitectureOf(resolved, layout.n, layout.m);
  const Index batch = *resolved.batch_size;

  // In floating point, which does not overflow. The rows, the split and the order of an epoch:
  const auto num_samples = static_cast<double>(shape.num_samples);
  const double samples = resolved.streamed
                             ? static_cast<double>(StreamBytes(shape, resolved)) + num_samples * 8.2
                             : num_samples * (number * static_cast<double>(layout.Size()) + 8.2);
  // θ, its gradient and two moments, the best θ and its moments, and with constraints the weights:
  const double vectors = resolved.shape.IsFree() ? 7 : 8;
  const double parameters = vectors * number * static_cast<double>(architecture.NumParameters());
  const double history = static_cast<double>(*resolved.epochs) * sizeof(EpochRecord);
  const auto sweep =
      static_cast<double>(single ? nn::TwinSweep<float>::MemoryBytes(architecture, layout, batch)
                                 : nn::TwinSweep<double>::MemoryBytes(architecture, layout, batch));
  const double curvatures =
      resolved.gamma > 0 ? CurvatureBytes(shape.num_hvps, shape.num_samples, layout.n, layout.m)
                         : 0;
  const double total = samples + parameters + history + sweep + curvatures;
  return total < 0x1p63 ? static_cast<std::size_t>(total) : std::numeric_limits<std::size_t>::max();
}

nn::Architecture ArchitectureOf(const Options& options, Index n, Index m) {
  return {.n = n,
          .m = m,
          .hidden = options.hidden,
          .activation = options.activation,
          .skip = options.skip,
          .residual = options.residual};
}

Index StepsPerEpoch(const Options& resolved, Index num_training) {
  return (num_training + *resolved.batch_size - 1) / *resolved.batch_size;
}

Index FirstOfStep(Index step, Index steps_per_epoch, Index num_training) {
  return step * num_training / steps_per_epoch;
}

}  // namespace sobolev::train
