#include "engine/program/straight.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/program/differentiate.h"

namespace sobolev::program {
namespace {

// The arrays of a request, in the order of a routine's regions.
template <class Visit>
void ForEachInput(const ProductRequest& request, const Visit& visit) {
  visit(kState, request.x);
  int region = kCounter + 1;  // A straight program has no counter: that region is empty.
  if (request.x_dot.data != nullptr) visit(region++, request.x_dot);
  if (request.y_bar.data != nullptr) visit(region, request.y_bar);
}

std::vector<LaneRows<double>> Outputs(const ProductRequest& request,
                                      const Straight::PointResults& results, Index n, Index m,
                                      Index nonzeros) {
  std::vector<LaneRows<double>> rows;
  for (const LaneRows<double>& output :
       {request.y, request.y_dot, request.x_bar, request.x_bar_dot}) {
    if (output.data != nullptr) rows.push_back(output);
  }
  if (results.J != nullptr) rows.push_back(RowPerPoint(results.J, m * n));
  if (results.sparse_J != nullptr) rows.push_back(RowPerPoint(results.sparse_J, nonzeros));
  if (results.H != nullptr) rows.push_back(RowPerPoint(results.H, m * n * n));
  return rows;
}

}  // namespace

Straight::Wanted Straight::WantedBy(const ProductRequest& request, const PointResults& results) {
  return {.x_dot = request.x_dot.data != nullptr,
          .y_bar = request.y_bar.data != nullptr,
          .y = request.y.data != nullptr,
          .y_dot = request.y_dot.data != nullptr,
          .x_bar = request.x_bar.data != nullptr,
          .x_bar_dot = request.x_bar_dot.data != nullptr,
          .J = results.J != nullptr,
          .sparse_J = results.sparse_J != nullptr,
          .H = results.H != nullptr};
}

const Routine& Straight::Get(const Wanted& wanted) {
  CachedRoutine* cached = nullptr;
  {
    const std::lock_guard lock(mutex_);
    cached = &routines_[wanted];
  }
  std::call_once(cached->once, [&] { cached->routine = Make(wanted); });
  return *cached->routine;
}

std::unique_ptr<const Routine> Straight::Make(const Wanted& wanted) {
  const auto n = static_cast<std::size_t>(stage_.state_size);
  const std::size_t m = stage_.outputs.size();
  Graph graph = stage_.graph;
  auto next_input = static_cast<NodeId>(n);
  const auto inputs = [&](bool are_wanted, std::size_t count) {
    std::vector<NodeId> nodes(are_wanted ? count : 0);
    for (NodeId& node : nodes) node = graph.Input(next_input++);
    return nodes;
  };
  std::vector<Index> widths = {stage_.state_size, 0};
  if (wanted.x_dot) widths.push_back(static_cast<Index>(n));
  if (wanted.y_bar) widths.push_back(static_cast<Index>(m));
  const std::vector<NodeId> x_dot = inputs(wanted.x_dot, n);
  const std::vector<NodeId> y_bar = inputs(wanted.y_bar, m);

  // Reverse mode first: what forward mode appends is placed next to its operands (lowering.h).
  Differentiator differentiator(graph);
  std::vector<NodeId> x_bar;
  if (wanted.x_bar || wanted.x_bar_dot) {
    x_bar = differentiator.Adjoint(stage_.outputs, y_bar, static_cast<NodeId>(n));
  }
  const bool jacobian_wanted = wanted.J || wanted.sparse_J;
  const Mode mode = jacobian_wanted ? symbolic_.Jacobian()->mode : Mode::kReverse;
  std::vector<SymbolicEntry> rows;
  if (wanted.H || (jacobian_wanted && mode == Mode::kReverse)) {
    rows = AppendJacobian(graph, stage_, Mode::kReverse, kUnlimitedSize).value();
  }
  const auto eager_from = static_cast<NodeId>(graph.size());
  std::vector<SymbolicEntry> jacobian = rows;
  if (jacobian_wanted && mode == Mode::kForward) {
    jacobian = AppendJacobian(graph, stage_, Mode::kForward, kUnlimitedSize).value();
  }

  std::vector<std::vector<NodeId>> regions;
  if (wanted.y) regions.push_back(stage_.outputs);
  if (wanted.y_dot) regions.push_back(differentiator.Tangent(stage_.outputs, x_dot));
  if (wanted.x_bar) regions.push_back(x_bar);
  if (wanted.x_bar_dot) regions.push_back(differentiator.Tangent(x_bar, x_dot));
  if (wanted.J) {
    std::vector<NodeId> dense(m * n, kNoNode);
    for (const SymbolicEntry& entry : jacobian) {
      dense[static_cast<std::size_t>(entry.place.row) * n +
            static_cast<std::size_t>(entry.place.column)] = entry.node;
    }
    regions.push_back(std::move(dense));
  }
  if (wanted.sparse_J) {
    std::vector<NodeId> sparse;
    sparse.reserve(jacobian.size());
    for (const SymbolicEntry& entry : jacobian) sparse.push_back(entry.node);
    regions.push_back(std::move(sparse));
  }
  if (wanted.H) {
    std::vector<NodeId> dense(m * n * n, kNoNode);
    const std::vector<SymbolicEntry> triangle =
        AppendHessian(graph, stage_, rows, kUnlimitedSize).value();
    for (const SymbolicEntry& entry : triangle) {
      // Place (i·n + j, k) with k <= j, and its mirror image.
      const auto row = static_cast<std::size_t>(entry.place.row);
      const auto k = static_cast<std::size_t>(entry.place.column);
      dense[row * n + k] = entry.node;
      dense[(row / n * n + k) * n + row % n] = entry.node;
    }
    regions.push_back(std::move(dense));
  }
  return std::make_unique<const Routine>(graph, widths, regions, kind_, eager_from);
}

void Straight::Run(const ProductRequest& request, const PointResults& results,
                   const std::stop_token& stop) {
  const Index nonzeros =
      results.sparse_J == nullptr ? 0 : symbolic_.Jacobian()->pattern.num_entries();
  const std::vector<LaneRows<double>> outputs = Outputs(
      request, results, stage_.state_size, static_cast<Index>(stage_.outputs.size()), nonzeros);
  if (outputs.empty()) return;
  RunOnGrid(
      Get(WantedBy(request, results)), request.grid,
      [&](const auto& visit) { ForEachInput(request, visit); }, outputs, stop);
}

void Straight::RunBoxes(const ProductRequest& lower, const ProductRequest& upper,
                        const PointResults& lower_results, const PointResults& upper_results,
                        const std::stop_token& stop) {
  const Routine& routine = Get(WantedBy(lower, lower_results));
  const Index n = stage_.state_size;
  const auto m = static_cast<Index>(stage_.outputs.size());
  std::vector<std::pair<int, LaneRows<const double>>> from_min;
  std::vector<LaneRows<const double>> from_max;
  ForEachInput(lower, [&](int region, const auto& rows) { from_min.emplace_back(region, rows); });
  ForEachInput(upper, [&](int, const auto& rows) { from_max.push_back(rows); });
  const std::vector<LaneRows<double>> minima = Outputs(lower, lower_results, n, m, 0);
  const std::vector<LaneRows<double>> maxima = Outputs(upper, upper_results, n, m, 0);
  const LaneGrid& grid = lower.grid;
  const Index lanes = routine.lanes();
  ForEachBlock(grid, lanes, stop, [&] {
    auto workspace = std::make_unique<Replayer::Workspace>(routine.replayer());
    return [&, workspace = std::move(workspace)](Index first, Index points) {
      for (std::size_t i = 0; i < from_min.size(); ++i) {
        const auto& [region, rows] = from_min[i];
        routine.LoadBoxes(*workspace, region, RowsOfBlock(rows, grid, first, lanes),
                          RowsOfBlock(from_max[i], grid, first, lanes));
      }
      workspace->Run();
      for (std::size_t i = 0; i < minima.size(); ++i) {
        routine.StoreBoxes(*workspace, static_cast<int>(i), points,
                           RowsOfBlock(minima[i], grid, first, lanes),
                           RowsOfBlock(maxima[i], grid, first, lanes));
      }
    };
  });
}

}  // namespace sobolev::program
