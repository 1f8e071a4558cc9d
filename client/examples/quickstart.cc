// The main job from end to end: simulate a basket option, upload the samples with their pathwise
// differentials, train on values alone and on values and gradients, and compare both surrogates
// with the closed form.
//
//   sobolev-quickstart [--server HOST:PORT] [--json]
//
// --json prints, as the last line, the table as one JSON object.

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sobolev/client.h>

#include "client/examples/bachelier.h"

namespace sobolev::examples {
namespace {

using client::Index;
using client::Matrix;

constexpr std::size_t kNumSamples = 8192;
constexpr std::size_t kNumTestPoints = 4096;
constexpr std::uint64_t kSimulationSeed = 1;
constexpr std::uint64_t kTestSeed = 2;

// The row-major arrays [N, n], [N, 1] and [N, 1, n] as one sample per column.
struct Batch {
  explicit Batch(const LabelledPoints& points)
      : X(AsColumns(points.x, points.count)),
        Y(AsColumns(points.y, points.count)),
        jacobian(AsColumns(points.jacobian, points.count)) {}

  static Matrix AsColumns(const std::vector<double>& numbers, std::size_t count) {
    return Eigen::Map<const Matrix>(numbers.data(), static_cast<Index>(numbers.size() / count),
                                    static_cast<Index>(count));
  }

  Matrix X;         // n×N
  Matrix Y;         // 1×N
  Matrix jacobian;  // n×N
};

struct Result {
  std::string model_version;
  double rmse_value = 0;
  double rmse_jacobian = 0;
  double train_seconds = 0;
};

double Rmse(const Matrix& A, const Matrix& B) {
  return std::sqrt((A - B).squaredNorm() / static_cast<double>(A.size()));
}

client::Schema BasketSchema(std::size_t assets) {
  client::Schema schema{.outputs = {{.name = "payoff"}}};
  for (std::size_t i = 1; i <= assets; ++i) {
    schema.inputs.push_back({.name = "spot" + std::to_string(i)});
  }
  return schema;
}

// A name that no earlier run has used.
std::string DatasetId() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return "basket-" +
         std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

Result TrainAndTest(const client::Client& client, const std::string& dataset,
                    const std::string& model, const client::TrainingSpec& spec,
                    const Batch& truth) {
  const client::ModelVersion version = client.Train(dataset, spec, {.model = model}).Wait();
  const client::Prediction prediction = client.Predict(version.name, truth.X, {.jacobian = true});
  return {.model_version = version.name,
          .rmse_value = Rmse(prediction.value, truth.Y),
          .rmse_jacobian = Rmse(prediction.jacobian, truth.jacobian),
          .train_seconds = version.report.train_seconds};
}

void PrintTable(const Result& value_only, const Result& differential) {
  std::printf("\n%-14s %12s %14s %15s\n", "training on", "value RMSE", "Jacobian RMSE",
              "train seconds");
  const auto print_row = [](const char* name, const Result& result) {
    std::printf("%-14s %12.6f %14.6f %15.2f\n", name, result.rmse_value, result.rmse_jacobian,
                result.train_seconds);
  };
  print_row("values", value_only);
  print_row("+ gradients", differential);
  std::printf("%-14s %11.2fx %13.2fx\n", "better by",
              value_only.rmse_value / differential.rmse_value,
              value_only.rmse_jacobian / differential.rmse_jacobian);
}

// One point, asked of the server as a pricing system would.
void PrintLiveJacobian(const client::Client& client, const std::string& model,
                       const Bachelier& basket) {
  const std::vector<double> spots(basket.assets(), 1.0);
  const Eigen::Map<const client::Vector> x(spots.data(), static_cast<Index>(spots.size()));
  const client::Prediction prediction = client.Predict(model, x, {.jacobian = true});
  const Matrix J = prediction.JacobianAt(0);
  const std::vector<double> deltas = basket.Deltas(spots);

  std::printf("\nLive at spots of 1 from %s: price %.5f, exact %.5f\n",
              prediction.model_version.c_str(), prediction.value(0, 0), basket.Price(spots));
  std::printf("%-14s %12s %14s\n", "delta", "Jacobian", "exact");
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    std::printf("spot%-10zu %12.6f %14.6f\n", i + 1, J(0, static_cast<Index>(i)), deltas[i]);
  }
}

nlohmann::ordered_json ToJson(const Result& result) {
  return {{"rmse_value", result.rmse_value},
          {"rmse_jacobian", result.rmse_jacobian},
          {"train_seconds", result.train_seconds}};
}

void Run(const std::string& server, bool json) {
  const Bachelier basket;
  const Batch samples(basket.Simulate(kNumSamples, kSimulationSeed));
  const Batch truth(basket.ExactPoints(kNumTestPoints, kTestSeed));
  std::printf("Bachelier basket option: %zu assets, %zu samples, %zu exact test points\n",
              basket.assets(), kNumSamples, kNumTestPoints);

  const client::Client client(server);
  const client::Dataset dataset = client.CreateDataset(DatasetId(), BasketSchema(basket.assets()));
  client.Append(dataset.name, samples.X, samples.Y, samples.jacobian);
  std::printf("Uploaded to %s; training...\n", dataset.name.c_str());
  std::fflush(stdout);

  // The same network both times, so that the labels alone differ.
  const client::TrainingSpec differential_spec{.kind = client::TrainingKind::kNetwork};
  client::TrainingSpec value_only_spec = differential_spec;
  value_only_spec.beta = 0;
  const Result value_only =
      TrainAndTest(client, dataset.name, "basket-value-only", value_only_spec, truth);
  const Result differential =
      TrainAndTest(client, dataset.name, "basket-differential", differential_spec, truth);
  PrintTable(value_only, differential);
  PrintLiveJacobian(client, differential.model_version, basket);
  if (json) {
    const nlohmann::ordered_json table = {{"value_only", ToJson(value_only)},
                                          {"differential", ToJson(differential)}};
    std::printf("%s\n", table.dump().c_str());
  }
}

}  // namespace
}  // namespace sobolev::examples

int main(int argc, char** argv) {
  try {
    std::string server = "localhost:50551";
    bool json = false;
    CLI::App app("Trains a basket option's surrogate on values and gradients, and checks it.");
    app.add_option("--server", server, "Address of the server")->capture_default_str();
    app.add_flag("--json", json, "Print the table as one JSON object on the last line");
    CLI11_PARSE(app, argc, argv);
    sobolev::examples::Run(server, json);
  } catch (const std::exception& e) {
    std::cerr << "sobolev-quickstart: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
