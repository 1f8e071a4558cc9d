// `sobolev model significance`: what matters over a box.

#include <cstddef>
#include <cstdint>
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

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using client::Vector;
using Rows = std::vector<std::vector<std::string>>;

struct SignificanceArguments {
  Subject subject;
  std::vector<std::string> cuts;
  client::SignificanceOptions options;
};

// Of the columns.
Json ToJson(const Matrix& numbers) {
  Json json = Json::array();
  for (Index k = 0; k < numbers.cols(); ++k) json.push_back(VectorToJson(numbers.col(k)));
  return json;
}

Json ToJson(const client::Significance& significance, const Function& function) {
  Json json = {{"function", significance.function},
               {"box", RangesToJson(significance.box, function.inputs)},
               {"outputs", RangesToJson(significance.values, significance.outputs)},
               {"inputs", Json::object()}};
  for (const client::Significance::Input& input : significance.inputs) {
    json["inputs"][input.name] = {{"sigma", VectorToJson(input.sigma)},
                                  {"sliced_sigma", VectorToJson(input.sliced_sigma)},
                                  {"relaxed_sigma", VectorToJson(input.relaxed_sigma)},
                                  {"sampled", VectorToJson(input.sampled)},
                                  {"total_sobol_bound", VectorToJson(input.total_sobol_bound)}};
  }
  json["layers"] = Json::array();
  for (const client::Significance::Layer& layer : significance.layers) {
    json["layers"].push_back({{"min", VectorToJson(layer.value_min)},
                              {"max", VectorToJson(layer.value_max)},
                              {"sigma", ToJson(layer.sigma)},
                              {"relaxed_sigma", ToJson(layer.relaxed_sigma)},
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
    added.update(RangeToJson(vertex.range));
    added["sigma"] = VectorToJson(vertex.sigma);
    added["relaxed_sigma"] = VectorToJson(vertex.relaxed_sigma);
    added["sampled"] = VectorToJson(vertex.sampled);
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
    Rows layers = {{"layer", "units", "largest sigma", "by relaxation", "largest sampled"}};
    for (const client::Significance::Layer& layer : significance.layers) {
      layers.push_back({std::to_string(layers.size()), std::to_string(layer.sigma.cols()),
                        LargestOf(layer.sigma, output), LargestOf(layer.relaxed_sigma, output),
                        LargestOf(layer.sampled, output)});
    }
    std::cout << '\n';
    PrintTable(std::cout, layers);
  }
  if (significance.vertices.empty()) return;
  Rows vertices = {{"vertex", "operation", "range", "sigma", "by subdivision", "sampled"}};
  for (const client::Significance::Vertex& vertex : significance.vertices) {
    vertices.push_back({vertex.name, vertex.operation, RangeText(vertex.range),
                        At(vertex.sigma, output), At(vertex.relaxed_sigma, output),
                        At(vertex.sampled, output)});
  }
  std::cout << '\n';
  PrintTable(std::cout, vertices);
}

void Print(const client::Significance& significance) {
  std::cout << significance.function << '\n';
  for (std::size_t i = 0; i < significance.outputs.size(); ++i) {
    std::cout << '\n' << significance.outputs[i];
    if (i < significance.values.size()) std::cout << " in " << RangeText(significance.values[i]);
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

}  // namespace

void AddSignificanceCommand(CLI::App& group, Context& context) {
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
  AddSeed(*significance, options.seed);
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

}  // namespace sobolev::cli
