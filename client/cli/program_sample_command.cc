#include <algorithm>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/design.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/program_box.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;

// Of a reply, so that it stays far below the message limit.
constexpr Index kBatchBytes = 4 << 20;
constexpr Index kMaxBatchRows = 4096;

struct SampleArguments {
  std::string program;
  std::string dataset;
  DesignArguments design;
  std::optional<std::uint64_t> seed;
  std::string bounds;
};

// Points with values and Jacobians, all of them finite.
client::Samples ValidSamples(const client::Client& client, const client::Program& program,
                             const Matrix& X) {
  const client::Evaluation evaluation = client.Evaluate(program.name, X, {.jacobian = true});
  const Index n = program.input_size;
  const Index m = program.output_size;
  client::Samples samples{.X = Matrix(n, X.cols()),
                          .Y = Matrix(m, X.cols()),
                          .jacobian = Matrix(n, m * X.cols()),
                          .weight = {}};
  Index rows = 0;
  for (Index s = 0; s < X.cols(); ++s) {
    if (!evaluation.valid[static_cast<std::size_t>(s)]) continue;
    samples.X.col(rows) = X.col(s);
    samples.Y.col(rows) = evaluation.value.col(s);
    samples.jacobian.middleCols(rows * m, m) = evaluation.jacobian.middleCols(s * m, m);
    ++rows;
  }
  samples.X.conservativeResize(Eigen::NoChange, rows);
  samples.Y.conservativeResize(Eigen::NoChange, rows);
  samples.jacobian.conservativeResize(Eigen::NoChange, rows * m);
  return samples;
}

std::optional<client::Dataset> FindDataset(const client::Client& client, const std::string& name) {
  try {
    return client.GetDataset(name);
  } catch (const client::RpcError& error) {
    if (error.code() != client::StatusCode::kNotFound) throw;
    return std::nullopt;
  }
}

// A dataset that gets samples. It is made when the first ones are there, and is gone again if the
// last ones never come.
class Target {
 public:
  Target(const client::Client& client, std::string name)
      : client_(client), name_(std::move(name)), existing_(FindDataset(client, name_)) {}

  std::int64_t samples_before() const { return existing_ ? existing_->statistics.sample_count : 0; }
  std::int64_t samples_appended() const { return uploader_ ? uploader_->sample_count() : 0; }
  const std::string& dataset() const { return dataset_; }

  void Append(const client::Samples& samples, const client::Schema& schema) {
    if (!uploader_) {
      dataset_ = client_.CreateDataset(name_, schema).name;
      uploader_.emplace(client_.Upload(dataset_));
    }
    uploader_->Append(samples.X, samples.Y, samples.jacobian);
  }

  std::int64_t Commit() { return uploader_->Commit(); }

  // Before Commit.
  void Abandon() {
    uploader_.reset();
    if (existing_ || dataset_.empty()) return;
    try {
      // Somebody else may have filled it meanwhile.
      if (client_.GetDataset(dataset_).version == 0) client_.DeleteDataset(dataset_);
    } catch (const client::RpcError&) {  // The error that led here says more.
    }
  }

 private:
  const client::Client& client_;
  std::string name_;
  std::optional<client::Dataset> existing_;
  std::string dataset_;  // Once it is made.
  std::optional<client::Uploader> uploader_;
};

void AppendAll(const client::Client& client, const client::Program& program, const Matrix& X,
               Target& target) {
  const Index n = program.input_size;
  const Index m = program.output_size;
  const auto row_bytes = static_cast<Index>(sizeof(double)) * (n + m + n * m);
  const Index batch = std::clamp<Index>(kBatchBytes / row_bytes, 1, kMaxBatchRows);
  for (Index first = 0; first < X.cols(); first += batch) {
    const client::Samples samples =
        ValidSamples(client, program, X.middleCols(first, std::min(batch, X.cols() - first)));
    if (samples.X.cols() > 0) target.Append(samples, SchemaOf(program));
  }
  if (target.samples_appended() == 0) {
    throw UsageError(program.name + ": has no finite value and Jacobian at any of " +
                     std::to_string(X.cols()) + " points; choose other --bounds");
  }
}

void Sample(const SampleArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Program program = client.GetProgram(arguments.program);
  const Box box = BoxOf(program, arguments.bounds);
  Target target(client, arguments.dataset);
  // The same points again would teach nothing.
  const std::uint64_t seed =
      arguments.seed.value_or(1 + static_cast<std::uint64_t>(target.samples_before()));
  if (arguments.design.kind == sampling::DesignKind::kUserPoints) {
    throw UsageError(
        "--design: a program is sampled where a design says; for points of your own, "
        "see program evaluate and dataset append");
  }
  const sampling::Domain domain = DomainOf(box, ElementNames(program.inputs));
  const Matrix X = MakeDesign(domain, arguments.design, seed, Matrix(domain.n(), 0), {}).X;
  try {
    AppendAll(client, program, X, target);
  } catch (const std::exception&) {
    target.Abandon();
    throw;
  }
  const std::int64_t version = target.Commit();
  const std::int64_t dropped = X.cols() - target.samples_appended();
  if (context.json) {
    std::cout << Json{{"program", program.name},
                      {"dataset", target.dataset()},
                      {"version", version},
                      {"sample_count", target.samples_appended()},
                      {"dropped_count", dropped},
                      {"design", Name(arguments.design.kind)},
                      {"seed", seed}}
                     .dump(2)
              << '\n';
    return;
  }
  std::cout << "appended " << target.samples_appended() << " samples with Jacobian to "
            << target.dataset() << ", now at version " << version << '\n';
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
  AddDesignOptions(*sample, "--design", arguments->design);
  sample
      ->add_option("--seed", arguments->seed,
                   "Of the points. Default: 1 + the number of samples in the dataset, so that a "
                   "second call adds other points; the same seed gives the same ones")
      ->check(IsUint64);
  sample->add_option("--bounds", arguments->bounds, kBoundsHelp)
      ->check(CLI::Validator(IsNotEmpty, ""));
  sample->footer(
      "The variables of the dataset are the elements of the program's inputs and outputs: T, x.0,\n"
      "x.1, A.0.0, ... Points where a value or derivative is not finite are dropped and counted.\n"
      "Grids and factorials have no seed: repeating them appends the same points.\n\n"
      "Example:\n"
      "  sobolev program sample cone --dataset cone --count 500 --bounds 'radius=1:2'\n"
      "  sobolev program sample cone --dataset cone-test --count 100 --design random --seed 7");
  sample->callback([arguments, &context] { Sample(*arguments, context); });
}

}  // namespace sobolev::cli
