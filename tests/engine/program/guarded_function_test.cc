// Recorded C++ functions: lanes whose comparisons come out differently are found, re-run and
// counted, so that every point gets the value and the derivatives of its own branch.

#include "engine/program/guarded_function.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "tests/bench/ad_workloads.h"

namespace sobolev::program {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ConstMatrixMap Map(const Matrix& matrix) {
  return ConstMatrixMap(matrix.data(), matrix.rows(), matrix.cols());
}

// What the classic types say of one point: values, and the Jacobian n×m with columns ∇yᵢ.
struct PointTruth {
  Vector y;
  Matrix J;
};

template <class Function>
PointTruth TruthAt(const Function& function, const Vector& x) {
  ad::Tape<double> tape;
  const ad::Tape<double>::Scope scope(tape);
  std::vector<ad::Adjoint<double>> inputs;
  for (const double entry : x) inputs.push_back(tape.Variable(entry));
  const std::vector<ad::Adjoint<double>> outputs = function(inputs);
  const auto m = static_cast<Index>(outputs.size());
  PointTruth truth{.y = Vector(m), .J = Matrix(x.size(), m)};
  for (Index i = 0; i < m; ++i) {
    truth.y[i] = outputs[i].value();
    tape.Reverse(outputs[i]);
    for (Index j = 0; j < x.size(); ++j) truth.J(j, i) = tape.adjoint(inputs[j]);
  }
  return truth;
}

// Equal to within `tolerance` of the truth's size, NaN only where the truth has it.
void ExpectSame(const Matrix& got, const Matrix& truth, double tolerance, Index s) {
  ASSERT_EQ(got.size(), truth.size());
  double scale = 1;
  for (const double t : truth.reshaped()) {
    if (std::isfinite(t)) scale = std::max(scale, std::abs(t));
  }
  for (Index i = 0; i < truth.size(); ++i) {
    const double g = got.data()[i];
    const double t = truth.data()[i];
    const bool is_same = std::isnan(t)   ? std::isnan(g)
                         : std::isinf(t) ? g == t
                                         : std::abs(g - t) <= tolerance * scale;
    EXPECT_TRUE(is_same) << "point " << s << ", element " << i << ": got " << g << ", expected "
                         << t;
  }
}

// Values and Jacobians of a batch against the classic types, one by one. Returns the counts.
template <class Function>
GuardedCounts ExpectExact(const GuardedFunction<Function>& recorded, const Function& function,
                          const Matrix& X, double tolerance = 1e-12) {
  const Index m = recorded.m();
  Matrix Y(m, X.cols());
  Matrix J(X.rows(), m * X.cols());
  const GuardedCounts counts = recorded.Evaluate(Map(X), Y.data(), J.data());
  for (Index s = 0; s < X.cols(); ++s) {
    const PointTruth truth = TruthAt(function, X.col(s));
    ExpectSame(Y.col(s), truth.y, tolerance, s);
    ExpectSame(J.middleCols(s * m, m), truth.J, tolerance, s);
  }
  // Each part alone takes the same branches.
  Matrix Y_alone(m, X.cols());
  Matrix J_alone(X.rows(), m * X.cols());
  const GuardedCounts values = recorded.Evaluate(Map(X), Y_alone.data(), nullptr);
  const GuardedCounts derivatives = recorded.Evaluate(Map(X), nullptr, J_alone.data());
  EXPECT_EQ(values.num_rerun, counts.num_rerun);
  EXPECT_EQ(derivatives.num_rerun, counts.num_rerun);
  for (Index s = 0; s < X.cols(); ++s) {
    ExpectSame(Y_alone.col(s), Y.col(s), tolerance, s);
    ExpectSame(J_alone.middleCols(s * m, m), J.middleCols(s * m, m), tolerance, s);
  }
  EXPECT_EQ(counts.num_points, X.cols());
  return counts;
}

Matrix RandomPoints(Index n, Index num_points, double low, double high, std::uint64_t seed) {
  Rng rng(seed);
  Matrix X(n, num_points);
  for (double& x : X.reshaped()) x = low + (high - low) * rng.Uniform();
  return X;
}

// |x|³ by hand.
struct CubedMagnitude {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    const T magnitude = x[0] < 0.0 ? T(-x[0]) : x[0];
    return {magnitude * magnitude * magnitude};
  }
};

TEST(GuardedFunctionTest, PointsOfTheOtherBranchAreReRunAndCounted) {
  const GuardedFunction recorded(CubedMagnitude(), std::vector{1.0});
  EXPECT_TRUE(recorded.has_guard());
  const Matrix X = RandomPoints(1, 203, -2, 2, 1);
  const GuardedCounts counts = ExpectExact(recorded, CubedMagnitude(), X);
  EXPECT_EQ(counts.num_rerun, (X.array() < 0).count());
}

TEST(GuardedFunctionTest, EveryPointMayDisagree) {
  const GuardedFunction recorded(CubedMagnitude(), std::vector{1.0});
  EXPECT_EQ(ExpectExact(recorded, CubedMagnitude(), RandomPoints(1, 77, -2, -1, 2)).num_rerun, 77);
}

TEST(GuardedFunctionTest, NoPointNeedDisagree) {
  const GuardedFunction recorded(CubedMagnitude(), std::vector{1.0});
  EXPECT_EQ(ExpectExact(recorded, CubedMagnitude(), RandomPoints(1, 77, 1, 2, 3)).num_rerun, 0);
}

// NaN < 0 is false, as at the recorded point: the replayed branch is the right one. Recorded at a
// negative number it is the other way round.
TEST(GuardedFunctionTest, NaNDisagreesWhereItChangesAnOutcome) {
  const Matrix X = (Matrix(1, 4) << 1, kNaN, -1, kNaN).finished();
  const GuardedFunction positive(CubedMagnitude(), std::vector{1.0});
  EXPECT_EQ(ExpectExact(positive, CubedMagnitude(), X).num_rerun, 1);
  const GuardedFunction negative(CubedMagnitude(), std::vector{-1.0});
  EXPECT_EQ(ExpectExact(negative, CubedMagnitude(), X).num_rerun, 3);
}

// Each comparison, with the outcome that NaN gives it, negated or not.
struct EveryComparison {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    T sum = x[0];
    if (x[0] < x[1]) sum += 2.0 * x[1];
    if (x[0] <= x[1]) sum += 4.0 * x[0] * x[1];
    if (x[0] > x[1]) sum += 8.0 * x[1];
    if (x[0] >= x[1]) sum += 16.0 * x[0];
    if (x[0] == x[1]) sum += 32.0 * x[0] * x[0];
    if (x[0] != x[1]) sum += 64.0 * x[1] * x[1];
    if (!(x[0] < 1.5)) sum += 128.0;
    return {sum, x[1]};
  }
};

TEST(GuardedFunctionTest, EveryComparisonIsGuardedWithNaNAndTies) {
  const std::vector<double> values = {1, 2, kNaN, 0.0, -0.0, kInf, -kInf};
  const auto count = static_cast<Index>(values.size());
  Matrix X(2, count * count);
  for (Index s = 0; s < X.cols(); ++s) X.col(s) << values[s / count], values[s % count];
  for (Index s = 0; s < X.cols(); ++s) {
    const GuardedFunction recorded(EveryComparison(), std::vector{X(0, s), X(1, s)});
    const GuardedCounts counts = ExpectExact(recorded, EveryComparison(), X);
    EXPECT_GE(counts.num_rerun, 1);
    EXPECT_LT(counts.num_rerun, X.cols());  // At least the recorded point agrees with itself.
  }
}

// Newton's iteration for √x, as long as it moves.
struct NewtonRoot {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    return {Iterate(x[0], nullptr)};
  }

  static int Turns(double x) {
    int turns = 0;
    Iterate(x, &turns);
    return turns;
  }

  template <class T>
  static T Iterate(const T& x, int* turns) {
    T root = x;
    T step = root;
    while (step * step > 1e-18 * root * root) {
      step = 0.5 * (root - x / root);
      root = root - step;
      if (turns != nullptr) ++*turns;
    }
    return root;
  }
};

TEST(GuardedFunctionTest, LoopsThatTurnAnotherNumberOfTimesAreReRun) {
  const GuardedFunction recorded(NewtonRoot(), std::vector{3.0});
  const Matrix X = RandomPoints(1, 301, 0.01, 100, 4);
  const GuardedCounts counts = ExpectExact(recorded, NewtonRoot(), X);
  Index expected = 0;
  for (const double x : X.reshaped()) expected += NewtonRoot::Turns(x) != NewtonRoot::Turns(3);
  EXPECT_EQ(counts.num_rerun, expected);
  EXPECT_GT(expected, 50);
  EXPECT_LT(expected, 300);
  Matrix Y(1, X.cols());
  Matrix J(1, X.cols());
  recorded.Evaluate(Map(X), Y.data(), J.data());
  for (Index s = 0; s < X.cols(); ++s) {
    EXPECT_NEAR(Y(0, s), std::sqrt(X(0, s)), 1e-14 * Y(0, s));
    // The last step was below 1e-9, and the derivative of the iteration converges with its value.
    EXPECT_NEAR(J(0, s), 0.5 / std::sqrt(X(0, s)), 1e-8 * J(0, s));
  }
}

template <class Workload>
struct AsFunction {
  Workload workload;

  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    return {workload.Value(x.data())};
  }
};

// Of the 15 swaptions each point exercises others; 160 inputs, so re-runs use the tape.
TEST(GuardedFunctionTest, LiborPortfolioEqualsTheTapePointByPoint) {
  using Libor = AsFunction<bench::LiborSwaptions>;
  const Libor function;
  const std::vector<double> center = bench::LiborSwaptions::Inputs();
  const GuardedFunction recorded(function, center);
  Matrix X(static_cast<Index>(center.size()), 65);
  Rng rng(5);
  for (Index s = 0; s < X.cols(); ++s) {
    const double level = 1 + 0.2 * rng.Normal();  // Common to all rates: it moves the swap rates.
    for (Index j = 0; j < X.rows(); ++j) X(j, s) = center[j] * level * (1 + 0.01 * rng.Normal());
  }
  const GuardedCounts counts = ExpectExact(recorded, function, X);
  EXPECT_GT(counts.num_rerun, 5);
  EXPECT_LT(counts.num_rerun, 60);
}

TEST(GuardedFunctionTest, ABasketFarFromItsStrikeNeverDisagrees) {
  using Basket = AsFunction<bench::AsianBasket>;
  const Basket function;
  const std::vector<double> center = bench::AsianBasket::Inputs();
  const GuardedFunction recorded(function, center);
  EXPECT_TRUE(recorded.has_guard());
  Matrix X(static_cast<Index>(center.size()), 33);
  Rng rng(6);
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index j = 0; j < X.rows(); ++j) X(j, s) = center[j] * (1 + 0.001 * rng.Normal());
  }
  EXPECT_EQ(ExpectExact(recorded, function, X).num_rerun, 0);
}

// The plane's polar coordinates, several outputs of different kinds, and no comparison but one of
// constants.
struct Smooth {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    using std::atan2, std::sqrt;
    const T one = 1.0;
    const T scale = one < T(2.0) ? one : x[0];
    return {sqrt(x[0] * x[0] + x[1] * x[1]) * scale, atan2(x[1], x[0]), x[1], 3.0};
  }
};

TEST(GuardedFunctionTest, ARecordingThatThrowsIsOver) {
  struct Thrower {
    std::vector<Traced> operator()(const std::vector<Traced>& x) const {
      if (x[0] > Traced(0)) throw std::runtime_error("positive");
      return x;
    }
  };
  const std::vector<double> one = {1};
  EXPECT_THROW(Record(Thrower(), one), std::runtime_error);
  EXPECT_LT(Traced(1), Traced(2));  // Outside a recording, where only constants are.
  const RecordedGraph recorded = Record(Thrower(), std::vector<double>{-1});
  EXPECT_FALSE(recorded.graph.IsConstant(recorded.guard));
}

TEST(GuardedFunctionTest, WithoutComparisonsOfInputsThereIsNoGuard) {
  const GuardedFunction recorded(Smooth(), std::vector{1.0, 2.0});
  EXPECT_FALSE(recorded.has_guard());
  EXPECT_EQ(recorded.m(), 4);
  EXPECT_EQ(ExpectExact(recorded, Smooth(), RandomPoints(2, 50, -1, 1, 7)).num_rerun, 0);
}

TEST(GuardedFunctionTest, StrictReplayHasTheBitsOfTheFunction) {
  const GuardedFunction recorded(CubedMagnitude(), std::vector{1.0}, Arithmetic::kStrict);
  EXPECT_GT(ExpectExact(recorded, CubedMagnitude(), RandomPoints(1, 100, -2, 2, 8), 0).num_rerun,
            10);
}

TEST(GuardedFunctionTest, APointHasTheSameBitsAloneAndInABatch) {
  const GuardedFunction recorded(NewtonRoot(), std::vector{3.0});
  const Matrix X = RandomPoints(1, 150, 0.5, 10, 9);
  Matrix Y(1, X.cols());
  Matrix J(1, X.cols());
  recorded.Evaluate(Map(X), Y.data(), J.data());
  for (Index s = 0; s < X.cols(); ++s) {
    const Matrix x = X.col(s);
    double y = 0;
    double dy = 0;
    recorded.Evaluate(Map(x), &y, &dy);
    EXPECT_EQ(y, Y(0, s));
    EXPECT_EQ(dy, J(0, s));
  }
}

// Misbehaves on the branch that is not recorded.
struct Unruly {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    if (x[0] > 10.0) throw std::domain_error("too large");
    if (x[0] > 1.0) return {x[0], x[0]};
    return {x[0]};
  }
};

TEST(GuardedFunctionTest, ReRunsMayThrow) {
  const GuardedFunction recorded(Unruly(), std::vector{0.5});
  double y = 0;
  const Matrix too_many = Matrix::Constant(1, 1, 2.0);
  const Matrix too_large = Matrix::Constant(1, 1, 20.0);
  try {
    recorded.Evaluate(Map(too_many), &y, nullptr);
    ADD_FAILURE() << "expected SHAPE_MISMATCH";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "SHAPE_MISMATCH");
  }
  EXPECT_THROW(recorded.Evaluate(Map(too_large), &y, nullptr), std::domain_error);
}

TEST(GuardedFunctionTest, RefusesWrongShapesAndStopsWhenAsked) {
  const GuardedFunction recorded(CubedMagnitude(), std::vector{1.0});
  Matrix Y(1, 3);
  const Matrix two_rows = Matrix::Ones(2, 3);
  EXPECT_THROW(recorded.Evaluate(Map(two_rows), Y.data(), nullptr), Error);
  std::stop_source source;
  source.request_stop();
  const Matrix X = Matrix::Ones(1, 3);
  try {
    recorded.Evaluate(Map(X), Y.data(), nullptr, source.get_token());
    ADD_FAILURE() << "expected CANCELLED";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  const Matrix none(1, 0);
  EXPECT_EQ(recorded.Evaluate(Map(none), nullptr, nullptr).num_points, 0);
}

}  // namespace
}  // namespace sobolev::program
