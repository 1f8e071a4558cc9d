#include "engine/surrogate/local_taylor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/surrogate/ball_tree.h"
#include "engine/surrogate/prediction_blocks.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

namespace {

constexpr Index kBlockPoints = 64;
// So that damaged sizes do not allocate the machine away.
constexpr Index kMaxSize = 1 << 20;
// How much a bump weighs at its centre: the reciprocal.
constexpr double kBlunt = 0.02;
// Sums of weights from which on a point is covered well.
constexpr double kCovered = 0.05;

// A value and its first two derivatives.
struct Jet {
  double value = 0;
  double first = 0;
  double second = 0;
};

// (1 − s)³/(s + δ) for s < 1.
Jet Bump(double s) {
  const double rest = 1 - s;
  const double inverse = 1 / (s + kBlunt);
  const double a = rest * rest * rest * inverse;
  // log w = 3 log(1 − s) − log(s + δ)
  const double b = -3 * rest * rest * inverse;
  return {.value = a,
          .first = b - a * inverse,
          .second = 6 * rest * inverse - 2 * b * inverse + 2 * a * inverse * inverse};
}

// D(S) = S + σ (1 − S/σ)³ below σ, and S from there on.
Jet Denominator(double sum) {
  const double rest = std::max(0.0, 1 - sum / kCovered);
  return {.value = sum + kCovered * rest * rest * rest,
          .first = 1 - 3 * rest * rest,
          .second = 6 * rest / kCovered};
}

void RequireFinite(const char* field, bool finite) {
  if (finite) return;
  throw InvalidArgument("NON_FINITE", field, "expected finite numbers, got NaN or Inf");
}

void RequirePositive(const char* field, const Vector& numbers) {
  RequireFinite(field, numbers.allFinite());
  if (numbers.size() == 0 || numbers.minCoeff() > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", field, "expected numbers above 0");
}

}  // namespace

Index TaylorPatches::NumTerms(Index n, int order) {
  Index sum = 1;
  Index power = 1;
  for (int degree = 1; degree <= order; ++degree) {
    power *= n;
    sum += power;
  }
  return sum;
}

void TaylorPatches::Validate(Index n, Index m) const {
  if (order < 1 || order > kMaxOrder) {
    throw InvalidArgument("OUT_OF_RANGE", "order",
                          "expected 1 to " + std::to_string(kMaxOrder) + ", got " +
                              std::to_string(order));
  }
  RequireSize("origin", origin.size(), n);
  RequireSize("scale", scale.size(), n);
  RequireSize("centres", centres.rows(), n);
  RequireSize("radii", radii.size(), Count());
  RequireSize("derivatives rows", derivatives.rows(), m * NumTerms(n, order));
  RequireSize("derivatives", derivatives.cols(), Count());
  RequireFinite("origin", origin.allFinite());
  RequireFinite("centres", centres.allFinite());
  RequireFinite("derivatives", derivatives.allFinite());
  RequirePositive("scale", scale);
  RequirePositive("radii", radii);
}

std::size_t TaylorPatches::SizeBytes() const {
  return static_cast<std::size_t>(origin.size() + scale.size() + centres.size() + radii.size() +
                                  derivatives.size()) *
         sizeof(double);
}

void TaylorPatches::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(n()));
  writer.Write(static_cast<std::int64_t>(Count()));
  writer.Write(static_cast<std::int64_t>(order));
  writer.Write(static_cast<std::int64_t>(derivatives.rows()));
  writer.WriteVector(origin);
  writer.WriteVector(scale);
  writer.WriteVector(centres.reshaped());
  writer.WriteVector(radii);
  writer.WriteVector(derivatives.reshaped());
}

TaylorPatches TaylorPatches::Load(ByteReader& reader) {
  const Index n = reader.ReadInt(1, kMaxSize);
  const Index count = reader.ReadInt(0, Index{1} << 30);
  TaylorPatches patches;
  patches.order = static_cast<int>(reader.ReadInt(1, kMaxOrder));
  const Index rows = reader.ReadInt(1, Index{1} << 30);
  patches.origin = reader.ReadVector(n);
  patches.scale = reader.ReadVector(n);
  patches.centres = reader.ReadVector(n * count).reshaped(n, count);
  patches.radii = reader.ReadVector(count);
  patches.derivatives = reader.ReadVector(rows * count).reshaped(rows, count);
  return patches;
}

// Σ w T / D at one point after the other, with derivatives by u, in the same memory.
class LocalTaylorSurrogate::Blend {
 public:
  explicit Blend(const LocalTaylorSurrogate& surrogate)
      : patches_(surrogate.patches_),
        tree_(surrogate.tree_),
        n_(surrogate.n()),
        m_(surrogate.m()),
        terms_(TaylorPatches::NumTerms(n_, patches_.order)),
        value_(m_),
        gradient_(n_, m_),
        sum_gradient_(n_),
        product_(n_, m_),
        direction_(n_) {}

  // Moves to x (n). Returns whether a bump reaches it; if none does, everything is 0.
  bool MoveTo(const double* x, bool gradients) {
    u_ = (ConstMatrixMap(x, n_, 1) - patches_.origin).cwiseQuotient(patches_.scale);
    near_.clear();
    tree_.ForEachAround(u_.data(), [&](Index k, double square) {
      const double inverse = 1 / (patches_.radii(k) * patches_.radii(k));
      near_.push_back({.patch = k, .weight = Bump(square * inverse), .inverse = inverse});
    });
    if (near_.empty()) return false;
    offsets_.resize(n_, static_cast<Index>(near_.size()));
    values_.resize(m_, offsets_.cols());
    sum_ = 0;
    value_.setZero();
    for (Index k = 0; k < offsets_.cols(); ++k) {
      const Near& near = near_[static_cast<std::size_t>(k)];
      offsets_.col(k) = u_ - patches_.centres.col(near.patch);
      for (Index i = 0; i < m_; ++i) values_(i, k) = ValueOf(k, i);
      sum_ += near.weight.value;
      value_ += near.weight.value * values_.col(k);
    }
    denominator_ = Denominator(sum_);
    value_ /= denominator_.value;
    if (gradients) FindGradients();
    return true;
  }

  // m, and n×m by u.
  const Vector& value() const { return value_; }
  const Matrix& gradient() const { return gradient_; }

  // ∇²r_i v by u for every output: n×m. For v by u.
  const Matrix& HessianProducts(const Vector& v) {
    // P = Σ w T and S = Σ w.
    product_.setZero();
    sum_product_.setZero(n_);
    for (Index k = 0; k < offsets_.cols(); ++k) {
      const Near& near = near_[static_cast<std::size_t>(k)];
      const auto d = offsets_.col(k);
      const double first = 2 * near.weight.first * near.inverse;
      const double second = 4 * near.weight.second * near.inverse * near.inverse;
      const double along = d.dot(v);
      weight_product_ = first * v + second * along * d;
      sum_product_ += weight_product_;
      for (Index i = 0; i < m_; ++i) {
        const auto gradient = gradients_.col(k * m_ + i);
        product_.col(i) += values_(i, k) * weight_product_ + first * gradient.dot(v) * d +
                           first * along * gradient;
        if (patches_.order > 1) {
          Curvature(k, i);
          product_.col(i) += near.weight.value * (curvature_ * v);
        }
      }
    }
    const double sum_along = sum_gradient_.dot(v);
    sum_product_ = denominator_.first * sum_product_ +
                   denominator_.second * sum_along * sum_gradient_;  // ∇²D v
    for (Index i = 0; i < m_; ++i) {
      product_.col(i) -= denominator_.first * (sum_along * gradient_.col(i) +
                                               gradient_.col(i).dot(v) * sum_gradient_) +
                         value_(i) * sum_product_;
    }
    product_ /= denominator_.value;
    return product_;
  }

  // By x: of a direction, and of a gradient.
  const Vector& ToLocal(const double* v) {
    direction_ = ConstMatrixMap(v, n_, 1).cwiseQuotient(patches_.scale);
    return direction_;
  }

 private:
  struct Near {
    Index patch = 0;
    Jet weight;          // By s.
    double inverse = 0;  // 1/R²
  };

  const double* DerivativesOf(Index k, Index i) const {
    return patches_.derivatives.col(near_[static_cast<std::size_t>(k)].patch).data() + i * terms_;
  }

  // The second derivatives of T_k at the point where the third are weighed by `third`.
  void Curvature(Index k, Index i, double third = 1) {
    const double* const derivatives = DerivativesOf(k, i);
    curvature_ = ConstMatrixMap(derivatives + 1 + n_, n_, n_);
    if (patches_.order < 3) return;
    for (Index j = 0; j < n_; ++j) {
      curvature_ += third * offsets_(j, k) *
                    ConstMatrixMap(derivatives + 1 + n_ + n_ * n_ * (1 + j), n_, n_);
    }
  }

  double ValueOf(Index k, Index i) {
    const double* const derivatives = DerivativesOf(k, i);
    const auto d = offsets_.col(k);
    double value = derivatives[0] + ConstMatrixMap(derivatives + 1, n_, 1).col(0).dot(d);
    if (patches_.order > 1) {
      Curvature(k, i, 1.0 / 3);
      value += 0.5 * d.dot(curvature_ * d);
    }
    return value;
  }

  void FindGradients() {
    gradients_.resize(n_, m_ * offsets_.cols());
    gradient_.setZero();
    sum_gradient_.setZero();
    for (Index k = 0; k < offsets_.cols(); ++k) {
      const Near& near = near_[static_cast<std::size_t>(k)];
      const auto d = offsets_.col(k);
      const double first = 2 * near.weight.first * near.inverse;
      sum_gradient_ += first * d;
      for (Index i = 0; i < m_; ++i) {
        auto gradient = gradients_.col(k * m_ + i);
        gradient = ConstMatrixMap(DerivativesOf(k, i) + 1, n_, 1);
        if (patches_.order > 1) {
          Curvature(k, i, 0.5);
          gradient += curvature_ * d;
        }
        gradient_.col(i) += near.weight.value * gradient + values_(i, k) * first * d;
      }
    }
    for (Index i = 0; i < m_; ++i) {
      gradient_.col(i) -= value_(i) * denominator_.first * sum_gradient_;
    }
    gradient_ /= denominator_.value;
  }

  const TaylorPatches& patches_;
  const BallTree& tree_;
  const Index n_;
  const Index m_;
  const Index terms_;

  Vector u_;                // n
  std::vector<Near> near_;  // The bumps that reach it.
  Matrix offsets_;          // n×near: u − u_k
  Matrix values_;           // m×near: T_k
  Matrix gradients_;        // n×(m·near): ∇T_k
  double sum_ = 0;          // S
  Jet denominator_;         // D by S
  Vector value_;            // m
  Matrix gradient_;         // n×m
  Vector sum_gradient_;     // n: ∇S
  Matrix product_;          // n×m
  Vector sum_product_;      // n
  Vector weight_product_;   // n
  Vector direction_;        // n
  Matrix curvature_;        // n×n
};

LocalTaylorSurrogate::LocalTaylorSurrogate(std::shared_ptr<const Surrogate> base,
                                           TaylorPatches patches)
    : base_(std::move(base)),
      patches_(std::move(patches)),
      tree_((patches_.Validate(base_->n(), base_->m()), patches_.centres),
            patches_.radii.cwiseAbs2()) {
  for (Index k = 0; k < patches_.Count(); ++k) {
    tree_.ForEachAround(patches_.centres.col(k).data(), [&](Index, double) { overlap_ += 1; });
  }
  overlap_ /= static_cast<double>(std::max<Index>(1, patches_.Count()));
}

Index LocalTaylorSurrogate::NumParameters() const {
  return base_->NumParameters() + patches_.derivatives.size();
}

std::size_t LocalTaylorSurrogate::SizeBytes() const {
  return sizeof(LocalTaylorSurrogate) + base_->SizeBytes() + patches_.SizeBytes() +
         tree_.SizeBytes();
}

double LocalTaylorSurrogate::CostOfPatches(const PredictionSize& size) const {
  const auto inputs = static_cast<double>(n());
  const double terms = static_cast<double>(m() * TaylorPatches::NumTerms(n(), patches_.order));
  const double search = 16 * inputs * std::log2(2 + static_cast<double>(patches_.Count()));
  double products = static_cast<double>(size.second_adjoint ? size.num_tangents : 0);
  if (size.hessian) products += inputs;
  return static_cast<double>(size.num_points) *
         (search + overlap_ * terms * (3 + products) +
          inputs * static_cast<double>(m() * (size.num_tangents + size.num_adjoints)));
}

double LocalTaylorSurrogate::Cost(const PredictionSize& size) const {
  return base_->Cost(size) + CostOfPatches(size);
}

void LocalTaylorSurrogate::Predict(const ConstMatrixMap& X,
                                   const std::optional<Directions>& tangents,
                                   const std::optional<Directions>& adjoints,
                                   const PredictionBuffers& out,
                                   const std::stop_token& stop) const {
  RequireSize("x", X.rows(), n());
  base_->Predict(X, tangents, adjoints, out, stop);
  const Index num_points = X.cols();
  const bool second = out.H != nullptr || out.X_bar_dot != nullptr;
  const bool gradients =
      second || out.J != nullptr || out.Y_dot != nullptr || out.X_bar != nullptr;
  if (!gradients && out.Y == nullptr) return;
  const Index n = this->n();
  const Index m = this->m();
  const Vector inverse_scale = patches_.scale.cwiseInverse();
  // Adds what belongs to one point.
  const auto add = [&](Blend& blend, Index s) {
    if (!blend.MoveTo(X.col(s).data(), gradients)) return;
    if (out.Y != nullptr) MatrixMap(out.Y + s * m, m, 1) += blend.value();
    if (!gradients) return;
    const Matrix J = inverse_scale.asDiagonal() * blend.gradient();
    if (out.J != nullptr) MatrixMap(out.J + s * m * n, n, m) += J;
    if (out.Y_dot != nullptr) {
      const Index p = tangents->count;
      MatrixMap(out.Y_dot + s * p * m, m, p) += J.transpose() * tangents->At(s);
    }
    if (out.X_bar != nullptr) {
      const Index q = adjoints->count;
      MatrixMap(out.X_bar + s * q * n, n, q) += J * adjoints->At(s);
    }
    if (out.H != nullptr) {
      for (Index j = 0; j < n; ++j) {
        const Matrix& products = blend.HessianProducts(inverse_scale(j) * Vector::Unit(n, j));
        for (Index i = 0; i < m; ++i) {
          MatrixMap(out.H + ((s * m + i) * n + j) * n, n, 1) +=
              inverse_scale.cwiseProduct(products.col(i));
        }
      }
    }
    if (out.X_bar_dot != nullptr) {
      const Index p = tangents->count;
      const Index q = adjoints->count;
      const ConstMatrixMap X_dot = tangents->At(s);
      const ConstMatrixMap Y_bar = adjoints->At(s);
      for (Index k = 0; k < p; ++k) {
        const Matrix& products = blend.HessianProducts(blend.ToLocal(X_dot.col(k).data()));
        for (Index i = 0; i < q; ++i) {
          MatrixMap(out.X_bar_dot + ((s * q + i) * p + k) * n, n, 1) +=
              inverse_scale.asDiagonal() * (products * Y_bar.col(i));
        }
      }
    }
  };
  const Index num_blocks = (num_points + kBlockPoints - 1) / kBlockPoints;
  ForEachBlock(CostOfPatches(SizeOf(num_points, tangents, adjoints, out)), num_blocks,
               [&](Index block) {
                 Blend blend(*this);
                 const Index first = block * kBlockPoints;
                 for (Index s = first; s < std::min(first + kBlockPoints, num_points); ++s) {
                   if (stop.stop_requested()) return;
                   add(blend, s);
                 }
               });
  ThrowIfStopped(stop);
}

void LocalTaylorSurrogate::Save(ByteWriter& writer) const {
  patches_.Save(writer);
  writer.Write(static_cast<std::int64_t>(base_->kind()));
  base_->Save(writer);
}

}  // namespace sobolev
