#include "engine/program/language/stages.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>

namespace sobolev::program::language {
namespace {

// Which nodes of one stage, and which elements of its state, are needed.
struct Needs {
  std::vector<bool> nodes;
  std::vector<bool> outputs;
  std::vector<bool> state;  // Of a loop: the same elements before and after a step.
};

// What the needed outputs of `stage` need. In a loop an element of the state that is read is needed
// after each step as well, and what that needs, and so on: a walk over the graph in which an input
// leads on to the output of its index.
Needs FindNeeds(const Stage& stage, std::vector<bool> outputs) {
  Needs needs = {.nodes = std::vector<bool>(stage.graph.size()),
                 .outputs = std::move(outputs),
                 .state = std::vector<bool>(static_cast<std::size_t>(stage.state_size))};
  std::vector<NodeId> pending;
  const auto need = [&](NodeId id) {
    if (needs.nodes[id]) return;
    needs.nodes[id] = true;
    pending.push_back(id);
  };
  for (std::size_t i = 0; i < needs.outputs.size(); ++i) {
    if (needs.outputs[i]) need(stage.outputs[i]);
  }
  while (!pending.empty()) {
    const Node& node = stage.graph.node(pending.back());
    pending.pop_back();
    if (node.op == Op::kInput && node.a < needs.state.size()) {
      needs.state[node.a] = true;
      if (stage.repeat > 1 && !needs.outputs[node.a]) {
        needs.outputs[node.a] = true;
        need(stage.outputs[node.a]);
      }
    }
    const int arity = Traits(node.op).arity;
    if (arity > 0) need(node.a);
    if (arity > 1) need(node.b);
    if (arity > 2) need(node.c);
  }
  // What passes through a loop to a later stage is read by it too: an output that is needed.
  if (stage.repeat > 1) needs.state = needs.outputs;
  return needs;
}

// The stage with only the nodes and outputs that are needed, and the elements of its state that the
// stage before gives.
Stage Compact(const Stage& stage, const Needs& needs, const std::vector<bool>& given) {
  Stage compact = {.graph = Graph(), .repeat = stage.repeat, .first_count = stage.first_count};
  std::vector<NodeId> places(given.size());
  for (std::size_t k = 0; k < given.size(); ++k) {
    places[k] = static_cast<NodeId>(compact.state_size);
    if (given[k]) ++compact.state_size;
  }
  std::vector<NodeId> copies(stage.graph.size(), kNoNode);
  for (NodeId id = 0; id < stage.graph.size(); ++id) {
    if (!needs.nodes[id]) continue;
    const Node& node = stage.graph.node(id);
    if (node.op == Op::kInput) {
      const bool is_counter = node.a == given.size();
      compact.has_counter = compact.has_counter || is_counter;
      copies[id] = compact.graph.Input(is_counter ? static_cast<NodeId>(compact.state_size)
                                                  : places[node.a]);
    } else if (node.op == Op::kConstant) {
      copies[id] = compact.graph.Constant(stage.graph.constant(id));
    } else {
      const int arity = Traits(node.op).arity;
      copies[id] = compact.graph.Make(node.op, copies[node.a], arity > 1 ? copies[node.b] : kNoNode,
                                      arity > 2 ? copies[node.c] : kNoNode);
    }
  }
  for (std::size_t i = 0; i < needs.outputs.size(); ++i) {
    if (needs.outputs[i]) compact.outputs.push_back(copies[stage.outputs[i]]);
  }
  return compact;
}

// Whether the stage hands its state on as it is, however often it runs.
bool IsIdentity(const Stage& stage) {
  if (std::cmp_not_equal(stage.outputs.size(), stage.state_size)) return false;
  NodeId index = 0;
  return std::all_of(stage.outputs.begin(), stage.outputs.end(), [&](NodeId output) {
    const Node& node = stage.graph.node(output);
    return node.op == Op::kInput && node.a == index++;
  });
}

}  // namespace

Stages::Stages(Arithmetic& arithmetic, Meter& meter, std::size_t max_operations)
    : arithmetic_(arithmetic), meter_(meter), max_operations_(max_operations) {
  Open(0);
}

void Stages::Open(Index state_size) {
  if (!stages_.empty()) used_operations_ += current().graph.size();
  const std::size_t left = max_operations_ - std::min(max_operations_, used_operations_);
  stages_.push_back({.graph = Graph(left), .state_size = state_size});
  arithmetic_.SetGraph(current().graph);
}

Number Stages::AddInput() {
  return {.node = current().graph.Input(static_cast<NodeId>(current().state_size++))};
}

template <class Visit>
void Stages::ForEachElement(std::span<const Live> live, const Visit& visit) {
  for (const Live& variable : live) {
    const Index size = variable.value->shape().size();
    meter_.Charge(size);
    bool is_state = variable.assigned;
    for (Index i = 0; i < size && !is_state; ++i) is_state = !(*variable.value)[i].known();
    if (!is_state) continue;
    Number* const numbers = variable.value->MutableNumbers(meter_);
    for (Number* number = numbers; number != numbers + size; ++number) {
      if (variable.assigned || !number->known()) visit(*number, variable.assigned);
    }
  }
}

Number Stages::BeginLoop(std::span<const Live> live, Index repeat, Index first_count) {
  std::vector<NodeId>& state = current().outputs;
  std::vector<std::pair<Number*, NodeId>> moved;
  // Elements that the loop does not assign share a place if they are the same node. The others may
  // part ways.
  std::unordered_map<NodeId, NodeId> shared;
  ForEachElement(live, [&](Number& number, bool assigned) {
    const auto next = static_cast<NodeId>(state.size());
    const NodeId index = assigned ? next : shared.try_emplace(number.node, next).first->second;
    if (index == next) state.push_back(arithmetic_.Id(number));
    moved.emplace_back(&number, index);
  });
  Open(static_cast<Index>(state.size()));
  current().repeat = repeat;
  current().first_count = first_count;
  for (const auto& [number, index] : moved) *number = {.node = current().graph.Input(index)};
  return {.node = current().graph.Input(static_cast<NodeId>(current().state_size))};
}

void Stages::EndLoop(std::span<const Live> live) {
  // In the order of BeginLoop. Elements that the loop does not assign still are its inputs.
  const Graph& graph = current().graph;
  std::vector<NodeId>& state = current().outputs;
  std::vector<std::pair<Number*, NodeId>> moved;
  ForEachElement(live, [&](Number& number, bool assigned) {
    const auto next = static_cast<NodeId>(state.size());
    const NodeId index = assigned ? next : graph.node(number.node).a;
    if (index == next) state.push_back(arithmetic_.Id(number));
    moved.emplace_back(&number, index);
  });
  Open(current().state_size);
  for (const auto& [number, index] : moved) *number = {.node = current().graph.Input(index)};
}

std::vector<Stage> Stages::Finish(std::span<const Number> outputs) {
  for (const Number& output : outputs) current().outputs.push_back(arithmetic_.Id(output));
  if (stages_.size() == 1) {
    stages_.front().graph.LiftLimit();
    return std::move(stages_);
  }
  std::vector<Needs> needs(stages_.size());
  std::vector<bool> needed(outputs.size(), true);
  for (std::size_t s = stages_.size(); s-- > 0;) {
    needs[s] = FindNeeds(stages_[s], std::move(needed));
    needed = needs[s].state;
    // A state has at least one element; the inputs are alive to the end, so there is one.
    if (std::find(needed.begin(), needed.end(), true) == needed.end()) needed.front() = true;
  }
  std::vector<Stage> finished;
  // The first state is x, needed or not. Others are what the stage before gives, which after a loop
  // may be more than what is needed behind it.
  std::vector<bool> given(needs.front().state.size(), true);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    finished.push_back(Compact(stages_[s], needs[s], given));
    given = needs[s].outputs;
    stages_[s].graph = Graph();
    const bool others_exist = finished.size() > 1 || s + 1 < stages_.size();
    if (others_exist && IsIdentity(finished.back())) finished.pop_back();
  }
  return finished;
}

}  // namespace sobolev::program::language
