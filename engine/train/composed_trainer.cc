#include "engine/train/composed_trainer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <sstream>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composed_samples.h"
#include "engine/train/composition.h"
#include "engine/train/curvature_term.h"
#include "engine/train/errors.h"
#include "engine/train/mapped_shape.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/standard_points.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

namespace {

// Points over which the slopes at an edge are averaged, at most.
constexpr Index kAnchors = 64;

// The shape of the samples that a core with these features sees.
SampleShape ShapeForCore(SampleShape shape, const FeatureMap& features) {
  nn::RowLayout& layout = shape.layout;
  layout.n = features.r();
  if (!features.Diagonal()) shape.num_hvps = 0;
  if (features.Diagonal() || shape.num_derivatives == 0) return shape;
  // As in ComposedSamples.
  const Index jacobian = layout.jacobian ? features.n() : 0;
  layout.num_tangents += jacobian + layout.num_adjoints * features.n();
  layout.num_adjoints = 0;
  layout.jacobian = false;
  return shape;
}

// Bytes of the mapped copy of the samples and of their numbers.
double CopyBytes(const SampleShape& of_core) {
  const auto of_sample = static_cast<double>(of_core.layout.Size());
  const auto of_curvature = static_cast<double>(2 * of_core.layout.n + of_core.layout.m);
  return sizeof(double) * (static_cast<double>(of_core.num_samples) * (of_sample + 1) +
                           static_cast<double>(of_core.num_hvps) * of_curvature);
}

// The shape of the network that the core is; the composition sees to the rest.
Options OptionsForCore(Options options, const FeatureMap& features) {
  options.shape = ShapeOfCore(options.shape, features);
  return options;
}

std::vector<std::uint32_t> AllNumbers(Index count) {
  std::vector<std::uint32_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

// Some of the points; drawn, because points may lie on a grid.
Matrix AnchorsOf(const SampleSet& samples, std::uint64_t seed, const std::stop_token& stop) {
  const auto total = static_cast<std::uint64_t>(samples.NumSamples());
  Rng rng(seed, kAnchorStream);
  std::vector<Index> drawn(static_cast<std::size_t>(std::min(samples.NumSamples(), kAnchors)));
  for (Index& number : drawn) number = static_cast<Index>(rng.Below(total));
  std::ranges::sort(drawn);
  Matrix X(samples.n, static_cast<Index>(drawn.size()));
  std::size_t next = 0;
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    for (; next < drawn.size() && drawn[next] == number; ++next) {
      std::copy_n(sample.x, samples.n, X.col(static_cast<Index>(next)).begin());
    }
  });
  return X;
}

}  // namespace

Options ResolveComposed(const Options& options, const CompositionOptions& composition,
                        const SampleShape& shape, std::size_t memory_limit) {
  const Index n = shape.layout.n;
  CheckComposition(composition, n);
  nn::CheckConstraints({.n = n, .m = shape.layout.m}, options.shape);
  CheckMappedShape(options.shape, composition);
  if (!composition.MapsSamples()) return ResolveOptions(options, shape, memory_limit);
  const FeatureMap features = NominalFeatures(composition, n);
  const SampleShape of_core = ShapeForCore(shape, features);
  const double bytes = CopyBytes(of_core);
  if (bytes >= static_cast<double>(memory_limit)) {
    std::ostringstream text;
    text << "expected samples whose mapped copy takes less than " << memory_limit << " bytes, got "
         << shape.num_samples << " that take about " << bytes
         << "; use fewer samples, unset spec.input_maps, spec.output_maps and "
            "spec.feature_degree, or raise the server's limit";
    throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "dataset", text.str());
  }
  return ResolveOptions(OptionsForCore(options, features), of_core,
                        memory_limit - static_cast<std::size_t>(bytes));
}

ComposedTrainer::ComposedTrainer(const SampleSet& samples, const Options& options,
                                 const CompositionOptions& composition, std::size_t memory_limit,
                                 const std::stop_token& stop)
    : samples_(samples),
      maps_samples_(composition.MapsSamples()),
      options_(ResolveComposed(options, composition, ShapeOf(samples), memory_limit)),
      split_(SplitSamples(samples.NumSamples(), options.validation_fraction, options.seed)) {
  if (!composition.IsIdentity()) {
    user_ = Standardise(samples, split_, DerivativeScale::kPerOutput, stop);
    composition_ = MakeComposition(composition, samples, user_->scaling, stop);
    if (composition.extrapolation == Extrapolation::kLinear) {
      anchors_ = AnchorsOf(samples, options.seed, stop);
    }
  }
  if (maps_samples_) {
    mapped_ = std::make_unique<ComposedSamples>(samples, AllNumbers(samples.NumSamples()),
                                                *composition_, composition, stop);
  }
  StartTrainer(options, stop);
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    const bool trains = !split_.held_out[static_cast<std::size_t>(number)];
    num_training_jacobians_ += trains && sample.jacobian != nullptr ? 1 : 0;
  });
}

void ComposedTrainer::StartTrainer(const Options& options, const std::stop_token& stop) {
  Options resolved = options_;
  if (mapped_ != nullptr) {
    // Labels that have no mapped form are gone, and with them perhaps the gradient loss.
    resolved.alpha = options.alpha;
    resolved.beta = options.beta;
    resolved =
        ResolveOptions(resolved, ShapeOf(mapped_->view()), std::numeric_limits<std::size_t>::max());
  }
  const SampleSet& seen = mapped_ == nullptr ? samples_ : mapped_->view();
  RequireLabels(resolved, ShapeOf(seen));
  trainer_.emplace(seen, resolved, split_, stop);
  if (!resolved.streamed) mapped_.reset();
}

Errors ComposedTrainer::ValidationErrors() const {
  // Held-out samples lie inside the box, where extrapolation changes nothing.
  const nn::Scaling& scaling = maps_samples_ ? user_->scaling : trainer_->scaling();
  const auto errors_on = [&](const SampleSet& samples) {
    return ErrorsOn(*MakeSurrogate(), StandardPoints(samples, split_.validation, scaling), scaling,
                    nullptr);
  };
  if (maps_samples_) return errors_on(samples_);
  Errors errors = trainer_->ValidationErrors();
  if (options_.gamma > 0) {
    errors.curvature_relative = errors_on(CurvaturesAlone(samples_)).curvature_relative;
  }
  return errors;
}

std::shared_ptr<const Surrogate> ComposedTrainer::MakeSurrogate() const {
  auto core = std::make_shared<nn::NetworkSurrogate>(trainer_->MakeSurrogate());
  if (!composition_) return core;
  return Around(*composition_, std::move(core), anchors_);
}

}  // namespace sobolev::train
