#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "client/cli/commands.h"
#include "client/cli/json_format.h"
#include "client/cli/program_box.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;

// Of a reply, so that it stays far below the message limit.
constexpr Index kBatchBytes = 4 << 20;
constexpr Index kMaxBatchRows = 4096;
constexpr std::int64_t kMaxCount = 100'000'000;

struct SampleArguments {
  std::string program;
  std::string dataset;
  std::int64_t count = 1000;
  Design design = Design::kLatinHypercube;
  std::uint64_t seed = 1;
  std::string bounds;
};

// Evaluates at the points and appends what is valid.
void AppendSamples(const client::Client& client, const client::Program& program, const Matrix& X,
                   client::Uploader& uploader) {
  const client::Evaluation evaluation = client.Evaluate(program.name, X, {.jacobian = true});
  const Index n = program.input_size;
  const Index m = program.output_size;
  Matrix X_valid(n, X.cols());
  Matrix Y_valid(m, X.cols());
  Matrix J_valid(n, m * X.cols());
  Index rows = 0;
  for (Index s = 0; s < X.cols(); ++s) {
    if (!evaluation.valid[static_cast<std::size_t>(s)]) continue;
    X_valid.col(rows) = X.col(s);
    Y_valid.col(rows) = evaluation.value.col(s);
    J_valid.middleCols(rows * m, m) = evaluation.jacobian.middleCols(s * m, m);
    ++rows;
  }
  if (rows == 0) return;
  uploader.Append(X_valid.leftCols(rows), Y_valid.leftCols(rows), J_valid.leftCols(rows * m));
}

void Sample(const SampleArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Program program = client.GetProgram(arguments.program);
  const Matrix X = MakeDesign(arguments.design, BoxOf(program, arguments.bounds), arguments.count,
                              arguments.seed);
  const client::Dataset dataset = client.CreateDataset(arguments.dataset, SchemaOf(program));
  client::Uploader uploader = client.Upload(dataset.name);
  const Index n = program.input_size;
  const Index m = program.output_size;
  const auto row_bytes = static_cast<Index>(sizeof(double)) * (n + m + n * m);
  const Index batch = std::clamp<Index>(kBatchBytes / row_bytes, 1, kMaxBatchRows);
  for (Index first = 0; first < X.cols(); first += batch) {
    AppendSamples(client, program, X.middleCols(first, std::min(batch, X.cols() - first)),
                  uploader);
  }
  const std::int64_t dropped = arguments.count - uploader.sample_count();
  if (uploader.sample_count() == 0) {
    throw UsageError(program.name + ": has no finite value and Jacobian at any of " +
                     std::to_string(dropped) + " points; choose other --bounds");
  }
  const std::int64_t version = uploader.Commit();
  if (context.json) {
    std::cout << Json{{"program", program.name},  {"dataset", dataset.name},
                      {"version", version},       {"sample_count", uploader.sample_count()},
                      {"dropped_count", dropped}, {"design", Name(arguments.design)},
                      {"seed", arguments.seed}}
                     .dump(2)
              << '\n';
    return;
  }
  std::cout << "appended " << uploader.sample_count() << " samples with Jacobian to "
            << dataset.name << ", now at version " << version << '\n';
  if (dropped > 0) {
    std::cout << "dropped " << dropped << " points where a value or derivative is not finite\n";
  }
}

}  // namespace

void AddProgramSampleCommand(CLI::App& group, Context& context) {
  CLI::App* sample =
      group.add_subcommand("sample", "Make a dataset of values and exact Jacobians.")
          ->fallthrough();
  const auto arguments = std::make_shared<SampleArguments>();
  sample->add_option("NAME", arguments->program, "Program")->required();
  sample
      ->add_option("--dataset", arguments->dataset,
                   "Dataset that gets the samples, made if missing")
      ->required();
  sample->add_option("--count", arguments->count, "Number of points")
      ->check(CLI::Range(std::int64_t{1}, kMaxCount).description(""))
      ->capture_default_str();
  sample
      ->add_option("--design", arguments->design,
                   "lhs (Latin hypercube, default), random or grid: where the points lie")
      ->transform(CLI::CheckedTransformer(Designs()).description(""));
  sample->add_option("--seed", arguments->seed, "Of the points")->check(IsSeed);
  sample->add_option("--bounds", arguments->bounds, kBoundsHelp);
  sample->footer(
      "The variables of the dataset are the elements of the program's inputs and outputs: T, x.0,\n"
      "x.1, A.0.0, ... Points where a value or derivative is not finite are dropped and counted.");
  sample->callback([arguments, &context] { Sample(*arguments, context); });
}

}  // namespace sobolev::cli
