// Gaussian processes conditioned on values and derivatives: the mean and its derivatives, and how
// far from them the function may be.

#ifndef SOBOLEV_ENGINE_REGRESSION_GAUSSIAN_PROCESS_H_
#define SOBOLEV_ENGINE_REGRESSION_GAUSSIAN_PROCESS_H_

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/regression/covariance.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/dense_surrogate.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::regression {

class GaussianProcess : public DenseSurrogate {
 public:
  // Outputs that share lengths, kernel and points. In z = x̂/ℓ,
  //   ŷ_o(z) = mean_o + Σ_s b_so k(z, z_s) + g_so·∇_{z_s} k(z, z_s).
  struct Part {
    std::vector<Index> outputs;
    Hyperparameters hyperparameters;
    Matrix Z;     // r×N
    Vector mean;  // outputs
    Matrix B;     // outputs×N
    Matrix G;     // r×(outputs·N), column s·outputs+o; no columns if there are no gradients.
    Vector deviation;  // outputs: σ
    // Of the labels that the spread is judged by: all, or those of some points, which makes it
    // larger.
    Functionals functionals;
    Matrix factor;        // L, lower triangle
    Matrix trend;         // L⁻¹ F
    Matrix trend_factor;  // Cholesky factor of Fᵀ K⁻¹ F
  };

  // Every output is in one part. Throws Error(kInvalidArgument) if that or a size is wrong.
  GaussianProcess(AffineMaps maps, std::vector<Part> parts);
  ~GaussianProcess() override;
  GaussianProcess(const GaussianProcess&) = delete;
  GaussianProcess& operator=(const GaussianProcess&) = delete;

  // Throws Error(kDataLoss) unless it reads what Save wrote.
  static std::unique_ptr<GaussianProcess> Load(ByteReader& reader);

  const std::vector<Part>& parts() const { return parts_; }

  SurrogateKind kind() const override { return SurrogateKind::kGaussianProcess; }
  Index NumParameters() const override;
  std::size_t SizeBytes() const override;
  bool HasSpread() const override { return true; }
  void Save(ByteWriter& writer) const override;

 private:
  PointCost CostOfPoint() const override;
  Index EvaluationWorkspace() const override;
  Index SpreadWorkspace(bool gradients) const override;
  void Evaluate(const double* x_hat, double* y_hat, double* gradients,
                double* workspace) const override;
  void EvaluateHessian(Index output, const double* x_hat, double* hessian,
                       double* workspace) const override;
  void EvaluateSecondAdjoints(const DirectionPairs& pairs, const double* x_hat, double* products,
                              double* workspace) const override;
  void EvaluateSpread(const double* x_hat, double* y_spread, double* j_spread,
                      double* workspace) const override;
  // Σ_o ȳ_o b_so and, in g_bar [r], Σ_o ȳ_o g_so for ȳ [m].
  std::array<double, kLanes> WeighCoefficients(const Part& part, Index s, const double* y_bar,
                                               double* g_bar) const;

  std::vector<Part> parts_;
  std::vector<Covariance> covariances_;  // Of the parts' functionals.
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_GAUSSIAN_PROCESS_H_
