// Limited-memory BFGS for networks on values and derivatives.
//
// Minimises F(θ) = |r(θ)|² + ridge·|θ|² by steps along −H ∇F (dense/limited_memory.h) whose lengths
// fulfil the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5, 3.6 and 7.5). A step
// takes little more than one gradient, and memory for some vectors of parameters: for networks too
// large for the Gauss-Newton matrix of levenberg_marquardt.h.

#ifndef SOBOLEV_ENGINE_TRAIN_LBFGS_H_
#define SOBOLEV_ENGINE_TRAIN_LBFGS_H_

#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/dense/limited_memory.h"
#include "engine/nn/constrained_sweep.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/minimiser.h"

namespace sobolev::train {

struct LbfgsOptions {
  double ridge = 1e-10;
  // Converged when so many steps in a row decrease F by less than this fraction of it.
  double tolerance = 1e-9;
  Index num_small_steps = 5;
  Index memory = 20;           // Pairs.
  Index max_evaluations = 25;  // Of F and its gradient in the search for the length of a step.
  nn::ShapeConstraints shape;  // θ are the free parameters of nn/constraints.h.
  Isa isa = BestIsa();
};

class Lbfgs : public Minimiser {
 public:
  // Copies the labels. Throws Error(kInvalidArgument) as nn::GramSweep does, or if `theta` has
  // another size than the architecture's parameters.
  Lbfgs(const nn::Architecture& architecture, const LabelledPoints& points,
        const LossWeights& weights, Vector theta, const LbfgsOptions& options);

  Status Step(const std::stop_token& stop) override;
  Status status() const override { return status_; }
  const Vector& theta() const override { return here_.theta; }
  double loss() const override { return here_.loss; }
  Index num_steps() const override { return num_steps_; }
  void Save(ByteWriter& writer) const override;
  void Load(ByteReader& reader) override;

 private:
  struct Place {
    Vector theta;
    Vector gradient;   // ∇F
    double loss = 0;   // |r|²
    double value = 0;  // F
  };
  // A place on the line, and what F does there along it.
  struct OnLine {
    double length = 0;
    double value = 0;
    double slope = 0;
  };

  void Evaluate(Place& place, const std::stop_token& stop);
  OnLine Try(double length, const Vector& direction, const std::stop_token& stop);
  // Whether there_ is a place of lower F, by the strong Wolfe conditions if they can be met.
  bool Search(const Vector& direction, double first, const std::stop_token& stop);
  bool Zoom(const OnLine& start, OnLine low, OnLine high, Index tries, const Vector& direction,
            const std::stop_token& stop);
  void Accept();

  LbfgsOptions options_;
  nn::ConstrainedSweep sweep_;
  dense::LimitedMemory memory_;

  Status status_ = Status::kRunning;
  Place here_;
  Place there_;
  Index num_steps_ = 0;
  Index num_small_ = 0;  // Last steps in a row that hardly decreased F.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LBFGS_H_
