#include "engine/surrogate/composed_block.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

namespace {

Directions PerPoint(const Matrix& D, Index count) {
  return {.D = ConstMatrixMap(D.data(), D.rows(), D.cols()), .count = count, .per_point = true};
}

double* DataOrNull(Matrix& matrix) { return matrix.size() > 0 ? matrix.data() : nullptr; }

}  // namespace

ComposedBlock::ComposedBlock(const ComposedRequest& request, Index first, Index count)
    : request_(request),
      features_(request.composition.features),
      wings_(request.composition.wings),
      first_(first),
      count_(count),
      n_(features_.n()),
      m_(request.core.m()),
      r_(features_.r()) {}

void ComposedBlock::Predict() {
  const PredictionBuffers& out = request_.out;
  MapInputs();
  if (out.NeedsTangents()) MapTangents();
  EvaluateCore();
  for (Index s = 0; s < count_; ++s) {
    WriteValues(s);
    if (out.J != nullptr) {
      for (Index i = 0; i < m_; ++i) {
        double* const gradient = out.J + ((first_ + s) * m_ + i) * n_;
        GradientOfU(i, s, gradient);
        const double slope = outputs_[static_cast<std::size_t>(s * m_ + i)].first;
        for (Index j = 0; j < n_; ++j) gradient[j] *= slope;
      }
    }
    if (out.Y_dot != nullptr) WriteTangents(s);
    if (out.H != nullptr) WriteHessians(s);
    if (out.Y_spread != nullptr || out.J_spread != nullptr) WriteSpreads(s);
  }
  if (out.NeedsAdjoints()) WriteAdjoints();
}

void ComposedBlock::MapInputs() {
  const bool hessian = request_.out.H != nullptr || request_.out.X_bar_dot != nullptr;
  phi_.resize(r_, count_);
  phi_gradient_.resize(static_cast<Index>(features_.gradient_entries().size()), count_);
  phi_hessian_.resize(hessian ? static_cast<Index>(features_.hessian_entries().size()) : 0, count_);
  if (!wings_.Empty()) {
    outside_.resize(n_, count_);
    outside_first_.resize(n_, count_);
    outside_second_.resize(n_, count_);
  }
  for (Index s = 0; s < count_; ++s) {
    const double* const x = request_.X.col(first_ + s).data();
    features_.Evaluate(x, phi_.col(s).data(), phi_gradient_.col(s).data(),
                       hessian ? phi_hessian_.col(s).data() : nullptr);
    if (wings_.Empty()) continue;
    for (Index j = 0; j < n_; ++j) {
      const ScalarJet clamped = features_.clamps()[static_cast<std::size_t>(j)].Evaluate(x[j]);
      outside_(j, s) = x[j] - clamped.value;
      outside_first_(j, s) = 1 - clamped.first;
      outside_second_(j, s) = -clamped.second;
    }
  }
}

void ComposedBlock::MapTangents() {
  const Index p = request_.tangents->count;
  phi_dot_ = Matrix::Zero(r_, p * count_);
  for (Index s = 0; s < count_; ++s) {
    const ConstMatrixMap X_dot = request_.tangents->At(first_ + s);
    const double* gradient = phi_gradient_.col(s).data();
    for (const FeatureMap::GradientEntry& entry : features_.gradient_entries()) {
      phi_dot_.row(entry.feature).segment(s * p, p) += *gradient++ * X_dot.row(entry.input);
    }
  }
}

void ComposedBlock::EvaluateCore() {
  const PredictionBuffers& out = request_.out;
  const bool curved = !request_.linear_outputs;
  const bool jacobian = out.J != nullptr || out.H != nullptr || (out.J_spread != nullptr && curved);
  const bool values = out.Y != nullptr || curved;
  core_.Y.resize(m_, values ? count_ : 0);
  core_.J.resize(r_, jacobian ? m_ * count_ : 0);
  core_.H.resize(r_, out.H != nullptr ? r_ * m_ * count_ : 0);
  const bool spread = out.Y_spread != nullptr || (out.J_spread != nullptr && curved);
  core_.Y_spread.resize(m_, spread ? count_ : 0);
  core_.J_spread.resize(r_, out.J_spread != nullptr ? m_ * count_ : 0);
  std::optional<Directions> tangents;
  if (out.Y_dot != nullptr || (out.X_bar_dot != nullptr && curved)) {
    const Index p = request_.tangents->count;
    core_.Y_dot.resize(m_, p * count_);
    tangents.emplace(PerPoint(phi_dot_, p));
  }
  request_.core.Predict(ConstMatrixMap(phi_.data(), r_, count_), tangents, std::nullopt,
                        {.Y = DataOrNull(core_.Y),
                         .J = DataOrNull(core_.J),
                         .H = DataOrNull(core_.H),
                         .Y_dot = DataOrNull(core_.Y_dot),
                         .Y_spread = DataOrNull(core_.Y_spread),
                         .J_spread = DataOrNull(core_.J_spread)},
                        request_.stop);
}

double ComposedBlock::WingSlope(Index i, Index j, Index s) const {
  const double outside = outside_(j, s);
  return outside == 0 ? 0 : outside > 0 ? wings_.above(i, j) : wings_.below(i, j);
}

double ComposedBlock::WingSum(const double* u_bar, Index j, Index s) const {
  double sum = 0;
  for (Index i = 0; i < m_; ++i) sum += u_bar[i] * WingSlope(i, j, s);
  return sum;
}

double ComposedBlock::TangentOfU(Index i, Index k, Index s) const {
  const ConstMatrixMap X_dot = request_.tangents->At(first_ + s);
  double u_dot = core_.Y_dot(i, s * X_dot.cols() + k);
  for (Index j = 0; j < n_ && !wings_.Empty(); ++j) {
    u_dot += WingSlope(i, j, s) * outside_first_(j, s) * X_dot(j, k);
  }
  return u_dot;
}

void ComposedBlock::WriteValues(Index s) {
  outputs_.resize(static_cast<std::size_t>(m_ * count_), {.value = 0, .first = 1, .second = 0});
  if (core_.Y.size() == 0) return;
  for (Index i = 0; i < m_; ++i) {
    double u = core_.Y(i, s);
    for (Index j = 0; j < n_ && !wings_.Empty(); ++j) u += WingSlope(i, j, s) * outside_(j, s);
    ScalarJet& jet = outputs_[static_cast<std::size_t>(s * m_ + i)];
    jet = request_.composition.outputs[static_cast<std::size_t>(i)].Evaluate(u);
    if (request_.out.Y != nullptr) request_.out.Y[(first_ + s) * m_ + i] = jet.value;
  }
}

void ComposedBlock::GradientOfU(Index i, Index s, double* gradient) const {
  for (Index j = 0; j < n_; ++j) {
    gradient[j] = wings_.Empty() ? 0 : WingSlope(i, j, s) * outside_first_(j, s);
  }
  AddBack(core_.J.col(s * m_ + i).data(), s, gradient);
}

void ComposedBlock::AddBack(const double* phi_bar, Index s, double* x_bar) const {
  const double* gradient = phi_gradient_.col(s).data();
  for (const FeatureMap::GradientEntry& entry : features_.gradient_entries()) {
    x_bar[entry.input] += *gradient++ * phi_bar[entry.feature];
  }
}

void ComposedBlock::WriteTangents(Index s) {
  const Index p = request_.tangents->count;
  for (Index k = 0; k < p; ++k) {
    for (Index i = 0; i < m_; ++i) {
      request_.out.Y_dot[((first_ + s) * p + k) * m_ + i] =
          outputs_[static_cast<std::size_t>(s * m_ + i)].first * TangentOfU(i, k, s);
    }
  }
}

void ComposedBlock::WriteHessians(Index s) {
  const auto gradient = phi_gradient_.col(s);
  const auto& entries = features_.gradient_entries();
  Vector u_gradient(n_);
  Matrix right(r_, n_);  // (∇²core) φ′
  for (Index i = 0; i < m_; ++i) {
    MatrixMap H(request_.out.H + ((first_ + s) * m_ + i) * n_ * n_, n_, n_);
    H.setZero();
    // The lower triangle.
    right.setZero();
    for (std::size_t e = 0; e < entries.size(); ++e) {
      right.col(entries[e].input) +=
          gradient[static_cast<Index>(e)] * core_.H.col((s * m_ + i) * r_ + entries[e].feature);
    }
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const Index j = entries[e].input;
      H.row(j).head(j + 1) +=
          gradient[static_cast<Index>(e)] * right.row(entries[e].feature).head(j + 1);
    }
    const auto core_gradient = core_.J.col(s * m_ + i);
    const double* second = phi_hessian_.col(s).data();
    for (const FeatureMap::HessianEntry& entry : features_.hessian_entries()) {
      H(entry.column, entry.row) += *second++ * core_gradient[entry.feature];
    }
    for (Index j = 0; j < n_ && !wings_.Empty(); ++j) {
      H(j, j) += WingSlope(i, j, s) * outside_second_(j, s);
    }
    const ScalarJet& g = outputs_[static_cast<std::size_t>(s * m_ + i)];
    GradientOfU(i, s, u_gradient.data());
    for (Index k = 0; k < n_; ++k) {
      for (Index j = k; j < n_; ++j) {
        H(j, k) = g.first * H(j, k) + g.second * u_gradient[j] * u_gradient[k];
        H(k, j) = H(j, k);
      }
    }
  }
}

void ComposedBlock::WriteSpreads(Index s) {
  const PredictionBuffers& out = request_.out;
  const double* const gradient = phi_gradient_.col(s).data();
  const auto& entries = features_.gradient_entries();
  Vector u_gradient(n_);
  Vector variance(n_);
  for (Index i = 0; i < m_; ++i) {
    const ScalarJet& g = outputs_[static_cast<std::size_t>(s * m_ + i)];
    const Index point = (first_ + s) * m_ + i;
    if (out.Y_spread != nullptr) out.Y_spread[point] = g.first * core_.Y_spread(i, s);
    if (out.J_spread == nullptr) continue;
    variance.setZero();
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const double part = gradient[e] * core_.J_spread(entries[e].feature, s * m_ + i);
      variance[entries[e].input] += part * part;
    }
    variance *= g.first * g.first;
    if (g.second != 0) {
      GradientOfU(i, s, u_gradient.data());
      const double of_slope = g.second * core_.Y_spread(i, s);
      variance += (of_slope * u_gradient).cwiseAbs2();
    }
    for (Index j = 0; j < n_; ++j) out.J_spread[point * n_ + j] = std::sqrt(variance[j]);
  }
}

void ComposedBlock::WriteAdjoints() {
  const Index q = request_.adjoints->count;
  Matrix U_bar(m_, q * count_);
  for (Index s = 0; s < count_; ++s) {
    const ConstMatrixMap Y_bar = request_.adjoints->At(first_ + s);
    for (Index i = 0; i < m_; ++i) {
      U_bar.row(i).segment(s * q, q) =
          outputs_[static_cast<std::size_t>(s * m_ + i)].first * Y_bar.row(i);
    }
  }
  const bool first = request_.out.X_bar != nullptr || !features_.hessian_entries().empty();
  const bool second = request_.out.X_bar_dot != nullptr;
  const Index p = second ? request_.tangents->count : 0;
  Matrix phi_bar(r_, first ? q * count_ : 0);
  Matrix phi_bar_dot(r_, p * q * count_);
  request_.core.Predict(
      ConstMatrixMap(phi_.data(), r_, count_),
      second ? std::optional(PerPoint(phi_dot_, p)) : std::nullopt, PerPoint(U_bar, q),
      {.X_bar = DataOrNull(phi_bar), .X_bar_dot = DataOrNull(phi_bar_dot)}, request_.stop);
  for (Index s = 0; s < count_ && request_.out.X_bar != nullptr; ++s) {
    for (Index k = s * q; k < (s + 1) * q; ++k) {
      double* const x_bar = request_.out.X_bar + (first_ * q + k) * n_;
      for (Index j = 0; j < n_; ++j) {
        x_bar[j] = wings_.Empty() ? 0 : WingSum(U_bar.col(k).data(), j, s) * outside_first_(j, s);
      }
      AddBack(phi_bar.col(k).data(), s, x_bar);
    }
  }
  if (second) WriteSecondAdjoints(U_bar, phi_bar, std::move(phi_bar_dot));
}

void ComposedBlock::WriteSecondAdjoints(const Matrix& U_bar, const Matrix& phi_bar,
                                        Matrix phi_bar_dot) {
  const Index p = request_.tangents->count;
  const Index q = request_.adjoints->count;
  Matrix U_bar_dot = Matrix::Zero(m_, p * q * count_);
  if (!request_.linear_outputs) {
    for (Index s = 0; s < count_; ++s) {
      const ConstMatrixMap Y_bar = request_.adjoints->At(first_ + s);
      for (Index k = 0; k < p; ++k) {
        for (Index o = 0; o < m_; ++o) {
          const double of_slope =
              outputs_[static_cast<std::size_t>(s * m_ + o)].second * TangentOfU(o, k, s);
          for (Index i = 0; i < q; ++i) U_bar_dot(o, (s * q + i) * p + k) = of_slope * Y_bar(o, i);
        }
      }
    }
    Matrix more(r_, p * q * count_);
    request_.core.Predict(ConstMatrixMap(phi_.data(), r_, count_), std::nullopt,
                          PerPoint(U_bar_dot, p * q), {.X_bar = more.data()}, request_.stop);
    phi_bar_dot += more;
  }
  for (Index pair = 0; pair < p * q * count_; ++pair) {
    const Index adjoint = pair / p;
    const Index s = adjoint / q;
    const Vector x_dot = request_.tangents->At(first_ + s).col(pair % p);
    double* const x_bar_dot = request_.out.X_bar_dot + (first_ * p * q + pair) * n_;
    for (Index j = 0; j < n_; ++j) {
      x_bar_dot[j] =
          wings_.Empty()
              ? 0
              : WingSum(U_bar_dot.col(pair).data(), j, s) * outside_first_(j, s) +
                    WingSum(U_bar.col(adjoint).data(), j, s) * outside_second_(j, s) * x_dot[j];
    }
    AddBack(phi_bar_dot.col(pair).data(), s, x_bar_dot);
    const double* second = phi_hessian_.col(s).data();
    for (const FeatureMap::HessianEntry& entry : features_.hessian_entries()) {
      const double bend = *second++ * phi_bar(entry.feature, adjoint);
      x_bar_dot[entry.row] += bend * x_dot[entry.column];
      if (entry.row != entry.column) x_bar_dot[entry.column] += bend * x_dot[entry.row];
    }
  }
}

}  // namespace sobolev
