#include "engine/train/full_batch.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/lbfgs.h"
#include "engine/train/levenberg_marquardt.h"
#include "engine/train/local_variance.h"
#include "engine/train/minimiser.h"
#include "engine/train/robust_errors.h"

namespace sobolev::train {

namespace {

// Steps of a round of reweighting, and of a call: one of Levenberg-Marquardt takes as long as many
// of limited-memory BFGS.
constexpr Index kNewtonRound = 5;
constexpr Index kLbfgsRound = 50;
constexpr Index kLbfgsSteps = 10;
// Steps that find the errors for local variances: of noisy labels it takes few.
constexpr Index kFirstRound = 20;

}  // namespace

FullBatch::FullBatch(const nn::Architecture& architecture, const LabelledPoints& points,
                     const LossWeights& weights, const Options& options)
    : architecture_(architecture),
      points_(points),
      weights_(weights),
      options_(options),
      map_(architecture, options.shape) {}

// Outliers would take over the first steps too.
void FullBatch::Start(const Vector& theta, const std::stop_token& stop) {
  StartRound(theta, options_.huber && !options_.local_variance ? theta : Vector(), stop);
}

std::unique_ptr<Minimiser> FullBatch::MakeMinimiser(const LabelledPoints& points,
                                                    const Vector& theta) const {
  if (options_.method == Method::kLbfgs) {
    return std::make_unique<Lbfgs>(architecture_, points, weights_, theta,
                                   LbfgsOptions{.shape = options_.shape});
  }
  LevenbergMarquardtOptions options{.initial_damping = options_.initial_damping,
                                    .shape = options_.shape};
  if (minimiser_) {
    options.initial_damping = static_cast<const LevenbergMarquardt&>(*minimiser_).damping();
  }
  return std::make_unique<LevenbergMarquardt>(architecture_, points, weights_, theta, options);
}

void FullBatch::StartRound(const Vector& theta, Vector of_errors, const std::stop_token& stop) {
  if (of_errors.size() == 0) {
    minimiser_ = MakeMinimiser(points_, theta);
  } else {
    const Index n = architecture_.n;
    const Index m = architecture_.m;
    const nn::Scaling none{Vector::Zero(n), Vector::Ones(n), Vector::Zero(m), Vector::Ones(m)};
    const nn::NetworkSurrogate surrogate(architecture_, none, map_.Weights(of_errors));
    const LabelErrors errors = LabelErrorsOn(surrogate, points_, none, stop);
    minimiser_ =
        MakeMinimiser(options_.local_variance ? WeighByLocalVariance(points_, errors)
                                              : WithoutOutliers(points_, errors, *options_.huber),
                      theta);
  }
  of_errors_ = std::move(of_errors);
}

bool FullBatch::Step(const std::stop_token& stop) {
  using Status = Minimiser::Status;
  const bool lbfgs = options_.method == Method::kLbfgs;
  const bool ended = minimiser_->status() != Status::kRunning;
  const Index round = options_.local_variance ? kFirstRound : lbfgs ? kLbfgsRound : kNewtonRound;
  const bool reweigh = options_.local_variance ? Preliminary() : options_.huber.has_value();
  if (reweigh && (ended || minimiser_->num_steps() >= round)) {
    const Vector theta = minimiser_->theta();
    const Index num_steps = minimiser_->num_steps();
    StartRound(theta, theta, stop);
    num_steps_before_ += num_steps;
  }
  // A call that was stopped on its way leaves the rest to the next one.
  do {
    if (minimiser_->Step(stop) == Status::kRunning) continue;
    // A round that ends where it began was the last.
    return Preliminary() || (reweigh && minimiser_->num_steps() > 1);
  } while (lbfgs && minimiser_->num_steps() % kLbfgsSteps != 0);
  return true;
}

void FullBatch::Save(ByteWriter& writer) const {
  writer.Write(started());
  if (!started()) return;
  writer.Write(num_steps_before_);
  writer.Write(of_errors_.size());
  writer.WriteVector(of_errors_);
  minimiser_->Save(writer);
}

void FullBatch::Load(ByteReader& reader) {
  minimiser_.reset();
  if (!reader.Read<bool>()) return;
  const Index p = architecture_.NumParameters();
  num_steps_before_ = reader.Read<Index>();
  StartRound(Vector::Zero(p), reader.ReadVector(reader.ReadInt(0, p)), {});
  minimiser_->Load(reader);
}

}  // namespace sobolev::train
