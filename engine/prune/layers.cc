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
    : layers_(layers), x_(std::move(X)), x_dot_(std::move(X_dot)), a_(x_), a_dot_(x_dot_) {}

void LayerSweep::Affine() {
  ++l_;
  const Matrix& W = layers_.Weights(l_);
  const Index inner = a_.rows();
  z_ = Product(W.leftCols(inner), a_).colwise() + layers_.Bias(l_);
  z_dot_ = Product(W.leftCols(inner), a_dot_);
  const Index skip = layers_.architecture.SkipCols(l_);
  if (skip == 0) return;
  z_ += Product(W.rightCols(skip), x_);
  z_dot_ += Product(W.rightCols(skip), x_dot_);
}

void LayerSweep::Bend() {
  const nn::Activation activation = layers_.architecture.activation;
  const Matrix slopes = Slopes(activation, z_);
  const Matrix bent = Activate(activation, z_);
  Matrix bent_dot = z_dot_;
  const Index num_samples = z_.cols();
  for (Index first = 0; first < bent_dot.cols(); first += num_samples) {
    bent_dot.middleCols(first, num_samples).array() *= slopes.array();
  }
  const bool adds = layers_.IsResidual(l_);
  a_ = adds ? Matrix(a_ + bent) : bent;
  a_dot_ = adds ? Matrix(a_dot_ + bent_dot) : bent_dot;
}

Matrix LayerSweep::Features() const {
  const Index num_samples = a_.cols();
  const Index skip = layers_.architecture.SkipCols(l_ + 1);
  Matrix features(a_.rows() + skip + 1, num_samples + a_dot_.cols());
  features.topLeftCorner(a_.rows(), num_samples) = a_;
  features.topRightCorner(a_.rows(), a_dot_.cols()) = a_dot_;
  if (skip > 0) {
    features.block(a_.rows(), 0, skip, num_samples) = x_;
    features.block(a_.rows(), num_samples, skip, a_dot_.cols()) = x_dot_;
  }
  features.bottomLeftCorner(1, num_samples).setOnes();
  features.bottomRightCorner(1, a_dot_.cols()).setZero();
  return features;
}

Matrix LayerSweep::Images() const {
  Matrix images(z_.rows(), z_.cols() + z_dot_.cols());
  images << z_, z_dot_;
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
