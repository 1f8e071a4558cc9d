// `sobolev sample report`: the rounds of a job, and where its points went.

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/files.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/sampling_format.h"
#include "client/cli/sampling_page.h"
#include "client/cli/sampling_picture.h"
#include "client/cli/sampling_spending.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

struct ReportArguments {
  std::string job;
  std::string svg;
  std::string html;
  std::vector<std::string> axes;
};

// The places of the inputs that --axes names; the first two, without it.
std::pair<std::size_t, std::size_t> ReadAxes(const ReportArguments& arguments,
                                             const client::Schema& schema) {
  const std::vector<std::string> inputs = Names(schema.inputs);
  if (arguments.axes.empty()) return {0, inputs.size() - 1 < 1 ? 0 : 1};
  if (arguments.axes.size() != 2) {
    throw UsageError("--axes: expected two inputs, got " + std::to_string(arguments.axes.size()));
  }
  const auto place = [&](const std::string& name) {
    const auto found = std::ranges::find(inputs, name);
    if (found == inputs.end()) {
      throw UsageError("--axes: expected inputs of the dataset, " + Join(inputs, ", ") + ", got " +
                       Quoted(name));
    }
    return static_cast<std::size_t>(found - inputs.begin());
  };
  return {place(arguments.axes[0]), place(arguments.axes[1])};
}

void Report(const ReportArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Sampling sampling = client.GetSampling(arguments.job);
  const client::Schema schema = client.GetDataset(sampling.spec.dataset).schema;
  const auto [first, second] = ReadAxes(arguments, schema);
  const std::vector<client::SamplingPoint> points = client.ListSamplingPoints(arguments.job);
  const client::SamplingBoxes boxes = client.GetSamplingBoxes(arguments.job);
  const auto write = [](const std::string& name, const std::string& text) {
    OutputFile file(name);
    file.stream() << text;
    file.Commit();
  };
  if (!arguments.svg.empty()) {
    write(arguments.svg, DrawSampling(sampling, points, boxes, schema, first, second));
  }
  if (!arguments.html.empty()) write(arguments.html, MakePage(sampling, points, boxes, schema));
  const std::vector<Portion> by_order = SpendingByOrder(sampling, points, boxes);
  const std::vector<Portion> by_slice = SpendingBySlice(sampling, points, schema);
  if (context.json) {
    Json list = Json::array();
    for (const client::SamplingPoint& point : points) list.push_back(ToJson(point, schema));
    Json even = Json::array();
    for (const client::SamplingRound& round : sampling.rounds) {
      even.push_back(NumberToJson(ErrorOfEvenPoints(sampling, round)));
    }
    std::cout << Json{{"sampling", ToJson(sampling)},
                      {"error_of_even_points", std::move(even)},
                      {"points", std::move(list)},
                      {"boxes", ToJson(boxes, schema)},
                      {"spending",
                       {{"by_order", ToJson(by_order)}, {"by_slice", ToJson(by_slice)}}}}
                     .dump(2)
              << '\n';
    return;
  }
  PrintSampling(std::cout, sampling);
  std::cout << '\n';
  PrintTable(std::cout, RoundTable(sampling));
  std::cout << "\neven points: a prediction of the value error with as many evenly spread points, "
               "the largest\nthat follows from the rounds so far by the rate N^(-3/n) of piecewise "
               "quadratic models\n\n";
  PrintSpending(std::cout, points);
  for (const std::vector<Portion>& portions : {by_order, by_slice}) {
    if (portions.empty()) continue;
    std::cout << '\n';
    PrintTable(std::cout, ToTable(portions, points));
  }
}

}  // namespace

void AddSampleReportCommand(CLI::App& group, Context& context) {
  CLI::App* report =
      group.add_subcommand("report", "Show the rounds, and where the points went.")->fallthrough();
  const auto arguments = std::make_shared<ReportArguments>();
  report->add_option("JOB", arguments->job, "Sampling job")->required();
  report
      ->add_option("--svg", arguments->svg,
                   "Draw the points over two inputs, and the errors of the rounds, into this "
                   "file")
      ->type_name("FILE");
  report
      ->add_option("--html", arguments->html,
                   "Write the report with pictures over all pairs of the first six inputs into "
                   "this file")
      ->type_name("FILE");
  AddList(*report, "--axes", arguments->axes, "NAME,NAME",
          "The two inputs; default: the first ones");
  report->callback([arguments, &context] { Report(*arguments, context); });
}

}  // namespace sobolev::cli
