// Graphs as they are built: shared nodes, folded constants, and identities that change no bit.

#include "engine/program/graph.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/program/expr.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kHuge = std::numeric_limits<double>::max();
constexpr std::array kEdges = {0.0,  -0.0, 1.0,   -1.0,  0.5,    -2.0,  3.7, -1e-300,
                               1e17, kInf, -kInf, kTiny, -kTiny, kHuge, kNaN};

// Equal bits, but for the sign of a zero.
bool IsSame(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::vector<Op> OpsOfArity(int arity) {
  std::vector<Op> ops;
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    if (op >= Op::kNegate && op <= Op::kSelect && Traits(op).arity == arity) ops.push_back(op);
  }
  return ops;
}

// Operands of the shapes that identities look for, in terms of the inputs x and y.
std::vector<NodeId> Shapes(Graph& graph) {
  const NodeId x = graph.Input(0);
  const NodeId y = graph.Input(1);
  std::vector<NodeId> shapes = {x,
                                y,
                                graph.Make(Op::kNegate, x),
                                graph.Make(Op::kNegate, y),
                                graph.Make(Op::kAbs, x),
                                graph.Make(Op::kSubtract, x, y),
                                graph.Make(Op::kSquare, y),
                                graph.Make(Op::kSin, x),
                                graph.Make(Op::kLess, x, y)};
  for (const double c : kEdges) shapes.push_back(graph.Constant(c));
  for (const double c : {2.0, 4.0, -8.0, 0x1p-1000, 0x1p1023, 0x1p-1060}) {
    shapes.push_back(graph.Constant(c));
  }
  return shapes;
}

// Whatever node stands for an operation, it has the value of the operation on the values of its
// operands. Powers are no identities but another algorithm, and have tests of their own.
TEST(GraphTest, EveryIdentityKeepsTheValue) {
  Graph graph;
  const std::vector<NodeId> shapes = Shapes(graph);
  struct Made {
    Op op;
    NodeId a;
    NodeId b;
    NodeId node;
  };
  std::vector<Made> all;
  for (const NodeId a : shapes) {
    for (const Op op : OpsOfArity(1)) all.push_back({op, a, a, graph.Make(op, a)});
    for (const NodeId b : shapes) {
      for (const Op op : OpsOfArity(2)) {
        if (op != Op::kPow) all.push_back({op, a, b, graph.Make(op, a, b)});
      }
    }
  }
  for (const double x : kEdges) {
    for (const double y : kEdges) {
      const std::vector<double> values = ReferenceNodes(graph, {x, y});
      for (const Made& made : all) {
        const double expected = Apply(made.op, values[made.a], values[made.b], 0.0);
        EXPECT_TRUE(IsSame(values[made.node], expected))
            << Traits(made.op).name << " of " << values[made.a] << " and " << values[made.b]
            << " is " << expected << ", the graph says " << values[made.node];
      }
    }
  }
}

TEST(GraphTest, SelectionsKeepTheValue) {
  Graph graph;
  const NodeId x = graph.Input(0);
  const NodeId y = graph.Input(1);
  const NodeId mask = graph.Make(Op::kLess, x, y);
  EXPECT_EQ(graph.Make(Op::kSelect, mask, x, x), x);
  EXPECT_EQ(graph.Make(Op::kSelect, graph.Constant(1), x, y), x);
  EXPECT_EQ(graph.Make(Op::kSelect, graph.Constant(0), x, y), y);
  EXPECT_EQ(graph.Make(Op::kSelect, graph.Constant(-0.0), x, y), y);
  const NodeId chosen = graph.Make(Op::kSelect, mask, x, y);
  EXPECT_EQ(ReferenceNodes(graph, {1, 2})[chosen], 1);
  EXPECT_EQ(ReferenceNodes(graph, {kNaN, 2})[chosen], 2);
}

TEST(GraphTest, ConstantsFoldToTheBitsOfTheOperation) {
  Graph graph;
  for (const double a : kEdges) {
    for (const Op op : OpsOfArity(1)) {
      const NodeId node = graph.Make(op, graph.Constant(a));
      ASSERT_TRUE(graph.IsConstant(node));
      EXPECT_EQ(std::bit_cast<std::uint64_t>(graph.constant(node)),
                std::bit_cast<std::uint64_t>(Apply(op, a, 0, 0)));
    }
    for (const double b : kEdges) {
      for (const Op op : OpsOfArity(2)) {
        const NodeId node = graph.Make(op, graph.Constant(a), graph.Constant(b));
        ASSERT_TRUE(graph.IsConstant(node));
        EXPECT_TRUE(IsSame(graph.constant(node), Apply(op, a, b, 0))) << Traits(op).name;
      }
    }
  }
}

// 0·∞ is NaN, so that a product with 0 is not 0, and x − x is not 0 either.
TEST(GraphTest, WhatIsZeroOnPaperOnlyStays) {
  Graph graph;
  const NodeId x = graph.Input(0);
  for (const NodeId node : {graph.Make(Op::kMultiply, x, graph.Constant(0)),
                            graph.Make(Op::kSubtract, x, x), graph.Make(Op::kDivide, x, x)}) {
    EXPECT_FALSE(graph.IsConstant(node));
    EXPECT_TRUE(std::isnan(ReferenceNodes(graph, {kInf})[node]));
  }
}

TEST(GraphTest, EqualNodesAreOne) {
  Graph graph;
  const NodeId x = graph.Input(0);
  const NodeId y = graph.Input(1);
  EXPECT_EQ(graph.Input(0), x);
  EXPECT_EQ(graph.num_inputs(), 2U);
  for (const Op op : OpsOfArity(2)) {
    const NodeId node = graph.Make(op, x, y);
    const std::size_t size = graph.size();
    EXPECT_EQ(graph.Make(op, x, y), node);
    EXPECT_EQ(graph.Find(op, x, y), node);
    if (Traits(op).commutative) {
      EXPECT_EQ(graph.Make(op, y, x), node);
      EXPECT_EQ(graph.Find(op, y, x), node);
    } else {
      EXPECT_NE(graph.Make(op, y, x), node) << Traits(op).name;
    }
    EXPECT_EQ(graph.size(), size + (Traits(op).commutative ? 0 : 1));
  }
  EXPECT_EQ(graph.Find(Op::kAdd, x, x), kNoNode);
  EXPECT_NE(graph.Constant(0.0), graph.Constant(-0.0));
  EXPECT_EQ(graph.Constant(kNaN), graph.Constant(kNaN));
  // Products that differ in their signs share one.
  const NodeId product = graph.Make(Op::kMultiply, x, y);
  const NodeId negated = graph.Make(Op::kMultiply, graph.Make(Op::kNegate, x), y);
  EXPECT_EQ(graph.Make(Op::kNegate, negated), product);
}

// x^e by repeated squaring: log₂ e products, each of which rounds once.
TEST(GraphTest, SmallPowersAreChainsOfProducts) {
  for (int exponent = -16; exponent <= 16; ++exponent) {
    Graph graph;
    const NodeId x = graph.Input(0);
    const NodeId power = graph.Make(Op::kPow, x, graph.Constant(exponent));
    const int magnitude = std::abs(exponent);
    int products = 0;
    for (NodeId id = 0; id < graph.size(); ++id) {
      const Op op = graph.node(id).op;
      EXPECT_NE(op, Op::kPow);
      if (op == Op::kMultiply || op == Op::kSquare) ++products;
    }
    const auto bits = static_cast<unsigned>(magnitude);
    const auto squares = static_cast<int>(std::bit_width(bits)) - 1;
    const int expected = magnitude < 2 ? 0 : squares + std::popcount(bits) - 1;
    EXPECT_EQ(products, expected) << "exponent " << exponent;
    Rng rng(17);
    for (int trial = 0; trial < 200; ++trial) {
      const double base = (rng.Below(2) == 0 ? 1 : -1) * std::exp(3 * rng.Normal());
      const auto truth = static_cast<double>(std::pow(static_cast<long double>(base), exponent));
      // |e| − 1 products, a reciprocal and the truth's own rounding, half a unit each.
      const double tolerance =
          0.5 * (magnitude + 1) * std::numeric_limits<double>::epsilon() * std::abs(truth);
      EXPECT_NEAR(ReferenceNodes(graph, {base})[power], truth, tolerance) << base;
    }
  }
}

TEST(GraphTest, PowersAtTheEdges) {
  Graph graph;
  const NodeId x = graph.Input(0);
  const auto power = [&](double e) { return graph.Make(Op::kPow, x, graph.Constant(e)); };
  EXPECT_EQ(power(0), graph.Constant(1));
  EXPECT_EQ(power(1), x);
  EXPECT_EQ(power(2), graph.Make(Op::kSquare, x));
  EXPECT_EQ(power(-1), graph.Make(Op::kReciprocal, x));
  EXPECT_EQ(power(0.5), graph.Make(Op::kSqrt, x));
  for (const double e : {17.0, -17.0, 1.5, 1e300}) {
    EXPECT_EQ(graph.node(power(e)).op, Op::kPow) << e;
  }
  for (int e = -16; e <= 16; ++e) {
    const NodeId node = power(e);
    for (const double base : {0.0, 1.0, -1.0, kInf, -kInf, kNaN, kHuge, -kHuge}) {
      EXPECT_TRUE(IsSame(ReferenceNodes(graph, {base})[node], std::pow(base, e)))
          << base << "^" << e;
    }
  }
}

TEST(GraphTest, TheLimitIsOnNewNodes) {
  Graph graph(4);
  const NodeId x = graph.Input(0);
  const NodeId sum = graph.Make(Op::kAdd, x, graph.Constant(1));
  const NodeId root = graph.Make(Op::kSqrt, sum);
  EXPECT_EQ(graph.Make(Op::kSqrt, sum), root);  // Known, so that it needs no room.
  try {
    graph.Make(Op::kSin, root);
    ADD_FAILURE() << "expected TRACE_TOO_LONG";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.reason(), "TRACE_TOO_LONG");
  }
  // Nothing of the refused node stays.
  EXPECT_EQ(graph.size(), 4U);
  EXPECT_EQ(graph.Find(Op::kAdd, x, graph.Constant(1)), sum);
  graph.LiftLimit();
  EXPECT_EQ(graph.Make(Op::kSin, root), 4U);
}

TEST(GraphTest, AMillionNodesAreFoundAgain) {
  constexpr NodeId kCount = 1'000'000;
  Graph graph;
  const NodeId x = graph.Input(0);
  std::vector<NodeId> chain = {x};
  const auto next = [&](NodeId last) {
    return graph.Make(chain.size() % 2 == 0 ? Op::kAdd : Op::kMultiply, last, x);
  };
  const NodeId start = graph.Make(Op::kSin, x);
  chain.push_back(start);
  while (chain.size() < kCount) chain.push_back(next(chain.back()));
  EXPECT_EQ(graph.size(), kCount);
  const std::vector<NodeId> first = std::move(chain);
  chain = {x, start};
  while (chain.size() < kCount) chain.push_back(next(chain.back()));
  EXPECT_EQ(chain, first);
  EXPECT_EQ(graph.size(), kCount);
}

TEST(GraphTest, ReachableIsWhatOutputsDependOn) {
  Graph graph;
  const NodeId x = graph.Input(0);
  const NodeId y = graph.Input(1);
  const NodeId sine = graph.Make(Op::kSin, x);
  const NodeId unused = graph.Make(Op::kCos, y);
  const NodeId mask = graph.Make(Op::kLess, x, sine);
  const NodeId chosen = graph.Make(Op::kSelect, mask, sine, x);
  const std::vector<bool> reachable = graph.Reachable(std::vector{chosen, kNoNode});
  for (const NodeId id : {x, sine, mask, chosen}) EXPECT_TRUE(reachable[id]);
  for (const NodeId id : {y, unused}) EXPECT_FALSE(reachable[id]);
}

// The operators of Expr write the nodes that Make would, and plain constants need no graph.
TEST(GraphTest, ExpressionsRecord) {
  Graph graph;
  const Expr x(graph, graph.Input(0));
  const Expr two = Expr(1.0) + 1.0;
  EXPECT_EQ((x * two).Id(graph), graph.Make(Op::kMultiply, graph.Input(0), graph.Constant(2)));
  EXPECT_EQ(IfLess(1.0, 2.0, x, two).Id(graph), graph.Input(0));
  EXPECT_EQ(pow(x, 2.0).Id(graph), Square(x).Id(graph));
}

}  // namespace
}  // namespace sobolev::program
