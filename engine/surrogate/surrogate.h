// A trained, differentiable stand-in y = f(x) for an expensive function, of whatever kind.

#ifndef SOBOLEV_ENGINE_SURROGATE_SURROGATE_H_
#define SOBOLEV_ENGINE_SURROGATE_SURROGATE_H_

#include <cstddef>
#include <optional>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"

namespace sobolev {

// Directions for tangents or adjoints: D is d×k, the same k directions for every point, or
// d×(k·N), column s·k+i being direction i at point s.
struct Directions {
  ConstMatrixMap D;
  Index count;     // k
  bool per_point;  // Whether D has k·N columns instead of k.

  // The k directions at a point.
  ConstMatrixMap At(Index point) const {
    return {D.data() + (per_point ? point * count * D.rows() : 0), D.rows(), count};
  }
};

// Where to write what. Quantities whose pointer is null are not computed.
struct PredictionBuffers {
  double* Y = nullptr;  // m×N
  double* J = nullptr;  // n×(m·N)
  double* H = nullptr;  // n×(n·m·N): columns (s·m+i)·n … are the Hessian of y_i at point s.
  double* Y_dot = nullptr;  // m×(p·N), for the p tangents
  double* X_bar = nullptr;  // n×(q·N), for the q adjoints
  // n×(p·q·N), second-order adjoints: column (s·q+i)·p+k is Σ_o ȳ_o ∇²y_o ẋ at point s, for adjoint
  // i and tangent k.
  double* X_bar_dot = nullptr;
  // m×N and n×(m·N): standard deviations of Y and J as the surrogate itself judges them. Only for
  // surrogates with HasSpread().
  double* Y_spread = nullptr;
  double* J_spread = nullptr;

  bool NeedsTangents() const { return Y_dot != nullptr || X_bar_dot != nullptr; }
  bool NeedsAdjoints() const { return X_bar != nullptr || X_bar_dot != nullptr; }
};

// Throws Error(kInvalidArgument) naming "tangents" or "adjoints" unless the directions that the
// buffers need are there, of size n or m, as many as they say for that many points.
void RequireDirections(const PredictionBuffers& out, const std::optional<Directions>& tangents,
                       const std::optional<Directions>& adjoints, Index n, Index m,
                       Index num_points);

// How much a request asks for, to judge its cost.
struct PredictionSize {
  Index num_points = 0;
  bool jacobian = false;
  bool hessian = false;
  bool spread = false;
  Index num_tangents = 0;
  Index num_adjoints = 0;
  bool second_adjoint = false;  // Of every adjoint with every tangent.
};

// The kinds; the numbers are stored.
enum class SurrogateKind {
  kNetwork = 1,
  kPolynomial = 2,
  kGaussianProcess = 3,
  kEnsemble = 4,
  kComposed = 5,
  kProgram = 6,
  kPipeline = 7,
  kLocalTaylor = 8,
};

// Immutable, so thread-safe.
class Surrogate {
 public:
  virtual ~Surrogate() = default;

  virtual SurrogateKind kind() const = 0;
  virtual Index n() const = 0;
  virtual Index m() const = 0;
  // Numbers that training determined: weights, coefficients.
  virtual Index NumParameters() const = 0;
  // Bytes held, for cache accounting.
  virtual std::size_t SizeBytes() const = 0;
  // Whether it can judge its own uncertainty.
  virtual bool HasSpread() const { return false; }

  // About the multiply-adds of one Predict, to decide where to run it.
  virtual double Cost(const PredictionSize& size) const = 0;

  // Evaluates at the columns of X (n×N), large batches on the threads of the current oneTBB arena.
  // Tangents are required for Y_dot, adjoints for X_bar and both for X_bar_dot;
  // Error(kInvalidArgument) says so or that a size disagrees. Throws Error(kCancelled) once `stop`
  // fires.
  virtual void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                       const std::optional<Directions>& adjoints, const PredictionBuffers& out,
                       const std::stop_token& stop = {}) const = 0;

  // Everything that the kind's Load needs to make the same surrogate, bit for bit.
  virtual void Save(ByteWriter& writer) const = 0;
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_SURROGATE_H_
