#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/prediction_writer.h"
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

struct PredictArguments {
  std::string model;
  std::string csv;
  std::vector<std::string> points;
  bool jacobian = false;
  std::vector<std::string> tangents;
  std::vector<std::string> adjoints;
  std::optional<OutputFormat> format;
  std::string out;
};

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

void PredictFile(const client::Client& client, const client::ModelVersion& version,
                 const std::string& name, const client::Quantities& quantities,
                 PredictionWriter& writer) {
  std::ifstream file;
  const bool is_stdin = name == "-";
  if (!is_stdin) {
    file.open(name, std::ios::binary);
    if (!file) throw UsageError(name + ": cannot be opened");
  }
  SampleCsv csv(is_stdin ? std::cin : file, is_stdin ? "stdin" : name, version.schema,
                SampleCsv::Content::kPoints);
  const auto n = static_cast<Index>(version.schema.inputs.size());
  const auto m = static_cast<Index>(version.schema.outputs.size());
  const Index row_bytes = 8 * (n + m + (quantities.jacobian ? n * m : 0) +
                               m * quantities.tangents.cols() + n * quantities.adjoints.cols());
  const Index rows = std::clamp<Index>(kBatchBytes / row_bytes, 1, kMaxBatchRows);
  for (client::Samples points = csv.Read(rows); points.X.cols() > 0; points = csv.Read(rows)) {
    writer.Write(points.X, client.Predict(version.name, points.X, quantities));
  }
}

void Predict(const PredictArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  // All batches are answered by the version that is the newest now.
  const client::ModelVersion version = client.GetModelVersion(arguments.model);
  const std::size_t n = version.schema.inputs.size();
  const client::Quantities quantities{
      .jacobian = arguments.jacobian,
      .tangents = ParseColumns(arguments.tangents, n, "--jvp"),
      .adjoints = ParseColumns(arguments.adjoints, version.schema.outputs.size(), "--vjp")};

  std::ofstream file;
  if (!arguments.out.empty()) {
    file.open(arguments.out, std::ios::binary);
    if (!file) throw UsageError(arguments.out + ": cannot be written");
  }
  std::ostream& out = arguments.out.empty() ? std::cout : file;
  const OutputFormat format =
      arguments.format.value_or(context.json ? OutputFormat::kJson : OutputFormat::kTable);
  PredictionWriter writer(out, format, version, quantities.jacobian, quantities.tangents.cols(),
                          quantities.adjoints.cols());
  if (arguments.points.empty()) {
    PredictFile(client, version, arguments.csv.empty() ? "-" : arguments.csv, quantities, writer);
  } else {
    const Matrix X = ParseColumns(arguments.points, n, "--point");
    writer.Write(X, client.Predict(version.name, X, quantities));
  }
  writer.Finish();
  if (!out) throw UsageError(arguments.out + ": cannot be written");
}

}  // namespace

void AddPredictCommand(CLI::App& app, Context& context) {
  const std::map<std::string, OutputFormat> formats = {
      {"table", OutputFormat::kTable}, {"csv", OutputFormat::kCsv}, {"json", OutputFormat::kJson}};
  CLI::App* predict =
      app.add_subcommand("predict", "Evaluate a model and its derivatives.")->fallthrough();
  const auto arguments = std::make_shared<PredictArguments>();
  predict
      ->add_option("MODEL", arguments->model,
                   "Model, for its newest version, or models/MODEL/versions/N")
      ->required();
  CLI::Option* csv = predict->add_option(
      "--csv", arguments->csv, "File with a column for each input; - or nothing: standard input");
  predict
      ->add_option("--point", arguments->points,
                   "A point instead of a file, as in 0.5,1.2; repeat it for more points")
      ->allow_extra_args(false)
      ->excludes(csv);
  predict->add_flag("--jacobian", arguments->jacobian, "All derivatives d<output>/d<input>");
  predict
      ->add_option("--jvp", arguments->tangents,
                   "A direction in the inputs, as in 1,0: the tangent J x_dot; may be repeated")
      ->allow_extra_args(false);
  predict
      ->add_option("--vjp", arguments->adjoints,
                   "Weights of the outputs, as in 1: the adjoint J^T y_bar; may be repeated")
      ->allow_extra_args(false);
  predict
      ->add_option("--format", arguments->format,
                   "table (default), csv (exact numbers) or json (default with --json)")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  predict->add_option("--out", arguments->out, "File to write to instead of standard output");
  predict->footer(
      "The column in_domain says whether the point lies within the box of the training samples;\n"
      "outside it the model extrapolates. Columns of outputs, derivatives and weights are "
      "skipped.");
  predict->callback([arguments, &context] { Predict(*arguments, context); });
}

}  // namespace sobolev::cli
