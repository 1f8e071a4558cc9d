// A sparse polynomial in the standardised inputs, y_i = Σ_p c_pi φ_p(t), t being x̂ scaled to the
// box of the training points.

#ifndef SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_SURROGATE_H_
#define SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_SURROGATE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/regression/polynomial_system.h"
#include "engine/regression/terms.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/dense_surrogate.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::regression {

class PolynomialSurrogate : public DenseSurrogate {
 public:
  // Outputs that share their terms.
  struct Part {
    std::vector<Index> outputs;
    Terms terms;
    Matrix C;  // terms × outputs
  };

  // Every output is in one part. Throws Error(kInvalidArgument) if that or a size is wrong.
  PolynomialSurrogate(AffineMaps maps, Box box, std::vector<Part> parts);

  // Throws Error(kDataLoss) unless it reads what Save wrote.
  static std::unique_ptr<PolynomialSurrogate> Load(ByteReader& reader);

  const std::vector<Part>& parts() const { return parts_; }
  const Box& box() const { return box_; }

  SurrogateKind kind() const override { return SurrogateKind::kPolynomial; }
  Index NumParameters() const override;
  std::size_t SizeBytes() const override;
  void Save(ByteWriter& writer) const override;

 private:
  PointCost CostOfPoint() const override;
  Index EvaluationWorkspace() const override;
  void Evaluate(const double* x_hat, double* y_hat, double* gradients,
                double* workspace) const override;
  void EvaluateHessian(Index output, const double* x_hat, double* hessian,
                       double* workspace) const override;
  void EvaluateSecondAdjoints(const DirectionPairs& pairs, const double* x_hat, double* products,
                              double* workspace) const override;

  // Fills φ, φ′ and φ″ of every axis, derivatives with respect to x̂.
  void FillTables(const double* x_hat, double* tables) const;
  const double* Table(const double* tables, const Factor& factor, Index order) const;

  Box box_;
  std::vector<Part> parts_;
  std::vector<Index> degree_;  // r: the highest of each axis.
  std::vector<Index> start_;   // r: where the tables of each axis start, in lanes.
  Index table_size_ = 0;       // In lanes.
  std::size_t max_factors_ = 0;
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_SURROGATE_H_
