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
// A factor is suspect if it is this many standard errors and this far from 1, and if factors leave
// so much less unexplained than the labels do as they are, at few points.
constexpr double kErrors = 7;
constexpr double kGainAtFewPoints = 6;
constexpr double kFar = 0.5;
constexpr double kLeastFree = 0.01;
// Points at which standard errors are taken twice.
constexpr double kFewPoints = 20;
// Factors within this of −1 are called a sign.
constexpr double kNearSign = 0.35;
// Exchanged labels must leave less than this share of the squares that others leave.
constexpr double kSwapGain = 0.5;
// The same without other suspicions, of what the labels as they are leave.
constexpr double kClearSwapGain = 0.1;
constexpr Index kMostSwapped = 32;
// Labels that leave less than this share of the squares of differences are not searched for it.
constexpr double kExplained = 0.03;
// A surrogate fitted to values may judge a change of values along an input if it misses values by
// less than this share of it, and than rounding.
constexpr double kTrusted = 0.25;
constexpr double kRounding = 1e-10;
// A surrogate refutes a suspicion if it errs by less than this share of the disputed change.
constexpr double kRefutes = 0.1;
// Held-out labels below which nothing is said.
constexpr Index kLeastHeldOut = 3;
// The same where the slopes of a surrogate accuse, which must leave less than this share of the
// squares of differences of values that labels leave.
constexpr Index kLeastToAccuse = 8;
constexpr double kLeft = 0.5;
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

// Δy ≈ Σ_j c_j ∂_j y · step_j, row by row for pairs of neighbours, scaled to about equal errors.
struct Comparison {
  Matrix slope;       // pairs×n: mean of the labels at both ends.
  Matrix instrument;  // pairs×n: labels nearby.
  Matrix step;        // pairs×n, scaled.
  Vector difference;  // pairs, scaled.
  Vector change;      // n: RMS over pairs of slope·step before it is scaled.
  Index num_points = 0;
};

Comparison CompareOutput(const LabelledPoints& points, const std::vector<Triple>& triples,
                         Index i) {
  const Index n = points.n();
  const Index m = points.m();
  const auto most = static_cast<Index>(triples.size());
  Comparison comparison{.slope = Matrix(most, n),
                        .instrument = Matrix(most, n),
                        .step = Matrix(most, n),
                        .difference = Vector(most),
                        .change = {},
                        .num_points = points.NumPoints()};
  Index rows = 0;
  for (const Triple& triple : triples) {
    const Vector step = points.X.col(triple.b) - points.X.col(triple.a);
    const auto gradient = [&](Index s) { return points.J.col(s * m + i); };
    const Vector mean = (gradient(triple.a) + gradient(triple.b)) / 2;
    const double change = points.Y(i, triple.b) - points.Y(i, triple.a);
    if (!mean.allFinite() || !gradient(triple.c).allFinite() || std::isnan(change)) continue;
    comparison.slope.row(rows) = mean.transpose();
    comparison.instrument.row(rows) = gradient(triple.c).transpose();
    comparison.step.row(rows) = step.transpose();
    comparison.difference[rows] = change;
    ++rows;
  }
  comparison.slope.conservativeResize(rows, n);
  comparison.instrument.conservativeResize(rows, n);
  comparison.step.conservativeResize(rows, n);
  comparison.difference.conservativeResize(rows);
  const Matrix changes = comparison.slope.cwiseProduct(comparison.step);
  comparison.change =
      (changes.colwise().squaredNorm() / static_cast<double>(std::max<Index>(1, rows))).cwiseSqrt();
  // Errors are noise, of the same size everywhere, and a remainder that grows as the cube of the
  // distance; the noise is at most what the nearest pairs show.
  const Vector distance = comparison.step.rowwise().norm();
  const Vector error = comparison.difference - changes.rowwise().sum();
  std::vector<Index> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::sort(order, {}, [&](Index row) { return distance[row]; });
  const auto nearest = std::max<Index>(1, rows / 10);
  double noise = 0;
  for (Index k = 0; k < std::min(nearest, rows); ++k) {
    noise += std::pow(error[order[static_cast<std::size_t>(k)]], 2) / static_cast<double>(nearest);
  }
  const double remainder = error.squaredNorm() / std::max(distance.array().pow(6).sum(), 1e-300);
  for (Index row = 0; row < rows; ++row) {
    const double scale = std::sqrt(noise + remainder * std::pow(distance[row], 6)) + 1e-300;
    comparison.step.row(row) /= scale;
    comparison.difference[row] /= scale;
  }
  return comparison;
}

// Which label is taken for the derivative by each input, with the ratio of their scales.
struct ColumnOrder {
  explicit ColumnOrder(Index n) : column(static_cast<std::size_t>(n)) {
    std::iota(column.begin(), column.end(), Index{0});
  }

  // pairs: as Comparison has them.
  Matrix Changes(const Matrix& labels, const Matrix& step, const Vector& x_scale) const {
    Matrix changes(step.rows(), step.cols());
    for (Index j = 0; j < step.cols(); ++j) {
      const Index k = column[static_cast<std::size_t>(j)];
      changes.col(j) = (x_scale[j] / x_scale[k]) * labels.col(k).cwiseProduct(step.col(j));
    }
    return changes;
  }

  std::vector<Index> column;  // n
};

// How labels would have to be scaled to agree with the values.
struct Factors {
  std::vector<Index> inputs;  // Those that are judged.
  Vector factor;
  Vector error;     // Standard ones of the factors.
  double rest = 0;  // Mean square of what they leave unexplained,
  double gain = 0;  // and so much more the labels as they are.
  Index num_points = 0;

  std::vector<std::size_t> Suspects() const {
    std::vector<std::size_t> suspects;
    const double least = 1 + (kGainAtFewPoints - 1) * kFewPoints / static_cast<double>(num_points);
    if (!(gain > least)) return suspects;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto at = static_cast<Index>(k);
      if (std::abs(factor[at] - 1) > std::max(kFar, kErrors * error[at])) suspects.push_back(k);
    }
    return suspects;
  }
};

// None if too few pairs tell.
std::optional<Factors> Estimate(const Comparison& comparison, const ColumnOrder& order,
                                const Vector& x_scale) {
  const Matrix all = order.Changes(comparison.slope, comparison.step, x_scale);
  const Index rows = all.rows();
  const Vector size = all.colwise().norm();
  Factors factors{.num_points = comparison.num_points};
  Vector rest = comparison.difference;
  for (Index j = 0; j < all.cols() && rows > 0; ++j) {
    if (size[j] > kNegligible * size.maxCoeff()) {
      factors.inputs.push_back(j);
    } else {
      rest -= all.col(j);  // Taken as labelled.
    }
  }
  const auto num_unknowns = static_cast<Index>(factors.inputs.size());
  if (num_unknowns == 0 ||
      static_cast<double>(rows) < kLeastPairs * static_cast<double>(num_unknowns)) {
    return std::nullopt;
  }
  const Matrix A = all(Eigen::all, factors.inputs);
  const Matrix Z =
      order.Changes(comparison.instrument, comparison.step, x_scale)(Eigen::all, factors.inputs);
  const Matrix inverse = (Z.transpose() * A).fullPivLu().inverse();
  factors.factor = inverse * (Z.transpose() * rest);
  Vector error = rest - A * factors.factor;
  factors.rest = error.squaredNorm() / static_cast<double>(rows - num_unknowns);
  factors.gain = (comparison.difference - all.rowwise().sum()).squaredNorm() /
                 (static_cast<double>(rows) * factors.rest);
  // A pair that decides a factor alone agrees with it well: what counts is how far it would be
  // from factors that do not know it (MacKinnon and White 1985).
  const Matrix projection = Z * inverse.transpose();
  for (Index row = 0; row < rows; ++row) {
    error[row] /= std::max(kLeastFree, 1 - A.row(row).dot(projection.row(row)));
  }
  factors.error = (projection.transpose() * error.asDiagonal()).rowwise().norm();
  // Pairs have points in common, and few of them say little of the size of errors.
  factors.error *= 1 + kFewPoints / static_cast<double>(comparison.num_points);
  return factors;
}

// The order in which labels agree with values, found by exchanging two at a time, one of which is
// suspect. None if there is no such order that explains more than factors do.
std::optional<ColumnOrder> FindOrder(const Comparison& comparison, const Factors& factors,
                                     const Vector& x_scale, const std::stop_token& stop) {
  const Index n = x_scale.size();
  ColumnOrder order(n);
  std::vector<Index> suspects;
  for (const std::size_t k : factors.Suspects()) suspects.push_back(factors.inputs[k]);
  const bool has_suspects = !suspects.empty();
  if (!has_suspects) suspects = factors.inputs;
  if (std::ssize(suspects) > kMostSwapped) return std::nullopt;
  Vector rest = comparison.difference -
                order.Changes(comparison.slope, comparison.step, x_scale).rowwise().sum();
  if (!has_suspects && rest.squaredNorm() < kExplained * comparison.difference.squaredNorm()) {
    return std::nullopt;
  }
  // What is left unexplained with the labels of j and k exchanged.
  const auto exchanged = [&](Index j, Index k) -> Vector {
    const Index of_j = order.column[static_cast<std::size_t>(j)];
    const Index of_k = order.column[static_cast<std::size_t>(k)];
    const auto more = [&](Index input, Index from, Index to) {
      return x_scale[input] *
             (comparison.slope.col(to) / x_scale[to] - comparison.slope.col(from) / x_scale[from])
                 .cwiseProduct(comparison.step.col(input));
    };
    return rest - more(j, of_j, of_k) - more(k, of_k, of_j);
  };
  for (std::size_t round = 0; round < suspects.size(); ++round) {
    double least = kSwapGain * rest.squaredNorm();
    std::pair<Index, Index> best{-1, -1};
    for (const Index j : suspects) {
      ThrowIfStopped(stop);
      for (Index k = 0; k < n; ++k) {
        if (k == j) continue;
        const double squares = exchanged(j, k).squaredNorm();
        if (squares < least) {
          least = squares;
          best = {j, k};
        }
      }
    }
    if (best.first < 0) break;
    rest = exchanged(best.first, best.second).eval();
    std::swap(order.column[static_cast<std::size_t>(best.first)],
              order.column[static_cast<std::size_t>(best.second)]);
  }
  const double mean_square = rest.squaredNorm() / static_cast<double>(rest.size());
  const double most = has_suspects ? kSwapGain : std::min(kSwapGain, kClearSwapGain * factors.gain);
  if (!(mean_square < most * factors.rest)) return std::nullopt;
  const std::optional<Factors> after = Estimate(comparison, order, x_scale);
  if (!after || !after->Suspects().empty()) return std::nullopt;
  return order;
}

SuspectLabel::Kind KindOf(double factor, double error) {
  if (std::abs(factor + 1) < kNearSign) return SuspectLabel::Kind::kSign;
  return std::abs(factor) > kErrors * error ? SuspectLabel::Kind::kScale
                                            : SuspectLabel::Kind::kBias;
}

// Of the labels of output i, which are in this order.
void AddSwapped(const Comparison& comparison, const ColumnOrder& order, Index i,
                std::vector<SuspectLabel>& suspects) {
  std::vector<Index> input_of(order.column.size());
  for (std::size_t input = 0; input < order.column.size(); ++input) {
    input_of[static_cast<std::size_t>(order.column[input])] = static_cast<Index>(input);
  }
  for (Index j = 0; j < comparison.change.size(); ++j) {
    const Index other = input_of[static_cast<std::size_t>(j)];
    if (other == j) continue;
    suspects.push_back({.output = i,
                        .input = j,
                        .kind = SuspectLabel::Kind::kSwapped,
                        .other = other,
                        .factor = 1,
                        .disputed = comparison.change[j]});
  }
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

// y along the steps minus what the slopes at their beginnings say, as labelled, and for each input
// with the predicted slopes in place of its labels.
struct Unexplained {
  double as_labelled = 0;  // Sums of squares over the steps.
  Vector as_predicted;     // n
};

// Y_there: m×N, at the ends of the steps. Missing labels say nothing.
Unexplained UnexplainedOf(const LabelledPoints& points, const LabelErrors& errors,
                          const Matrix& Y_there, const Matrix& steps, Index i) {
  Unexplained squares{.as_predicted = Vector::Zero(points.n())};
  for (Index s = 0; s < points.NumPoints(); ++s) {
    const double change = Y_there(i, s) - points.Y(i, s);
    if (steps.col(s).isZero(0) || std::isnan(change)) continue;
    const Index column = s * points.m() + i;
    Vector more = errors.J.col(column).cwiseProduct(steps.col(s));  // Of the prediction.
    more = more.array().isNaN().select(0, more);
    const Vector labelled = points.J.col(column).cwiseProduct(steps.col(s));
    const double rest = change - labelled.array().isNaN().select(0, labelled).sum();
    squares.as_labelled += rest * rest;
    squares.as_predicted += (rest - more.array()).square().matrix();
  }
  return squares;
}

}  // namespace

std::vector<SuspectLabel> CompareWithNeighbours(const LabelledPoints& points,
                                                const nn::Scaling& scaling,
                                                const std::stop_token& stop) {
  const Index n = points.n();
  std::vector<SuspectLabel> suspects;
  if (points.J.cols() == 0 || points.NumPoints() < 3 || n > kMaxInputs) return suspects;
  const std::vector<Triple> triples = NearestTriples(points.X, stop);
  for (Index i = 0; i < points.m(); ++i) {
    ThrowIfStopped(stop);
    const Comparison comparison = CompareOutput(points, triples, i);
    const std::optional<Factors> factors = Estimate(comparison, ColumnOrder(n), scaling.x_scale);
    if (!factors) continue;
    const std::optional<ColumnOrder> order = FindOrder(comparison, *factors, scaling.x_scale, stop);
    if (order) {
      AddSwapped(comparison, *order, i, suspects);
      continue;
    }
    for (const std::size_t k : factors->Suspects()) {
      const Index j = factors->inputs[k];
      const double c = factors->factor[static_cast<Index>(k)];
      suspects.push_back({.output = i,
                          .input = j,
                          .kind = KindOf(c, factors->error[static_cast<Index>(k)]),
                          .factor = c,
                          .disputed = std::abs(c - 1) * comparison.change[j]});
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
  LabelledPoints there{.X = held_out.X + steps};
  there.Y.setZero(held_out.m(), held_out.NumPoints());
  const Matrix Y_there = LabelErrorsOn(value_only, there, scaling, stop).Y;
  for (Index i = 0; i < held_out.m(); ++i) {
    const Changes changes = ChangesOf(held_out, errors, steps, i);
    const Unexplained unexplained = UnexplainedOf(held_out, errors, Y_there, steps, i);
    const double most = changes.predicted.maxCoeff();
    for (Index j = 0; j < held_out.n(); ++j) {
      const double predicted = changes.predicted[j];
      if (changes.count[j] < kLeastToAccuse) continue;
      if (predicted <= kNegligible * most || changes.cross[j] >= kFar * predicted) continue;
      const double contribution = std::sqrt(predicted / static_cast<double>(changes.count[j]));
      if (!(of_surrogate.value[i] + kRounding < kTrusted * contribution)) continue;
      if (!(unexplained.as_predicted[j] < kLeft * unexplained.as_labelled)) continue;
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
