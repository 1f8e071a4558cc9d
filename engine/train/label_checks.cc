#include "engine/train/label_checks.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include <Eigen/LU>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/robust_errors.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

constexpr Index kMaxAnchors = 500;
// Fewer, but some, where their distances to all others would take more multiply-adds.
constexpr Index kMostDistanceWork = 100'000'000;
constexpr Index kLeastAnchors = 100;
constexpr Index kMaxInputs = 200;  // A system of this size is solved per output.
// Pairs per unknown factor below which nothing is said.
constexpr double kLeastPairs = 3;
// A factor is suspect if it is this many standard errors and this far from 1.
constexpr double kErrors = 6;
constexpr double kFar = 0.5;
// Factors within this of −1 are called a sign.
constexpr double kNearSign = 0.35;
// A surrogate fitted to values may judge a change of values along an input if it misses values by
// less than this share of it, and than rounding.
constexpr double kTrusted = 0.25;
constexpr double kRounding = 1e-10;
// A surrogate refutes a suspicion if it errs by less than this share of the disputed change.
constexpr double kRefutes = 0.1;
// Held-out labels below which nothing is said.
constexpr Index kLeastHeldOut = 3;
// An input whose gradient has less than this share of the largest is not judged.
constexpr double kNegligible = 0.02;

// Neighbours a and b, and c, which is near both.
struct Triple {
  Index a;
  Index b;
  Index c;
};

// Each anchor with its nearest points, in standardised distance.
std::vector<Triple> NearestTriples(const Matrix& X, const std::stop_token& stop) {
  const Index num_points = X.cols();
  const Index num_anchors = std::min(num_points, kMaxAnchors);
  const Index num_neighbours =
      std::clamp<Index>((4 * X.rows() + num_anchors - 1) / num_anchors, 2, num_points - 1);
  std::vector<Triple> triples;
  std::vector<std::pair<double, Index>> others;  // Squared distance and number.
  others.reserve(static_cast<std::size_t>(num_points));
  for (Index k = 0; k < num_anchors; ++k) {
    ThrowIfStopped(stop);
    const Index a = k * num_points / num_anchors;
    others.clear();
    for (Index b = 0; b < num_points; ++b) {
      const double distance = (X.col(b) - X.col(a)).squaredNorm();
      if (distance > 0) others.emplace_back(distance, b);  // Neither the point nor a duplicate.
    }
    const auto count = std::min<std::ptrdiff_t>(num_neighbours + 1, std::ssize(others));
    std::ranges::partial_sort(others, others.begin() + count);
    for (std::ptrdiff_t next = 0; next + 1 < count; ++next) {
      const auto at = static_cast<std::size_t>(next);
      triples.push_back({a, others[at].second, others[at + 1].second});
    }
  }
  return triples;
}

// Rows of Δy ≈ A c with instruments Z, scaled to about equal errors.
struct Comparison {
  Matrix A;           // pairs×n
  Matrix Z;           // pairs×n
  Vector difference;  // pairs
  Vector change;      // n: RMS over pairs of the entries of A before they are scaled.
};

Comparison CompareOutput(const LabelledPoints& points, const std::vector<Triple>& triples,
                         Index i) {
  const Index n = points.n();
  const Index m = points.m();
  const auto most = static_cast<Index>(triples.size());
  Comparison comparison{
      .A = Matrix(most, n), .Z = Matrix(most, n), .difference = Vector(most), .change = {}};
  Vector distance(most);
  Index rows = 0;
  for (const Triple& triple : triples) {
    const Vector step = points.X.col(triple.b) - points.X.col(triple.a);
    const auto gradient = [&](Index s) { return points.J.col(s * m + i); };
    const Vector mean = (gradient(triple.a) + gradient(triple.b)).cwiseProduct(step) / 2;
    const Vector instrument = gradient(triple.c).cwiseProduct(step);
    const double change = points.Y(i, triple.b) - points.Y(i, triple.a);
    if (!mean.allFinite() || !instrument.allFinite() || std::isnan(change)) continue;
    comparison.A.row(rows) = mean.transpose();
    comparison.Z.row(rows) = instrument.transpose();
    comparison.difference[rows] = change;
    distance[rows] = step.norm();
    ++rows;
  }
  comparison.change = (comparison.A.topRows(rows).colwise().squaredNorm() /
                       static_cast<double>(std::max<Index>(1, rows)))
                          .cwiseSqrt();
  // Errors are noise, of the same size everywhere, and a remainder that grows as the cube of the
  // distance; the noise is at most what the nearest pairs show.
  const Vector error =
      comparison.difference.head(rows) - comparison.A.topRows(rows).rowwise().sum();
  std::vector<Index> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::sort(order, {}, [&](Index row) { return distance[row]; });
  const auto nearest = std::max<Index>(1, rows / 10);
  double noise = 0;
  for (Index k = 0; k < std::min(nearest, rows); ++k) {
    noise += std::pow(error[order[static_cast<std::size_t>(k)]], 2) / static_cast<double>(nearest);
  }
  const double remainder =
      error.squaredNorm() / std::max(distance.head(rows).array().pow(6).sum(), 1e-300);
  for (Index row = 0; row < rows; ++row) {
    const double scale = std::sqrt(noise + remainder * std::pow(distance[row], 6)) + 1e-300;
    comparison.A.row(row) /= scale;
    comparison.Z.row(row) /= scale;
    comparison.difference[row] /= scale;
  }
  comparison.A.conservativeResize(rows, n);
  comparison.Z.conservativeResize(rows, n);
  comparison.difference.conservativeResize(rows);
  return comparison;
}

SuspectLabel::Kind KindOf(double factor, double error) {
  if (std::abs(factor + 1) < kNearSign) return SuspectLabel::Kind::kSign;
  return std::abs(factor) > kErrors * error ? SuspectLabel::Kind::kScale
                                            : SuspectLabel::Kind::kBias;
}

// Over the points with a step.
HeldOutErrors SummaryOf(const LabelErrors& errors, const Matrix& steps) {
  const Index n = steps.rows();
  const Index m = errors.Y.rows();
  HeldOutErrors summary{.value = Vector::Zero(m), .slope = Matrix::Zero(n, m)};
  for (Index i = 0; i < m; ++i) {
    Index num_values = 0;
    Eigen::VectorX<Index> num_slopes = Eigen::VectorX<Index>::Zero(n);
    for (Index s = 0; s < steps.cols(); ++s) {
      if (steps.col(s).isZero(0)) continue;
      if (!std::isnan(errors.Y(i, s))) {
        summary.value[i] += errors.Y(i, s) * errors.Y(i, s);
        ++num_values;
      }
      for (Index j = 0; j < n && errors.J.cols() > 0; ++j) {
        const double change = errors.J(j, s * m + i) * steps(j, s);
        if (std::isnan(change)) continue;
        summary.slope(j, i) += change * change;
        ++num_slopes[j];
      }
    }
    const auto root_mean = [](double sum, Index count) {
      return count < kLeastHeldOut ? std::numeric_limits<double>::quiet_NaN()
                                   : std::sqrt(sum / static_cast<double>(count));
    };
    summary.value[i] = root_mean(summary.value[i], num_values);
    for (Index j = 0; j < n; ++j)
      summary.slope(j, i) = root_mean(summary.slope(j, i), num_slopes[j]);
  }
  return summary;
}

// Sums over the steps of squares and products of the changes of y_i along each input, as labelled
// and as predicted.
struct Changes {
  Vector cross;                 // n
  Vector predicted;             // n
  Vector labelled;              // n
  Eigen::VectorX<Index> count;  // n
};

Changes ChangesOf(const LabelledPoints& points, const LabelErrors& errors, const Matrix& steps,
                  Index i) {
  const Index n = points.n();
  Changes changes{.cross = Vector::Zero(n),
                  .predicted = Vector::Zero(n),
                  .labelled = Vector::Zero(n),
                  .count = Eigen::VectorX<Index>::Zero(n)};
  for (Index s = 0; s < points.NumPoints(); ++s) {
    if (steps.col(s).isZero(0)) continue;
    const Index column = s * points.m() + i;
    for (Index j = 0; j < n; ++j) {
      const double labelled = points.J(j, column) * steps(j, s);
      if (std::isnan(labelled)) continue;
      const double predicted = labelled + errors.J(j, column) * steps(j, s);
      changes.cross[j] += labelled * predicted;
      changes.predicted[j] += predicted * predicted;
      changes.labelled[j] += labelled * labelled;
      ++changes.count[j];
    }
  }
  return changes;
}

}  // namespace

std::vector<SuspectLabel> CompareWithNeighbours(const LabelledPoints& points,
                                                const std::stop_token& stop) {
  const Index n = points.n();
  const Index m = points.m();
  std::vector<SuspectLabel> suspects;
  if (points.J.cols() == 0 || points.NumPoints() < 3 || n > kMaxInputs) return suspects;
  const std::vector<Triple> triples = NearestTriples(points.X, stop);
  for (Index i = 0; i < m; ++i) {
    Comparison comparison = CompareOutput(points, triples, i);
    const Index rows = comparison.difference.size();
    const Vector size = comparison.A.colwise().norm();
    std::vector<Index> judged;
    Vector rest = comparison.difference;
    for (Index j = 0; j < n && rows > 0; ++j) {
      if (size[j] > kNegligible * size.maxCoeff()) {
        judged.push_back(j);
      } else {
        rest -= comparison.A.col(j);  // Taken as labelled.
      }
    }
    const auto num_unknowns = static_cast<Index>(judged.size());
    if (judged.empty() ||
        static_cast<double>(rows) < kLeastPairs * static_cast<double>(num_unknowns)) {
      continue;
    }
    const Matrix A = comparison.A(Eigen::all, judged);
    const Matrix Z = comparison.Z(Eigen::all, judged);
    const Matrix inverse = (Z.transpose() * A).fullPivLu().inverse();
    const Vector c = inverse * (Z.transpose() * rest);
    const Vector error = rest - A * c;
    const double correction = static_cast<double>(rows) / static_cast<double>(rows - num_unknowns);
    const Matrix spread = inverse * Z.transpose() * error.asDiagonal();
    for (Index k = 0; k < num_unknowns; ++k) {
      const double standard_error = spread.row(k).norm() * correction;
      if (!(std::abs(c[k] - 1) > std::max(kFar, kErrors * standard_error))) continue;
      const Index judged_k = judged[static_cast<std::size_t>(k)];
      suspects.push_back({.output = i,
                          .input = judged_k,
                          .kind = KindOf(c[k], standard_error),
                          .factor = c[k],
                          .disputed = std::abs(c[k] - 1) * comparison.change[judged_k]});
    }
  }
  return suspects;
}

Matrix StepsToNearest(const Matrix& X, const Matrix& others, const std::stop_token& stop) {
  Matrix steps = Matrix::Zero(X.rows(), X.cols());
  const Index affordable = kMostDistanceWork / std::max<Index>(1, others.size());
  const Index num_anchors = std::min(X.cols(), std::clamp(affordable, kLeastAnchors, kMaxAnchors));
  for (Index k = 0; k < num_anchors; ++k) {
    ThrowIfStopped(stop);
    const Index s = k * X.cols() / num_anchors;
    Index nearest = 0;
    (others.colwise() - X.col(s)).colwise().squaredNorm().minCoeff(&nearest);
    steps.col(s) = others.col(nearest) - X.col(s);
  }
  return steps;
}

std::vector<SuspectLabel> CompareWithValues(const LabelledPoints& held_out, const Matrix& steps,
                                            const Surrogate& value_only, const nn::Scaling& scaling,
                                            const std::stop_token& stop) {
  std::vector<SuspectLabel> suspects;
  if (held_out.J.cols() == 0) return suspects;
  const LabelErrors errors = LabelErrorsOn(value_only, held_out, scaling, stop);
  const HeldOutErrors of_surrogate = SummaryOf(errors, steps);
  for (Index i = 0; i < held_out.m(); ++i) {
    const Changes changes = ChangesOf(held_out, errors, steps, i);
    const double most = changes.predicted.maxCoeff();
    for (Index j = 0; j < held_out.n(); ++j) {
      const double predicted = changes.predicted[j];
      if (predicted <= kNegligible * most || changes.cross[j] >= kFar * predicted) continue;
      const double contribution = std::sqrt(predicted / static_cast<double>(changes.count[j]));
      if (!(of_surrogate.value[i] + kRounding < kTrusted * contribution)) continue;
      const double labelled = changes.labelled[j];
      const double factor = labelled > 0 ? changes.cross[j] / labelled : 0;
      suspects.push_back({.output = i,
                          .input = j,
                          .kind = KindOf(factor, 1),
                          .factor = factor,
                          .disputed = of_surrogate.slope(j, i)});
    }
  }
  return suspects;
}

HeldOutErrors HeldOutErrorsOf(const Surrogate& surrogate, const LabelledPoints& held_out,
                              const Matrix& steps, const nn::Scaling& scaling,
                              const std::stop_token& stop) {
  return SummaryOf(LabelErrorsOn(surrogate, held_out, scaling, stop), steps);
}

std::vector<SuspectLabel> WithoutRefuted(std::vector<SuspectLabel> suspects,
                                         const HeldOutErrors& errors) {
  std::erase_if(suspects, [&](const SuspectLabel& suspect) {
    const double least = kRefutes * suspect.disputed;
    return errors.value[suspect.output] < least &&
           errors.slope(suspect.input, suspect.output) < least;
  });
  return suspects;
}

}  // namespace sobolev::train
