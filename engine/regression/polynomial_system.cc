#include "engine/regression/polynomial_system.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stop_token>
#include <vector>

#include <Eigen/Cholesky>
#include <oneapi/tbb/parallel_for.h>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/dense.h"
#include "engine/regression/labels.h"
#include "engine/regression/legendre.h"
#include "engine/regression/terms.h"

namespace sobolev::regression {

namespace {

constexpr Index kLabelsPerChunk = 256;
// I − H of a point with a smaller pivot says nothing but rounding errors.
constexpr double kLeastPivot = 1e-9;
// To make an element of a column and use it once takes as long as so many multiply-adds.
constexpr double kPass = 10;

// One-dimensional polynomials of all axes at one point.
class Tables {
 public:
  Tables(const double* x, const Box& box, Index max_degree)
      : scale_(box.scale), stride_(max_degree + 1), memory_(3 * stride_ * box.centre.size()) {
    for (Index j = 0; j < scale_.size(); ++j) {
      const double t = (x[j] - box.centre(j)) * scale_(j);
      double* const start = memory_.data() + 3 * stride_ * j;
      EvaluateLegendre<1>(&t, max_degree, start, start + stride_, start + 2 * stride_);
    }
  }

  double Value(const Term& term) const {
    double product = 1;
    for (const Factor& factor : term) product *= At(factor, 0);
    return product;
  }

  // ∂_j
  double Partial(const Term& term, Index j) const {
    double product = 0;
    for (const Factor& factor : term) {
      if (factor.axis == j) product = scale_(j);
    }
    if (product == 0) return 0;
    for (const Factor& factor : term) product *= At(factor, factor.axis == j ? 1 : 0);
    return product;
  }

  // ẋ·∇
  double Directional(const Term& term, const double* direction) const {
    double sum = 0;
    for (const Factor& factor : term) {
      if (direction[factor.axis] != 0) sum += direction[factor.axis] * Partial(term, factor.axis);
    }
    return sum;
  }

  // e_jᵀ ∇² v, for an axis j of the term.
  double Curvature(const Term& term, Index j, const double* v) const {
    double sum = 0;
    for (const Factor& other : term) {
      const Index k = other.axis;
      if (v[k] == 0) continue;
      double product = scale_(j) * scale_(k) * v[k];
      for (const Factor& factor : term) {
        product *= At(factor, (factor.axis == j ? 1 : 0) + (factor.axis == k ? 1 : 0));
      }
      sum += product;
    }
    return sum;
  }

 private:
  double At(const Factor& factor, Index order) const {
    return memory_(3 * stride_ * factor.axis + stride_ * order + factor.degree);
  }

  const Vector& scale_;
  Index stride_;
  Vector memory_;
};

Index HighestDegree(const Terms& terms) {
  Index degree = 0;
  for (const Term& term : terms) {
    for (const Factor& factor : term) degree = std::max<Index>(degree, factor.degree);
  }
  return degree;
}

}  // namespace

Box Box::Around(const Matrix& X) {
  Box box{.centre = Vector::Zero(X.rows()), .scale = Vector::Ones(X.rows())};
  if (X.cols() == 0) return box;
  const Vector low = X.rowwise().minCoeff();
  const Vector high = X.rowwise().maxCoeff();
  box.centre = 0.5 * (low + high);
  for (Index j = 0; j < X.rows(); ++j) {
    if (high(j) > low(j)) box.scale(j) = 2 / (high(j) - low(j));
  }
  return box;
}

PolynomialSystem::PolynomialSystem(const LabelGroup& group, const Matrix& X, const Box& box)
    : group_(group), points_(X), box_(box) {
  chunks_.push_back(0);
  for (Index s = 0; s < group.NumPoints(); ++s) {
    if (group.First(s + 1) - group.First(chunks_.back()) > kLabelsPerChunk && s > chunks_.back()) {
      chunks_.push_back(s);
    }
  }
  chunks_.push_back(group.NumPoints());
}

void PolynomialSystem::FillPoint(const Terms& terms, Index max_degree, Index point,
                                 Index first_column, dense::MatrixRef columns) const {
  const Index begin = group_.First(point);
  const Index end = group_.First(point + 1);
  if (begin == end) return;
  const Tables tables(points_.col(point).data(), box_, max_degree);
  const auto num_terms = static_cast<Index>(terms.size());
  columns.middleCols(begin - first_column, end - begin).setZero();

  // Values, partial derivatives and curvatures are most labels. A term has partial derivatives
  // along few axes, so each goes to the columns that want it, which are chained by kind and axis.
  const auto stride = static_cast<std::size_t>(points_.rows());
  std::vector<Index> head(2 * stride + 1, -1);
  std::vector<Index> next(static_cast<std::size_t>(end - begin), -1);
  const auto head_of = [&](LabelKind kind, Index axis) -> Index& {
    if (kind == LabelKind::kValue) return head.back();
    return head[static_cast<std::size_t>(axis) + (kind == LabelKind::kCurvature ? stride : 0)];
  };
  for (Index k = begin; k < end; ++k) {
    if (group_[k].kind == LabelKind::kDirectional) continue;
    Index& first = head_of(group_[k].kind, group_[k].axis);
    next[static_cast<std::size_t>(k - begin)] = first;
    first = k;
  }
  const auto put = [&](Index k, Index p, double element) {
    const Label& label = group_[k];
    for (Index o = 0; o < group_.Width(); ++o) {
      columns(o * num_terms + p, k - first_column) =
          element * std::sqrt(label.weight) * group_.OutputWeight(label, o);
    }
  };
  const auto put_all = [&](LabelKind kind, Index axis, Index p, const auto& element) {
    for (Index k = head_of(kind, axis); k >= 0; k = next[static_cast<std::size_t>(k - begin)]) {
      put(k, p, element(k));
    }
  };
  for (Index p = 0; p < num_terms; ++p) {
    const Term& term = terms[static_cast<std::size_t>(p)];
    if (head.back() >= 0) {
      const double value = tables.Value(term);
      put_all(LabelKind::kValue, 0, p, [&](Index) { return value; });
    }
    for (const Factor& factor : term) {
      if (head_of(LabelKind::kPartial, factor.axis) >= 0) {
        const double partial = tables.Partial(term, factor.axis);
        put_all(LabelKind::kPartial, factor.axis, p, [&](Index) { return partial; });
      }
      put_all(LabelKind::kCurvature, factor.axis, p,
              [&](Index k) { return tables.Curvature(term, factor.axis, group_[k].direction); });
    }
  }
  for (Index k = begin; k < end; ++k) {
    const Label& label = group_[k];
    if (label.kind != LabelKind::kDirectional) continue;
    for (Index p = 0; p < num_terms; ++p) {
      put(k, p, tables.Directional(terms[static_cast<std::size_t>(p)], label.direction));
    }
  }
}

template <class Visit>
void PolynomialSystem::ForEachChunk(const Terms& terms, const std::stop_token& stop,
                                    const Visit& visit) const {
  const Index max_degree = HighestDegree(terms);
  Matrix columns;
  for (std::size_t chunk = 0; chunk + 1 < chunks_.size(); ++chunk) {
    ThrowIfStopped(stop);
    const Index first = group_.First(chunks_[chunk]);
    const Index count = group_.First(chunks_[chunk + 1]) - first;
    if (count == 0) continue;
    columns.resize(static_cast<Index>(terms.size()) * group_.Width(), count);
    oneapi::tbb::parallel_for(chunks_[chunk], chunks_[chunk + 1], [&](Index point) {
      FillPoint(terms, max_degree, point, first, columns);
    });
    visit(first, columns);
  }
}

void PolynomialSystem::SetTerms(const Terms& terms, const std::stop_token& stop) {
  terms_ = terms;
  const Index size = NumUnknowns();
  gram_ = Matrix::Zero(size, size);
  moments_ = Vector::Zero(size);
  ForEachChunk(terms_, stop, [&](Index first, const Matrix& columns) {
    dense::AddGram(1, columns, gram_);
    for (Index k = 0; k < columns.cols(); ++k) {
      const Label& label = group_[first + k];
      moments_ += std::sqrt(label.weight) * label.target * columns.col(k);
    }
  });
  // What no label sees, such as the constant among derivatives, has the coefficient 0.
  for (Index u = 0; u < size; ++u) {
    if (gram_(u, u) == 0) gram_(u, u) = 1;
  }
}

bool PolynomialSystem::Solve(double ridge, int num_refinements, const std::stop_token& stop) {
  const Vector penalty = ridge * gram_.diagonal();
  factor_ = gram_;
  factor_.diagonal() += penalty;
  const Vector diagonal = factor_.diagonal();
  if (!dense::Cholesky(factor_, stop)) return false;
  // Pivots that are all rounding errors of the diagonal belong to dependent columns.
  if ((factor_.diagonal().array().square() < 1e-13 * diagonal.array()).any()) return false;
  const auto solve = [&](Vector b) {
    dense::SolveLower(factor_, b);
    dense::SolveLowerTransposed(factor_, b);
    return b;
  };
  c_ = solve(moments_);
  errors_.resize(group_.NumLabels());
  for (int step = 0;; ++step) {
    Vector gradient = penalty.cwiseProduct(c_);
    ForEachChunk(terms_, stop, [&](Index first, const Matrix& columns) {
      for (Index k = 0; k < columns.cols(); ++k) {
        const Label& label = group_[first + k];
        const double error = columns.col(k).dot(c_) - std::sqrt(label.weight) * label.target;
        errors_(first + k) = error;
        gradient += error * columns.col(k);
      }
    });
    if (step == num_refinements) break;
    c_ -= solve(gradient);
  }
  return c_.allFinite();
}

Matrix PolynomialSystem::Coefficients() const {
  return ConstMatrixMap(c_.data(), static_cast<Index>(terms_.size()), group_.Width());
}

Vector PolynomialSystem::Column(Index label) const {
  const Index point = group_[label].point;
  const Index first = group_.First(point);
  Matrix columns(NumUnknowns(), group_.First(point + 1) - first);
  FillPoint(terms_, HighestDegree(terms_), point, first, columns);
  return columns.col(label - first);
}

Vector PolynomialSystem::Contributions() const {
  const Vector squares = c_.cwiseAbs2().cwiseProduct(gram_.diagonal());
  return ConstMatrixMap(squares.data(), static_cast<Index>(terms_.size()), group_.Width())
      .rowwise()
      .sum();
}

bool PolynomialSystem::LeaveOneOut(Vector& errors, const std::stop_token& stop) const {
  errors.resize(group_.NumLabels());
  std::atomic<bool> determined = true;
  ForEachChunk(terms_, stop, [&](Index first, Matrix& columns) {
    dense::SolveLower(factor_, columns);
    const Index first_point = group_[first].point;
    const Index last_point = group_[first + columns.cols() - 1].point;
    oneapi::tbb::parallel_for(first_point, last_point + 1, [&](Index point) {
      const Index begin = group_.First(point);
      const Index count = group_.First(point + 1) - begin;
      if (count == 0) return;
      const auto S = columns.middleCols(begin - first, count);
      Matrix rest = Matrix::Identity(count, count);
      rest.noalias() -= S.transpose() * S;
      const Eigen::LLT<Matrix> llt(rest);
      if (llt.info() != Eigen::Success ||
          llt.matrixLLT().diagonal().minCoeff() < std::sqrt(kLeastPivot)) {
        determined = false;
        return;
      }
      errors.segment(begin, count) = llt.solve(errors_.segment(begin, count));
      for (Index k = begin; k < begin + count; ++k) errors(k) /= std::sqrt(group_[k].weight);
    });
  });
  return determined;
}

Vector PolynomialSystem::Explained(const Terms& others, const Vector& errors,
                                   const std::stop_token& stop) const {
  const auto num_terms = static_cast<Index>(others.size());
  Vector products = Vector::Zero(num_terms * group_.Width());
  Vector squares = Vector::Zero(num_terms * group_.Width());
  ForEachChunk(others, stop, [&](Index first, const Matrix& columns) {
    for (Index k = 0; k < columns.cols(); ++k) {
      products += std::sqrt(group_[first + k].weight) * errors(first + k) * columns.col(k);
      squares += columns.col(k).cwiseAbs2();
    }
  });
  Vector explained = Vector::Zero(num_terms);
  for (Index o = 0; o < group_.Width(); ++o) {
    for (Index p = 0; p < num_terms; ++p) {
      const Index u = o * num_terms + p;
      if (squares(u) > 0) explained(p) += products(u) * products(u) / squares(u);
    }
  }
  return explained;
}

double PolynomialSystem::SolveCost(double num_unknowns, double num_labels) {
  return num_unknowns * num_unknowns * (num_labels / 2 + num_unknowns / 6) +
         3 * kPass * num_unknowns * num_labels;
}

double PolynomialSystem::LeaveOneOutCost(double num_unknowns, double num_labels,
                                         double labels_per_point) {
  return num_labels * (num_unknowns * (num_unknowns / 2 + labels_per_point + kPass) +
                       labels_per_point * labels_per_point / 3);
}

double PolynomialSystem::ExplainedCost(double num_others, double num_labels) {
  return kPass * num_others * num_labels;
}

}  // namespace sobolev::regression
