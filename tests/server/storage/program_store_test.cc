#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "server/storage/schema.h"
#include "server/storage/sqlite.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

using testing::HasSubstr;

class ProgramStoreTest : public StoreTest {
 protected:
  ProgramRecord Create(const std::string& id, const std::string& source) {
    return store().CreateProgram(
        {.id = id, .source = source, .variables = "variables", .overview = "overview of " + id});
  }
};

TEST_F(ProgramStoreTest, AProgramOutlivesTheStore) {
  const std::string source = "input x\noutput y = x  ## \xc3\xa4\n";
  const ProgramRecord created = Create("p", source);
  EXPECT_GT(created.create_micros, 0);
  Open();
  const ProgramRecord found = store().GetProgram("p");
  EXPECT_EQ(found.id, "p");
  EXPECT_EQ(found.source, source);
  EXPECT_EQ(found.variables, "variables");
  EXPECT_EQ(found.overview, "overview of p");
  EXPECT_EQ(found.create_micros, created.create_micros);
}

TEST_F(ProgramStoreTest, AnAcknowledgedProgramSurvivesACrash) {
  Create("kept", "source");
  Create("deleted", "source");
  store().DeleteProgram("deleted");
  CrashAndOpen();
  EXPECT_EQ(store().GetProgram("kept").source, "source");
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetProgram("deleted"); });
}

TEST_F(ProgramStoreTest, AStoreOfTheVersionBeforeGainsPrograms) {
  store_.reset();
  std::filesystem::remove_all(data_dir_);
  std::filesystem::create_directory(data_dir_);
  {
    Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
    MigrateSchema(db, 1);
    db.Execute(
        "INSERT INTO datasets (uid, id, schema, n, m, create_micros, update_micros) "
        "VALUES ('u', 'd', x'', 3, 2, 0, 0);"
        "INSERT INTO dataset_versions VALUES ('u', 0, 0, 0, 0, 0, x'', '')");
  }
  Open();
  EXPECT_EQ(store().GetDataset("d").id, "d");
  EXPECT_EQ(Create("p", "source").source, "source");
}

TEST_F(ProgramStoreTest, CreatingItAgainReturnsItUnlessTheSourceDiffers) {
  const ProgramRecord first = Create("p", "one");
  EXPECT_EQ(Create("p", "one").create_micros, first.create_micros);
  EXPECT_THAT(
      ExpectError(ErrorCode::kAlreadyExists, "PROGRAM_ALREADY_EXISTS", [&] { Create("p", "two"); }),
      HasSubstr("program_id: \"p\" exists with another source"));
  EXPECT_EQ(store().GetProgram("p").source, "one");
}

TEST_F(ProgramStoreTest, ProgramsAreListedInPagesWithoutWhatIsLong) {
  for (const char* id : {"b", "c", "a"}) Create(id, "source");
  const std::vector<ProgramRecord> first = store().ListPrograms("", 2);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].id, "a");
  EXPECT_EQ(first[1].id, "b");
  EXPECT_EQ(first[1].overview, "overview of b");
  EXPECT_EQ(first[1].source, "");
  EXPECT_EQ(first[1].variables, "");
  const std::vector<ProgramRecord> second = store().ListPrograms("b", 2);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].id, "c");
}

TEST_F(ProgramStoreTest, ADeletedProgramIsGoneAndItsNameIsFree) {
  Create("p", "one");
  store().DeleteProgram("p");
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetProgram("p"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().DeleteProgram("p"); });
  EXPECT_EQ(Create("p", "two").source, "two");
}

TEST_F(ProgramStoreTest, AChangedSourceIsDetected) {
  Create("p", "output y = x + 1");
  {
    Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
    db.Run("UPDATE programs SET source = ?1", std::string("output y = x + 3"));
  }
  EXPECT_THAT(
      ExpectError(ErrorCode::kDataLoss, "CORRUPT_PROGRAM", [&] { store().GetProgram("p"); }),
      HasSubstr("\"p\" fails its checksum"));
  store().DeleteProgram("p");
}

}  // namespace
}  // namespace sobolev::server
