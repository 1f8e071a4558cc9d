#include "client/cli/schema_text.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Schema;
using client::Variable;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(SchemaTextTest, VariablesCarryBoundsAndUnits) {
  EXPECT_THAT(ParseVariables("a,b=0:1[m/s],c=-5:,d=:1e3,e[kg, dry]", "--inputs"),
              ElementsAre(Variable{.name = "a"},
                          Variable{.name = "b", .unit = "m/s", .lower = 0, .upper = 1},
                          Variable{.name = "c", .lower = -5}, Variable{.name = "d", .upper = 1e3},
                          Variable{.name = "e", .unit = "kg, dry"}));
}

TEST(SchemaTextTest, MalformedVariablesAreRefusedWithTheOptionAndTheText) {
  for (const std::string text : {"", "a,,b", "a=1", "a=x:2", "a=1:nan", "a[m", "=1:2", "a[m]b"}) {
    EXPECT_THAT(ErrorOf([&] { ParseVariables(text, "--inputs"); }), HasSubstr("--inputs: \""))
        << text;
  }
}

TEST(SchemaTextTest, NumbersAreSeparatedByCommas) {
  EXPECT_THAT(ParseNumbers("1,-2.5,1e-3", "--point"), ElementsAre(1, -2.5, 1e-3));
  for (const std::string text : {"", "1,", "1;2", "1,nan", "1 2"}) {
    EXPECT_THAT(ErrorOf([&] { ParseNumbers(text, "--point"); }), HasSubstr("--point: ")) << text;
  }
}

TEST(SchemaTextTest, DerivativeColumnsTellInputsFromOutputs) {
  const Schema schema = InferSchema({"b", "y", "a", "weight", "dy/da", "dy/db"}, Schema{}, "f.csv");
  EXPECT_THAT(schema.inputs, ElementsAre(Variable{.name = "b"}, Variable{.name = "a"}));
  EXPECT_THAT(schema.outputs, ElementsAre(Variable{.name = "y"}));
}

TEST(SchemaTextTest, TheColumnsThatAreNotOutputsAreInputs) {
  const Variable output{.name = "y", .unit = "Pa"};
  const Schema schema = InferSchema({"a", "y", "b", "weight", "dy/da"},
                                    Schema{.inputs = {}, .outputs = {output}}, "f.csv");
  EXPECT_THAT(schema.inputs, ElementsAre(Variable{.name = "a"}, Variable{.name = "b"}));
  EXPECT_THAT(schema.outputs, ElementsAre(output));
}

TEST(SchemaTextTest, AColumnInDoubtIsAnError) {
  EXPECT_THAT(ErrorOf([] {
                InferSchema({"a", "y"}, Schema{}, "f.csv");
              }),
              HasSubstr("f.csv: cannot tell whether column \"a\" is an input or an output"));
  EXPECT_THAT(ErrorOf([] {
                InferSchema({"a", "y", "z", "dy/da"}, Schema{}, "f.csv");
              }),
              HasSubstr("column \"z\""));
  EXPECT_THAT(ErrorOf([] {
                InferSchema({"a", "y"}, Schema{.inputs = {}, .outputs = {{.name = "u"}}}, "f.csv");
              }),
              HasSubstr("f.csv: has no column \"u\""));
}

TEST(SchemaTextTest, OutputsThatMayBeMissingAreNamed) {
  const Schema plain{.inputs = {{.name = "a"}}, .outputs = {{.name = "u"}, {.name = "v"}}};
  Schema schema = plain;
  AllowMissing("v", "--allow-missing", schema);
  EXPECT_FALSE(schema.outputs[0].allow_missing);
  EXPECT_TRUE(schema.outputs[1].allow_missing);
  schema = plain;
  AllowMissing("all", "--allow-missing", schema);
  EXPECT_TRUE(schema.outputs[0].allow_missing);
  EXPECT_TRUE(schema.outputs[1].allow_missing);
  EXPECT_FALSE(schema.inputs[0].allow_missing);
  EXPECT_THROW(AllowMissing("a", "--allow-missing", schema), UsageError);
}

TEST(SchemaTextTest, ColumnsOfDirectionsAreNoVariables) {
  const Schema schema = InferSchema({"a", "u", "tangent1:a", "jvp1:u", "variance:u"},
                                    {.inputs = {}, .outputs = {{.name = "u"}}}, "f.csv");
  ASSERT_EQ(schema.inputs.size(), 1U);
  EXPECT_EQ(schema.inputs[0].name, "a");
}

}  // namespace
}  // namespace sobolev::cli
