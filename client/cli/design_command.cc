// `sobolev design`: points at which to run a function. Asks no server.

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/design.h"
#include "client/cli/domain_text.h"
#include "client/cli/files.h"
#include "client/cli/json_format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Matrix;

struct Arguments {
  std::string file;
  std::string inputs;
  DesignArguments design;
  std::uint64_t seed = 1;
  std::int64_t first = 0;
  std::string extend;
  std::string points;
  std::string out;
};

Matrix ReadFile(const std::string& name, const sampling::Domain& domain) {
  if (name.empty()) return Matrix(domain.n(), 0);
  InputFile file(name);
  return ReadPoints(file.stream(), file.name(), domain);
}

Json ToJson(const sampling::DesignPoints& design, const sampling::Domain& domain,
            const Arguments& arguments) {
  Json names = Json::array();
  for (const sampling::Input& input : domain.inputs()) names.push_back(input.name);
  Json points = Json::array();
  for (const auto& x : design.X.colwise()) {
    Json point = Json::array();
    for (std::size_t j = 0; j < domain.inputs().size(); ++j) {
      const double value = x(static_cast<client::Index>(j));
      const sampling::Input& input = domain.inputs()[j];
      if (input.kind == sampling::InputKind::kCategorical) {
        point.push_back(input.levels[static_cast<std::size_t>(value)]);
      } else {
        point.push_back(value);
      }
    }
    points.push_back(std::move(point));
  }
  return {{"kind", Name(arguments.design.kind)},
          {"seed", arguments.seed},
          {"inputs", std::move(names)},
          {"points", std::move(points)},
          {"next", design.next},
          {"rejected_count", design.num_rejected}};
}

void Print(std::ostream& out, const sampling::DesignPoints& design, const sampling::Domain& domain,
           const Arguments& arguments, const Context& context) {
  if (context.json) {
    out << ToJson(design, domain, arguments).dump(2) << '\n';
  } else {
    WritePoints(out, domain, design.X);
  }
}

void Run(const Arguments& arguments, const Context& context) {
  if (arguments.file.empty() == arguments.inputs.empty()) {
    throw UsageError("expected FILE or --inputs, and not both");
  }
  if (arguments.points.empty() != (arguments.design.kind != sampling::DesignKind::kUserPoints)) {
    throw UsageError("--points: expected with --kind points, and only then");
  }
  const sampling::Domain domain = arguments.file.empty() ? ParseInputs(arguments.inputs)
                                                         : ParseDomain(ReadText(arguments.file));
  const sampling::Continuation continuation{.first = arguments.first,
                                            .existing = ReadFile(arguments.extend, domain)};
  const sampling::DesignPoints design = MakeDesign(
      domain, arguments.design, arguments.seed, ReadFile(arguments.points, domain), continuation);
  if (arguments.out.empty()) {
    Print(std::cout, design, domain, arguments, context);
    return;
  }
  OutputFile file(arguments.out);
  Print(file.stream(), design, domain, arguments, context);
  file.Commit();
}

}  // namespace

void AddDesignCommand(CLI::App& app, Context& context) {
  CLI::App* design =
      app.add_subcommand("design",
                         "Make a design of experiments: points at which to run a function.")
          ->fallthrough();
  const auto arguments = std::make_shared<Arguments>();
  design->add_option("FILE", arguments->file, "Domain, as JSON; - for standard input");
  design->add_option(
      "--inputs", arguments->inputs,
      "Instead of a file, NAME=LOWER:UPPER,... of inputs, with :log or :int behind a "
      "range, NAME=VALUE and NAME=LEVEL|LEVEL");
  arguments->design.kind = sampling::DesignKind::kSobol;
  AddDesignOptions(*design, "--kind", arguments->design);
  design->add_option("--seed", arguments->seed, "The same seed gives the same points")
      ->check(IsUint64)
      ->capture_default_str();
  design->add_option("--extend", arguments->extend,
                     "CSV file of points that are there already, and are not repeated");
  design->add_option("--first", arguments->first,
                     "Where sobol, halton and random go on: \"next\" of the JSON of the last call");
  design->add_option("--points", arguments->points,
                     "With --kind points: CSV file of points to check; those that repeat others "
                     "are left out");
  design->add_option("--out", arguments->out, "File for the points instead of standard output");
  design->footer(
      "The domain may have constraints and measures of its inputs:\n"
      "  {\"inputs\": [{\"name\": \"rate\", \"min\": 1e-3, \"max\": 10, \"scale\": \"log\"},\n"
      "              {\"name\": \"load\", \"min\": 0, \"max\": 4,\n"
      "               \"measure\": {\"normal\": {\"mean\": 1, \"standard_deviation\": 0.5}}},\n"
      "              {\"name\": \"blades\", \"kind\": \"integer\", \"min\": 2, \"max\": 5},\n"
      "              {\"name\": \"alloy\", \"kind\": \"categorical\", \"levels\": [\"A\", "
      "\"B\"]},\n"
      "              {\"name\": \"g\", \"fixed\": 9.81}],\n"
      "   \"constraints\": {\"linear\": [{\"coefficients\": {\"load\": 1, \"blades\": 2}, "
      "\"bound\": 9}],\n"
      "                   \"program\": \"input rate\\n...\\noutput g = rate * load - 5\"}}\n"
      "Feasible points have linear sums up to the bound and all outputs of the program <= 0. "
      "Other\n"
      "measures: triangular (mode), beta (alpha, beta), piecewise_linear (positions, densities).\n"
      "Points are CSV, or JSON with --json.\n\n"
      "Example:\n"
      "  sobolev design --inputs 'x=0:1,rate=1e-3:10:log' --kind sobol --count 64 --out runs.csv\n"
      "  sobolev design --inputs 'x=0:1,rate=1e-3:10:log' --kind sobol --count 64 --extend "
      "runs.csv\n"
      "  sobolev design wing.json --kind fractional --resolution 4");
  design->callback([arguments, &context] { Run(*arguments, context); });
}

}  // namespace sobolev::cli
