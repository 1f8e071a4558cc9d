// The meaning of a program, as plainly as it can be written: every executor must agree with it.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_REFERENCE_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_REFERENCE_H_

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/program/definition.h"
#include "engine/program/graph.h"
#include "engine/program/op.h"

namespace sobolev::program {

// The values of all nodes of `graph` at the inputs `z`, node by node.
inline std::vector<double> ReferenceNodes(const Graph& graph, const std::vector<double>& z) {
  std::vector<double> values(graph.size());
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.op == Op::kInput) {
      values[id] = z.at(node.a);
    } else if (node.op == Op::kConstant) {
      values[id] = graph.constant(id);
    } else {
      const int arity = Traits(node.op).arity;
      values[id] = Apply(node.op, values[node.a], arity > 1 ? values[node.b] : 0.0,
                         arity > 2 ? values[node.c] : 0.0);
    }
  }
  return values;
}

// y = F(x), stage by stage and step by step.
inline std::vector<double> ReferenceValue(const Definition& definition, std::vector<double> x) {
  for (const Stage& stage : definition.stages) {
    for (Index step = 0; step < stage.repeat; ++step) {
      x.resize(static_cast<std::size_t>(stage.state_size));
      if (stage.has_counter) x.push_back(static_cast<double>(stage.first_count + step));
      const std::vector<double> values = ReferenceNodes(stage.graph, x);
      x.clear();
      for (const NodeId output : stage.outputs) x.push_back(values[output]);
    }
  }
  return x;
}

// y = F(x) of a source text.
inline std::vector<double> ReferenceValue(std::string_view source, std::vector<double> x) {
  return ReferenceValue(Parse(source), std::move(x));
}

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_REFERENCE_H_
