// Samples in a CSV file, for a known schema.
//
// The header names the columns, in any order:
//
//   <x>, <y>             the inputs and outputs
//   d<y>/d<x>            derivatives, for every pair of them or for none
//   weight               unless a variable has that name
//   tangent1:<x> …, jvp1:<y> …, tangent2:<x> …
//                        directions in the inputs, and J times them
//   adjoint1:<y> …, vjp1:<x> …
//                        weights of the outputs, and their products with J
//   hvp_tangent1:<x> …, hvp_adjoint1:<y> …, hvp1:<x> …
//                        Hessian-vector products; without adjoints, if there is one output, 1
//   variance:<y>, variance:d<y>/d<x>
//                        of the noise, for all outputs or pairs or for none
//
// A missing label is an empty field or nan. Outputs that may be missing need no column, nor do
// derivatives that may.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLE_CSV_H_
#define SOBOLEV_CLIENT_CLI_SAMPLE_CSV_H_

#include <array>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sobolev/types.h>

#include "client/cli/csv_reader.h"

namespace sobolev::cli {

// Not thread-safe.
class SampleCsv {
 public:
  enum class Content {
    kSamples,  // Inputs and labels.
    kPoints,   // Inputs; the other columns of the schema are skipped if they are there.
  };

  // Reads the header. `in` outlives the object. Throws UsageError "file:line:column: ..." for an
  // empty file and for missing, unknown or repeated columns and what is there in part.
  SampleCsv(std::istream& in, const std::string& file_name, const client::Schema& schema,
            Content content);

  // The next rows, at most `max_rows` and fewer only at the end of the file. Throws UsageError for
  // a wrong number of fields, for what is not a finite number and for missing labels that the
  // schema does not allow.
  client::Samples Read(client::Index max_rows);

  bool has_jacobian() const { return has_jacobian_; }
  // Directions of each sample.
  client::Index num_tangents() const { return num_directions_[0]; }
  client::Index num_adjoints() const { return num_directions_[1]; }
  client::Index num_hvps() const { return num_directions_[2]; }
  // Bytes of a sample in memory.
  client::Index row_bytes() const;

 private:
  // Where the fields of a column go: into row `row` of this matrix, column `column` of each
  // sample's. Null: the weight.
  struct Column {
    client::Matrix client::Samples::*matrix = nullptr;
    client::Index row = 0;
    client::Index column = 0;
    bool may_miss = false;
    client::Index columns = 1;  // Of each sample, once the header is read.
  };
  // The matrices that the file fills, with their rows and columns of each sample.
  struct Target {
    client::Matrix client::Samples::*matrix;
    client::Index rows;
    client::Index columns;
  };
  using Numbers = std::unordered_map<std::string, client::Index>;

  void NameColumns();
  void ReadHeader();
  std::optional<Column> Find(const std::string& name);
  // As in "jvp2:u".
  std::optional<Column> FindDirectional(std::string_view name);
  // That no column is missing.
  void CheckComplete() const;
  void CheckDirections(const std::unordered_set<std::string>& present) const;
  void SetTargets();
  bool IsThere(client::Matrix client::Samples::*matrix) const;
  client::Index ColumnsOf(client::Matrix client::Samples::*matrix) const;
  double Number(std::size_t field) const;

  CsvReader reader_;
  const Content content_;
  const client::Schema schema_;
  const client::Index n_;
  const client::Index m_;
  std::unordered_map<std::string, Column> known_;  // What the schema allows, but for directions.
  Numbers input_numbers_;
  Numbers output_numbers_;
  std::vector<std::string> names_;  // Of the file's columns.
  std::vector<Column> columns_;     // What they hold.
  std::vector<Target> targets_;
  bool has_jacobian_ = false;
  bool has_weight_ = false;
  std::array<client::Index, 3> num_directions_ = {};  // Tangents, adjoints, hvps.
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLE_CSV_H_
