// A question to a model and the parts of its answer, whatever door it comes through: the native
// service, the Open Inference Protocol, HTTP.

#ifndef SOBOLEV_SERVER_PREDICT_QUERY_H_
#define SOBOLEV_SERVER_PREDICT_QUERY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "server/models/model_registry.h"

namespace sobolev::server {

// What can be asked for at each point; v1::Quantity says what each is.
enum class Quantity {
  kValue,
  kJacobian,
  kJvp,
  kVjp,
  kHessian,
  kHvp,
  kSpread,
  kJacobianSpread,
};

// Which quantities were asked for.
struct DerivativeMask {
  bool value = false;
  bool jacobian = false;
  bool jvp = false;
  bool vjp = false;
  bool hessian = false;
  bool hvp = false;
  bool spread = false;
  bool jacobian_spread = false;
  bool held_out_errors = false;

  bool needs_tangents() const { return jvp || hvp; }
  bool needs_adjoints() const { return vjp || hvp; }
  // The highest derivative among them: 0, 1 or 2.
  int order() const { return hessian || hvp ? 2 : jacobian || jvp || vjp ? 1 : 0; }
};

// The function restricted to some outputs and inputs: the others are neither answered nor
// differentiated by, and directions do not have them. Positions, each at most once; empty: all.
struct Block {
  std::vector<Index> outputs;
  std::vector<Index> inputs;

  bool IsWhole() const { return outputs.empty() && inputs.empty(); }
};

struct Query {
  ModelRegistry::Handle model;
  DerivativeMask mask;
  ConstMatrixMap X{nullptr, 0, 0};     // n×N, finite.
  std::optional<Directions> tangents;  // Of the block's inputs. Required for jvp and hvp.
  std::optional<Directions> adjoints;  // Of the block's outputs. Required for vjp and hvp.
  Block block;
  std::string x_field = "x";  // What the door calls X, for errors.

  Index num_points() const { return X.cols(); }
  // Inputs and outputs of the block.
  Index n() const;
  Index m() const;
};

// One tensor of the answer.
struct AnswerPart {
  Quantity quantity = Quantity::kValue;
  double* PredictionBuffers::*buffer = nullptr;  // Where its elements go.
  std::array<std::int64_t, 4> extents{};
  std::size_t rank = 0;

  // Such as [N, m, n], row-major.
  std::span<const std::int64_t> shape() const { return std::span(extents).first(rank); }
  // Elements for each point.
  std::int64_t per_point() const;
};

// The tensors that answer a query, in the order of Quantity.
class AnswerParts {
 public:
  explicit AnswerParts(const Query& query);

  const AnswerPart* begin() const { return parts_.data(); }
  const AnswerPart* end() const { return parts_.data() + size_; }
  // Elements of all of them; a double because it may be beyond any integer.
  double NumElements() const;

 private:
  std::array<AnswerPart, 8> parts_{};
  std::size_t size_ = 0;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PREDICT_QUERY_H_
