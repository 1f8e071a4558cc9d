#include "engine/ad/linalg/norms.h"

#include "engine/ad/linalg/require.h"
#include "engine/base/error.h"

namespace sobolev::ad {
namespace {

// x/‖x‖_∞ first, so that squares neither overflow nor underflow, and subnormal entries lose
// nothing.
template <class Derived>
double SafeNorm(const Derived& x) {
  const double largest = x.size() == 0 ? 0 : x.cwiseAbs().maxCoeff();
  return largest == 0 ? 0 : largest * (x / largest).norm();
}

// x/‖x‖, or zero.
template <class Derived>
typename Derived::PlainObject UnitOrZero(const Derived& x) {
  const double largest = x.size() == 0 ? 0 : x.cwiseAbs().maxCoeff();
  if (largest == 0) return Derived::PlainObject::Zero(x.rows(), x.cols());
  return x / largest / (x / largest).norm();
}

}  // namespace

double TwoNorm(const Vector& x) { return SafeNorm(x); }

double TwoNormJvp(const Vector& x, const Vector& x_dot) {
  RequireSize("x_dot", x_dot.size(), x.size());
  return UnitOrZero(x).dot(x_dot);
}

Vector TwoNormVjp(const Vector& x, double y_bar) { return y_bar * UnitOrZero(x); }

Vector TwoNormHessianVector(const Vector& x, const Vector& v) {
  RequireSize("v", v.size(), x.size());
  const double norm = TwoNorm(x);
  if (norm == 0) return Vector::Zero(x.size());
  const Vector unit = UnitOrZero(x);
  return (v - unit * unit.dot(v)) / norm;
}

double FrobeniusNorm(const Matrix& A) { return SafeNorm(A); }

double FrobeniusNormJvp(const Matrix& A, const Matrix& A_dot) {
  RequireShape("A_dot", A_dot, A);
  return UnitOrZero(A).cwiseProduct(A_dot).sum();
}

Matrix FrobeniusNormVjp(const Matrix& A, double y_bar) { return y_bar * UnitOrZero(A); }

double CubedNorm(const Vector& x) {
  const double norm = TwoNorm(x);
  return norm * norm * norm / 3;
}

double CubedNormJvp(const Vector& x, const Vector& x_dot) {
  RequireSize("x_dot", x_dot.size(), x.size());
  return TwoNorm(x) * x.dot(x_dot);
}

Vector CubedNormVjp(const Vector& x, double y_bar) { return y_bar * TwoNorm(x) * x; }

Matrix CubedNormHessian(const Vector& x) {
  Matrix hessian = UnitOrZero(x) * x.transpose();
  hessian.diagonal().array() += TwoNorm(x);
  return hessian;
}

Vector CubedNormHessianVector(const Vector& x, const Vector& v) {
  RequireSize("v", v.size(), x.size());
  return UnitOrZero(x) * x.dot(v) + TwoNorm(x) * v;
}

}  // namespace sobolev::ad
