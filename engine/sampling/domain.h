// Where a function is sampled: its inputs with their ranges, scales and measures, and constraints.
//
// Designs live in the unit cube, one coordinate for each input that is not fixed, and equal volumes
// of it have equal probability. The domain leads from there to the units of the user and back.

#ifndef SOBOLEV_ENGINE_SAMPLING_DOMAIN_H_
#define SOBOLEV_ENGINE_SAMPLING_DOMAIN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/program.h"
#include "engine/sampling/measure.h"

namespace sobolev::sampling {

enum class InputKind {
  kContinuous,
  kInteger,      // All integers of [min, max].
  kCategorical,  // One of some levels, whose numbers 0, 1, … are the values of x.
};

enum class Scale { kLinear, kLogarithmic };

struct Input {
  std::string name;
  InputKind kind = InputKind::kContinuous;
  double min = 0;  // Of categorical inputs, min and max follow from the levels.
  double max = 1;
  Scale scale = Scale::kLinear;
  MeasureSpec measure;              // Of categorical inputs uniform.
  std::vector<std::string> levels;  // Of categorical inputs, at least one.
  std::optional<double> fixed;      // The value in every point, whatever the range.
};

// coefficients · x <= bound, in the units of the user.
struct LinearConstraint {
  Vector coefficients;  // n; 0 for categorical inputs.
  double bound = 0;
};

// Thread-safe: never changes.
class Domain {
 public:
  // A point is feasible if it meets the linear constraints, as rounded, and if all outputs of
  // `program`, where there is one, are finite and <= 0. Throws Error(kInvalidArgument) naming the
  // field that is wrong, such as "inputs[2].min" or "constraints.linear[0]"; also where linear
  // constraints contradict each other or `program` is proved positive in all of the domain. Throws
  // Error(kCancelled).
  explicit Domain(std::vector<Input> inputs, std::vector<LinearConstraint> linear = {},
                  std::shared_ptr<const program::Program> program = nullptr,
                  const std::stop_token& stop = {});

  Index n() const { return static_cast<Index>(inputs_.size()); }
  const std::vector<Input>& inputs() const { return inputs_; }
  // d: coordinates of the unit cube.
  Index num_free() const { return static_cast<Index>(axes_.size()); }
  // The input of a coordinate.
  Index InputOf(Index coordinate) const;
  // The number of values that it can take; 0 for a continuous one.
  Index NumValues(Index coordinate) const;
  // Of all combinations, if no input is continuous; of more than 2⁶² that many.
  std::optional<Index> NumPoints() const;
  bool HasConstraints() const { return !linear_.empty() || program_ != nullptr; }

  // n×N from d×N. Elements outside of [0, 1] count as the nearest end, which is met exactly.
  Matrix ToUser(const Matrix& U) const;
  // d×N from n×N: coordinates in the middle of the probability of discrete values, so that these
  // come back exactly, as do the ends of continuous ranges. Throws Error(kInvalidArgument) naming
  // an element, such as `field` + "[17][3]", that is not finite, outside of its range, not an
  // integer, or not the fixed value.
  Matrix ToUnit(const Matrix& X, const std::string& field) const;
  // The coordinate of a value, as ToUnit has it.
  double UnitOf(Index coordinate, double x) const;
  // d×N: moves coordinates of discrete inputs as ToUnit(ToUser(U)) does.
  Matrix Snap(const Matrix& U) const;

  // d×(m·N) from n×(m·N): dy/du of dy/dx at the points X, n×N. Integer inputs count as continuous;
  // categorical ones have no derivative, and NaN. It may be infinite, or NaN, where a measure has
  // density 0 or ∞, which is at ends of ranges or pieces.
  Matrix UnitJacobian(const Matrix& X, const Matrix& J) const;

  // N flags. Thread-safe. Uses oneTBB's current arena. Throws Error(kCancelled).
  std::vector<std::uint8_t> Feasible(const Matrix& X, const std::stop_token& stop) const;

 private:
  // How a coordinate becomes a value.
  struct Axis {
    Index input = 0;
    double low = 0;  // Of x, or of ln x. Half a step beyond the ends of discrete inputs.
    double high = 0;
    Measure measure;
  };

  void AddAxis(Index j);
  void CheckLinear(const std::stop_token& stop) const;
  void CheckProgram(const std::stop_token& stop) const;
  double User(const Axis& axis, double u) const;
  double Unit(const Axis& axis, double x) const;
  // The ends of the ranges of x, n each.
  Vector Low() const;
  Vector High() const;

  std::vector<Input> inputs_;
  std::vector<Axis> axes_;
  std::vector<LinearConstraint> linear_;
  std::shared_ptr<const program::Program> program_;
};

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_DOMAIN_H_
