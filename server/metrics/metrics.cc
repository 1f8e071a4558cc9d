#include "server/metrics/metrics.h"

#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

namespace sobolev::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

constexpr const char* kCodeNames[] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
constexpr int kUnknownCode = 2;

const char* TypeName(RpcType type) {
  switch (type) {
    case RpcType::kUnary:
      return "unary";
    case RpcType::kClientStream:
      return "client_stream";
    case RpcType::kServerStream:
      return "server_stream";
    case RpcType::kBidiStream:
      return "bidi_stream";
  }
  return "";
}

// 100 µs to a minute: a single prediction to a long upload.
const Histogram::BucketBoundaries& HandlingBuckets() {
  static const Histogram::BucketBoundaries kBuckets = {
      1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};
  return kBuckets;
}

// 10 µs to 10 s: the sweeps alone.
const Histogram::BucketBoundaries& ComputeBuckets() {
  static const Histogram::BucketBoundaries kBuckets = {
      1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.1, 1, 10};
  return kBuckets;
}

const Histogram::BucketBoundaries& BatchBuckets() {
  static const Histogram::BucketBoundaries kBuckets = {1,  2,   4,   8,    16,   32,
                                                       64, 128, 256, 1024, 4096, 16384};
  return kBuckets;
}

// Fields 14 (utime), 15 (stime), 22 (starttime) and 24 (rss) of /proc/self/stat; proc(5). The name
// in field 2 may hold blanks, so counting starts behind its closing parenthesis.
struct ProcessStat {
  double cpu_seconds = 0;
  double start_seconds_after_boot = 0;
  double resident_bytes = 0;
};

ProcessStat ReadProcessStat() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr std::size_t kFirst = 3;  // The number of fields[0] in proc(5).
  if (fields.size() <= 24 - kFirst) return {};
  const auto field = [&](std::size_t number) { return std::stod(fields[number - kFirst]); };
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  return {(field(14) + field(15)) / ticks_per_second, field(22) / ticks_per_second,
          field(24) * page_bytes};
}

// The line "btime <seconds since the epoch>" of /proc/stat.
double ReadBootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

double CountOpenFiles() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  return entries - 3;  // Without ".", ".." and the descriptor of the listing itself.
}

double MaxOpenFiles() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

void MethodMetrics::Started() { started_->Increment(); }

void MethodMetrics::Handled(int code, double seconds) {
  const int known = code >= 0 && code < kNumCodes ? code : kUnknownCode;
  handled_[static_cast<std::size_t>(known)]->Increment();
  seconds_->Observe(seconds);
}

void MethodMetrics::MessageReceived() { received_->Increment(); }

void MethodMetrics::MessageSent() { sent_->Increment(); }

struct Metrics::Impl {
  Registry registry;

  Family<Counter>& CounterFamily(const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& GaugeFamily(const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>& HistogramFamily(const char* name, const char* help) {
    return BuildHistogram().Name(name).Help(help).Register(registry);
  }
  // Of times, one for each order of derivative: 0, 1 and 2.
  using ByOrder = std::array<Histogram*, 3>;
  ByOrder HistogramsByOrder(const char* name, const char* help) {
    Family<Histogram>& family = HistogramFamily(name, help);
    return {&family.Add({{"order", "0"}}, ComputeBuckets()),
            &family.Add({{"order", "1"}}, ComputeBuckets()),
            &family.Add({{"order", "2"}}, ComputeBuckets())};
  }

  Family<Counter>& rpc_started =
      CounterFamily("grpc_server_started_total", "RPCs started on the server.");
  Family<Counter>& rpc_handled = CounterFamily(
      "grpc_server_handled_total", "RPCs completed on the server, whatever their status.");
  Family<Histogram>& rpc_seconds = HistogramFamily(
      "grpc_server_handling_seconds", "Time from the start of an RPC to its end, on the server.");
  Family<Counter>& rpc_received =
      CounterFamily("grpc_server_msg_received_total", "Messages received by the server.");
  Family<Counter>& rpc_sent =
      CounterFamily("grpc_server_msg_sent_total", "Messages sent by the server.");

  Counter& predict_points =
      CounterFamily("sobolev_predict_points_total", "Points predicted.").Add({});
  ByOrder predict_queue = HistogramsByOrder(
      "sobolev_predict_queue_seconds",
      "Time from the arrival of a Predict to the start of its sweeps, where a thread had to take "
      "it up, by the order of derivative asked for.");
  ByOrder predict_compute = HistogramsByOrder(
      "sobolev_predict_compute_seconds",
      "Time in the sweeps of one Predict or of several at once, by the order of derivative.");
  ByOrder predict_serialize =
      HistogramsByOrder("sobolev_predict_serialize_seconds",
                        "Time to turn one answer into a message, by the order of derivative.");
  Histogram& batch_requests =
      HistogramFamily("sobolev_predict_batch_requests",
                      "Predicts answered by one set of sweeps, of those that may be joined.")
          .Add({}, BatchBuckets());
  Histogram& batch_points =
      HistogramFamily("sobolev_predict_batch_points", "Points of one set of sweeps.")
          .Add({}, BatchBuckets());

  Counter& evaluate_points =
      CounterFamily("sobolev_evaluate_points_total", "Points and boxes at which programs ran.")
          .Add({});
  ByOrder evaluate_compute = HistogramsByOrder(
      "sobolev_evaluate_compute_seconds",
      "Time in the sweeps of one Evaluate or Enclose, by the order of derivative asked for.");

  Family<Counter>& http_requests = CounterFamily(
      "sobolev_http_requests_total", "Requests to the HTTP gateway, by protocol, path and code.");

  Family<Counter>& rejections =
      CounterFamily("sobolev_rejections_total", "Calls turned away at the door, by reason.");

  Counter& upload_bytes =
      CounterFamily("sobolev_upload_bytes_total", "Bytes of samples made durable.").Add({});
  Counter& upload_samples =
      CounterFamily("sobolev_upload_samples_total", "Samples made durable.").Add({});

  Family<Gauge>& jobs = GaugeFamily("sobolev_jobs", "Jobs by kind and state.");
  Counter& train_samples =
      CounterFamily("sobolev_train_samples_total", "Samples seen by optimisers.").Add({});
  Counter& train_epochs = CounterFamily("sobolev_train_epochs_total", "Epochs trained.").Add({});

  Gauge& request_bytes =
      GaugeFamily("sobolev_request_memory_bytes", "Bytes of the requests under way.").Add({});

  Gauge& cache_bytes =
      GaugeFamily("sobolev_model_cache_bytes", "Memory of the models held ready.").Add({});
  Gauge& cache_models = GaugeFamily("sobolev_model_cache_models", "Models held ready.").Add({});

  Family<Counter>& cache_lookups = CounterFamily(
      "sobolev_model_cache_lookups_total", "Models asked for, by whether they were held ready.");
  Counter& cache_hits = cache_lookups.Add({{"result", "hit"}});
  Counter& cache_misses = cache_lookups.Add({{"result", "miss"}});

  Gauge& program_cache_bytes =
      GaugeFamily("sobolev_program_cache_bytes", "Memory of the programs held ready, estimated.")
          .Add({});
  Gauge& program_cache_programs =
      GaugeFamily("sobolev_program_cache_programs", "Programs held ready.").Add({});

  Family<Gauge>& build_info =
      GaugeFamily("sobolev_build_info", "Always 1; the labels say what runs.");

  Gauge& resident_bytes =
      GaugeFamily("process_resident_memory_bytes", "Resident memory size in bytes.").Add({});
  Counter& cpu_seconds =
      CounterFamily("process_cpu_seconds_total", "User and system CPU time spent.").Add({});
  Gauge& open_files = GaugeFamily("process_open_fds", "Open file descriptors.").Add({});
  Gauge& max_files = GaugeFamily("process_max_fds", "Most file descriptors allowed.").Add({});
  Gauge& start_time =
      GaugeFamily("process_start_time_seconds", "Start of the process since the epoch.").Add({});

  std::mutex mutex;
  std::map<std::string, MethodMetrics> methods;  // By "/service/method". Guarded by mutex.
  std::mutex scrape_mutex;                       // One reader of /proc at a time.

  void ReadProcess() {
    const ProcessStat stat = ReadProcessStat();
    resident_bytes.Set(stat.resident_bytes);
    cpu_seconds.Increment(stat.cpu_seconds - cpu_seconds.Value());
    start_time.Set(ReadBootTime() + stat.start_seconds_after_boot);
    open_files.Set(CountOpenFiles());
    max_files.Set(MaxOpenFiles());
  }
};

Metrics::Metrics(const std::string& version, const std::string& isa)
    : impl_(std::make_unique<Impl>()) {
  impl_->build_info.Add({{"version", version}, {"isa", isa}}).Set(1);
}

Metrics::~Metrics() = default;

MethodMetrics* Metrics::Method(RpcType type, const std::string& service,
                               const std::string& method) {
  const std::scoped_lock lock(impl_->mutex);
  const auto [entry, inserted] = impl_->methods.try_emplace("/" + service + "/" + method);
  MethodMetrics& metrics = entry->second;
  if (!inserted) return &metrics;
  const prometheus::Labels labels = {
      {"grpc_type", TypeName(type)}, {"grpc_service", service}, {"grpc_method", method}};
  metrics.name_ = entry->first;
  metrics.started_ = &impl_->rpc_started.Add(labels);
  metrics.seconds_ = &impl_->rpc_seconds.Add(labels, HandlingBuckets());
  metrics.received_ = &impl_->rpc_received.Add(labels);
  metrics.sent_ = &impl_->rpc_sent.Add(labels);
  for (std::size_t code = 0; code < metrics.handled_.size(); ++code) {
    prometheus::Labels with_code = labels;
    with_code["grpc_code"] = kCodeNames[code];
    metrics.handled_[code] = &impl_->rpc_handled.Add(with_code);
  }
  return &metrics;
}

void Metrics::Predicted(std::int64_t points, int order, double compute_seconds) {
  impl_->predict_points.Increment(static_cast<double>(points));
  impl_->batch_points.Observe(static_cast<double>(points));
  impl_->predict_compute.at(static_cast<std::size_t>(order))->Observe(compute_seconds);
}

void Metrics::PredictWaited(int order, double seconds) {
  impl_->predict_queue.at(static_cast<std::size_t>(order))->Observe(seconds);
}

void Metrics::PredictSerialized(int order, double seconds) {
  impl_->predict_serialize.at(static_cast<std::size_t>(order))->Observe(seconds);
}

void Metrics::Batched(std::int64_t requests) {
  impl_->batch_requests.Observe(static_cast<double>(requests));
}

void Metrics::Evaluated(std::int64_t points, int order, double compute_seconds) {
  impl_->evaluate_points.Increment(static_cast<double>(points));
  impl_->evaluate_compute.at(static_cast<std::size_t>(order))->Observe(compute_seconds);
}

void Metrics::HttpAnswered(const std::string& protocol, const std::string& path, int code) {
  impl_->http_requests.Add({{"protocol", protocol}, {"path", path}, {"code", std::to_string(code)}})
      .Increment();
}

void Metrics::Rejected(const std::string& reason) {
  impl_->rejections.Add({{"reason", reason}}).Increment();
}

void Metrics::Uploaded(std::int64_t bytes, std::int64_t samples) {
  impl_->upload_bytes.Increment(static_cast<double>(bytes));
  impl_->upload_samples.Increment(static_cast<double>(samples));
}

void Metrics::SetJobs(const std::string& kind, const std::string& state, std::int64_t count) {
  impl_->jobs.Add({{"kind", kind}, {"state", state}}).Set(static_cast<double>(count));
}

void Metrics::Trained(std::int64_t samples, std::int64_t epochs) {
  impl_->train_samples.Increment(static_cast<double>(samples));
  impl_->train_epochs.Increment(static_cast<double>(epochs));
}

void Metrics::SetModelCacheLookups(std::int64_t hits, std::int64_t misses) {
  impl_->cache_hits.Increment(static_cast<double>(hits) - impl_->cache_hits.Value());
  impl_->cache_misses.Increment(static_cast<double>(misses) - impl_->cache_misses.Value());
}

void Metrics::SetRequestMemory(std::int64_t bytes) {
  impl_->request_bytes.Set(static_cast<double>(bytes));
}

void Metrics::SetModelCache(std::int64_t bytes, std::int64_t models) {
  impl_->cache_bytes.Set(static_cast<double>(bytes));
  impl_->cache_models.Set(static_cast<double>(models));
}

void Metrics::SetProgramCache(std::int64_t bytes, std::int64_t programs) {
  impl_->program_cache_bytes.Set(static_cast<double>(bytes));
  impl_->program_cache_programs.Set(static_cast<double>(programs));
}

std::string Metrics::Text() const {
  const std::scoped_lock lock(impl_->scrape_mutex);
  impl_->ReadProcess();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace sobolev::server
