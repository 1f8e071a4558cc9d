// Cheap steps between two linearisations of a Levenberg-Marquardt fit.
//
// Assembling and factoring RᵀR costs as much as a hundred gradients. So after each of its steps the
// gradient at the new θ is followed some way down by limited-memory BFGS (Nocedal and Wright 2006,
// algorithm 7.4), whose first matrix is the inverse of the damped system that is factored anyway.

#ifndef SOBOLEV_ENGINE_TRAIN_CHORD_STEPS_H_
#define SOBOLEV_ENGINE_TRAIN_CHORD_STEPS_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/train/damped_system.h"

namespace sobolev::train {

class ChordSteps {
 public:
  ChordSteps(Index num_parameters, Index residual_size, Index max_steps);

  // From `theta`, with the loss |r|² = `loss` there, to something that is not worse in
  // |r(θ)|² + ridge·|θ|²; `from` is where the system was linearised, and `gradient` the gradient
  // Rᵀr + ridge·θ there. Throws Error(kCancelled) soon after `stop` fires.
  void Improve(DampedSystem& system, double ridge, const Vector& from, const Vector& gradient,
               Vector& theta, double& loss, const std::stop_token& stop);

 private:
  // What a step s changed the gradient by: y.
  struct Pair {
    Vector s;
    Vector y;
    double product;  // s·y
    double weight;   // Of s in the current direction.
  };

  // direction_ = −(about the inverse Hessian)·gradient_.
  void Direct(DampedSystem& system, const std::stop_token& stop);

  std::vector<Pair> pairs_;
  Index num_pairs_ = 0;
  Vector no_residuals_;
  Vector zero_;
  Vector before_;    // The θ before the last step,
  Vector gradient_;  // the gradient now
  Vector earlier_;   // and at that θ.
  Vector direction_;
  Vector candidate_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_CHORD_STEPS_H_
