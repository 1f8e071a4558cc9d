// The lowest place of a Taylor polynomial, against minima that are known.

#include "engine/sampling/model_minimum.h"

#include <cmath>
#include <optional>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"
#include "engine/sampling/taylor_model.h"
#include "tests/engine/sampling/expensive.h"

namespace sobolev::sampling {
namespace {

// |x − centre|², the axes of unequal weight.
Expensive Bowl(const Vector& centre) {
  return [centre](const Vector& x, Vector& gradient) {
    const Vector weights = Vector::LinSpaced(x.size(), 1, 9);
    gradient = 2 * weights.cwiseProduct(x - centre);
    return weights.dot((x - centre).cwiseAbs2());
  };
}

Index LeastOf(const Evidence& evidence) {
  Index least = 0;
  evidence.Y.row(0).minCoeff(&least);
  return least;
}

std::optional<Vector> MinimumOf(const Evidence& evidence, double sign = 1,
                                const Feasible& feasible = nullptr) {
  return ModelMinimum(TaylorModel(evidence), evidence, LeastOf(evidence), 0, sign, feasible, 7);
}

TEST(ModelMinimumTest, OfABowlItIsTheBottom) {
  for (const Index n : {1, 2, 3, 6}) {
    const Vector centre = Vector::LinSpaced(n, 0.4, 0.6);
    const Evidence evidence = SobolSamples(Bowl(centre), n, 60, 3);
    const std::optional<Vector> minimum = MinimumOf(evidence);
    ASSERT_TRUE(minimum);
    EXPECT_LT((*minimum - centre).norm(), 1e-6) << n;
  }
}

TEST(ModelMinimumTest, OfTheOppositeItIsTheSame) {
  Evidence evidence = SobolSamples(Bowl(Vector{{0.4, 0.6}}), 2, 40, 3);
  const Index sample = LeastOf(evidence);
  const std::optional<Vector> minimum = MinimumOf(evidence);
  evidence.Y *= -1;
  evidence.J *= -1;
  EXPECT_EQ(minimum, ModelMinimum(TaylorModel(evidence), evidence, sample, 0, -1, nullptr, 7));
}

TEST(ModelMinimumTest, WithoutGradientsItIsFittedToValues) {
  const Vector centre{{0.45, 0.6}};
  Evidence evidence = SobolSamples(Bowl(centre), 2, 40, 3);
  evidence.J.resize(2, 0);
  const std::optional<Vector> minimum = MinimumOf(evidence);
  ASSERT_TRUE(minimum);
  EXPECT_LT((*minimum - centre).norm(), 1e-6);
}

TEST(ModelMinimumTest, EndsAtTheFacesOfTheCube) {
  // The least value of the separate parts of a bowl around a place outside.
  const Evidence evidence = SobolSamples(Bowl(Vector{{-0.2, 0.5, 1.1}}), 3, 60, 3);
  std::optional<Vector> minimum = MinimumOf(evidence);
  ASSERT_TRUE(minimum);
  EXPECT_LT((*minimum - Vector{{0, 0.5, 1}}).norm(), 1e-6);
}

TEST(ModelMinimumTest, CreepsAlongTheBorderOfWhatIsFeasible) {
  const Vector centre{{0.3, 0.3}};
  const Evidence evidence = SobolSamples(Bowl(centre), 2, 60, 3);
  const Feasible feasible = [](const Vector& x) { return x.sum() >= 1; };
  Index best = -1;
  for (Index s = 0; s < evidence.NumSamples(); ++s) {
    if (!feasible(evidence.X.col(s))) continue;
    if (best < 0 || evidence.Y(0, s) < evidence.Y(0, best)) best = s;
  }
  const std::optional<Vector> minimum =
      ModelMinimum(TaylorModel(evidence), evidence, best, 0, 1, feasible, 7);
  ASSERT_TRUE(minimum);
  EXPECT_TRUE(feasible(*minimum));
  // On the line x + y = 1 the minimum of (x − 0.3)² + 9 (y − 0.3)² has x − 0.3 = 9 (y − 0.3).
  EXPECT_LT((*minimum - Vector{{0.66, 0.34}}).norm(), 1e-3);
}

TEST(ModelMinimumTest, AtTheMinimumThereIsNone) {
  const Vector centre{{0.4, 0.6}};
  Evidence evidence = SobolSamples(Bowl(centre), 2, 40, 3);
  Evaluate(Bowl(centre), centre, evidence);
  EXPECT_EQ(MinimumOf(evidence), std::nullopt);
}

TEST(ModelMinimumTest, GoesNoFartherThanTheSamplesReach) {
  // A slope without an end.
  const Expensive slope = [](const Vector& x, Vector& gradient) {
    gradient = Vector{{1, 0}};
    return x(0);
  };
  Evidence evidence;
  Evaluate(slope, (0.02 * SobolPoints(2, 0, 40, 3)).array() + 0.5, evidence);
  const std::optional<Vector> minimum = MinimumOf(evidence);
  ASSERT_TRUE(minimum);
  EXPECT_LT((*minimum)(0), 0.5);
  EXPECT_GT((*minimum)(0), 0.5 - 0.04);
}

TEST(ModelMinimumTest, AmongHundredsOfInputsItFollowsTheTangent) {
  const Index n = 400;
  const Vector centre = Vector::Constant(n, 0.5);
  const Evidence evidence = SobolSamples(Bowl(centre), n, 20, 3);
  const std::optional<Vector> minimum = MinimumOf(evidence);
  ASSERT_TRUE(minimum);
  const Vector step = *minimum - evidence.X.col(LeastOf(evidence));
  EXPECT_LT(step.dot(evidence.J.col(LeastOf(evidence))), 0);
}

}  // namespace
}  // namespace sobolev::sampling
