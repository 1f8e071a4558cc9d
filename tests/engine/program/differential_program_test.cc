// Random programs, straight and with time loops, in every mode and with every reversal, against the
// scalar types; and the scalar types against each other.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/program/program.h"
#include "tests/engine/program/random_stages.h"
#include "tests/engine/program/reference.h"
#include "tests/engine/program/scalar_truth.h"

namespace sobolev::program {
namespace {

ConstMatrixMap Map(const Matrix& matrix) {
  return ConstMatrixMap(matrix.data(), matrix.rows(), matrix.cols());
}

Matrix RandomMatrix(Index rows, Index columns, double radius, Rng& rng) {
  Matrix matrix(rows, columns);
  for (double& entry : matrix.reshaped()) entry = radius * (2 * rng.Uniform() - 1);
  return matrix;
}

std::vector<double> Column(const Matrix& matrix, Index s) {
  return {matrix.col(s).begin(), matrix.col(s).end()};
}

// Of `count` columns from the one of point s on.
std::span<const double> Of(const Matrix& matrix, Index s, Index count) {
  return std::span(matrix.data() + s * count * matrix.rows(),
                   static_cast<std::size_t>(count * matrix.rows()));
}

// What two methods enclose may be met with the rounding errors of either.
Box Either(const Box& a, const Box& b) {
  if (a.is_empty() || b.is_empty()) return Box::Empty();
  return {std::min(a.lo(), b.lo()), std::max(a.hi(), b.hi())};
}

std::vector<Box> Either(const std::vector<Box>& a, const std::vector<Box>& b) {
  std::vector<Box> all;
  for (std::size_t i = 0; i < a.size(); ++i) all.push_back(Either(a[i], b[i]));
  return all;
}

// One stage that runs once.
std::vector<PlainStage> RandomStraight(Index max_nodes, Rng& rng) {
  const auto n = static_cast<Index>(1 + rng.Below(6));
  const auto m = static_cast<Index>(1 + rng.Below(4));
  const auto size = static_cast<Index>(5 + rng.Below(static_cast<std::uint64_t>(max_nodes - 4)));
  return {RandomStage(n, m, n + size, false, rng).Take()};
}

// One or two time loops, with straight stages before and after, or without.
std::vector<PlainStage> RandomEvolution(Rng& rng) {
  const auto below = [&](std::uint64_t bound) { return static_cast<Index>(rng.Below(bound)); };
  std::vector<PlainStage> stages;
  Index width = 1 + below(4);
  const auto add_straight = [&] {
    const Index outputs = 1 + below(4);
    stages.push_back(RandomStage(width, outputs, width + 5 + below(8), false, rng).Take());
    // Into the cube in which the generator knows the functions to be tame.
    PlainStage& stage = stages.back();
    for (NodeId& output : stage.outputs) {
      stage.nodes.push_back({.op = Op::kSin, .a = output});
      output = static_cast<NodeId>(stage.nodes.size() - 1);
    }
    width = outputs;
  };
  const auto add_loop = [&] {
    RandomStage step(width, width, width + 5 + below(12), rng.Below(2) == 0, rng);
    // Sometimes a loop of one turn, which is no straight stage if it reads the counter.
    step.MakeStep(rng.Below(8) == 0 ? 1 : 2 + below(29), below(5) - 2);
    stages.push_back(step.Take());
  };
  if (rng.Below(2) == 0) add_straight();
  add_loop();
  if (rng.Below(2) == 0) add_straight();
  if (rng.Below(3) == 0) add_loop();
  return stages;
}

Definition Define(const std::vector<PlainStage>& stages) {
  Definition definition;
  for (const PlainStage& stage : stages) definition.stages.push_back(Build(stage));
  definition.inputs = {
      {.name = "x", .shape = {stages.front().state_size}, .size = stages.front().state_size}};
  const auto m = static_cast<Index>(stages.back().outputs.size());
  definition.outputs = {{.name = "y", .shape = {m}, .size = m}};
  return definition;
}

class ProgramCase {
 public:
  ProgramCase(std::vector<PlainStage> stages, Rng& rng, Judge& judge)
      : judge_(judge),
        stages_(std::move(stages)),
        definition_(Define(stages_)),
        program_(Define(stages_)),
        n_(program_.n()),
        m_(program_.m()),
        points_(RandomMatrix(n_, kPoints, 2, rng)),
        x_dot_(RandomMatrix(n_, kPoints, 1, rng)),
        y_bar_(RandomMatrix(m_, kPoints, 1, rng)),
        radii_(RandomMatrix(n_, kPoints, 0.02, rng).cwiseAbs()) {
    for (const Index s : kJudged) {
      const std::vector<double> x = Column(points_, s);
      const std::vector<Box> boxes(x.begin(), x.end());
      truth_.push_back(DeriveAt<Box>(stages_, boxes, Column(x_dot_, s), Column(y_bar_, s)));
      JudgeScalarTypes(s, boxes, truth_.back());
    }
  }

  void Expect(const Settings& settings) {
    const bool is_straight =
        stages_.size() == 1 && !stages_[0].has_counter && stages_[0].repeat == 1;
    Matrix Y(m_, kPoints);
    Matrix J(n_, m_ * kPoints);
    Matrix H(n_, n_ * m_ * kPoints);
    Matrix Y_dot(m_, kPoints);
    Matrix X_bar(n_, kPoints);
    Matrix X_bar_dot(n_, kPoints);
    program_.Evaluate(Map(points_), Directions{.D = Map(x_dot_), .count = 1, .per_point = true},
                      Directions{.D = Map(y_bar_), .count = 1, .per_point = true},
                      {.Y = Y.data(),
                       .J = J.data(),
                       .H = H.data(),
                       .Y_dot = Y_dot.data(),
                       .X_bar = X_bar.data(),
                       .X_bar_dot = X_bar_dot.data()},
                      nullptr, settings, {});
    auto truth = truth_.begin();
    for (const Index s : kJudged) {
      SCOPED_TRACE("point " + std::to_string(s));
      judge_.Expect(Of(Y, s, 1), truth->y, "y");
      judge_.Expect(Of(J, s, m_), Either(truth->J, truth->J_columns), "J");
      judge_.Expect(Of(H, s, n_ * m_), Either(truth->H, Mirrored(truth->H)), "H");
      judge_.Expect(Of(Y_dot, s, 1), truth->y_dot, "y_dot");
      judge_.Expect(Of(X_bar, s, 1), truth->x_bar, "x_bar");
      judge_.Expect(Of(X_bar_dot, s, 1), truth->x_bar_dot, "x_bar_dot");
      ExpectTransposed(Y_dot, X_bar, s, *truth++);
      if (is_straight) ExpectSymmetric(H, s);
    }
    if (settings.arithmetic == Arithmetic::kStrict) {
      for (Index s = 0; s < kPoints; ++s) {
        EXPECT_EQ(Column(Y, s), ReferenceValue(definition_, Column(points_, s))) << "point " << s;
      }
    }
    ExpectSparse(settings);
  }

  void ExpectEnclosed() {
    const Matrix X_min = points_ - radii_;
    const Matrix X_max = points_ + radii_;
    Matrix Y_min(m_, kPoints);
    Matrix Y_max(m_, kPoints);
    Matrix J_min(n_, m_ * kPoints);
    Matrix J_max(n_, m_ * kPoints);
    program_.Enclose(Map(X_min), Map(X_max),
                     {.Y_min = Y_min.data(),
                      .Y_max = Y_max.data(),
                      .J_min = J_min.data(),
                      .J_max = J_max.data()},
                     nullptr, {});
    // Constants that are folded when the graph is built are exact numbers from then on.
    std::vector<PlainStage> folded = stages_;
    for (std::size_t i = 0; i < folded.size(); ++i) {
      folded[i].nodes = NodesOf(definition_.stages[i].graph);
      folded[i].outputs = definition_.stages[i].outputs;
    }
    for (const Index s : kJudged) {
      SCOPED_TRACE("box " + std::to_string(s));
      const std::vector<double> x = Column(points_, s);
      const PointDerivatives<Box> truth = DeriveAt<Box>(
          folded, std::vector<Box>(x.begin(), x.end()), Column(x_dot_, s), Column(y_bar_, s));
      for (Index i = 0; i < m_; ++i) {
        judge_.ExpectHeld(Y_min(i, s), Y_max(i, s), truth.y[i], "y");
        for (Index j = 0; j < n_; ++j) {
          judge_.ExpectHeld(J_min(j, s * m_ + i), J_max(j, s * m_ + i), truth.J[i * n_ + j], "J");
        }
      }
    }
  }

 private:
  static constexpr Index kPoints = 11;  // No multiple of any number of lanes.
  static constexpr std::array<Index, 2> kJudged = {3, 10};

  // Tangents, adjoints, tangents of adjoints and plain numbers are in each other's enclosures.
  void JudgeScalarTypes(Index s, const std::vector<Box>& boxes,
                        const PointDerivatives<Box>& truth) {
    const std::vector<double> x = Column(points_, s);
    const std::vector<double> x_dot = Column(x_dot_, s);
    const std::vector<double> y_bar = Column(y_bar_, s);
    judge_.Expect(Interpret<double>(stages_, x), truth.y, "double y");
    judge_.Expect(TangentAt(stages_, x, x_dot), truth.y_dot, "Tangent y_dot");
    const PointDerivatives<double> adjoints = DeriveAt<double>(stages_, x, x_dot, y_bar);
    judge_.Expect(adjoints.J, truth.J, "Adjoint<Tangent> J");
    judge_.Expect(adjoints.H, truth.H, "Adjoint<Tangent> H");
    judge_.Expect(adjoints.x_bar_dot, truth.x_bar_dot, "Adjoint<Tangent> x_bar_dot");
    const PointDerivatives<double> tangents = AdjointsAt<double>(stages_, x, x_dot, y_bar);
    const PointDerivatives<Box> enclosed = AdjointsAt<Box>(stages_, boxes, x_dot, y_bar);
    judge_.Expect(tangents.x_bar, Either(truth.x_bar, enclosed.x_bar), "Tangent<Adjoint> x_bar");
    judge_.Expect(tangents.x_bar_dot, Either(truth.x_bar_dot, enclosed.x_bar_dot),
                  "Tangent<Adjoint> x_bar_dot");
    for (std::size_t j = 0; j < x.size(); ++j) {
      judge_.ExpectHeld(enclosed.x_bar_dot[j].lo(), enclosed.x_bar_dot[j].hi(), truth.x_bar_dot[j],
                        "x_bar_dot by both nestings");
    }
  }

  // ∂²yᵢ/∂xₖ∂xⱼ in the place of ∂²yᵢ/∂xⱼ∂xₖ: executors may compute either.
  std::vector<Box> Mirrored(const std::vector<Box>& H) const {
    std::vector<Box> mirrored = H;
    for (Index i = 0; i < m_; ++i) {
      for (Index j = 0; j < n_; ++j) {
        for (Index k = 0; k < n_; ++k) mirrored[(i * n_ + j) * n_ + k] = H[(i * n_ + k) * n_ + j];
      }
    }
    return mirrored;
  }

  // ⟨ȳ, ẏ⟩ = ⟨x̄, ẋ⟩ up to the rounding errors of both sides.
  void ExpectTransposed(const Matrix& Y_dot, const Matrix& X_bar, Index s,
                        const PointDerivatives<Box>& truth) {
    Box forward = 0;
    Box reverse = 0;
    for (Index i = 0; i < m_; ++i) forward += Box(y_bar_(i, s)) * truth.y_dot[i];
    for (Index j = 0; j < n_; ++j) reverse += Box(x_dot_(j, s)) * truth.x_bar[j];
    judge_.Expect(y_bar_.col(s).dot(Y_dot.col(s)), Either(forward, reverse), "<y_bar, y_dot>");
    judge_.Expect(x_dot_.col(s).dot(X_bar.col(s)), Either(forward, reverse), "<x_bar, x_dot>");
  }

  // One triangle is computed, the other its mirror image.
  void ExpectSymmetric(const Matrix& H, Index s) const {
    for (Index i = 0; i < m_; ++i) {
      for (Index j = 0; j < n_; ++j) {
        for (Index k = 0; k < j; ++k) {
          const double lower = H(k, (s * m_ + i) * n_ + j);
          const double upper = H(j, (s * m_ + i) * n_ + k);
          EXPECT_TRUE(lower == upper || (std::isnan(lower) && std::isnan(upper)))
              << "H(" << i << ", " << j << ", " << k << "): " << lower << " and " << upper;
        }
      }
    }
  }

  // Its entries lie where they should; elsewhere J is zero.
  void ExpectSparse(const Settings& settings) {
    const std::vector<Entry>& pattern = program_.jacobian_pattern();
    Matrix values(static_cast<Index>(pattern.size()), kPoints);
    program_.SparseJacobian(Map(points_), values.data(), nullptr, settings, {});
    Matrix rebuilt = Matrix::Zero(n_, m_ * kPoints);
    for (std::size_t e = 0; e < pattern.size(); ++e) {
      for (Index s = 0; s < kPoints; ++s) {
        rebuilt(pattern[e].column, s * m_ + pattern[e].row) = values(static_cast<Index>(e), s);
      }
    }
    auto truth = truth_.begin();
    for (const Index s : kJudged) {
      judge_.Expect(Of(rebuilt, s, m_), Either(truth->J, truth->J_columns), "sparse J");
      ++truth;
    }
  }

  Judge& judge_;
  std::vector<PlainStage> stages_;
  Definition definition_;
  Program program_;
  Index n_;
  Index m_;
  Matrix points_;
  Matrix x_dot_;
  Matrix y_bar_;
  Matrix radii_;
  std::vector<PointDerivatives<Box>> truth_;  // Of the points kJudged.
};

TEST(DifferentialProgramTest, StraightProgramsAgreeInEveryMode) {
  Judge judge;
  for (std::uint64_t seed = 0; seed < 1000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed, 1);
    ProgramCase test(RandomStraight(seed % 50 == 0 ? 200 : 30, rng), rng, judge);
    test.Expect({});
    test.Expect({.arithmetic = Arithmetic::kStrict});
    test.ExpectEnclosed();
  }
  judge.ExpectSharp(0.05);
}

TEST(DifferentialProgramTest, TimeLoopsAgreeInEveryModeAndReversal) {
  Judge judge;
  for (std::uint64_t seed = 0; seed < 250 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed, 2);
    ProgramCase test(RandomEvolution(rng), rng, judge);
    test.Expect({});
    test.Expect({.arithmetic = Arithmetic::kStrict, .reversal = Reversal::kVanilla});
    test.Expect({.reversal = Reversal::kMemoryPoor});
    test.Expect({.reversal = Reversal::kBinomial, .checkpoints = 1 + static_cast<Index>(seed % 5)});
    test.ExpectEnclosed();
  }
  // Up to 30 turns amplify a rounding error.
  judge.ExpectSharp(0.1);
}

}  // namespace
}  // namespace sobolev::program
