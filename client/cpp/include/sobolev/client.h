// The Sobolev client: upload samples with gradients, train surrogates, query value and derivatives.
//
//   sobolev::client::Client client("localhost:50551");
//   client.CreateDataset("wing", {.inputs = {{"alpha"}, {"mach"}}, .outputs = {{"lift"}}});
//   client.Append("wing", X, Y, jacobian);
//   const ModelVersion model = client.Train("wing", {}, {.model = "wing"}).Wait();
//   const Prediction p = client.Predict(model.name, points, {.jacobian = true});
//
// Calls throw RpcError. Where a name is asked for, an id does as well: "wing" or "datasets/wing".

#ifndef SOBOLEV_CLIENT_H_
#define SOBOLEV_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <sobolev/guarantees.h>
#include <sobolev/plans.h>
#include <sobolev/programs.h>
#include <sobolev/pruning.h>
#include <sobolev/rpc_error.h>
#include <sobolev/sampling.h>
#include <sobolev/types.h>
#include <sobolev/uploader.h>

namespace sobolev::client {

class Connection;

// The files are PEM.
struct Options {
  std::chrono::milliseconds timeout = std::chrono::seconds(60);  // Of every call but streams.
  std::size_t max_message_bytes = 64 << 20;  // In either direction; the server has its own limit.

  // Whether to encrypt; any of the files does so, too. The server's certificate must name the host
  // of the target.
  bool tls = false;
  std::string ca = {};    // Certificates of the authorities to trust; empty: those of the system.
  std::string cert = {};  // Our certificate, for servers that ask for one,
  std::string key = {};   // with its private key.
  // Sent with each call, for servers that ask for a login. Whoever sees it can use it: without TLS,
  // that is everyone on the way.
  std::string token = {};
};

// A handle on a job of the server, cheap to copy. Keeps the connection alive. Thread-safe.
class Job {
 public:
  using OnEvent = std::function<void(const JobEvent&)>;

  const std::string& name() const { return name_; }

  // Where it stands.
  JobStatus Get() const;
  // Asks it to stop, and returns at once with what it knows.
  JobStatus Cancel() const;

  // Calls `on_event` for the job's events with number > `after_event` until the job has ended, and
  // returns where it then stands: look at `state`. A broken stream is resumed where it broke, for
  // about a minute without news. When `stop` fires, it returns early with a state that is not
  // terminal; the job runs on.
  JobStatus Watch(const OnEvent& on_event, std::int64_t after_event = 0,
                  const std::stop_token& stop = {}) const;

  // As Watch, and returns the trained model. Throws JobError if the job failed or was cancelled.
  ModelVersion Wait(const OnEvent& on_event = {}) const;

 private:
  friend class Client;
  Job(std::shared_ptr<Connection> connection, std::string name);

  std::shared_ptr<Connection> connection_;
  std::string name_;
};

// Thread-safe. One connection, made with the first call. Calls that find the server unavailable are
// tried up to four times within about two seconds.
class Client {
 public:
  // target: "host:port". Throws RpcError(kInvalidArgument) if a file of the options cannot be read.
  explicit Client(const std::string& target, const Options& options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Whether the server says that it serves: false while it starts or stops. Throws
  // RpcError(kUnavailable) if it cannot be reached.
  bool IsServing() const;

  // ---- Datasets ----
  // Returns the existing dataset if it has the same schema.
  Dataset CreateDataset(const std::string& dataset_id, const Schema& schema) const;
  Dataset GetDataset(const std::string& dataset) const;
  std::vector<Dataset> ListDatasets() const;
  void DeleteDataset(const std::string& dataset) const;
  // Opens an upload, or continues the one with this id; empty: a new one.
  Uploader Upload(const std::string& dataset, const std::string& upload_id = {}) const;
  // Uploads these samples and commits; returns the dataset version. Shapes as Uploader::Append.
  std::int64_t Append(const std::string& dataset, const ConstMatrixRef& X, const ConstMatrixRef& Y,
                      const ConstMatrixRef& jacobian = Matrix(),
                      const ConstVectorRef& weight = Vector()) const;
  std::int64_t Append(const std::string& dataset, const Samples& samples) const;
  // Calls `on_samples` for block after block. version 0: the current one. Throws
  // RpcError(kDataLoss) if a block arrives with a wrong checksum.
  void ReadSamples(const std::string& dataset,
                   const std::function<void(const Samples&)>& on_samples,
                   std::int64_t version = 0) const;

  // ---- Training and jobs ----
  // Queues a job and returns at once.
  Job Train(const std::string& dataset, const TrainingSpec& spec = {},
            const TrainOptions& options = {}) const;
  // A handle on a known job; asks nothing of the server.
  Job GetJob(const std::string& job) const;
  // Newest first.
  std::vector<JobStatus> ListJobs() const;

  // ---- Sampling ----
  // Starts a job that decides where a function is evaluated next, and returns at once.
  Job StartSampling(const SamplingSpec& spec, const std::string& request_id = {}) const;
  Sampling GetSampling(const std::string& job) const;
  // Changes what a job does from now on. One that has succeeded goes on if its stop rules change.
  Sampling UpdateSampling(const std::string& job, const SamplingChange& change) const;
  // The domain in boxes, as of the latest round.
  SamplingBoxes GetSamplingBoxes(const std::string& job) const;
  // Up to `count` points of a job with ids > `after_point`, in order.
  std::vector<SamplingPoint> ListSamplingPoints(
      const std::string& job, std::int64_t after_point = 0,
      std::int64_t count = std::numeric_limits<std::int64_t>::max()) const;
  // Points for a worker to hold in all; those that it holds already come first.
  AskReply Ask(const std::string& job, const std::string& worker, int count = 1) const;
  // What came of points: the columns of `results` are those of `points`, in that order. Repeating a
  // call is harmless.
  TellReply Tell(const std::string& job, const std::string& worker,
                 const std::vector<std::int64_t>& points, const Samples& results,
                 const std::vector<SamplingFailure>& failures = {}) const;
  // Renews the leases of a worker.
  HeartbeatReply Heartbeat(const std::string& job, const std::string& worker) const;
  // Hands out no more points until it is resumed.
  Sampling PauseSampling(const std::string& job) const;
  Sampling ResumeSampling(const std::string& job) const;
  // Ends the job as succeeded, with a model of all that was told.
  Sampling StopSampling(const std::string& job) const;

  // ---- Models ----
  Model GetModel(const std::string& model) const;
  std::vector<Model> ListModels() const;
  void DeleteModel(const std::string& model) const;
  // "wing" for the newest version, or "models/wing/versions/3".
  ModelVersion GetModelVersion(const std::string& model_version) const;
  // Oldest first.
  std::vector<ModelVersion> ListModelVersions(const std::string& model) const;
  // Makes a version of a model from models and programs, which it copies. Repeating the call
  // returns the newest version if it is the same function. Throws RpcError(kAlreadyExists) if the
  // model was trained, RpcError(kNotFound) and RpcError(kInvalidArgument) naming the stage.
  ModelVersion CreatePipeline(const std::string& model_id, const Pipeline& pipeline) const;
  // How the Jacobian of a model version is made with the fewest multiply-adds.
  DerivativePlan PlanDerivatives(const std::string& model, const PlanOptions& options = {}) const;

  // Queues a job that makes a smaller version of a network, and returns at once.
  Job Prune(const std::string& model, const PruneOptions& options) const;

  // ---- Prediction ----
  // At the N columns of X (n×N), by the model's newest version or by the version named. One message
  // each way: split batches whose values and derivatives pass the message limit.
  Prediction Predict(const std::string& model, const ConstMatrixRef& X,
                     const Quantities& quantities = {}, const PredictionBlock& block = {}) const;

  // ---- Guarantees ----
  // Of a model, or of a program where the name is "programs/{program}".
  //
  // No value and no derivative in the box is outside; with compare_to, no difference of them.
  Bounds Bound(const std::string& function, const BoundOptions& options = {}) const;
  // On which part of the box all conditions provably hold.
  Certificate Certify(const std::string& function, const Conditions& conditions,
                      const CertifyOptions& options = {}) const;
  // Which inputs, units of a network and operations of a program matter over the box.
  Significance AnalyzeSignificance(const std::string& function,
                                   const SignificanceOptions& options = {}) const;

  // ---- Programs ----
  // Returns the existing program if it has the same source. Throws RpcError(kInvalidArgument) with
  // line and column if the source does not compile.
  Program CreateProgram(const std::string& program_id, const std::string& source) const;
  // Compiles and stores nothing.
  Program CheckProgram(const std::string& source) const;
  Program GetProgram(const std::string& program) const;
  // In order of name, without source, inputs and outputs.
  std::vector<Program> ListPrograms() const;
  void DeleteProgram(const std::string& program) const;
  // At the N columns of X (n×N), in one message each way.
  Evaluation Evaluate(const std::string& program, const ConstMatrixRef& X,
                      const Quantities& quantities = {},
                      const EvaluationSettings& settings = {}) const;
  // Over the boxes between the columns of X_min and X_max (n×N each).
  Enclosure Enclose(const std::string& program, const ConstMatrixRef& X_min,
                    const ConstMatrixRef& X_max, bool jacobian = false) const;

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_H_
