#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/csv_reader.h"
#include "client/cli/files.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/sample_csv.h"
#include "client/cli/schema_text.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

constexpr client::Index kBatchBytes = 1 << 20;

void PrintDataset(const client::Dataset& dataset) {
  const client::DatasetStatistics& statistics = dataset.statistics;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"name", dataset.name},
      {"state", dataset.damaged ? "damaged: " + dataset.damage : "active"},
      {"version", std::to_string(dataset.version)},
      {"samples", std::to_string(statistics.sample_count)},
      {"with Jacobian", std::to_string(statistics.jacobian_count)},
      {"with weight", std::to_string(statistics.weight_count)}};
  const auto add_count = [&](const char* what, std::int64_t count) {
    if (count > 0) fields.emplace_back(what, std::to_string(count));
  };
  add_count("tangents", statistics.tangent_count);
  add_count("adjoints", statistics.adjoint_count);
  add_count("Hessian-vector products", statistics.hvp_count);
  add_count("with variances of values", statistics.y_variance_count);
  add_count("with variances of Jacobian", statistics.jacobian_variance_count);
  add_count("missing values", statistics.missing_value_count);
  add_count("missing derivatives", statistics.missing_derivative_count);
  fields.insert(fields.end(), {{"size", FormatBytes(statistics.size_bytes)},
                               {"fingerprint", statistics.fingerprint},
                               {"created", FormatTime(dataset.create_time)},
                               {"updated", FormatTime(dataset.update_time)}});
  PrintFields(std::cout, fields);
  std::vector<std::vector<std::string>> rows = {{"variable", "role", "unit", "bounds", "observed"}};
  const auto add_rows = [&](const std::vector<client::Variable>& variables, const char* role,
                            const std::vector<client::Range>& ranges) {
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const std::string observed = i < ranges.size() ? "[" + FormatShort(ranges[i].min) + ", " +
                                                           FormatShort(ranges[i].max) + "]"
                                                     : "-";
      rows.push_back({variables[i].name, role, variables[i].unit.empty() ? "-" : variables[i].unit,
                      FormatBounds(variables[i]), observed});
    }
  };
  add_rows(dataset.schema.inputs, "input", statistics.inputs);
  add_rows(dataset.schema.outputs, "output", statistics.outputs);
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

void Print(const client::Dataset& dataset, const Context& context) {
  if (context.json) {
    std::cout << ToJson(dataset).dump(2) << '\n';
  } else {
    PrintDataset(dataset);
  }
}

struct CreateArguments {
  std::string name;
  std::string inputs;
  std::string outputs;
  std::string csv;
  std::string allow_missing;
  bool allow_missing_derivatives = false;
};

void Create(const CreateArguments& arguments, const Context& context) {
  client::Schema schema;
  if (!arguments.inputs.empty()) schema.inputs = ParseVariables(arguments.inputs, "--inputs");
  if (!arguments.outputs.empty()) schema.outputs = ParseVariables(arguments.outputs, "--outputs");
  if (!arguments.csv.empty()) {
    InputFile file(arguments.csv);
    CsvReader reader(file.stream(), file.name());
    std::vector<std::string> columns;
    if (reader.Next()) {
      for (std::size_t i = 0; i < reader.size(); ++i) columns.emplace_back(reader.text(i));
    }
    schema = InferSchema(columns, schema, arguments.csv);
  }
  if (schema.inputs.empty() || schema.outputs.empty()) {
    throw UsageError("dataset create: expected --inputs and --outputs, or --csv to infer them");
  }
  if (!arguments.allow_missing.empty()) {
    AllowMissing(arguments.allow_missing, "--allow-missing", schema);
  }
  schema.allow_missing_derivatives = arguments.allow_missing_derivatives;
  Print(context.Connect().CreateDataset(arguments.name, schema), context);
}

struct AppendArguments {
  std::string name;
  std::string file = "-";
  std::string upload_id;
};

// Such as " and with 2 tangents and 1 adjoint each"; empty if there are none.
std::string DescribeDirections(const SampleCsv& csv) {
  std::string text;
  const auto add = [&](client::Index count, const char* what) {
    if (count == 0) return;
    text += (text.empty() ? " and with " : " and ") + std::to_string(count) + " " + what +
            (count == 1 ? "" : "s");
  };
  add(csv.num_tangents(), "tangent");
  add(csv.num_adjoints(), "adjoint");
  add(csv.num_hvps(), "Hessian-vector product");
  return text.empty() ? text : text + " each";
}

void Append(const AppendArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Dataset dataset = client.GetDataset(arguments.name);
  InputFile file(arguments.file);
  SampleCsv csv(file.stream(), file.name(), dataset.schema, SampleCsv::Content::kSamples);
  const client::Index batch_rows =
      std::clamp<client::Index>(kBatchBytes / csv.row_bytes(), 1, 65536);

  client::Uploader uploader = client.Upload(dataset.name, arguments.upload_id);
  for (client::Samples samples = csv.Read(batch_rows); samples.X.cols() > 0;
       samples = csv.Read(batch_rows)) {
    uploader.Append(samples);
  }
  if (uploader.sample_count() == 0) throw UsageError(arguments.file + ": holds no samples");
  const std::int64_t version = uploader.Commit();
  if (context.json) {
    std::cout << Json{{"dataset", dataset.name},
                      {"version", version},
                      {"sample_count", uploader.sample_count()},
                      {"has_jacobian", csv.has_jacobian()},
                      {"tangents", csv.num_tangents()},
                      {"adjoints", csv.num_adjoints()},
                      {"hvps", csv.num_hvps()},
                      {"upload_id", uploader.upload_id()},
                      {"warnings", ToJson(uploader.warnings())}}
                     .dump(2)
              << '\n';
  } else {
    std::cout << "appended " << uploader.sample_count() << " samples "
              << (csv.has_jacobian() ? "with" : "without") << " Jacobian" << DescribeDirections(csv)
              << " to " << dataset.name << ", now at version " << version << '\n';
    for (const client::LabelWarning& warning : uploader.warnings()) {
      std::cout << "warning: " << warning.message << '\n';
    }
  }
}

void List(const Context& context) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"name", "version", "samples", "with Jacobian", "inputs", "outputs", "size", "updated"}};
  for (const client::Dataset& dataset : context.Connect().ListDatasets()) {
    list.push_back(ToJson(dataset));
    rows.push_back({dataset.name, std::to_string(dataset.version),
                    std::to_string(dataset.statistics.sample_count),
                    std::to_string(dataset.statistics.jacobian_count),
                    std::to_string(dataset.schema.inputs.size()),
                    std::to_string(dataset.schema.outputs.size()),
                    dataset.damaged ? "damaged" : FormatBytes(dataset.statistics.size_bytes),
                    FormatTime(dataset.update_time)});
  }
  if (context.json) {
    std::cout << list.dump(2) << '\n';
  } else {
    PrintTable(std::cout, rows);
  }
}

void Delete(const std::string& name, const Context& context) {
  context.Connect().DeleteDataset(name);
  if (context.json) {
    std::cout << Json{{"deleted", name}}.dump(2) << '\n';
  } else {
    std::cout << "deleted " << name << '\n';
  }
}

}  // namespace

void AddDatasetCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("dataset", "Create, fill, list, show and delete datasets.");
  group->require_subcommand(1)->fallthrough();

  CLI::App* create = group->add_subcommand("create", "Create an empty dataset.")->fallthrough();
  const auto create_arguments = std::make_shared<CreateArguments>();
  create->add_option("NAME", create_arguments->name, "Id: lower-case letters, digits, . _ -")
      ->required();
  create->add_option(
      "--inputs", create_arguments->inputs,
      "Input variables: NAME[=LOWER:UPPER][[UNIT]],... as in 'alpha=-5:15[deg],mach'");
  create->add_option("--outputs", create_arguments->outputs, "Output variables, likewise");
  create->add_option("--csv", create_arguments->csv,
                     "Take the variables that are not given from the header of this file");
  create->add_option("--allow-missing", create_arguments->allow_missing,
                     "Outputs whose values may be missing, as in cl,cd; or all");
  create->add_flag("--allow-missing-derivatives", create_arguments->allow_missing_derivatives,
                   "Derivatives may be missing");
  create->footer(
      "With --csv, give --outputs, and the other plain columns become the inputs; or give "
      "neither,\n"
      "if the file has columns d<output>/d<input>. Nothing is uploaded yet: see dataset append.\n"
      "An empty field or nan is refused unless that value or derivative may be missing.");
  create->callback([create_arguments, &context] { Create(*create_arguments, context); });

  CLI::App* append = group->add_subcommand("append", "Upload samples from a CSV file, all or none.")
                         ->fallthrough();
  const auto append_arguments = std::make_shared<AppendArguments>();
  append->add_option("NAME", append_arguments->name, "Dataset")->required();
  append->add_option("FILE", append_arguments->file, "CSV file; - or nothing: standard input");
  append->add_option("--upload-id", append_arguments->upload_id,
                     "Continue the upload of this id where it broke off, with the same file");
  append->footer(
      "The header names the columns, in any order:\n"
      "  <input>, <output>                    all of them\n"
      "  d<output>/d<input>                   derivatives, for all pairs or for none\n"
      "  weight                               if rows weigh differently\n"
      "  tangent1:<input>, jvp1:<output>      a direction and the derivatives along it; then\n"
      "                                       tangent2:..., up to 64\n"
      "  adjoint1:<output>, vjp1:<input>      weights of the outputs and the gradient of that sum\n"
      "  hvp_tangent1:<input>, hvp_adjoint1:<output>, hvp1:<input>\n"
      "                                       Hessian-vector products; with one output without "
      "adjoints\n"
      "  variance:<output>, variance:d<output>/d<input>\n"
      "                                       of the noise in values and derivatives\n"
      "Outputs and derivatives that may be missing (see dataset create) can be left out or left "
      "empty.\n"
      "Any size of file will do.");
  append->callback([append_arguments, &context] { Append(*append_arguments, context); });

  group->add_subcommand("list", "List all datasets.")->fallthrough()->callback([&context] {
    List(context);
  });

  CLI::App* show =
      group->add_subcommand("show", "Show a dataset's schema and statistics.")->fallthrough();
  CLI::App* remove =
      group->add_subcommand("delete", "Delete a dataset with its samples.")->fallthrough();
  const auto name = std::make_shared<std::string>();
  show->add_option("NAME", *name, "Dataset")->required();
  show->callback([name, &context] { Print(context.Connect().GetDataset(*name), context); });
  remove->add_option("NAME", *name, "Dataset")->required();
  remove->callback([name, &context] { Delete(*name, context); });
}

}  // namespace sobolev::cli
