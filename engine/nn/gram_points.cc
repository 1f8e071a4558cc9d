#include "engine/nn/gram_points.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::nn {

namespace {

// One group before it is laid into lanes. What a kind does not have is empty.
struct Group {
  Index point = 0;
  Vector seed;
  Vector direction;
  Vector seed_root;
  Vector input_root;
  Vector target;
  Vector root_weight;
};

void RequirePoints(const char* field, const std::vector<Index>& points, Index num_points) {
  for (const Index point : points) {
    if (point >= 0 && point < num_points) continue;
    throw InvalidArgument(
        "OUT_OF_RANGE", field,
        "expected a number below " + std::to_string(num_points) + ", got " + std::to_string(point));
  }
}

void RequireShape(const std::string& name, const Matrix& matrix, Index rows, Index cols) {
  RequireSize((name + " rows").c_str(), matrix.rows(), rows);
  RequireSize((name + " columns").c_str(), matrix.cols(), cols);
}

void RequireShapes(const Architecture& architecture, const LabelledPoints& points,
                   const LossWeights& weights) {
  const Index n = architecture.n;
  const Index m = architecture.m;
  const Index num_points = points.NumPoints();
  RequireShape("X", points.X, n, num_points);
  RequireShape("Y", points.Y, m, num_points);
  if (points.J.cols() != 0) RequireShape("J", points.J, n, m * num_points);
  RequireSize("weight", points.weight.size(), num_points);
  if (points.Y_weight.cols() != 0) RequireShape("Y_weight", points.Y_weight, m, num_points);
  if (points.J_weight.cols() != 0) RequireShape("J_weight", points.J_weight, n, points.J.cols());
  RequireShape("lambda", weights.lambda, n, m);
  const auto num_tangents = static_cast<Index>(points.tangents.point.size());
  if (num_tangents > 0) {
    RequireShape("tangents.X_dot", points.tangents.X_dot, n, num_tangents);
    RequireShape("tangents.Y_dot", points.tangents.Y_dot, m, num_tangents);
  }
  const auto num_adjoints = static_cast<Index>(points.adjoints.point.size());
  if (num_adjoints > 0) {
    RequireShape("adjoints.Y_bar", points.adjoints.Y_bar, m, num_adjoints);
    RequireShape("adjoints.X_bar", points.adjoints.X_bar, n, num_adjoints);
  }
  const auto num_curvatures = static_cast<Index>(points.curvatures.point.size());
  if (num_curvatures > 0) {
    RequireShape("curvatures.Y_bar", points.curvatures.Y_bar, m, num_curvatures);
    RequireShape("curvatures.V", points.curvatures.V, n, num_curvatures);
    RequireShape("curvatures.H_v", points.curvatures.H_v, n, num_curvatures);
  }
  if (weights.kappa.size() != 0) RequireSize("kappa", weights.kappa.size(), m);
  RequirePoints("tangents.point", points.tangents.point, num_points);
  RequirePoints("adjoints.point", points.adjoints.point, num_points);
  RequirePoints("curvatures.point", points.curvatures.point, num_points);
}

// Takes the missing labels out of a vector of targets and one of weights.
void Mask(Vector& target, Vector& weight) {
  for (Index i = 0; i < target.size(); ++i) {
    if (!std::isnan(target[i])) continue;
    target[i] = 0;
    weight[i] = 0;
  }
}

// c (m) and w (n) with W(j, i) = c_i·w_j up to rounding, if there are such.
struct Separated {
  Vector c;
  Vector w;
};
std::optional<Separated> Separate(const Matrix& W) {
  Index most = 0;
  for (Index i = 1; i < W.cols(); ++i) {
    if ((W.col(i).array() > 0).count() > (W.col(most).array() > 0).count()) most = i;
  }
  Separated result{.c = Vector::Zero(W.cols()), .w = W.col(most)};
  Index largest = 0;
  const double scale = result.w.maxCoeff(&largest);
  for (Index i = 0; i < W.cols(); ++i) {
    result.c[i] = W(largest, i) / scale;
    for (Index j = 0; j < W.rows(); ++j) {
      const double product = result.c[i] * result.w[j];
      if (!(std::abs(product - W(j, i)) <= 1e-13 * W(j, i))) return std::nullopt;
    }
  }
  return result;
}

class Builder {
 public:
  Builder(const Architecture& architecture, const LabelledPoints& points,
          const LossWeights& weights)
      : n_(architecture.n),
        m_(architecture.m),
        points_(points),
        lambda_squared_(weights.lambda.array().square()) {
    const auto num_values = static_cast<double>(points.NumPoints() * m_);
    value_factor_ = weights.alpha / num_values;
    gradient_factor_ = weights.beta / (num_values * static_cast<double>(n_));
    curvature_factor_ = weights.gamma / (num_values * static_cast<double>(n_));
    kappa_ = weights.kappa.size() > 0 ? weights.kappa : Vector::Ones(m_);
    for (Index s = 0; s < points.NumPoints(); ++s) AddPoint(s);
    AddTangents();
    AddAdjoints();
    AddCurvatures();
  }

  std::vector<Group>& groups(GramKind kind) { return groups_[static_cast<std::size_t>(kind)]; }

 private:
  void Add(GramKind kind, Group group) { groups(kind).push_back(std::move(group)); }

  void AddPoint(Index s) {
    const double weight = points_.weight[s];
    Vector y = points_.Y.col(s);
    Vector value_weight = Vector::Constant(m_, value_factor_ * weight);
    if (points_.Y_weight.cols() != 0) value_weight.array() *= points_.Y_weight.col(s).array();
    Mask(y, value_weight);
    Matrix W = Matrix::Zero(n_, m_);
    Vector gradients = Vector::Zero(n_ * m_);
    if (points_.J.cols() != 0 && gradient_factor_ > 0) {
      gradients = points_.J.middleCols(s * m_, m_).reshaped();
      Vector flat = gradient_factor_ * weight * lambda_squared_.reshaped();
      if (points_.J_weight.cols() != 0) {
        flat.array() *= points_.J_weight.middleCols(s * m_, m_).reshaped().array();
      }
      Mask(gradients, flat);
      W = flat.reshaped(n_, m_);
    }
    const Vector value_root = value_weight.cwiseSqrt();
    const bool has_values = (value_root.array() > 0).any();
    if ((W.array() > 0).any()) {
      if (const std::optional<Separated> separated = Separate(W)) {
        const Vector c = separated->c.cwiseSqrt();
        const Vector w = separated->w.cwiseSqrt();
        Group group{.point = s,
                    .seed = {},
                    .direction = {},
                    .seed_root = c,
                    .input_root = w,
                    .target = Vector(m_ + m_ * n_),
                    .root_weight = Vector(m_ + m_ * n_)};
        group.target << y, gradients;
        group.root_weight << value_root, (w * c.transpose()).reshaped();
        Add(GramKind::kFull, std::move(group));
        return;
      }
      for (Index i = 0; i < m_; ++i) {
        if (!(W.col(i).array() > 0).any()) continue;
        const Vector root = W.col(i).cwiseSqrt();
        Add(GramKind::kAdjoint, {.point = s,
                                 .seed = Vector::Unit(m_, i),
                                 .direction = {},
                                 .seed_root = {},
                                 .input_root = root,
                                 .target = gradients.segment(i * n_, n_),
                                 .root_weight = root});
      }
    }
    if (has_values) {
      Add(GramKind::kValues, {.point = s,
                              .seed = {},
                              .direction = {},
                              .seed_root = {},
                              .input_root = {},
                              .target = y,
                              .root_weight = value_root});
    }
  }

  void AddTangents() {
    const TangentLabels& labels = points_.tangents;
    for (std::size_t k = 0; k < labels.point.size(); ++k) {
      const auto column = static_cast<Index>(k);
      const Index s = labels.point[k];
      const Vector x_dot = labels.X_dot.col(column);
      const double norm = x_dot.squaredNorm();
      if (!(norm > 0 && gradient_factor_ > 0)) continue;
      Vector target = labels.Y_dot.col(column);
      Vector weight = gradient_factor_ * points_.weight[s] / (norm * norm) *
                      (lambda_squared_.transpose() * x_dot.cwiseAbs2());
      Mask(target, weight);
      if (!(weight.array() > 0).any()) continue;
      const Vector root = weight.cwiseSqrt();
      Add(GramKind::kTangent, {.point = s,
                               .seed = {},
                               .direction = x_dot,
                               .seed_root = root,
                               .input_root = {},
                               .target = target,
                               .root_weight = root});
    }
  }

  void AddAdjoints() {
    const AdjointLabels& labels = points_.adjoints;
    for (std::size_t k = 0; k < labels.point.size(); ++k) {
      const auto column = static_cast<Index>(k);
      const Index s = labels.point[k];
      const Vector y_bar = labels.Y_bar.col(column);
      const double norm = y_bar.squaredNorm();
      if (!(norm > 0 && gradient_factor_ > 0)) continue;
      Vector target = labels.X_bar.col(column);
      Vector weight = gradient_factor_ * points_.weight[s] / (norm * norm) *
                      (lambda_squared_ * y_bar.cwiseAbs2());
      Mask(target, weight);
      if (!(weight.array() > 0).any()) continue;
      const Vector root = weight.cwiseSqrt();
      Add(GramKind::kAdjoint, {.point = s,
                               .seed = y_bar,
                               .direction = {},
                               .seed_root = {},
                               .input_root = root,
                               .target = target,
                               .root_weight = root});
    }
  }

  void AddCurvatures() {
    const CurvatureLabels& labels = points_.curvatures;
    for (std::size_t k = 0; k < labels.point.size(); ++k) {
      const auto column = static_cast<Index>(k);
      const Index s = labels.point[k];
      const Vector y_bar = labels.Y_bar.col(column);
      const Vector v = labels.V.col(column);
      const double norm = y_bar.squaredNorm();
      if (!(norm > 0 && v.squaredNorm() > 0 && curvature_factor_ > 0)) continue;
      Vector target = labels.H_v.col(column);
      Vector weight = Vector::Constant(n_, curvature_factor_ * points_.weight[s] *
                                               kappa_.cwiseProduct(y_bar).squaredNorm() /
                                               (norm * norm * v.squaredNorm()));
      Mask(target, weight);
      if (!(weight.array() > 0).any()) continue;
      Add(GramKind::kCurvature, {.point = s,
                                 .seed = y_bar,
                                 .direction = v,
                                 .seed_root = {},
                                 .input_root = {},
                                 .target = target,
                                 .root_weight = weight.cwiseSqrt()});
    }
  }

  Index n_;
  Index m_;
  const LabelledPoints& points_;
  Matrix lambda_squared_;
  Vector kappa_;
  double value_factor_ = 0;
  double gradient_factor_ = 0;
  double curvature_factor_ = 0;
  std::vector<Group> groups_[std::size(kGramKinds)];
};

}  // namespace

GramRows::GramRows(GramKind kind, Index n, Index m) {
  const auto take = [this](Index count) {
    const Index first = size;
    size += count;
    return first;
  };
  x = take(n + 1);
  if (!HasUnitSeeds(kind)) seed = take(m);
  if (HasDirection(kind)) direction = take(n + 1);
  if (kind == GramKind::kFull || kind == GramKind::kTangent) seed_root = take(m);
  if (HasUnitDirections(kind)) input_root = take(n);
  num_residuals = kind == GramKind::kFull ? m + m * n : HasUnitSeeds(kind) ? m : n;
  target = take(num_residuals);
  root_weight = take(num_residuals);
}

std::vector<GramGroups> MakeGramGroups(const Architecture& architecture,
                                       const LabelledPoints& points, const LossWeights& weights,
                                       Index lanes) {
  RequireShapes(architecture, points, weights);
  Builder builder(architecture, points, weights);
  std::vector<GramGroups> result;
  Index first_residual = 0;
  for (const GramKind kind : kGramKinds) {
    const std::vector<Group>& groups = builder.groups(kind);
    if (groups.empty()) continue;
    GramGroups& packed = result.emplace_back(kind, architecture.n, architecture.m);
    packed.num_groups = static_cast<Index>(groups.size());
    packed.num_chunks = (packed.num_groups + lanes - 1) / lanes;
    packed.first_residual = first_residual;
    first_residual += packed.num_chunks * packed.rows.num_residuals * lanes;
    packed.data = AlignedBuffer<double>(packed.num_chunks * packed.rows.size * lanes);
    for (Index g = 0; g < packed.num_groups; ++g) {
      const Group& group = groups[static_cast<std::size_t>(g)];
      double* const lane = packed.data.data() + g / lanes * packed.rows.size * lanes + g % lanes;
      const auto put = [&](Index row, const Vector& numbers) {
        for (Index i = 0; i < numbers.size(); ++i) lane[(row + i) * lanes] = numbers[i];
      };
      put(packed.rows.x, points.X.col(group.point));
      lane[(packed.rows.x + architecture.n) * lanes] = 1;
      put(packed.rows.seed, group.seed);
      put(packed.rows.direction, group.direction);
      put(packed.rows.seed_root, group.seed_root);
      put(packed.rows.input_root, group.input_root);
      put(packed.rows.target, group.target);
      put(packed.rows.root_weight, group.root_weight);
    }
  }
  return result;
}

}  // namespace sobolev::nn
