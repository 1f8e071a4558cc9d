#include "engine/sampling/taylor_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// A model of more terms takes milliseconds a point.
constexpr Index kMaxTerms = 300;
// Labels for each term, so that the fit is one in the mean and not an interpolation of outliers.
constexpr double kLabelsPerTerm = 1.7;
// Rows of derivatives weigh half as much as those of values.
constexpr double kDerivativeWeight = 0.5;
// Of the mean of the diagonal, for terms of each degree.
constexpr double kRidge = 1e-12;
constexpr std::array<double, TaylorModel::kMaxOrder + 1> kRidgeOfDegree = {1, 10, 100, 1000};
constexpr double kTiny = 1e-300;
// Of the labels, terms take up at most so many.
constexpr double kUsableLabels = 0.9;
constexpr Index kPointsPerTask = 32;

TaylorBasis MakeBasis(Index n, int order) {
  TaylorBasis basis;
  basis.terms.push_back({});
  std::size_t first = 0;
  for (int degree = 1; degree <= order; ++degree) {
    const std::size_t last = basis.terms.size();
    for (std::size_t parent = first; parent < last; ++parent) {
      // Axes ascend along a product, so that each is made once.
      const Index least = degree == 1 ? 0 : basis.terms[parent].axis;
      for (Index axis = least; axis < n; ++axis) {
        basis.terms.push_back(
            {.parent = static_cast<Index>(parent), .axis = axis, .degree = degree});
      }
    }
    first = last;
  }
  return basis;
}

// (n + order choose order)
double NumTerms(Index n, int order) {
  double count = 1;
  for (int k = 1; k <= order; ++k) count = count * (static_cast<double>(n) + k) / k;
  return std::round(count);
}

double LabelsPerSample(const Evidence& evidence) {
  const Index num_samples = std::max<Index>(1, evidence.NumSamples());
  double least = std::numeric_limits<double>::infinity();
  for (Index i = 0; i < evidence.m(); ++i) {
    Index known = 0;
    for (Index s = 0; s < evidence.NumSamples(); ++s) {
      if (!std::isnan(evidence.Y(i, s))) ++known;
      if (!evidence.HasDerivatives()) continue;
      known += evidence.n() - evidence.J.col(s * evidence.m() + i).array().isNaN().count();
    }
    least = std::min(least, static_cast<double>(known) / static_cast<double>(num_samples));
  }
  return least;
}

}  // namespace

// Fits at one point after the other, in the same memory.
class TaylorModel::LocalFit {
 public:
  LocalFit(const TaylorModel& model, int order) : model_(model), order_(order) {}

  // Writes m values and n×m derivatives at q, and the distances of the nearest and the farthest
  // sample.
  void Predict(const double* q, const Usable& usable, double* y, double* J, double& distance,
               double& radius) {
    const Index n = model_.evidence_.n();
    const Index m = model_.evidence_.m();
    if (usable.Count() == 0) {
      std::fill_n(y, m, kNaN);
      std::fill_n(J, n * m, kNaN);
      distance = kNaN;
      radius = kNaN;
      return;
    }
    Fit(q, usable, model_.OrderFor(order_, usable.Count()), y, J);
    distance = std::sqrt(nearest_.front().first);
    radius = std::sqrt(nearest_.back().first);
  }

  // Writes the derivatives at sample s as TaylorExpansions has them.
  void Expand(Index s, double* derivatives) {
    const Evidence& evidence = model_.evidence_;
    const Index n = evidence.n();
    const Index m = evidence.m();
    const int order = model_.Order(order_);
    Vector y(m);
    Matrix J(n, m);
    Fit(evidence.X.col(s).data(), {.end = evidence.NumSamples()}, order, y.data(), J.data());
    Index terms = 1;
    for (int degree = 1; degree <= std::max(1, order); ++degree) terms = 1 + n * terms;
    for (Index i = 0; i < m; ++i) {
      double* const output = derivatives + i * terms;
      output[0] = std::isnan(evidence.Y(i, s)) ? y(i) : evidence.Y(i, s);
      for (Index j = 0; j < n; ++j) {
        const double slope = evidence.HasDerivatives() ? evidence.J(j, s * m + i) : kNaN;
        output[1 + j] = std::isnan(slope) ? J(j, i) : slope;
      }
      if (order > 1) WriteHigherDerivatives(i, order, output + 1 + n);
    }
  }

 private:
  using Neighbour = std::pair<double, Index>;  // Squared distance and number.

  // The nearest ones by distance, then by number.
  void FindNearest(const double* q, const Usable& usable, Index count) {
    const Matrix& coordinates = model_.coordinates_;
    squares_.setZero(usable.end);
    for (Index i = 0; i < coordinates.cols(); ++i) {
      squares_.array() += (coordinates.col(i).head(usable.end).array() - q[i]).square();
    }
    nearest_.clear();
    for (Index s = 0; s < usable.end; ++s) {
      if (s == usable.skipped) continue;
      const Neighbour neighbour(squares_(s), s);
      if (static_cast<Index>(nearest_.size()) < count) {
        nearest_.push_back(neighbour);
        std::push_heap(nearest_.begin(), nearest_.end());
      } else if (neighbour < nearest_.front()) {
        std::pop_heap(nearest_.begin(), nearest_.end());
        nearest_.back() = neighbour;
        std::push_heap(nearest_.begin(), nearest_.end());
      }
    }
    std::sort_heap(nearest_.begin(), nearest_.end());
  }

  void Fit(const double* q, const Usable& usable, int order, double* y, double* J) {
    FindNearest(q, usable, model_.NumNeighbours(order, usable.Count()));
    radius_ = std::sqrt(nearest_.back().first) + 1e-12;
    if (order == 0) {
      BlendTangents(q, y, J);
    } else {
      FitPolynomial(q, model_.bases_[static_cast<std::size_t>(order)], y, J);
    }
  }

  // Those of second and third order of the polynomial that was fitted: the coefficient of a product
  // of variables times the factorials of their powers, for every order of the variables.
  void WriteHigherDerivatives(Index i, int order, double* derivatives) const {
    const Index n = model_.evidence_.n();
    const std::vector<TaylorBasis::Term>& terms =
        model_.bases_[static_cast<std::size_t>(order)].terms;
    for (std::size_t k = 0; k < terms.size(); ++k) {
      if (terms[k].degree < 2) continue;
      // Axes descend from the term to its parents.
      const TaylorBasis::Term& parent = terms[static_cast<std::size_t>(terms[k].parent)];
      const double coefficient =
          solution_(static_cast<Index>(k), i) / std::pow(radius_, terms[k].degree);
      if (terms[k].degree == 2) {
        const Index a = parent.axis;
        const Index b = terms[k].axis;
        const double derivative = a == b ? 2 * coefficient : coefficient;
        derivatives[a * n + b] = derivative;
        derivatives[b * n + a] = derivative;
        continue;
      }
      std::array<Index, 3> axes = {terms[static_cast<std::size_t>(parent.parent)].axis, parent.axis,
                                   terms[k].axis};
      const bool two = axes[0] == axes[1] || axes[1] == axes[2];
      const bool three = axes[0] == axes[2];
      const double derivative = (three ? 6 : (two ? 2 : 1)) * coefficient;
      do {
        derivatives[n * n + (axes[0] * n + axes[1]) * n + axes[2]] = derivative;
      } while (std::ranges::next_permutation(axes).found);
    }
  }

  double WeightAt(double square) const {
    const double ratio = square / (radius_ * radius_);
    return std::exp(-3 * ratio) / (ratio + 1e-3);
  }

  // The mean of the tangent planes at the samples.
  void BlendTangents(const double* q, double* y, double* J) {
    const Evidence& evidence = model_.evidence_;
    const Index n = evidence.n();
    const Index m = evidence.m();
    MatrixMap gradients(J, n, m);
    gradients.setZero();
    for (Index i = 0; i < m; ++i) {
      double total = 0;
      double sum = 0;
      for (const auto& [square, s] : nearest_) {
        const double value = evidence.Y(i, s);
        if (std::isnan(value)) continue;
        const double weight = WeightAt(square);
        total += weight;
        sum += weight * value;
        if (!evidence.HasDerivatives()) continue;
        for (Index j = 0; j < n; ++j) {
          const double slope = evidence.J(j, s * m + i);
          if (std::isnan(slope)) continue;
          sum += weight * slope * (q[j] - evidence.X(j, s));
          gradients(j, i) += weight * slope;
        }
      }
      y[i] = total > 0 ? sum / total : model_.means_(i);
      if (total > 0) gradients.col(i) /= total;
    }
  }

  void FitPolynomial(const double* q, const TaylorBasis& basis, double* y, double* J) {
    const Evidence& evidence = model_.evidence_;
    const Index n = evidence.n();
    const Index m = evidence.m();
    const Index rows_per_sample = evidence.HasDerivatives() ? 1 + n : 1;
    const Index num_rows = rows_per_sample * static_cast<Index>(nearest_.size());
    rows_.resize(basis.Size(), num_rows);
    labels_.resize(m, num_rows);
    offsets_.resize(m);
    for (Index i = 0; i < m; ++i) offsets_(i) = NearestValue(i);
    Index row = 0;
    for (const auto& [square, s] : nearest_) {
      const double weight = std::sqrt(WeightAt(square));
      FillRows(q, basis, s, weight, row);
      labels_.col(row) = weight * (evidence.Y.col(s) - offsets_);
      for (Index j = 1; j < rows_per_sample; ++j) {
        for (Index i = 0; i < m; ++i) {
          labels_(i, row + j) = kDerivativeWeight * weight * radius_ * evidence.J(j - 1, s * m + i);
        }
      }
      row += rows_per_sample;
    }
    SolveAll(basis);
    for (Index i = 0; i < m; ++i) {
      y[i] = solution_(0, i) + offsets_(i);
      for (Index j = 0; j < n; ++j) J[i * n + j] = solution_(1 + j, i) / radius_;
    }
  }

  // Of output i at the nearest sample where it is known, so that large means cost no digits.
  double NearestValue(Index i) const {
    for (const auto& [square, s] : nearest_) {
      if (!std::isnan(model_.evidence_.Y(i, s))) return model_.evidence_.Y(i, s);
    }
    return model_.means_(i);
  }

  // The terms at sample s in column `row`, and their derivatives in those that follow.
  void FillRows(const double* q, const TaylorBasis& basis, Index s, double weight, Index row) {
    const Evidence& evidence = model_.evidence_;
    const Index n = evidence.n();
    const auto x = [&](Index axis) { return (evidence.X(axis, s) - q[axis]) / radius_; };
    double* value = rows_.col(row).data();
    value[0] = weight;
    for (Index k = 1; k < basis.Size(); ++k) {
      const TaylorBasis::Term& term = basis.terms[static_cast<std::size_t>(k)];
      value[k] = value[term.parent] * x(term.axis);
    }
    if (!evidence.HasDerivatives()) return;
    for (Index j = 0; j < n; ++j) {
      double* slope = rows_.col(row + 1 + j).data();
      slope[0] = 0;
      for (Index k = 1; k < basis.Size(); ++k) {
        const TaylorBasis::Term& term = basis.terms[static_cast<std::size_t>(k)];
        slope[k] = slope[term.parent] * x(term.axis);
        if (term.axis == j) slope[k] += kDerivativeWeight * value[term.parent];
      }
    }
  }

  // Outputs of which all labels are known share one system.
  void SolveAll(const TaylorBasis& basis) {
    const Index m = labels_.rows();
    solution_.resize(basis.Size(), m);
    bool shared = false;
    for (Index i = 0; i < m; ++i) {
      const bool complete = !labels_.row(i).array().isNaN().any();
      if (!complete) {
        Factorise(basis, [&](Index row) { return !std::isnan(labels_(i, row)); });
      } else if (!shared) {
        Factorise(basis, [](Index) { return true; });
      }
      shared = complete;
      Solve(i);
    }
  }

  template <class Known>
  void Factorise(const TaylorBasis& basis, const Known& known) {
    const Index size = basis.Size();
    system_.setZero(size, size);
    for (Index row = 0; row < rows_.cols(); ++row) {
      if (!known(row)) continue;
      const auto a = rows_.col(row);
      for (Index j = 0; j < size; ++j) {
        if (a(j) != 0) system_.col(j).tail(size - j) += a(j) * a.tail(size - j);
      }
    }
    const double ridge = kRidge * system_.trace() / static_cast<double>(size) + kTiny;
    for (Index j = 0; j < size; ++j) {
      const int degree = basis.terms[static_cast<std::size_t>(j)].degree;
      system_(j, j) += ridge * kRidgeOfDegree[static_cast<std::size_t>(degree)];
    }
    factor_.compute(system_);
  }

  void Solve(Index i) {
    right_.setZero(rows_.rows());
    for (Index row = 0; row < rows_.cols(); ++row) {
      if (!std::isnan(labels_(i, row))) right_ += labels_(i, row) * rows_.col(row);
    }
    solution_.col(i) = factor_.solve(right_);
  }

  const TaylorModel& model_;
  int order_;
  std::vector<Neighbour> nearest_;
  double radius_ = 0;  // Of the ball around them.
  Vector squares_;
  Matrix rows_;     // terms×rows, weighted
  Matrix labels_;   // m×rows, weighted
  Vector offsets_;  // m
  Matrix system_;
  Eigen::LLT<Matrix> factor_;
  Vector right_;
  Matrix solution_;  // terms×m
};

TaylorModel::TaylorModel(const Evidence& evidence)
    : evidence_(evidence), means_(Vector::Zero(evidence.m())) {
  RequireEvidence(evidence);
  coordinates_ = evidence.X.transpose();
  labels_per_sample_ = LabelsPerSample(evidence);
  for (Index i = 0; i < evidence.m(); ++i) {
    double known = 0;
    for (Index s = 0; s < evidence.NumSamples(); ++s) {
      if (std::isnan(evidence.Y(i, s))) continue;
      known += 1;
      means_(i) += (evidence.Y(i, s) - means_(i)) / known;
    }
    if (known > 0) continue;
    throw FailedPrecondition("NO_VALUES", "Y[" + std::to_string(i) + "]",
                             "no value of this output is known; tell some, or leave it out");
  }
  for (int order = 0; order <= kMaxOrder; ++order) {
    if (NumTerms(evidence.n(), order) > kMaxTerms) break;
    bases_[static_cast<std::size_t>(order)] = MakeBasis(evidence.n(), order);
  }
}

int TaylorModel::OrderFor(int wanted, Index num_samples) const {
  const double num_labels = labels_per_sample_ * static_cast<double>(num_samples);
  int order = std::clamp(wanted, 0, kMaxOrder);
  for (; order > 0; --order) {
    const Index size = bases_[static_cast<std::size_t>(order)].Size();
    if (size > 0 && static_cast<double>(size) <= kUsableLabels * num_labels) break;
  }
  return order;
}

Index TaylorModel::NumNeighbours(int order, Index num_samples) const {
  const auto size = static_cast<double>(bases_[static_cast<std::size_t>(order)].Size());
  const double count = std::ceil(kLabelsPerTerm * size / std::max(labels_per_sample_, 1e-3)) + 1;
  const double least = order == 0 ? 4 : 2;
  return std::min(num_samples, static_cast<Index>(std::max(least, std::min(count, 1e9))));
}

TaylorPrediction TaylorModel::Predict(const Matrix& Q, int order,
                                      const std::stop_token& stop) const {
  RequireSize("Q rows", Q.rows(), evidence_.n());
  return PredictEach(Q, order, {{.end = evidence_.NumSamples()}}, stop);
}

TaylorPrediction TaylorModel::PredictHeldOut(const std::vector<Index>& samples, int order,
                                             HeldOut held_out, const std::stop_token& stop) const {
  Matrix Q(evidence_.n(), static_cast<Index>(samples.size()));
  std::vector<Usable> usable;
  usable.reserve(samples.size());
  for (const Index s : samples) {
    if (s < 0 || s >= evidence_.NumSamples()) {
      throw InvalidArgument("OUT_OF_RANGE", "samples", "there is no sample " + std::to_string(s));
    }
    Q.col(static_cast<Index>(usable.size())) = evidence_.X.col(s);
    usable.push_back(held_out == HeldOut::kItself
                         ? Usable{.end = evidence_.NumSamples(), .skipped = s}
                         : Usable{.end = s});
  }
  return PredictEach(Q, order, usable, stop);
}

TaylorPrediction TaylorModel::PredictEach(const Matrix& Q, int order,
                                          const std::vector<Usable>& usable,
                                          const std::stop_token& stop) const {
  const Index n = evidence_.n();
  const Index m = evidence_.m();
  TaylorPrediction prediction{.Y = Matrix(m, Q.cols()),
                              .J = Matrix(n, m * Q.cols()),
                              .distance = Vector(Q.cols()),
                              .radius = Vector(Q.cols())};
  oneapi::tbb::parallel_for(
      oneapi::tbb::blocked_range<Index>(0, Q.cols(), kPointsPerTask),
      [&](const oneapi::tbb::blocked_range<Index>& points) {
        LocalFit fit(*this, order);
        for (Index q = points.begin(); q < points.end(); ++q) {
          if (stop.stop_requested()) return;
          fit.Predict(Q.col(q).data(), usable[usable.size() == 1 ? 0 : static_cast<std::size_t>(q)],
                      prediction.Y.col(q).data(), prediction.J.col(q * m).data(),
                      prediction.distance(q), prediction.radius(q));
        }
      });
  ThrowIfStopped(stop);
  return prediction;
}

TaylorExpansions TaylorModel::Expand(const std::vector<Index>& samples, int order,
                                     const std::stop_token& stop) const {
  const auto count = static_cast<Index>(samples.size());
  TaylorExpansions expansions{.order = std::max(1, Order(order)), .derivatives = {}};
  Index terms = 1;
  for (int degree = 1; degree <= expansions.order; ++degree) terms = 1 + evidence_.n() * terms;
  expansions.derivatives.resize(evidence_.m() * terms, count);
  oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<Index>(0, count, kPointsPerTask),
                            [&](const oneapi::tbb::blocked_range<Index>& range) {
                              LocalFit fit(*this, order);
                              for (Index k = range.begin(); k < range.end(); ++k) {
                                if (stop.stop_requested()) return;
                                fit.Expand(samples[static_cast<std::size_t>(k)],
                                           expansions.derivatives.col(k).data());
                              }
                            });
  ThrowIfStopped(stop);
  return expansions;
}

}  // namespace sobolev::sampling
