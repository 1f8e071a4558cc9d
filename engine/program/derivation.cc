#include "engine/program/derivation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "engine/program/differentiate.h"

namespace sobolev::program {
namespace {

Index CounterWidth(const Stage& stage) { return stage.has_counter ? 1 : 0; }

Index OutputSize(const Stage& stage) { return static_cast<Index>(stage.outputs.size()); }

// `count` new inputs of the graph from index `first` on.
std::vector<NodeId> NewInputs(Graph& graph, Index first, Index count) {
  std::vector<NodeId> inputs;
  for (Index i = 0; i < count; ++i) inputs.push_back(graph.Input(static_cast<NodeId>(first + i)));
  return inputs;
}

using Entries = std::vector<SymbolicEntry>;

constexpr double kVisitsPerSize = 256;
// One product of patterns takes memory for as many entries as it has multiplications, at worst.
constexpr double kMultiplicationsPerSize = 16;

bool IsTooLarge(std::size_t max_size, std::size_t nodes, std::size_t entries, double visits) {
  if (max_size == kUnlimitedSize) return false;
  return nodes > max_size || entries > max_size ||
         visits > kVisitsPerSize * static_cast<double>(max_size);
}

// What `count` sweeps over the whole graph look at, at least.
double Sweeps(const Graph& graph, Index count) {
  return static_cast<double>(graph.size()) * static_cast<double>(count);
}

void SortByPlace(Entries& entries) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.place < b.place; });
}

// Row by row: the adjoint of one output after the other.
std::optional<Entries> JacobianByRows(Graph& graph, const Stage& stage, std::size_t max_size) {
  Entries entries;
  Differentiator differentiator(graph);
  const std::array<NodeId, 1> one = {graph.Constant(1)};
  for (std::size_t i = 0; i < stage.outputs.size(); ++i) {
    const std::vector<InputAdjoint> row = differentiator.SparseAdjoint(
        std::span(stage.outputs).subspan(i, 1), one, static_cast<NodeId>(stage.state_size));
    for (const auto& [input, node] : row) {
      entries.push_back({{static_cast<std::int32_t>(i), static_cast<std::int32_t>(input)}, node});
    }
    if (IsTooLarge(max_size, graph.size(), entries.size(), differentiator.visits())) {
      return std::nullopt;
    }
  }
  SortByPlace(entries);
  return entries;
}

// Column by column: the tangent for one input after the other, each by a sweep over the graph.
std::optional<Entries> JacobianByColumns(Graph& graph, const Stage& stage, std::size_t max_size) {
  if (IsTooLarge(max_size, 0, 0, Sweeps(graph, stage.state_size))) return std::nullopt;
  Entries entries;
  Differentiator differentiator(graph);
  std::vector<NodeId> seed(static_cast<std::size_t>(stage.state_size), kNoNode);
  for (std::size_t j = 0; j < seed.size(); ++j) {
    seed[j] = graph.Constant(1);
    const std::vector<NodeId> column = differentiator.Tangent(stage.outputs, seed);
    seed[j] = kNoNode;
    for (std::size_t i = 0; i < column.size(); ++i) {
      if (column[i] == kNoNode) continue;
      entries.push_back({{static_cast<std::int32_t>(i), static_cast<std::int32_t>(j)}, column[i]});
    }
    if (IsTooLarge(max_size, graph.size(), entries.size(), differentiator.visits())) {
      return std::nullopt;
    }
  }
  SortByPlace(entries);
  return entries;
}

// Whether what the outputs are made of includes steps.
bool MayJump(const Graph& graph, std::span<const NodeId> outputs) {
  const std::vector<bool> reachable = graph.Reachable(outputs);
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (!reachable[id]) continue;
    switch (graph.node(id).op) {
      case Op::kSign:
      case Op::kFloor:
      case Op::kAtan2:
      case Op::kLess:
      case Op::kLessEqual:
      case Op::kEqual:
      case Op::kSelect:
        return true;
      default:
        break;
    }
  }
  return false;
}

}  // namespace

std::optional<Entries> AppendJacobian(Graph& graph, const Stage& stage, Mode mode,
                                      std::size_t max_size) {
  return mode == Mode::kReverse ? JacobianByRows(graph, stage, max_size)
                                : JacobianByColumns(graph, stage, max_size);
}

std::optional<Entries> AppendHessian(Graph& graph, const Stage& stage,
                                     std::span<const SymbolicEntry> jacobian,
                                     std::size_t max_size) {
  if (IsTooLarge(max_size, 0, 0, Sweeps(graph, stage.state_size))) return std::nullopt;
  if (OutputSize(stage) * stage.state_size > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  Entries entries;
  Differentiator differentiator(graph);
  const auto n = static_cast<std::int32_t>(stage.state_size);
  std::vector<NodeId> seed(static_cast<std::size_t>(n), kNoNode);
  std::vector<NodeId> wanted(jacobian.size());
  for (std::int32_t k = 0; k < n; ++k) {
    for (std::size_t e = 0; e < jacobian.size(); ++e) {
      wanted[e] = jacobian[e].place.column < k ? kNoNode : jacobian[e].node;
    }
    seed[k] = graph.Constant(1);
    const std::vector<NodeId> column = differentiator.Tangent(wanted, seed);
    seed[k] = kNoNode;
    for (std::size_t e = 0; e < column.size(); ++e) {
      if (column[e] == kNoNode) continue;
      const ad::PatternEntry place = jacobian[e].place;
      entries.push_back({{place.row * n + place.column, k}, column[e]});
    }
    const double walked = static_cast<double>(jacobian.size()) * (k + 1.0);
    if (IsTooLarge(max_size, graph.size(), entries.size(), differentiator.visits() + walked)) {
      return std::nullopt;
    }
  }
  SortByPlace(entries);
  return entries;
}

bool MayJump(const Definition& definition) {
  return std::ranges::any_of(
      definition.stages, [](const Stage& stage) { return MayJump(stage.graph, stage.outputs); });
}

std::optional<Definition> JacobianDefinition(const Definition& definition, std::size_t max_size) {
  const Stage& stage = definition.stages.front();
  if (definition.stages.size() > 1 || stage.repeat > 1 || stage.has_counter) return std::nullopt;
  Graph graph = stage.graph;
  graph.LiftLimit();
  const Mode mode = OutputSize(stage) > stage.state_size ? Mode::kForward : Mode::kReverse;
  const std::optional<Entries> entries = AppendJacobian(graph, stage, mode, max_size);
  const Index m = OutputSize(stage);
  const Index n = stage.state_size;
  if (!entries || static_cast<std::size_t>(m * n) > max_size) return std::nullopt;
  std::vector<NodeId> outputs(static_cast<std::size_t>(m * n), graph.Constant(0));
  for (const SymbolicEntry& entry : *entries) {
    outputs[static_cast<std::size_t>(entry.place.row * n + entry.place.column)] = entry.node;
  }
  if (MayJump(graph, stage.outputs) || MayJump(graph, outputs)) return std::nullopt;
  return Definition{
      .inputs = definition.inputs,
      .outputs = {{.name = "J", .shape = {m, n}, .size = m * n, .bounds = {}, .description = {}}},
      .stages = {{.graph = std::move(graph), .outputs = std::move(outputs), .state_size = n}}};
}

Index CountHessianNonzeros(std::span<const SymbolicEntry> hessian, Index n) {
  std::vector<ad::PatternEntry> places;
  places.reserve(hessian.size());
  for (const SymbolicEntry& entry : hessian) {
    places.push_back({static_cast<std::int32_t>(entry.place.row % n), entry.place.column});
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  Index count = 0;
  for (const ad::PatternEntry place : places) count += place.row == place.column ? 1 : 2;
  return count;
}

std::optional<JacobianPlan> PlanJacobian(const Stage& stage, std::size_t max_size) {
  std::optional<JacobianPlan> best;
  const auto offer = [&](Mode mode) {
    Graph graph = stage.graph;
    const std::optional<Entries> entries = AppendJacobian(graph, stage, mode, max_size);
    if (!entries) return;
    std::vector<NodeId> all = stage.outputs;
    std::vector<ad::PatternEntry> places;
    all.reserve(all.size() + entries->size());
    places.reserve(entries->size());
    for (const SymbolicEntry& entry : *entries) {
      all.push_back(entry.node);
      places.push_back(entry.place);
    }
    const double cost = CostOf(graph, all);
    if (best && best->cost <= cost) return;
    best = {.mode = mode,
            .cost = cost,
            .pattern = ad::SparsityPattern::FromEntries(
                static_cast<std::int32_t>(OutputSize(stage)),
                static_cast<std::int32_t>(stage.state_size), std::move(places))};
  };
  offer(Mode::kReverse);
  if (stage.outputs.size() > 1) offer(Mode::kForward);
  return best;
}

std::optional<ad::SparsityPattern> DependencePattern(const Stage& stage, std::size_t max_size) {
  // 64 inputs at a time, one bit each.
  if (IsTooLarge(max_size, 0, 0, Sweeps(stage.graph, (stage.state_size + 63) / 64))) {
    return std::nullopt;
  }
  std::vector<ad::PatternEntry> entries;
  std::vector<std::uint64_t> inputs(stage.graph.size());
  for (Index first = 0; first < stage.state_size; first += 64) {
    for (NodeId id = 0; id < inputs.size(); ++id) {
      const Node& node = stage.graph.node(id);
      inputs[id] = 0;
      if (node.op == Op::kInput) {
        const Index bit = Index{node.a} - first;
        if (bit >= 0 && bit < 64 && Index{node.a} < stage.state_size) {
          inputs[id] = std::uint64_t{1} << bit;
        }
        continue;
      }
      const int arity = Traits(node.op).arity;
      if (arity > 0) inputs[id] |= inputs[node.a];
      if (arity > 1) inputs[id] |= inputs[node.b];
      if (arity > 2) inputs[id] |= inputs[node.c];
    }
    for (std::size_t i = 0; i < stage.outputs.size(); ++i) {
      for (std::uint64_t bits = inputs[stage.outputs[i]]; bits != 0; bits &= bits - 1) {
        entries.push_back({static_cast<std::int32_t>(i),
                           static_cast<std::int32_t>(first + std::countr_zero(bits))});
      }
      if (IsTooLarge(max_size, 0, entries.size(), 0)) return std::nullopt;
    }
  }
  return ad::SparsityPattern::FromEntries(static_cast<std::int32_t>(stage.outputs.size()),
                                          static_cast<std::int32_t>(stage.state_size),
                                          std::move(entries));
}

std::optional<ad::SparsityPattern> DependencePattern(const Definition& definition,
                                                     std::size_t max_size) {
  std::optional<ad::SparsityPattern> pattern;
  double visits = 0;
  for (const Stage& stage : definition.stages) {
    const std::optional<ad::SparsityPattern> step = DependencePattern(stage, max_size);
    if (!step) return std::nullopt;
    for (Index i = 0; i < stage.repeat; ++i) {
      if (!pattern) {
        pattern = step;
        continue;
      }
      const auto work = static_cast<double>(ad::ProductMultiplications(*step, *pattern));
      visits += work + static_cast<double>(step->rows() + step->num_entries());
      if (IsTooLarge(max_size, 0, 0,
                     std::max(visits, work * (kVisitsPerSize / kMultiplicationsPerSize)))) {
        return std::nullopt;
      }
      ad::SparsityPattern next = Product(*step, *pattern);
      if (IsTooLarge(max_size, 0, static_cast<std::size_t>(next.num_entries()), 0)) {
        return std::nullopt;
      }
      const bool is_settled = next == *pattern;
      pattern = std::move(next);
      if (is_settled) break;
    }
  }
  return pattern;
}

namespace {

// A stage's graph with what was derived from it.
struct Derived {
  Graph graph;
  std::vector<Index> inputs;
  std::vector<std::vector<NodeId>> outputs;
  NodeId eager_from = kNoNode;
};

Derived DeriveTangent(const Stage& stage) {
  const Index n = stage.state_size;
  Derived derived{.graph = stage.graph, .inputs = {n, CounterWidth(stage), n}};
  derived.eager_from = static_cast<NodeId>(derived.graph.size());
  const std::vector<NodeId> z_dot = NewInputs(derived.graph, n + CounterWidth(stage), n);
  derived.outputs = {stage.outputs, Differentiator(derived.graph).Tangent(stage.outputs, z_dot)};
  return derived;
}

Derived DeriveAdjoint(const Stage& stage) {
  const Index n = stage.state_size;
  Derived derived{.graph = stage.graph, .inputs = {n, CounterWidth(stage), OutputSize(stage)}};
  const std::vector<NodeId> bar =
      NewInputs(derived.graph, n + CounterWidth(stage), OutputSize(stage));
  derived.outputs = {
      Differentiator(derived.graph).Adjoint(stage.outputs, bar, static_cast<NodeId>(n))};
  return derived;
}

Derived DeriveSecondOrder(const Stage& stage) {
  const Index n = stage.state_size;
  const Index m = OutputSize(stage);
  const Index first = n + CounterWidth(stage);
  Derived derived{.graph = stage.graph, .inputs = {n, CounterWidth(stage), n, m, m}};
  Graph& graph = derived.graph;
  const std::vector<NodeId> z_dot = NewInputs(graph, first, n);
  const std::vector<NodeId> bar = NewInputs(graph, first + n, m);
  Differentiator differentiator(graph);
  const std::vector<NodeId> z_bar =
      differentiator.Adjoint(stage.outputs, bar, static_cast<NodeId>(n));
  derived.eager_from = static_cast<NodeId>(graph.size());
  const std::vector<NodeId> bar_dot = NewInputs(graph, first + n + m, m);
  // Tangents by input index: ż for z, none for t and ż itself, z̄̇′ for z̄′.
  std::vector<NodeId> seeds(static_cast<std::size_t>(first + n), kNoNode);
  std::copy(z_dot.begin(), z_dot.end(), seeds.begin());
  seeds.insert(seeds.end(), bar_dot.begin(), bar_dot.end());
  derived.outputs = {z_bar, differentiator.Tangent(z_bar, seeds)};
  return derived;
}

std::unique_ptr<const Routine> MakeRoutine(const Derived& derived, LaneKind kind, Index lanes) {
  return std::make_unique<const Routine>(derived.graph, derived.inputs, derived.outputs, kind,
                                         derived.eager_from, lanes);
}

}  // namespace

std::unique_ptr<const Routine> MakeValue(const Stage& stage, LaneKind kind, Index lanes) {
  return MakeRoutine({.graph = stage.graph,
                      .inputs = {stage.state_size, CounterWidth(stage)},
                      .outputs = {stage.outputs}},
                     kind, lanes);
}

std::unique_ptr<const Routine> MakeTangent(const Stage& stage, LaneKind kind, Index lanes) {
  return MakeRoutine(DeriveTangent(stage), kind, lanes);
}

std::unique_ptr<const Routine> MakeAdjoint(const Stage& stage, LaneKind kind, Index lanes) {
  return MakeRoutine(DeriveAdjoint(stage), kind, lanes);
}

std::unique_ptr<const Routine> MakeSecondOrder(const Stage& stage, LaneKind kind, Index lanes) {
  return MakeRoutine(DeriveSecondOrder(stage), kind, lanes);
}

double DerivedCost(const Stage& stage, DerivedKind kind) {
  const Derived derived = kind == DerivedKind::kTangent   ? DeriveTangent(stage)
                          : kind == DerivedKind::kAdjoint ? DeriveAdjoint(stage)
                                                          : DeriveSecondOrder(stage);
  std::vector<NodeId> all = stage.outputs;
  for (const auto& region : derived.outputs) all.insert(all.end(), region.begin(), region.end());
  return CostOf(derived.graph, all);
}

}  // namespace sobolev::program
