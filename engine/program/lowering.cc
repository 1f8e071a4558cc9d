#include "engine/program/lowering.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace sobolev::program {
namespace {

// Terms of a chain go into one instruction while their operands are made this close to each other:
// waiting for a distant term would keep all the operands before it alive.
constexpr NodeId kLocality = 256;

std::array<NodeId, 3> Operands(const Node& node) {
  const int arity = Traits(node.op).arity;
  return {arity > 0 ? node.a : kNoNode, arity > 1 ? node.b : kNoNode, arity > 2 ? node.c : kNoNode};
}

// The nodes that outputs need, in the order of execution.
std::vector<NodeId> ExecutionOrder(const Graph& graph, std::span<const NodeId> outputs,
                                   NodeId eager_from) {
  const std::vector<bool> needed = graph.Reachable(outputs);
  const auto size = static_cast<NodeId>(graph.size());
  std::vector<NodeId> order;
  order.reserve(size);
  if (eager_from >= size) {
    for (NodeId id = 0; id < size; ++id) {
      if (needed[id]) order.push_back(id);
    }
    return order;
  }
  // Users of each node among the eager ones, as lists in one array.
  std::vector<NodeId> first(size + 1, 0);
  std::vector<std::uint8_t> missing(size, 0);
  for (NodeId id = eager_from; id < size; ++id) {
    if (!needed[id]) continue;
    for (const NodeId operand : Operands(graph.node(id))) {
      if (operand == kNoNode) continue;
      ++first[operand + 1];
      ++missing[id];
    }
  }
  for (NodeId id = 0; id < size; ++id) first[id + 1] += first[id];
  std::vector<NodeId> users(first[size]);
  std::vector<NodeId> next(first.begin(), first.end() - 1);
  for (NodeId id = eager_from; id < size; ++id) {
    if (!needed[id]) continue;
    for (const NodeId operand : Operands(graph.node(id))) {
      if (operand != kNoNode) users[next[operand]++] = id;
    }
  }
  std::vector<NodeId> ready;
  const auto emit = [&](NodeId start) {
    ready.push_back(start);
    while (!ready.empty()) {
      const NodeId id = ready.back();
      ready.pop_back();
      order.push_back(id);
      // Pushed in reverse, so that the earliest user comes first.
      for (NodeId i = first[id + 1]; i-- > first[id];) {
        if (--missing[users[i]] == 0) ready.push_back(users[i]);
      }
    }
  };
  const auto is_leaf = [&](NodeId id) { return Traits(graph.node(id).op).arity == 0; };
  for (NodeId id = eager_from; id < size; ++id) {
    if (needed[id] && is_leaf(id)) emit(id);
  }
  for (NodeId id = 0; id < eager_from; ++id) {
    if (needed[id]) emit(id);
  }
  return order;
}

// The needed part of `graph` in execution order, with divisions that share a denominator turned
// into products with its reciprocal.
class Rebuilder {
 public:
  Rebuilder(const Graph& graph, std::span<const NodeId> outputs, const LoweringOptions& options)
      : graph_(graph), new_id_(graph.size(), kNoNode) {
    const std::vector<NodeId> order = ExecutionOrder(graph, outputs, options.eager_from);
    if (options.contract) CountUses(order);
    for (const NodeId id : order) new_id_[id] = Copy(graph.node(id), id);
    outputs_.reserve(outputs.size());
    for (const NodeId output : outputs) {
      outputs_.push_back(output == kNoNode ? kNoNode : new_id_[output]);
    }
  }

  Graph& graph() { return rebuilt_; }
  const std::vector<NodeId>& outputs() const { return outputs_; }

 private:
  void CountUses(const std::vector<NodeId>& order) {
    denominators_.assign(graph_.size(), 0);
    uses_.assign(graph_.size(), 0);
    for (const NodeId id : order) {
      const Node& node = graph_.node(id);
      for (const NodeId operand : Operands(node)) {
        if (operand != kNoNode) ++uses_[operand];
      }
      if (node.op == Op::kDivide) ++denominators_[node.b];
      if (node.op == Op::kReciprocal) ++denominators_[node.a];
    }
  }

  NodeId Copy(const Node& node, NodeId id) {
    if (node.op == Op::kInput) return rebuilt_.Input(node.a);
    if (node.op == Op::kConstant) return rebuilt_.Constant(graph_.constant(id));
    const auto [a, b, c] = Operands(node);
    const auto renamed = [&](NodeId old) { return old == kNoNode ? kNoNode : new_id_[old]; };
    if (node.op == Op::kDivide && !denominators_.empty() && denominators_[b] > 1) {
      return rebuilt_.Make(Op::kMultiply, renamed(a), rebuilt_.Make(Op::kReciprocal, renamed(b)));
    }
    if (node.op == Op::kMultiply && !uses_.empty()) {
      const NodeId product = SharedProduct(a, b);
      if (product != kNoNode) return product;
    }
    return rebuilt_.Make(node.op, renamed(a), renamed(b), renamed(c));
  }

  // x·(y·z) as (x·y)·z where x·y is there already and y·z serves nothing else: an adjoint times
  // both factors of a product, as from ȳ·(u·v) where y = … u is at hand.
  NodeId SharedProduct(NodeId a, NodeId b) {
    for (const auto& [other, inner] : {std::pair(a, b), std::pair(b, a)}) {
      if (uses_[inner] != 1) continue;
      const Node product = rebuilt_.node(new_id_[inner]);
      if (product.op != Op::kMultiply) continue;
      const NodeId x = new_id_[other];
      for (const auto& [y, z] :
           {std::pair(product.a, product.b), std::pair(product.b, product.a)}) {
        const NodeId shared = rebuilt_.Find(Op::kMultiply, x, y);
        if (shared != kNoNode) return rebuilt_.Make(Op::kMultiply, shared, z);
      }
    }
    return kNoNode;
  }

  const Graph& graph_;
  Graph rebuilt_;
  std::vector<NodeId> new_id_;
  std::vector<NodeId> outputs_;
  // How often a node divides, and how often it is an operand; empty in strict arithmetic.
  std::vector<std::uint32_t> denominators_;
  std::vector<std::uint32_t> uses_;
};

class Contractor {
 public:
  Contractor(const Graph& graph, const std::vector<NodeId>& outputs, bool contract)
      : graph_(graph), contract_(contract), size_(static_cast<NodeId>(graph.size())) {
    list_.outputs = outputs;
    needed_ = graph.Reachable(outputs);
    CountUses();
    if (contract) {
      FindChains();
      FindSineCosinePairs();
    }
  }

  InstructionList Run() {
    list_.num_values = size_;
    for (NodeId id = 0; id < size_; ++id) {
      if (needed_[id]) Emit(id);
    }
    return std::move(list_);
  }

 private:
  bool IsSum(NodeId id) const {
    return graph_.node(id).op == Op::kAdd || graph_.node(id).op == Op::kSubtract;
  }
  bool IsLonelyProduct(NodeId id) const {
    const Op op = graph_.node(id).op;
    return (op == Op::kMultiply || op == Op::kSquare) && uses_[id] == 1;
  }

  void CountUses() {
    uses_.assign(size_, 0);
    for (const NodeId output : list_.outputs) {
      if (output != kNoNode) uses_[output] += 2;  // Never absorbed by its only user.
    }
    for (NodeId id = 0; id < size_; ++id) {
      if (!needed_[id]) continue;
      for (const NodeId operand : Operands(graph_.node(id))) {
        if (operand != kNoNode) ++uses_[operand];
      }
    }
  }

  // The operand that a sum continues, if that is a sum used here only, and the chain's length.
  void FindChains() {
    chain_.assign(size_, kNoNode);
    length_.assign(size_, 1);
    absorbed_.assign(size_, 0);
    for (NodeId id = 0; id < size_; ++id) {
      if (!needed_[id] || !IsSum(id)) continue;
      const Node& node = graph_.node(id);
      const auto continues = [&](NodeId operand) { return IsSum(operand) && uses_[operand] == 1; };
      NodeId child = continues(node.a) ? node.a : kNoNode;
      if (node.op == Op::kAdd && continues(node.b) &&
          (child == kNoNode || length_[node.b] > length_[child])) {
        child = node.b;
      }
      chain_[id] = child;
      if (child != kNoNode) {
        length_[id] = length_[child] + 1;
        absorbed_[child] = 1;
      }
      const NodeId other = child == node.b ? node.a : node.b;
      if (IsLonelyProduct(other)) absorbed_[other] = 1;
      if (child == kNoNode && IsLonelyProduct(node.a)) absorbed_[node.a] = 1;
    }
    sum_of_.assign(size_, kNoNode);
    for (NodeId id = 0; id < size_; ++id) {
      if (needed_[id] && IsSum(id) && absorbed_[id] == 0) CutChain(id);
    }
  }

  void AddSum(NodeId result, std::vector<Term> terms) {
    sum_of_[result] = static_cast<NodeId>(sums_.size());
    sums_.push_back(std::move(terms));
  }

  void FindSineCosinePairs() {
    cosine_of_.assign(size_, kNoNode);
    std::unordered_map<NodeId, NodeId> first;  // By argument, the sine or cosine seen first.
    for (NodeId id = 0; id < size_; ++id) {
      const Node& node = graph_.node(id);
      if (!needed_[id] || (node.op != Op::kSin && node.op != Op::kCos)) continue;
      const auto [entry, is_new] = first.emplace(node.a, id);
      if (!is_new) cosine_of_[entry->second] = id;
    }
    paired_.assign(size_, 0);
    for (NodeId id = 0; id < size_; ++id) {
      if (cosine_of_[id] != kNoNode) paired_[cosine_of_[id]] = 1;
    }
  }

  void Emit(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.op == Op::kInput) {
      list_.inputs.emplace_back(id, node.a);
      return;
    }
    if (node.op == Op::kConstant) {
      list_.constants.emplace_back(id, graph_.constant(id));
      return;
    }
    if (contract_) {
      if (sum_of_[id] != kNoNode) return EmitSum(id, sums_[sum_of_[id]]);
      if (absorbed_[id] != 0 || paired_[id] != 0) return;
      if (cosine_of_[id] != kNoNode) return EmitSineCosine(id);
    }
    const auto [a, b, c] = Operands(node);
    list_.instructions.push_back({.op = node.op, .result = id, .a = a, .b = b, .c = c});
  }

  void EmitSineCosine(NodeId id) {
    const bool is_sine = graph_.node(id).op == Op::kSin;
    const NodeId other = cosine_of_[id];
    list_.instructions.push_back({.op = Op::kSinCos,
                                  .result = is_sine ? id : other,
                                  .result2 = is_sine ? other : id,
                                  .a = graph_.node(id).a});
  }

  Term TermOf(NodeId id, bool negative) const {
    if (absorbed_[id] == 0) return {.negative = negative, .a = id};
    const Node& node = graph_.node(id);
    return {.negative = negative, .a = node.a, .b = node.op == Op::kSquare ? node.a : node.b};
  }

  NodeId Ready(const Term& term) const {
    return term.b == kNoNode ? term.a : std::max(term.a, term.b);
  }

  // Cuts the chain that ends in `root` into runs of terms made close to each other. A run that ends
  // before the root is summed where the chain's node stood, and starts the next run.
  void CutChain(NodeId root) {
    std::vector<NodeId> links;
    for (NodeId id = root; id != kNoNode; id = chain_[id]) links.push_back(id);
    std::reverse(links.begin(), links.end());
    std::vector<Term> terms = {TermOf(graph_.node(links[0]).a, false)};
    NodeId last_ready = Ready(terms[0]);
    for (std::size_t i = 0; i < links.size(); ++i) {
      const Node& node = graph_.node(links[i]);
      const NodeId other = i > 0 && chain_[links[i]] == node.b ? node.a : node.b;
      const Term term = TermOf(other, node.op == Op::kSubtract);
      if (i > 0 && Ready(term) > last_ready + kLocality) {
        AddSum(links[i - 1], std::exchange(terms, {{.negative = false, .a = links[i - 1]}}));
      }
      last_ready = std::max(last_ready, Ready(term));
      terms.push_back(term);
    }
    AddSum(root, std::move(terms));
  }

  void EmitSum(NodeId result, const std::vector<Term>& terms) {
    if (terms.size() > 2 || (terms[0].b != kNoNode && terms[1].b != kNoNode)) {
      list_.instructions.push_back({.op = Op::kSumOfProducts, .result = result, .terms = terms});
      return;
    }
    const Term& first = terms[0];
    const Term& second = terms[1];
    Instruction sum{.result = result};
    if (first.b != kNoNode) {
      sum.op = second.negative ? Op::kMultiplySubtract : Op::kMultiplyAdd;
      sum.a = first.a;
      sum.b = first.b;
      sum.c = second.a;
    } else if (second.b != kNoNode) {
      sum.op = second.negative ? Op::kNegativeMultiplyAdd : Op::kMultiplyAdd;
      sum.a = second.a;
      sum.b = second.b;
      sum.c = first.a;
    } else {
      sum.op = second.negative ? Op::kSubtract : Op::kAdd;
      sum.a = first.a;
      sum.b = second.a;
    }
    list_.instructions.push_back(std::move(sum));
  }

  const Graph& graph_;
  bool contract_;
  NodeId size_;
  InstructionList list_;
  std::vector<bool> needed_;
  std::vector<std::uint32_t> uses_;
  std::vector<NodeId> chain_;
  std::vector<NodeId> length_;
  std::vector<std::vector<Term>> sums_;
  std::vector<NodeId> sum_of_;          // Where a run of terms ends: its index in sums_.
  std::vector<std::uint8_t> absorbed_;  // Part of another node's instruction.
  std::vector<NodeId> cosine_of_;       // The other of a pair, at the first of the two.
  std::vector<std::uint8_t> paired_;    // The second of a pair.
};

}  // namespace

InstructionList Lower(const Graph& graph, std::span<const NodeId> outputs,
                      const LoweringOptions& options) {
  Rebuilder rebuilder(graph, outputs, options);
  return Contractor(rebuilder.graph(), rebuilder.outputs(), options.contract).Run();
}

}  // namespace sobolev::program
