// `sobolev model bound`, `model certify` and `model significance`: what is proved over a box.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sobolev/guarantees.h>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/guarantee_text.h"
#include "client/cli/json_format.h"
#include "client/cli/program_box.h"
#include "client/cli/schema_text.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using client::Vector;
using Rows = std::vector<std::vector<std::string>>;

// Which function, and where.
struct Subject {
  std::string model;
  std::string program;
  std::string bounds;
};

struct BoundArguments {
  Subject subject;
  client::BoundOptions options;
};

struct CertifyArguments {
  Subject subject;
  std::vector<std::string> values;
  std::vector<std::string> derivatives;
  client::CertifyOptions options;
};

struct SignificanceArguments {
  Subject subject;
  std::vector<std::string> cuts;
  client::SignificanceOptions options;
};

// What the server knows of the function.
struct Function {
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  client::InputBox box;  // Empty: as the server has it.
};

client::InputBox RangesOf(const Box& box) {
  client::InputBox ranges;
  for (Index j = 0; j < box.low.size(); ++j) ranges.push_back({box.low(j), box.high(j)});
  return ranges;
}

Function Find(const Subject& subject, const client::Client& client) {
  if (subject.model.empty() == subject.program.empty()) {
    throw UsageError("MODEL: expected either a model or --program");
  }
  Function function;
  if (!subject.program.empty()) {
    const client::Program program = client.GetProgram(subject.program);
    function.name = program.name;
    function.inputs = ElementNames(program.inputs);
    function.outputs = ElementNames(program.outputs);
    if (!subject.bounds.empty()) function.box = RangesOf(BoxOf(program, subject.bounds));
    return function;
  }
  const client::ModelVersion version = client.GetModelVersion(subject.model);
  function.name = version.name;
  function.inputs = Names(version.schema.inputs);
  function.outputs = Names(version.schema.outputs);
  if (!subject.bounds.empty()) function.box = RangesOf(BoxOf(version, subject.bounds));
  return function;
}

Json ToJson(const client::Range& range) {
  return {{"min", NumberToJson(range.min)}, {"max", NumberToJson(range.max)}};
}

Json ToJson(const std::vector<client::Range>& ranges, const std::vector<std::string>& names) {
  Json json = Json::object();
  for (std::size_t k = 0; k < ranges.size(); ++k) json[names.at(k)] = ToJson(ranges[k]);
  return json;
}

Json ToJson(const Vector& numbers) {
  Json json = Json::array();
  for (const double number : numbers) json.push_back(NumberToJson(number));
  return json;
}

// Of the columns.
Json ToJson(const Matrix& numbers) {
  Json json = Json::array();
  for (Index k = 0; k < numbers.cols(); ++k) json.push_back(ToJson(Vector(numbers.col(k))));
  return json;
}

std::string Text(const client::Range& range) {
  std::string text = "[";
  text += FormatShort(range.min);
  text += ", ";
  text += FormatShort(range.max);
  text += "]";
  return text;
}

// ---- Bounds ----

// One number that is bounded.
struct Quantity {
  std::string name;
  client::Range proved;
  client::Range sampled;
};

std::vector<Quantity> Quantities(const client::Bounds& bounds, const Function& function) {
  std::vector<Quantity> quantities;
  for (std::size_t i = 0; i < function.outputs.size(); ++i) {
    const auto row = static_cast<Index>(i);
    quantities.push_back(
        {.name = function.outputs[i],
         .proved = {bounds.value_min(row), bounds.value_max(row)},
         .sampled = {bounds.sampled_value_min(row), bounds.sampled_value_max(row)}});
    for (Index j = 0; j < bounds.jacobian_min.rows(); ++j) {
      quantities.push_back(
          {.name =
               DerivativeName(function.outputs[i], function.inputs[static_cast<std::size_t>(j)]),
           .proved = {bounds.jacobian_min(j, row), bounds.jacobian_max(j, row)},
           .sampled = {bounds.sampled_jacobian_min(j, row), bounds.sampled_jacobian_max(j, row)}});
    }
  }
  return quantities;
}

double Largest(const client::Range& range) { return std::max(-range.min, range.max); }

Json ToJson(const client::Bounds& bounds, const Function& function) {
  Json json = {{"function", bounds.function}};
  if (!bounds.compared_to.empty()) json["compared_to"] = bounds.compared_to;
  json["box"] = ToJson(bounds.box, function.inputs);
  json["bounds"] = Json::object();
  for (const Quantity& quantity : Quantities(bounds, function)) {
    Json& added = json["bounds"][quantity.name];
    added = ToJson(quantity.proved);
    added["sampled_min"] = NumberToJson(quantity.sampled.min);
    added["sampled_max"] = NumberToJson(quantity.sampled.max);
    if (bounds.compared_to.empty()) continue;
    added["largest_sampled"] = NumberToJson(Largest(quantity.sampled));
    added["largest_proved"] = NumberToJson(Largest(quantity.proved));
  }
  json["boxes"] = bounds.box_count;
  json["tight"] = bounds.tight;
  return json;
}

void Print(const client::Bounds& bounds, const Function& function) {
  const bool compared = !bounds.compared_to.empty();
  std::vector<std::pair<std::string, std::string>> fields = {{"function", bounds.function}};
  if (compared) fields.emplace_back("compared to", bounds.compared_to);
  fields.emplace_back("boxes", std::to_string(bounds.box_count) +
                                   (bounds.tight ? ", tight" : ", more would narrow the bounds"));
  PrintFields(std::cout, fields);
  Rows rows = {{"variable", "proved min", "proved max", "sampled min", "sampled max"}};
  if (compared) rows = {{"largest difference of", "sampled", "proved"}};
  for (const Quantity& quantity : Quantities(bounds, function)) {
    if (compared) {
      rows.push_back({quantity.name, FormatShort(Largest(quantity.sampled)),
                      FormatExact(Largest(quantity.proved))});
    } else {
      rows.push_back({quantity.name, FormatExact(quantity.proved.min),
                      FormatExact(quantity.proved.max), FormatShort(quantity.sampled.min),
                      FormatShort(quantity.sampled.max)});
    }
  }
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

void Bound(const BoundArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const Function function = Find(arguments.subject, client);
  client::BoundOptions options = arguments.options;
  options.box = function.box;
  const client::Bounds bounds = client.Bound(function.name, options);
  if (context.json) {
    std::cout << ToJson(bounds, function).dump(2) << '\n';
  } else {
    Print(bounds, function);
  }
}

// ---- Certificates ----

const char* Name(client::Verdict verdict) {
  switch (verdict) {
    case client::Verdict::kProved:
      return "proved";
    case client::Verdict::kViolated:
      return "violated";
    case client::Verdict::kRefuted:
      return "refuted";
    case client::Verdict::kUndecided:
      return "undecided";
  }
  return "";
}

Json ToJson(const client::Certificate& certificate, const Function& function) {
  Json json = {
      {"function", certificate.function}, {"box", ToJson(certificate.box, function.inputs)},
      {"proved", certificate.proved},     {"violated", certificate.violated},
      {"refuted", certificate.refuted},   {"undecided", certificate.undecided},
      {"boxes", certificate.box_count},   {"pieces", Json::array()}};
  for (const client::Certificate::Piece& piece : certificate.pieces) {
    Json added = {{"verdict", Name(piece.verdict)}, {"box", ToJson(piece.box, function.inputs)}};
    if (piece.counter_example.size() > 0) added["counter_example"] = ToJson(piece.counter_example);
    json["pieces"].push_back(std::move(added));
  }
  return json;
}

void Print(const client::Certificate& certificate, const Function& function) {
  PrintFields(std::cout, {{"function", certificate.function},
                          {"proved", FormatPercent(certificate.proved)},
                          {"violated", FormatPercent(certificate.violated)},
                          {"refuted", FormatPercent(certificate.refuted)},
                          {"undecided", FormatPercent(certificate.undecided)},
                          {"boxes", std::to_string(certificate.box_count)}});
  if (certificate.pieces.empty()) return;
  Rows rows = {{"verdict"}};
  for (const std::string& input : function.inputs) rows.front().push_back(input);
  for (const client::Certificate::Piece& piece : certificate.pieces) {
    std::vector<std::string>& row = rows.emplace_back();
    row.emplace_back(Name(piece.verdict));
    for (const client::Range& range : piece.box) row.push_back(Text(range));
  }
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

void Certify(const CertifyArguments& arguments, const Context& context) {
  client::Conditions conditions;
  for (const std::string& text : arguments.values) {
    conditions.values.push_back(ParseValueCondition(text));
  }
  for (const std::string& text : arguments.derivatives) {
    conditions.derivatives.push_back(ParseDerivativeCondition(text));
  }
  const client::Client client = context.Connect();
  const Function function = Find(arguments.subject, client);
  client::CertifyOptions options = arguments.options;
  options.box = function.box;
  const client::Certificate certificate = client.Certify(function.name, conditions, options);
  if (context.json) {
    std::cout << ToJson(certificate, function).dump(2) << '\n';
  } else {
    Print(certificate, function);
  }
}

// ---- Significance ----

Json ToJson(const client::Significance& significance, const Function& function) {
  Json json = {{"function", significance.function},
               {"box", ToJson(significance.box, function.inputs)},
               {"outputs", ToJson(significance.values, significance.outputs)},
               {"inputs", Json::object()}};
  for (const client::Significance::Input& input : significance.inputs) {
    json["inputs"][input.name] = {{"sigma", ToJson(input.sigma)},
                                  {"sliced_sigma", ToJson(input.sliced_sigma)},
                                  {"relaxed_sigma", ToJson(input.relaxed_sigma)},
                                  {"sampled", ToJson(input.sampled)},
                                  {"total_sobol_bound", ToJson(input.total_sobol_bound)}};
  }
  json["layers"] = Json::array();
  for (const client::Significance::Layer& layer : significance.layers) {
    json["layers"].push_back({{"min", ToJson(layer.value_min)},
                              {"max", ToJson(layer.value_max)},
                              {"sigma", ToJson(layer.sigma)},
                              {"sampled", ToJson(layer.sampled)},
                              {"taylor", ToJson(layer.taylor)}});
  }
  for (const Matrix& edges : significance.edges) {
    const Index rows = edges.cols() / static_cast<Index>(significance.outputs.size());
    Json of_outputs = Json::array();
    for (Index first = 0; first < edges.cols(); first += rows) {
      of_outputs.push_back(ToJson(Matrix(edges.middleCols(first, rows))));
    }
    json["edges"].push_back(std::move(of_outputs));
  }
  json["vertices"] = Json::array();
  for (const client::Significance::Vertex& vertex : significance.vertices) {
    Json added = {{"name", vertex.name}, {"operation", vertex.operation}, {"stage", vertex.stage}};
    added.update(ToJson(vertex.range));
    added["sigma"] = ToJson(vertex.sigma);
    added["sampled"] = ToJson(vertex.sampled);
    json["vertices"].push_back(std::move(added));
  }
  json["vertex_count"] = significance.vertex_count;
  json["invalid_samples"] = significance.invalid_sample_count;
  return json;
}

std::string At(const Vector& numbers, Index i) {
  return i < numbers.size() ? FormatShort(numbers(i)) : "-";
}

// The largest of all units.
std::string LargestOf(const Matrix& numbers, Index output) {
  return numbers.size() > 0 ? FormatShort(numbers.row(output).maxCoeff()) : "-";
}

// One output after another.
void PrintOutput(const client::Significance& significance, Index output) {
  Rows rows = {{"input", "sigma", "by slices", "by relaxation", "sampled", "Sobol bound"}};
  for (const client::Significance::Input& input : significance.inputs) {
    rows.push_back({input.name, At(input.sigma, output), At(input.sliced_sigma, output),
                    At(input.relaxed_sigma, output), At(input.sampled, output),
                    At(input.total_sobol_bound, output)});
  }
  PrintTable(std::cout, rows);
  if (!significance.layers.empty()) {
    Rows layers = {{"layer", "units", "largest sigma", "largest sampled"}};
    for (const client::Significance::Layer& layer : significance.layers) {
      layers.push_back({std::to_string(layers.size()), std::to_string(layer.sigma.cols()),
                        LargestOf(layer.sigma, output), LargestOf(layer.sampled, output)});
    }
    std::cout << '\n';
    PrintTable(std::cout, layers);
  }
  if (significance.vertices.empty()) return;
  Rows vertices = {{"vertex", "operation", "range", "sigma", "sampled"}};
  for (const client::Significance::Vertex& vertex : significance.vertices) {
    vertices.push_back({vertex.name, vertex.operation, Text(vertex.range), At(vertex.sigma, output),
                        At(vertex.sampled, output)});
  }
  std::cout << '\n';
  PrintTable(std::cout, vertices);
}

void Print(const client::Significance& significance) {
  std::cout << significance.function << '\n';
  for (std::size_t i = 0; i < significance.outputs.size(); ++i) {
    std::cout << '\n' << significance.outputs[i];
    if (i < significance.values.size()) std::cout << " in " << Text(significance.values[i]);
    std::cout << "\n\n";
    PrintOutput(significance, static_cast<Index>(i));
  }
  const auto listed = static_cast<std::int64_t>(significance.vertices.size());
  if (listed < significance.vertex_count) {
    std::cout << '\n'
              << significance.vertex_count - listed
              << " vertices of less significance are not listed\n";
  }
}

void Analyze(const SignificanceArguments& arguments, const Context& context) {
  client::SignificanceOptions options = arguments.options;
  for (const std::string& text : arguments.cuts) options.cuts.push_back(ParseCut(text));
  const client::Client client = context.Connect();
  const Function function = Find(arguments.subject, client);
  options.box = function.box;
  const client::Significance significance = client.AnalyzeSignificance(function.name, options);
  if (context.json) {
    std::cout << ToJson(significance, function).dump(2) << '\n';
  } else {
    Print(significance);
  }
}

// ---- Options ----

void AddSubject(CLI::App& command, Subject& subject) {
  command.add_option("MODEL", subject.model, "Model, or models/MODEL/versions/N");
  command.add_option("--program", subject.program, "A program instead")->type_name("NAME");
  command.add_option("--bounds", subject.bounds,
                     "The box: NAME=LOWER:UPPER,... of inputs, the others in their domain");
}

template <class Number>
void AddNumber(CLI::App& command, const char* option, std::optional<Number>& number,
               const char* help) {
  command.add_option(option, number, help)->check(CLI::NonNegativeNumber);
}

void AddTexts(CLI::App& command, const char* option, std::vector<std::string>& texts,
              const char* type, const char* help) {
  command.add_option(option, texts, help)->type_name(type)->allow_extra_args(false);
}

void AddBound(CLI::App& group, Context& context) {
  CLI::App* bound =
      group.add_subcommand("bound", "Bound values and derivatives over a box, with certainty.")
          ->fallthrough();
  const auto arguments = std::make_shared<BoundArguments>();
  client::BoundOptions& options = arguments->options;
  AddSubject(*bound, arguments->subject);
  bound->add_flag("--jacobian", options.jacobian, "Bound d<output>/d<input> as well");
  bound->add_option("--compare-to", options.compare_to,
                    "Bound the difference to this model, version or programs/NAME instead");
  AddNumber(*bound, "--max-boxes", options.max_boxes, "Boxes that may be enclosed; default 1000");
  AddNumber(*bound, "--tolerance", options.tolerance,
            "Done when bounds are wider than samples by less than this part; default 0.01");
  AddNumber(*bound, "--samples", options.sample_count, "Points that are sampled; default 1000");
  AddNumber(*bound, "--seed", options.seed, "Of the points; default 1");
  bound->footer(
      "Nothing in the box is outside of what is proved. \"sampled\" is what points show, so that\n"
      "the truth lies between the two.\n\n"
      "Example:\n"
      "  sobolev model bound wing --bounds 'mach=0.2:0.4' --jacobian\n"
      "  sobolev model bound wing --compare-to models/wing/versions/1 --max-boxes 10000");
  bound->callback([arguments, &context] { Bound(*arguments, context); });
}

void AddCertify(CLI::App& group, Context& context) {
  CLI::App* certify =
      group
          .add_subcommand("certify",
                          "Find where conditions on values and derivatives provably hold.")
          ->fallthrough();
  const auto arguments = std::make_shared<CertifyArguments>();
  client::CertifyOptions& options = arguments->options;
  AddSubject(*certify, arguments->subject);
  AddTexts(*certify, "--value", arguments->values, "OUTPUT=[MIN]:[MAX]",
           "The output is within; * for every output; again for more");
  AddTexts(*certify, "--derivative", arguments->derivatives, "[OUTPUT/INPUT=]MOST",
           "The derivative is at most that in magnitude; * for every one; again for more");
  AddNumber(*certify, "--max-boxes", options.max_boxes, "Boxes that may be enclosed; default 1000");
  AddNumber(*certify, "--pieces", options.max_pieces,
            "Pieces of each verdict that are listed; default 100");
  certify->footer(
      "proved: all conditions hold everywhere; violated: one holds nowhere; refuted: there is a\n"
      "point where one does not hold; undecided: more boxes would tell.\n\n"
      "Example:\n"
      "  sobolev model certify wing --value 'lift=0:' --derivative 'lift/alpha=12'");
  certify->callback([arguments, &context] { Certify(*arguments, context); });
}

void AddSignificance(CLI::App& group, Context& context) {
  CLI::App* significance =
      group
          .add_subcommand("significance",
                          "Show which inputs, units and operations matter over a box.")
          ->fallthrough();
  const auto arguments = std::make_shared<SignificanceArguments>();
  client::SignificanceOptions& options = arguments->options;
  AddSubject(*significance, arguments->subject);
  AddTexts(*significance, "--cut", arguments->cuts, "INPUT=PIECES[:geometric]",
           "Cut the range of an input, by equal lengths or ratios; again for more");
  significance->add_flag("--edges", options.edges, "Of every weight of a network, too; in JSON");
  AddNumber(*significance, "--max-boxes", options.max_boxes,
            "Boxes for what is proved by relaxation; default 100");
  AddNumber(*significance, "--samples", options.sample_count,
            "Points that are sampled; default 1024");
  AddNumber(*significance, "--seed", options.seed, "Of the points; default 1");
  AddNumber(*significance, "--max-vertices", options.max_vertices,
            "Operations of a program that are listed; default 1000");
  significance->footer(
      "sigma is the width of a range times the largest derivative by it: proved, and often far "
      "too\n"
      "large. Slices and relaxation mend that. What is sampled is no bound, and near the truth.\n\n"
      "Example:\n"
      "  sobolev model significance wing\n"
      "  sobolev model significance --program plant --cut 'load=16:geometric'");
  significance->callback([arguments, &context] { Analyze(*arguments, context); });
}

}  // namespace

void AddGuaranteeCommands(CLI::App& group, Context& context) {
  AddBound(group, context);
  AddCertify(group, context);
  AddSignificance(group, context);
}

}  // namespace sobolev::cli
