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
constexpr double kBlunt = TaylorPatches::kBlunt;
constexpr double kCovered = TaylorPatches::kCovered;

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
    throw InvalidArgument(
        "OUT_OF_RANGE", "order",
        "expected 1 to " + std::to_string(kMaxOrder) + ", got " + std::to_string(order));
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

// Σ w T / D at one point after the other, in the same memory.
class LocalTaylorSurrogate::Blend {
 public:
  explicit Blend(const LocalTaylorSurrogate& surrogate)
      : patches_(surrogate.patches_),
        tree_(surrogate.tree_),
        n_(surrogate.n()),
        m_(surrogate.m()),
        terms_(TaylorPatches::NumTerms(n_, patches_.order)),
        inverse_scale_(patches_.scale.cwiseInverse()),
        value_(m_),
        gradient_(n_, m_),
        sum_gradient_(n_),
        jacobian_(n_, m_),
        v_(n_),
        product_(n_, m_),
        sum_product_(n_),
        weight_product_(n_) {}

  // Moves to x (n). Returns whether a bump reaches it; if none does, everything is 0.
  bool MoveTo(const double* x, bool gradients) {
    u_ = (ConstMatrixMap(x, n_, 1) - patches_.origin).cwiseProduct(inverse_scale_);
    near_.clear();
    tree_.ForEachAround(u_.data(), [&](Index k, double square) {
      const double inverse = 1 / (patches_.radii(k) * patches_.radii(k));
      near_.push_back({.patch = k, .weight = Bump(square * inverse), .inverse = inverse});
    });
    if (near_.empty()) return false;
    offsets_.resize(n_, static_cast<Index>(near_.size()));
    values_.resize(m_, offsets_.cols());
    gradients_.resize(n_, gradients ? m_ * offsets_.cols() : 0);
    double sum = 0;
    value_.setZero();
    for (Index k = 0; k < offsets_.cols(); ++k) {
      const Near& near = near_[static_cast<std::size_t>(k)];
      offsets_.col(k) = u_ - patches_.centres.col(near.patch);
      for (Index i = 0; i < m_; ++i) {
        values_(i, k) = Expand(k, i, gradients ? gradients_.col(k * m_ + i).data() : nullptr);
      }
      sum += near.weight.value;
      value_ += near.weight.value * values_.col(k);
    }
    denominator_ = Denominator(sum);
    value_ /= denominator_.value;
    if (gradients) FindGradients();
    return true;
  }

  const Vector& value() const { return value_; }  // m
  const Matrix& J() const { return jacobian_; }   // n×m

  // ∇²r_i v of every output, n×m, for a direction v (n).
  const Matrix& HessianProducts(const double* v) {
    v_ = ConstMatrixMap(v, n_, 1).cwiseProduct(inverse_scale_);
    // Of P = Σ w T and of S = Σ w first.
    product_.setZero();
    sum_product_.setZero();
    for (Index k = 0; k < offsets_.cols(); ++k) {
      const Near& near = near_[static_cast<std::size_t>(k)];
      const auto d = offsets_.col(k);
      const double first = 2 * near.weight.first * near.inverse;
      const double second = 4 * near.weight.second * near.inverse * near.inverse;
      const double along = d.dot(v_);
      weight_product_ = first * v_ + second * along * d;
      sum_product_ += weight_product_;
      for (Index i = 0; i < m_; ++i) {
        const auto gradient = gradients_.col(k * m_ + i);
        product_.col(i) += values_(i, k) * weight_product_ + first * gradient.dot(v_) * d +
                           first * along * gradient;
        AddCurvature(k, i, near.weight.value, product_.col(i).data());
      }
    }
    const double sum_along = sum_gradient_.dot(v_);
    // ∇²D v
    sum_product_ =
        denominator_.first * sum_product_ + denominator_.second * sum_along * sum_gradient_;
    for (Index i = 0; i < m_; ++i) {
      product_.col(i) -= denominator_.first * (sum_along * gradient_.col(i) +
                                               gradient_.col(i).dot(v_) * sum_gradient_) +
                         value_(i) * sum_product_;
      product_.col(i) = product_.col(i).cwiseProduct(inverse_scale_) / denominator_.value;
    }
    return product_;
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

  // T_k of output i and, unless null, its gradient (n).
  double Expand(Index k, Index i, double* gradient) const {
    const double* const first = DerivativesOf(k, i) + 1;
    const double* const second = first + n_;
    const double* const third = second + n_ * n_;
    const double* const d = offsets_.col(k).data();
    double value = first[-1];
    for (Index a = 0; a < n_; ++a) {
      double bend = 0;   // Second derivatives times d.
      double twist = 0;  // Third derivatives times d twice.
      for (Index b = 0; patches_.order > 1 && b < n_; ++b) {
        bend += second[a * n_ + b] * d[b];
        if (patches_.order < 3) continue;
        double sum = 0;
        for (Index c = 0; c < n_; ++c) sum += third[(a * n_ + b) * n_ + c] * d[c];
        twist += sum * d[b];
      }
      value += d[a] * (first[a] + bend / 2 + twist / 6);
      if (gradient != nullptr) gradient[a] = first[a] + bend + twist / 2;
    }
    return value;
  }

  // Adds factor · ∇²T_k v of output i to `sum` (n).
  void AddCurvature(Index k, Index i, double factor, double* sum) const {
    if (patches_.order < 2) return;
    const double* const second = DerivativesOf(k, i) + 1 + n_;
    const double* const third = second + n_ * n_;
    const double* const d = offsets_.col(k).data();
    for (Index a = 0; a < n_; ++a) {
      double product = 0;
      for (Index b = 0; b < n_; ++b) {
        double entry = second[a * n_ + b];
        for (Index c = 0; patches_.order > 2 && c < n_; ++c) {
          entry += third[(a * n_ + b) * n_ + c] * d[c];
        }
        product += entry * v_(b);
      }
      sum[a] += factor * product;
    }
  }

  void FindGradients() {
    gradient_.setZero();
    sum_gradient_.setZero();
    for (Index k = 0; k < offsets_.cols(); ++k) {
      const Near& near = near_[static_cast<std::size_t>(k)];
      const auto d = offsets_.col(k);
      const double first = 2 * near.weight.first * near.inverse;
      sum_gradient_ += first * d;
      for (Index i = 0; i < m_; ++i) {
        gradient_.col(i) +=
            near.weight.value * gradients_.col(k * m_ + i) + values_(i, k) * first * d;
      }
    }
    for (Index i = 0; i < m_; ++i) {
      gradient_.col(i) -= value_(i) * denominator_.first * sum_gradient_;
    }
    gradient_ /= denominator_.value;
    jacobian_ = inverse_scale_.asDiagonal() * gradient_;
  }

  const TaylorPatches& patches_;
  const BallTree& tree_;
  const Index n_;
  const Index m_;
  const Index terms_;
  const Vector inverse_scale_;  // n

  Vector u_;                // n
  std::vector<Near> near_;  // The bumps that reach it.
  Matrix offsets_;          // n×near: u − u_k
  Matrix values_;           // m×near: T_k
  Matrix gradients_;        // n×(m·near): ∇T_k by u
  Jet denominator_;         // D by S
  Vector value_;            // m
  Matrix gradient_;         // n×m, by u
  Vector sum_gradient_;     // n: ∇S by u
  Matrix jacobian_;         // n×m, by x
  Vector v_;                // n, by u
  Matrix product_;          // n×m
  Vector sum_product_;      // n
  Vector weight_product_;   // n
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
  const auto terms = static_cast<double>(m() * TaylorPatches::NumTerms(n(), patches_.order));
  const double search = 16 * inputs * std::log2(2 + static_cast<double>(patches_.Count()));
  auto products = static_cast<double>(size.second_adjoint ? size.num_tangents : 0);
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
  const bool gradients = second || out.J != nullptr || out.Y_dot != nullptr || out.X_bar != nullptr;
  if (!gradients && out.Y == nullptr) return;
  const Index n = this->n();
  const Index m = this->m();
  const Matrix identity = Matrix::Identity(out.H != nullptr ? n : 0, out.H != nullptr ? n : 0);
  // Adds what belongs to one point.
  const auto add = [&](Blend& blend, Index s) {
    if (!blend.MoveTo(X.col(s).data(), gradients)) return;
    if (out.Y != nullptr) MatrixMap(out.Y + s * m, m, 1) += blend.value();
    if (out.J != nullptr) MatrixMap(out.J + s * m * n, n, m) += blend.J();
    if (out.Y_dot != nullptr) {
      const Index p = tangents->count;
      MatrixMap(out.Y_dot + s * p * m, m, p).noalias() += blend.J().transpose() * tangents->At(s);
    }
    if (out.X_bar != nullptr) {
      const Index q = adjoints->count;
      MatrixMap(out.X_bar + s * q * n, n, q).noalias() += blend.J() * adjoints->At(s);
    }
    if (out.H != nullptr) {
      for (Index j = 0; j < n; ++j) {
        const Matrix& products = blend.HessianProducts(identity.col(j).data());
        for (Index i = 0; i < m; ++i) {
          MatrixMap(out.H + ((s * m + i) * n + j) * n, n, 1) += products.col(i);
        }
      }
    }
    if (out.X_bar_dot != nullptr) {
      const Index p = tangents->count;
      const Index q = adjoints->count;
      for (Index k = 0; k < p; ++k) {
        const Matrix& products = blend.HessianProducts(tangents->At(s).col(k).data());
        for (Index i = 0; i < q; ++i) {
          MatrixMap(out.X_bar_dot + ((s * q + i) * p + k) * n, n, 1).noalias() +=
              products * adjoints->At(s).col(i);
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
