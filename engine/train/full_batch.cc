#include "engine/train/full_batch.h"

#include <optional>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/levenberg_marquardt.h"
#include "engine/train/robust_errors.h"

namespace sobolev::train {

namespace {

// Steps of a round.
constexpr Index kRound = 5;

}  // namespace

FullBatch::FullBatch(const nn::Architecture& architecture, const LabelledPoints& points,
                     const LossWeights& weights, std::optional<double> huber)
    : architecture_(architecture), points_(points), weights_(weights), huber_(huber) {}

// Outliers would take over the first steps too.
void FullBatch::Start(const Vector& theta, const std::stop_token& stop) {
  StartRound(theta, huber_ ? theta : Vector(), stop);
}

void FullBatch::StartRound(const Vector& theta, Vector of_errors, const std::stop_token& stop) {
  LevenbergMarquardtOptions options;
  if (optimiser_) options.initial_damping = optimiser_->damping();
  if (of_errors.size() == 0) {
    optimiser_.emplace(architecture_, points_, weights_, theta, options);
  } else {
    const Index n = architecture_.n;
    const Index m = architecture_.m;
    const nn::Scaling none{Vector::Zero(n), Vector::Ones(n), Vector::Zero(m), Vector::Ones(m)};
    const nn::NetworkSurrogate surrogate(architecture_, none, of_errors);
    const LabelErrors errors = LabelErrorsOn(surrogate, points_, none, stop);
    optimiser_.emplace(architecture_, WithoutOutliers(points_, errors, *huber_), weights_, theta,
                       options);
  }
  of_errors_ = std::move(of_errors);
}

bool FullBatch::Step(const std::stop_token& stop) {
  using Status = LevenbergMarquardt::Status;
  const bool round_is_over =
      optimiser_->num_steps() == kRound || optimiser_->status() != Status::kRunning;
  if (huber_ && round_is_over) {
    const Vector theta = optimiser_->theta();
    StartRound(theta, theta, stop);
  }
  if (optimiser_->Step(stop) == Status::kRunning) return true;
  // A round that ends where it began was the last.
  return huber_ && optimiser_->num_steps() > 1;
}

void FullBatch::Save(ByteWriter& writer) const {
  writer.Write(started());
  if (!started()) return;
  writer.Write(of_errors_.size());
  writer.WriteVector(of_errors_);
  optimiser_->Save(writer);
}

void FullBatch::Load(ByteReader& reader) {
  optimiser_.reset();
  if (!reader.Read<bool>()) return;
  const Index p = architecture_.NumParameters();
  StartRound(Vector::Zero(p), reader.ReadVector(reader.ReadInt(0, p)), {});
  optimiser_->Load(reader);
}

}  // namespace sobolev::train
