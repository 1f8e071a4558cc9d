// How far a surrogate is from labels.

#ifndef SOBOLEV_ENGINE_TRAIN_ERRORS_H_
#define SOBOLEV_ENGINE_TRAIN_ERRORS_H_

#include <limits>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {

// Errors on a set of samples. "Standardised" means in units of σ_x and σ_y. What no label tells is
// NaN; errors that are not finite are infinite.
struct Errors {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  Vector value_rmse;                    // m, in the outputs' units; empty without values.
  double value_relative = kUnknown;     // RMS of value_rmse / σ_y over the outputs with values.
  Vector jacobian_rmse;                 // m, standardised; empty without Jacobians.
  double jacobian_relative = kUnknown;  // ‖J − J*‖ / ‖J*‖, standardised; 0 if J* is.
  // ‖h − h*‖ / ‖h*‖ over curvature labels, standardised; 0 if h* is. Unset without labels.
  std::optional<double> curvature_relative;

  // Whether there was any label.
  bool IsKnown() const {
    return value_rmse.size() + jacobian_rmse.size() > 0 || curvature_relative.has_value();
  }
};

// Weighted sums of squares, per output (m), as root means; NaN where nothing has a weight, and
// empty if nothing has.
Vector RootMeans(const Vector& squares, const Vector& weights);

// Of value_rmse / σ_y, over the outputs where it is known.
double RelativeOf(const Vector& standardised_rmse);

// The mean of each number, over the sets of samples, one or more, where it is known.
Errors MeanOf(const std::vector<Errors>& sets);

// What each point adds to the errors: its weighted squares, standardised.
struct PointErrors {
  Vector value;     // N
  Vector jacobian;  // N
};

// The errors of more points after those of some.
void Append(const PointErrors& more, PointErrors& errors);

// Over the labels that are there, at standardised points, of a surrogate in the user's units. Means
// are weighted by the weights of points (of values) and of single labels. Fills `by_point` unless
// it is null. With a threshold `huber` (robust_errors.h) errors beyond it count as the threshold.
Errors ErrorsOn(const Surrogate& surrogate, const LabelledPoints& points,
                const nn::Scaling& scaling, PointErrors* by_point, const std::stop_token& stop = {},
                std::optional<double> huber = std::nullopt);

// Score(ErrorsOn(…)) without what that does not count.
double ScoreOn(const Surrogate& surrogate, const LabelledPoints& points, const nn::Scaling& scaling,
               const std::stop_token& stop = {}, std::optional<double> huber = std::nullopt);

// Whether the first are lower than the second by more than chance: the mean over points of the
// difference, in units of the second's means, is below zero by its standard error. Labels with
// noise have a floor of error that hides differences of single points but not of their mean.
bool ClearlyLower(const PointErrors& first, const PointErrors& second);

// One number to rank by: the geometric mean of the relative errors of values and Jacobians, or the
// one that is known. Curvatures count only where nothing else is known: they are seldom labelled
// but by differences, whose noise would hide the others. 1 if nothing is known; infinite if an
// error is not finite.
double Score(const Errors& errors);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_ERRORS_H_
