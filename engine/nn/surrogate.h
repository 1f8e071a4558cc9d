// A trained network with its scaling: y = μ_y + σ_y · f((x − μ_x) / σ_x), and its derivatives.

#ifndef SOBOLEV_ENGINE_NN_SURROGATE_H_
#define SOBOLEV_ENGINE_NN_SURROGATE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

// Standardisation of inputs and outputs. All scales are > 0.
struct Scaling {
  Vector x_mean;   // n
  Vector x_scale;  // n
  Vector y_mean;   // m
  Vector y_scale;  // m
};

// Directions for tangents or adjoints: D is d×k, the same k directions for every point, or
// d×(k·N), column s·k+i being direction i at point s.
struct Directions {
  ConstMatrixMap D;
  Index count;     // k
  bool per_point;  // Whether D has k·N columns instead of k.
};

// Where to write what. Quantities whose pointer is null are not computed.
struct PredictionBuffers {
  double* Y = nullptr;      // m×N
  double* J = nullptr;      // n×(m·N)
  double* Y_dot = nullptr;  // m×(p·N), for the p tangents
  double* X_bar = nullptr;  // n×(q·N), for the q adjoints
};

// Immutable, so thread-safe; large batches are split over oneTBB.
class Surrogate {
 public:
  // Throws Error(kInvalidArgument) if a size disagrees or a scale is not positive and finite.
  Surrogate(Architecture architecture, Scaling scaling, Vector theta);
  ~Surrogate();
  Surrogate(Surrogate&&) noexcept;
  Surrogate& operator=(Surrogate&&) noexcept;

  const Architecture& architecture() const;
  const Scaling& scaling() const;
  const Vector& theta() const;
  // Bytes held, for cache accounting.
  std::size_t SizeBytes() const;

  // Multiply-adds of one Predict, to decide where to run it.
  double Cost(Index num_points, bool jacobian, Index num_tangents, Index num_adjoints) const;

  // Evaluates at the columns of X (n×N). Tangents are required for Y_dot, adjoints for X_bar. The
  // Jacobian is swept in tangent or adjoint mode, whichever is cheaper. Does not allocate after the
  // first call of a thread. Throws Error(kCancelled) once `stop` fires.
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_SURROGATE_H_
