#include "engine/program/program.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/program/product_requests.h"
#include "engine/program/program_impl.h"

namespace sobolev::program {
namespace {

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

// A bound below and one above come in pairs.
void RequirePair(const char* field, const double* min, const double* max) {
  if ((min == nullptr) == (max == nullptr)) return;
  throw InvalidArgument("MISSING_BOUND", field,
                        "expected lower and upper bounds, got one of them; ask for both");
}

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

Error TooManyEntries(const ProgramLimits& limits) {
  return Error(ErrorCode::kResourceExhausted, "JACOBIAN_TOO_LARGE", "program",
               "expected a Jacobian of at most " + std::to_string(limits.max_symbolic_size) +
                   " nonzeros that a few products yield; ask for products with directions instead");
}

double Ratio(double cost, double value_cost) { return value_cost > 0 ? cost / value_cost : 1; }

}  // namespace

Program::Program(std::string_view source, const SourceLimits& source_limits,
                 const ProgramLimits& limits)
    : Program(Parse(source, source_limits), limits) {}

Program::Program(Definition definition, const ProgramLimits& limits)
    : impl_(std::make_unique<Impl>(std::move(definition), limits)) {}

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

  if (valid != nullptr && results.Y == nullptr) {
    // Derivatives may be numbers where the value is none: 1/x where log x is NaN.
    std::vector<double> values(static_cast<std::size_t>(impl.m * num_points));
    Results with_value = results;
    with_value.Y = values.data();
    return Evaluate(X, tangents, adjoints, with_value, valid, settings, stop);
  }
  const ProductRequests requests = MakeRequests(X, impl.m, tangents ? &*tangents : nullptr,
                                                adjoints ? &*adjoints : nullptr, results);
  Straight* const straight = impl.FindStraight(Impl::KindOf(settings));
  const bool jacobian_is_symbolic = results.J != nullptr && impl.DensePlan() != nullptr;
  const bool hessian_is_symbolic = results.H != nullptr && impl.HasDenseHessian();
  if (straight != nullptr) {
    straight->Run(requests.once,
                  {.J = jacobian_is_symbolic ? results.J : nullptr,
                   .H = hessian_is_symbolic ? results.H : nullptr},
                  stop);
  } else {
    impl.RunProducts(requests.once, settings, stop);
  }
  for (const ProductRequest& request : requests.several) {
    impl.RunProducts(request, settings, stop);
  }
  if (results.J != nullptr && !jacobian_is_symbolic) {
    impl.RunDenseJacobian(X, results.J, settings, stop);
  }
  if (results.H != nullptr && !hessian_is_symbolic) {
    impl.RunDenseHessian(X, results.H, settings, stop);
  }

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
  RequirePair("value", results.Y_min, results.Y_max);
  RequirePair("jacobian", results.J_min, results.J_max);
  if (bounded != nullptr) std::fill_n(bounded, num_boxes, std::uint8_t{1});
  if (num_boxes == 0) return;
  constexpr auto kKind = LaneKind::kInterval;
  ProductRequest lower{.grid = {.num_points = num_boxes}, .x = RowPerPoint(X_min.data(), n)};
  ProductRequest upper{.grid = {.num_points = num_boxes}, .x = RowPerPoint(X_max.data(), n)};
  const bool wants_value = results.Y_min != nullptr;
  if (wants_value) {
    lower.y = RowPerPoint(results.Y_min, m);
    upper.y = RowPerPoint(results.Y_max, m);
  }
  Straight* const straight = impl.FindStraight(kKind);
  const bool is_symbolic = results.J_min != nullptr && impl.DensePlan() != nullptr;
  if (straight != nullptr && (wants_value || is_symbolic)) {
    straight->RunBoxes(lower, upper, {.J = is_symbolic ? results.J_min : nullptr},
                       {.J = is_symbolic ? results.J_max : nullptr}, stop);
  }
  if (straight == nullptr && wants_value) impl.FindEvolution(kKind)->Run(lower, &upper, {}, stop);
  if (results.J_min != nullptr && !is_symbolic) {
    impl.EncloseDenseJacobian(X_min, X_max, results.J_min, results.J_max, stop);
  }
  if (bounded == nullptr) return;
  ClearInvalid(results.Y_min, m, num_boxes, bounded);
  ClearInvalid(results.Y_max, m, num_boxes, bounded);
  ClearInvalid(results.J_min, m * n, num_boxes, bounded);
  ClearInvalid(results.J_max, m * n, num_boxes, bounded);
}

const std::vector<Entry>& Program::jacobian_pattern() const {
  std::call_once(impl_->entries_once, [&] {
    const ad::SparsityPattern* const pattern = impl_->Pattern();
    if (pattern == nullptr) throw TooManyEntries(impl_->limits);
    impl_->entries.reserve(static_cast<std::size_t>(pattern->num_entries()));
    for (std::int32_t i = 0; i < pattern->rows(); ++i) {
      for (const std::int32_t j : pattern->Row(i)) {
        impl_->entries.push_back({.row = i, .column = j});
      }
    }
  });
  return impl_->entries;
}

void Program::SparseJacobian(const ConstMatrixMap& X, double* values, double* Y,
                             const Settings& settings, const std::stop_token& stop) const {
  Impl& impl = *impl_;
  RequireSize("x", X.rows(), impl.n);
  RequireCheckpoints(settings);
  if (X.cols() == 0) return;
  ProductRequest request{.grid = {.num_points = X.cols()}, .x = RowPerPoint(X.data(), impl.n)};
  if (Y != nullptr) request.y = RowPerPoint(Y, impl.m);
  if (impl.Plan() != nullptr) {
    return impl.FindStraight(Impl::KindOf(settings))->Run(request, {.sparse_J = values}, stop);
  }
  if (impl.Compression() == nullptr) throw TooManyEntries(impl.limits);
  if (Y != nullptr) impl.RunProducts(request, settings, stop);
  const Index nonzeros = impl.Pattern()->num_entries();
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
    const ad::SparsityPattern* const pattern = impl.Pattern();
    summary.jacobian_nonzeros = pattern == nullptr ? -1 : pattern->num_entries();
    const double tangents = summary.tangent_ratio;
    const double adjoints = summary.adjoint_ratio;
    if (const JacobianPlan* plan = impl.Plan()) {
      summary.jacobian_mode = plan->mode == Mode::kReverse ? "reverse" : "forward";
      summary.jacobian_ratio = Ratio(plan->cost, impl.value_cost);
    } else if (const ad::Compression* seeds = impl.Compression()) {
      const bool is_forward = seeds->num_tangents() > 0;
      summary.jacobian_mode = is_forward ? "forward compressed" : "reverse compressed";
      summary.jacobian_ratio =
          is_forward ? seeds->num_tangents() * tangents : seeds->num_adjoints() * adjoints;
    } else {
      const bool is_forward = impl.PrefersUnitTangents();
      summary.jacobian_mode = is_forward ? "forward dense" : "reverse dense";
      summary.jacobian_ratio = is_forward ? static_cast<double>(impl.n) * tangents
                                          : static_cast<double>(impl.m) * adjoints;
    }
    summary.hessian_nonzeros = impl.HessianNonzeros();
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

bool Program::RunsAdjointSweep(const Results& wanted) const {
  if (wanted.X_bar != nullptr || wanted.X_bar_dot != nullptr) return true;
  if (wanted.H != nullptr && !impl_->HasDenseHessian()) return true;
  if (wanted.J == nullptr || impl_->DensePlan() != nullptr) return false;
  const ad::Compression* const seeds = impl_->Compression();
  return seeds == nullptr ? !impl_->PrefersUnitTangents() : seeds->num_tangents() == 0;
}

ReversalCounts Program::CountReversal(const Settings& settings, bool with_tangents) const {
  RequireCheckpoints(settings);
  const Evolution* const evolution = impl_->FindEvolution(Impl::KindOf(settings));
  return evolution == nullptr ? ReversalCounts{} : evolution->Count(settings, with_tangents);
}

}  // namespace sobolev::program
