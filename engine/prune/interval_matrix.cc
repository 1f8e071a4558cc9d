#include "engine/prune/interval_matrix.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/activation.h"

namespace sobolev::prune {

namespace {

using ad::Interval;
using I = Interval<double>;

I Silu(const I& z) { return z * Sigmoid(z); }
// σ + z σ(1 − σ), with 1 − σ(z) = σ(−z).
I SiluSlope(const I& z) {
  const I s = Sigmoid(z);
  return s * (1.0 + z * Sigmoid(-z));
}

I Gelu(const I& z) { return z * NormalCdf(z); }
// The density of the normal distribution.
I Density(const I& z) {
  static const I root_of_two_pi = sqrt(I(2) * I(std::numbers::pi, 0x1.921fb54442d19p+1));
  return exp(Square(z) * -0.5) / root_of_two_pi;
}
I GeluSlope(const I& z) { return NormalCdf(z) + z * Density(z); }

I TanhSlope(const I& z) { return 1.0 - Square(tanh(z)); }

// The range over z of a function that is monotone but for turns in these narrow intervals: between
// two turns it is enclosed by its values at the ends.
template <class Function>
I PiecewiseMonotone(const Function& f, const I& z, std::span<const I> turns) {
  if (z.is_empty()) return z;
  if (!z.is_bounded()) return f(z);
  I range = Hull(f(I(z.lo())), f(I(z.hi())));
  for (const I& turn : turns) {
    if (turn.hi() >= z.lo() && turn.lo() <= z.hi()) range = Hull(range, f(turn));
  }
  return range;
}

// Where φ′ or φ″ change their sign.
I Around(double turn) { return {turn - 1e-12, turn + 1e-12}; }

std::array<I, 1> SiluTurns() { return {Around(-1.2784645427610738)}; }
std::array<I, 2> SiluSlopeTurns() {
  return {Around(-2.3993572805154675), Around(2.3993572805154675)};
}
std::array<I, 1> GeluTurns() { return {Around(-0.7517915246935645)}; }
std::array<I, 2> GeluSlopeTurns() {
  return {Around(-std::numbers::sqrt2), Around(std::numbers::sqrt2)};
}

// Twice the bound of Higham for sums of k products and a few more roundings.
double Slack(Index k) {
  return 2 * (static_cast<double>(k) + 8) * std::numeric_limits<double>::epsilon();
}

}  // namespace

IntervalMatrix AffineImage(const Matrix& W, const Vector& b, const IntervalMatrix& X) {
  const double slack = Slack(W.cols());
  const double underflow = (static_cast<double>(W.cols()) + 2) * std::numeric_limits<double>::min();
  const Matrix middle = 0.5 * X.lo + 0.5 * X.hi;
  const Matrix radius =
      (1 + slack) * (X.hi - middle).cwiseMax(middle - X.lo) + slack * middle.cwiseAbs();
  const Matrix image = (W * middle).colwise() + b;
  const Matrix spread = ((W.cwiseAbs() * radius).colwise() + slack * b.cwiseAbs()) * (1 + slack);
  IntervalMatrix Z{.lo = Matrix(image.rows(), image.cols()),
                   .hi = Matrix(image.rows(), image.cols())};
  for (Index k = 0; k < image.size(); ++k) {
    const double c = image.data()[k];
    const double r = spread.data()[k] + underflow;
    const bool bounded = std::isfinite(c) && std::isfinite(r);
    Z.lo.data()[k] =
        bounded ? ad::directed::AddDown(c, -ad::directed::NextUp(r)) : -ad::directed::kInfinity;
    Z.hi.data()[k] =
        bounded ? ad::directed::AddUp(c, ad::directed::NextUp(r)) : ad::directed::kInfinity;
  }
  return Z;
}

IntervalMatrix Stack(const IntervalMatrix& X, const IntervalMatrix& Y) {
  IntervalMatrix both{.lo = Matrix(X.rows() + Y.rows(), X.cols()),
                      .hi = Matrix(X.rows() + Y.rows(), X.cols())};
  both.lo << X.lo, Y.lo;
  both.hi << X.hi, Y.hi;
  return both;
}

IntervalMatrix Sum(const IntervalMatrix& X, const IntervalMatrix& Y) {
  IntervalMatrix sum = X;
  for (Index j = 0; j < X.cols(); ++j) {
    for (Index i = 0; i < X.rows(); ++i) sum.Set(i, j, X.At(i, j) + Y.At(i, j));
  }
  return sum;
}

IntervalMatrix EntrywiseProduct(const IntervalMatrix& X, const IntervalMatrix& Y) {
  IntervalMatrix product = X;
  for (Index j = 0; j < X.cols(); ++j) {
    for (Index i = 0; i < X.rows(); ++i) product.Set(i, j, X.At(i, j) * Y.At(i, j));
  }
  return product;
}

I ActivationRange(nn::Activation activation, const I& z) {
  switch (activation) {
    case nn::Activation::kSoftplus:
      return Softplus(z);
    case nn::Activation::kTanh:
      return tanh(z);
    case nn::Activation::kSilu:
      return PiecewiseMonotone(Silu, z, SiluTurns());
    case nn::Activation::kGelu:
      return PiecewiseMonotone(Gelu, z, GeluTurns());
    case nn::Activation::kSin:
      return sin(z);
  }
  throw Error(ErrorCode::kInternal, "UNKNOWN_ACTIVATION", "", "an activation without a range");
}

I SlopeRange(nn::Activation activation, const I& z) {
  switch (activation) {
    case nn::Activation::kSoftplus:
      return Sigmoid(z);
    case nn::Activation::kTanh:
      return TanhSlope(z);
    case nn::Activation::kSilu:
      return PiecewiseMonotone(SiluSlope, z, SiluSlopeTurns());
    case nn::Activation::kGelu:
      return PiecewiseMonotone(GeluSlope, z, GeluSlopeTurns());
    case nn::Activation::kSin:
      return cos(z);
  }
  throw Error(ErrorCode::kInternal, "UNKNOWN_ACTIVATION", "", "an activation without a slope");
}

}  // namespace sobolev::prune
