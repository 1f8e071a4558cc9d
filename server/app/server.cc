#include "server/app/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include <climits>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <sys/resource.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "server/app/self_probe.h"
#include "server/auth/gate.h"
#include "server/auth/tls.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/thread_pool.h"
#include "server/base/timeouts.h"
#include "server/gateway/gateway.h"
#include "server/http/admin_listener.h"
#include "server/http/gateway_listener.h"
#include "server/jobs/compute_slots.h"
#include "server/jobs/job_manager.h"
#include "server/jobs/sampling_desk.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/programs/program_registry.h"
#include "server/rpc/call_context.h"
#include "server/rpc/dataset_service.h"
#include "server/rpc/inference_service.h"
#include "server/rpc/job_service.h"
#include "server/rpc/model_service.h"
#include "server/rpc/prediction_service.h"
#include "server/rpc/program_service.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/sampling_service.h"
#include "server/rpc/training_service.h"
#include "server/storage/io_env.h"
#include "server/storage/sqlite_store.h"

namespace sobolev::server {
namespace {

constexpr int kMinPoolThreads = 4;
// For calls that take seconds. Those that wait have places of the lane of predictions, so that they
// must be few.
constexpr int kAnalysisThreads = 2;
constexpr std::size_t kMaxQueuedAnalyses = 32;
// The exit code of a process whose listener stopped taking connections.
constexpr int kDeadListener = 3;
constexpr std::chrono::minutes kJanitorInterval{10};

int ThreadsOrAll(int threads) {
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::chrono::milliseconds ToMillis(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::unique_ptr<Store> OpenStore(const ServerConfig& config, const Clock& clock, IoEnv& io) {
  StoreOptions options;
  options.directory = config.data_dir;
  options.clock = &clock;
  options.env = &io;
  return OpenSqliteStore(options);
}

void SetMillis(grpc::ServerBuilder& builder, const char* argument, double seconds) {
  builder.AddChannelArgument(
      argument, static_cast<int>(std::min(1000 * seconds, static_cast<double>(INT_MAX))));
}

// At the limit gRPC stops listening for good.
void RequireOpenFiles(int needed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < static_cast<rlim_t>(needed)) {
    throw FailedPrecondition("TOO_FEW_FILES", "min-open-files",
                             "expected a limit of at least " + std::to_string(needed) +
                                 " open files, got " + std::to_string(limit.rlim_max) +
                                 "; raise it (ulimit -n, LimitNOFILE) or lower the setting");
  }
}

std::string_view Encryption(const ServerConfig& config) {
  if (config.tls_cert.empty()) return "none";
  return config.tls_client_ca.empty() ? "TLS" : "mutual TLS";
}

program::SourceLimits SourceLimits(const ServerConfig& config) {
  program::SourceLimits limits;
  limits.max_source_bytes = static_cast<std::size_t>(config.max_program_bytes);
  limits.max_operations = static_cast<std::size_t>(config.max_program_operations);
  return limits;
}

// Whoever waits for the file sees it whole or not at all.
void WritePortFile(const std::string& path, const std::string& grpc, const std::string& metrics,
                   const std::string& gateway) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << "grpc=" << grpc << "\nmetrics=" << metrics << "\n";
  if (!gateway.empty()) file << "gateway=" << gateway << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    throw FailedPrecondition("CANNOT_WRITE", "port_file", "cannot write \"" + path + "\"");
  }
}

}  // namespace

struct Server::Parts {
  explicit Parts(const ServerConfig& given)
      : config(given),
        metrics(std::string(Version()), std::string(Name(BestIsa()))),
        store(OpenStore(config, clock, io)),
        models(*store, static_cast<std::size_t>(config.model_cache_bytes)),
        programs(*store, static_cast<std::size_t>(config.program_cache_bytes),
                 SourceLimits(config)),
        gate(config, clock, metrics),
        audit(config.audit_log),
        timeouts(ToMillis(config.call_timeout_seconds)),
        pool(std::max(kMinPoolThreads, ThreadsOrAll(config.threads)),
             static_cast<std::size_t>(config.max_queued_calls)),
        analyses(kAnalysisThreads,
                 std::min(kMaxQueuedAnalyses, static_cast<std::size_t>(config.max_queued_calls))),
        slots(config.max_running_jobs),
        jobs(JobEnvironment{.store = *store,
                            .models = models,
                            .metrics = metrics,
                            .desk = desk,
                            .slots = slots,
                            .clock = clock,
                            .um_bridge_hosts = config.um_bridge_hosts,
                            .num_threads = ThreadsOrAll(config.train_threads),
                            .memory_limit = static_cast<std::size_t>(config.job_memory_bytes),
                            .checkpoint_interval = ToMillis(config.checkpoint_interval_seconds)},
             config.max_sampling_jobs),
        dataset_service(*store, metrics, pool, config),
        training_service(*store, jobs, metrics, pool, config),
        model_service(*store, models, jobs, metrics, pool, analyses, config),
        job_service(*store, jobs, metrics, pool),
        sampling_service(*store, jobs, desk, clock, metrics, pool, config),
        predictor(metrics, config),
        prediction_service(*store, models, predictor, metrics, pool, analyses),
        inference_service(*store, models, predictor, metrics, pool,
                          [this] { return serving.load(); }),
        program_service(*store, programs, metrics, pool, config),
        gateway(*store, models, predictor, gate, metrics, config),
        reflection_service(metrics),
        janitor([this](const std::stop_token& stop) { CleanUp(stop); }) {}

  // Drops uploads that nobody finished, now and then.
  void CleanUp(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    do {
      try {
        store->DropStaleUploads(clock.WallMicros() -
                                static_cast<std::int64_t>(config.upload_ttl_seconds * 1e6));
      } catch (const std::exception& error) {
        LogWarning("cannot drop stale uploads", {{"what", error.what()}});
      }
    } while (!wake.wait_for(lock, stop, kJanitorInterval, [] { return false; }) &&
             !stop.stop_requested());
  }

  void Listen() {
    RequireOpenFiles(config.min_open_files);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.SetContextAllocator(std::make_unique<CallContextAllocator>(
        CallServices{.gate = gate, .audit = audit, .timeouts = timeouts}));
    int port = 0;
    builder.AddListeningPort(config.listen.ToString(), ListenerCredentials(config), &port);
    builder.SetMaxReceiveMessageSize(static_cast<int>(config.max_message_bytes));
    builder.SetMaxSendMessageSize(-1);
    // A small compressed message can unpack to a thousand times its size.
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, config.max_streams_per_connection);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // A silent peer is found within 80 s; clients may ping every 30 s, also on quiet streams.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 30'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                               static_cast<int>(config.max_metadata_bytes));
    SetMillis(builder, GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, config.handshake_timeout_seconds);
    SetMillis(builder, GRPC_ARG_MAX_CONNECTION_IDLE_MS, config.max_connection_idle_seconds);
    SetMillis(builder, GRPC_ARG_MAX_CONNECTION_AGE_MS, config.max_connection_age_seconds);
    SetMillis(builder, GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, config.connection_age_grace_seconds);
    grpc::ResourceQuota quota("sobolev");
    quota.Resize(static_cast<std::size_t>(config.resource_quota_bytes));
    builder.SetResourceQuota(quota);
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{
             &dataset_service, &training_service, &model_service, &job_service, &sampling_service,
             &prediction_service, &inference_service, &program_service}) {
      builder.RegisterService(service);
    }
    if (config.reflection) builder.RegisterService(&reflection_service);
    grpc_server = builder.BuildAndStart();
    if (grpc_server == nullptr || port == 0) {
      throw FailedPrecondition(
          "CANNOT_LISTEN", "listen",
          "cannot listen on " + config.listen.ToString() + "; is another program using the port?");
    }
    const Endpoint endpoint{config.listen.host, port};
    grpc_address = endpoint.ToString();
    if (config.self_probe_seconds > 0) {
      self_probe.emplace(endpoint, ToMillis(config.self_probe_seconds), [] {
        LogError("the listener is dead; the process ends");
        std::_Exit(kDeadListener);
      });
    }
    admin.emplace(config.metrics.host, config.metrics.port,
                  AdminCallbacks{.metrics_text = [this] { return MetricsText(); },
                                 .serving = [this] { return serving.load(); }});
    metrics_address = Endpoint{config.metrics.host, admin->port()}.ToString();
    if (!config.gateway.host.empty()) {
      gateway_listener.emplace(config.gateway.host, config.gateway.port,
                               static_cast<std::size_t>(config.max_http_body_bytes),
                               gateway.Callbacks());
      gateway_address = Endpoint{config.gateway.host, gateway_listener->port()}.ToString();
    }
    SetServing(true);
  }

  std::string MetricsText() {
    metrics.SetModelCache(static_cast<std::int64_t>(models.SizeBytes()),
                          static_cast<std::int64_t>(models.NumModels()));
    metrics.SetRequestMemory(static_cast<std::int64_t>(gate.memory_in_use()));
    metrics.SetModelCacheLookups(models.NumHits(), models.NumMisses());
    metrics.SetProgramCache(static_cast<std::int64_t>(programs.SizeBytes()),
                            static_cast<std::int64_t>(programs.NumPrograms()));
    for (const auto& [state, count] : store->CountJobs()) {
      metrics.SetJobs("train", std::string(Name(state)), count);
    }
    return metrics.Text();
  }

  void SetServing(bool value) {
    serving = value;
    grpc_server->GetHealthCheckService()->SetServingStatus(value);
  }

  void Shutdown() {
    if (grpc_server == nullptr) return;
    self_probe.reset();  // From here on the listener may well be silent.
    LogInfo("draining");
    SetServing(false);
    std::this_thread::sleep_for(ToMillis(config.drain_grace_seconds));
    jobs.watchers().Close();
    jobs.Drain();
    const auto deadline = std::chrono::system_clock::now() + ToMillis(config.drain_timeout_seconds);
    const std::future<void> gateway_stopped = std::async(std::launch::async, [this] {
      if (gateway_listener) gateway_listener->Stop();
    });
    grpc_server->Shutdown(deadline);
    grpc_server->Wait();
    if (gateway_stopped.wait_until(deadline) == std::future_status::timeout) gateway.Cancel();
    gateway_stopped.wait();
    if (admin) admin->Stop();
    grpc_server.reset();
    LogInfo("stopped");
  }

  const ServerConfig config;
  const SystemClock clock;
  PosixIoEnv io;
  Metrics metrics;
  std::unique_ptr<Store> store;
  ModelRegistry models;
  ProgramRegistry programs;
  Gate gate;
  AuditLog audit;
  Timeouts timeouts;
  ThreadPool pool;
  ThreadPool analyses;
  SamplingDesk desk;
  ComputeSlots slots;
  JobManager jobs;
  DatasetService dataset_service;
  TrainingService training_service;
  ModelService model_service;
  JobService job_service;
  SamplingService sampling_service;
  Predictor predictor;
  PredictionService prediction_service;
  InferenceService inference_service;
  ProgramService program_service;
  Gateway gateway;
  ReflectionService reflection_service;
  std::atomic<bool> serving{false};
  std::unique_ptr<grpc::Server> grpc_server;
  std::optional<SelfProbe> self_probe;
  std::optional<AdminListener> admin;
  std::optional<GatewayListener> gateway_listener;
  std::string grpc_address;
  std::string metrics_address;
  std::string gateway_address;
  std::jthread janitor;  // Last: it ends first.
};

Server::Server(const ServerConfig& config) {
  parts_ = std::make_unique<Parts>(config);
  try {
    parts_->Listen();
    if (!config.port_file.empty()) {
      WritePortFile(config.port_file, parts_->grpc_address, parts_->metrics_address,
                    parts_->gateway_address);
    }
  } catch (...) {
    Shutdown();  // With its deadlines: a client may have a stream open already.
    throw;
  }
  LogInfo("listening", {{"grpc", parts_->grpc_address},
                        {"encryption", Encryption(config)},
                        {"login", config.auth_tokens.empty() ? "none" : "tokens"},
                        {"metrics", parts_->metrics_address},
                        {"gateway", parts_->gateway_address},
                        {"data_dir", config.data_dir},
                        {"isa", Name(BestIsa())},
                        {"version", Version()}});
}

Server::~Server() { Shutdown(); }

const std::string& Server::grpc_address() const { return parts_->grpc_address; }

const std::string& Server::metrics_address() const { return parts_->metrics_address; }

const std::string& Server::gateway_address() const { return parts_->gateway_address; }

void Server::Shutdown() { parts_->Shutdown(); }

}  // namespace sobolev::server
