#include "engine/nn/proven_shape.h"

#include <cstddef>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/activation.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A row for each unit: 1 where it may rise (fall) in input j, in the last column where it may bend
// upwards (downwards), else 0.
struct Ways {
  Matrix up;
  Matrix down;

  bool AllOpen() const { return up.minCoeff() > 0 && down.minCoeff() > 0; }
};

Matrix Where(const Eigen::Ref<const Matrix>& counts) {
  return (counts.array() > 0).cast<double>().matrix();
}

// x: each rises in itself.
Ways OfInputs(Index n) {
  Ways ways{.up = Matrix::Zero(n, n + 1), .down = Matrix::Zero(n, n + 1)};
  ways.up.leftCols(n).setIdentity();
  return ways;
}

Ways Stack(const Ways& units, const Ways& inputs) {
  const Index n = inputs.up.rows();
  Ways both{.up = Matrix(units.up.rows() + n, n + 1), .down = Matrix(units.up.rows() + n, n + 1)};
  both.up << units.up, inputs.up;
  both.down << units.down, inputs.down;
  return both;
}

// z = W a + b
Ways Affine(const Eigen::Map<const RowMajor>& W, const Ways& a) {
  const Matrix positive = (W.array() > 0).cast<double>();
  const Matrix negative = (W.array() < 0).cast<double>();
  return {.up = Where(positive * a.up + negative * a.down),
          .down = Where(positive * a.down + negative * a.up)};
}

// φ(z), of tanh or softplus.
void Bend(Activation activation, Ways& ways) {
  const Index bends = ways.up.cols() - 1;
  ways.up.col(bends).setOnes();
  if (activation == Activation::kTanh) ways.down.col(bends).setOnes();
}

Slope SlopeOf(const Ways& outputs, Index j) {
  const bool up = outputs.up.col(j).any();
  const bool down = outputs.down.col(j).any();
  if (up == down) return Slope::kFree;
  return up ? Slope::kIncreasing : Slope::kDecreasing;
}

}  // namespace

ShapeConstraints ProvenShape(const Architecture& architecture, const Vector& weights) {
  RequireSize("weights", weights.size(), architecture.NumParameters());
  if (architecture.activation != Activation::kTanh &&
      architecture.activation != Activation::kSoftplus) {
    return {};
  }
  const Index n = architecture.n;
  const Ways inputs = OfInputs(n);
  Ways a = inputs;
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Eigen::Map<const RowMajor> W(weights.data() + next, architecture.Rows(l),
                                       architecture.Cols(l));
    next += W.size() + W.rows();
    Ways z = Affine(W, architecture.SkipCols(l) > 0 ? Stack(a, inputs) : a);
    if (l < architecture.Depth()) Bend(architecture.activation, z);
    if (architecture.IsResidual(l)) z = {.up = Where(z.up + a.up), .down = Where(z.down + a.down)};
    a = z;
    if (a.AllOpen()) return {};
  }
  ShapeConstraints shape;
  shape.slopes.reserve(static_cast<std::size_t>(n));
  for (Index j = 0; j < n; ++j) shape.slopes.push_back(SlopeOf(a, j));
  if (!shape.IsMonotone()) shape.slopes.clear();
  // Convexity has the numbers of slopes: upwards and downwards.
  shape.convexity = static_cast<Convexity>(SlopeOf(a, n));
  return shape;
}

}  // namespace sobolev::nn
