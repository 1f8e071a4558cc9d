// Upload of samples end to end against a bare gRPC byte stream of the same blocks.
//
//   upload_bench SOBOLEV_SERVER [GIGABYTES] [BLOCK_BYTES] [ROUNDS]
//
// The bare server is this program as a second process: it parses the same messages and drops them,
// no checksum, no check, no disk. Rounds alternate between the two; the median counts. Also prints
// the peak memory of the Sobolev server.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "proto/wire/crc32c.h"

namespace sobolev::bench {
namespace {

constexpr int kInputs = 20;
constexpr int kRowBytes = static_cast<int>(sizeof(double)) * (kInputs + 1 + kInputs);

void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "upload_bench: %s\n", what.c_str());
  std::exit(1);
}

void Require(const grpc::Status& status, const char* what) {
  Require(status.ok(), std::string(what) + ": " + status.error_message());
}

// ---- The bare server ------------------------------------------------------------------------

class Sink final
    : public grpc::ServerBidiReactor<v1::AppendSamplesRequest, v1::AppendSamplesResponse> {
 public:
  Sink() { StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      Finish(grpc::Status::OK);
    }
  }
  void OnDone() override { delete this; }

 private:
  v1::AppendSamplesRequest request_;
};

class SinkService final : public v1::DatasetService::CallbackService {
  grpc::ServerBidiReactor<v1::AppendSamplesRequest, v1::AppendSamplesResponse>* AppendSamples(
      grpc::CallbackServerContext*) override {
    return new Sink();
  }
};

int ServeSink(const std::string& port_file) {
  SinkService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::ofstream(port_file + ".tmp") << "grpc=127.0.0.1:" << port << "\n";
  std::filesystem::rename(port_file + ".tmp", port_file);
  server->Wait();
  return 0;
}

// ---- Processes ------------------------------------------------------------------------------

class Process {
 public:
  Process(const std::vector<std::string>& command, const std::string& port_file) {
    pid_ = fork();
    if (pid_ == 0) {
      std::vector<char*> argv;
      argv.reserve(command.size() + 1);
      for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      std::_Exit(127);
    }
    for (int i = 0; i < 300 && !std::filesystem::exists(port_file); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    std::ifstream file(port_file);
    std::string line;
    while (std::getline(file, line)) {
      if (line.rfind("grpc=", 0) == 0) address_ = line.substr(5);
    }
    Require(!address_.empty(), command[0] + " did not start");
  }
  ~Process() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& address() const { return address_; }
  double PeakMebibytes() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.rfind("VmHWM:", 0) == 0) return std::atof(line.c_str() + 6) / 1024;
    }
    return 0;
  }

 private:
  pid_t pid_;
  std::string address_;
};

// ---- The uploads ----------------------------------------------------------------------------

struct Workload {
  std::int64_t num_blocks;
  std::int64_t rows;  // In a block.
  std::vector<double> values;
};

void SetTensor(const std::vector<std::int64_t>& shape, const double* from, v1::Tensor& tensor) {
  std::size_t size = sizeof(double);
  for (const std::int64_t extent : shape) size *= static_cast<std::size_t>(extent);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_data()->assign(reinterpret_cast<const char*>(from), size);
}

void FillBlock(const Workload& workload, std::int64_t id, v1::SampleBlock& block) {
  const std::int64_t rows = workload.rows;
  const double* values = workload.values.data() + id % 64;
  block.set_block_id(id);
  SetTensor({rows, kInputs}, values, *block.mutable_x());
  SetTensor({rows, 1}, values, *block.mutable_y());
  SetTensor({rows, 1, kInputs}, values, *block.mutable_jacobian());
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void SendBare(v1::DatasetService::Stub& stub, const Workload& workload) {
  grpc::ClientContext context;
  const auto stream = stub.AppendSamples(&context);
  v1::AppendSamplesRequest message;
  for (std::int64_t id = 0; id < workload.num_blocks; ++id) {
    FillBlock(workload, id, *message.mutable_block());
    Require(stream->Write(message), "bare stream broke");
  }
  stream->WritesDone();
  v1::AppendSamplesResponse reply;
  while (stream->Read(&reply)) {
  }
  Require(stream->Finish(), "bare stream");
}

void Upload(v1::DatasetService::Stub& stub, const Workload& workload,
            const std::string& upload_id) {
  grpc::ClientContext context;
  const auto stream = stub.AppendSamples(&context);
  std::thread reader([&stream] {
    v1::AppendSamplesResponse reply;
    while (stream->Read(&reply)) {
    }
  });
  v1::AppendSamplesRequest open;
  open.mutable_open()->set_dataset("datasets/bench");
  open.mutable_open()->set_upload_id(upload_id);
  bool ok = stream->Write(open);
  v1::AppendSamplesRequest message;
  v1::AppendSamplesRequest commit;
  std::uint32_t checksums = 0;
  for (std::int64_t id = 0; ok && id < workload.num_blocks; ++id) {
    v1::SampleBlock& block = *message.mutable_block();
    FillBlock(workload, id, block);
    std::uint32_t crc = 0;
    for (const v1::Tensor* tensor : {&block.x(), &block.y(), &block.jacobian()}) {
      crc = Crc32c(std::as_bytes(std::span(tensor->data())), crc);
    }
    block.set_crc32c(crc);
    checksums = Crc32c(std::as_bytes(std::span(&crc, 1)), checksums);
    ok = stream->Write(message);
  }
  commit.mutable_commit()->set_block_count(workload.num_blocks);
  commit.mutable_commit()->set_sample_count(workload.num_blocks * workload.rows);
  commit.mutable_commit()->set_crc32c(checksums);
  if (ok) stream->Write(commit);
  stream->WritesDone();
  reader.join();
  Require(stream->Finish(), "upload");
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  Require(argc >= 2, "usage: upload_bench SOBOLEV_SERVER [GIGABYTES] [BLOCK_BYTES] [ROUNDS]");
  const double gigabytes = argc > 2 ? std::atof(argv[2]) : 1;
  const std::int64_t block_bytes = argc > 3 ? std::atoll(argv[3]) : 1 << 20;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 5;
  Workload workload;
  workload.rows = std::max<std::int64_t>(1, block_bytes / kRowBytes);
  workload.num_blocks = static_cast<std::int64_t>(gigabytes * 1e9) / (workload.rows * kRowBytes);
  workload.values.resize(static_cast<std::size_t>(workload.rows * kInputs + 64));
  for (std::size_t i = 0; i < workload.values.size(); ++i) {
    workload.values[i] = static_cast<double>((i * 7919) % 10007) / 10007;
  }
  const double megabytes =
      static_cast<double>(workload.num_blocks * workload.rows * kRowBytes) / 1e6;

  std::string directory =
      (std::filesystem::temp_directory_path() / "sobolev-bench-XXXXXX").string();
  Require(mkdtemp(directory.data()) != nullptr, "no temporary directory");
  {
    const Process sink({argv[0], "--sink", directory + "/sink"}, directory + "/sink");
    const Process server({argv[1], "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
                          "--gateway", "off", "--data-dir", directory + "/data", "--log-level",
                          "error", "--port-file", directory + "/ports"},
                         directory + "/ports");
    const auto stub = [](const std::string& address) {
      return v1::DatasetService::NewStub(
          grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    };
    const auto bare = stub(sink.address());
    const auto ours = stub(server.address());
    v1::CreateDatasetRequest create;
    create.set_dataset_id("bench");
    v1::Schema* schema = create.mutable_dataset()->mutable_schema();
    for (int j = 0; j < kInputs; ++j) schema->add_inputs()->set_name("x" + std::to_string(j));
    schema->add_outputs()->set_name("y");
    v1::Dataset dataset;
    grpc::ClientContext context;
    Require(ours->CreateDataset(&context, create, &dataset), "CreateDataset");

    std::vector<double> bare_rates;
    std::vector<double> our_rates;
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
      bare_rates.push_back(megabytes / Seconds([&] { SendBare(*bare, workload); }));
      our_rates.push_back(
          megabytes / Seconds([&] { Upload(*ours, workload, "round-" + std::to_string(round)); }));
      ratios.push_back(our_rates.back() / bare_rates.back());
      std::printf("round %d: bare %.0f MB/s, upload %.0f MB/s, ratio %.3f\n", round,
                  bare_rates.back(), our_rates.back(), ratios.back());
    }
    std::printf("blocks of %s bytes; median bare %.0f MB/s, upload %.0f MB/s\n",
                std::to_string(workload.rows * kRowBytes).c_str(), Median(bare_rates),
                Median(our_rates));
    std::printf("ratio Upload / BareStream = %.3f (claim: >= 0.85)\n", Median(ratios));
    std::printf("peak memory of the server = %.0f MiB (claim: < 256)\n", server.PeakMebibytes());
  }
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--sink") == 0) return sobolev::bench::ServeSink(argv[2]);
  return sobolev::bench::Main(argc, argv);
}
