// What closed-form surrogates share: the affine maps to the units of the user, the derivatives in
// every form from gradients and Hessians in standardised coordinates, and the batches.
//
// A kind of surrogate evaluates kLanes points at once, point numbers innermost: an array [a][b] in
// the comments below is [a][b][kLanes] in memory. A point has the same bits in any lane.

#ifndef SOBOLEV_ENGINE_SURROGATE_DENSE_SURROGATE_H_
#define SOBOLEV_ENGINE_SURROGATE_DENSE_SURROGATE_H_

#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

class DenseSurrogate : public Surrogate {
 public:
  const AffineMaps& maps() const { return maps_; }

  Index n() const override { return maps_.n(); }
  Index m() const override { return maps_.m(); }
  double Cost(const PredictionSize& size) const override;
  // Allocates only when a thread needs more memory than in any call before.
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;

 protected:
  static constexpr Index kLanes = 8;

  // Validates the maps.
  explicit DenseSurrogate(AffineMaps maps);

  // About the multiply-adds of one point, in standardised coordinates.
  struct PointCost {
    double value = 0;
    double gradient = 0;  // Value and gradients.
    double hessian = 0;
    double pair = 0;             // The product of a tangent and an adjoint.
    double spread = 0;           // Of one output value.
    double gradient_spread = 0;  // Of all of them.
  };
  virtual PointCost CostOfPoint() const = 0;

  // Doubles of workspace that the functions below need.
  virtual Index EvaluationWorkspace() const = 0;
  virtual Index SpreadWorkspace(bool /*gradients*/) const { return 0; }

  // ŷ [m] and, unless null, the gradients [m][r] at x̂ [r].
  virtual void Evaluate(const double* x_hat, double* y_hat, double* gradients,
                        double* workspace) const = 0;
  // The Hessian [r][r] of ŷ_i at x̂ [r].
  virtual void EvaluateHessian(Index output, const double* x_hat, double* hessian,
                               double* workspace) const = 0;
  // Up to kMostDirections tangents and adjoints of x̂ and ŷ.
  static constexpr Index kMostDirections = 4;
  struct DirectionPairs {
    Index num_tangents;   // p
    Index num_adjoints;   // q
    const double* X_dot;  // [p][r]
    const double* Y_bar;  // [q][m]
  };
  // Σ_o ȳ_o ∇²ŷ_o ẋ [q][p][r] at x̂ [r].
  virtual void EvaluateSecondAdjoints(const DirectionPairs& pairs, const double* x_hat,
                                      double* products, double* workspace) const = 0;
  // Standard deviations of ŷ (m) and of the derivatives of ŷ in the user's inputs (n×m) at a single
  // x̂ (r); either may be null. Only called if HasSpread().
  virtual void EvaluateSpread(const double* /*x_hat*/, double* /*y_spread*/, double* /*j_spread*/,
                              double* /*workspace*/) const {}

 private:
  struct Request;
  void PredictBlock(const Request& request, Index first, Index count, double* workspace) const;
  void PredictHessians(const Request& request, Index first, Index count, const double* x_hat,
                       double* workspace) const;
  // Lanes that the directions and products of EvaluateSecondAdjoints take.
  Index PairSize() const;
  void PredictSecondAdjoints(const Request& request, Index first, Index count, const double* x_hat,
                             double* workspace) const;
  void PredictSpreads(const Request& request, Index first, Index count, const double* x_hat,
                      double* workspace) const;

  AffineMaps maps_;
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_DENSE_SURROGATE_H_
