// Recurrent networks of the sources, unrolled over time: the Elman network and its gated variant
// (Mendez-Vazquez 2020, after Elman 1990). Four gradients of the loss must agree: the tape's, one
// tangent per parameter, the complex step, and backpropagation through time written by hand.
//
// Elman:  h_t = tanh(W x_t + U h_{t−1} + b),  y_T = σ(V h_T),  L = ‖y_T − z‖²/2.
// Gated:  y_t = σ(W x_t + U h_{t−1} + b),  s_t = tanh(V y_t + D x_t + c),
//         h_t = (1 − y_t) ∘ h_{t−1} + y_t ∘ s_t,  L = ‖y_T − z‖²/2.

#include <cmath>
#include <string>
#include <vector>

#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "engine/ad/verify.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/matrix_function.h"
#include "tests/engine/ad/source_tables.h"

namespace sobolev::ad {
namespace {

constexpr Index kInputs = 2;
constexpr Index kHidden = 3;

// M x + N h + b on any scalar.
template <class T>
VectorOf<T> Affine(const MatrixOf<T>& M, const VectorOf<T>& x, const MatrixOf<T>& N,
                   const VectorOf<T>& h, const VectorOf<T>& b) {
  VectorOf<T> y = b;
  for (Index i = 0; i < y.size(); ++i) {
    for (Index j = 0; j < x.size(); ++j) y(i) += M(i, j) * x(j);
    for (Index j = 0; j < h.size(); ++j) y(i) += N(i, j) * h(j);
  }
  return y;
}

template <class T>
VectorOf<T> Tanh(const VectorOf<T>& x) {
  return x.unaryExpr([](const T& entry) { return T(tanh(entry)); });
}

template <class T>
VectorOf<T> Sigma(const VectorOf<T>& x) {
  return x.unaryExpr([](const T& entry) { return Logistic(entry); });
}

template <class T>
T HalfSquaredDistance(const VectorOf<T>& y, const Vector& z) {
  T loss = T(0.0);
  for (Index i = 0; i < y.size(); ++i) loss += 0.5 * (y(i) - z(i)) * (y(i) - z(i));
  return loss;
}

template <class T>
struct Elman {
  explicit Elman(const VectorOf<T>& theta)
      : W(MatrixAt(theta, 0, kHidden, kInputs)),
        U(MatrixAt(theta, 6, kHidden, kHidden)),
        b(theta.segment(15, kHidden)),
        V(MatrixAt(theta, 18, kInputs, kHidden)) {}

  VectorOf<T> Next(const VectorOf<T>& x, const VectorOf<T>& h) const {
    return Tanh(Affine(W, x, U, h, b));
  }
  VectorOf<T> Read(const VectorOf<T>& h) const {
    const VectorOf<T> none = VectorOf<T>::Constant(kInputs, T(0.0));
    return Sigma(Affine(MatrixOf<T>(V), h, MatrixOf<T>(V), VectorOf<T>(), none));
  }

  MatrixOf<T> W, U;
  VectorOf<T> b;
  MatrixOf<T> V;
};
constexpr Index kElmanParameters = 24;

template <class T>
struct Gated {
  explicit Gated(const VectorOf<T>& theta)
      : W(MatrixAt(theta, 0, kHidden, kInputs)),
        U(MatrixAt(theta, 6, kHidden, kHidden)),
        b(theta.segment(15, kHidden)),
        V(MatrixAt(theta, 18, kHidden, kHidden)),
        D(MatrixAt(theta, 27, kHidden, kInputs)),
        c(theta.segment(33, kHidden)) {}

  VectorOf<T> Gate(const VectorOf<T>& x, const VectorOf<T>& h) const {
    return Sigma(Affine(W, x, U, h, b));
  }
  VectorOf<T> Candidate(const VectorOf<T>& x, const VectorOf<T>& y) const {
    return Tanh(Affine(D, x, V, y, c));
  }
  static VectorOf<T> Mix(const VectorOf<T>& y, const VectorOf<T>& h, const VectorOf<T>& s) {
    VectorOf<T> mixed(h.size());
    for (Index i = 0; i < h.size(); ++i) mixed(i) = (1.0 - y(i)) * h(i) + y(i) * s(i);
    return mixed;
  }

  MatrixOf<T> W, U;
  VectorOf<T> b;
  MatrixOf<T> V, D;
  VectorOf<T> c;
};
constexpr Index kGatedParameters = 36;

class RecurrentTest : public testing::Test {
 protected:
  // X: one input per step, in columns.
  template <class T>
  VectorOf<T> Input(Index t) const {
    return X_.col(t).cast<T>();
  }
  template <class T>
  T ElmanLoss(const VectorOf<T>& theta) const {
    const Elman<T> net(theta);
    VectorOf<T> h = VectorOf<T>::Constant(kHidden, T(0.0));
    for (Index t = 0; t < X_.cols(); ++t) h = net.Next(Input<T>(t), h);
    return HalfSquaredDistance(net.Read(h), z_elman_);
  }
  template <class T>
  T GatedLoss(const VectorOf<T>& theta) const {
    const Gated<T> net(theta);
    VectorOf<T> h = VectorOf<T>::Constant(kHidden, T(0.0));
    VectorOf<T> y;
    for (Index t = 0; t < X_.cols(); ++t) {
      y = net.Gate(Input<T>(t), h);
      h = Gated<T>::Mix(y, h, net.Candidate(Input<T>(t), y));
    }
    return HalfSquaredDistance(y, z_gated_);
  }

  const Matrix X_ = RandomMatrix(kInputs, 6, 1);
  const Vector z_elman_{{0.2, 0.9}};
  const Vector z_gated_{{0.1, 0.8, 0.4}};
};

void ExpectFourGradients(const std::string& title, const auto& loss, const Vector& theta,
                         const Vector& by_hand) {
  SourceTable table(title);
  table.Rows("tape against BPTT by hand", by_hand, ReverseGradient(loss, theta), 1e-15);
  table.Rows("tangents", by_hand, ForwardGradient(loss, theta), 1e-15);
  table.Rows("complex step", by_hand, ComplexStepGradient(loss, theta), 1e-15);
  EXPECT_GT(by_hand.cwiseAbs().maxCoeff(), 1e-3);  // There is something to agree on.
}

TEST_F(RecurrentTest, ElmanNetwork) {
  const Vector theta = 0.6 * RandomMatrix(kElmanParameters, 1, 2);
  const Elman<double> net(theta);
  std::vector<Vector> h{Vector::Zero(kHidden)};
  for (Index t = 0; t < X_.cols(); ++t) h.push_back(net.Next(X_.col(t), h.back()));
  const Vector y = net.Read(h.back());
  const Vector read_bar = (y - z_elman_).array() * y.array() * (1 - y.array());
  Matrix W_bar = Matrix::Zero(kHidden, kInputs);
  Matrix U_bar = Matrix::Zero(kHidden, kHidden);
  Vector b_bar = Vector::Zero(kHidden);
  Vector h_bar = net.V.transpose() * read_bar;
  for (Index t = X_.cols() - 1; t >= 0; --t) {
    const auto step = static_cast<std::size_t>(t);
    const Vector field_bar = h_bar.array() * (1 - h[step + 1].array().square());
    W_bar += field_bar * X_.col(t).transpose();
    U_bar += field_bar * h[step].transpose();
    b_bar += field_bar;
    h_bar = net.U.transpose() * field_bar;
  }
  const Vector by_hand = Flatten({W_bar, U_bar, b_bar, read_bar * h.back().transpose()});
  const auto loss = [this](const auto& parameters) { return ElmanLoss(parameters); };
  ExpectFourGradients("Elman network, 6 steps, 24 parameters", loss, theta, by_hand);
}

TEST_F(RecurrentTest, GatedNetwork) {
  const Vector theta = 0.6 * RandomMatrix(kGatedParameters, 1, 3);
  const Gated<double> net(theta);
  std::vector<Vector> h{Vector::Zero(kHidden)};
  std::vector<Vector> y;
  std::vector<Vector> s;
  for (Index t = 0; t < X_.cols(); ++t) {
    y.push_back(net.Gate(X_.col(t), h.back()));
    s.push_back(net.Candidate(X_.col(t), y.back()));
    h.push_back(Gated<double>::Mix(y.back(), h.back(), s.back()));
  }
  Matrix W_bar = Matrix::Zero(kHidden, kInputs);
  Matrix U_bar = Matrix::Zero(kHidden, kHidden);
  Vector b_bar = Vector::Zero(kHidden);
  Matrix V_bar = Matrix::Zero(kHidden, kHidden);
  Matrix D_bar = Matrix::Zero(kHidden, kInputs);
  Vector c_bar = Vector::Zero(kHidden);
  Vector h_bar = Vector::Zero(kHidden);
  Matrix one_path = Matrix::Zero(kHidden, kInputs);
  for (Index t = X_.cols() - 1; t >= 0; --t) {
    const auto k = static_cast<std::size_t>(t);
    const Vector s_bar = h_bar.cwiseProduct(y[k]);
    const Vector candidate_bar = s_bar.array() * (1 - s[k].array().square());
    V_bar += candidate_bar * y[k].transpose();
    D_bar += candidate_bar * X_.col(t).transpose();
    c_bar += candidate_bar;
    Vector y_bar = h_bar.cwiseProduct(s[k] - h[k]) + net.V.transpose() * candidate_bar;
    if (t == X_.cols() - 1) y_bar += y[k] - z_gated_;
    const Vector gate_bar = y_bar.array() * y[k].array() * (1 - y[k].array());
    W_bar += gate_bar * X_.col(t).transpose();
    U_bar += gate_bar * h[k].transpose();
    b_bar += gate_bar;
    h_bar = h_bar.cwiseProduct(Vector::Ones(kHidden) - y[k]) + net.U.transpose() * gate_bar;
    if (t == X_.cols() - 2) one_path = D_bar;
  }
  const Vector by_hand = Flatten({W_bar, U_bar, b_bar, V_bar, D_bar, c_bar});
  const auto loss = [this](const auto& parameters) { return GatedLoss(parameters); };
  ExpectFourGradients("Gated network, 6 steps, 36 parameters", loss, theta, by_hand);

  // The slides stop after one step back (y_t → h_{t−1} → s_{t−1} → D) and conclude that no
  // propagation through time is needed. That is one path of many: the gradient is their sum.
  SourceTable table("Gated network, norm of dL/dD");
  table.Miss("the one path of the slides", D_bar.norm(), one_path.norm(), 0.05 * D_bar.norm());
}

// ∂h_T/∂h_0 is the product of diag(1 − h_t²) U: with ‖U‖₂ < 1 it vanishes like ‖U‖₂ᵀ.
TEST_F(RecurrentTest, ProductsOverTimeVanishOrExplode) {
  const Index num_steps = 20;
  const Matrix inputs = RandomMatrix(kInputs, num_steps, 4);
  Vector theta = RandomMatrix(kElmanParameters, 1, 5);
  const Matrix Q = RandomOrthogonal(kHidden, 6);
  SourceTable table("Elman, |dh_20/dh_0|_2");
  for (const double gain : {0.5, 1.5}) {
    theta.segment(6, 9) = (gain * Q).reshaped();
    // Without inputs the explosive state rests at zero, where tanh′ = 1 and the product is U²⁰.
    const double drive = gain < 1 ? 1 : 0;
    theta.segment(15, 3).setConstant(drive * 0.1);
    const Elman<double> net(theta);
    Vector h = Vector::Zero(kHidden);
    Matrix product = Matrix::Identity(kHidden, kHidden);
    for (Index t = 0; t < num_steps; ++t) {
      h = net.Next(drive * inputs.col(t), h);
      product = Vector(1 - h.array().square()).asDiagonal() * net.U * product;
    }
    Matrix by_tape(kHidden, kHidden);
    for (Index i = 0; i < kHidden; ++i) {
      const auto last = [&]<class T>(const VectorOf<T>& start) {
        const Elman<T> recorded(theta.cast<T>());
        VectorOf<T> state = start;
        for (Index t = 0; t < num_steps; ++t) {
          state = recorded.Next((drive * inputs.col(t)).template cast<T>(), state);
        }
        return T(state(i));
      };
      by_tape.row(i) = ReverseGradient(last, Vector::Zero(kHidden)).transpose();
    }
    const double norm = product.jacobiSvd().singularValues()(0);
    const double bound = std::pow(gain, static_cast<double>(num_steps));
    table.Row("tape against the product of factors", norm, by_tape.jacobiSvd().singularValues()(0),
              1e-13 * norm);
    EXPECT_LE(norm, bound * (1 + 1e-12));
    if (gain < 1) {
      EXPECT_LT(norm, 1e-6);
    } else {
      table.Row("1.5^20, the exploding case", bound, norm, 1e-9 * bound);
    }
  }
}

// A closed gate (y ≈ 0) copies the state: h_t ≈ h_{t−1}, and the product over time stays near one.
TEST_F(RecurrentTest, ClosedGatesCarryGradientsThroughTime) {
  Vector theta = 0.3 * RandomMatrix(kGatedParameters, 1, 7);
  theta.segment(15, 3).setConstant(-8);  // b: σ(−8) ≈ 3e-4.
  const auto last = [&]<class T>(const VectorOf<T>& start) {
    const Gated<T> net(theta.cast<T>());
    VectorOf<T> h = start;
    for (Index t = 0; t < 20; ++t) {
      const VectorOf<T> x = Input<T>(t % 6);
      const VectorOf<T> y = net.Gate(x, h);
      h = Gated<T>::Mix(y, h, net.Candidate(x, y));
    }
    return T(h(0));
  };
  const Vector gradient = ReverseGradient(last, Vector::Zero(kHidden));
  SourceTable table("Gated network with closed gates, dh_20[0]/dh_0");
  table.Rows("near the unit vector", Vector::Unit(kHidden, 0), gradient, 0.02);
  table.Rows("tangents", gradient, ForwardGradient(last, Vector::Zero(kHidden)), 1e-15);
}

}  // namespace
}  // namespace sobolev::ad
