// Samples in a CSV file, for a known schema.
//
// The header names the columns, in any order: the inputs, the outputs, d<y>/d<x> for every pair of
// them or for none, and perhaps "weight" (unless a variable has that name).

#ifndef SOBOLEV_CLIENT_CLI_SAMPLE_CSV_H_
#define SOBOLEV_CLIENT_CLI_SAMPLE_CSV_H_

#include <istream>
#include <string>
#include <unordered_map>
#include <vector>

#include <sobolev/types.h>

#include "client/cli/csv_reader.h"

namespace sobolev::cli {

// Not thread-safe.
class SampleCsv {
 public:
  enum class Content {
    kSamples,  // Inputs and outputs, perhaps derivatives and weights.
    kPoints,   // Inputs; the other columns of the schema are skipped if they are there.
  };

  // Reads the header. `in` outlives the object. Throws UsageError "file:line:column: ..." for an
  // empty file and for missing, unknown or repeated columns and a Jacobian that is there in part.
  SampleCsv(std::istream& in, const std::string& file_name, const client::Schema& schema,
            Content content);

  // The next rows, at most `max_rows` and fewer only at the end of the file. Throws UsageError for
  // a wrong number of fields and for what is not a finite number.
  client::Samples Read(client::Index max_rows);

  bool has_jacobian() const { return has_jacobian_; }

 private:
  enum class Kind { kX, kY, kJacobian, kWeight };
  // What a column holds: X(i, ·), Y(i, ·), ∂y_output/∂x_i, or the weight.
  struct Column {
    Kind kind = Kind::kX;
    client::Index i = 0;
    client::Index output = 0;
  };
  // By the name of the column: all that the schema allows.
  using Columns = std::unordered_map<std::string, Column>;

  void ReadHeader(const Columns& known);
  // That no column is missing.
  void CheckComplete() const;
  double Number(std::size_t field) const;

  CsvReader reader_;
  const Content content_;
  const client::Schema schema_;
  std::vector<std::string> names_;  // Of the file's columns.
  std::vector<Column> columns_;     // What they hold.
  bool has_jacobian_ = false;
  bool has_weight_ = false;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLE_CSV_H_
