#include "client/cli/pipeline_text.h"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::ThrowsMessage;
using testing::UnorderedElementsAre;

TEST(PipelineTextTest, BindingsGoToTheStageInFront) {
  const client::Pipeline pipeline =
      ParsePipeline({"model:wing", "old=model:wing/versions/3", "program:lift"},
                    {"old.x.0=wing.y", "old.b=a", "lift.q=old.z"}, {"lift.y", "wing.y"});
  ASSERT_EQ(pipeline.stages.size(), 3U);
  EXPECT_EQ(pipeline.stages[0].name, "wing");
  EXPECT_EQ(pipeline.stages[0].function, "models/wing");
  EXPECT_TRUE(pipeline.stages[0].inputs.empty());
  EXPECT_EQ(pipeline.stages[1].name, "old");
  EXPECT_EQ(pipeline.stages[1].function, "models/wing/versions/3");
  EXPECT_THAT(pipeline.stages[1].inputs,
              UnorderedElementsAre(Pair("x.0", "wing.y"), Pair("b", "a")));
  EXPECT_EQ(pipeline.stages[2].name, "lift");
  EXPECT_EQ(pipeline.stages[2].function, "programs/lift");
  EXPECT_THAT(pipeline.stages[2].inputs, ElementsAre(Pair("q", "old.z")));
  EXPECT_THAT(pipeline.outputs, ElementsAre("lift.y", "wing.y"));
}

TEST(PipelineTextTest, WhatCannotBeReadIsSaid) {
  for (const char* stage : {"", "wing", "models:wing", "model:", "=model:wing", "wing=", "a=b"}) {
    EXPECT_THAT([&] { ParsePipeline({stage}, {}, {}); },
                ThrowsMessage<UsageError>(HasSubstr("--stage: expected [NAME=]model:MODEL")))
        << stage;
  }
  for (const char* binding : {"", "x=y", "wing.x", "wing.=y", "wing.x=", ".", "="}) {
    EXPECT_THAT([&] { ParsePipeline({"model:wing"}, {binding}, {}); },
                ThrowsMessage<UsageError>(HasSubstr("--bind: expected STAGE.INPUT=SOURCE")))
        << binding;
  }
  EXPECT_THAT([] { ParsePipeline({"model:wing"}, {"tail.x=y"}, {}); },
              ThrowsMessage<UsageError>(HasSubstr("an input of a stage (wing), got \"tail.x=y\"")));
  EXPECT_THAT(
      [] {
        ParsePipeline({"model:wing"}, {"wing.x=y", "wing.x=z"}, {});
      },
      ThrowsMessage<UsageError>(HasSubstr("every input once")));
}

TEST(PipelineTextTest, FieldsTellWhereInputsComeFrom) {
  const client::Pipeline pipeline{.stages = {{.name = "wing",
                                              .function = "models/wing/versions/3",
                                              .inputs = {{"a", "a"}, {"b", "b"}}},
                                             {.name = "lift",
                                              .function = "programs/lift",
                                              .inputs = {{"a", "a"}, {"q", "wing.y"}}}},
                                  .outputs = {"lift.y", "a"}};
  EXPECT_THAT(PipelineFields(pipeline),
              ElementsAre(Pair("stage wing", "models/wing/versions/3 of a, b"),
                          Pair("stage lift", "programs/lift of a, q from wing.y"),
                          Pair("outputs", "lift.y, a")));
}

}  // namespace
}  // namespace sobolev::cli
