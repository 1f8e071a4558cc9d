// Blocks with labels of every kind through the checks on their way in and the messages on their way
// out. The calls around them are services_test.cc's.

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "proto/wire/crc32c.h"
#include "server/convert/sample_block.h"
#include "server/convert/sample_checks.h"
#include "server/convert/wire_arrays.h"

namespace sobolev::server {
namespace {

using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

v1::Tensor MakeTensor(const std::vector<std::int64_t>& shape, double first) {
  v1::Tensor tensor;
  double* numbers = PrepareTensor(shape, tensor);
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) size *= extent;
  for (std::int64_t i = 0; i < size; ++i) numbers[i] = first + 0.5 * static_cast<double>(i);
  return tensor;
}

void SetNumber(v1::Tensor* tensor, std::size_t element, double number) {
  tensor->mutable_data()->replace(element * sizeof(double), sizeof(double),
                                  reinterpret_cast<const char*>(&number), sizeof(double));
}

// Three inputs, two outputs, of which the second may be missing.
v1::Schema MakeSchema() {
  v1::Schema schema;
  for (const char* name : {"a", "b", "c"}) schema.add_inputs()->set_name(name);
  for (const char* name : {"u", "v"}) schema.add_outputs()->set_name(name);
  schema.mutable_outputs(1)->set_allow_missing(true);
  schema.mutable_outputs(1)->set_upper(1000);
  schema.set_allow_missing_derivatives(true);
  return schema;
}

// Four samples with two tangents, one adjoint and three Hessian-vector products each.
std::shared_ptr<v1::SampleBlock> MakeBlock() {
  auto block = std::make_shared<v1::SampleBlock>();
  *block->mutable_x() = MakeTensor({4, 3}, 1);
  *block->mutable_y() = MakeTensor({4, 2}, 2);
  *block->mutable_jacobian() = MakeTensor({4, 2, 3}, 3);
  *block->mutable_weight() = MakeTensor({4}, 4);
  *block->mutable_tangents() = MakeTensor({4, 2, 3}, 5);
  *block->mutable_jvp() = MakeTensor({4, 2, 2}, 6);
  *block->mutable_adjoints() = MakeTensor({4, 1, 2}, 7);
  *block->mutable_vjp() = MakeTensor({4, 1, 3}, 8);
  *block->mutable_hvp_adjoints() = MakeTensor({4, 3, 2}, 9);
  *block->mutable_hvp_tangents() = MakeTensor({4, 3, 3}, 10);
  *block->mutable_hvp() = MakeTensor({4, 3, 3}, 11);
  *block->mutable_y_variance() = MakeTensor({4, 2}, 12);
  *block->mutable_jacobian_variance() = MakeTensor({4, 2, 3}, 13);
  return block;
}

SampleBlockData Check(const std::shared_ptr<v1::SampleBlock>& block,
                      const v1::Schema& schema = MakeSchema()) {
  block->set_crc32c(Checksum(*block));
  return CheckBlock(block, schema, 65536);
}

// What is said against the block after `change`.
std::string Complaint(const std::function<void(v1::SampleBlock&)>& change,
                      const v1::Schema& schema = MakeSchema()) {
  const std::shared_ptr<v1::SampleBlock> block = MakeBlock();
  change(*block);
  try {
    Check(block, schema);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.reason() + " " + error.what();
  }
}

TEST(LabelsTest, ABlockWithEverythingPasses) {
  const std::shared_ptr<v1::SampleBlock> block = MakeBlock();
  const SampleBlockData data = Check(block);
  EXPECT_EQ(data.num_tangents, 2U);
  EXPECT_EQ(data.num_adjoints, 1U);
  EXPECT_EQ(data.num_hvps, 3U);
  EXPECT_EQ(static_cast<const void*>(data.hvp.data()), block->hvp().data().data());
  EXPECT_EQ(data.counts.jacobians, 4);
  EXPECT_EQ(data.counts.weights, 4);
  EXPECT_EQ(data.counts.tangents, 8);
  EXPECT_EQ(data.counts.adjoints, 4);
  EXPECT_EQ(data.counts.hvps, 12);
  EXPECT_EQ(data.counts.y_variances, 4);
  EXPECT_EQ(data.counts.jacobian_variances, 4);
  EXPECT_EQ(data.counts.missing_values, 0);
  EXPECT_EQ(data.counts.missing_derivatives, 0);
}

TEST(LabelsTest, MissingLabelsAreCounted) {
  const std::shared_ptr<v1::SampleBlock> block = MakeBlock();
  SetNumber(block->mutable_y(), 3, kNan);
  for (std::size_t i = 0; i < 6; ++i) SetNumber(block->mutable_jacobian(), i, kNan);
  SetNumber(block->mutable_jacobian(), 7, kNan);
  SetNumber(block->mutable_jvp(), 0, kNan);
  SetNumber(block->mutable_jvp(), 1, kNan);
  SetNumber(block->mutable_vjp(), 4, kNan);
  for (std::size_t i = 9; i < 12; ++i) SetNumber(block->mutable_hvp(), i, kNan);
  SetNumber(block->mutable_y_variance(), 3, kNan);
  const SampleBlockData data = Check(block);
  EXPECT_EQ(data.counts.missing_values, 1);
  EXPECT_EQ(data.counts.missing_derivatives, 7 + 2 + 1 + 3);
  EXPECT_EQ(data.counts.jacobians, 3);
  EXPECT_EQ(data.counts.tangents, 7);
  EXPECT_EQ(data.counts.adjoints, 4);
  EXPECT_EQ(data.counts.hvps, 11);
  EXPECT_EQ(data.outputs[1].min, 2.5);
}

TEST(LabelsTest, WithoutValuesEveryOutputMayHaveToBeMissing) {
  EXPECT_THAT(Complaint([](v1::SampleBlock& b) {
                b.clear_y();
                b.clear_y_variance();
              }),
              HasSubstr("MISSING_FIELD block.y: expected values, because output \"u\" may not be "
                        "missing"));
  v1::Schema schema = MakeSchema();
  schema.mutable_outputs(0)->set_allow_missing(true);
  const std::shared_ptr<v1::SampleBlock> block = MakeBlock();
  block->clear_y();
  block->clear_y_variance();
  const SampleBlockData data = Check(block, schema);
  EXPECT_TRUE(data.y.empty());
  EXPECT_EQ(data.counts.missing_values, 8);
  EXPECT_GT(data.outputs[0].min, data.outputs[0].max);
}

TEST(LabelsTest, NanIsRefusedWithTheSwitchThatWouldAllowIt) {
  EXPECT_THAT(
      Complaint([](v1::SampleBlock& b) { SetNumber(b.mutable_y(), 2, kNan); }),
      HasSubstr("NON_FINITE block.y[1][0]: expected a finite number, got NaN (row 1, column "
                "0); drop the row, mend the value or, if NaN means that it is missing, "
                "create the dataset with allow_missing on this output"));
  v1::Schema schema = MakeSchema();
  schema.set_allow_missing_derivatives(false);
  for (const auto& [tensor, path] :
       std::vector<std::pair<v1::Tensor* (v1::SampleBlock::*)(), std::string>>{
           {&v1::SampleBlock::mutable_jacobian, "block.jacobian[0][1][0]"},
           {&v1::SampleBlock::mutable_jvp, "block.jvp[0][1][1]"},
           {&v1::SampleBlock::mutable_vjp, "block.vjp[1][0][0]"},
           {&v1::SampleBlock::mutable_hvp, "block.hvp[0][1][0]"}}) {
    const auto spoil = [&, t = tensor](v1::SampleBlock& b) { SetNumber((b.*t)(), 3, kNan); };
    EXPECT_THAT(Complaint(spoil, schema), HasSubstr("NON_FINITE " + path));
    EXPECT_THAT(Complaint(spoil, schema), HasSubstr("allow_missing_derivatives"));
    EXPECT_EQ(Complaint(spoil), "");
  }
}

TEST(LabelsTest, InfinitiesAndDirectionsThatAreNotFiniteAreAlwaysRefused) {
  for (const WireArray& array : WireArrays()) {
    const auto spoil = [&](double bad) {
      return Complaint([&](v1::SampleBlock& b) { SetNumber((b.*array.mutable_get)(), 1, bad); });
    };
    EXPECT_THAT(spoil(kInf), HasSubstr(FieldName(array.array)));
    EXPECT_THAT(spoil(-kInf), HasSubstr(FieldName(array.array)));
  }
  for (const auto& [tensor, path] :
       std::vector<std::pair<v1::Tensor* (v1::SampleBlock::*)(), std::string>>{
           {&v1::SampleBlock::mutable_x, "block.x[0][1]"},
           {&v1::SampleBlock::mutable_weight, "block.weight[1]"},
           {&v1::SampleBlock::mutable_tangents, "block.tangents[0][0][1]"},
           {&v1::SampleBlock::mutable_adjoints, "block.adjoints[0][0][1]"},
           {&v1::SampleBlock::mutable_hvp_adjoints, "block.hvp_adjoints[0][0][1]"},
           {&v1::SampleBlock::mutable_hvp_tangents, "block.hvp_tangents[0][0][1]"}}) {
    EXPECT_THAT(Complaint([&, t = tensor](v1::SampleBlock& b) { SetNumber((b.*t)(), 1, kNan); }),
                HasSubstr("NON_FINITE " + path));
  }
}

TEST(LabelsTest, DirectionsAndResultsComeTogether) {
  using Block = v1::SampleBlock;
  EXPECT_THAT(Complaint([](Block& b) { b.clear_jvp(); }),
              HasSubstr("MISSING_FIELD block.jvp: expected it to be set together with "
                        "block.tangents"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_tangents(); }),
              HasSubstr("MISSING_FIELD block.tangents"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_vjp(); }), HasSubstr("MISSING_FIELD block.vjp"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_adjoints(); }),
              HasSubstr("MISSING_FIELD block.adjoints"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_hvp(); }), HasSubstr("MISSING_FIELD block.hvp"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_hvp_tangents(); }),
              HasSubstr("MISSING_FIELD block.hvp_tangents"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_hvp_adjoints(); }),
              HasSubstr("MISSING_FIELD block.hvp_adjoints"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_jacobian(); }),
              HasSubstr("MISSING_FIELD block.jacobian"));
  EXPECT_THAT(Complaint([](Block& b) { b.clear_y(); }), HasSubstr("MISSING_FIELD block.y"));
}

TEST(LabelsTest, ShapesMustAgree) {
  using Block = v1::SampleBlock;
  EXPECT_THAT(Complaint([](Block& b) {
                *b.mutable_tangents() = MakeTensor({4, 3}, 1);
              }),
              HasSubstr("SHAPE_MISMATCH block.tangents: expected shape [4, k, 3] (rows of x, "
                        "tangents of each, inputs), got [4, 3]"));
  EXPECT_THAT(Complaint([](Block& b) {
                *b.mutable_jvp() = MakeTensor({4, 1, 2}, 1);
              }),
              HasSubstr("SHAPE_MISMATCH block.jvp: expected shape [4, 2, 2]"));
  EXPECT_THAT(Complaint([](Block& b) {
                *b.mutable_adjoints() = MakeTensor({3, 1, 2}, 1);
              }),
              HasSubstr("SHAPE_MISMATCH block.adjoints"));
  EXPECT_THAT(Complaint([](Block& b) {
                *b.mutable_vjp() = MakeTensor({4, 1, 2}, 1);
              }),
              HasSubstr("SHAPE_MISMATCH block.vjp: expected shape [4, 1, 3]"));
  EXPECT_THAT(Complaint([](Block& b) {
                *b.mutable_hvp_adjoints() = MakeTensor({4, 3, 3}, 1);
              }),
              HasSubstr("SHAPE_MISMATCH block.hvp_adjoints: expected shape [4, 3, 2]"));
  EXPECT_THAT(Complaint([](Block& b) { *b.mutable_y_variance() = MakeTensor({4}, 1); }),
              HasSubstr("SHAPE_MISMATCH block.y_variance"));
  for (const std::int64_t count : {0, 65}) {
    EXPECT_THAT(Complaint([&](Block& b) {
                  *b.mutable_tangents() = MakeTensor({4, count, 3}, 1);
                  *b.mutable_jvp() = MakeTensor({4, count, 2}, 1);
                }),
                HasSubstr("OUT_OF_RANGE block.tangents: expected 1 to 64 directions in each row, "
                          "got " +
                          std::to_string(count)));
  }
}

TEST(LabelsTest, VariancesArePositiveWhereTheirLabelIsKnown) {
  using Block = v1::SampleBlock;
  for (const double bad : {0.0, -1.0, kInf, kNan}) {
    EXPECT_THAT(Complaint([&](Block& b) { SetNumber(b.mutable_y_variance(), 3, bad); }),
                HasSubstr("OUT_OF_RANGE block.y_variance[1][1]: expected a finite variance > 0"));
    EXPECT_THAT(Complaint([&](Block& b) { SetNumber(b.mutable_jacobian_variance(), 6, bad); }),
                HasSubstr("OUT_OF_RANGE block.jacobian_variance[1][0][0]"));
  }
  EXPECT_EQ(Complaint([](Block& b) {
              SetNumber(b.mutable_y(), 3, kNan);
              SetNumber(b.mutable_y_variance(), 3, kNan);
            }),
            "");
}

TEST(LabelsTest, ARowWithoutAnyLabelIsRefused) {
  v1::Schema schema = MakeSchema();
  schema.mutable_outputs(0)->set_allow_missing(true);
  auto block = std::make_shared<v1::SampleBlock>();
  *block->mutable_x() = MakeTensor({3, 3}, 1);
  *block->mutable_y() = MakeTensor({3, 2}, 1);
  *block->mutable_tangents() = MakeTensor({3, 1, 3}, 1);
  *block->mutable_jvp() = MakeTensor({3, 1, 2}, 1);
  for (const std::size_t i : {0U, 1U, 4U, 5U}) SetNumber(block->mutable_y(), i, kNan);
  for (const std::size_t i : {1U, 2U, 3U, 4U}) SetNumber(block->mutable_jvp(), i, kNan);
  // Row 0 has a tangent, row 1 values, row 2 half a tangent.
  EXPECT_EQ(Check(block, schema).counts.tangents, 2);
  SetNumber(block->mutable_jvp(), 5, kNan);
  try {
    Check(block, schema);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "NO_LABEL");
    EXPECT_THAT(error.what(), HasSubstr("block.x[2]: expected at least one"));
  }
  block->clear_y();
  block->clear_tangents();
  block->clear_jvp();
  EXPECT_THROW(Check(block, schema), Error);
}

TEST(LabelsTest, AllArraysComeBackInPieces) {
  const std::shared_ptr<v1::SampleBlock> sent = MakeBlock();
  SetNumber(sent->mutable_hvp(), 20, kNan);
  const SampleBlockData data = Check(sent);
  train::SampleBlock samples{.rows = 4, .num_tangents = 2, .num_adjoints = 1, .num_hvps = 3};
  const auto arrays = data.Arrays();
  for (const WireArray& array : WireArrays()) {
    samples.*array.numbers =
        reinterpret_cast<const double*>(arrays[static_cast<std::size_t>(array.array)].data());
  }
  v1::SampleBlock head;
  v1::SampleBlock tail;
  FillBlock(samples, 3, 2, 0, 1, v1::Tensor::DATA_TYPE_FLOAT64, head);
  FillBlock(samples, 3, 2, 1, 3, v1::Tensor::DATA_TYPE_FLOAT64, tail);
  EXPECT_EQ(head.crc32c(), Checksum(head));
  for (const WireArray& array : WireArrays()) {
    const v1::Tensor& whole = array.In(*sent);
    EXPECT_EQ(array.In(head).data() + array.In(tail).data(), whole.data());
    EXPECT_EQ(array.In(tail).shape(0), 3);
    for (int i = 1; i < whole.shape_size(); ++i) {
      EXPECT_EQ(array.In(tail).shape(i), whole.shape(i));
    }
  }
}

// The order of the checksum is part of the protocol: the bytes by hand.
TEST(LabelsTest, TheChecksumIsOfAllArraysInTheOrderOfTheProtocol) {
  const std::shared_ptr<v1::SampleBlock> b = MakeBlock();
  const std::string bytes = b->x().data() + b->y().data() + b->jacobian().data() +
                            b->weight().data() + b->tangents().data() + b->jvp().data() +
                            b->adjoints().data() + b->vjp().data() + b->hvp_adjoints().data() +
                            b->hvp_tangents().data() + b->hvp().data() + b->y_variance().data() +
                            b->jacobian_variance().data();
  EXPECT_EQ(Checksum(*b), Crc32c(std::as_bytes(std::span(bytes))));
}

}  // namespace
}  // namespace sobolev::server
