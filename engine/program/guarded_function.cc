#include "engine/program/guarded_function.h"

#include <optional>

#include "engine/program/derivation.h"

namespace sobolev::program {
namespace {

// Larger than what a Program allows itself (ProgramLimits), which has other ways to a Jacobian.
constexpr std::size_t kMaxJacobianSize = std::size_t{1} << 24;

}  // namespace

GuardedTrace::GuardedTrace(RecordedGraph recorded, Index n, Arithmetic arithmetic)
    : stage_{.graph = std::move(recorded.graph),
             .outputs = std::move(recorded.outputs),
             .state_size = n},
      kind_(arithmetic == Arithmetic::kStrict ? LaneKind::kStrict : LaneKind::kFast) {
  // Comparisons of constants fold, to the outcome that they always have.
  if (!stage_.graph.IsConstant(recorded.guard)) guard_ = recorded.guard;
}

const Routine& GuardedTrace::Get(bool with_jacobian) const {
  const auto which = static_cast<std::size_t>(with_jacobian);
  std::call_once(once_[which], [&] { routines_[which] = Make(with_jacobian); });
  return *routines_[which];
}

std::unique_ptr<const Routine> GuardedTrace::Make(bool with_jacobian) const {
  Graph graph = stage_.graph;
  NodeId eager_from = kNoNode;
  std::vector<std::vector<NodeId>> regions = {stage_.outputs};
  if (with_jacobian) {
    const std::optional<JacobianPlan> plan = PlanJacobian(stage_, kMaxJacobianSize);
    if (!plan) {
      throw Error(ErrorCode::kResourceExhausted, "JACOBIAN_TOO_LARGE", "function",
                  "expected a symbolic Jacobian of at most " + std::to_string(kMaxJacobianSize) +
                      " operations and entries; record fewer outputs at a time");
    }
    // Tangents are placed next to the values that they belong to (lowering.h).
    if (plan->mode == Mode::kForward) eager_from = static_cast<NodeId>(graph.size());
    const std::vector<SymbolicEntry> entries =
        AppendJacobian(graph, stage_, plan->mode, kUnlimitedSize).value();
    std::vector<NodeId> dense(stage_.outputs.size() * static_cast<std::size_t>(n()), kNoNode);
    for (const SymbolicEntry& entry : entries) {
      dense[static_cast<std::size_t>(entry.place.row * n() + entry.place.column)] = entry.node;
    }
    regions.push_back(std::move(dense));
  }
  if (has_guard()) regions.push_back({guard_});
  const std::vector<Index> widths = {n()};
  return std::make_unique<const Routine>(graph, widths, regions, kind_, eager_from);
}

std::vector<Index> GuardedTrace::Run(const ConstMatrixMap& X, double* Y, double* J,
                                     const std::stop_token& stop) const {
  RequireSize("x", X.rows(), n());
  const LaneGrid grid{.num_points = X.cols()};
  const Routine& routine = Get(J != nullptr);
  const LaneRows<const double> inputs = RowPerPoint(X.data(), n());
  // By region of the routine; y is computed but not stored where it is not wanted.
  std::vector<LaneRows<double>> outputs = {RowPerPoint(Y, m())};
  if (J != nullptr) outputs.push_back(RowPerPoint(J, m() * n()));
  std::vector<double> guards(has_guard() ? static_cast<std::size_t>(X.cols()) : 0);
  if (has_guard()) outputs.push_back(RowPerPoint(guards.data(), 1));

  RunOnGrid(
      routine, grid, [&](const auto& visit) { visit(kState, inputs); }, outputs, stop);
  std::vector<Index> others;
  for (std::size_t s = 0; s < guards.size(); ++s) {
    if (guards[s] != 1) others.push_back(static_cast<Index>(s));
  }
  return others;
}

}  // namespace sobolev::program
