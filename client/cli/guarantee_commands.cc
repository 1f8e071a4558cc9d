// `sobolev model bound` and `model certify`: what is proved over a box.

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sobolev/guarantees.h>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/guarantee_subject.h"
#include "client/cli/guarantee_text.h"
#include "client/cli/json_format.h"
#include "client/cli/schema_text.h"

namespace sobolev::cli {
namespace {

using client::Index;
using Rows = std::vector<std::vector<std::string>>;

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
  json["box"] = RangesToJson(bounds.box, function.inputs);
  json["bounds"] = Json::object();
  for (const Quantity& quantity : Quantities(bounds, function)) {
    Json& added = json["bounds"][quantity.name];
    added = RangeToJson(quantity.proved);
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
      {"function", certificate.function}, {"box", RangesToJson(certificate.box, function.inputs)},
      {"proved", certificate.proved},     {"violated", certificate.violated},
      {"refuted", certificate.refuted},   {"undecided", certificate.undecided},
      {"boxes", certificate.box_count},   {"pieces", Json::array()}};
  for (const client::Certificate::Piece& piece : certificate.pieces) {
    Json added = {{"verdict", Name(piece.verdict)},
                  {"box", RangesToJson(piece.box, function.inputs)}};
    if (piece.counter_example.size() > 0)
      added["counter_example"] = VectorToJson(piece.counter_example);
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
    for (const client::Range& range : piece.box) row.push_back(RangeText(range));
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
  AddSeed(*bound, options.seed);
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

}  // namespace

void AddGuaranteeCommands(CLI::App& group, Context& context) {
  AddBound(group, context);
  AddCertify(group, context);
}

}  // namespace sobolev::cli
