#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

std::string Network(const client::ModelVersion& version) {
  std::vector<std::string> sizes = {std::to_string(version.schema.inputs.size())};
  for (const int units : version.hidden) sizes.push_back(std::to_string(units));
  sizes.push_back(std::to_string(version.schema.outputs.size()));
  return Join(sizes, "-") + " " + std::string(Name(version.activation)) + ", " +
         std::to_string(version.parameter_count) + " parameters";
}

std::string Percent(double ratio) { return FormatShort(100 * ratio) + "%"; }

void Show(const std::string& name, const Context& context) {
  const client::ModelVersion version = context.Connect().GetModelVersion(name);
  if (context.json) {
    std::cout << ToJson(version).dump(2) << '\n';
  } else {
    PrintModelVersion(version);
  }
}

void List(const Context& context) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"name", "versions", "inputs", "outputs", "value error", "Jacobian error", "updated"}};
  for (const client::Model& model : context.Connect().ListModels()) {
    list.push_back(ToJson(model));
    const client::ModelVersion& version = model.latest_version;
    const client::ErrorReport& validation = version.report.validation;
    rows.push_back({model.name, std::to_string(model.version_count),
                    std::to_string(version.schema.inputs.size()),
                    std::to_string(version.schema.outputs.size()),
                    Percent(validation.value_relative),
                    validation.jacobian_rmse.empty() ? "-" : Percent(validation.jacobian_relative),
                    FormatTime(model.update_time)});
  }
  if (context.json) {
    std::cout << list.dump(2) << '\n';
  } else {
    PrintTable(std::cout, rows);
  }
}

void Delete(const std::string& name, const Context& context) {
  context.Connect().DeleteModel(name);
  if (context.json) {
    std::cout << Json{{"deleted", name}}.dump(2) << '\n';
  } else {
    std::cout << "deleted " << name << '\n';
  }
}

}  // namespace

void PrintModelVersion(const client::ModelVersion& version) {
  const client::TrainingReport& report = version.report;
  const client::ErrorReport& validation = report.validation;
  const bool has_jacobian = !validation.jacobian_rmse.empty();
  PrintFields(
      std::cout,
      {{"model", version.name},
       {"network", Network(version)},
       {"dataset", report.dataset + " version " + std::to_string(report.dataset_version)},
       {"trained by",
        report.job + ", seed " + std::to_string(report.seed) + ", " + report.instruction_set},
       {"samples", std::to_string(report.training_samples) + " for training (" +
                       std::to_string(report.jacobian_samples) + " with Jacobian), " +
                       std::to_string(report.validation_samples) + " held out"},
       {"loss weights",
        "value " + FormatShort(report.alpha) + ", gradient " + FormatShort(report.beta)},
       {"epochs", std::to_string(report.epochs) + ", best " + std::to_string(report.best_epoch) +
                      ", stopped by " + std::string(Name(report.stop_reason))},
       {"time", FormatShort(report.train_seconds) + " s, " +
                    FormatShort(report.samples_per_second) + " samples/s"},
       {"created", FormatTime(version.create_time)}});

  std::vector<std::vector<std::string>> rows = {
      {"held-out error", "value RMSE", "Jacobian RMSE (standardised)"}};
  for (std::size_t i = 0; i < validation.value_rmse.size(); ++i) {
    const client::Variable& output = version.schema.outputs.at(i);
    rows.push_back({output.name + (output.unit.empty() ? "" : " [" + output.unit + "]"),
                    FormatShort(validation.value_rmse[i]),
                    has_jacobian ? FormatShort(validation.jacobian_rmse.at(i)) : "-"});
  }
  rows.push_back({"relative", Percent(validation.value_relative),
                  has_jacobian ? Percent(validation.jacobian_relative) : "-"});
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

void AddModelCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("model", "List, show and delete models.");
  group->require_subcommand(1)->fallthrough();
  group->add_subcommand("list", "List all models with their newest version's errors.")
      ->fallthrough()
      ->callback([&context] { List(context); });

  CLI::App* show =
      group->add_subcommand("show", "Show a model version and its training report.")->fallthrough();
  CLI::App* remove =
      group->add_subcommand("delete", "Delete a model with all its versions.")->fallthrough();
  const auto name = std::make_shared<std::string>();
  show->add_option("MODEL", *name, "Model, or models/MODEL/versions/N")->required();
  show->callback([name, &context] { Show(*name, context); });
  remove->add_option("MODEL", *name, "Model")->required();
  remove->callback([name, &context] { Delete(*name, context); });
}

}  // namespace sobolev::cli
