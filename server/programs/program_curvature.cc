#include "server/programs/program_curvature.h"

#include <cstdint>

namespace sobolev::server {
namespace {

program::Directions One(const Vector& direction) {
  return {.D = ConstMatrixMap(direction.data(), direction.size(), 1), .count = 1};
}

}  // namespace

ProgramCurvature::ProgramCurvature(const program::Program& program, const Vector& x,
                                   const Vector& y_bar, const std::stop_token& stop)
    : program_(program), x_(x), y_bar_(y_bar), stop_(stop), gradient_(x.size()) {
  Vector y(y_bar.size());
  std::uint8_t valid = 0;
  program_.Evaluate(ConstMatrixMap(x_.data(), x_.size(), 1), std::nullopt, One(y_bar_),
                    {.Y = y.data(), .X_bar = gradient_.data()}, &valid, {}, stop_);
  is_valid_ = valid != 0;
}

Vector ProgramCurvature::HessianVector(const Vector& v) const {
  Vector product(x_.size());
  program_.Evaluate(ConstMatrixMap(x_.data(), x_.size(), 1), One(v), One(y_bar_),
                    {.X_bar_dot = product.data()}, nullptr, {}, stop_);
  return product;
}

}  // namespace sobolev::server
