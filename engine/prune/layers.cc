#include "engine/prune/layers.h"

#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

#include "engine/ad/elementary.h"
#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/nn/activation.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::prune {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

double Density(double z) {
  return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

double Value(nn::Activation activation, double z) {
  switch (activation) {
    case nn::Activation::kSoftplus:
      return ad::Softplus(z);
    case nn::Activation::kTanh:
      return std::tanh(z);
    case nn::Activation::kSilu:
      return z * ad::Sigmoid(z);
    case nn::Activation::kGelu:
      return z * ad::NormalCdf(z);
    case nn::Activation::kSin:
      return std::sin(z);
  }
  return 0;
}

double Slope(nn::Activation activation, double z) {
  switch (activation) {
    case nn::Activation::kSoftplus:
      return ad::Sigmoid(z);
    case nn::Activation::kTanh:
      return 1 - std::tanh(z) * std::tanh(z);
    case nn::Activation::kSilu:
      return ad::Sigmoid(z) * (1 + z * ad::Sigmoid(-z));
    case nn::Activation::kGelu:
      return ad::NormalCdf(z) + z * Density(z);
    case nn::Activation::kSin:
      return std::cos(z);
  }
  return 0;
}

// A B at the speed of the widest vectors.
Matrix Product(const Eigen::Ref<const Matrix, 0, Eigen::OuterStride<>>& A, const Matrix& B) {
  Matrix C = Matrix::Zero(A.rows(), B.cols());
  dense::AddProduct(1, A, Matrix(B.transpose()), C);
  return C;
}

Matrix Stack(const Matrix& above, const Matrix& below) {
  Matrix both(above.rows() + below.rows(), above.cols());
  both << above, below;
  return both;
}

}  // namespace

Layers::Layers(const nn::NetworkSurrogate& surrogate) : architecture(surrogate.architecture()) {
  const double* from = surrogate.theta().data();
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index rows = architecture.Rows(l);
    W.emplace_back(Eigen::Map<const RowMajor>(from, rows, architecture.Cols(l)));
    from += W.back().size();
    b.emplace_back(Eigen::Map<const Vector>(from, rows));
    from += rows;
  }
}

nn::NetworkSurrogate Layers::ToSurrogate(const nn::Scaling& scaling) const {
  Vector theta(architecture.NumParameters());
  double* to = theta.data();
  for (Index l = 1; l <= depth(); ++l) {
    Eigen::Map<RowMajor>(to, Weights(l).rows(), Weights(l).cols()) = Weights(l);
    to += Weights(l).size();
    Eigen::Map<Vector>(to, Bias(l).size()) = Bias(l);
    to += Bias(l).size();
  }
  return nn::NetworkSurrogate(architecture, scaling, std::move(theta));
}

Matrix Activate(nn::Activation activation, const Matrix& Z) {
  return Z.unaryExpr([activation](double z) { return Value(activation, z); });
}

Matrix Slopes(nn::Activation activation, const Matrix& Z) {
  return Z.unaryExpr([activation](double z) { return Slope(activation, z); });
}

LayerSweep::LayerSweep(const Layers& layers, Matrix X, Matrix X_dot)
    : layers_(layers), X_(std::move(X)), X_dot_(std::move(X_dot)), A_(X_), A_dot_(X_dot_) {}

void LayerSweep::Affine() {
  ++l_;
  const Matrix& W = layers_.Weights(l_);
  const Index inner = A_.rows();
  Z_ = Product(W.leftCols(inner), A_).colwise() + layers_.Bias(l_);
  Z_dot_ = Product(W.leftCols(inner), A_dot_);
  const Index skip = layers_.architecture.SkipCols(l_);
  if (skip == 0) return;
  Z_ += Product(W.rightCols(skip), X_);
  Z_dot_ += Product(W.rightCols(skip), X_dot_);
}

void LayerSweep::Bend() {
  const nn::Activation activation = layers_.architecture.activation;
  const Matrix slopes = Slopes(activation, Z_);
  const Matrix bent = Activate(activation, Z_);
  Matrix bent_dot = Z_dot_;
  const Index num_samples = Z_.cols();
  for (Index first = 0; first < bent_dot.cols(); first += num_samples) {
    bent_dot.middleCols(first, num_samples).array() *= slopes.array();
  }
  const bool adds = layers_.IsResidual(l_);
  A_ = adds ? Matrix(A_ + bent) : bent;
  A_dot_ = adds ? Matrix(A_dot_ + bent_dot) : bent_dot;
}

Matrix LayerSweep::Features() const {
  const Index num_samples = A_.cols();
  const Index skip = layers_.architecture.SkipCols(l_ + 1);
  Matrix features(A_.rows() + skip + 1, num_samples + A_dot_.cols());
  features.topLeftCorner(A_.rows(), num_samples) = A_;
  features.topRightCorner(A_.rows(), A_dot_.cols()) = A_dot_;
  if (skip > 0) {
    features.block(A_.rows(), 0, skip, num_samples) = X_;
    features.block(A_.rows(), num_samples, skip, A_dot_.cols()) = X_dot_;
  }
  features.bottomLeftCorner(1, num_samples).setOnes();
  features.bottomRightCorner(1, A_dot_.cols()).setZero();
  return features;
}

Matrix LayerSweep::Images() const {
  Matrix images(Z_.rows(), Z_.cols() + Z_dot_.cols());
  images << Z_, Z_dot_;
  return images;
}

HiddenValues Evaluate(const Layers& layers, const Matrix& X) {
  HiddenValues values;
  const nn::Architecture& architecture = layers.architecture;
  Matrix a = X;
  for (Index l = 1; l < layers.depth(); ++l) {
    const Matrix into = architecture.SkipCols(l) > 0 ? Stack(a, X) : a;
    const Matrix z = (layers.Weights(l) * into).colwise() + layers.Bias(l);
    const Matrix bent = Activate(architecture.activation, z);
    a = layers.IsResidual(l) ? Matrix(a + bent) : bent;
    values.A.push_back(a);
    values.slopes.push_back(Slopes(architecture.activation, z));
  }
  const Index last = layers.depth();
  const Matrix into = architecture.SkipCols(last) > 0 ? Stack(a, X) : a;
  values.Y = (layers.Weights(last) * into).colwise() + layers.Bias(last);
  return values;
}

HiddenAdjoints Reverse(const Layers& layers, const HiddenValues& values, Index output) {
  const Index num_samples = values.Y.cols();
  const auto num_hidden = static_cast<std::size_t>(layers.depth() - 1);
  HiddenAdjoints adjoints{.A_bar = std::vector<Matrix>(num_hidden),
                          .Z_bar = std::vector<Matrix>(num_hidden),
                          .X_bar = Matrix::Zero(layers.architecture.n, num_samples)};
  Matrix z_bar = Matrix::Zero(layers.architecture.m, num_samples);
  z_bar.row(output).setOnes();
  Matrix passed;  // ā_l of what residual layer l + 1 adds, if it does.
  for (Index l = layers.depth(); l >= 1; --l) {
    const Matrix& W = layers.Weights(l);
    const Index skip = layers.architecture.SkipCols(l);
    if (skip > 0) adjoints.X_bar += W.rightCols(skip).transpose() * z_bar;
    Matrix a_bar = W.leftCols(W.cols() - skip).transpose() * z_bar;
    if (l == 1) {
      adjoints.X_bar += a_bar;
      break;
    }
    const auto before = static_cast<std::size_t>(l - 2);
    if (layers.IsResidual(l)) a_bar += passed;
    z_bar = a_bar.cwiseProduct(values.slopes[before]);
    adjoints.Z_bar[before] = z_bar;
    adjoints.A_bar[before] = a_bar;
    passed = std::move(a_bar);
  }
  return adjoints;
}

}  // namespace sobolev::prune
