// Local Taylor models of what a base misses, against functions that they must reproduce, and
// judged on points that nobody was shown.

#include "engine/sampling/local_taylor_fit.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/chain/program_surrogate.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/surrogate_codec.h"
#include "tests/engine/sampling/expensive.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::sampling {
namespace {

using Shared = std::shared_ptr<const Surrogate>;

const Vector kLo{{-1, 10}};
const Vector kHi{{3, 12}};

Shared Program(const std::string& source) {
  return std::make_shared<chain::ProgramSurrogate>(source);
}

// Of inputs between kLo and kHi, by coordinates of the unit cube.
Evidence Samples(const Surrogate& f, const Matrix& U, const Vector& lo = kLo,
                 const Vector& hi = kHi) {
  const Vector side = hi - lo;
  const Matrix X = (side.asDiagonal() * U).colwise() + lo;
  Evidence evidence;
  evidence.X = U;
  evidence.Y.resize(f.m(), U.cols());
  evidence.J.resize(f.n(), f.m() * U.cols());
  f.Predict({X.data(), X.rows(), X.cols()}, {}, {},
            {.Y = evidence.Y.data(), .J = evidence.J.data()});
  evidence.J = side.asDiagonal() * evidence.J;
  return evidence;
}

// RMS over fresh points.
double RmsError(const Surrogate& surrogate, const Surrogate& f) {
  const Matrix U = SobolPoints(f.n(), 0, 1000, 99);
  return (Samples(surrogate, U).Y - Samples(f, U).Y).norm() / std::sqrt(1000.0);
}

const Shared& Waves2() {
  static const Shared f =
      Program("input x\ninput y\noutput u = sin(3*x) * cos(4*(y - 11)) + 0.1*x*y\n");
  return f;
}
// Misses a smooth part of it.
const Shared& Nearly() {
  static const Shared f = Program(
      "input x\ninput y\noutput u = sin(3*x) * cos(4*(y - 11)) + 0.1*x*y"
      " + 0.05 * sin(2*x + 3*y)\n");
  return f;
}

// Residuals that are polynomials of the order vanish.
TEST(LocalTaylorFitTest, ReproducesResidualsOfItsOrder) {
  const std::vector<std::string> residuals = {"2*x - y", "2*x*y - y^2 + x", "x^3 - x*y^2 + y"};
  const Shared base = Program("input x\ninput y\noutput u = sin(x) * y\n");
  for (int order = 1; order <= 3; ++order) {
    const Shared f = Program("input x\ninput y\noutput u = sin(x) * y + " +
                             residuals[static_cast<std::size_t>(order - 1)] + "\n");
    const LocalTaylorFit fit =
        FitLocalTaylor(base, Samples(*f, SobolPoints(2, 0, 200, 1)), kLo, kHi, order);
    EXPECT_EQ(fit.order, order);
    EXPECT_LT(RmsError(*fit.surrogate, *f), 1e-6 * RmsError(*base, *f)) << "order " << order;
  }
}

TEST(LocalTaylorFitTest, KeepsValuesAndDerivativesOfSamples) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 200, 1));
  const LocalTaylorFit fit = FitLocalTaylor(Nearly(), evidence, kLo, kHi, 1);
  const Evidence served = Samples(*fit.surrogate, evidence.X);
  const Evidence base = Samples(*Nearly(), evidence.X);
  EXPECT_LT((served.Y - evidence.Y).norm(), 0.05 * (base.Y - evidence.Y).norm());
  EXPECT_LT((served.J - evidence.J).norm(), 0.1 * (base.J - evidence.J).norm());
}

TEST(LocalTaylorFitTest, ImprovesABaseThatMissesSomething) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 200, 1));
  const LocalTaylorFit fit = FitLocalTaylor(Nearly(), evidence, kLo, kHi, 3);
  EXPECT_EQ(fit.surrogate->kind(), SurrogateKind::kLocalTaylor);
  EXPECT_LT(RmsError(*fit.surrogate, *Waves2()), 0.1 * RmsError(*Nearly(), *Waves2()));
}

TEST(LocalTaylorFitTest, KeepsABaseThatIsExact) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 200, 1));
  EXPECT_LT(RmsError(*FitLocalTaylor(Waves2(), evidence, kLo, kHi, 3).surrogate, *Waves2()), 1e-12);
  EXPECT_EQ(FitLocalTaylor(Waves2(), evidence, kLo, kHi, 0).surrogate, Waves2());
}

TEST(LocalTaylorFitTest, FitsAroundTheMeansWithoutABase) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 200, 1));
  const LocalTaylorFit fit = FitLocalTaylor(MeanSurrogate(evidence), evidence, kLo, kHi, 3);
  EXPECT_LT(RmsError(*fit.surrogate, *Waves2()), 1e-2);
}

TEST(LocalTaylorFitTest, IsServedFromBytes) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 60, 1));
  const LocalTaylorFit fit = FitLocalTaylor(Nearly(), evidence, kLo, kHi, 2);
  const Shared copy = train::DecodeSurrogate(train::EncodeSurrogate(*fit.surrogate));
  EXPECT_EQ(Samples(*copy, evidence.X).Y, Samples(*fit.surrogate, evidence.X).Y);
}

TEST(LocalTaylorFitTest, MissingLabelsAreFittedFromNeighbours) {
  Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 300, 1));
  Rng rng(5);
  for (double& y : evidence.Y.reshaped()) {
    if (rng.Uniform() < 0.2) y = std::numeric_limits<double>::quiet_NaN();
  }
  for (double& slope : evidence.J.reshaped()) {
    if (rng.Uniform() < 0.2) slope = std::numeric_limits<double>::quiet_NaN();
  }
  const LocalTaylorFit fit = FitLocalTaylor(Nearly(), evidence, kLo, kHi, 2);
  EXPECT_LT(RmsError(*fit.surrogate, *Waves2()), 0.3 * RmsError(*Nearly(), *Waves2()));
}

TEST(LocalTaylorFitTest, DuplicatesAndManyInputsStayFinite) {
  Evidence evidence = SobolSamples(Waves, 300, 20);
  evidence.X.col(3) = evidence.X.col(2);
  std::string source;
  std::string sum = "0";
  for (int i = 0; i < 300; ++i) {
    source.append("input x").append(std::to_string(i)).append("\n");
    sum.append(" + x").append(std::to_string(i));
  }
  const Shared base = Program(source.append("output y = ").append(sum).append("\n"));
  const Vector lo = Vector::Zero(300);
  const Vector hi = Vector::Ones(300);
  const LocalTaylorFit fit = FitLocalTaylor(base, evidence, lo, hi, 3);
  EXPECT_EQ(fit.order, 1);
  const Evidence served = Samples(*fit.surrogate, SobolPoints(300, 0, 10, 2), lo, hi);
  EXPECT_TRUE(served.Y.allFinite());
  EXPECT_TRUE(served.J.allFinite());
}

TEST(LocalTaylorFitTest, TheSameBitsOnAnyNumberOfThreads) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 100, 1));
  const auto bytes = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute([&] {
      return train::EncodeSurrogate(*FitLocalTaylor(Nearly(), evidence, kLo, kHi, 3).surrogate);
    });
  };
  EXPECT_EQ(bytes(1), bytes(4));
}

TEST(LocalTaylorFitTest, BadArgumentsAreNamed) {
  const Evidence evidence = Samples(*Waves2(), SobolPoints(2, 0, 50, 1));
  const auto field = [](const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.field();
    }
    return std::string("none");
  };
  EXPECT_EQ(field([&] { FitLocalTaylor(Nearly(), evidence, kHi, kLo, 1); }), "hi");
  EXPECT_EQ(field([&] { FitLocalTaylor(Nearly(), evidence, Vector::Zero(3), kHi, 1); }), "lo");
  EXPECT_EQ(field([&] { FitLocalTaylor(Nearly(), evidence, kLo, kHi, 4); }), "order");
  EXPECT_EQ(
      field([&] { FitLocalTaylor(Program("input x\noutput y = x\n"), evidence, kLo, kHi, 1); }),
      "base inputs");
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT([&] { FitLocalTaylor(Nearly(), evidence, kLo, kHi, 1, source.get_token()); },
              testing::Throws<Error>(testing::Property(&Error::code, ErrorCode::kCancelled)));
}

}  // namespace
}  // namespace sobolev::sampling
