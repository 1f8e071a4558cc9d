#include "engine/train/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

namespace {

// Of the Wolfe conditions: F(θ + a d) <= F(θ) + c₁ a ∇Fᵀd and |∇F(θ + a d)ᵀd| <= c₂ |∇Fᵀd|.
constexpr double kDecrease = 1e-4;
constexpr double kCurvature = 0.9;
constexpr int kMaxExpansions = 20;
constexpr int kMaxZooms = 20;
// How long the first step of all is, in units of θ.
constexpr double kFirstLength = 0.1;
// Pairs whose curvature is lost in rounding are not remembered.
constexpr double kLeastCurvature = 1e-12;
constexpr Index kCheckpoint = 10;

// The minimum of the cubic through two points and slopes (Nocedal and Wright 2006, eq. 3.59), kept
// away from the ends of the interval.
double CubicMinimum(double a, double fa, double da, double b, double fb, double db) {
  const double d1 = da + db - 3 * (fa - fb) / (a - b);
  const double square = d1 * d1 - da * db;
  double minimum = 0.5 * (a + b);
  if (square >= 0) {
    const double d2 = std::copysign(std::sqrt(square), b - a);
    const double found = b - (b - a) * (db + d2 - d1) / (db - da + 2 * d2);
    if (std::isfinite(found)) minimum = found;
  }
  const double margin = 0.1 * std::abs(b - a);
  return std::clamp(minimum, std::min(a, b) + margin, std::max(a, b) - margin);
}

}  // namespace

struct Lbfgs::Workspace {
  Workspace(const nn::Architecture& architecture, const LabelledPoints& points,
            const LossWeights& weights, const LbfgsOptions& options)
      : sweep(architecture, points, weights,
              {.use = nn::GramSweep::Use::kProducts, .isa = options.isa}),
        direction(Vector::Zero(sweep.NumParameters())),
        candidate(direction),
        gradient(direction),
        shares(Vector::Zero(options.memory)) {}

  nn::GramSweep sweep;
  Vector direction;
  Vector candidate;  // The point of the last trial,
  Vector gradient;   // and ∇F there.
  Vector shares;     // Of the two loops.
};

Lbfgs::Lbfgs(const nn::Architecture& architecture, const LabelledPoints& points,
             const LossWeights& weights, Vector theta, const LbfgsOptions& options)
    : options_(options),
      workspace_(std::make_unique<Workspace>(architecture, points, weights, options)),
      theta_(std::move(theta)),
      gradient_(Vector::Zero(theta_.size())),
      steps_(Matrix::Zero(theta_.size(), options.memory)),
      changes_(steps_) {
  RequireSize("theta", theta_.size(), architecture.NumParameters());
  value_ = Evaluate(theta_, gradient_, {});
  checkpoint_value_ = value_;
  if (!std::isfinite(value_)) status_ = Status::kDiverged;
}

Lbfgs::~Lbfgs() = default;

double Lbfgs::loss() const { return value_ - options_.ridge * theta_.squaredNorm(); }

double Lbfgs::Evaluate(const Vector& theta, Vector& gradient, const std::stop_token& stop) {
  const double loss = workspace_->sweep.Gradient(theta, gradient, stop);
  gradient = 2 * (gradient + options_.ridge * theta);
  ++num_evaluations_;
  return loss + options_.ridge * theta.squaredNorm();
}

Lbfgs::Trial Lbfgs::At(double step, const std::stop_token& stop) {
  Workspace& work = *workspace_;
  work.candidate = theta_ + step * work.direction;
  double value = Evaluate(work.candidate, work.gradient, stop);
  const double slope = work.gradient.dot(work.direction);
  if (!std::isfinite(value) || !std::isfinite(slope)) {
    value = std::numeric_limits<double>::infinity();
  }
  return {.step = step, .value = value, .slope = slope};
}

Lbfgs::Status Lbfgs::Step(const std::stop_token& stop) {
  if (status_ != Status::kRunning) return status_;
  Workspace& work = *workspace_;
  const Index num_evaluations = num_evaluations_;
  const Index num_pairs = num_pairs_;
  try {
    Direct();
    double slope = gradient_.dot(work.direction);
    if (!(slope < 0)) {  // Rounding spoilt the pairs, or the gradient is 0.
      num_pairs_ = 0;
      Direct();
      slope = gradient_.dot(work.direction);
    }
    if (slope == 0) {
      status_ = Status::kConverged;
      return status_;
    }
    const Trial start{.step = 0, .value = value_, .slope = slope};
    const double first = num_pairs_ > 0 ? 1 : std::min(1.0, kFirstLength / work.direction.norm());
    const Trial found = Search(start, first, stop);
    if (found.step > 0) {
      Accept(found);
    } else if (num_pairs_ > 0) {
      num_pairs_ = 0;  // Once more along the gradient, with the next step.
    } else {
      status_ = Status::kStalled;
    }
  } catch (const Error&) {
    num_evaluations_ = num_evaluations;
    num_pairs_ = num_pairs;
    throw;
  }
  return status_;
}

// The two loops, over the ring from its newest pair to the oldest and back.
void Lbfgs::Direct() {
  Vector& d = workspace_->direction;
  Vector& shares = workspace_->shares;
  const Index memory = options_.memory;
  const auto pair = [&](Index age) { return (next_pair_ - 1 - age + 2 * memory) % memory; };
  d = -gradient_;
  for (Index age = 0; age < num_pairs_; ++age) {
    const Index k = pair(age);
    shares(age) = steps_.col(k).dot(d) / steps_.col(k).dot(changes_.col(k));
    d -= shares(age) * changes_.col(k);
  }
  if (num_pairs_ > 0) {
    const Index k = pair(0);
    d *= steps_.col(k).dot(changes_.col(k)) / changes_.col(k).squaredNorm();
  }
  for (Index age = num_pairs_; age-- > 0;) {
    const Index k = pair(age);
    const double share = changes_.col(k).dot(d) / steps_.col(k).dot(changes_.col(k));
    d += (shares(age) - share) * steps_.col(k);
  }
}

Lbfgs::Trial Lbfgs::Search(const Trial& start, double first, const std::stop_token& stop) {
  Trial before = start;
  double step = first;
  for (int i = 0; i < kMaxExpansions; ++i) {
    const Trial now = At(step, stop);
    if (now.value > start.value + kDecrease * now.step * start.slope ||
        (i > 0 && now.value >= before.value)) {
      return Zoom(start, before, now, stop);
    }
    if (std::abs(now.slope) <= -kCurvature * start.slope) return now;
    if (now.slope >= 0) return Zoom(start, now, before, stop);
    before = now;
    step *= 2;
  }
  return At(before.step, stop);
}

// `low` has the lowest value so far, and the interval between it and `high` holds good steps.
Lbfgs::Trial Lbfgs::Zoom(const Trial& start, Trial low, Trial high, const std::stop_token& stop) {
  for (int i = 0; i < kMaxZooms; ++i) {
    const double step = std::isfinite(high.value) ? CubicMinimum(low.step, low.value, low.slope,
                                                                 high.step, high.value, high.slope)
                                                  : low.step + 0.1 * (high.step - low.step);
    const Trial now = At(step, stop);
    if (now.value > start.value + kDecrease * now.step * start.slope || now.value >= low.value) {
      high = now;
      continue;
    }
    if (std::abs(now.slope) <= -kCurvature * start.slope) return now;
    if (now.slope * (high.step - low.step) >= 0) high = low;
    low = now;
  }
  // The curvature is out of reach; what decreases F will do.
  return low.step > 0 ? At(low.step, stop) : low;
}

void Lbfgs::Accept(const Trial& trial) {
  Workspace& work = *workspace_;
  auto step = steps_.col(next_pair_);
  auto change = changes_.col(next_pair_);
  step = work.candidate - theta_;
  change = work.gradient - gradient_;
  if (step.dot(change) > kLeastCurvature * step.norm() * change.norm()) {
    next_pair_ = (next_pair_ + 1) % options_.memory;
    num_pairs_ = std::min(num_pairs_ + 1, options_.memory);
  }
  theta_.swap(work.candidate);
  gradient_.swap(work.gradient);
  value_ = trial.value;
  if (++num_steps_ % kCheckpoint == 0) {
    if (checkpoint_value_ - value_ < options_.tolerance * checkpoint_value_) {
      status_ = Status::kConverged;
    }
    checkpoint_value_ = value_;
  }
}

void Lbfgs::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(status_));
  for (const Index number :
       {theta_.size(), options_.memory, num_pairs_, next_pair_, num_steps_, num_evaluations_}) {
    writer.Write(static_cast<std::int64_t>(number));
  }
  writer.WriteVector(theta_);
  writer.WriteVector(gradient_);
  writer.Write(value_);
  writer.Write(checkpoint_value_);
  writer.WriteVector(steps_.reshaped());
  writer.WriteVector(changes_.reshaped());
}

void Lbfgs::Load(ByteReader& reader) {
  const Index p = theta_.size();
  const Index memory = options_.memory;
  const auto status = static_cast<Status>(reader.ReadInt(0, static_cast<Index>(Status::kDiverged)));
  reader.ReadInt(p, p);
  reader.ReadInt(memory, memory);
  const Index num_pairs = reader.ReadInt(0, memory);
  const Index next_pair = reader.ReadInt(0, memory - 1);
  const Index num_steps = reader.ReadInt(0, std::numeric_limits<Index>::max());
  const Index num_evaluations = reader.ReadInt(0, std::numeric_limits<Index>::max());
  Vector theta = reader.ReadVector(p);
  Vector gradient = reader.ReadVector(p);
  const auto value = reader.Read<double>();
  const auto checkpoint_value = reader.Read<double>();
  const Vector steps = reader.ReadVector(p * memory);
  const Vector changes = reader.ReadVector(p * memory);
  status_ = status;
  theta_ = std::move(theta);
  gradient_ = std::move(gradient);
  value_ = value;
  checkpoint_value_ = checkpoint_value;
  steps_ = steps.reshaped(p, memory);
  changes_ = changes.reshaped(p, memory);
  num_pairs_ = num_pairs;
  next_pair_ = next_pair;
  num_steps_ = num_steps;
  num_evaluations_ = num_evaluations;
}

}  // namespace sobolev::train
