#include "engine/prune/significance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/activation.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/interval_matrix.h"
#include "engine/prune/layers.h"

namespace sobolev::prune {

namespace {

using I = ad::Interval<double>;

// Boxes that are swept at once.
constexpr Index kChunk = 128;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// a·b upwards for a, b >= 0; what has no width or no derivative has no significance, however large
// the other is.
double Times(double a, double b) { return ad::directed::MultiplyUp(a, b); }

IntervalMatrix Nothing(Index rows, Index cols) {
  return {.lo = Matrix::Constant(rows, cols, kInfinity),
          .hi = Matrix::Constant(rows, cols, -kInfinity)};
}

// Column `j` of `hull` grows to contain all columns of X.
void Include(const IntervalMatrix& X, Index j, IntervalMatrix& hull) {
  hull.lo.col(j) = hull.lo.col(j).cwiseMin(X.lo.rowwise().minCoeff());
  hull.hi.col(j) = hull.hi.col(j).cwiseMax(X.hi.rowwise().maxCoeff());
}

Vector Widths(const IntervalMatrix& X) {
  Vector widths(X.rows());
  for (Index i = 0; i < X.rows(); ++i) widths[i] = X.At(i, 0).Width();
  return widths;
}

Matrix Magnitudes(const IntervalMatrix& X) { return X.hi.cwiseMax(-X.lo); }

// Sweeps over chunks of boxes; what is collected is in the network's coordinates.
class Analysis {
 public:
  Analysis(const nn::NetworkSurrogate& network, const Pieces& pieces)
      : layers_(network),
        scaling_(network.scaling()),
        pieces_(pieces),
        y_(Nothing(network.m(), 1)),
        jacobian_(Nothing(network.n(), network.m())) {
    for (Index l = 1; l < layers_.depth(); ++l) {
      values_.push_back(Nothing(layers_.Width(l), 1));
      a_bar_.emplace_back(Matrix::Zero(layers_.Width(l), network.m()));
      z_bar_.emplace_back(Matrix::Zero(layers_.Width(l), network.m()));
    }
    for (Index j = 0; j < network.n(); ++j) {
      slices_.emplace_back(Matrix::Zero(pieces.counts[static_cast<std::size_t>(j)], network.m()));
    }
  }

  // Forward over pieces first … first + count − 1, then back from each output.
  void Sweep(Index first, Index count, const std::stop_token& stop) {
    ThrowIfStopped(stop);
    Forward(first, count);
    for (Index output = 0; output < y_.rows(); ++output) {
      ThrowIfStopped(stop);
      Reverse(first, output);
    }
  }

  NetworkSignificance Finish(const Box& box, bool edges) const {
    NetworkSignificance result{.inputs = Matrix(jacobian_.rows(), jacobian_.cols()),
                               .sliced_inputs = Matrix(jacobian_.rows(), jacobian_.cols()),
                               .y = y_,
                               .values = values_,
                               .jacobian = jacobian_};
    InUserUnits(result);
    FinishInputs(box, result);
    for (std::size_t l = 0; l < values_.size(); ++l) {
      result.hidden.push_back(Product(Widths(values_[l]), a_bar_[l]));
    }
    if (edges) FinishEdges(result);
    return result;
  }

 private:
  // Contains the standardised pieces.
  IntervalMatrix Standardised(Index first, Index count) const {
    IntervalMatrix X = Nothing(pieces_.min.rows(), count);
    for (Index k = 0; k < count; ++k) {
      for (Index j = 0; j < X.rows(); ++j) {
        const I x(pieces_.min(j, first + k), pieces_.max(j, first + k));
        X.Set(j, k, (x - scaling_.x_mean[j]) / scaling_.x_scale[j]);
      }
    }
    return X;
  }

  void Forward(Index first, Index count) {
    const IntervalMatrix X = Standardised(first, count);
    IntervalMatrix a = X;
    slopes_.clear();
    for (Index l = 1; l <= layers_.depth(); ++l) {
      const bool skips = layers_.architecture.SkipCols(l) > 0;
      const IntervalMatrix z =
          AffineImage(layers_.Weights(l), layers_.Bias(l), skips ? Stack(a, X) : a);
      if (l == layers_.depth()) {
        Include(z, 0, y_);
        return;
      }
      IntervalMatrix bent = z;
      IntervalMatrix slopes = z;
      const nn::Activation activation = layers_.architecture.activation;
      for (Index k = 0; k < z.cols(); ++k) {
        for (Index i = 0; i < z.rows(); ++i) {
          bent.Set(i, k, ActivationRange(activation, z.At(i, k)));
          slopes.Set(i, k, SlopeRange(activation, z.At(i, k)));
        }
      }
      a = layers_.IsResidual(l) ? Sum(a, bent) : bent;
      Include(a, 0, values_[static_cast<std::size_t>(l - 1)]);
      slopes_.push_back(slopes);
    }
  }

  void Reverse(Index first, Index output) {
    const Index count = slopes_.empty() ? CountFrom(first) : slopes_.front().cols();
    const Vector no_bias_of_x = Vector::Zero(pieces_.min.rows());
    IntervalMatrix z_bar{.lo = Matrix::Zero(y_.rows(), count), .hi = {}};
    z_bar.lo.row(output).setOnes();
    z_bar.hi = z_bar.lo;
    IntervalMatrix x_bar{.lo = Matrix::Zero(pieces_.min.rows(), count), .hi = {}};
    x_bar.hi = x_bar.lo;
    IntervalMatrix passed;  // ā_l of what residual layer l + 1 adds, if it does.
    for (Index l = layers_.depth(); l >= 1; --l) {
      const Matrix& W = layers_.Weights(l);
      const Index skip = layers_.architecture.SkipCols(l);
      const Index inner = W.cols() - skip;
      if (skip > 0) {
        x_bar = Sum(x_bar, AffineImage(W.rightCols(skip).transpose(), no_bias_of_x, z_bar));
      }
      IntervalMatrix a_bar = AffineImage(W.leftCols(inner).transpose(), Vector::Zero(inner), z_bar);
      if (l == 1) {
        CollectInputs(Sum(x_bar, a_bar), first, output);
        return;
      }
      if (layers_.IsResidual(l)) a_bar = Sum(a_bar, passed);
      const auto before = static_cast<std::size_t>(l - 2);
      z_bar = EntrywiseProduct(a_bar, slopes_[before]);
      KeepLargest(a_bar, output, a_bar_[before]);
      KeepLargest(z_bar, output, z_bar_[before]);
      passed = a_bar;
    }
  }

  Index CountFrom(Index first) const { return std::min(kChunk, pieces_.min.cols() - first); }

  static void KeepLargest(const IntervalMatrix& X, Index output, Matrix& largest) {
    largest.col(output) = largest.col(output).cwiseMax(Magnitudes(X).rowwise().maxCoeff());
  }

  void CollectInputs(const IntervalMatrix& x_bar, Index first, Index output) {
    Include(x_bar, output, jacobian_);
    const Matrix magnitudes = Magnitudes(x_bar);
    for (Index k = 0; k < magnitudes.cols(); ++k) {
      for (Index j = 0; j < magnitudes.rows(); ++j) {
        double& largest =
            slices_[static_cast<std::size_t>(j)](pieces_.SliceOf(first + k, j), output);
        largest = std::max(largest, magnitudes(j, k));
      }
    }
  }

  // Widths times magnitudes, a column per output, in the units of y.
  Matrix Product(const Vector& widths, const Matrix& magnitudes) const {
    Matrix product(magnitudes.rows(), magnitudes.cols());
    for (Index o = 0; o < product.cols(); ++o) {
      for (Index i = 0; i < product.rows(); ++i) {
        product(i, o) = Times(Times(widths[i], magnitudes(i, o)), scaling_.y_scale[o]);
      }
    }
    return product;
  }

  void InUserUnits(NetworkSignificance& result) const {
    for (Index o = 0; o < y_.rows(); ++o) {
      result.y.Set(o, 0, y_.At(o, 0) * scaling_.y_scale[o] + I(scaling_.y_mean[o]));
      for (Index j = 0; j < jacobian_.rows(); ++j) {
        result.jacobian.Set(j, o, jacobian_.At(j, o) * scaling_.y_scale[o] / scaling_.x_scale[j]);
      }
    }
  }

  // The width of the piece, in standardised units, is that of its slice.
  void FinishInputs(const Box& box, NetworkSignificance& result) const {
    for (Index j = 0; j < jacobian_.rows(); ++j) {
      const Matrix& slices = slices_[static_cast<std::size_t>(j)];
      const double whole = I(box.min[j], box.max[j]).Width();
      Index stride = 1;
      for (Index i = 0; i < j; ++i) stride *= pieces_.counts[static_cast<std::size_t>(i)];
      for (Index o = 0; o < jacobian_.cols(); ++o) {
        result.inputs(j, o) = Times(whole, result.jacobian.At(j, o).Magnitude());
        I sum = 0;
        for (Index k = 0; k < slices.rows(); ++k) {
          const I piece(pieces_.min(j, k * stride), pieces_.max(j, k * stride));
          const I slope = I(0, slices(k, o)) * scaling_.y_scale[o] / scaling_.x_scale[j];
          sum += I(Times(piece.Width(), slope.Magnitude()));
        }
        result.sliced_inputs(j, o) = std::min(sum.hi(), result.inputs(j, o));
      }
    }
  }

  // Of W_l, with the widths of what it takes and the adjoints of what it gives.
  void FinishEdges(NetworkSignificance& result) const {
    const IntervalMatrix X = Hull();
    for (Index l = 1; l <= layers_.depth(); ++l) {
      const Matrix& W = layers_.Weights(l);
      const IntervalMatrix a = l == 1 ? X : values_[static_cast<std::size_t>(l - 2)];
      const Vector widths = Widths(l > 1 && layers_.architecture.skip ? Stack(a, X) : a);
      std::vector<Matrix> of_layer;
      for (Index o = 0; o < y_.rows(); ++o) {
        const Vector z_bar = l < layers_.depth()
                                 ? Vector(z_bar_[static_cast<std::size_t>(l - 1)].col(o))
                                 : Vector(Vector::Unit(y_.rows(), o));
        Matrix edges(W.rows(), W.cols());
        for (Index j = 0; j < W.cols(); ++j) {
          for (Index i = 0; i < W.rows(); ++i) {
            edges(i, j) =
                Times(Times(Times(std::abs(W(i, j)), widths[j]), z_bar[i]), scaling_.y_scale[o]);
          }
        }
        of_layer.push_back(edges);
      }
      result.edges.push_back(of_layer);
    }
  }

  // The standardised box.
  IntervalMatrix Hull() const {
    IntervalMatrix hull = Nothing(pieces_.min.rows(), 1);
    for (Index j = 0; j < hull.rows(); ++j) {
      const I x(pieces_.min.row(j).minCoeff(), pieces_.max.row(j).maxCoeff());
      hull.Set(j, 0, (x - scaling_.x_mean[j]) / scaling_.x_scale[j]);
    }
    return hull;
  }

  const Layers layers_;
  const nn::Scaling scaling_;
  const Pieces& pieces_;
  std::vector<IntervalMatrix> slopes_;  // Of the chunk.

  IntervalMatrix y_;
  std::vector<IntervalMatrix> values_;
  std::vector<Matrix> a_bar_;   // [l − 1]: the largest |ā_l|, width×m
  std::vector<Matrix> z_bar_;   // Likewise |z̄_l|.
  IntervalMatrix jacobian_;     // n×m
  std::vector<Matrix> slices_;  // [j]: the largest |∂y/∂x_j| on each piece of input j, pieces×m
};

}  // namespace

NetworkSignificance AnalyzeSignificance(const nn::NetworkSurrogate& network, const Box& box,
                                        const SignificanceOptions& options,
                                        const std::stop_token& stop) {
  RequireBox(box, network.n());
  const Pieces pieces = Split(box, options.splitting);
  Analysis analysis(network, pieces);
  for (Index first = 0; first < pieces.min.cols(); first += kChunk) {
    analysis.Sweep(first, std::min(kChunk, pieces.min.cols() - first), stop);
  }
  return analysis.Finish(box, options.edges);
}

Vector OverOutputs(const Matrix& significance) {
  Vector sums = significance.col(0);
  for (Index o = 1; o < significance.cols(); ++o) {
    for (Index i = 0; i < sums.size(); ++i) {
      sums[i] = ad::directed::AddUp(sums[i], significance(i, o));
    }
  }
  return sums;
}

}  // namespace sobolev::prune
