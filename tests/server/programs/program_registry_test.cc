#include "server/programs/program_registry.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "server/base/clock.h"
#include "server/convert/programs.h"
#include "server/storage/io_env.h"
#include "server/storage/sqlite_store.h"

namespace sobolev::server {
namespace {

// x^exponent by a chain of products, so that a larger exponent is a longer program.
std::string Power(int exponent) {
  return "input x\nvar y = x\nfor i in 1.." + std::to_string(exponent) +
         " { y = y * x + i }\noutput y\n";
}

class ProgramRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "sobolev-registry-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    store_ = OpenSqliteStore({.directory = name, .clock = &clock_, .env = &io_});
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Create(const std::string& id, const std::string& source) {
    const ProgramRegistry registry(*store_, 0, {});
    store_->CreateProgram(ToRecord(id, source, *registry.Compile(source)));
  }

  SystemClock clock_;
  PosixIoEnv io_;
  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(ProgramRegistryTest, AProgramIsCompiledOnceAndThenShared) {
  Create("p", Power(3));
  ProgramRegistry registry(*store_, std::size_t{1} << 20, {});
  EXPECT_EQ(registry.FindCached("p"), nullptr);
  const ProgramRegistry::Handle first = registry.Get("p");
  EXPECT_EQ(registry.Get("p"), first);
  EXPECT_EQ(registry.FindCached("p"), first);
  EXPECT_EQ(registry.NumPrograms(), 1U);
  EXPECT_EQ(registry.SizeBytes(), first->SizeBytes());
  EXPECT_GT(registry.SizeBytes(), Power(3).size());
}

TEST_F(ProgramRegistryTest, TheLeastRecentlyUsedProgramLeavesFirst) {
  for (const char* id : {"a", "b", "c"}) Create(id, Power(50));
  const std::size_t bytes =
      ProgramRegistry(*store_, std::size_t{1} << 30, {}).Get("a")->SizeBytes();
  ProgramRegistry registry(*store_, 2 * bytes, {});
  const ProgramRegistry::Handle b = registry.Get("b");
  registry.Get("a");
  registry.Get("b");
  registry.Get("c");
  EXPECT_EQ(registry.FindCached("a"), nullptr);
  EXPECT_EQ(registry.FindCached("b"), b);
  EXPECT_EQ(registry.SizeBytes(), 2 * bytes);
}

TEST_F(ProgramRegistryTest, AProgramLargerThanTheCacheIsServedAndNotKept) {
  Create("large", Power(1000));
  ProgramRegistry registry(*store_, 1, {});
  EXPECT_EQ(registry.Get("large")->program().n(), 1);
  EXPECT_EQ(registry.NumPrograms(), 0U);
}

TEST_F(ProgramRegistryTest, ARemovedProgramLivesOnInItsHandlesAlone) {
  Create("p", Power(3));
  ProgramRegistry registry(*store_, std::size_t{1} << 20, {});
  const ProgramRegistry::Handle handle = registry.Get("p");
  store_->DeleteProgram("p");
  registry.Remove("p");
  EXPECT_EQ(registry.SizeBytes(), 0U);
  EXPECT_THROW(registry.Get("p"), Error);
  EXPECT_EQ(handle->program().m(), 1);
}

TEST_F(ProgramRegistryTest, LimitsHoldForWhatArrivesAndNotForWhatIsStored) {
  Create("p", Power(100));
  ProgramRegistry strict(*store_, std::size_t{1} << 20, {.max_source_bytes = 10});
  EXPECT_EQ(strict.Get("p")->program().n(), 1);
  try {
    strict.Compile(Power(100));
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.reason(), "SOURCE_TOO_LONG");
    EXPECT_EQ(error.field(), "source");
  }
}

// A Jacobian made of 2100 tangents has no trace that would be 2100 times as large.
TEST_F(ProgramRegistryTest, AJacobianThatIsNotSymbolicTakesNoMemory) {
  Create("p", "input x[2100]\nlet s = sum(x)\noutput y = s * x\n");
  ProgramRegistry registry(*store_, std::size_t{64} << 20, {});
  const ProgramRegistry::Handle handle = registry.Get("p");
  EXPECT_EQ(handle->program().Summarize().jacobian_mode, "forward dense");
  EXPECT_EQ(registry.FindCached("p"), handle);
}

TEST_F(ProgramRegistryTest, RecordedTracesAreRememberedOneByOne) {
  Create("p", Power(3));
  ProgramRegistry registry(*store_, std::size_t{1} << 20, {});
  const ProgramRegistry::Handle handle = registry.Get("p");
  // What was recorded for two requests says nothing of one that asks for both.
  const std::vector<std::uint32_t> recorded = {0, 1, 4, 63, 64, ServedProgram::kCombinations - 1};
  for (const std::uint32_t combination : recorded) handle->SetRecorded(combination);
  for (std::uint32_t i = 0; i < ServedProgram::kCombinations; ++i) {
    EXPECT_EQ(handle->IsRecorded(i), std::ranges::count(recorded, i) == 1) << i;
  }
}

}  // namespace
}  // namespace sobolev::server
