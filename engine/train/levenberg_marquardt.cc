#include "engine/train/levenberg_marquardt.h"

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
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/chord_steps.h"
#include "engine/train/damped_system.h"

namespace sobolev::train {

namespace {

// Dampings that are tried before the minimiser gives up. The damping doubles, then grows by 4, 8 …:
// the last of these is 2⁶⁶ times the first.
constexpr int kMaxDampings = 12;
constexpr double kLeastDamping = 1e-15;
// The step, as a fraction of δ, of the central difference ∂²r/∂δ².
constexpr double kGeodesicStep = 0.1;
// The largest correction |a| / |δ|: beyond, the expansion is not to be trusted.
constexpr double kMaxAcceleration = 0.75;
constexpr Index kSmallSteps = 2;

}  // namespace

struct LevenbergMarquardt::Workspace {
  Workspace(std::unique_ptr<DampedSystem> damped_system, Index max_chord_steps)
      : system(std::move(damped_system)),
        chords(system->sweep().NumParameters(), system->sweep().ResidualSize(),
               system->SolvesCheaply() ? max_chord_steps : 0) {
    const Index p = system->sweep().NumParameters();
    const Index num_rows = system->sweep().ResidualSize();
    for (Vector* vector : {&gradient, &shift, &zero, &delta, &acceleration, &candidate}) {
      *vector = Vector::Zero(p);
    }
    for (Vector* vector : {&r, &ahead, &behind}) *vector = Vector::Zero(num_rows);
  }

  std::unique_ptr<DampedSystem> system;
  ChordSteps chords;
  Vector gradient;  // Rᵀr, then with the shift
  Vector shift;     // ridge·θ
  Vector zero;
  Vector delta;
  Vector acceleration;  // a, then δ + a/2
  Vector candidate;
  double candidate_loss = 0;
  Vector r;
  Vector ahead;  // r(θ + hδ), then ∂²r/∂δ²
  Vector behind;
};

LevenbergMarquardt::LevenbergMarquardt(const nn::Architecture& architecture,
                                       const LabelledPoints& points, const LossWeights& weights,
                                       Vector theta, const LevenbergMarquardtOptions& options)
    : options_(options),
      workspace_(std::make_unique<Workspace>(
          MakeDampedSystem(architecture, points, weights,
                           {.max_dense = options.max_dense_parameters,
                            .max_conjugate_gradients = options.max_conjugate_gradients,
                            .shape = options.shape,
                            .isa = options.isa}),
          options.max_chord_steps)),
      theta_(std::move(theta)),
      damping_(options.initial_damping) {
  RequireSize("theta", theta_.size(), architecture.NumParameters());
  loss_ = workspace_->system->sweep().Loss(theta_);
  if (!std::isfinite(loss_ + Penalty(theta_))) status_ = Status::kDiverged;
}

LevenbergMarquardt::~LevenbergMarquardt() = default;

LevenbergMarquardt::Status LevenbergMarquardt::Step(const std::stop_token& stop) {
  if (status_ != Status::kRunning) return status_;
  Workspace& work = *workspace_;
  work.system->Linearize(theta_, work.gradient, work.r, stop);
  work.shift = options_.ridge * theta_;
  const Vector& gradient = work.gradient;
  double damping = damping_;
  double growth = growth_;
  double promised = std::numeric_limits<double>::infinity();
  for (int tries = 0; tries < kMaxDampings; ++tries) {
    if (work.system->Damp(damping + options_.ridge, stop)) {
      work.system->Solve(work.r, &gradient, work.shift, work.delta, stop);
      const Vector& delta = work.delta;
      const double predicted = -delta.dot(gradient + work.shift) + damping * delta.squaredNorm();
      if (predicted == 0) {
        status_ = Status::kConverged;
        return status_;
      }
      if (std::isfinite(predicted) && delta.allFinite()) {
        promised = std::min(promised, predicted);
        if (options_.geodesic) Accelerate(stop);
        if ((options_.geodesic && Improves(work.acceleration, stop)) || Improves(delta, stop)) {
          const double gain =
              (loss_ + Penalty(theta_) - work.candidate_loss - Penalty(work.candidate)) / predicted;
          work.gradient += work.shift;
          work.chords.Improve(*work.system, options_.ridge, theta_, work.gradient, work.candidate,
                              work.candidate_loss, stop);
          Accept(damping, gain);
          return status_;
        }
      }
    }
    damping = std::max(damping, kLeastDamping) * growth;
    growth *= 2;
  }
  // At a minimum, rounding hides what a step could still gain.
  const bool at_minimum = promised <= options_.tolerance * (loss_ + Penalty(theta_));
  status_ = at_minimum ? Status::kConverged : Status::kStalled;
  return status_;
}

bool LevenbergMarquardt::Improves(const Vector& step, const std::stop_token& stop) {
  Workspace& work = *workspace_;
  work.candidate = theta_ + step;
  work.candidate_loss = work.system->sweep().Loss(work.candidate, stop);
  // False for NaN as well.
  return work.candidate_loss + Penalty(work.candidate) < loss_ + Penalty(theta_);
}

// acceleration = δ + a/2, or δ if a is too long.
void LevenbergMarquardt::Accelerate(const std::stop_token& stop) {
  Workspace& work = *workspace_;
  const double h = kGeodesicStep;
  work.candidate = theta_ + h * work.delta;
  work.system->sweep().Residuals(work.candidate, work.ahead, stop);
  work.candidate = theta_ - h * work.delta;
  work.system->sweep().Residuals(work.candidate, work.behind, stop);
  work.ahead = (work.ahead - 2 * work.r + work.behind) / (h * h);
  work.system->Solve(work.ahead, nullptr, work.zero, work.acceleration, stop);
  if (work.acceleration.norm() < kMaxAcceleration * work.delta.norm()) {
    work.acceleration = work.delta + 0.5 * work.acceleration;
  } else {
    work.acceleration = work.delta;
  }
}

void LevenbergMarquardt::Accept(double damping, double gain) {
  Workspace& work = *workspace_;
  const double before = loss_ + Penalty(theta_);
  const double decrease = before - (work.candidate_loss + Penalty(work.candidate));
  theta_.swap(work.candidate);
  loss_ = work.candidate_loss;
  damping_ = std::max(kLeastDamping, damping * std::max(0.2, 1 - std::pow(2 * gain - 1, 3)));
  growth_ = 2;
  ++num_steps_;
  num_small_ = decrease < options_.tolerance * before ? num_small_ + 1 : 0;
  if (num_small_ >= kSmallSteps) status_ = Status::kConverged;
}

void LevenbergMarquardt::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(status_));
  writer.Write(static_cast<std::int64_t>(theta_.size()));
  writer.WriteVector(theta_);
  writer.Write(loss_);
  writer.Write(damping_);
  writer.Write(growth_);
  writer.Write(static_cast<std::int64_t>(num_steps_));
  writer.Write(static_cast<std::int64_t>(num_small_));
}

void LevenbergMarquardt::Load(ByteReader& reader) {
  const Index p = theta_.size();
  const auto status = static_cast<Status>(reader.ReadInt(0, static_cast<Index>(Status::kDiverged)));
  reader.ReadInt(p, p);
  Vector theta = reader.ReadVector(p);
  const auto loss = reader.Read<double>();
  const auto damping = reader.Read<double>();
  const auto growth = reader.Read<double>();
  const Index num_steps = reader.ReadInt(0, std::numeric_limits<Index>::max());
  const Index num_small = reader.ReadInt(0, std::numeric_limits<Index>::max());
  status_ = status;
  theta_ = std::move(theta);
  loss_ = loss;
  damping_ = damping;
  growth_ = growth;
  num_steps_ = num_steps;
  num_small_ = num_small;
}

}  // namespace sobolev::train
