#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/option_values.h"
#include "client/cli/point_query.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

struct PredictArguments {
  std::string model;
  PointQuery query;
  std::vector<std::string> outputs;
  std::vector<std::string> inputs;
  bool spread = false;
  bool jacobian_spread = false;
};

// Where the names that were chosen stand among those of `variables`.
std::vector<int> Positions(const std::vector<std::string>& chosen,
                           const std::vector<client::Variable>& variables,
                           const std::string& option) {
  const std::vector<std::string> names = Names(variables);
  std::vector<int> positions;
  positions.reserve(chosen.size());
  for (const std::string& name : chosen) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      throw UsageError(
          std::string(option).append(": the model has none called \"").append(name).append("\""));
    }
    const auto position = static_cast<int>(found - names.begin());
    if (std::ranges::find(positions, position) != positions.end()) {
      throw UsageError(std::string(option)
                           .append(": expected each name once, got \"")
                           .append(name)
                           .append("\" again"));
    }
    positions.push_back(position);
  }
  return positions;
}

void Predict(const PredictArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  // All batches are answered by the version that is the newest now.
  const client::ModelVersion version = client.GetModelVersion(arguments.model);
  const client::PredictionBlock block{
      .outputs = Positions(arguments.outputs, version.schema.outputs, "--outputs"),
      .inputs = Positions(arguments.inputs, version.schema.inputs, "--inputs")};
  const auto size = [](const std::vector<int>& chosen, const auto& all) {
    return chosen.empty() ? all.size() : chosen.size();
  };
  client::Quantities quantities =
      ParseQuantities(arguments.query, size(block.inputs, version.schema.inputs),
                      size(block.outputs, version.schema.outputs));
  quantities.spread = arguments.spread;
  quantities.jacobian_spread = arguments.jacobian_spread;
  AnswerQuery(arguments.query, version.schema, LayoutOf(version, quantities, block),
              context.json ? OutputFormat::kJson : OutputFormat::kTable,
              [&](const client::Matrix& X, PredictionWriter& writer) {
                writer.Write(X, client.Predict(version.name, X, quantities, block));
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
  AddList(*predict, "--outputs", arguments->outputs, "NAMES",
          "Only these outputs, in this order, as in u,v; they are what --vjp weighs");
  AddList(*predict, "--inputs", arguments->inputs, "NAMES",
          "Derivatives by these inputs only, as in a,c; points have all, --jvp only these");
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
