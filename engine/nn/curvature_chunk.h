// Second derivatives of a network on one chunk of points in lanes.
//
// An adjoint ȳ leaves c_l = φ″(z_l)·ā_l at every hidden layer, a tangent ẋ leaves ż_l = (∂z_l/∂x)
// ẋ. Both ways from there to H = Σ_o ȳ_o ∇²y_o differentiate the adjoint sweep along the tangent:
//   products    r_D = 0,  r_l = c_l·ż_l + φ′(z_l)·(W_{l+1}ᵀ r_{l+1}),  H ẋ = W₁ᵀ r₁,
//               one more sweep for every pair of a tangent and an adjoint;
//   squares     H(i, j) = Σ_l Σ_k c_lk ż_lk(e_i) ż_lk(e_j),
//               the tangents of all inputs once for all adjoints, and then sums over units.
// With residual layers and skips r_l follows the same paths as ā_l; the squares stay as they are.

#ifndef SOBOLEV_ENGINE_NN_CURVATURE_CHUNK_H_
#define SOBOLEV_ENGINE_NN_CURVATURE_CHUNK_H_

#include "engine/base/matrix.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// What to sweep, and how.
struct CurvaturePlan {
  bool units;          // H of every output times e_j of every input, not directions of the request.
  Index num_tangents;  // p: n for units.
  Index num_adjoints;  // q: m for units.
  bool by_squares;
  Index slots;  // Adjoints whose c_l a chunk keeps at a time.
  double cost;  // Multiply-adds per point.
};

class CurvatureChunk {
 public:
  // Elements of workspace, aligned to kAlignment.
  static Index Workspace(const PackedNetwork& network, const CurvaturePlan& plan);

  // Points first … first + count − 1, count <= kernels.lanes, of a network with hidden layers.
  CurvatureChunk(const PackedNetwork& network, const Evaluation& evaluation,
                 const CurvaturePlan& plan, Index first, Index count, double* workspace);

  // φ′(z_l) and φ″(z_l). Before everything else. Throws Error(kCancelled), like all that follow.
  void Value();
  // c_l of ȳ = e_i, or of adjoint number i of the request, in a slot.
  void UnitAdjoint(Index i, Index slot);
  void Adjoint(Index i, Index slot);

  // By products: ż_l of e_j, or of tangent number i of the request; then H ẋ [n] of a slot.
  void UnitTangent(Index j);
  void Tangent(Index i);
  const double* ReverseSweep(Index slot);

  // By squares: H of the first slots; then H e_j or H ẋ [n] of a slot.
  void Squares(Index num_slots);
  const double* HessianColumn(Index j, Index slot) const {
    return hessians_ + slot * HessianSize(network_) + j * network_.n * kernels_.lanes;
  }
  const double* HessianTimesTangent(Index i, Index slot);

 private:
  static Index HessianSize(const PackedNetwork& network) {
    return network.n * network.n * network.kernels.lanes;
  }

  double* First(Index l) const { return slopes_ + 2 * (l - 1) * size_; }
  double* Second(Index l) const { return First(l) + size_; }
  double* Bend(Index slot, Index l) const { return bends_ + (slot * last_ + l - 1) * size_; }
  // By products: ż_l.
  double* ZDot(Index l) const { return tangents_ + (l - 1) * size_; }
  // By squares: ż and ȧ of input j at the layer at hand.
  double* ZDotOf(Index j) const { return tangents_ + j * size_; }
  double* ADotOf(Index j) const { return tangents_ + (network_.n + j) * size_; }
  Index LayerSize(Index l) const { return network_.Layer(l).rows * kernels_.lanes; }

  Product<double> Times(Index l, const double* in) const;
  Product<double> TransposedTimes(Index l, const double* in) const;
  void LoadDirection(const Directions& directions, Index i, Index size, double* to) const;
  // c_l of the last hidden layer and below, from z̄ of that layer in current_ and ā in a_bar_.
  void AdjointFromLast(Index slot);
  // ż_2 … from ż_1, with ẋ in inputs_ if there are skips.
  void TangentFromFirst();
  // ā_{l−1} in a_bar_, in which ā_l is, from z̄_l.
  void PullThrough(Index l, const double* z_bar);

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index first_;
  const Index count_;
  const Index last_;  // The last hidden layer.
  const Index size_;  // Of the widest layer.
  double* current_;   // What the next product reads.
  double* next_;
  double* inputs_;  // What skips read or add to: x, its tangent or its adjoint.
  double* a_bar_;   // In networks with residual layers.
  double* slopes_;
  double* bends_;
  double* tangents_;
  double* hessians_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_CURVATURE_CHUNK_H_
