#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/files.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/point_query.h"
#include "client/cli/program_box.h"
#include "client/cli/schema_text.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;

constexpr const char* kLanguage = R"(
The language, in short (engine/program/language/README.md has all of it):
  input radius in [0.5, 2]   ## Its description; the bounds may be left out.
  input v[3]                 # Vectors, and matrices as A[2, 3], with elements v[0], A[0, 1].
  const N = 3
  fn square(a) = a^2
  var s = 0
  for i in 0..N { s += square(v[i]) }
  output volume = pi * square(radius) * s / 3
  output slope = where(s > 1, sqrt(s), s)
Operators: + - * / ^ @ and or not < <= > >= == !=; a line goes on behind one, or in brackets.
Functions: exp log sqrt sin ... min max sum prod dot norm mod where. Long time loops: evolve t in
0..N { ... }.)";

std::string Shape(const client::ProgramVariable& variable) {
  std::vector<std::string> extents;
  for (const std::int64_t extent : variable.shape) extents.push_back(std::to_string(extent));
  return extents.empty() ? "scalar" : "[" + Join(extents, ", ") + "]";
}

std::string Ratio(double ratio) { return FormatShort(ratio) + " times the value"; }

// "12 of 100 entries". A negative part was not determined.
std::string Share(std::int64_t part, double whole) {
  if (part < 0) return "sparsity not determined";
  return std::to_string(part) + " of " + FormatShort(whole) + " entries";
}

void PrintProgram(const client::Program& program) {
  const client::ProgramStatistics& statistics = program.statistics;
  const auto n = static_cast<double>(program.input_size);
  const auto m = static_cast<double>(program.output_size);
  std::vector<std::pair<std::string, std::string>> fields;
  if (!program.name.empty()) fields.emplace_back("name", program.name);
  fields.insert(
      fields.end(),
      {{"operations", std::to_string(statistics.operations)},
       {"with repetitions", std::to_string(statistics.executed_operations)},
       {"Jacobian", Share(statistics.jacobian_nonzeros, n * m) + ", " + statistics.jacobian_mode},
       {"Hessian", Share(statistics.hessian_nonzeros.value_or(-1), n * n)},
       {"cost of a tangent", Ratio(statistics.tangent_ratio)},
       {"of an adjoint", Ratio(statistics.adjoint_ratio)},
       {"of the Jacobian", Ratio(statistics.jacobian_ratio)},
       {"of a Hessian-vector product", Ratio(statistics.hessian_vector_ratio)}});
  if (!program.name.empty()) fields.emplace_back("created", FormatTime(program.create_time));
  PrintFields(std::cout, fields);

  std::vector<std::vector<std::string>> rows = {
      {"variable", "role", "shape", "bounds", "description"}};
  const auto add_rows = [&](const std::vector<client::ProgramVariable>& variables,
                            const char* role) {
    for (const client::ProgramVariable& variable : variables) {
      const std::string bounds = variable.bounds ? "[" + FormatShort(variable.bounds->min) + ", " +
                                                       FormatShort(variable.bounds->max) + "]"
                                                 : "-";
      rows.push_back({variable.name, role, Shape(variable), bounds, variable.description});
    }
  };
  add_rows(program.inputs, "input");
  add_rows(program.outputs, "output");
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

void Print(const client::Program& program, const Context& context) {
  if (context.json) {
    std::cout << ToJson(program).dump(2) << '\n';
  } else {
    PrintProgram(program);
  }
}

void List(const Context& context) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"name", "inputs", "outputs", "operations", "Jacobian", "created"}};
  for (const client::Program& program : context.Connect().ListPrograms()) {
    list.push_back(ToJson(program));
    rows.push_back({program.name, std::to_string(program.input_size),
                    std::to_string(program.output_size),
                    std::to_string(program.statistics.executed_operations),
                    program.statistics.jacobian_mode, FormatTime(program.create_time)});
  }
  if (context.json) {
    std::cout << list.dump(2) << '\n';
  } else {
    PrintTable(std::cout, rows);
  }
}

void Delete(const std::string& name, const Context& context) {
  context.Connect().DeleteProgram(name);
  if (context.json) {
    std::cout << Json{{"deleted", name}}.dump(2) << '\n';
  } else {
    std::cout << "deleted " << name << '\n';
  }
}

struct EvaluateArguments {
  std::string program;
  PointQuery query;
  bool strict = false;
  client::EvaluationSettings settings;
};

void Evaluate(const EvaluateArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Program program = client.GetProgram(arguments.program);
  const client::Quantities quantities =
      ParseQuantities(arguments.query, static_cast<std::size_t>(program.input_size),
                      static_cast<std::size_t>(program.output_size));
  client::EvaluationSettings settings = arguments.settings;
  if (arguments.strict) settings.arithmetic = client::Arithmetic::kStrict;
  AnswerQuery(arguments.query, SchemaOf(program), LayoutOf(program, quantities),
              context.json ? OutputFormat::kJson : OutputFormat::kTable,
              [&](const Matrix& X, PredictionWriter& writer) {
                writer.Write(X, client.Evaluate(program.name, X, quantities, settings));
              });
}

struct EncloseArguments {
  std::string program;
  std::string bounds;
  bool jacobian = false;
};

void Enclose(const EncloseArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Program program = client.GetProgram(arguments.program);
  const Box box = BoxOf(program, arguments.bounds);
  const client::Enclosure bounds =
      client.Enclose(program.name, box.low, box.high, arguments.jacobian);
  const std::vector<std::string> inputs = ElementNames(program.inputs);
  const std::vector<std::string> outputs = ElementNames(program.outputs);
  std::vector<std::vector<std::string>> rows = {{"variable", "min", "max"}};
  Json json = {{"program", program.name}, {"bounds", Json::object()}};
  const auto add = [&](const std::string& name, double min, double max) {
    rows.push_back({name, FormatExact(min), FormatExact(max)});
    json["bounds"][name] = {{"min", NumberToJson(min)}, {"max", NumberToJson(max)}};
  };
  const auto m = static_cast<Index>(outputs.size());
  for (Index i = 0; i < m; ++i) {
    const std::string& output = outputs[static_cast<std::size_t>(i)];
    add(output, bounds.value_min(i, 0), bounds.value_max(i, 0));
    for (Index j = 0; arguments.jacobian && j < program.input_size; ++j) {
      add(DerivativeName(output, inputs[static_cast<std::size_t>(j)]), bounds.jacobian_min(j, i),
          bounds.jacobian_max(j, i));
    }
  }
  json["bounded"] = static_cast<bool>(bounds.bounded.at(0));
  if (context.json) {
    std::cout << json.dump(2) << '\n';
  } else {
    PrintTable(std::cout, rows);
  }
}

void AddEvaluate(CLI::App& group, Context& context) {
  const std::map<std::string, client::Reversal> strategies = {
      {"automatic", client::Reversal::kAutomatic},
      {"vanilla", client::Reversal::kVanilla},
      {"memory-poor", client::Reversal::kMemoryPoor},
      {"binomial", client::Reversal::kBinomial}};
  CLI::App* evaluate =
      group.add_subcommand("evaluate", "Evaluate a program and its derivatives.")->fallthrough();
  const auto arguments = std::make_shared<EvaluateArguments>();
  evaluate->add_option("NAME", arguments->program, "Program")->required();
  AddPointOptions(*evaluate, arguments->query);
  evaluate->add_flag("--strict", arguments->strict,
                     "Round every operation as IEEE 754 and <cmath> say");
  evaluate
      ->add_option("--reversal", arguments->settings.reversal,
                   "automatic (default), vanilla, memory-poor or binomial: which states of a time "
                   "loop are kept for the adjoint sweep")
      ->transform(OneOf(strategies));
  evaluate->add_option("--checkpoints", arguments->settings.checkpoints,
                       "States kept at once with --reversal binomial");
  evaluate->footer(
      "Elements of vectors and matrices are columns of their own: x.0, x.1, A.0.0, ... The column\n"
      "valid says whether all numbers are finite: no where a logarithm was negative, for example.\n"
      "It is called point:valid if a variable is named valid. In JSON what is not finite is "
      "null.\n\n"
      "Example:\n"
      "  sobolev program evaluate cone --point 1.5,2 --jacobian\n"
      "  sobolev program evaluate cone --csv points.csv --hessian --format csv --out answers.csv");
  evaluate->callback([arguments, &context] { Evaluate(*arguments, context); });
}

void AddEnclose(CLI::App& group, Context& context) {
  CLI::App* enclose =
      group.add_subcommand("enclose", "Bound a program's outputs over a box, with certainty.")
          ->fallthrough();
  const auto arguments = std::make_shared<EncloseArguments>();
  enclose->add_option("NAME", arguments->program, "Program")->required();
  enclose->add_option("--bounds", arguments->bounds, kBoundsHelp)
      ->check(CLI::Validator(IsNotEmpty, ""));
  enclose->add_flag("--jacobian", arguments->jacobian, "Bound d<output>/d<input> as well");
  enclose->footer(
      "Every value and derivative that is a number lies within its bounds, in exact arithmetic. A\n"
      "bound may be infinite, or NaN where the number is NaN in all of the box; --json prints\n"
      "\"Infinity\", \"-Infinity\" and \"NaN\". \"bounded\" says whether all bounds are finite.\n\n"
      "Example:\n"
      "  sobolev program enclose cone --bounds 'radius=1:2,height=0:3' --jacobian");
  enclose->callback([arguments, &context] { Enclose(*arguments, context); });
}

}  // namespace

void AddProgramCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand(
      "program", "Check, store, evaluate and sample target functions given as text.");
  group->require_subcommand(1)->fallthrough();
  group->footer(kLanguage);

  CLI::App* check =
      group->add_subcommand("check", "Compile a program and tell what it costs; store nothing.")
          ->fallthrough();
  CLI::App* create = group->add_subcommand("create", "Store a program.")->fallthrough();
  const auto file = std::make_shared<std::string>();
  const auto name = std::make_shared<std::string>();
  check->add_option("FILE", *file, "Source; - for standard input")->required();
  check->footer(
      "The server compiles it. Ratios count operations, weighted by what each takes.\n\n"
      "Example:\n"
      "  sobolev program check cone.sob");
  check->callback(
      [file, &context] { Print(context.Connect().CheckProgram(ReadText(*file)), context); });
  create->add_option("NAME", *name, "Id: lower-case letters, digits, . _ -")->required();
  create->add_option("FILE", *file, "Source; - for standard input")->required();
  create->footer(
      "Creating it again with the same source changes nothing; another source needs another "
      "name.\n\n"
      "Example:\n"
      "  sobolev program create cone cone.sob");
  create->callback([name, file, &context] {
    Print(context.Connect().CreateProgram(*name, ReadText(*file)), context);
  });

  CLI::App* list = group->add_subcommand("list", "List all programs.")->fallthrough();
  list->footer(
      "Example:\n"
      "  sobolev --json program list");
  list->callback([&context] { List(context); });
  CLI::App* show =
      group->add_subcommand("show", "Show a program's variables and costs.")->fallthrough();
  CLI::App* remove = group->add_subcommand("delete", "Delete a program.")->fallthrough();
  const auto as_source = std::make_shared<bool>(false);
  show->add_option("NAME", *name, "Program")->required();
  show->add_flag("--source", *as_source, "Print the source instead");
  show->footer(
      "Example:\n"
      "  sobolev program show cone\n"
      "  sobolev program show cone --source > cone.sob");
  show->callback([name, as_source, &context] {
    const client::Program program = context.Connect().GetProgram(*name);
    if (*as_source) {
      std::cout << program.source;
    } else {
      Print(program, context);
    }
  });
  remove->add_option("NAME", *name, "Program")->required();
  remove->footer(
      "Evaluations under way finish; datasets sampled from it stay.\n\n"
      "Example:\n"
      "  sobolev program delete cone");
  remove->callback([name, &context] { Delete(*name, context); });
  AddEvaluate(*group, context);
  AddEnclose(*group, context);
  AddProgramSampleCommand(*group, context);
}

}  // namespace sobolev::cli
