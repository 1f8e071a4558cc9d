#include "tests/bench/unit_function.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/sampling/sobol.h"

namespace sobolev::bench {
namespace {

using sampling::Evidence;

constexpr std::uint64_t kTestSeed = 4242;

}  // namespace

UnitFunction::UnitFunction(const TestFunction& function)
    : lo_(Vector::Zero(function.n)), side_(Vector::Ones(function.n)) {
  program_ = std::make_unique<chain::ProgramSurrogate>(ProgramText(function.n, function.source));
  for (std::size_t i = 0; i < function.lo.size(); ++i) {
    lo_(static_cast<Index>(i)) = function.lo[i];
    side_(static_cast<Index>(i)) = function.hi[i] - function.lo[i];
  }
  truth_ = Predict(*program_, sampling::SobolPoints(n(), 0, kTestPoints, kTestSeed));
  spread_ = OutputScales(truth_)(0);
}

Evidence UnitFunction::Nothing() const {
  return {.X = Matrix(n(), 0), .Y = Matrix(1, 0), .J = Matrix()};
}

Evidence UnitFunction::Predict(const Surrogate& model, const Matrix& U) const {
  const Matrix X = (side_.asDiagonal() * U).colwise() + lo_;
  Evidence evidence{.X = U, .Y = Matrix(1, U.cols()), .J = Matrix(n(), U.cols())};
  model.Predict(ConstMatrixMap(X.data(), n(), U.cols()), std::nullopt, std::nullopt,
                {.Y = evidence.Y.data(), .J = evidence.J.data()});
  evidence.J = side_.asDiagonal() * evidence.J;
  return evidence;
}

void UnitFunction::Add(const Matrix& U, bool gradients, Evidence& evidence) const {
  const Evidence added = Predict(*program_, U);
  const Index after = evidence.X.cols() + U.cols();
  evidence.X.conservativeResize(n(), after);
  evidence.X.rightCols(U.cols()) = added.X;
  evidence.Y.conservativeResize(1, after);
  evidence.Y.rightCols(U.cols()) = added.Y;
  if (!gradients) return;
  evidence.J.conservativeResize(n(), after);
  evidence.J.rightCols(U.cols()) = added.J;
}

Matrix UnitFunction::HessianAt(const Vector& u) const {
  const Vector x = lo_ + side_.cwiseProduct(u);
  Matrix H(n(), n());
  program_->Predict(ConstMatrixMap(x.data(), n(), 1), {}, {}, {.H = H.data()});
  return side_.asDiagonal() * H * side_.asDiagonal();
}

double UnitFunction::ValueError(const Matrix& Y) const {
  return std::sqrt((Y - truth_.Y).squaredNorm() / static_cast<double>(kTestPoints)) / spread_;
}

sampling::RelativeErrors UnitFunction::Errors(const Matrix& Y, const Matrix& J) const {
  return {.value = ValueError(Y), .gradient = (J - truth_.J).norm() / truth_.J.norm()};
}

}  // namespace sobolev::bench
