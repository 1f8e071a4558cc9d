#include "client/cli/point_query.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include "client/cli/files.h"
#include "client/cli/option_values.h"
#include "client/cli/sample_csv.h"
#include "client/cli/schema_text.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;

// Of a reply, so that it stays far below the message limit.
constexpr Index kBatchBytes = 4 << 20;
constexpr Index kMaxBatchRows = 4096;

// One column for each text of numbers.
Matrix ParseColumns(const std::vector<std::string>& texts, std::size_t rows,
                    const std::string& option) {
  Matrix columns(static_cast<Index>(rows), static_cast<Index>(texts.size()));
  for (std::size_t k = 0; k < texts.size(); ++k) {
    const std::vector<double> numbers = ParseNumbers(texts[k], option);
    if (numbers.size() != rows) {
      throw UsageError(option + ": expected " + std::to_string(rows) + " numbers, got " +
                       std::to_string(numbers.size()) + " in \"" + texts[k] + "\"");
    }
    columns.col(static_cast<Index>(k)) =
        Eigen::Map<const client::Vector>(numbers.data(), columns.rows());
  }
  return columns;
}

Index BatchRows(const PredictionLayout& layout) {
  const auto n = static_cast<Index>(layout.derivative_inputs.size());
  const auto m = static_cast<Index>(layout.outputs.size());
  const Index numbers = static_cast<Index>(layout.inputs.size()) + m +
                        (layout.jacobian ? n * m : 0) + (layout.hessian ? n * n * m : 0) +
                        m * layout.p + n * layout.q + (layout.hvp ? n * layout.p * layout.q : 0) +
                        (layout.spread ? m : 0) + (layout.jacobian_spread ? n * m : 0);
  const auto row_bytes = static_cast<Index>(sizeof(double)) * numbers;
  return std::clamp<Index>(kBatchBytes / row_bytes, 1, kMaxBatchRows);
}

void AnswerFile(const std::string& name, const client::Schema& schema,
                const PredictionLayout& layout, PredictionWriter& writer,
                const AnswerPoints& answer) {
  InputFile file(name);
  SampleCsv csv(file.stream(), file.name(), schema, SampleCsv::Content::kPoints);
  const Index rows = BatchRows(layout);
  for (client::Samples points = csv.Read(rows); points.X.cols() > 0; points = csv.Read(rows)) {
    answer(points.X, writer);
  }
}

}  // namespace

void AddPointOptions(CLI::App& command, PointQuery& query) {
  CLI::Option* csv = command.add_option(
      "--csv", query.csv, "File with a column for each input; - or nothing: standard input");
  command
      .add_option("--point", query.points,
                  "A point instead of a file, as in 0.5,1.2; repeat it for more points")
      ->allow_extra_args(false)
      ->excludes(csv);
  command.add_flag("--jacobian", query.jacobian, "All derivatives d<output>/d<input>");
  command.add_flag("--hessian", query.hessian,
                   "All second derivatives d2<output>/d<input>d<input>");
  command
      .add_option("--jvp", query.tangents,
                  "A direction in the inputs, as in 1,0: the tangent J x_dot; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--vjp", query.adjoints,
                  "Weights of the outputs, as in 1: the adjoint J^T y_bar; may be repeated")
      ->allow_extra_args(false);
  command.add_flag("--hvp", query.hvp, "Second-order adjoints of each --vjp along each --jvp");
  command
      .add_option("--format", query.format,
                  "table (default), csv (exact numbers) or json (default with --json)")
      ->transform(OneOf(OutputFormats()));
  command.add_option(
      "--out", query.out,
      "File to write to instead of standard output; stays as it was if the command fails");
}

client::Quantities ParseQuantities(const PointQuery& query, std::size_t n, std::size_t m) {
  if (query.hvp && (query.tangents.empty() || query.adjoints.empty())) {
    throw UsageError("--hvp: expected --jvp and --vjp with it");
  }
  return {.jacobian = query.jacobian,
          .hessian = query.hessian,
          .tangents = ParseColumns(query.tangents, n, "--jvp"),
          .adjoints = ParseColumns(query.adjoints, m, "--vjp"),
          .hvp = query.hvp};
}

void AnswerQuery(const PointQuery& query, const client::Schema& schema,
                 const PredictionLayout& layout, OutputFormat default_format,
                 const AnswerPoints& answer) {
  std::optional<OutputFile> file;
  if (!query.out.empty()) file.emplace(query.out);
  std::ostream& out = file ? file->stream() : std::cout;
  PredictionWriter writer(out, query.format.value_or(default_format), layout);
  if (query.points.empty()) {
    AnswerFile(query.csv.empty() ? "-" : query.csv, schema, layout, writer, answer);
  } else {
    answer(ParseColumns(query.points, layout.inputs.size(), "--point"), writer);
  }
  writer.Finish();
  if (file) file->Commit();
}

}  // namespace sobolev::cli
