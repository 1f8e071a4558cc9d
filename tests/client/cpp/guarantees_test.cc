#include <cmath>
#include <string>

#include <gtest/gtest.h>
#include <sobolev/client.h>
#include <sobolev/guarantees.h>

#include "tests/client/cpp/client_testing.h"

namespace sobolev::client {
namespace {

constexpr const char* kProduct =
    "input a in [-1, 2]\ninput b in [3, 4]\noutput y = a * b\noutput z = b\n";

class GuaranteesTest : public WithServer {
 protected:
  void SetUp() override { client_.CreateProgram("product", kProduct); }
};

TEST_F(GuaranteesTest, BoundsAreThoseOfTheProduct) {
  const Bounds bounds = client_.Bound("programs/product", {.jacobian = true});
  EXPECT_EQ(bounds.function, "programs/product");
  ASSERT_EQ(bounds.value_min.size(), 2);
  EXPECT_LE(bounds.value_min(0), -4);
  EXPECT_NEAR(bounds.value_min(0), -4, 0.05);
  EXPECT_NEAR(bounds.value_max(0), 8, 0.05);
  // ∂y/∂a = b, ∂y/∂b = a, ∂z/∂a = 0.
  ASSERT_EQ(bounds.jacobian_min.rows(), 2);
  EXPECT_NEAR(bounds.jacobian_min(0, 0), 3, 1e-12);
  EXPECT_NEAR(bounds.jacobian_max(1, 0), 2, 1e-12);
  EXPECT_EQ(bounds.jacobian_max(0, 1), 0);
  EXPECT_GE(bounds.sampled_value_min(0), bounds.value_min(0));
  EXPECT_TRUE(bounds.tight);
  const Bounds narrow = client_.Bound(
      "programs/product", {.box = {{0, 1}, {3, 3}}, .max_boxes = 1, .tolerance = 0, .seed = 2});
  EXPECT_NEAR(narrow.value_max(0), 3, 1e-12);
  EXPECT_EQ(narrow.jacobian_min.size(), 0);
  EXPECT_EQ(narrow.box_count, 1);
  EXPECT_EQ(narrow.box.at(1).min, 3);
}

TEST_F(GuaranteesTest, DifferencesAreToAnotherFunction) {
  client_.CreateProgram("other", std::string(kProduct) + "# The same.\n");
  const Bounds none = client_.Bound("programs/product", {.compare_to = "programs/other"});
  EXPECT_EQ(none.compared_to, "programs/other");
  EXPECT_GE(none.value_max(0), 0);
}

TEST_F(GuaranteesTest, CertificatesTellWhereConditionsHold) {
  const Certificate certificate =
      client_.Certify("programs/product", {.values = {{.output = "y", .max = 0}}},
                      {.max_boxes = 200, .max_pieces = 5});
  // y <= 0 where a <= 0, a third of the box.
  EXPECT_NEAR(certificate.proved, 1.0 / 3, 0.02);
  EXPECT_LE(certificate.proved, 1.0 / 3);
  EXPECT_NEAR(
      certificate.proved + certificate.violated + certificate.refuted + certificate.undecided, 1,
      1e-12);
  ASSERT_FALSE(certificate.pieces.empty());
  for (const Certificate::Piece& piece : certificate.pieces) {
    const Range& a = piece.box.at(0);
    if (piece.verdict == Verdict::kProved) {
      EXPECT_LE(a.max, 0);
    }
    if (piece.verdict == Verdict::kViolated) {
      EXPECT_GE(a.min, 0);
    }
    EXPECT_EQ(piece.counter_example.size(), piece.verdict == Verdict::kRefuted ? 2 : 0);
  }
  const Conditions derivatives{.derivatives = {{.output = "y", .input = "b", .most = 2}}};
  EXPECT_EQ(client_.Certify("programs/product", derivatives).proved, 1);
}

TEST_F(GuaranteesTest, SignificanceNamesInputsAndOperations) {
  const Significance significance = client_.AnalyzeSignificance(
      "programs/product", {.cuts = {{.input = "b", .pieces = 4, .geometric = true}}});
  ASSERT_EQ(significance.inputs.size(), 2U);
  EXPECT_EQ(significance.inputs[0].name, "a");
  // w = 3 and |∂y/∂a| <= 4; w = 1 and |∂y/∂b| <= 2.
  EXPECT_NEAR(significance.inputs[0].sigma(0), 12, 1e-9);
  EXPECT_NEAR(significance.inputs[1].relaxed_sigma(0), 2, 1e-9);
  EXPECT_EQ(significance.inputs[0].sigma(1), 0);
  EXPECT_GT(significance.inputs[0].sampled(0), 0);
  ASSERT_EQ(significance.vertices.size(), 1U);
  EXPECT_EQ(significance.vertices[0].operation, "multiply(a, b)");
  EXPECT_NEAR(significance.vertices[0].range.max, 8, 1e-12);
  EXPECT_EQ(significance.outputs, (std::vector<std::string>{"y", "z"}));
}

TEST_F(GuaranteesTest, ErrorsNameTheField) {
  try {
    client_.Bound("programs/product", {.box = {{1, 0}, {3, 4}}});
    FAIL() << "expected an RpcError";
  } catch (const RpcError& error) {
    EXPECT_EQ(error.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(error.reason(), "INVERTED_BOX");
  }
}

}  // namespace
}  // namespace sobolev::client
