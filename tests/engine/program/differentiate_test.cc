// Symbolic derivatives at regular points and at the edges: the rules and conventions are those of
// the scalar types (engine/ad/elementary.h), and what a select leaves out never leaks.

#include "engine/program/differentiate.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/program/program.h"
#include "engine/program/replay.h"
#include "tests/engine/program/interpret.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using ::testing::ElementsAre;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::array kPoints = {0.0,  -0.0, 1.0,   -1.0,   0.3,   -0.7, 2.5,
                                -3.0, kInf, -kInf, 1e-300, 1e200, kNaN};

// Equal up to a few roundings: a tape divides by a reciprocal, a graph unrolls powers.
bool IsSame(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 8 * std::numeric_limits<double>::epsilon() * std::abs(b);
}

// The gradient of one node with respect to two inputs, by both modes of the symbolic derivatives,
// executed strictly by a replayer.
struct Gradients {
  std::array<double, 2> reverse;
  std::array<double, 2> forward;
};

class NodeGradient {
 public:
  NodeGradient(Graph graph, NodeId node) : replayer_(Derive(std::move(graph), node)) {}

  Gradients At(double x, double y) const {
    Replayer::Workspace workspace(replayer_);
    const Trace& trace = replayer_.trace();
    const std::array inputs = {x, y};
    for (std::size_t k = 0; k < trace.input_indices.size(); ++k) {
      std::fill_n(workspace.slots() + static_cast<Index>(k) * replayer_.stride(),
                  replayer_.stride(), inputs[trace.input_indices[k]]);
    }
    workspace.Run();
    const auto output = [&](std::size_t k) {
      const Slot slot = trace.output_slots[k];
      return slot == kZeroOutput ? 0.0 : workspace.slots()[Index{slot} * replayer_.stride()];
    };
    return {.reverse = {output(0), output(1)}, .forward = {output(2), output(3)}};
  }

 private:
  static Replayer Derive(Graph graph, NodeId node) {
    Differentiator differentiator(graph);
    const NodeId one = graph.Constant(1);
    const std::vector outputs = {node};
    std::vector<NodeId> all = differentiator.Adjoint(outputs, std::vector{one}, 2);
    for (const auto& x_dot : {std::vector{one, kNoNode}, std::vector{kNoNode, one}}) {
      all.push_back(differentiator.Tangent(outputs, x_dot).front());
    }
    return Replayer(Lower(graph, all, {.contract = false}), LaneKind::kStrict);
  }

  Replayer replayer_;
};

// Both modes against the tape.
template <class Function>
void ExpectGradientOfTape(const NodeGradient& gradient, const Function& function, double x,
                          double y, const std::string& what) {
  using A = ad::Adjoint<double>;
  ad::Tape<double> tape;
  const ad::Tape<double>::Scope scope(tape);
  const A x_variable = tape.Variable(x);
  const A y_variable = tape.Variable(y);
  tape.Reverse(function(x_variable, y_variable));
  const std::array expected = {tape.adjoint(x_variable), tape.adjoint(y_variable)};
  const Gradients got = gradient.At(x, y);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(IsSame(got.reverse[i], expected[i]))
        << what << " at " << x << ", " << y << ": adjoint " << i << " is " << got.reverse[i]
        << ", the tape has " << expected[i];
    EXPECT_TRUE(IsSame(got.forward[i], expected[i]))
        << what << " at " << x << ", " << y << ": tangent " << i << " is " << got.forward[i]
        << ", the tape has " << expected[i];
  }
}

TEST(DifferentiateTest, EveryRuleIsThatOfTheScalarTypesAlsoAtTheEdges) {
  using A = ad::Adjoint<double>;
  for (int i = static_cast<int>(Op::kNegate); i <= static_cast<int>(Op::kSelect); ++i) {
    const Op op = static_cast<Op>(i);
    // A product with a seed is no function of its own.
    if (op == Op::kSeedMultiply) continue;
    const int arity = Traits(op).arity;
    Graph graph;
    const NodeId x = graph.Input(0);
    const NodeId y = graph.Input(1);
    NodeId node = kNoNode;
    if (arity == 1) node = graph.Make(op, x);
    if (arity == 2) node = graph.Make(op, x, y);
    if (arity == 3) node = graph.Make(op, graph.Make(Op::kLess, x, y), x, y);
    const NodeGradient gradient(graph, node);
    const auto function = [&](const A& a, const A& b) {
      if (arity == 3) return a < b ? a : b;
      return ApplyAs<A>(op, a, b, A(0.0));
    };
    for (const double a : kPoints) {
      for (const double b : kPoints) {
        // The power 0 of an infinite exponent: the tape says 0·∞ = 0 and the graph NaN.
        if (op == Op::kPow && std::isinf(b)) continue;
        ExpectGradientOfTape(gradient, function, a, b, std::string(Traits(op).name));
      }
    }
  }
}

TEST(DifferentiateTest, ConstantExponentsHaveTheRuleOfPowers) {
  using A = ad::Adjoint<double>;
  for (const double exponent : {0.0, 1.0, 1.5, -0.5, 17.0, -18.0}) {
    Graph graph;
    const NodeId x = graph.Input(0);
    const NodeGradient gradient(graph, graph.Make(Op::kPow, x, graph.Constant(exponent)));
    for (const double a : kPoints) {
      // pow(−∞, 1/2) is ∞ in C, and NaN as the root that a graph makes of it.
      if (a == -kInf) continue;
      ExpectGradientOfTape(
          gradient, [&](const A& base, const A& /*y*/) { return A(pow(base, exponent)); }, a, 0,
          "power " + std::to_string(exponent));
    }
  }
}

// ∂y/∂x of a source with input x, by J and by products with the directions 1 and 0, and the flag.
struct SourceDerivatives {
  double J = 0;
  double y_dot = 0;
  double x_bar = 0;
  double zero_y_dot = 0;
  double zero_x_bar = 0;
};

SourceDerivatives DerivativesOf(std::string_view source, const Vector& x,
                                Arithmetic arithmetic = Arithmetic::kFast) {
  const Program program(source);
  const Settings settings{.arithmetic = arithmetic};
  const ConstMatrixMap X(x.data(), x.size(), 1);
  const auto products = [&](double seed, double& y_dot, double& x_bar) {
    const Matrix direction = Matrix::Constant(x.size(), 1, seed);
    const Matrix y_bar = Matrix::Constant(program.m(), 1, seed);
    Vector x_bars(x.size());
    program.Evaluate(X, Directions{.D = {direction.data(), x.size(), 1}, .count = 1},
                     Directions{.D = {y_bar.data(), program.m(), 1}, .count = 1},
                     {.Y_dot = &y_dot, .X_bar = x_bars.data()}, nullptr, settings, {});
    x_bar = x_bars[0];
  };
  SourceDerivatives result;
  Vector J(x.size());
  program.Evaluate(X, std::nullopt, std::nullopt, {.J = J.data()}, nullptr, settings, {});
  result.J = J[0];
  products(1, result.y_dot, result.x_bar);
  products(0, result.zero_y_dot, result.zero_x_bar);
  return result;
}

// At an infinite slope every seed but zero gives infinity, and zero gives zero.
TEST(DifferentiateTest, AZeroSeedStaysZeroAtAnInfiniteSlope) {
  for (const char* source : {"input x\noutput y = sqrt(x)", "input x\noutput y = cbrt(x)",
                             "input x\noutput y = x ^ 0.25", "input x\noutput y = asin(x + 1)",
                             "input x\noutput y = log(x)"}) {
    SCOPED_TRACE(source);
    for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
      const SourceDerivatives at_zero = DerivativesOf(source, Vector::Zero(1), arithmetic);
      EXPECT_EQ(at_zero.J, kInf);
      EXPECT_EQ(at_zero.y_dot, kInf);
      EXPECT_EQ(at_zero.x_bar, kInf);
      EXPECT_EQ(at_zero.zero_y_dot, 0);
      EXPECT_EQ(at_zero.zero_x_bar, 0);
    }
  }
}

TEST(DifferentiateTest, ConventionsWhereNoDerivativeExists) {
  const auto slope = [](const char* source, std::initializer_list<double> x) {
    const Vector point = Eigen::Map<const Vector>(x.begin(), static_cast<Index>(x.size()));
    const SourceDerivatives got = DerivativesOf(source, point);
    EXPECT_EQ(got.x_bar, got.J) << source;
    return got.J;
  };
  EXPECT_EQ(slope("input x\noutput y = abs(x)", {0.0}), 0);
  EXPECT_EQ(slope("input x\noutput y = x ^ 0", {0.0}), 0);
  EXPECT_EQ(slope("input x\noutput y = x ^ 1", {0.0}), 1);
  EXPECT_EQ(slope("input x\noutput y = floor(x)", {1.0}), 0);
  EXPECT_EQ(slope("input x\ninput z\noutput y = max(x, z)", {2.0, 2.0}), 0.5);
  EXPECT_EQ(slope("input x\ninput z\noutput y = min(x, z)", {2.0, 2.0}), 0.5);
  EXPECT_EQ(slope("input x\noutput y = max(x, x)", {2.0}), 1);
  EXPECT_EQ(slope("input x\noutput y = max(x, -x)", {0.0}), 0);
  EXPECT_EQ(slope("input x\ninput z\noutput y = atan2(x, z)", {0.0, 0.0}), 0);
  EXPECT_EQ(slope("input x\ninput z\noutput y = hypot(x, z)", {0.0, 0.0}), 0);
}

// Outputs that are inputs, constants, independent of some inputs, or named twice.
TEST(DifferentiateTest, StructuralZerosAreNoNodes) {
  Graph graph;
  const NodeId x = graph.Input(0);
  const NodeId y = graph.Input(1);
  const NodeId sine = graph.Make(Op::kSin, x);
  const NodeId one = graph.Constant(1);
  Differentiator differentiator(graph);
  const std::vector outputs = {sine,    x,    graph.Constant(3),
                               kNoNode, sine, graph.Make(Op::kFloor, y)};
  const NodeId cosine = graph.Make(Op::kCos, x);
  EXPECT_THAT(differentiator.Tangent(outputs, std::vector{one}),
              ElementsAre(cosine, one, kNoNode, kNoNode, cosine, kNoNode));
  const std::vector<NodeId> y_bar(outputs.size(), one);
  const std::vector<NodeId> x_bar = differentiator.Adjoint(outputs, y_bar, 3);
  EXPECT_EQ(x_bar[1], kNoNode);
  EXPECT_EQ(x_bar[2], kNoNode);
  EXPECT_DOUBLE_EQ(ReferenceNodes(graph, {0.4, 0})[x_bar[0]], 1 + 2 * std::cos(0.4));
  // The differentiator is as new after a sweep.
  EXPECT_EQ(differentiator.Adjoint(outputs, y_bar, 3), x_bar);
}

// All derivatives of a function whose second branch has no value at the point.
TEST(DifferentiateTest, ABranchThatIsNotTakenMayBeAnything) {
  const Program program(R"(
    input x
    output y = where(x > 0, sqrt(log(1 + x)) + x ^ 1.5 * log(x) + acos(x - 1), sin(x))
  )");
  for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
    const double x = -3;  // log(−2) and its square root are NaN.
    const double one = 1;
    double y = 0;
    double J = 0;
    double H = 0;
    double x_bar_dot = 0;
    const Directions unit{.D = {&one, 1, 1}, .count = 1};
    program.Evaluate({&x, 1, 1}, unit, unit, {.Y = &y, .J = &J, .H = &H, .X_bar_dot = &x_bar_dot},
                     nullptr, {.arithmetic = arithmetic}, {});
    EXPECT_DOUBLE_EQ(y, std::sin(x));
    EXPECT_DOUBLE_EQ(J, std::cos(x));
    EXPECT_DOUBLE_EQ(H, -std::sin(x));
    EXPECT_DOUBLE_EQ(x_bar_dot, -std::sin(x));
  }
}

// 0 times a number that has no value is 0, and so are all its derivatives with respect to it.
TEST(DifferentiateTest, AZeroSeedMasksWhatItMultiplies) {
  Graph graph;
  const NodeId x = graph.Input(0);
  const NodeId logarithm = graph.Make(Op::kLog, graph.Input(1));
  const NodeId node = graph.Make(Op::kSeedMultiply, x, graph.Make(Op::kSin, logarithm));
  const Gradients got = NodeGradient(graph, node).At(0, -1);
  EXPECT_EQ(got.reverse[1], 0);
  EXPECT_EQ(got.forward[1], 0);
}

// NaN goes through every operation that depends on it, and out of every mode.
TEST(DifferentiateTest, NaNIsNeverSilent) {
  for (int i = static_cast<int>(Op::kNegate); i < static_cast<int>(Op::kLess); ++i) {
    const Op op = static_cast<Op>(i);
    Graph graph;
    const NodeId x = graph.Input(0);
    const bool is_binary = Traits(op).arity == 2;
    const NodeId node = graph.Make(op, x, is_binary ? graph.Input(1) : kNoNode);
    for (const LaneKind kind : {LaneKind::kFast, LaneKind::kStrict}) {
      const Replayer replayer(
          Lower(graph, std::vector{node}, {.contract = kind == LaneKind::kFast}), kind, BestIsa(),
          0, Executor::kInterpreter);
      for (const int which : {0, 1}) {
        if (which == 1 && !is_binary) continue;
        Replayer::Workspace workspace(replayer);
        for (const int k : {0, 1}) {
          if (k == 1 && !is_binary) continue;
          std::fill_n(workspace.slots() + k * replayer.stride(), replayer.stride(),
                      k == which ? kNaN : 2.0);
        }
        workspace.Run();
        const Slot output = replayer.trace().output_slots.front();
        EXPECT_TRUE(std::isnan(workspace.slots()[Index{output} * replayer.stride()]))
            << Traits(op).name << " of NaN in operand " << which;
      }
    }
  }
}

}  // namespace
}  // namespace sobolev::program
