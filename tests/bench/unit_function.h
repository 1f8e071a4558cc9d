// A test function on the unit cube, as placements of points see it, and errors of models of it.

#ifndef SOBOLEV_TESTS_BENCH_UNIT_FUNCTION_H_
#define SOBOLEV_TESTS_BENCH_UNIT_FUNCTION_H_

#include <memory>

#include "engine/base/matrix.h"
#include "engine/chain/program_surrogate.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/model_error.h"
#include "engine/surrogate/surrogate.h"
#include "tests/bench/test_functions.h"

namespace sobolev::bench {

// Errors are over kTestPoints points of a Sobol sequence.
class UnitFunction {
 public:
  static constexpr Index kTestPoints = 2048;

  explicit UnitFunction(const TestFunction& function);

  Index n() const { return lo_.size(); }
  const Vector& lo() const { return lo_; }
  const Vector& side() const { return side_; }
  // By the function's own inputs.
  const Surrogate& program() const { return *program_; }

  sampling::Evidence Nothing() const;
  // Adds points of the unit cube with values and, if asked for, gradients.
  void Add(const Matrix& U, bool gradients, sampling::Evidence& evidence) const;
  // What a model of the function says there; it takes the function's own inputs.
  sampling::Evidence Predict(const Surrogate& model, const Matrix& U) const;
  // By coordinates of the unit cube.
  Matrix HessianAt(const Vector& u) const;

  const sampling::Evidence& truth() const { return truth_; }
  // The standard deviation of the values at the test points.
  double spread() const { return spread_; }
  // Of predictions at the test points.
  double ValueError(const Matrix& Y) const;
  sampling::RelativeErrors Errors(const Matrix& Y, const Matrix& J) const;

 private:
  Vector lo_;
  Vector side_;
  std::unique_ptr<chain::ProgramSurrogate> program_;
  sampling::Evidence truth_;
  double spread_ = 1;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_UNIT_FUNCTION_H_
