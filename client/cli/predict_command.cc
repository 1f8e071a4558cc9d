#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/point_query.h"

namespace sobolev::cli {
namespace {

struct PredictArguments {
  std::string model;
  PointQuery query;
  bool spread = false;
  bool jacobian_spread = false;
};

void Predict(const PredictArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  // All batches are answered by the version that is the newest now.
  const client::ModelVersion version = client.GetModelVersion(arguments.model);
  client::Quantities quantities =
      ParseQuantities(arguments.query, version.schema.inputs.size(), version.schema.outputs.size());
  quantities.spread = arguments.spread;
  quantities.jacobian_spread = arguments.jacobian_spread;
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
  predict->add_flag("--spread", arguments->spread,
                    "Standard deviations of the values, of Gaussian processes and ensembles");
  predict->add_flag("--jacobian-spread", arguments->jacobian_spread,
                    "Standard deviations of the derivatives, likewise");
  predict->footer(
      "The column in_domain says whether the point lies within the box of the training samples;\n"
      "outside it the model extrapolates. Columns of outputs, derivatives and weights are "
      "skipped.");
  predict->callback([arguments, &context] { Predict(*arguments, context); });
}

}  // namespace sobolev::cli
