#include "client/cli/sampling_picture.h"

#include <limits>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sobolev::cli {
namespace {

client::Sampling TwoRounds() {
  client::Sampling sampling;
  sampling.spec.domain = {{0, 1}, {10, 20}};
  sampling.rounds = {{.number = 1,
                      .evaluations = 8,
                      .model_version = {},
                      .value_error = 0.1,
                      .gradient_error = std::numeric_limits<double>::quiet_NaN(),
                      .time = {}},
                     {.number = 2,
                      .evaluations = 12,
                      .model_version = {},
                      .value_error = 0,
                      .gradient_error = 0.2,
                      .time = {}}};
  return sampling;
}

client::SamplingPoint Point(double a, double b, client::SamplingPointState state, int round) {
  client::SamplingPoint point;
  point.x = client::Vector{{a, b}};
  point.state = state;
  point.round = round;
  return point;
}

std::ptrdiff_t Count(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return std::distance(std::sregex_iterator(text.begin(), text.end(), regex),
                       std::sregex_iterator());
}

const client::Schema kSchema = {.inputs = {{.name = "a<b"}, {.name = "c"}},
                                .outputs = {{.name = "u"}}};

TEST(SamplingPictureTest, CornersOfTheDomainAreThoseOfTheFrame) {
  using enum client::SamplingPointState;
  const std::vector<client::SamplingPoint> points = {Point(0, 10, kDone, 0), Point(1, 20, kDone, 2),
                                                     Point(0.5, 15, kInfeasible, 1)};
  const std::string svg = DrawSampling(TwoRounds(), points, {}, kSchema, 0, 1);
  // The first and the last colour.
  EXPECT_EQ(Count(svg, R"(cx="80.00" cy="530.00" r="4" fill="#440154")"), 1);
  EXPECT_EQ(Count(svg, R"(cx="560.00" cy="50.00" r="4" fill="#fde725")"), 1);
  EXPECT_EQ(Count(svg, "stroke=\"#c22\""), 2);
  // Axes swapped.
  const std::string swapped = DrawSampling(TwoRounds(), points, {}, kSchema, 1, 0);
  EXPECT_EQ(Count(swapped, R"(cx="560.00" cy="50.00")"), 1);
}

TEST(SamplingPictureTest, ErrorsThatAreUnknownOrZeroAreNoTrouble) {
  const std::string svg = DrawSampling(TwoRounds(), {}, {}, kSchema, 0, 1);
  EXPECT_EQ(Count(svg, "<circle"), 3);
  EXPECT_EQ(Count(svg, "nan|inf"), 0);
  EXPECT_EQ(Count(DrawSampling({.spec = TwoRounds().spec}, {}, {}, kSchema, 0, 1), "nan|inf"), 0);
}

TEST(SamplingPictureTest, BoxesAreDrawnWhereTheyAre) {
  const auto box = [](double a_min, double a_max, client::BoxOrder order) {
    return client::SamplingBox{.min = client::Vector{{a_min, 10}},
                               .max = client::Vector{{a_max, 20}},
                               .order = order,
                               .volume = 0.5};
  };
  const client::SamplingBoxes boxes = {
      .round = 2,
      .boxes = {box(0, 0.5, client::BoxOrder::kConstant), box(0.5, 1, client::BoxOrder::kOpen)},
      .closed = {.constant = 0.5}};
  const std::string svg = DrawPlane(TwoRounds(), {}, boxes, kSchema, 0, 1);
  EXPECT_EQ(Count(svg, R"(x="80.00" y="50.00" width="240.00" height="480.00" fill="#b5c4d6")"), 1);
  EXPECT_EQ(Count(svg, R"(x="320.00" y="50.00" width="240.00" height="480.00" fill="white")"), 1);
}

TEST(SamplingPictureTest, BoxesAreThoseAtTheMiddleOfOtherInputs) {
  client::Sampling sampling = TwoRounds();
  sampling.spec.domain.push_back({0, 4});
  const client::Schema schema = {.inputs = {{.name = "a"}, {.name = "b"}, {.name = "c"}},
                                 .outputs = {{.name = "u"}}};
  const auto box = [](double c_min, double c_max, client::BoxOrder order) {
    return client::SamplingBox{.min = client::Vector{{0, 10, c_min}},
                               .max = client::Vector{{1, 20, c_max}},
                               .order = order};
  };
  const client::SamplingBoxes boxes = {.boxes = {box(0, 2, client::BoxOrder::kConstant),
                                                 box(2, 3, client::BoxOrder::kLinear),
                                                 box(3, 4, client::BoxOrder::kQuadratic)}};
  const std::string svg = DrawPlane(sampling, {}, boxes, schema, 0, 1);
  EXPECT_EQ(Count(svg, "#b5c4d6|#ecf1f6"), 0);
  EXPECT_EQ(Count(svg, "#d3dde8"), 1);
}

TEST(SamplingPictureTest, NamesAreEscaped) {
  const std::string svg = DrawSampling(TwoRounds(), {}, {}, kSchema, 0, 1);
  EXPECT_NE(svg.find(">a&lt;b<"), std::string::npos);
}

}  // namespace
}  // namespace sobolev::cli
