#include "engine/program/program_impl.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/program/differentiate.h"
#include "engine/program/product_requests.h"

namespace sobolev::program {
namespace {

// Numbers in the seeds that are made at once: a whole identity matrix of many directions would be
// larger than all results.
constexpr Index kMaxSeedSize = Index{1} << 24;
// Directions that are taken at once even so, for they share the lanes of a block.
constexpr Index kMinDirections = 16;
// Regions of routines count their elements by 32 bits.
constexpr double kMaxRegion = std::numeric_limits<std::int32_t>::max();

// Calls run(first, seeds) for the unit vectors e_first, e_first + 1, … of a space, the columns of
// `seeds`, from the first to the last, a few at a time.
template <class Run>
void ForUnitVectors(Index dimension, const Run& run) {
  const Index count = std::max(kMaxSeedSize / std::max<Index>(dimension, 1), kMinDirections);
  for (Index first = 0; first < dimension; first += count) {
    Matrix seeds = Matrix::Zero(dimension, std::min(count, dimension - first));
    for (Index k = 0; k < seeds.cols(); ++k) seeds(first + k, k) = 1;
    run(first, seeds);
  }
}

// The rows of the adjoints of unit vectors from `first` on in a whole Jacobian.
LaneRows<double> JacobianRows(double* J, Index n, Index m, Index first) {
  return {.data = J + first * n, .width = n, .per_point = m, .per_adjoint = 1};
}

}  // namespace

Program::Impl::Impl(Definition definition_in, const ProgramLimits& limits_in)
    : definition(std::move(definition_in)), limits(limits_in) {
  for (const Variable& input : definition.inputs) n += input.size;
  for (const Variable& output : definition.outputs) m += output.size;
  const Stage& first = definition.stages[0];
  if (definition.stages.size() == 1 && first.repeat == 1 && !first.has_counter) {
    symbolic_.emplace(first, limits.max_symbolic_size);
  }
  for (const LaneKind kind : {LaneKind::kFast, LaneKind::kStrict, LaneKind::kInterval}) {
    if (symbolic_) {
      straight_[Number(kind)] = std::make_unique<Straight>(*symbolic_, kind);
    } else {
      evolutions_[Number(kind)] =
          std::make_unique<Evolution>(definition, kind, limits.max_state_bytes);
    }
  }
  for (const Stage& stage : definition.stages) {
    value_cost += CostOf(stage.graph, stage.outputs) * static_cast<double>(stage.repeat);
  }
}

LaneKind Program::Impl::KindOf(const Settings& settings) {
  return settings.arithmetic == Arithmetic::kStrict ? LaneKind::kStrict : LaneKind::kFast;
}

void Program::Impl::RunProducts(const ProductRequest& request, const Settings& settings,
                                const std::stop_token& stop) const {
  const bool is_empty = request.y.data == nullptr && request.y_dot.data == nullptr &&
                        request.x_bar.data == nullptr && request.x_bar_dot.data == nullptr;
  if (is_empty || request.grid.size() == 0) return;
  const LaneKind kind = KindOf(settings);
  if (Straight* const straight = FindStraight(kind)) return straight->Run(request, {}, stop);
  Evolution& evolution = *FindEvolution(kind);
  if (!IsTwoOfFirstOrder(request)) return evolution.Run(request, nullptr, settings, stop);
  // An adjoint sweep that has tangents as well is one of second order, which costs more than both.
  for (const ProductRequest& part : Separated(request)) {
    evolution.Run(part, nullptr, settings, stop);
  }
}

const JacobianPlan* Program::Impl::Plan() { return symbolic_ ? symbolic_->Jacobian() : nullptr; }

const JacobianPlan* Program::Impl::DensePlan() {
  if (static_cast<double>(n) * static_cast<double>(m) > kMaxRegion) return nullptr;
  return Plan();
}

bool Program::Impl::HasDenseHessian() {
  const auto inputs = static_cast<double>(n);
  return symbolic_ && inputs * inputs * static_cast<double>(m) <= kMaxRegion &&
         symbolic_->HasHessian();
}

Index Program::Impl::HessianNonzeros() { return symbolic_ ? symbolic_->HessianNonzeros() : -1; }

const ad::SparsityPattern* Program::Impl::Pattern() {
  if (const JacobianPlan* plan = Plan()) return &plan->pattern;
  std::call_once(pattern_once_,
                 [&] { pattern_ = DependencePattern(definition, limits.max_symbolic_size); });
  return pattern_ ? &*pattern_ : nullptr;
}

const ad::Compression* Program::Impl::Compression() {
  const ad::SparsityPattern* const nonzeros = Pattern();
  if (nonzeros == nullptr) return nullptr;
  std::call_once(compression_once_, [&] {
    ad::Compression best = ad::Compression::ByColumns(*nonzeros);
    ad::Compression by_rows = ad::Compression::ByRows(*nonzeros);
    // An adjoint costs about twice a tangent.
    if (2 * by_rows.num_adjoints() < best.num_tangents()) best = std::move(by_rows);
    const Index directions = Index{best.num_tangents()} + best.num_adjoints();
    if (directions > kMinDirections && directions * std::max(n, m) > kMaxSeedSize) return;
    compression_ = std::move(best);
  });
  return compression_ ? &*compression_ : nullptr;
}

void Program::Impl::RunCompressed(const ConstMatrixMap& X, const Settings& settings,
                                  const std::stop_token& stop, const Consume& consume) {
  const ad::Compression& seeds = *Compression();
  const Matrix S = seeds.TangentSeed();
  const Matrix W = seeds.AdjointSeed();
  const Index p = seeds.num_tangents();
  const Index q = seeds.num_adjoints();
  Matrix columns(m, p * X.cols());
  Matrix rows(n, q * X.cols());
  ProductRequest request{.grid = {.num_points = X.cols(), .q = 1, .p = std::max<Index>(p, 1)},
                         .x = RowPerPoint(X.data(), n)};
  if (p > 0) {
    request.x_dot = {.data = S.data(), .width = n, .per_tangent = 1};
    request.y_dot = RowPerLane(columns.data(), m, request.grid);
  } else {
    request.grid = {.num_points = X.cols(), .q = std::max<Index>(q, 1), .p = 1};
    request.y_bar = {.data = W.data(), .width = m, .per_adjoint = 1};
    request.x_bar = RowPerLane(rows.data(), n, request.grid);
  }
  if (p + q > 0) RunProducts(request, settings, stop);
  for (Index s = 0; s < X.cols(); ++s) {
    consume(s, seeds.Recover(columns.middleCols(s * p, p), rows.middleCols(s * q, q)));
  }
}

void Program::Impl::RunDenseJacobian(const ConstMatrixMap& X, double* J, const Settings& settings,
                                     const std::stop_token& stop) {
  if (Compression() == nullptr) {
    return PrefersUnitTangents() ? RunUnitTangents(X, J, settings, stop)
                                 : RunUnitAdjoints(X, J, settings, stop);
  }
  const ad::SparsityPattern& nonzeros = *Pattern();
  std::fill_n(J, n * m * X.cols(), 0.0);
  RunCompressed(X, settings, stop, [&](Index s, const std::vector<double>& values) {
    auto value = values.begin();
    for (std::int32_t i = 0; i < nonzeros.rows(); ++i) {
      for (const std::int32_t j : nonzeros.Row(i)) J[(s * m + i) * n + j] = *value++;
    }
  });
}

void Program::Impl::RunUnitTangents(const ConstMatrixMap& X, double* J, const Settings& settings,
                                    const std::stop_token& stop) const {
  ForUnitVectors(n, [&](Index first, const Matrix& seeds) {
    const Index p = seeds.cols();
    // Columns are to become parts of rows, a few points at a time.
    const Index step = std::max<Index>(kMaxSeedSize / (m * p), 1);
    for (Index begin = 0; begin < X.cols(); begin += step) {
      const Index num_points = std::min(step, X.cols() - begin);
      Matrix columns(m, p * num_points);
      ProductRequest request{.grid = {.num_points = num_points, .q = 1, .p = p},
                             .x = RowPerPoint(X.data() + begin * n, n)};
      request.x_dot = {.data = seeds.data(), .width = n, .per_tangent = 1};
      request.y_dot = RowPerLane(columns.data(), m, request.grid);
      RunProducts(request, settings, stop);
      for (Index s = 0; s < num_points; ++s) {
        Eigen::Map<Matrix>(J + (begin + s) * m * n, n, m).middleRows(first, p) =
            columns.middleCols(s * p, p).transpose();
      }
    }
  });
}

void Program::Impl::RunUnitAdjoints(const ConstMatrixMap& X, double* J, const Settings& settings,
                                    const std::stop_token& stop) const {
  ForUnitVectors(m, [&](Index first, const Matrix& seeds) {
    RunProducts({.grid = {.num_points = X.cols(), .q = seeds.cols()},
                 .x = RowPerPoint(X.data(), n),
                 .y_bar = {.data = seeds.data(), .width = m, .per_adjoint = 1},
                 .x_bar = JacobianRows(J, n, m, first)},
                settings, stop);
  });
}

// Row (i, j) of H is the second-order adjoint for ȳ = eᵢ and ẋ = eⱼ.
void Program::Impl::RunDenseHessian(const ConstMatrixMap& X, double* H, const Settings& settings,
                                    const std::stop_token& stop) const {
  const Matrix unit_x = Matrix::Identity(n, n);
  ForUnitVectors(m, [&](Index first, const Matrix& seeds) {
    ProductRequest request{.grid = {.num_points = X.cols(), .q = seeds.cols(), .p = n},
                           .x = RowPerPoint(X.data(), n)};
    request.x_dot = {.data = unit_x.data(), .width = n, .per_tangent = 1};
    request.y_bar = {.data = seeds.data(), .width = m, .per_adjoint = 1};
    request.x_bar_dot = {.data = H + first * n * n,
                         .width = n,
                         .per_point = m * n,
                         .per_adjoint = n,
                         .per_tangent = 1};
    RunProducts(request, settings, stop);
  });
}

void Program::Impl::EncloseDenseJacobian(const ConstMatrixMap& X_min, const ConstMatrixMap& X_max,
                                         double* J_min, double* J_max,
                                         const std::stop_token& stop) const {
  constexpr auto kKind = LaneKind::kInterval;
  ForUnitVectors(m, [&](Index first, const Matrix& seeds) {
    const auto request = [&](const ConstMatrixMap& X, double* J) {
      return ProductRequest{.grid = {.num_points = X.cols(), .q = seeds.cols()},
                            .x = RowPerPoint(X.data(), n),
                            .y_bar = {.data = seeds.data(), .width = m, .per_adjoint = 1},
                            .x_bar = JacobianRows(J, n, m, first)};
    };
    const ProductRequest lower = request(X_min, J_min);
    const ProductRequest upper = request(X_max, J_max);
    if (Straight* const straight = FindStraight(kKind)) {
      straight->RunBoxes(lower, upper, {}, {}, stop);
    } else {
      FindEvolution(kKind)->Run(lower, &upper, {}, stop);
    }
  });
}

}  // namespace sobolev::program
