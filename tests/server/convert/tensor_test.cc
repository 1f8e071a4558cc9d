#include "server/convert/tensor.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
v1::Tensor MakeTensor(const std::vector<std::int64_t>& shape, const std::vector<T>& values) {
  v1::Tensor tensor;
  tensor.set_data_type(sizeof(T) == 4 ? v1::Tensor::DATA_TYPE_FLOAT32
                                      : v1::Tensor::DATA_TYPE_FLOAT64);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data(values.data(), values.size() * sizeof(T));
  return tensor;
}

// What the view of `tensor` as [N, 2] named "x" says against it; empty if nothing.
std::string Complaint(const v1::Tensor& tensor) {
  try {
    const TensorView view(tensor, "x", {-1, 2}, "rows, columns");
    view.RequireFinite();
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
}

TEST(TensorTest, Float64IsViewedInPlace) {
  const v1::Tensor tensor = MakeTensor<double>({2, 2}, {1, 2, 3, 4});
  const TensorView view(tensor, "x", {-1, 2}, "rows, columns");
  EXPECT_EQ(static_cast<const void*>(view.data()), tensor.data().data());
  EXPECT_EQ(view.size(), 4);
  EXPECT_FALSE(view.is_converted());
}

TEST(TensorTest, Float32IsWidened) {
  const v1::Tensor tensor = MakeTensor<float>({1, 2}, {0.5F, -3.0F});
  const TensorView view(tensor, "x", {-1, 2}, "rows, columns");
  EXPECT_THAT(std::vector<double>(view.data(), view.data() + 2), ElementsAre(0.5, -3.0));
  EXPECT_TRUE(view.is_converted());
}

TEST(TensorTest, AWrongShapeIsNamedWithTheExpectedOne) {
  EXPECT_THAT(Complaint(MakeTensor<double>({1, 3}, {1, 2, 3})),
              HasSubstr("x: expected shape [N, 2] (rows, columns), got [1, 3]"));
  EXPECT_THAT(Complaint(MakeTensor<double>({2}, {1, 2})), HasSubstr("got [2]"));
  EXPECT_THAT(Complaint(v1::Tensor()), HasSubstr("got []"));
}

TEST(TensorTest, TheNumberOfBytesMustFitTheShape) {
  EXPECT_THAT(Complaint(MakeTensor<double>({2, 2}, {1, 2, 3})),
              HasSubstr("x.data: expected 32 bytes for shape [2, 2]"));
}

TEST(TensorTest, NegativeAndOverflowingShapesAreRefused) {
  EXPECT_THAT(Complaint(MakeTensor<double>({-1, 2}, {})),
              HasSubstr("x.shape[0]: expected 0 or more"));
  EXPECT_THAT(Complaint(MakeTensor<double>({std::int64_t{1} << 62, 2}, {})), HasSubstr("x.shape"));
  EXPECT_THAT(Complaint(MakeTensor<double>({std::numeric_limits<std::int64_t>::max(), 2}, {})),
              HasSubstr("x.shape"));
}

TEST(TensorTest, AnUnknownDataTypeIsRefused) {
  v1::Tensor tensor = MakeTensor<double>({1, 2}, {1, 2});
  tensor.set_data_type(static_cast<v1::Tensor::DataType>(7));
  EXPECT_THAT(Complaint(tensor), HasSubstr("x.data_type"));
}

TEST(TensorTest, EveryPlaceOfANonFiniteNumberIsFoundAndNamed) {
  constexpr std::size_t kRows = 11;
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    for (std::size_t i = 0; i < 2 * kRows; ++i) {
      std::vector<double> values(2 * kRows, 1e308);
      values[i] = bad;
      EXPECT_THAT(Complaint(MakeTensor<double>({kRows, 2}, values)),
                  HasSubstr("(row " + std::to_string(i / 2) + ", column " + std::to_string(i % 2)));
    }
  }
}

TEST(TensorTest, HugeDenormalAndZeroNumbersAreFinite) {
  EXPECT_EQ(Complaint(MakeTensor<double>({2, 2}, {1e308, -1e308, 5e-324, -0.0})), "");
}

TEST(TensorTest, ColumnRangesAreMinimaAndMaxima) {
  const v1::Tensor tensor = MakeTensor<double>({3, 2}, {1, -2, 5, 0, -7, 9});
  const std::vector<ValueRange> ranges =
      ColumnRanges(TensorView(tensor, "x", {-1, 2}, "rows, columns"), 2);
  EXPECT_EQ(ranges[0].min, -7);
  EXPECT_EQ(ranges[0].max, 5);
  EXPECT_EQ(ranges[1].min, -2);
  EXPECT_EQ(ranges[1].max, 9);
}

TEST(TensorTest, RepliesComeInEitherPrecision) {
  const std::vector<double> values = {0.1, 2, -3, 1e38};
  v1::Tensor wide;
  SetTensor({2, 2}, values.data(), v1::Tensor::DATA_TYPE_FLOAT64, wide);
  EXPECT_EQ(wide.data(), std::string(reinterpret_cast<const char*>(values.data()), 32));
  v1::Tensor narrow;
  SetTensor({2, 2}, values.data(), v1::Tensor::DATA_TYPE_FLOAT32, narrow);
  EXPECT_EQ(narrow.data_type(), v1::Tensor::DATA_TYPE_FLOAT32);
  const TensorView view(narrow, "y", {2, 2}, "");
  EXPECT_EQ(view.data()[0], static_cast<double>(0.1F));
  EXPECT_EQ(view.data()[2], -3);
  EXPECT_EQ(view.data()[3], static_cast<double>(1e38F));
}

TEST(TensorTest, NumbersBeyondFloat32AreRefusedInIt) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> huge = {1e300, kInfinity};
  v1::Tensor tensor;
  // What is infinite already stays so: programs flag their invalid points.
  SetTensor({1}, &huge[1], v1::Tensor::DATA_TYPE_FLOAT32, tensor);
  EXPECT_THROW(SetTensor({2}, huge.data(), v1::Tensor::DATA_TYPE_FLOAT32, tensor), Error);
  SetTensor({2}, huge.data(), v1::Tensor::DATA_TYPE_FLOAT64, tensor);
}

// What the view of `tensor` as [N, 2], whose first column alone may miss numbers, says against it.
std::string MissingComplaint(const v1::Tensor& tensor) {
  try {
    const TensorView view(tensor, "y", {-1, 2}, "rows, columns");
    return std::to_string(view.RequireFiniteOrMissing({true, false}, "advice"));
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(TensorTest, MissingNumbersAreCountedWhereTheyMayBe) {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(MissingComplaint(MakeTensor<double>({3, 2}, {1, 2, 3, 4, 5, 6})), "0");
  EXPECT_EQ(MissingComplaint(MakeTensor<double>({3, 2}, {nan, 2, 3, 4, nan, 6})), "2");
  EXPECT_EQ(MissingComplaint(MakeTensor<double>({2, 2}, {nan, 2, 3, nan})),
            "y[1][1]: expected a finite number, got NaN (row 1, column 1); advice");
  EXPECT_EQ(MissingComplaint(MakeTensor<double>({2, 2}, {nan, 2, -inf, 4})),
            "y[1][0]: expected a finite number, got -Inf (row 1, column 0); drop the row or mend "
            "the value");
}

TEST(TensorTest, RangesLeaveOutWhatIsMissing) {
  const double nan = std::nan("");
  const v1::Tensor tensor = MakeTensor<double>({3, 2}, {nan, nan, 3, nan, -1, nan});
  const TensorView view(tensor, "y", {-1, 2}, "rows, columns");
  const std::vector<ValueRange> ranges = ColumnRanges(view, 2);
  EXPECT_EQ(ranges[0].min, -1);
  EXPECT_EQ(ranges[0].max, 3);
  EXPECT_GT(ranges[1].min, ranges[1].max);
}

}  // namespace
}  // namespace sobolev::server
