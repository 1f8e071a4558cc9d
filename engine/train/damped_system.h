// The linear systems of Levenberg-Marquardt, solved in the cheapest of three ways.

#ifndef SOBOLEV_ENGINE_TRAIN_DAMPED_SYSTEM_H_
#define SOBOLEV_ENGINE_TRAIN_DAMPED_SYSTEM_H_

#include <memory>
#include <stop_token>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/constrained_sweep.h"
#include "engine/nn/constraints.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

struct DampedSystemOptions {
  Index max_dense = 3000;               // The largest matrix that is factored.
  Index max_conjugate_gradients = 200;  // Iterations for a right-hand side.
  nn::ShapeConstraints shape;           // θ are the free parameters of such a network.
  Isa isa = BestIsa();
};

// (RᵀR + λI) z = −b at one θ, for some λ after one another. Methods throw Error(kCancelled) soon
// after `stop` fires; Linearize() then has to be called again. None but the constructor allocates.
class DampedSystem {
 public:
  virtual ~DampedSystem() = default;

  nn::ConstrainedSweep& sweep() { return sweep_; }

  // Whether Solve costs no more than a few gradients.
  virtual bool SolvesCheaply() const { return true; }

  // Takes R at θ. gradient = Rᵀr; returns |r|².
  virtual double Linearize(const Vector& theta, Vector& gradient, Vector& r,
                           const std::stop_token& stop) = 0;
  // Takes λ > 0. Returns false if the system cannot be solved for it.
  virtual bool Damp(double lambda, const std::stop_token& stop) = 0;
  // z for b = Rᵀu + shift. `product` is Rᵀu if known, else null.
  virtual void Solve(const Vector& u, const Vector* product, const Vector& shift, Vector& z,
                     const std::stop_token& stop) = 0;

 protected:
  DampedSystem(const nn::Architecture& architecture, const LabelledPoints& points,
               const LossWeights& weights, nn::GramSweep::Use use,
               const DampedSystemOptions& options)
      : sweep_(architecture, options.shape, points, weights, {.use = use, .isa = options.isa}) {}

  nn::ConstrainedSweep sweep_;
};

// How a system is solved:
enum class DampedMethod {
  kNormal,     // RᵀR is assembled and factored: for more residuals than parameters.
  kResiduals,  // R Rᵀ is: for fewer.
  kIterative,  // Conjugate gradients without either matrix: for many of both.
};

DampedMethod ChooseDampedMethod(Index num_parameters, Index residual_size,
                                const DampedSystemOptions& options);

std::unique_ptr<DampedSystem> MakeDampedSystem(const nn::Architecture& architecture,
                                               const LabelledPoints& points,
                                               const LossWeights& weights,
                                               const DampedSystemOptions& options);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_DAMPED_SYSTEM_H_
