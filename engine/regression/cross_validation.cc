#include "engine/regression/cross_validation.h"

#include <cmath>
#include <limits>

#include "engine/base/matrix.h"
#include "engine/regression/labels.h"

namespace sobolev::regression {

namespace {

double RootMeanSquare(const Vector& numbers) {
  double sum = 0;
  double count = 0;
  for (const double number : numbers) {
    if (std::isnan(number)) continue;
    sum += number * number;
    ++count;
  }
  return count > 0 ? std::sqrt(sum / count) : std::numeric_limits<double>::quiet_NaN();
}

// |error| / |size|, where an error in labels that are all 0 is relative to 1.
double Ratio(double errors, double squares, double weights) {
  if (errors == 0) return 0;
  return std::sqrt(errors / (squares > 0 ? squares : weights));
}

}  // namespace

double CrossValidation::Value() const { return RootMeanSquare(value_nrmse); }
double CrossValidation::Gradient() const { return RootMeanSquare(gradient_nrmse); }

void CrossValidator::Add(const LabelGroup& group, const Label& label, double error) {
  if (label.kind == LabelKind::kCurvature) return;
  const double weight = label.precision;
  if (label.kind == LabelKind::kValue) {
    const Index i = label.output;
    value_errors_(i) += weight * error * error;
    value_weights_(i) += weight;
    value_sums_(i) += weight * label.target;
    value_squares_(i) += weight * label.target * label.target;
    return;
  }
  double squares = 0;
  for (Index k = 0; k < group.Width(); ++k) {
    squares += group.OutputWeight(label, k) * group.OutputWeight(label, k);
  }
  for (Index k = 0; k < group.Width(); ++k) {
    const double w = group.OutputWeight(label, k);
    const double share = weight * w * w / squares;
    const Index i = group.outputs[static_cast<std::size_t>(k)];
    gradient_errors_(i) += share * error * error;
    gradient_squares_(i) += share * label.target * label.target;
  }
}

CrossValidation CrossValidator::Finish(Index num_points) const {
  const Index m = value_errors_.size();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CrossValidation result{.value_nrmse = Vector::Constant(m, nan),
                         .gradient_nrmse = Vector::Constant(m, nan),
                         .num_points = num_points};
  for (Index i = 0; i < m; ++i) {
    if (value_weights_(i) > 0) {
      const double mean = value_sums_(i) / value_weights_(i);
      const double centred = value_squares_(i) - mean * value_sums_(i);
      const double noise = 1e-14 * value_squares_(i);  // What cancellation leaves of a constant.
      result.value_nrmse(i) =
          Ratio(value_errors_(i), centred > noise ? centred : 0, value_weights_(i));
    }
    if (gradient_errors_(i) > 0 || gradient_squares_(i) > 0) {
      result.gradient_nrmse(i) = Ratio(gradient_errors_(i), gradient_squares_(i), 1);
    }
  }
  return result;
}

}  // namespace sobolev::regression
