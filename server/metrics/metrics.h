// What the server counts, in Prometheus' terms. The only folder that knows prometheus-cpp.
//
// RPC metrics carry the names and labels of the go-grpc-prometheus convention, so that existing
// dashboards work; everything of our own is called sobolev_*. Counting costs an atomic addition, a
// histogram a short lock; labels are resolved beforehand.

#ifndef SOBOLEV_SERVER_METRICS_METRICS_H_
#define SOBOLEV_SERVER_METRICS_METRICS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace prometheus {
class Counter;
class Histogram;
}  // namespace prometheus

namespace sobolev::server {

enum class RpcType { kUnary, kClientStream, kServerStream, kBidiStream };

// The counters of one RPC method. Made by Metrics::Method, which must outlive it. Thread-safe.
class MethodMetrics {
 public:
  // "/sobolev.v1.PredictionService/Predict"
  const std::string& name() const { return name_; }

  // grpc_server_started_total: the call arrived.
  void Started();
  // grpc_server_handled_total and grpc_server_handling_seconds: the call ended with this
  // grpc::StatusCode (numbers outside 0..16 count as UNKNOWN) after this long.
  void Handled(int code, double seconds);
  // grpc_server_msg_received_total, grpc_server_msg_sent_total.
  void MessageReceived();
  void MessageSent();

 private:
  friend class Metrics;
  static constexpr int kNumCodes = 17;

  std::string name_;
  prometheus::Counter* started_ = nullptr;
  std::array<prometheus::Counter*, kNumCodes> handled_{};
  prometheus::Histogram* seconds_ = nullptr;
  prometheus::Counter* received_ = nullptr;
  prometheus::Counter* sent_ = nullptr;
};

// All metrics of one server. Thread-safe.
class Metrics {
 public:
  // version and isa become the labels of sobolev_build_info.
  Metrics(const std::string& version, const std::string& isa);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The metrics of a method such as (kUnary, "sobolev.v1.PredictionService", "Predict"): all its
  // series exist from now on, at zero. The same pointer for the same names; lives as long as this.
  MethodMetrics* Method(RpcType type, const std::string& service, const std::string& method);

  // One set of sweeps for Predict: its points, and its seconds by the highest order of derivative
  // asked for, 0, 1 or 2.
  void Predicted(std::int64_t points, int order, double compute_seconds);
  // The seconds that a Predict waited for a thread, and those that its reply took to write.
  void PredictWaited(int order, double seconds);
  void PredictSerialized(int order, double seconds);
  // How many requests that may be joined one set of sweeps answered.
  void Batched(std::int64_t requests);

  // One answered Evaluate or Enclose, likewise; order is 0, 1 or 2.
  void Evaluated(std::int64_t points, int order, double compute_seconds);

  // One reply of the HTTP gateway, such as ("umbridge", "/Evaluate", 200). The protocols and paths
  // are few: names of models are not among them.
  void HttpAnswered(const std::string& protocol, const std::string& path, int code);
  // sobolev_rejections_total{reason}: a call was turned away at the door, for a reason such as
  // "TOKEN_UNKNOWN".
  void Rejected(const std::string& reason);

  // One block made durable.
  void Uploaded(std::int64_t bytes, std::int64_t samples);

  // sobolev_jobs{kind,state}, kind such as "train", state such as "queued".
  void SetJobs(const std::string& kind, const std::string& state, std::int64_t count);

  // Samples that an optimiser saw, and epochs that ended.
  void Trained(std::int64_t samples, std::int64_t epochs);

  void SetRequestMemory(std::int64_t bytes);
  // Since the start.
  void SetModelCacheLookups(std::int64_t hits, std::int64_t misses);
  void SetModelCache(std::int64_t bytes, std::int64_t models);
  void SetProgramCache(std::int64_t bytes, std::int64_t programs);

  // Everything in Prometheus' text format 0.0.4, with the process metrics read from /proc now.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_METRICS_METRICS_H_
