#include "engine/program/program.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "engine/ad/compression.h"
#include "engine/base/error.h"
#include "engine/program/evolution.h"
#include "engine/program/straight.h"

namespace sobolev::program {
namespace {

// Rows of directions, as the lanes of a grid take them.
LaneRows<const double> DirectionRows(const Directions& directions, bool are_tangents) {
  const Index own = 1;
  return {.data = directions.D.data(),
          .width = directions.D.rows(),
          .per_point = directions.per_point ? directions.count : 0,
          .per_adjoint = are_tangents ? 0 : own,
          .per_tangent = are_tangents ? own : 0};
}

void RequireDirections(const char* field, const std::optional<Directions>& directions,
                       Index dimension, Index num_points) {
  if (!directions) {
    throw InvalidArgument("MISSING_DIRECTIONS", field,
                          "expected directions for the products that were asked for; add them");
  }
  RequireSize(field, directions->D.rows(), dimension);
  RequireSize(field, directions->D.cols(),
              directions->count * (directions->per_point ? num_points : 1));
}

void RequireCheckpoints(const Settings& settings) {
  if (settings.reversal != Reversal::kBinomial || settings.checkpoints >= 1) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", "checkpoints",
      "expected at least 1 with binomial reversal, got " + std::to_string(settings.checkpoints));
}

// What is asked for, by the lanes it needs.
struct ProductRequests {
  ProductRequest once;  // One lane per point: values, and products with one direction.
  std::vector<ProductRequest> several;  // Products with several directions per point.
};

ProductRequests MakeRequests(const ConstMatrixMap& X, Index m, const Directions* tangents,
                             const Directions* adjoints, const Results& results) {
  const Index n = X.rows();
  const LaneRows<const double> x = RowPerPoint(X.data(), n);
  ProductRequests requests{.once = {.grid = {.num_points = X.cols()}, .x = x}};
  // The request that products with these directions belong to.
  const auto with = [&](const Directions* x_dot, const Directions* y_bar) -> ProductRequest& {
    const LaneGrid grid{.num_points = X.cols(),
                        .q = y_bar == nullptr ? 1 : y_bar->count,
                        .p = x_dot == nullptr ? 1 : x_dot->count};
    ProductRequest& request =
        grid.size() == X.cols()
            ? requests.once
            : requests.several.emplace_back(ProductRequest{.grid = grid, .x = x});
    if (x_dot != nullptr) request.x_dot = DirectionRows(*x_dot, true);
    if (y_bar != nullptr) request.y_bar = DirectionRows(*y_bar, false);
    return request;
  };
  if (results.Y != nullptr) requests.once.y = RowPerPoint(results.Y, m);
  if (results.Y_dot != nullptr) {
    ProductRequest& request = with(tangents, nullptr);
    request.y_dot = RowPerLane(results.Y_dot, m, request.grid);
  }
  if (results.X_bar != nullptr) {
    ProductRequest& request = with(nullptr, adjoints);
    request.x_bar = RowPerLane(results.X_bar, n, request.grid);
  }
  if (results.X_bar_dot != nullptr) {
    ProductRequest& request = with(tangents, adjoints);
    request.x_bar_dot = RowPerLane(results.X_bar_dot, n, request.grid);
  }
  return requests;
}

double TraceCost(const Stage& stage) {
  return CostOf(stage.graph, stage.outputs) * static_cast<double>(stage.repeat);
}

// Dependence of the outputs on the inputs through all stages.
ad::SparsityPattern ChainPattern(const Definition& definition) {
  std::optional<ad::SparsityPattern> pattern;
  for (const Stage& stage : definition.stages) {
    const ad::SparsityPattern step = DependencePattern(stage);
    for (Index i = 0; i < stage.repeat; ++i) {
      ad::SparsityPattern next = pattern ? Product(step, *pattern) : step;
      const bool is_settled = pattern && next == *pattern;
      pattern = std::move(next);
      if (is_settled) break;
    }
  }
  return *std::move(pattern);
}

}  // namespace

// What is computed once per arithmetic. Straight programs and evolutions answer the same requests.
class Program::Impl {
 public:
  explicit Impl(Definition definition_in) : definition(std::move(definition_in)) {
    for (const Variable& input : definition.inputs) n += input.size;
    for (const Variable& output : definition.outputs) m += output.size;
    const Stage& first = definition.stages[0];
    is_straight = definition.stages.size() == 1 && first.repeat == 1 && !first.has_counter;
    for (const LaneKind kind : {LaneKind::kFast, LaneKind::kStrict, LaneKind::kInterval}) {
      if (is_straight) {
        straight[Number(kind)] = std::make_unique<Straight>(definition.stages[0], kind);
      } else {
        evolutions[Number(kind)] = std::make_unique<Evolution>(definition, kind);
      }
    }
    for (const Stage& stage : definition.stages) value_cost += TraceCost(stage);
  }

  static std::size_t Number(LaneKind kind) { return static_cast<std::size_t>(kind); }
  static LaneKind KindOf(const Settings& settings) {
    return settings.arithmetic == Arithmetic::kStrict ? LaneKind::kStrict : LaneKind::kFast;
  }

  void RunProducts(const ProductRequest& request, const Settings& settings,
                   const std::stop_token& stop) {
    const bool is_empty = request.y.data == nullptr && request.y_dot.data == nullptr &&
                          request.x_bar.data == nullptr && request.x_bar_dot.data == nullptr;
    if (is_empty || request.grid.size() == 0) return;
    const std::size_t kind = Number(KindOf(settings));
    if (is_straight) return straight[kind]->Run(request, {}, stop);
    evolutions[kind]->Run(request, nullptr, settings, stop);
  }

  // The trace of the Jacobian if it is symbolic.
  const JacobianPlan* Plan() { return is_straight ? straight[0]->Plan() : nullptr; }

  const ad::SparsityPattern& Pattern() {
    if (const JacobianPlan* plan = Plan()) return plan->pattern;
    std::call_once(pattern_once, [&] { pattern = ChainPattern(definition); });
    return pattern;
  }

  // Where the Jacobian is not symbolic: compressed tangents or adjoints, whichever are fewer.
  const ad::Compression& JacobianCompression() {
    std::call_once(compression_once, [&] {
      compression = ad::Compression::ByColumns(Pattern());
      ad::Compression by_rows = ad::Compression::ByRows(Pattern());
      // An adjoint costs about twice a tangent.
      if (2 * by_rows.num_adjoints() < compression->num_tangents()) {
        compression = std::move(by_rows);
      }
    });
    return *compression;
  }

  // All entries of the pattern for every point: consume(s, values).
  template <class Consume>
  void RunCompressed(const ConstMatrixMap& X, const Settings& settings, const std::stop_token& stop,
                     const Consume& consume) {
    const ad::Compression& seeds = JacobianCompression();
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

  void RunDenseJacobian(const ConstMatrixMap& X, double* J, const Settings& settings,
                        const std::stop_token& stop) {
    const ad::SparsityPattern& nonzeros = Pattern();
    std::fill_n(J, n * m * X.cols(), 0.0);
    RunCompressed(X, settings, stop, [&](Index s, const std::vector<double>& values) {
      auto value = values.begin();
      for (std::int32_t i = 0; i < nonzeros.rows(); ++i) {
        for (const std::int32_t j : nonzeros.Row(i)) J[(s * m + i) * n + j] = *value++;
      }
    });
  }

  // Row (i, j) of H is the second-order adjoint for ȳ = eᵢ and ẋ = eⱼ.
  void RunDenseHessian(const ConstMatrixMap& X, double* H, const Settings& settings,
                       const std::stop_token& stop) {
    const Matrix unit_x = Matrix::Identity(n, n);
    const Matrix unit_y = Matrix::Identity(m, m);
    ProductRequest request{.grid = {.num_points = X.cols(), .q = m, .p = n},
                           .x = RowPerPoint(X.data(), n)};
    request.x_dot = {.data = unit_x.data(), .width = n, .per_tangent = 1};
    request.y_bar = {.data = unit_y.data(), .width = m, .per_adjoint = 1};
    request.x_bar_dot = RowPerLane(H, n, request.grid);
    RunProducts(request, settings, stop);
  }

  Definition definition;
  Index n = 0;
  Index m = 0;
  bool is_straight = false;
  double value_cost = 0;
  std::unique_ptr<Straight> straight[3];
  std::unique_ptr<Evolution> evolutions[3];

  std::once_flag pattern_once;
  ad::SparsityPattern pattern;
  std::once_flag compression_once;
  std::optional<ad::Compression> compression;
  std::once_flag entries_once;
  std::vector<Entry> entries;
  std::once_flag summary_once;
  Summary summary;
};

namespace {

// Clears the flag of every point of which a number in `rows` is not finite.
void ClearInvalid(const double* rows, Index per_point, Index num_points, std::uint8_t* valid) {
  if (rows == nullptr) return;
  for (Index s = 0; s < num_points; ++s) {
    const double* row = rows + s * per_point;
    // Not a number, or infinite, if and only if x − x is not 0.
    const bool is_finite = std::all_of(row, row + per_point, [](double x) { return x - x == 0; });
    if (!is_finite) valid[s] = 0;
  }
}

double Ratio(double cost, double value_cost) { return value_cost > 0 ? cost / value_cost : 1; }

}  // namespace

Program::Program(std::string_view source, const SourceLimits& limits)
    : Program(Parse(source, limits)) {}

Program::Program(Definition definition) : impl_(std::make_unique<Impl>(std::move(definition))) {}

Program::~Program() = default;

Index Program::n() const { return impl_->n; }
Index Program::m() const { return impl_->m; }
const std::vector<Variable>& Program::inputs() const { return impl_->definition.inputs; }
const std::vector<Variable>& Program::outputs() const { return impl_->definition.outputs; }

void Program::Evaluate(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                       const std::optional<Directions>& adjoints, const Results& results,
                       std::uint8_t* valid, const Settings& settings,
                       const std::stop_token& stop) const {
  Impl& impl = *impl_;
  const Index num_points = X.cols();
  RequireSize("x", X.rows(), impl.n);
  if (results.Y_dot != nullptr || results.X_bar_dot != nullptr) {
    RequireDirections("tangents", tangents, impl.n, num_points);
  }
  if (results.X_bar != nullptr || results.X_bar_dot != nullptr) {
    RequireDirections("adjoints", adjoints, impl.m, num_points);
  }
  RequireCheckpoints(settings);
  if (valid != nullptr) std::fill_n(valid, num_points, std::uint8_t{1});
  if (num_points == 0) return;

  const ProductRequests requests = MakeRequests(X, impl.m, tangents ? &*tangents : nullptr,
                                                adjoints ? &*adjoints : nullptr, results);
  Straight* const straight = impl.straight[Impl::Number(Impl::KindOf(settings))].get();
  const bool has_symbolic_J = straight != nullptr && straight->Plan() != nullptr;
  const bool has_symbolic_H = results.H != nullptr && straight != nullptr && straight->HasHessian();
  if (straight != nullptr) {
    straight->Run(
        requests.once,
        {.J = has_symbolic_J ? results.J : nullptr, .H = has_symbolic_H ? results.H : nullptr},
        stop);
  } else {
    impl.RunProducts(requests.once, settings, stop);
  }
  for (const ProductRequest& request : requests.several) {
    impl.RunProducts(request, settings, stop);
  }
  if (results.J != nullptr && !has_symbolic_J) {
    impl.RunDenseJacobian(X, results.J, settings, stop);
  }
  if (results.H != nullptr && !has_symbolic_H) impl.RunDenseHessian(X, results.H, settings, stop);

  if (valid == nullptr) return;
  const Index n = impl.n;
  const Index m = impl.m;
  const Index p = tangents ? tangents->count : 0;
  const Index q = adjoints ? adjoints->count : 0;
  ClearInvalid(results.Y, m, num_points, valid);
  ClearInvalid(results.J, m * n, num_points, valid);
  ClearInvalid(results.H, m * n * n, num_points, valid);
  ClearInvalid(results.Y_dot, m * p, num_points, valid);
  ClearInvalid(results.X_bar, n * q, num_points, valid);
  ClearInvalid(results.X_bar_dot, n * p * q, num_points, valid);
}

void Program::Enclose(const ConstMatrixMap& X_min, const ConstMatrixMap& X_max,
                      const BoxResults& results, std::uint8_t* bounded,
                      const std::stop_token& stop) const {
  Impl& impl = *impl_;
  const Index n = impl.n;
  const Index m = impl.m;
  const Index num_boxes = X_min.cols();
  RequireSize("x_min", X_min.rows(), n);
  RequireSize("x_max", X_max.rows(), n);
  RequireSize("x_max boxes", X_max.cols(), num_boxes);
  if (bounded != nullptr) std::fill_n(bounded, num_boxes, std::uint8_t{1});
  if (num_boxes == 0) return;
  constexpr auto kKind = LaneKind::kInterval;
  ProductRequest lower{.grid = {.num_points = num_boxes}, .x = RowPerPoint(X_min.data(), n)};
  ProductRequest upper{.grid = {.num_points = num_boxes}, .x = RowPerPoint(X_max.data(), n)};
  if (results.Y_min != nullptr) {
    lower.y = RowPerPoint(results.Y_min, m);
    upper.y = RowPerPoint(results.Y_max, m);
  }
  Straight* const straight = impl.straight[Impl::Number(kKind)].get();
  const bool is_symbolic = straight != nullptr && straight->Plan() != nullptr;
  if (straight != nullptr && (results.Y_min != nullptr || is_symbolic)) {
    straight->RunBoxes(lower, upper, {.J = is_symbolic ? results.J_min : nullptr},
                       {.J = is_symbolic ? results.J_max : nullptr}, stop);
  }
  if (straight == nullptr && results.Y_min != nullptr) {
    impl.evolutions[Impl::Number(kKind)]->Run(lower, &upper, {}, stop);
  }
  if (results.J_min != nullptr && !is_symbolic) {
    // Adjoints of unit vectors, which are intervals of width 0.
    const Matrix unit = Matrix::Identity(m, m);
    const LaneGrid grid{.num_points = num_boxes, .q = m};
    const LaneRows<const double> seeds{.data = unit.data(), .width = m, .per_adjoint = 1};
    const ProductRequest rows_min{
        .grid = grid, .x = lower.x, .y_bar = seeds, .x_bar = RowPerLane(results.J_min, n, grid)};
    const ProductRequest rows_max{
        .grid = grid, .x = upper.x, .y_bar = seeds, .x_bar = RowPerLane(results.J_max, n, grid)};
    if (straight != nullptr) {
      straight->RunBoxes(rows_min, rows_max, {}, {}, stop);
    } else {
      impl.evolutions[Impl::Number(kKind)]->Run(rows_min, &rows_max, {}, stop);
    }
  }
  if (bounded == nullptr) return;
  ClearInvalid(results.Y_min, m, num_boxes, bounded);
  ClearInvalid(results.Y_max, m, num_boxes, bounded);
  ClearInvalid(results.J_min, m * n, num_boxes, bounded);
  ClearInvalid(results.J_max, m * n, num_boxes, bounded);
}

const std::vector<Entry>& Program::jacobian_pattern() const {
  std::call_once(impl_->entries_once, [&] {
    const ad::SparsityPattern& pattern = impl_->Pattern();
    for (std::int32_t i = 0; i < pattern.rows(); ++i) {
      for (const std::int32_t j : pattern.Row(i)) impl_->entries.push_back({.row = i, .column = j});
    }
  });
  return impl_->entries;
}

void Program::SparseJacobian(const ConstMatrixMap& X, double* values, double* Y,
                             const Settings& settings, const std::stop_token& stop) const {
  Impl& impl = *impl_;
  RequireSize("x", X.rows(), impl.n);
  if (X.cols() == 0) return;
  ProductRequest request{.grid = {.num_points = X.cols()}, .x = RowPerPoint(X.data(), impl.n)};
  if (Y != nullptr) request.y = RowPerPoint(Y, impl.m);
  if (impl.Plan() != nullptr) {
    return impl.straight[Impl::Number(Impl::KindOf(settings))]->Run(request, {.sparse_J = values},
                                                                    stop);
  }
  if (Y != nullptr) impl.RunProducts(request, settings, stop);
  const Index nonzeros = impl.Pattern().num_entries();
  impl.RunCompressed(X, settings, stop, [&](Index s, const std::vector<double>& entries) {
    std::copy(entries.begin(), entries.end(), values + s * nonzeros);
  });
}

Summary Program::Summarize() const {
  std::call_once(impl_->summary_once, [&] {
    Impl& impl = *impl_;
    Summary& summary = impl.summary;
    double tangent = 0;
    double adjoint = 0;
    double second_order = 0;
    for (const Stage& stage : impl.definition.stages) {
      const std::vector<bool> needed = stage.graph.Reachable(stage.outputs);
      Index operations = 0;
      for (NodeId id = 0; id < stage.graph.size(); ++id) {
        if (needed[id] && Traits(stage.graph.node(id).op).arity > 0) ++operations;
      }
      summary.operations += operations;
      summary.executed_operations += operations * stage.repeat;
      const auto repeat = static_cast<double>(stage.repeat);
      tangent += DerivedCost(stage, DerivedKind::kTangent) * repeat;
      adjoint += DerivedCost(stage, DerivedKind::kAdjoint) * repeat;
      second_order += DerivedCost(stage, DerivedKind::kSecondOrder) * repeat;
    }
    summary.tangent_ratio = Ratio(tangent, impl.value_cost);
    summary.adjoint_ratio = Ratio(adjoint, impl.value_cost);
    summary.hessian_vector_ratio = Ratio(second_order, impl.value_cost);
    summary.jacobian_nonzeros = impl.Pattern().num_entries();
    if (const JacobianPlan* plan = impl.Plan()) {
      summary.jacobian_mode = plan->mode == Mode::kReverse ? "reverse" : "forward";
      summary.jacobian_ratio = Ratio(plan->cost, impl.value_cost);
    } else {
      const ad::Compression& seeds = impl.JacobianCompression();
      const bool is_forward = seeds.num_tangents() > 0;
      summary.jacobian_mode = is_forward ? "forward compressed" : "reverse compressed";
      summary.jacobian_ratio = is_forward ? seeds.num_tangents() * summary.tangent_ratio
                                          : seeds.num_adjoints() * summary.adjoint_ratio;
    }
    summary.hessian_nonzeros = impl.is_straight ? impl.straight[0]->HessianNonzeros() : -1;
  });
  return impl_->summary;
}

double Program::Cost(Index num_points, const Results& wanted, Index p, Index q) const {
  // Rules of thumb for the ratios (Griewank and Walther 2008, sec. 4.5 and 4.6), so that asking for
  // the cost derives nothing.
  constexpr double kTangent = 2;
  constexpr double kAdjoint = 3;
  constexpr double kSecondOrder = 6;
  const auto n = static_cast<double>(impl_->n);
  const auto m = static_cast<double>(impl_->m);
  double ratio = 1;
  if (wanted.J != nullptr) ratio += std::min(n * kTangent, m * kAdjoint);
  if (wanted.H != nullptr) ratio += n * m * kSecondOrder;
  if (wanted.Y_dot != nullptr) ratio += static_cast<double>(p) * kTangent;
  if (wanted.X_bar != nullptr) ratio += static_cast<double>(q) * kAdjoint;
  if (wanted.X_bar_dot != nullptr) ratio += static_cast<double>(p * q) * kSecondOrder;
  return static_cast<double>(num_points) * impl_->value_cost * ratio;
}

ReversalCounts Program::CountReversal(const Settings& settings) const {
  const auto* evolution = impl_->evolutions[Impl::Number(Impl::KindOf(settings))].get();
  return sobolev::program::CountReversal(impl_->definition, settings,
                                         evolution == nullptr ? 1 : evolution->lanes());
}

}  // namespace sobolev::program
