#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/point_query.h"

namespace sobolev::cli {
namespace {

struct PredictArguments {
  std::string model;
  PointQuery query;
};

void Predict(const PredictArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  // All batches are answered by the version that is the newest now.
  const client::ModelVersion version = client.GetModelVersion(arguments.model);
  const client::Quantities quantities =
      ParseQuantities(arguments.query, version.schema.inputs.size(), version.schema.outputs.size());
  AnswerQuery(arguments.query, version.schema, LayoutOf(version, quantities),
              context.json ? OutputFormat::kJson : OutputFormat::kTable,
              [&](const client::Matrix& X, PredictionWriter& writer) {
                writer.Write(X, client.Predict(version.name, X, quantities));
              });
}

}  // namespace

void AddPredictCommand(CLI::App& app, Context& context) {
  CLI::App* predict =
      app.add_subcommand("predict", "Evaluate a model and its derivatives.")->fallthrough();
  const auto arguments = std::make_shared<PredictArguments>();
  predict
      ->add_option("MODEL", arguments->model,
                   "Model, for its newest version, or models/MODEL/versions/N")
      ->required();
  AddPointOptions(*predict, arguments->query);
  predict->footer(
      "The column in_domain says whether the point lies within the box of the training samples;\n"
      "outside it the model extrapolates. Columns of outputs, derivatives and weights are "
      "skipped.");
  predict->callback([arguments, &context] { Predict(*arguments, context); });
}

}  // namespace sobolev::cli
