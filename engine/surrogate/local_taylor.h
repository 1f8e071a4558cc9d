// A surrogate and local Taylor models of what it misses:
//   f(x) = base(x) + Σ_k w_k(u) T_k(u) / D(Σ_k w_k(u)),  u_j = (x_j − origin_j)/scale_j.
//
// T_k is a polynomial around the centre u_k, and w_k a smooth bump around it (a partition of unity,
// as modified Shepard's method is: Renka 1988):
//   w_k = (1 − s)³/(s + δ),  s = |u − u_k|²/R_k² < 1, else 0.
// D(S) = S where the bumps cover a point well, and S + σ (1 − S/σ)³ where S < σ, so that f goes
// over to the base where there are no bumps. Everything is twice continuously differentiable, and
// derivatives are those of f as it is served.

#ifndef SOBOLEV_ENGINE_SURROGATE_LOCAL_TAYLOR_H_
#define SOBOLEV_ENGINE_SURROGATE_LOCAL_TAYLOR_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/ball_tree.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

// The local models of n inputs and m outputs.
struct TaylorPatches {
  static constexpr int kMaxOrder = 3;
  // δ: how much a bump weighs at its centre, the reciprocal.
  static constexpr double kBlunt = 0.02;
  // σ: sums of weights from which on a point is covered well.
  static constexpr double kCovered = 0.05;

  Vector origin;   // n
  Vector scale;    // n, > 0
  Matrix centres;  // n×K, in coordinates u
  Vector radii;    // K, > 0
  int order = 1;   // 1 to kMaxOrder
  // (m·NumTerms)×K: for each output the value at the centre, then the gradient (n), the second
  // derivatives (n×n) and the third (n×n×n), as far as the order goes, by u and symmetric.
  Matrix derivatives;

  Index n() const { return centres.rows(); }
  Index Count() const { return centres.cols(); }
  // 1 + n + … + n^order.
  static Index NumTerms(Index n, int order);

  // Throws Error(kInvalidArgument) naming the part unless sizes are those of n inputs and m
  // outputs, numbers are finite, scales and radii > 0 and the order is one of those above.
  void Validate(Index n, Index m) const;
  std::size_t SizeBytes() const;
  void Save(ByteWriter& writer) const;
  // Throws Error(kDataLoss).
  static TaylorPatches Load(ByteReader& reader);
};

class LocalTaylorSurrogate : public Surrogate {
 public:
  // Throws as TaylorPatches::Validate for those of the base.
  LocalTaylorSurrogate(std::shared_ptr<const Surrogate> base, TaylorPatches patches);

  const Surrogate& base() const { return *base_; }
  const std::shared_ptr<const Surrogate>& shared_base() const { return base_; }
  const TaylorPatches& patches() const { return patches_; }

  SurrogateKind kind() const override { return SurrogateKind::kLocalTaylor; }
  Index n() const override { return base_->n(); }
  Index m() const override { return base_->m(); }
  // Those of the base and the derivatives at the centres.
  Index NumParameters() const override;
  std::size_t SizeBytes() const override;
  // That of the base.
  bool HasSpread() const override { return base_->HasSpread(); }
  double Cost(const PredictionSize& size) const override;
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;
  // The patches, then the kind of the base and what it saves; train/surrogate_codec.h reads it.
  void Save(ByteWriter& writer) const override;

 private:
  class Blend;

  // Of the patches alone.
  double CostOfPatches(const PredictionSize& size) const;

  std::shared_ptr<const Surrogate> base_;
  TaylorPatches patches_;
  BallTree tree_;
  double overlap_ = 0;  // How many bumps reach a centre, on average.
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_LOCAL_TAYLOR_H_
