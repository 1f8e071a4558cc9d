#include "engine/train/curvature_term.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/gram_sweep.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/loss_weights.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/standard_points.h"

namespace sobolev::train {

namespace {

// Neighbours among the samples may be alike: steps take labels from everywhere.
void ShuffleLabels(std::uint64_t seed, CurvatureLabels& labels) {
  std::vector<Index> order(labels.point.size());
  std::iota(order.begin(), order.end(), Index{0});
  Rng rng(seed, kCurvatureStream);
  Shuffle(std::span(order), rng);
  const CurvatureLabels sorted = labels;
  for (std::size_t k = 0; k < order.size(); ++k) {
    labels.point[k] = sorted.point[static_cast<std::size_t>(order[k])];
  }
  labels.Y_bar = sorted.Y_bar(Eigen::all, order);
  labels.V = sorted.V(Eigen::all, order);
  labels.H_v = sorted.H_v(Eigen::all, order);
}

bool HasLabels(const LabelledPoints& points) {
  return (points.curvatures.H_v.array() == points.curvatures.H_v.array()).any();
}

std::uint64_t HashOf(const LabelledPoints& points) {
  Hasher hasher;
  const CurvatureLabels& labels = points.curvatures;
  for (const Matrix* matrix : {&points.X, &labels.Y_bar, &labels.V, &labels.H_v}) {
    hasher.Add(matrix->data(), static_cast<std::size_t>(matrix->size()) * sizeof(double));
  }
  return hasher.Finish();
}

}  // namespace

CurvatureTerm::CurvatureTerm(const SampleSet& samples, const Split& split,
                             const Standardisation& standardisation, const Options& resolved,
                             const std::stop_token& stop) {
  const nn::Scaling& scaling = standardisation.scaling;
  const SampleSet alone = CurvaturesAlone(samples);
  LabelledPoints training = StandardPoints(alone, split.training, scaling, stop);
  const LabelledPoints validation = StandardPoints(alone, split.validation, scaling, stop);
  if (!HasLabels(training)) {
    throw FailedPrecondition("NO_CURVATURES", "spec.gamma",
                             "expected 0 or unset because no sample to train on has a "
                             "Hessian-vector label; append samples with hvp or train with gamma = "
                             "0");
  }
  ShuffleLabels(resolved.seed, training.curvatures);
  LossWeights weights{.alpha = 0,
                      .gamma = resolved.gamma,
                      .lambda = Matrix::Ones(samples.n, samples.m),
                      .kappa = WeightsFor(training, {}).kappa};
  const nn::Architecture architecture = ArchitectureOf(resolved, samples.n, samples.m);
  const nn::GramSweep::Options options{.use = nn::GramSweep::Use::kProducts};
  training_ = std::make_unique<nn::GramSweep>(architecture, training, weights, options);
  if (HasLabels(validation)) {
    validation_ = std::make_unique<nn::GramSweep>(architecture, validation, weights, options);
  }
  num_parts_ = std::min(training_->NumChunks(),
                        StepsPerEpoch(resolved, static_cast<Index>(split.training.size())));
  part_gradient_.resize(architecture.NumParameters());
  fingerprint_ = HashOf(training) ^ HashOf(validation);
}

double CurvatureTerm::AddGradient(const Vector& theta, Index step, Vector& gradient,
                                  const std::stop_token& stop) {
  const Index chunks = training_->NumChunks();
  const Index part = step % num_parts_;
  const Index first = part * chunks / num_parts_;
  const Index last = (part + 1) * chunks / num_parts_;
  // Parts differ by a chunk: each counts for as much as it has, times their number.
  const double loss = training_->GradientOfChunks(theta, first, last, part_gradient_, stop);
  const auto scale = static_cast<double>(num_parts_);
  gradient += 2 * scale * part_gradient_;
  return scale * loss;
}

double CurvatureTerm::ValidationLoss(const Vector& theta, const std::stop_token& stop) {
  return validation_ == nullptr ? 0 : validation_->Loss(theta, stop);
}

SampleSet CurvaturesAlone(SampleSet samples) {
  for (SampleBlock& block : samples.blocks) {
    block = {.rows = block.rows,
             .num_hvps = block.num_hvps,
             .x = block.x,
             .weight = block.weight,
             .hvp_adjoints = block.hvp_adjoints,
             .hvp_tangents = block.hvp_tangents,
             .hvp = block.hvp};
  }
  return samples;
}

double CurvatureBytes(Index num_labels, Index num_samples, Index n, Index m) {
  // Directions, seeds and products: as they are read, ordered, and in lanes with root weights.
  const double of_label = static_cast<double>(num_labels) * static_cast<double>(8 * n + 3 * m + 4);
  const double of_sample = static_cast<double>(num_samples) * static_cast<double>(n + m + 1);
  return sizeof(double) * (of_label + of_sample);
}

}  // namespace sobolev::train
