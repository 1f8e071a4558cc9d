#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/form_text.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/pipeline_text.h"
#include "client/cli/pruning_text.h"
#include "client/cli/report_text.h"

namespace sobolev::cli {
namespace {

// "network 2-20-20-1 softplus, 521 parameters", "network 2-20-20-1 tanh skip residual, …",
// "polynomial, 15 parameters", "ensemble, members network 20-20 tanh, …".
std::string Kind(const client::ModelVersion& version) {
  std::string text = WithSpaces(Name(version.kind));
  const bool is_plain = version.kind == version.core_kind;
  if (version.core_kind != client::ModelKind::kUnknown && !is_plain) {
    const bool ensemble = version.kind == client::ModelKind::kEnsemble;
    text.append(ensemble ? ", members " : " around ").append(WithSpaces(Name(version.core_kind)));
  }
  if (version.local_taylor) {
    text.append(" on ").append(WithSpaces(Name(version.local_taylor->base_kind)));
  }
  if (!version.hidden.empty()) {
    std::vector<std::string> sizes;
    for (const int units : version.hidden) sizes.push_back(std::to_string(units));
    // What is composed sees other inputs than those of the schema.
    if (version.kind == client::ModelKind::kNetwork) {
      sizes.insert(sizes.begin(), std::to_string(version.schema.inputs.size()));
      sizes.push_back(std::to_string(version.schema.outputs.size()));
    }
    text += " " + Join(sizes, "-") + " " + std::string(Name(version.activation));
    if (version.skip) text += " skip";
    if (version.residual) text += " residual";
  }
  return text + ", " + std::to_string(version.parameter_count) + " parameters";
}

// "order 2 around 256 centres; constant in 3%, linear in 41%, quadratic in 52% of the box".
std::string Text(const client::LocalTaylor& local) {
  return "order " + std::to_string(local.order) + " around " + std::to_string(local.centre_count) +
         " centres; constant in " + FormatPercent(local.constant_share) + ", linear in " +
         FormatPercent(local.linear_share) + ", quadratic in " +
         FormatPercent(local.quadratic_share) + " of the box";
}

// What was run until what stopped it: epochs, or trials.
std::pair<std::string, std::string> Course(const client::TrainingReport& report) {
  const std::string stop = ", stopped by " + WithSpaces(Name(report.stop_reason));
  if (report.leaderboard.empty()) {
    std::string text =
        std::to_string(report.epochs) + ", best " + std::to_string(report.best_epoch) + stop;
    if (report.rollbacks > 0) {
      text += ", " + std::to_string(report.rollbacks) + " times back to the best, learning rate " +
              FormatShort(report.learning_rate);
    }
    return {"epochs", text};
  }
  return {"trials", std::to_string(report.leaderboard.size()) + stop};
}

std::string Time(const client::TrainingReport& report) {
  std::string text = FormatShort(report.train_seconds) + " s";
  if (report.samples_per_second > 0) {
    text += ", " + FormatShort(report.samples_per_second) + " samples/s";
  }
  return text;
}

std::string Weights(const client::TrainingReport& report) {
  std::string text =
      "value " + FormatShort(report.alpha) + ", gradient " + FormatShort(report.beta);
  if (report.gamma > 0) text += ", curvature " + FormatShort(report.gamma);
  return text;
}

// How it was trained.
std::vector<std::pair<std::string, std::string>> CourseFields(const client::ModelVersion& version) {
  const client::TrainingReport& report = version.report;
  return {{"dataset", report.dataset + " version " + std::to_string(report.dataset_version)},
          {"trained by",
           report.job + ", seed " + std::to_string(report.seed) + ", " + report.instruction_set},
          {"samples", std::to_string(report.training_samples) + " for training (" +
                          std::to_string(report.jacobian_samples) + " with Jacobian), " +
                          std::to_string(report.validation_samples) + " held out"},
          {"loss weights", Weights(report)},
          Course(report),
          {"time", Time(report)},
          {"created", FormatTime(version.create_time)}};
}

void Print(const client::ModelVersion& version, const Context& context) {
  if (context.json) {
    std::cout << ToJson(version).dump(2) << '\n';
  } else {
    PrintModelVersion(version);
  }
}

// What `model compose` is told.
struct ComposeArguments {
  std::string model;
  std::vector<std::string> stages;
  std::vector<std::string> bindings;
  std::vector<std::string> outputs;
};

void Compose(const ComposeArguments& arguments, const Context& context) {
  const client::Pipeline pipeline =
      ParsePipeline(arguments.stages, arguments.bindings, arguments.outputs);
  Print(context.Connect().CreatePipeline(arguments.model, pipeline), context);
}

void AddComposeCommand(CLI::App& group, Context& context) {
  CLI::App* compose =
      group
          .add_subcommand("compose",
                          "Make a model of models and programs, differentiated through the whole "
                          "chain. It copies its parts.")
          ->fallthrough();
  const auto arguments = std::make_shared<ComposeArguments>();
  compose->add_option("MODEL", arguments->model, "Model that gets the new version")->required();
  AddList(*compose, "--stage", arguments->stages, "[NAME=]KIND:ID",
          "A model (model:wing, model:wing/versions/3) or a program (program:lift); again for "
          "each, in order of evaluation")
      ->required();
  AddList(*compose, "--bind", arguments->bindings, "STAGE.INPUT=SOURCE",
          "Where an input comes from: STAGE.OUTPUT of an earlier stage, or an input of the whole. "
          "Default: what has the same name, the latest output, else an input");
  AddList(*compose, "--output", arguments->outputs, "STAGE.OUTPUT",
          "An output of the whole; default those of the last stage");
  compose->callback([arguments, &context] { Compose(*arguments, context); });
}

void List(const Context& context) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"name", "versions", "kind", "inputs", "outputs",
                                                 "value error", "Jacobian error", "updated"}};
  for (const client::Model& model : context.Connect().ListModels()) {
    list.push_back(ToJson(model));
    const client::ModelVersion& version = model.latest_version;
    const client::ErrorReport& validation = version.report.validation;
    rows.push_back({model.name, std::to_string(model.version_count), WithSpaces(Name(version.kind)),
                    std::to_string(version.schema.inputs.size()),
                    std::to_string(version.schema.outputs.size()), ValueError(validation),
                    JacobianError(validation), FormatTime(model.update_time)});
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
  std::vector<std::pair<std::string, std::string>> fields = {{"model", version.name},
                                                             {"kind", Kind(version)}};
  if (version.kind == client::ModelKind::kPipeline) {  // Nothing was trained.
    for (auto& field : PipelineFields(version.pipeline)) fields.push_back(std::move(field));
    fields.emplace_back("created", FormatTime(version.create_time));
    PrintFields(std::cout, fields);
    return;
  }
  if (version.local_taylor) fields.emplace_back("local Taylor", Text(*version.local_taylor));
  for (auto& field : FormFields(version)) fields.push_back(std::move(field));
  if (version.pruning) {
    for (auto& field : PruningFields(*version.pruning)) fields.push_back(std::move(field));
    if (!report.dataset.empty()) {
      fields.emplace_back("dataset",
                          report.dataset + " version " + std::to_string(report.dataset_version));
    }
    fields.emplace_back("time", Time(report));
    fields.emplace_back("created", FormatTime(version.create_time));
    PrintFields(std::cout, fields);
    std::cout << '\n';
    PrintPruning(std::cout, version);
    return;
  }
  for (auto& field : CourseFields(version)) fields.push_back(std::move(field));
  PrintFields(std::cout, fields);

  std::vector<std::vector<std::string>> rows = {
      {"held-out error", "value RMSE", "Jacobian RMSE (standardised)"}};
  const auto error = [](const std::vector<double>& rmse, std::size_t i) {
    return i < rmse.size() ? FormatShort(rmse[i]) : "-";
  };
  for (std::size_t i = 0; i < version.schema.outputs.size(); ++i) {
    const client::Variable& output = version.schema.outputs[i];
    rows.push_back({output.name + (output.unit.empty() ? "" : " [" + output.unit + "]"),
                    error(validation.value_rmse, i), error(validation.jacobian_rmse, i)});
  }
  rows.push_back({"relative", ValueError(validation), JacobianError(validation)});
  std::cout << '\n';
  PrintTable(std::cout, rows);
  if (validation.hvp_relative) {
    std::cout << "relative error of Hessian-vector products: "
              << FormatPercent(*validation.hvp_relative) << '\n';
  }
  PrintSelection(std::cout, report);
}

void AddModelCommands(CLI::App& app, Context& context) {
  CLI::App* group =
      app.add_subcommand("model", "List, show, compose, plan, bound, prune and delete models.");
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
  show->callback([name, &context] { Print(context.Connect().GetModelVersion(*name), context); });
  remove->add_option("MODEL", *name, "Model")->required();
  remove->callback([name, &context] { Delete(*name, context); });
  AddComposeCommand(*group, context);
  AddPlanCommand(*group, context);
  AddPruneCommand(*group, context);
  AddGuaranteeCommands(*group, context);
  AddSignificanceCommand(*group, context);
}

}  // namespace sobolev::cli
