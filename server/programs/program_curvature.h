// The number g(x) = ȳᵀ F(x) of a program at one point: its gradient and its Hessian as a product.

#ifndef SOBOLEV_SERVER_PROGRAMS_PROGRAM_CURVATURE_H_
#define SOBOLEV_SERVER_PROGRAMS_PROGRAM_CURVATURE_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/program/program.h"

namespace sobolev::server {

// Thread-safe.
class ProgramCurvature {
 public:
  // The references outlive this. x: n, y_bar: m. Throws Error(kCancelled) when `stop` fires, as the
  // methods do.
  ProgramCurvature(const program::Program& program, const Vector& x, const Vector& y_bar,
                   const std::stop_token& stop);

  // Whether g and its gradient are finite.
  bool is_valid() const { return is_valid_; }
  // n.
  const Vector& gradient() const { return gradient_; }
  // ∇²g v, n.
  Vector HessianVector(const Vector& v) const;

 private:
  const program::Program& program_;
  const Vector& x_;
  const Vector& y_bar_;
  const std::stop_token& stop_;
  Vector gradient_;
  bool is_valid_ = false;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PROGRAMS_PROGRAM_CURVATURE_H_
