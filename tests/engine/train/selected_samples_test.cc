// Samples of a box, without some of their inputs.

#include "engine/train/selected_samples.h"

#include <cstddef>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/train/samples.h"

namespace sobolev::train {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// Two blocks of three samples of three inputs and two outputs, with labels of every kind.
struct Samples {
  Matrix X = Matrix::Random(3, 6);
  Matrix Y = Matrix::Random(2, 6);
  Matrix J = Matrix::Random(3, 12);
  Matrix J_variance = Matrix::Ones(3, 12);
  Matrix directions = Matrix::Random(3, 6);
  Matrix jvp = Matrix::Random(2, 6);
  Matrix adjoints = Matrix::Random(2, 6);
  Matrix vjp = Matrix::Random(3, 6);
  Vector weight = Vector::Ones(6);

  SampleSet View() const {
    SampleSet set{.n = 3, .m = 2, .blocks = {}};
    for (const Index first : {0, 3}) {
      SampleBlock& block = set.blocks.emplace_back();
      block.rows = 3;
      block.num_tangents = 1;
      block.num_adjoints = 1;
      block.x = X.col(first).data();
      block.y = Y.col(first).data();
      block.jacobian = J.col(2 * first).data();
      block.jacobian_variance = J_variance.col(2 * first).data();
      block.weight = weight.data() + first;
      block.tangents = directions.col(first).data();
      block.jvp = jvp.col(first).data();
      block.adjoints = adjoints.col(first).data();
      block.vjp = vjp.col(first).data();
    }
    return set;
  }
};

TEST(SelectedSamplesTest, KeepsWhatIsByTheSelectedInputs) {
  const Samples samples;
  const SelectedSamples selected(samples.View(), {.inputs = {2, 0}}, kNoLimit);
  const SampleSet& view = selected.view();
  EXPECT_EQ(view.n, 2);
  EXPECT_EQ(view.m, 2);
  EXPECT_EQ(view.NumSamples(), 6);
  EXPECT_EQ(view.NumJacobians(), 6);
  EXPECT_EQ(view.NumTangents(), 0);
  EXPECT_EQ(view.NumAdjoints(), 6);
  ForEachSample(view, {}, [&](Index s, const Sample& sample) {
    EXPECT_EQ(sample.x[0], samples.X(2, s));
    EXPECT_EQ(sample.x[1], samples.X(0, s));
    EXPECT_EQ(sample.y[1], samples.Y(1, s));
    for (Index i = 0; i < 2; ++i) {
      EXPECT_EQ(sample.jacobian[2 * i], samples.J(2, 2 * s + i));
      EXPECT_EQ(sample.jacobian[2 * i + 1], samples.J(0, 2 * s + i));
    }
    EXPECT_EQ(sample.adjoints[1], samples.adjoints(1, s));
    EXPECT_EQ(sample.vjp[0], samples.vjp(2, s));
    EXPECT_EQ(sample.vjp[1], samples.vjp(0, s));
  });
}

TEST(SelectedSamplesTest, KeepsWhatLiesInTheBox) {
  Samples samples;
  samples.X.row(1) << 0, 5, 1, 2, 5, 1;
  const SampleSelection box{
      .inputs = {0, 1, 2}, .min = Vector{{-1, 0, -1}}, .max = Vector{{1, 1, 1}}};
  const SelectedSamples selected(samples.View(), box, kNoLimit);
  const SampleSet& view = selected.view();
  const std::vector<Index> inside = {0, 2, 5};
  ASSERT_EQ(view.NumSamples(), 3);
  EXPECT_EQ(view.NumTangents(), 3);
  ForEachSample(view, {}, [&](Index number, const Sample& sample) {
    const Index s = inside[static_cast<std::size_t>(number)];
    for (Index j = 0; j < 3; ++j) {
      EXPECT_EQ(sample.x[j], samples.X(j, s));
      EXPECT_EQ(sample.jacobian[3 + j], samples.J(j, 2 * s + 1));
      EXPECT_EQ(sample.tangents[j], samples.directions(j, s));
    }
    EXPECT_EQ(sample.y[1], samples.Y(1, s));
    EXPECT_EQ(sample.jvp[0], samples.jvp(0, s));
  });
  const SampleSelection nothing{.inputs = {1}, .min = Vector{{8}}, .max = Vector{{9}}};
  EXPECT_EQ(SelectedSamples(samples.View(), nothing, kNoLimit).view().NumSamples(), 0);
}

TEST(SelectedSamplesTest, AllInputsAreTheSamplesThemselves) {
  const Samples samples;
  const SelectedSamples selected(samples.View(), {.inputs = {0, 1, 2}}, 0);
  EXPECT_EQ(selected.view().blocks[1].x, samples.X.col(3).data());
  EXPECT_EQ(selected.view().NumTangents(), 6);
}

TEST(SelectedSamplesTest, ACopyBeyondTheLimitIsRefused) {
  const Samples samples;
  // Of each sample at least x, two gradients, their variances and an adjoint, by two inputs.
  constexpr std::size_t kBytes = std::size_t{6} * 6 * 2 * sizeof(double);
  EXPECT_NO_THROW(SelectedSamples(samples.View(), {.inputs = {0, 1}}, 4 * kBytes));
  try {
    const SelectedSamples selected(samples.View(), {.inputs = {0, 1}}, kBytes - 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_EQ(error.field(), "dataset");
  }
}

}  // namespace
}  // namespace sobolev::train
