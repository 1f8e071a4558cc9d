#include "engine/surrogate/dense_surrogate.h"

#include <algorithm>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/prediction_blocks.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

namespace {

// Memory of this thread, for any surrogate that it evaluates.
double* Workspace(Index size) {
  thread_local std::vector<double> memory;
  if (memory.size() < static_cast<std::size_t>(size)) memory.resize(static_cast<std::size_t>(size));
  return memory.data();
}

}  // namespace

struct DenseSurrogate::Request {
  const ConstMatrixMap& X;
  const std::optional<Directions>& tangents;
  const std::optional<Directions>& adjoints;
  const PredictionBuffers& out;
  const std::stop_token& stop;

  bool NeedsGradients() const {
    return out.J != nullptr || out.Y_dot != nullptr || out.X_bar != nullptr;
  }
};

DenseSurrogate::DenseSurrogate(AffineMaps maps) : maps_(std::move(maps)) { maps_.Validate(); }

double DenseSurrogate::Cost(const PredictionSize& size) const {
  const PointCost cost = CostOfPoint();
  const auto inputs = static_cast<double>(maps_.n());
  const auto outputs = static_cast<double>(maps_.m());
  const auto reduced = static_cast<double>(maps_.r());
  const double width = maps_.Dense() ? reduced : 1;  // Multiply-adds per element of A v.
  const auto directions = static_cast<double>(size.num_tangents + size.num_adjoints);
  double per_point = inputs * width;
  per_point += size.jacobian || directions > 0 ? cost.gradient : cost.value;
  if (size.jacobian) per_point += outputs * inputs * width;
  per_point += directions * (outputs * reduced + inputs * width);
  if (size.hessian) per_point += cost.hessian + outputs * inputs * inputs * width;
  if (size.second_adjoint) {
    const auto pairs = static_cast<double>(size.num_tangents * size.num_adjoints);
    per_point += pairs * (cost.pair + inputs * width);
  }
  if (size.spread) per_point += cost.spread + (size.jacobian ? cost.gradient_spread : 0);
  return static_cast<double>(size.num_points) * per_point;
}

void DenseSurrogate::Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                             const std::optional<Directions>& adjoints,
                             const PredictionBuffers& out, const std::stop_token& stop) const {
  const Index num_points = X.cols();
  RequireSize("x", X.rows(), n());
  RequireDirections(out, tangents, adjoints, n(), m(), num_points);
  if ((out.Y_spread != nullptr || out.J_spread != nullptr) && !HasSpread()) {
    throw InvalidArgument("NO_SPREAD", "spread", "this surrogate cannot judge its uncertainty");
  }
  const Request request{X, tangents, adjoints, out, stop};

  const bool gradients = request.NeedsGradients();
  const Index r = maps_.r();
  Index size = kLanes * (r + m() + (gradients ? m() * r : 0)) + 2 * r;
  Index extra = 0;
  if (out.H != nullptr) extra = kLanes * r * r + r * r + r * n();
  if (out.X_bar_dot != nullptr) extra = std::max(extra, r + kLanes * PairSize());
  if (out.Y_spread != nullptr || out.J_spread != nullptr) {
    extra = std::max(extra, m() + n() * m() + r + SpreadWorkspace(out.J_spread != nullptr));
  }
  size += extra + EvaluationWorkspace();

  const Index num_blocks = (num_points + kLanes - 1) / kLanes;
  const auto predict_block = [&](Index block) {
    const Index first = block * kLanes;
    PredictBlock(request, first, std::min(kLanes, num_points - first), Workspace(size));
  };
  ForEachBlock(Cost(SizeOf(num_points, tangents, adjoints, out)), num_blocks, predict_block);
}

void DenseSurrogate::PredictBlock(const Request& request, Index first, Index count,
                                  double* workspace) const {
  ThrowIfStopped(request.stop);
  const PredictionBuffers& out = request.out;
  const Index r = maps_.r();
  const Index outputs = m();
  double* const x_hat = workspace;
  double* const y_hat = x_hat + kLanes * r;
  double* const gradients = y_hat + kLanes * outputs;
  double* const point = gradients + (request.NeedsGradients() ? kLanes * outputs * r : 0);
  double* const direction = point + r;
  double* const rest = direction + r;

  // Lanes without a point repeat the last one.
  for (Index lane = 0; lane < kLanes; ++lane) {
    maps_.Forward(request.X.col(first + std::min(lane, count - 1)).data(), point);
    for (Index i = 0; i < r; ++i) x_hat[i * kLanes + lane] = point[i];
  }

  if (out.Y != nullptr || request.NeedsGradients()) {
    Evaluate(x_hat, y_hat, request.NeedsGradients() ? gradients : nullptr, rest);
  }
  for (Index lane = 0; lane < count; ++lane) {
    const Index s = first + lane;
    if (out.Y != nullptr) {
      for (Index i = 0; i < outputs; ++i) {
        out.Y[s * outputs + i] = maps_.y_mean(i) + maps_.y_scale(i) * y_hat[i * kLanes + lane];
      }
    }
    if (out.J != nullptr) {
      for (Index i = 0; i < outputs; ++i) {
        const double* const lanes = gradients + i * r * kLanes + lane;
        for (Index j = 0; j < r; ++j) point[j] = maps_.y_scale(i) * lanes[j * kLanes];
        maps_.BackwardGradient(point, out.J + (s * outputs + i) * n());
      }
    }
    if (out.Y_dot != nullptr) {
      const ConstMatrixMap X_dot = request.tangents->At(s);
      for (Index k = 0; k < X_dot.cols(); ++k) {
        maps_.ForwardDirection(X_dot.col(k).data(), direction);
        double* const y_dot = out.Y_dot + (s * X_dot.cols() + k) * outputs;
        for (Index i = 0; i < outputs; ++i) {
          const double* const lanes = gradients + i * r * kLanes + lane;
          double sum = 0;
          for (Index j = 0; j < r; ++j) sum += lanes[j * kLanes] * direction[j];
          y_dot[i] = maps_.y_scale(i) * sum;
        }
      }
    }
    if (out.X_bar != nullptr) {
      const ConstMatrixMap Y_bar = request.adjoints->At(s);
      for (Index k = 0; k < Y_bar.cols(); ++k) {
        for (Index j = 0; j < r; ++j) {
          double sum = 0;
          for (Index i = 0; i < outputs; ++i) {
            sum += maps_.y_scale(i) * Y_bar(i, k) * gradients[(i * r + j) * kLanes + lane];
          }
          point[j] = sum;
        }
        maps_.BackwardGradient(point, out.X_bar + (s * Y_bar.cols() + k) * n());
      }
    }
  }
  if (out.H != nullptr) PredictHessians(request, first, count, x_hat, rest);
  if (out.X_bar_dot != nullptr) PredictSecondAdjoints(request, first, count, x_hat, rest);
  if (out.Y_spread != nullptr || out.J_spread != nullptr) {
    PredictSpreads(request, first, count, x_hat, rest);
  }
}

void DenseSurrogate::PredictHessians(const Request& request, Index first, Index count,
                                     const double* x_hat, double* workspace) const {
  const Index r = maps_.r();
  double* const lanes = workspace;
  double* const H_hat = lanes + kLanes * r * r;
  double* const H_right = H_hat + r * r;  // Ĥ A, r×n, by rows.
  double* const rest = H_right + r * n();
  for (Index i = 0; i < m(); ++i) {
    ThrowIfStopped(request.stop);
    EvaluateHessian(i, x_hat, lanes, rest);
    for (Index lane = 0; lane < count; ++lane) {
      for (Index k = 0; k < r * r; ++k) H_hat[k] = maps_.y_scale(i) * lanes[k * kLanes + lane];
      // H = Aᵀ (Ĥ A): Ĥ is symmetric, so its rows map like gradients.
      for (Index j = 0; j < r; ++j) maps_.BackwardGradient(H_hat + j * r, H_right + j * n());
      double* const H = request.out.H + ((first + lane) * m() + i) * n() * n();
      for (Index l = 0; l < n(); ++l) {
        for (Index j = 0; j < r; ++j) H_hat[j] = H_right[j * n() + l];
        maps_.BackwardGradient(H_hat, H + l * n());
      }
    }
  }
}

Index DenseSurrogate::PairSize() const {
  return kMostDirections * (maps_.r() + m() + kMostDirections * maps_.r());
}

void DenseSurrogate::PredictSecondAdjoints(const Request& request, Index first, Index count,
                                           const double* x_hat, double* workspace) const {
  const Index r = maps_.r();
  const Index p = request.tangents->count;
  const Index q = request.adjoints->count;
  double* const point = workspace;
  double* const X_dot = point + r;
  double* const Y_bar = X_dot + kLanes * kMostDirections * r;
  double* const products = Y_bar + kLanes * kMostDirections * m();
  double* const rest = workspace + r + kLanes * PairSize();
  for (Index i = 0; i < q; i += kMostDirections) {
    const Index num_adjoints = std::min(kMostDirections, q - i);
    for (Index lane = 0; lane < kLanes; ++lane) {
      const ConstMatrixMap from = request.adjoints->At(first + std::min(lane, count - 1));
      for (Index entry = 0; entry < num_adjoints * m(); ++entry) {
        const Index output = entry % m();
        Y_bar[entry * kLanes + lane] = maps_.y_scale(output) * from(output, i + entry / m());
      }
    }
    for (Index k = 0; k < p; k += kMostDirections) {
      ThrowIfStopped(request.stop);
      const Index num_tangents = std::min(kMostDirections, p - k);
      for (Index lane = 0; lane < kLanes; ++lane) {
        const ConstMatrixMap from = request.tangents->At(first + std::min(lane, count - 1));
        for (Index t = 0; t < num_tangents; ++t) {
          maps_.ForwardDirection(from.col(k + t).data(), point);
          for (Index j = 0; j < r; ++j) X_dot[(t * r + j) * kLanes + lane] = point[j];
        }
      }
      EvaluateSecondAdjoints({.num_tangents = num_tangents,
                              .num_adjoints = num_adjoints,
                              .X_dot = X_dot,
                              .Y_bar = Y_bar},
                             x_hat, products, rest);
      for (Index lane = 0; lane < count; ++lane) {
        for (Index pair = 0; pair < num_adjoints * num_tangents; ++pair) {
          for (Index j = 0; j < r; ++j) point[j] = products[(pair * r + j) * kLanes + lane];
          const Index adjoint = (first + lane) * q + i + pair / num_tangents;
          const Index column = adjoint * p + k + pair % num_tangents;
          maps_.BackwardGradient(point, request.out.X_bar_dot + column * n());
        }
      }
    }
  }
}

void DenseSurrogate::PredictSpreads(const Request& request, Index first, Index count,
                                    const double* x_hat, double* workspace) const {
  const Index r = maps_.r();
  const PredictionBuffers& out = request.out;
  double* const y_spread = workspace;
  double* const j_spread = y_spread + m();
  double* const x_point = j_spread + n() * m();
  double* const rest = x_point + r;
  for (Index lane = 0; lane < count; ++lane) {
    ThrowIfStopped(request.stop);
    const Index s = first + lane;
    for (Index j = 0; j < r; ++j) x_point[j] = x_hat[j * kLanes + lane];
    EvaluateSpread(x_point, out.Y_spread != nullptr ? y_spread : nullptr,
                   out.J_spread != nullptr ? j_spread : nullptr, rest);
    for (Index i = 0; i < m(); ++i) {
      if (out.Y_spread != nullptr) out.Y_spread[s * m() + i] = maps_.y_scale(i) * y_spread[i];
      if (out.J_spread == nullptr) continue;
      for (Index j = 0; j < n(); ++j) {
        out.J_spread[(s * m() + i) * n() + j] = maps_.y_scale(i) * j_spread[i * n() + j];
      }
    }
  }
}

}  // namespace sobolev
