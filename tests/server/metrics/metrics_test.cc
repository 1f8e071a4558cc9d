#include "server/metrics/metrics.h"

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

using ::testing::HasSubstr;

// The value of the sample whose line starts with `series` and a blank.
double Value(const Metrics& metrics, const std::string& series) {
  std::istringstream text(metrics.Text());
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  ADD_FAILURE() << "no series " << series << " in\n" << metrics.Text();
  return -1;
}

const std::string kPredict =
    R"(grpc_method="Predict",grpc_service="sobolev.v1.PredictionService",grpc_type="unary")";

std::string Handled(const std::string& code) {
  return "grpc_server_handled_total{grpc_code=\"" + code + "\"," + kPredict + "}";
}

TEST(MetricsTest, CallsAreCountedByMethodAndCode) {
  Metrics metrics("1.2.3", "avx2");
  MethodMetrics* const predict =
      metrics.Method(RpcType::kUnary, "sobolev.v1.PredictionService", "Predict");
  EXPECT_EQ(Value(metrics, Handled("OK")), 0) << "every series exists before the first call";
  predict->Started();
  predict->MessageReceived();
  predict->MessageSent();
  predict->Handled(0, 0.003);
  predict->Started();
  predict->Handled(3, 0.2);
  predict->Handled(99, 0.2);
  EXPECT_EQ(Value(metrics, "grpc_server_started_total{" + kPredict + "}"), 2);
  EXPECT_EQ(Value(metrics, "grpc_server_msg_received_total{" + kPredict + "}"), 1);
  EXPECT_EQ(Value(metrics, "grpc_server_msg_sent_total{" + kPredict + "}"), 1);
  EXPECT_EQ(Value(metrics, Handled("OK")), 1);
  EXPECT_EQ(Value(metrics, Handled("InvalidArgument")), 1);
  EXPECT_EQ(Value(metrics, Handled("Unknown")), 1);
  EXPECT_EQ(Value(metrics, "grpc_server_handling_seconds_count{" + kPredict + "}"), 3);
  EXPECT_DOUBLE_EQ(Value(metrics, "grpc_server_handling_seconds_sum{" + kPredict + "}"), 0.403);
  EXPECT_EQ(Value(metrics, "grpc_server_handling_seconds_bucket{" + kPredict + R"(,le="0.005"})"),
            1);
}

TEST(MetricsTest, AMethodAskedForTwiceIsTheSame) {
  Metrics metrics("1.2.3", "avx2");
  MethodMetrics* const first = metrics.Method(RpcType::kBidiStream, "s", "m");
  EXPECT_EQ(metrics.Method(RpcType::kBidiStream, "s", "m"), first);
  EXPECT_NE(metrics.Method(RpcType::kBidiStream, "s", "n"), first);
}

TEST(MetricsTest, PredictionsCountPointsAndTimeByOrder) {
  Metrics metrics("1.2.3", "avx2");
  metrics.Predicted(10, 0, 0.001);
  metrics.Predicted(5, 1, 0.002);
  metrics.Predicted(5, 1, 0.004);
  EXPECT_EQ(Value(metrics, "sobolev_predict_points_total"), 20);
  EXPECT_EQ(Value(metrics, R"(sobolev_predict_compute_seconds_count{order="0"})"), 1);
  EXPECT_EQ(Value(metrics, R"(sobolev_predict_compute_seconds_count{order="1"})"), 2);
  EXPECT_DOUBLE_EQ(Value(metrics, R"(sobolev_predict_compute_seconds_sum{order="1"})"), 0.006);
}

TEST(MetricsTest, EvaluationsCountPointsAndTimeByOrder) {
  Metrics metrics("1.2.3", "avx2");
  metrics.Evaluated(10, 0, 0.001);
  metrics.Evaluated(5, 2, 0.002);
  metrics.Evaluated(7, 2, 0.004);
  metrics.SetProgramCache(1000, 2);
  EXPECT_EQ(Value(metrics, "sobolev_evaluate_points_total"), 22);
  EXPECT_EQ(Value(metrics, R"(sobolev_evaluate_compute_seconds_count{order="0"})"), 1);
  EXPECT_EQ(Value(metrics, R"(sobolev_evaluate_compute_seconds_count{order="1"})"), 0);
  EXPECT_DOUBLE_EQ(Value(metrics, R"(sobolev_evaluate_compute_seconds_sum{order="2"})"), 0.006);
  EXPECT_EQ(Value(metrics, "sobolev_program_cache_bytes"), 1000);
  EXPECT_EQ(Value(metrics, "sobolev_program_cache_programs"), 2);
}

TEST(MetricsTest, UploadsTrainingAndTheCacheAreCounted) {
  Metrics metrics("1.2.3", "avx2");
  metrics.Uploaded(1 << 20, 512);
  metrics.Uploaded(1, 1);
  metrics.Trained(4096, 1);
  metrics.Trained(4096, 0);
  metrics.SetModelCache(1000, 2);
  metrics.SetModelCache(500, 1);
  EXPECT_EQ(Value(metrics, "sobolev_upload_bytes_total"), (1 << 20) + 1);
  EXPECT_EQ(Value(metrics, "sobolev_upload_samples_total"), 513);
  EXPECT_EQ(Value(metrics, "sobolev_train_samples_total"), 8192);
  EXPECT_EQ(Value(metrics, "sobolev_train_epochs_total"), 1);
  EXPECT_EQ(Value(metrics, "sobolev_model_cache_bytes"), 500);
  EXPECT_EQ(Value(metrics, "sobolev_model_cache_models"), 1);
}

TEST(MetricsTest, JobsAreGaugedByKindAndState) {
  Metrics metrics("1.2.3", "avx2");
  metrics.SetJobs("train", "queued", 2);
  metrics.SetJobs("train", "queued", 1);
  metrics.SetJobs("train", "running", 3);
  EXPECT_EQ(Value(metrics, R"(sobolev_jobs{kind="train",state="queued"})"), 1);
  EXPECT_EQ(Value(metrics, R"(sobolev_jobs{kind="train",state="running"})"), 3);
}

TEST(MetricsTest, TheBuildIsDescribed) {
  const Metrics metrics("1.2.3", "avx512");
  EXPECT_EQ(Value(metrics, R"(sobolev_build_info{isa="avx512",version="1.2.3"})"), 1);
}

TEST(MetricsTest, TheProcessIsMeasuredAtEachScrape) {
  const Metrics metrics("1.2.3", "avx2");
  std::vector<char> ballast(std::size_t{64} << 20, 1);  // Touched: 64 MiB are resident.
  EXPECT_GT(Value(metrics, "process_resident_memory_bytes"), static_cast<double>(ballast.size()));
  const double start = Value(metrics, "process_start_time_seconds");
  EXPECT_LE(start, static_cast<double>(std::time(nullptr)) + 1);
  EXPECT_GT(start, static_cast<double>(std::time(nullptr)) - 86400);
  const double cpu = Value(metrics, "process_cpu_seconds_total");
  EXPECT_GE(cpu, 0);
  EXPECT_GE(Value(metrics, "process_cpu_seconds_total"), cpu);
  const double files = Value(metrics, "process_open_fds");
  std::ifstream one("/dev/null");
  EXPECT_EQ(Value(metrics, "process_open_fds"), files + 1);
  EXPECT_GE(Value(metrics, "process_max_fds"), files);
}

TEST(MetricsTest, CountingFromManyThreadsLosesNothing) {
  Metrics metrics("1.2.3", "avx2");
  constexpr int kThreads = 4;
  constexpr int kCalls = 20000;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        MethodMetrics* const predict =
            metrics.Method(RpcType::kUnary, "sobolev.v1.PredictionService", "Predict");
        for (int i = 0; i < kCalls; ++i) {
          predict->Started();
          predict->Handled(0, 1e-3);
          if (i % 4096 == 0) {
            EXPECT_THAT(metrics.Text(), HasSubstr("grpc_server"));
          }
        }
      });
    }
  }
  EXPECT_EQ(Value(metrics, Handled("OK")), kThreads * kCalls);
  EXPECT_EQ(Value(metrics, "grpc_server_handling_seconds_count{" + kPredict + "}"),
            kThreads * kCalls);
}

}  // namespace
}  // namespace sobolev::server
