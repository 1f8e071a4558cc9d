// Levenberg-Marquardt for networks on values and derivatives.
//
// With the stacked residuals r(θ) and R = ∂r/∂θ of nn/gram_sweep.h, minimises
//   F(θ) = |r(θ)|² + ridge·|θ|²
// by steps (RᵀR + (ridge + μ) I) δ = −(Rᵀr + ridge·θ). The damping μ follows Nielsen (1999): a step
// that decreases F as predicted lowers it, one that does not raises it faster and faster. Scaling
// is the identity (Levenberg), which does better here than Marquardt's diagonal. Half of the
// second-order correction a along the geodesic (Transtrum and Sethna 2012),
//   (RᵀR + (ridge + μ) I) a = −Rᵀ ∂²r/∂δ²,
// is added when |a| < 0.75 |δ|: a curved valley is then followed by longer steps. Between two
// linearisations come the cheap steps of chord_steps.h.

#ifndef SOBOLEV_ENGINE_TRAIN_LEVENBERG_MARQUARDT_H_
#define SOBOLEV_ENGINE_TRAIN_LEVENBERG_MARQUARDT_H_

#include <memory>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/minimiser.h"

namespace sobolev::train {

// The largest network that users may have trained so: of more parameters a step takes minutes, and
// its memory gigabytes.
inline constexpr Index kMaxNewtonParameters = 100'000;

struct LevenbergMarquardtOptions {
  double ridge = 1e-10;
  double initial_damping = 1e-2;
  // Converged when two accepted steps in a row decrease F by less than this fraction of it.
  double tolerance = 1e-9;
  bool geodesic = true;
  Index max_chord_steps = 20;  // After each step, see chord_steps.h.
  // More parameters and residuals than this, and the steps come from conjugate gradients.
  Index max_dense_parameters = 3000;
  Index max_conjugate_gradients = 200;  // Iterations per step.
  nn::ShapeConstraints shape;           // θ are the free parameters of nn/constraints.h.
  Isa isa = BestIsa();
};

class LevenbergMarquardt : public Minimiser {
 public:
  // Copies the labels. Throws Error(kInvalidArgument) as nn::GramSweep does, or if `theta` has
  // another size than the architecture's parameters.
  LevenbergMarquardt(const nn::Architecture& architecture, const LabelledPoints& points,
                     const LossWeights& weights, Vector theta,
                     const LevenbergMarquardtOptions& options);
  ~LevenbergMarquardt() override;

  // Whatever number of dampings it takes to find a step.
  Status Step(const std::stop_token& stop = {}) override;

  Status status() const override { return status_; }
  const Vector& theta() const override { return theta_; }
  double loss() const override { return loss_; }
  double damping() const { return damping_; }
  Index num_steps() const override { return num_steps_; }

  void Save(ByteWriter& writer) const override;
  void Load(ByteReader& reader) override;

 private:
  struct Workspace;

  double Penalty(const Vector& theta) const { return options_.ridge * theta.squaredNorm(); }
  // The candidate θ + step, and its loss if that decreases F.
  bool Improves(const Vector& step, const std::stop_token& stop);
  void Accelerate(const std::stop_token& stop);
  // The candidate becomes θ. `gain` is the decrease that the step brought, in parts of the
  // predicted.
  void Accept(double damping, double gain);

  LevenbergMarquardtOptions options_;
  std::unique_ptr<Workspace> workspace_;

  Status status_ = Status::kRunning;
  Vector theta_;
  double loss_ = 0;
  double damping_;
  double growth_ = 2;  // What the next rejected step multiplies the damping with.
  Index num_steps_ = 0;
  Index num_small_ = 0;  // Last steps in a row that hardly decreased F.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LEVENBERG_MARQUARDT_H_
