// The scalar examples of the lectures that this engine was planned from, with their published
// numbers: A. Mendez-Vazquez, "Backpropagation and Automatic Differentiation" (2020); S. Kakade,
// "Auto-Differentiation and Computation Graphs" (CSE 446); the HSE seminar on automatic
// differentiation. Where a slide has a misprint, a comment says what it must read and why.

#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/tangent.h"
#include "engine/ad/tape.h"
#include "engine/ad/verify.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/matrix_function.h"
#include "tests/engine/ad/source_tables.h"

namespace sobolev::ad {
namespace {

constexpr double kPrinted = 0.5e-4;  // Slides round to four decimals.

// y = [sin(x₁/x₂) + x₁/x₂ − exp(x₂)] [x₁/x₂ − exp(x₂)]: v₁ … v₆ of the evaluation trace.
template <class T>
std::vector<T> EvaluationTrace(const T& x1, const T& x2) {
  std::vector<T> v(7);
  v[1] = x1 / x2;
  v[2] = sin(v[1]);
  v[3] = exp(x2);
  v[4] = v[1] - v[3];
  v[5] = v[2] + v[4];
  v[6] = v[5] * v[4];
  return v;
}

TEST(SourcesTest, EvaluationTraceWithTangents) {
  const auto v = EvaluationTrace(Tangent<double>(1.5, 1), Tangent<double>(0.5, 0));
  // The slide computes v5 from 1.3413, a misprint of 1.3513 = v4; its 1.4924 is right. It seeds a
  // "v̇₁ = 0.0" that must read v̇₀, and v̇₃ = v₃ v̇₁ must read v₃ v̇₀ (its value 0.0 is right).
  SourceTable table("f(1.5, 0.5), evaluation trace and tangent in x1, as published");
  const double values[] = {3.0, 0.1411, 1.6487, 1.3513, 1.4924};
  const double tangents[] = {2.0, -1.98, 0.0, 2.0, 0.02, 3.0118};
  for (std::size_t i = 1; i <= 6; ++i) {
    const std::string name = "v" + std::to_string(i);
    if (i <= 5) table.Row(name, values[i - 1], v[i].value, kPrinted);
    // -1.98 and 0.02 are printed with two decimals.
    const bool is_coarse = i == 2 || i == 5;
    table.Row(name + " dot", tangents[i - 1], v[i].dot, is_coarse ? 0.5e-2 : kPrinted);
  }
  // The published result 2.0167 is the product of the rounded factors 1.4924 and 1.3513. The
  // product of the exact ones is 2.016646…, which rounds to 2.0166: the last digit of the slide is
  // off.
  const long double v4 = 3 - std::exp(0.5L);
  const auto y = static_cast<double>((std::sin(3.0L) + v4) * v4);
  table.Row("v6 = y, exactly", y, v[6].value, 1e-15);
  table.Row("v6, rounded to four decimals", 2.0166, v[6].value, kPrinted);
  table.Row("published 2.0167 = 1.4924 * 1.3513", 2.0167, 1.4924 * 1.3513, kPrinted);
  table.Row("published 2.0167, one digit off", 2.0167, v[6].value, 2 * kPrinted);
}

TEST(SourcesTest, EvaluationTraceInReverse) {
  // ∂y/∂v₁ = (cos v₁ + 1) v₄ + v₅ and ∂y/∂v₃ = −v₄ − v₅, in long double.
  const long double v3 = std::exp(0.5L);
  const long double v4 = 3 - v3;
  const long double v5 = std::sin(3.0L) + v4;
  const long double v1_bar = (std::cos(3.0L) + 1) * v4 + v5;
  const auto x1_bar = static_cast<double>(v1_bar / 0.5L);
  const auto x2_bar = static_cast<double>(-v1_bar * 1.5L / 0.25L - (v4 + v5) * v3);
  const auto f = [](const auto& x) { return EvaluationTrace(x(0), x(1))[6]; };
  const Vector gradient = ReverseGradient(f, Vector{{1.5, 0.5}});
  SourceTable table("f(1.5, 0.5), gradient");
  table.Row("df/dx1 (published)", 3.0118, gradient(0), kPrinted);
  table.Row("df/dx1", x1_bar, gradient(0), 1e-14);
  table.Row("df/dx2", x2_bar, gradient(1), 1e-13);
  table.Rows("tangents", gradient, ForwardGradient(f, Vector{{1.5, 0.5}}), 1e-14);
}

TEST(SourcesTest, PerceptronAdjoints) {
  const Vector x{{0.5, -1.0, 2.0}};
  const Vector w{{0.3, 0.8, -0.4}};
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  std::vector<Adjoint<double>> v(6);
  std::vector<Adjoint<double>> weights;
  for (const double w_i : w) weights.push_back(tape.Variable(w_i));
  for (std::size_t i = 1; i <= 3; ++i) v[i] = x(static_cast<Index>(i) - 1) * weights[i - 1];
  v[4] = v[1] + v[2] + v[3];
  v[5] = Logistic(v[4]);
  tape.Reverse(v[5]);
  const double slope = LogisticSlope(w.dot(x));
  SourceTable table("Perceptron y = sigma(w1 x1 + w2 x2 + w3 x3), adjoints");
  table.Row("v5 bar = 1", 1, tape.adjoint(v[5]), 0);
  table.Row("v4 bar = sigma'(v4)", slope, tape.adjoint(v[4]), 1e-16);
  for (std::size_t i = 1; i <= 3; ++i) {
    table.Row("v" + std::to_string(i) + " bar = sigma'(v4)", slope, tape.adjoint(v[i]), 1e-16);
    const double x_i = x(static_cast<Index>(i) - 1);
    table.Row("w" + std::to_string(i) + " bar = x" + std::to_string(i) + " sigma'(v4)", x_i * slope,
              tape.adjoint(weights[i - 1]), 1e-16);
  }
  // The forward column of the slide has v₃ = w₃ v₀ for x₃ v₀ and v̇₅ = v̇₄ for σ′(v₄) v̇₄; its result
  // x₃ σ′(v₄) is right.
  const auto y = [&](const auto& z) {
    return Logistic(
        typename std::decay_t<decltype(z)>::Scalar(x(0) * z(0) + x(1) * z(1) + x(2) * z(2)));
  };
  table.Row("y dot in w3 = x3 sigma'(v4)", x(2) * slope, ForwardGradient(y, w)(2), 1e-16);
}

// y₁ = σ(w₁x), y₂ = σ(w₂x), y₃ = σ(w₃x); the slide prints w₂ in the third. Its table computes the
// chain v₂ = w₂ v₁, v₃ = w₃ v₂ instead, so that v̇₃ = w₃ w₂ w₁; both readings are shown.
template <class T>
VectorOf<T> ThreeOutputs(const T& x, const Vector& w, bool is_chain) {
  VectorOf<T> y(3);
  T v = x;
  for (Index i = 0; i < 3; ++i) {
    v = w(i) * (is_chain ? v : x);
    y(i) = Logistic(v);
  }
  return y;
}

TEST(SourcesTest, ThreeOutputsForwardAndReverse) {
  const Vector w{{0.5, -2.0, 1.5}};
  const double x = 0.7;
  for (const bool is_chain : {false, true}) {
    SourceTable table(is_chain ? "y_i = sigma(w_i ... w_1 x), one forward and three reverse sweeps"
                               : "y_i = sigma(w_i x), one forward and three reverse sweeps");
    const VectorOf<Tangent<double>> forward = ThreeOutputs(Tangent<double>(x, 1), w, is_chain);
    Tape<double> tape;
    const Tape<double>::Scope scope(tape);
    const Adjoint<double> input = tape.Variable(x);
    const VectorOf<Adjoint<double>> reverse = ThreeOutputs(input, w, is_chain);
    for (Index i = 0; i < 3; ++i) {
      const double factor = is_chain ? w.head(i + 1).prod() : w(i);
      const double slope = factor * LogisticSlope(factor * x);
      const std::string name = "y" + std::to_string(i + 1);
      table.Row(name + " dot", slope, forward(i).dot, 1e-15);
      tape.Reverse(reverse(i));
      table.Row(name + ": x bar", slope, tape.adjoint(input), 1e-15);
    }
  }
}

// The slide's small network: v₁, v₂ affine in three inputs, two hidden layers of two, one output;
// tangents with respect to w₁₁. Its v̇₃ = v₃(1 − v₃)x₁₁ must read x₁.
TEST(SourcesTest, SmallNetworkForwardTangents) {
  const Vector x{{0.4, -0.7, 1.1}};
  const Matrix W_1{{0.2, -0.5, 0.3}, {0.7, 0.1, -0.6}};
  const Matrix W_2{{1.2, -0.8}, {0.5, 0.9}};
  const Matrix W_3{{-1.1, 0.6}};
  const auto network = [&](const auto& w11) {
    using T = std::decay_t<decltype(w11)>;
    std::vector<T> v(11);
    v[1] = w11 * x(0) + W_1(0, 1) * x(1) + W_1(0, 2) * x(2);
    v[2] = T(W_1.row(1).dot(x));
    v[3] = Logistic(v[1]);
    v[4] = Logistic(v[2]);
    v[5] = W_2(0, 0) * v[3] + W_2(0, 1) * v[4];
    v[6] = W_2(1, 0) * v[3] + W_2(1, 1) * v[4];
    v[7] = Logistic(v[5]);
    v[8] = Logistic(v[6]);
    v[9] = W_3(0, 0) * v[7] + W_3(0, 1) * v[8];
    v[10] = Logistic(v[9]);
    return v;
  };
  const std::vector<double> v = network(W_1(0, 0));
  const std::vector<Tangent<double>> t = network(Tangent<double>(W_1(0, 0), 1));
  SourceTable table("Small network, tangents in w11");
  std::vector<double> dot(11, 0.0);
  dot[1] = x(0);
  dot[3] = v[3] * (1 - v[3]) * x(0);
  dot[5] = W_2(0, 0) * dot[3];
  dot[6] = W_2(1, 0) * dot[3];
  dot[7] = v[7] * (1 - v[7]) * dot[5];
  dot[8] = v[8] * (1 - v[8]) * dot[6];
  dot[9] = W_3(0, 0) * dot[7] + W_3(0, 1) * dot[8];
  dot[10] = v[10] * (1 - v[10]) * dot[9];
  for (std::size_t i = 1; i <= 10; ++i) {
    table.Row("v" + std::to_string(i) + " dot", dot[i], t[i].dot, 1e-16);
  }
  const auto f = [&](const auto& w) { return network(w(0))[10]; };
  table.Row("w11 bar in reverse", dot[10], ReverseGradient(f, Vector{{W_1(0, 0)}})(0), 1e-16);
}

// Kakade's f(w₁, w₂) = (sin(2πw₁/w₂) + 3w₁/w₂ − exp(2w₂)) (3w₁/w₂ − exp(2w₂)) by its trace.
template <class T>
T KakadeTrace(const VectorOf<T>& w) {
  const T z1 = w(0) / w(1);
  const T z2 = sin(2 * std::numbers::pi * z1);
  const T z3 = exp(2.0 * w(1));
  const T z4 = 3.0 * z1 - z3;
  const T z5 = z2 + z4;
  return z4 * z5;
}

TEST(SourcesTest, KakadesFunction) {
  const auto f = [](const auto& w) { return KakadeTrace(w); };
  const Vector w{{0.8, 0.6}};
  const long double z1 = static_cast<long double>(w(0)) / w(1);
  const long double pi = std::numbers::pi_v<long double>;
  const long double z3 = std::exp(2.0L * w(1));
  const long double z4 = 3 * z1 - z3;
  const long double z2 = std::sin(2 * pi * z1);
  const long double z1_bar = 2 * pi * std::cos(2 * pi * z1) * z4 + 3 * (2 * z4 + z2);
  const long double z3_bar = -(2 * z4 + z2);
  const Vector gradient = ReverseGradient(f, w);
  SourceTable table("Kakade's f(w1, w2) at (0.8, 0.6)");
  table.Row("f", static_cast<double>((z2 + z4) * z4), f(w), 1e-14);
  table.Row("df/dw1", static_cast<double>(z1_bar / w(1)), gradient(0), 1e-13);
  table.Row("df/dw2", static_cast<double>(-z1_bar * z1 / w(1) + 2 * z3 * z3_bar), gradient(1),
            1e-13);
  table.Rows("tangents", gradient, ForwardGradient(f, w), 1e-13);
  table.Rows("complex step", gradient, ComplexStepGradient(f, w), 1e-13);
}

TEST(SourcesTest, ToyExampleOfTheSeminar) {
  const auto f = [](const auto& x) {
    using T = typename std::decay_t<decltype(x)>::Scalar;
    return T(x(0) * x(1) + sin(x(0)));
  };
  const Vector x{{1.3, -0.4}};
  const Vector expected{{x(1) + std::cos(x(0)), x(0)}};
  SourceTable table("x1 x2 + sin x1");
  table.Rows("reverse", expected, ReverseGradient(f, x), 1e-16);
  table.Rows("forward", expected, ForwardGradient(f, x), 1e-16);
}

// ȳᵀẏ = x̄ᵀẋ across the two modes, for y = tanh(A sin(B x)).
TEST(SourcesTest, TangentsAndAdjointsSatisfyTheDualIdentity) {
  const Matrix A = RandomMatrix(3, 5, 1);
  const Matrix B = RandomMatrix(5, 4, 2);
  const auto F = [&]<class T>(const VectorOf<T>& x) {
    VectorOf<T> y(3);
    for (Index i = 0; i < 3; ++i) {
      T sum = T(0.0);
      for (Index j = 0; j < 5; ++j) {
        T field = T(0.0);
        for (Index k = 0; k < 4; ++k) field += B(j, k) * x(k);
        sum += A(i, j) * sin(field);
      }
      y(i) = tanh(sum);
    }
    return y;
  };
  const Vector x = RandomMatrix(4, 1, 3);
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  VectorOf<Adjoint<double>> inputs(4);
  for (Index i = 0; i < 4; ++i) inputs(i) = tape.Variable(x(i));
  const VectorOf<Adjoint<double>> outputs = F(inputs);
  const auto jvp = [&](const Vector& x_dot) -> Vector {
    VectorOf<Tangent<double>> seeded(4);
    for (Index i = 0; i < 4; ++i) seeded(i) = Tangent<double>(x(i), x_dot(i));
    return F(seeded).unaryExpr([](const Tangent<double>& y) { return y.dot; });
  };
  const auto vjp = [&](const Vector& y_bar) -> Vector {
    tape.ZeroAdjoints();
    for (Index i = 0; i < 3; ++i) tape.Seed(outputs(i), y_bar(i));
    tape.Reverse();
    return inputs.unaryExpr([&](const Adjoint<double>& input) { return tape.adjoint(input); });
  };
  SourceTable table("ybar' ydot = xbar' xdot, worst relative defect of 50 pairs");
  table.Row("defect", 0, DotProductTest(jvp, vjp, 4, 3, 50, 4), 1e-15);
}

// ∂/∂xᵢ ∏xⱼ = ∏_{j≠i} xⱼ, also where a factor is zero, and division by xᵢ would fail.
TEST(SourcesTest, ProductOfNVariables) {
  const auto product = [](const auto& x) {
    using T = typename std::decay_t<decltype(x)>::Scalar;
    T y = x(0);
    for (Index i = 1; i < x.size(); ++i) y *= x(i);
    return y;
  };
  SourceTable table("Product of n variables");
  for (const Index n : {3, 20}) {
    for (const bool has_zero : {false, true}) {
      Vector x = Vector::LinSpaced(n, 0.5, 1.5);
      if (has_zero) x(1) = 0;
      Vector expected(n);
      for (Index i = 0; i < n; ++i) {
        Vector others = x;
        others(i) = 1;
        expected(i) = others.prod();
      }
      const std::string name = has_zero ? "with a zero" : "without zeros";
      table.Rows("reverse, " + name, expected, ReverseGradient(product, x), 1e-15);
      table.Rows("forward, " + name, expected, ForwardGradient(product, x), 1e-15);
    }
  }
}

// f(x) = Σ xᵢ² at xᵢ = i, n = 1000: f = 333,833,500, whose last bit is worth 6e-8, and x₁ moves it
// by 2h. The slides estimate the error n³√ε/3 of the quotient as "33"; with ε = 1e-16 it is 3.3,
// and either way it exceeds the derivative. (Their quotient "(f(x + h) − f(x)) / 2h" should be over
// h, and their roundoff ε = 2⁻⁵⁴ is 5.6e-17.)
TEST(SourcesTest, SumOfSquaresDefeatsForwardDifferences) {
  const auto f = [](const auto& x) {
    using T = typename std::decay_t<decltype(x)>::Scalar;
    T sum = T(0.0);
    for (Index i = 0; i < x.size(); ++i) sum += x(i) * x(i);
    return sum;
  };
  const Vector x = Vector::LinSpaced(1000, 1, 1000);
  const auto f_of_x1 = [&](double x1) {
    Vector moved = x;
    moved(0) = x1;
    return f(moved);
  };
  SourceTable table("Sum of squares, n = 1000, df/dx1 at x = (1, ..., 1000)");
  table.Row("f", 333'833'500, f(x), 0);
  table.Row("reverse", 2, ReverseGradient(f, x)(0), 0);
  table.Row("forward", 2, ForwardGradient(f, x)(0), 0);
  table.Rows("reverse, whole gradient", 2 * x, ReverseGradient(f, x), 0);
  // Every digit lost: the quotient is a multiple of 2⁻²⁴/h, hence 0 or 4 and more.
  const double sqrt_epsilon = std::sqrt(std::numeric_limits<double>::epsilon());
  table.Miss("forward difference, h = sqrt(2^-52)", 2, ForwardDifference(f_of_x1, 1, sqrt_epsilon),
             1.9);
  table.Miss("forward difference, h = 1e-8", 2, ForwardDifference(f_of_x1, 1, 1e-8), 1.9);
  // A step that is chosen and not prescribed finds what is left: h large, since f is quadratic.
  table.Row("central difference, chosen h", 2, CentralDifference(f_of_x1, 1).derivative, 1e-5);
}

}  // namespace
}  // namespace sobolev::ad
