// The residuals of a network with shape constraints and their Gauss-Newton matrix, as functions of
// the free parameters of constraints.h: the sweep of the weights, with the chain rule applied.

#ifndef SOBOLEV_ENGINE_NN_CONSTRAINED_SWEEP_H_
#define SOBOLEV_ENGINE_NN_CONSTRAINED_SWEEP_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::nn {

// Methods are those of GramSweep, with θ in the place of the weights; without constraints they are
// nothing else. Not thread-safe.
class ConstrainedSweep {
 public:
  using MatrixRef = GramSweep::MatrixRef;
  using VectorRef = GramSweep::VectorRef;
  using ConstVectorRef = GramSweep::ConstVectorRef;

  // Throws as GramSweep and CheckConstraints.
  ConstrainedSweep(const Architecture& architecture, const ShapeConstraints& constraints,
                   const LabelledPoints& points, const LossWeights& weights,
                   const GramSweep::Options& options);

  Index NumParameters() const { return sweep_.NumParameters(); }
  Index NumResiduals() const { return sweep_.NumResiduals(); }
  Index ResidualSize() const { return sweep_.ResidualSize(); }

  double Loss(const ConstVectorRef& theta, const std::stop_token& stop = {});
  double Residuals(const ConstVectorRef& theta, VectorRef r, const std::stop_token& stop = {});
  double Assemble(const ConstVectorRef& theta, MatrixRef H, VectorRef gradient, VectorRef r,
                  const std::stop_token& stop = {});
  double Gradient(const ConstVectorRef& theta, VectorRef gradient,
                  const std::stop_token& stop = {});
  double Rows(const ConstVectorRef& theta, MatrixRef R, VectorRef gradient, VectorRef r,
              const std::stop_token& stop = {});
  void Apply(const ConstVectorRef& theta, const ConstVectorRef& v, VectorRef product,
             const std::stop_token& stop = {});
  void ApplyTransposed(const ConstVectorRef& theta, const ConstVectorRef& u, VectorRef product,
                       const std::stop_token& stop = {});

 private:
  // θ → w, or θ itself without constraints.
  ConstVectorRef WeightsAt(const ConstVectorRef& theta);
  // dw/dθ at the same θ, after which vectors of ∂/∂w become those of ∂/∂θ.
  void FindSlopes(const ConstVectorRef& theta);

  WeightMap map_;
  GramSweep sweep_;
  Vector weights_;
  Vector slopes_;
  Vector direction_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_CONSTRAINED_SWEEP_H_
