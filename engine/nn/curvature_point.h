// Second derivatives of a network at a single point, with its features in lanes: the sweeps of
// curvature_chunk.h, to the same bits, without lanes that stay empty.

#ifndef SOBOLEV_ENGINE_NN_CURVATURE_POINT_H_
#define SOBOLEV_ENGINE_NN_CURVATURE_POINT_H_

#include "engine/base/matrix.h"
#include "engine/nn/curvature_chunk.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// Arrays are [direction][feature], up to kMaxRightSides directions at a time.
class CurvaturePoint {
 public:
  // Elements of workspace, aligned to kAlignment.
  static Index Workspace(const PackedNetwork& network, const CurvaturePlan& plan);

  // The point numbered `point`, of a network with hidden layers.
  CurvaturePoint(const PackedNetwork& network, const Evaluation& evaluation,
                 const CurvaturePlan& plan, Index point, double* workspace);

  // Columns i·p+k of `to`. Throws Error(kCancelled).
  void Evaluate(double* to);

 private:
  // φ′ and φ″ of all layers.
  void Value();
  // c_l = φ″(z_l)·ā_l of adjoints first … first + sides − 1.
  void Adjoints(Index first, Index sides);
  // ż_l of tangents first … first + sides − 1, of all inputs if `units`.
  void Tangents(Index first, Index sides, bool units);
  // H ẋ of the tangents with one of the adjoints, in current_.
  void ReverseSweep(Index slot, Index sides);
  // By squares: ż_l of all inputs, then H of one of the adjoints.
  void AllTangents();
  void Square(Index slot);
  // H ẋ of tangents first … first + sides − 1, in current_.
  void HessianTimesTangents(Index first, Index sides);

  double* First(Index l) const { return slopes_ + 2 * (l - 1) * size_; }
  double* Second(Index l) const { return First(l) + size_; }
  double* Bend(Index slot, Index l) const { return bends_ + (slot * last_ + l - 1) * size_; }
  double* ZDot(Index l, Index s) const {
    return tangents_ + ((l - 1) * kMaxRightSides + s) * size_;
  }
  // By squares: [unit of layer l][padded n].
  double* AllZDot(Index l) const { return all_tangents_ + (l - 1) * size_ * padded_n_; }
  double* Side(Index s) const { return current_ + s * size_; }
  double* Inputs(Index s) const { return inputs_ + s * size_; }
  double* ABar(Index s) const { return a_bar_ + s * size_; }

  // to = W current + bias.
  void Multiply(const PackedLayer& layer, Index sides, const double* bias, double* to) const;
  // current = Wᵀ current, of all columns: those of skips come last.
  void MultiplyTransposed(const PackedLayer& layer, Index sides);
  // sum += x, of the inputs.
  void AddTo(double* sum, const double* x) const;
  void Load(const Directions& directions, Index first, Index sides, Index size) const;

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const CurvaturePlan& plan_;
  const Index point_;
  const Index last_;      // The last hidden layer.
  const Index size_;      // Of the widest layer.
  const Index padded_n_;  // To a multiple of the vector width.
  double* current_;       // What the next product reads.
  double* next_;
  double* inputs_;  // What skips read or add to: x, its tangents or adjoints.
  double* a_bar_;   // In networks with residual layers.
  double* slopes_;
  double* bends_;
  double* tangents_;
  double* all_tangents_;
  double* hessian_;  // [n][padded n]
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_CURVATURE_POINT_H_
