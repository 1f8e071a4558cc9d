// The matrix examples and the forward-mode lessons of the sources: the HSE seminar's problems, and
// N. Brümmer, "Automatic Differentiation for Machine Learning" (MLSS 2019), on dual numbers, the
// complex step with its caveats, and Hessian-vector products.

#include <cmath>
#include <complex>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <gtest/gtest.h>

#include "engine/ad/curvature.h"
#include "engine/ad/linear_algebra.h"
#include "engine/ad/tangent.h"
#include "engine/ad/verify.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/matrix_function.h"
#include "tests/engine/ad/source_tables.h"

namespace sobolev::ad {
namespace {

// tr(A X⁻¹ B) through Gauss elimination on whatever scalar.
template <class T>
T TraceThroughScalars(const Matrix& A, const VectorOf<T>& x, const Matrix& B, Index n) {
  MatrixOf<T> M = x.reshaped(n, n);
  MatrixOf<T> S = B.cast<T>();
  for (Index k = 0; k < n; ++k) {
    for (Index i = k + 1; i < n; ++i) {
      const T factor = M(i, k) / M(k, k);
      for (Index j = k; j < n; ++j) M(i, j) -= factor * M(k, j);
      for (Index j = 0; j < S.cols(); ++j) S(i, j) -= factor * S(k, j);
    }
  }
  T trace = T(0.0);
  for (Index j = 0; j < S.cols(); ++j) {
    for (Index i = n - 1; i >= 0; --i) {
      for (Index k = i + 1; k < n; ++k) S(i, j) -= M(i, k) * S(k, j);
      S(i, j) /= M(i, i);
      trace += A(j, i) * S(i, j);
    }
  }
  return trace;
}

TEST(SourcesMatrixTest, TraceOfAnInverse) {
  const Index n = 3;
  const Matrix A = RandomMatrix(2, n, 1);
  const Matrix B = RandomMatrix(n, 2, 2);
  const Matrix X = RandomMatrix(n, n, 3) + 4 * Matrix::Identity(n, n);
  const Matrix V = RandomMatrix(n, n, 4);
  const auto f = [&](const auto& x) { return TraceThroughScalars(A, x, B, n); };
  const InverseTrace trace(A, X, B);
  const Matrix inverse = X.inverse();
  const Matrix published =
      -inverse.transpose() * A.transpose() * B.transpose() * inverse.transpose();
  SourceTable table("f(X) = tr(A X^-1 B)");
  table.Row("f", (A * inverse * B).trace(), trace.Value(), 1e-14);
  table.Rows("gradient, published formula", Flatten({published}), Flatten({trace.Gradient()}),
             1e-14);
  table.Rows("gradient, reverse scalars", Flatten({published}), ReverseGradient(f, Flatten({X})),
             1e-14);
  table.Rows("Hessian times V, tangent over adjoint",
             TangentOverAdjoint(f, Flatten({X}), Flatten({V})), Flatten({trace.HessianVector(V)}),
             1e-14);
}

TEST(SourcesMatrixTest, CubedNorm) {
  const auto g = [](const auto& x) {
    using T = typename std::decay_t<decltype(x)>::Scalar;
    T sum = T(0.0);
    for (Index i = 0; i < x.size(); ++i) sum += x(i) * x(i);
    return T(sum * sqrt(sum) / 3.0);
  };
  const Vector x{{1, -2, 2}};  // ‖x‖ = 3.
  const Matrix published = x * x.transpose() / 3 + 3 * Matrix::Identity(3, 3);
  SourceTable table("g(x) = |x|^3 / 3 at (1, -2, 2)");
  table.Row("g", 9, CubedNorm(x), 1e-15);
  table.Rows("gradient", 3 * x, CubedNormVjp(x, 1), 1e-15);
  table.Rows("gradient, reverse scalars", 3 * x, ReverseGradient(g, x), 1e-14);
  table.Rows("Hessian, published formula", Flatten({published}), Flatten({CubedNormHessian(x)}),
             1e-15);
  Matrix hessian(3, 3);
  for (Index i = 0; i < 3; ++i) hessian.col(i) = TangentOverAdjoint(g, x, Vector::Unit(3, i));
  table.Rows("Hessian, tangent over adjoint", Flatten({published}), Flatten({hessian}), 1e-14);
}

// Problem 2: A x = b and a loss L(x) give ∂L/∂b = A⁻ᵀ ∂L/∂x and ∂L/∂A = −∂L/∂b xᵀ.
TEST(SourcesMatrixTest, LinearSolve) {
  const Index n = 4;
  const Matrix A = RandomMatrix(n, n, 5);
  const Vector b = RandomMatrix(n, 1, 6);
  const LinearSolver solver(A);
  const Matrix x = solver.Solve(b);
  const SolveAdjoints bar = solver.SolveVjp(x, x);  // L = ‖x‖²/2, so that x̄ = x.
  const auto loss = [&](const ComplexVector& flat) {
    const ComplexVector z = MatrixAt(flat, 0, n, n).partialPivLu().solve(flat.tail(n));
    return Complex(z.cwiseProduct(z).sum() / 2.0);
  };
  const Vector exact = ComplexStepGradient(loss, Flatten({A, Matrix(b)}));
  const Vector b_bar = A.transpose().inverse() * x;
  SourceTable table("A x = b, L = |x|^2 / 2");
  table.Rows("dL/db, published formula", b_bar, bar.B_bar, 1e-13);
  table.Rows("dL/dA, published formula", Flatten({-b_bar * x.transpose()}), Flatten({bar.A_bar}),
             1e-13 * (1 + bar.A_bar.norm()));
  table.Rows("dL/dA and dL/db, complex step", exact, Flatten({bar.A_bar, bar.B_bar}),
             1e-13 * (1 + exact.norm()));
}

// Problem 3: R(W) = tr Σ has the gradient U Vᵀ.
TEST(SourcesMatrixTest, NuclearNorm) {
  const Matrix W = RandomMatrix(4, 3, 7);
  const Svd svd = DecomposeSvd(W);
  const GradientEstimate difference = CentralGradient(
      [](const Vector& w) { return NuclearNorm(DecomposeSvd(MatrixAt(w, 0, 4, 3))); },
      Flatten({W}));
  // tr Σ = tr (WᵀW)^{1/2}, and its gradient W (WᵀW)^{-1/2}, by the symmetric eigenproblem.
  const SymmetricEigen gram = DecomposeSymmetric(W.transpose() * W);
  const Matrix inverse_root =
      gram.Q * gram.lambda.cwiseSqrt().cwiseInverse().asDiagonal() * gram.Q.transpose();
  SourceTable table("R(W) = tr Sigma");
  table.Row("R", gram.lambda.cwiseSqrt().sum(), NuclearNorm(svd), 1e-14);
  table.Rows("dR/dW = U V', published", Flatten({svd.U * svd.V.transpose()}),
             Flatten({NuclearNormVjp(svd, 1)}), 1e-15);
  table.Rows("dR/dW = W (W'W)^(-1/2)", Flatten({W * inverse_root}),
             Flatten({NuclearNormVjp(svd, 1)}), 1e-13);
  table.Rows("dR/dW, central differences", difference.gradient, Flatten({NuclearNormVjp(svd, 1)}),
             1e-9);
}

TEST(SourcesMatrixTest, DualNumbers) {
  SourceTable table("Dual numbers: (a + eps)^2 = a^2 + 2 a eps");
  for (const double a : {3.0, -0.1, 1e150}) {
    const Tangent<double> x(a, 1);
    const Tangent<double> y = x * x;
    table.Row("value", a * a, y.value, 0);
    table.Row("infinitesimal part", 2 * a, y.dot, 0);
  }
  // (a + bε)(c + dε) = ac + (ad + bc)ε: no bd.
  const Tangent<double> product = Tangent<double>(2, 3) * Tangent<double>(5, 7);
  table.Row("(2 + 3 eps)(5 + 7 eps), value", 10, product.value, 0);
  table.Row("(2 + 3 eps)(5 + 7 eps), eps", 29, product.dot, 0);
}

TEST(SourcesMatrixTest, ComplexStepAtTenToTheMinusTwenty) {
  const double x = 0.6;
  const double exact = std::exp(x) * (std::sin(x) + std::cos(x));
  const auto f = [](const auto& z) { return std::exp(z) * std::sin(z); };
  SourceTable table("Complex step of e^x sin x at 0.6");
  table.Row("step 1e-20", exact, f(Complex(x, 1e-20)).imag() / 1e-20, 1e-15);
  table.Row("ComplexStep", exact, ComplexStep(f, x), 1e-15);
  table.Row("tangent", exact, (exp(Tangent<double>(x, 1)) * sin(Tangent<double>(x, 1))).dot, 1e-15);
  table.Miss("forward difference, step 1e-20", exact, ForwardDifference(f, x, 1e-20), 1);
}

TEST(SourcesMatrixTest, ComplexStepCaveats) {
  SourceTable table("Complex step: what it cannot do");
  // |z| of a complex number is its modulus, and real.
  const auto modulus = [](const Complex& z) { return Complex(std::abs(z)); };
  table.Miss("abs'(-3)", -1, ComplexStep(modulus, -3), 0.5);
  const auto analytic_abs = [](const Complex& z) { return z.real() < 0 ? -z : z; };
  table.Row("abs'(-3), analytic abs", -1, ComplexStep(analytic_abs, -3), 0);

  // Code that is complex already: cos x = Re e^{ix}.
  const auto real_part = [](const Complex& z) {
    return Complex(std::exp(Complex(0, 1) * z).real());
  };
  table.Miss("Re(e^ix)' at 0.5", -std::sin(0.5), ComplexStep(real_part, 0.5), 0.1);

  // xᵀx with the conjugate transpose is real.
  const Vector x{{1, 2}};
  const Vector d{{3, -1}};
  const auto conjugated = [](const ComplexVector& z) { return Complex(z.adjoint() * z); };
  const auto plain = [](const ComplexVector& z) { return Complex(z.transpose() * z); };
  table.Miss("(x^H x)' along d", 2 * x.dot(d), ComplexStepDirectional(conjugated, x, d), 1);
  table.Row("(x^T x)' along d", 2 * x.dot(d), ComplexStepDirectional(plain, x, d), 0);

  // A Cholesky factorisation for Hermitian matrices conjugates, and drops the imaginary diagonal.
  const Matrix A{{4, 1}, {1, 3}};
  const Matrix A_dot{{1, 2}, {2, -1}};
  const Eigen::MatrixXcd stepped =
      A.cast<Complex>() + Complex(0, kComplexStep) * A_dot.cast<Complex>();
  const Eigen::MatrixXcd hermitian = stepped.llt().matrixL();
  const Matrix L_dot = CholeskyJvp(Cholesky(A), A_dot);
  table.Miss("Hermitian Cholesky, L11 dot", L_dot(0, 0), hermitian(0, 0).imag() / kComplexStep,
             0.1);
  table.Row("CholeskyJvp, L11 dot = A11 dot / 2 L11", 0.25, L_dot(0, 0), 1e-16);

  // Twice: the inner step cannot tell its own imaginary part from the outer one.
  const auto f = [](const Complex& z) { return std::exp(z); };
  const auto derivative = [&](const Complex& z) {
    return Complex(f(z + Complex(0, kComplexStep)).imag() / kComplexStep);
  };
  table.Row("first derivative of e^x at 0", 1, ComplexStep(f, 0), 1e-16);
  table.Miss("step in a step, second derivative", 1, ComplexStep(derivative, 0), 0.5);
  const double h = kComplexStep;
  table.Miss("2 (f - Re f(x + ih)) / h^2", 1, 2 * (f(0).real() - f(Complex(0, h)).real()) / (h * h),
             0.5);
  using Second = Tangent<Tangent<double>>;
  const Second nested = exp(Second(Tangent<double>(0, 1), Tangent<double>(1, 0)));
  table.Row("tangent in a tangent", 1, nested.dot.dot, 0);
}

// f(x) = log Σ exp(Ax): H v = Aᵀ(diag p − p pᵀ) A v with p = softmax(Ax).
TEST(SourcesMatrixTest, HessianVectorProductsByPearlmutter) {
  const Matrix A = RandomMatrix(6, 4, 8);
  const Vector x = RandomMatrix(4, 1, 9);
  const Vector v = RandomMatrix(4, 1, 10);
  const auto f = [&]<class T>(const VectorOf<T>& z) {
    T sum = T(0.0);
    for (Index i = 0; i < A.rows(); ++i) {
      T field = T(0.0);
      for (Index j = 0; j < A.cols(); ++j) field += A(i, j) * z(j);
      sum += exp(field);
    }
    return T(log(sum));
  };
  const auto gradient = [&]<class T>(const VectorOf<T>& z) {
    VectorOf<T> weighted = VectorOf<T>::Constant(A.cols(), T(0.0));
    T sum = T(0.0);
    for (Index i = 0; i < A.rows(); ++i) {
      T field = T(0.0);
      for (Index j = 0; j < A.cols(); ++j) field += A(i, j) * z(j);
      const T weight = exp(field);
      sum += weight;
      for (Index j = 0; j < A.cols(); ++j) weighted(j) += A(i, j) * weight;
    }
    for (T& entry : weighted) entry /= sum;
    return weighted;
  };
  Vector p = (A * x).array().exp();
  p /= p.sum();
  const Vector A_v = A * v;
  const Vector expected = A.transpose() * (p.cwiseProduct(A_v) - p * p.dot(A_v));
  SourceTable table("Hessian-vector product of log sum exp(Ax)");
  table.Rows("gradient, hand against reverse", gradient(x), ReverseGradient(f, x), 1e-15);
  table.Rows("complex step of the gradient", expected, ComplexStepJvp(gradient, x, v), 1e-14);
  table.Rows("tangent of the gradient", expected, HessianVector(gradient, x, v), 1e-14);
  table.Rows("tangent over adjoint", expected, TangentOverAdjoint(f, x, v), 1e-14);
  // One-hot vectors give the whole Hessian, random signs its trace.
  const auto times = [&](const Vector& direction) { return TangentOverAdjoint(f, x, direction); };
  const Matrix centred = A.rowwise() - p.transpose() * A;
  const Matrix hessian = centred.transpose() * p.asDiagonal() * centred;
  Matrix columns(4, 4);
  for (Index i = 0; i < 4; ++i) columns.col(i) = times(Vector::Unit(4, i));
  table.Rows("Hessian from one-hot vectors", Flatten({hessian}), Flatten({columns}), 1e-14);
  const TraceEstimate trace = HutchinsonTrace(times, 4, 400, 11);
  table.Row("trace from 400 random signs", hessian.trace(), trace.trace, 4 * trace.standard_error);
}

}  // namespace
}  // namespace sobolev::ad
