#include "client/cli/pruning_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "client/cli/format.h"
#include "client/cli/report_text.h"

namespace sobolev::cli {
namespace {

using client::PruningReport;
using Rows = std::vector<std::vector<std::string>>;

Json ToJson(const PruningReport::Size& size) {
  return {{"inputs", size.inputs},
          {"hidden", size.hidden},
          {"parameters", size.parameters},
          {"value_multiply_adds", size.value_multiply_adds},
          {"jacobian_multiply_adds", size.jacobian_multiply_adds},
          {"plan_multiply_adds", size.plan_multiply_adds}};
}

Json ToJson(const PruningReport::Deviation& deviation) {
  return {{"value", deviation.value}, {"jacobian", deviation.jacobian}};
}

Json ToJson(const std::vector<PruningReport::Bound>& bounds) {
  Json list = Json::array();
  for (const PruningReport::Bound& bound : bounds) {
    list.push_back({{"sampled", bound.sampled}, {"proved", NumberToJson(bound.proved)}});
  }
  return list;
}

// What no label tells is unknown.
void AddErrors(const char* name, const std::optional<client::ErrorReport>& errors, Json& json) {
  if (!errors) return;
  json[name] = {{"value_rmse", errors->value_rmse}, {"jacobian_rmse", errors->jacobian_rmse}};
  if (!errors->value_rmse.empty()) json[name]["value_relative"] = errors->value_relative;
  if (!errors->jacobian_rmse.empty()) json[name]["jacobian_relative"] = errors->jacobian_relative;
}

std::string Hidden(const PruningReport::Size& size) {
  std::vector<std::string> widths;
  widths.reserve(size.hidden.size());
  for (const int width : size.hidden) widths.push_back(std::to_string(width));
  return widths.empty() ? "-" : Join(widths, "-");
}

std::string Ratio(std::int64_t before, std::int64_t after) {
  if (after == 0) return "-";
  return FormatShort(static_cast<double>(before) / static_cast<double>(after)) + "x";
}

void PrintSizes(std::ostream& out, const PruningReport& report) {
  const PruningReport::Size& before = report.before;
  const PruningReport::Size& after = report.after;
  const auto row = [](const char* what, std::int64_t from, std::int64_t to) {
    return std::vector<std::string>{what, std::to_string(from), std::to_string(to),
                                    Ratio(from, to)};
  };
  PrintTable(
      out,
      {{"size", "before", "after", "less"},
       {"hidden layers", Hidden(before), Hidden(after), ""},
       row("inputs", before.inputs, after.inputs),
       row("parameters", before.parameters, after.parameters),
       row("multiply-adds, value", before.value_multiply_adds, after.value_multiply_adds),
       row("multiply-adds, Jacobian", before.jacobian_multiply_adds, after.jacobian_multiply_adds),
       row("multiply-adds, best plan", before.plan_multiply_adds, after.plan_multiply_adds)});
}

void PrintErrors(std::ostream& out, const PruningReport& report) {
  Rows rows = {{"error", "value", "Jacobian"}};
  const auto deviation = [&](const char* what, const PruningReport::Deviation& from) {
    rows.push_back({what, FormatPercent(from.value), FormatPercent(from.jacobian)});
  };
  const auto held_out = [&](const char* what, const std::optional<client::ErrorReport>& errors) {
    if (errors) rows.push_back({what, ValueError(*errors), JacobianError(*errors)});
  };
  if (report.retraining) deviation("from the original, as pruned", report.pruned);
  deviation("from the original", report.result);
  held_out("held-out, original", report.source_errors);
  if (report.retraining) held_out("held-out, as pruned", report.pruned_errors);
  held_out("held-out", report.result_errors);
  held_out("held-out, same size from scratch", report.scratch_errors);
  out << '\n';
  PrintTable(out, rows);
}

// Where it is known to hold.
void PrintBox(std::ostream& out, const PruningReport& report) {
  Rows rows = {{"pruned for", "from", "to"}};
  for (std::size_t j = 0; j < std::min(report.inputs.size(), report.box.size()); ++j) {
    const client::Range& range = report.box[j];
    rows.push_back({report.inputs[j], FormatShort(range.min), FormatShort(range.max)});
  }
  out << '\n';
  PrintTable(out, rows);
}

// The largest entry of each row of the Jacobian would hide units: all are shown, up to a screenful.
void PrintCertificate(std::ostream& out, const client::ModelVersion& version) {
  constexpr std::size_t kMostRows = 40;
  const PruningReport& report = *version.pruning;
  const PruningReport::Certificate& certificate = *report.certificate;
  Rows rows = {{"largest difference in the box", "sampled", "proved below"}};
  const auto add = [&](const std::string& what, const PruningReport::Bound& bound) {
    rows.push_back({what, FormatShort(bound.sampled), FormatShort(bound.proved)});
  };
  const std::vector<client::Variable>& outputs = version.schema.outputs;
  const std::size_t n = report.inputs.size();
  for (std::size_t i = 0; i < std::min(outputs.size(), certificate.value.size()); ++i) {
    add(outputs[i].name, certificate.value[i]);
  }
  for (std::size_t k = 0; k < certificate.jacobian.size() && rows.size() <= kMostRows; ++k) {
    std::string what = "d " + outputs[k / n].name;
    what.append(" / d ").append(report.inputs.at(k % n));
    add(what, certificate.jacobian[k]);
  }
  out << '\n';
  PrintTable(out, rows);
  out << certificate.boxes << " boxes"
      << (certificate.tight ? "" : "; --certificate-boxes buys tighter bounds") << '\n';
}

template <class Number>
std::string Counts(const std::vector<Number>& counts) {
  std::vector<std::string> texts;
  texts.reserve(counts.size());
  for (const Number& count : counts) texts.push_back(std::to_string(count));
  return Join(texts, ", ");
}

}  // namespace

std::string_view Name(client::PrunedParts parts) {
  return parts == client::PrunedParts::kVertices ? "vertices" : "weights";
}

std::string_view Name(client::PruningRule rule) {
  switch (rule) {
    case client::PruningRule::kSobolevObs:
      return "sobolev-obs";
    case client::PruningRule::kInterval:
      return "interval";
    case client::PruningRule::kSampled:
      return "sampled";
    case client::PruningRule::kTaylor:
      return "taylor";
    case client::PruningRule::kMagnitude:
      return "magnitude";
    case client::PruningRule::kWanda:
      return "wanda";
    case client::PruningRule::kRandom:
      return "random";
  }
  return "unknown";
}

std::string_view Name(client::PruningCompensation compensation) {
  switch (compensation) {
    case client::PruningCompensation::kSobolev:
      return "sobolev";
    case client::PruningCompensation::kMean:
      return "mean";
    case client::PruningCompensation::kMidpoint:
      return "midpoint";
    case client::PruningCompensation::kZero:
      return "zero";
  }
  return "unknown";
}

Json ToJson(const PruningReport& report) {
  Json json = {{"source", report.source},
               {"job", report.job},
               {"inputs", report.inputs},
               {"box", Json::array()},
               {"parts", Name(report.parts)},
               {"rule", Name(report.rule)},
               {"compensation", Name(report.compensation)},
               {"seed", report.seed},
               {"before", ToJson(report.before)},
               {"after", ToJson(report.after)},
               {"removed_vertices", report.removed_vertices},
               {"removed_weights", report.removed_weights},
               {"removed_inputs", Json::array()},
               {"pruned", ToJson(report.pruned)},
               {"result", ToJson(report.result)}};
  for (const client::Range& range : report.box) {
    json["box"].push_back({{"min", range.min}, {"max", range.max}});
  }
  for (const PruningReport::RemovedInput& input : report.removed_inputs) {
    json["removed_inputs"].push_back(
        {{"input", input.input}, {"value", input.value}, {"sobol_bound", input.sobol_bound}});
  }
  if (report.retraining) {
    json["retraining"] = {{"steps", report.retraining->steps},
                          {"epochs", report.retraining->epochs},
                          {"learning_rate", report.retraining->learning_rate},
                          {"scratch_learning_rate", report.retraining->scratch_learning_rate},
                          {"kept", report.retraining->kept}};
  }
  AddErrors("source_errors", report.source_errors, json);
  AddErrors("pruned_errors", report.pruned_errors, json);
  AddErrors("result_errors", report.result_errors, json);
  AddErrors("scratch_errors", report.scratch_errors, json);
  if (report.certificate) {
    json["certificate"] = {{"value", ToJson(report.certificate->value)},
                           {"jacobian", ToJson(report.certificate->jacobian)},
                           {"boxes", report.certificate->boxes},
                           {"tight", report.certificate->tight}};
  }
  return json;
}

std::vector<std::pair<std::string, std::string>> PruningFields(const PruningReport& report) {
  std::string rule(Name(report.rule));
  rule.append(", ").append(Name(report.compensation)).append(" for what went");
  std::vector<std::pair<std::string, std::string>> fields = {
      {"pruned from", report.source},
      {"pruned by", report.job + ", seed " + std::to_string(report.seed)},
      {"rule", rule}};
  if (report.parts == client::PrunedParts::kWeights) {
    fields.emplace_back("removed", Counts(report.removed_weights) + " weights of the layers");
  } else {
    fields.emplace_back("removed", Counts(report.removed_vertices) + " vertices of the layers");
  }
  for (const PruningReport::RemovedInput& input : report.removed_inputs) {
    fields.emplace_back("fixed", input.input + " at " + FormatShort(input.value));
  }
  if (report.retraining) {
    fields.emplace_back(
        "retrained",
        std::to_string(report.retraining->steps) + " steps at " +
            FormatShort(report.retraining->learning_rate) + ", from scratch best at " +
            FormatShort(report.retraining->scratch_learning_rate) +
            (report.retraining->kept ? std::string()
                                     : std::string(", not taken: the pruned network was "
                                                   "better or alone in the budget")));
  }
  return fields;
}

void PrintPruning(std::ostream& out, const client::ModelVersion& version) {
  const PruningReport& report = *version.pruning;
  PrintSizes(out, report);
  PrintErrors(out, report);
  PrintBox(out, report);
  if (report.certificate) PrintCertificate(out, version);
}

void PrintPrunedParts(std::ostream& out, const std::vector<client::ModelVersion>& versions,
                      std::size_t input) {
  Rows rows = {{"version", "from", "to", "hidden layers", "multiply-adds, Jacobian", "value",
                "Jacobian", "largest difference", "proved below"}};
  for (const client::ModelVersion& version : versions) {
    const PruningReport& report = *version.pruning;
    const client::Range& range = report.box.at(input);
    std::vector<std::string> row = {version.name,
                                    FormatShort(range.min),
                                    FormatShort(range.max),
                                    Hidden(report.after),
                                    std::to_string(report.after.jacobian_multiply_adds),
                                    FormatPercent(report.result.value),
                                    FormatPercent(report.result.jacobian),
                                    "-",
                                    "-"};
    if (report.certificate) {  // Of the output that differs most, in its unit.
      const auto worst =
          std::ranges::max_element(report.certificate->value, {}, &PruningReport::Bound::proved);
      row[row.size() - 2] = FormatShort(worst->sampled);
      row.back() = FormatShort(worst->proved);
    }
    rows.push_back(std::move(row));
  }
  PrintTable(out, rows);
}

}  // namespace sobolev::cli
