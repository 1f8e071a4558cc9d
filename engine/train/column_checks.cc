#include "engine/train/column_checks.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/network_surrogate.h"
#include "engine/regression/polynomial_fit.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/label_checks.h"
#include "engine/train/loss_weights.h"

namespace sobolev::train {

namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

constexpr std::size_t kMostPoints = 200;
constexpr Index kLeastPoints = 3;
// The fewest multiply-adds that make a fit worth while.
constexpr double kLeastWork = 2e6;
// Where left-out values and derivatives are predicted so well, relative to their size, they agree.
constexpr double kSound = 0.03;
// Otherwise their errors must fall by this factor,
constexpr double kGain = 2;
// labels explain all but this share of the squares that are predicted of a column,
constexpr double kUnexplained = 0.2;
// and a factor is a sign if it is so close to −1, or a unit if it is so many times too large or
// small.
constexpr double kNearSign = 0.35;
constexpr double kFarFactor = 3;
// An input whose gradient has less than this share of the largest is not judged.
constexpr double kNegligible = 0.02;

// One output of at most kMostPoints points with its value, evenly spread; of those in the same
// place the first, because a point that is left out must be new to the fit.
LabelledPoints PartOf(const LabelledPoints& points, Index i) {
  std::vector<Index> known;
  for (Index s = 0; s < points.NumPoints(); ++s) {
    if (!std::isnan(points.Y(i, s))) known.push_back(s);
  }
  const std::size_t most = std::min(known.size(), kMostPoints);
  std::set<std::vector<double>> places;
  std::vector<Index> chosen;
  for (std::size_t k = 0; k < most; ++k) {
    const Index s = known[k * known.size() / most];
    const auto x = points.X.col(s);
    if (places.emplace(x.begin(), x.end()).second) chosen.push_back(s);
  }
  const auto count = static_cast<Index>(chosen.size());
  std::vector<Index> columns = chosen;
  for (Index& s : columns) s = s * points.m() + i;
  return {.X = points.X(Eigen::all, chosen),
          .Y = points.Y(std::vector<Index>{i}, chosen),
          .J = points.J(Eigen::all, columns),
          .weight = Vector::Ones(count)};
}

struct Fit {
  double error = std::numeric_limits<double>::infinity();           // Of left-out values.
  double gradient_error = std::numeric_limits<double>::infinity();  // And derivatives.
  Matrix J;                                                         // n×N, as predicted.
};

// Without the labels of these inputs.
Fit FitWithout(const std::vector<Index>& inputs, LabelledPoints points, double work,
               const std::stop_token& stop) {
  for (const Index j : inputs) points.J.row(j).setConstant(kMissing);
  const Index n = points.n();
  const AffineMaps maps =
      AffineMaps::Standard(Vector::Zero(n), Vector::Ones(n), Vector::Zero(1), Vector::Ones(1));
  const regression::PolynomialFit fit =
      regression::FitPolynomial(points, WeightsFor(points, {}), maps, {.max_cost = work}, stop);
  Fit result{.error = fit.report.cross_validation.Value(),
             .gradient_error = fit.report.cross_validation.Gradient(),
             .J = Matrix(n, points.NumPoints())};
  fit.surrogate->Predict(ConstMatrixMap(points.X.data(), n, points.NumPoints()), std::nullopt,
                         std::nullopt, {.J = result.J.data()});
  return result;
}

// labels ≈ predicted/factor.
struct Proportion {
  double factor = 0;
  double unexplained = 1;  // Share of the squares of what is predicted.
};

Proportion ProportionOf(const Eigen::ArrayXd& labels, const Eigen::ArrayXd& predicted) {
  const auto known = labels.isFinite();
  const double squares = known.select(labels.square(), 0).sum();
  const double of_predicted = known.select(predicted.square(), 0).sum();
  if (!(squares > 0 && of_predicted > 0)) return {};
  const double cross = known.select(labels * predicted, 0).sum();
  return {.factor = cross / squares, .unexplained = 1 - cross * cross / (squares * of_predicted)};
}

// What is wrong with the labels by input j, if they are not those by another of the inputs.
std::optional<SuspectLabel> Judge(const LabelledPoints& points, const Matrix& J, Index j) {
  const Proportion own = ProportionOf(points.J.row(j).array(), J.row(j).array());
  if (own.unexplained > kUnexplained) return std::nullopt;
  SuspectLabel suspect{.input = j, .factor = own.factor};
  const double size = std::abs(own.factor);
  if (std::abs(own.factor + 1) < kNearSign) {
    suspect.kind = SuspectLabel::Kind::kSign;
  } else if (size > kFarFactor || size < 1 / kFarFactor) {
    suspect.kind = SuspectLabel::Kind::kScale;
  } else {
    return std::nullopt;
  }
  return suspect;
}

class Columns {
 public:
  Columns(const LabelledPoints& points, Index i, const Vector& x_scale, double work,
          const std::stop_token& stop)
      : points_(PartOf(points, i)), x_scale_(x_scale), work_(work), stop_(stop) {}

  std::vector<SuspectLabel> Suspects() const {
    if (points_.NumPoints() < kLeastPoints) return {};
    const Fit all = FitWithout({}, points_, work_, stop_);
    if (all.error < kSound && all.gradient_error < kSound) return {};
    std::vector<Index> left_out;
    Fit best = all;
    for (int round = 0; round < 2; ++round) {
      Fit next;
      Index input = -1;
      for (Index j = 0; j < points_.n(); ++j) {
        if (std::ranges::count(left_out, j) > 0) continue;
        ThrowIfStopped(stop_);
        std::vector<Index> more = left_out;
        more.push_back(j);
        Fit fit = FitWithout(more, points_, work_, stop_);
        if (!(fit.error < next.error)) continue;
        next = std::move(fit);
        input = j;
      }
      if (input < 0) break;
      left_out.push_back(input);
      best = std::move(next);
      if (!(kGain * best.error < all.error)) continue;
      std::vector<SuspectLabel> suspects = Judge(left_out, best);
      if (!suspects.empty()) return suspects;
    }
    return {};
  }

 private:
  // All of the inputs, or none if one is neither this nor that.
  std::vector<SuspectLabel> Judge(const std::vector<Index>& inputs, const Fit& fit) const {
    std::vector<SuspectLabel> suspects;
    const double largest = fit.J.rowwise().norm().maxCoeff();
    for (const Index j : inputs) {
      if (fit.J.row(j).norm() < kNegligible * largest) return {};
      std::optional<SuspectLabel> suspect = train::Judge(points_, fit.J, j);
      if (!suspect) suspect = FindSwapped(inputs, fit, j);
      if (!suspect) return {};
      suspect->disputed = Disputed(fit, j);
      suspects.push_back(*suspect);
    }
    return suspects;
  }

  // What labels and predictions of column j make different from a point to the nearest other: RMS.
  double Disputed(const Fit& fit, Index j) const {
    double squares = 0;
    Index count = 0;
    for (Index s = 0; s < points_.NumPoints(); ++s) {
      if (std::isnan(points_.J(j, s))) continue;
      Vector distances = (points_.X.colwise() - points_.X.col(s)).colwise().squaredNorm();
      distances[s] = std::numeric_limits<double>::infinity();
      Index nearest = 0;
      distances.minCoeff(&nearest);
      const double step = points_.X(j, nearest) - points_.X(j, s);
      squares += std::pow((points_.J(j, s) - fit.J(j, s)) * step, 2);
      ++count;
    }
    return std::sqrt(squares / static_cast<double>(std::max<Index>(1, count)));
  }

  std::optional<SuspectLabel> FindSwapped(const std::vector<Index>& inputs, const Fit& fit,
                                          Index j) const {
    for (const Index k : inputs) {
      if (k == j) continue;
      const Proportion other = ProportionOf(points_.J.row(j).array() * (x_scale_[k] / x_scale_[j]),
                                            fit.J.row(k).array());
      if (other.unexplained < kUnexplained && std::abs(other.factor - 1) < kNearSign) {
        return SuspectLabel{
            .input = j, .kind = SuspectLabel::Kind::kSwapped, .other = k, .factor = 1};
      }
    }
    return std::nullopt;
  }

  const LabelledPoints points_;
  const Vector& x_scale_;
  double work_;
  const std::stop_token& stop_;
};

}  // namespace

std::vector<SuspectLabel> CompareWithFits(const LabelledPoints& points, const nn::Scaling& scaling,
                                          double work, const std::stop_token& stop) {
  std::vector<SuspectLabel> suspects;
  const double share = work / static_cast<double>((2 * points.n() + 1) * points.m());
  if (points.J.cols() == 0 || share < kLeastWork) return suspects;
  for (Index i = 0; i < points.m(); ++i) {
    for (SuspectLabel& suspect : Columns(points, i, scaling.x_scale, share, stop).Suspects()) {
      suspect.output = i;
      suspects.push_back(suspect);
    }
  }
  return suspects;
}

}  // namespace sobolev::train
