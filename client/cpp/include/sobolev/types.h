// What the client sends and receives, in Eigen and standard types.
//
// A batch holds one sample per column: X is n×N, Y is m×N. Its Jacobian is n×(m·N): column s·m+i is
// ∇yᵢ at sample s. Likewise p tangent results per sample are m×(p·N), q adjoint results n×(q·N).

#ifndef SOBOLEV_TYPES_H_
#define SOBOLEV_TYPES_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <sobolev/pruning.h>
#include <sobolev/training.h>

namespace sobolev::client {

using Index = Eigen::Index;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using ConstMatrixRef = Eigen::Ref<const Matrix>;
using ConstVectorRef = Eigen::Ref<const Vector>;
using Time = std::chrono::system_clock::time_point;  // The epoch itself: unknown, or not yet.

// ---- Datasets -------------------------------------------------------------------------------

// One scalar input or output.
struct Variable {
  std::string name;       // 1 to 63 characters of [A-Za-z0-9_.-], no digit, . or - in front.
  std::string unit = {};  // Free text; empty: dimensionless.
  std::optional<double> lower = {};  // Smallest admissible value, in `unit`; unset: unbounded.
  std::optional<double> upper = {};
  bool allow_missing = false;  // Outputs only: NaN in Y means that the value is missing.

  bool operator==(const Variable&) const = default;
};

struct Schema {
  std::vector<Variable> inputs;   // n
  std::vector<Variable> outputs;  // m
  // NaN in jacobian, jvp, vjp and hvp means that the entry is missing.
  bool allow_missing_derivatives = false;

  bool operator==(const Schema&) const = default;
};

struct DatasetStatistics {
  std::int64_t sample_count = 0;
  std::int64_t jacobian_count = 0;  // Samples that carry a Jacobian, at least in part.
  std::int64_t weight_count = 0;    // Samples that carry an explicit weight.
  std::int64_t tangent_count = 0;   // Directions, over all samples, with a known result.
  std::int64_t adjoint_count = 0;
  std::int64_t hvp_count = 0;
  std::int64_t y_variance_count = 0;  // Samples that carry variances of values.
  std::int64_t jacobian_variance_count = 0;
  std::int64_t missing_value_count = 0;       // Entries of Y.
  std::int64_t missing_derivative_count = 0;  // Entries of jacobian, jvp, vjp and hvp.
  std::vector<Range> inputs;                  // Observed, in schema order; empty without samples.
  std::vector<Range> outputs;                 // NaN where no value is known.
  std::string fingerprint;  // Equal content uploaded in equal blocks has an equal one.
  std::int64_t size_bytes = 0;
};

struct Dataset {
  std::string name;  // "datasets/{id}"
  std::string uid;   // Never reused, unlike the name.
  Schema schema;
  bool damaged = false;  // Stored bytes failed their checksum; reading and training are refused.
  std::string damage;    // What is damaged.
  std::int64_t version = 0;  // Number of committed uploads.
  DatasetStatistics statistics;
  Time create_time;
  Time update_time;
};

// N samples: points, and labels of any kind that is known. What is empty, the samples do not carry.
// NaN in Y, jacobian, jvp, vjp and hvp: this entry is missing, where the schema allows it.
struct Samples {
  Matrix X;         // n×N
  Matrix Y;         // m×N
  Matrix jacobian;  // n×(m·N)
  Vector weight;    // N, > 0; empty: each weighs 1.
  // p directions in the inputs of each sample, and the tangents ẏ = J ẋ.
  Matrix tangents = {};  // ẋ: n×(p·N)
  Matrix jvp = {};       // ẏ: m×(p·N)
  // q weights of the outputs of each sample, and the adjoints x̄ = Jᵀ ȳ.
  Matrix adjoints = {};  // ȳ: m×(q·N)
  Matrix vjp = {};       // x̄: n×(q·N)
  // h Hessian-vector products Σᵢ ȳᵢ ∇²yᵢ ẋ of each sample.
  Matrix hvp_adjoints = {};  // ȳ: m×(h·N); empty: 1, if m = 1.
  Matrix hvp_tangents = {};  // ẋ: n×(h·N)
  Matrix hvp = {};           // n×(h·N)
  // Of the noise in Y and jacobian, > 0 where these are known; shapes as theirs.
  Matrix y_variance = {};
  Matrix jacobian_variance = {};
};

// ---- Jobs -----------------------------------------------------------------------------------

enum class JobState { kUnknown, kQueued, kRunning, kSucceeded, kFailed, kCancelled };

inline bool IsTerminal(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

enum class JobKind { kUnknown, kTrain, kPrune, kSample };

// How many points of a sampling job are in which state.
struct SamplingCounts {
  std::int64_t queued = 0;
  std::int64_t leased = 0;      // With a worker.
  std::int64_t done = 0;        // Evaluated.
  std::int64_t infeasible = 0;  // The function has no value there.
  std::int64_t failed = 0;      // Given up.

  bool operator==(const SamplingCounts&) const = default;
};

// Shares of the domain in which the function is simple.
struct ClosedShare {
  double constant = 0;
  double linear = 0;
  double quadratic = 0;
  bool proved = false;  // By interval arithmetic, not by samples.
};

// Where an output is least or greatest.
struct SamplingBest {
  Vector x;  // n
  double value = 0;
};

// A model version of a sampling job and what was known when it was made.
struct SamplingRound {
  int number = 0;  // From 1.
  std::int64_t evaluations = 0;
  std::string model_version;
  double value_error = 0;     // Relative to the standard deviation; NaN where unknown.
  double gradient_error = 0;  // Relative to the root mean square; NaN where unknown.
  double cost = 0;
  Time time;
  double value_noise = 0;                  // Part of value_error, on the same scale.
  int revision = 0;                        // Of Sampling::revisions.
  std::optional<ClosedShare> closed = {};  // Of jobs with boxes.
  std::optional<SamplingBest> best = {};   // Of jobs that look for a least or greatest value.
  std::int64_t samples = 0;                // That it was trained on.
  double held_out_value_error = 0;         // As value_error, of models that did not know them all.
  double held_out_gradient_error = 0;      // Likewise.
  bool few_samples = false;  // Stop rules ask the errors of two rounds for a tenth of theirs.
};

struct SamplingProgress {
  SamplingCounts counts;
  double cost = 0;
  std::optional<SamplingRound> round;  // The latest.
};

struct JobStatus {
  std::string name;  // "jobs/{id}"
  JobKind kind = JobKind::kUnknown;
  JobState state = JobState::kUnknown;
  std::string error_code;  // With kFailed: a gRPC code such as "INTERNAL", ...
  std::string error_reason;
  std::string error_message;
  bool cancel_requested = false;
  int attempt = 0;      // Times started.
  std::string dataset;  // Empty if it reads none.
  std::int64_t dataset_version = 0;
  std::string source_model;  // With kPrune, the version that is pruned.
  std::string model;         // With kSucceeded "models/{id}/versions/{n}", else "models/{id}".
  TrainingProgress progress;
  std::optional<SamplingProgress> sampling;  // Of sampling jobs.
  Time create_time;
  Time start_time;
  Time end_time;
};

struct JobEvent {
  std::int64_t number = 0;  // Grows from event to event.
  Time time;
  JobState state = JobState::kUnknown;
  std::optional<TrainingProgress> progress;
  std::optional<SamplingProgress> sampling;  // Of sampling jobs.
};

// ---- Models ---------------------------------------------------------------------------------

enum class ModelKind {
  kUnknown,
  kNetwork,
  kPolynomial,
  kGaussianProcess,
  kEnsemble,
  kComposed,
  kPipeline,
  kLocalTaylor
};

// Local Taylor models of what a surrogate misses at its samples, and that surrogate.
struct LocalTaylor {
  ModelKind base_kind = ModelKind::kUnknown;  // kPolynomial if the models are alone, on the means.
  int order = 0;
  std::int64_t centre_count = 0;
  // Of the box of the samples, where a Taylor polynomial of order 0, 1 or 2 around the nearest
  // sample is, and none of lower order, within 1% of the spread of every output of the model.
  double constant_share = 0;
  double linear_share = 0;
  double quadratic_share = 0;
};

// A model or a program within a pipeline. The inputs and outputs of a program are the elements of
// its variables: "T" for a scalar, "x.0", "x.1" for a vector, "A.0.0", … for a matrix.
struct PipelineStage {
  std::string name;  // [A-Za-z0-9_-]+; empty: the id of the function.
  // "models/wing", of which the newest version is taken for good, "models/wing/versions/3", or
  // "programs/lift".
  std::string function;
  // Where inputs come from, by name: "stage.output" of an earlier stage, or an input of the
  // pipeline. Others are the output of the same name of the latest earlier stage that has one, or
  // the pipeline's input of the same name.
  std::map<std::string, std::string> inputs = {};
  std::string sha256 = {};  // Told by the server: of the weights or the source.
};

// A composition of models and programs.
struct Pipeline {
  std::vector<PipelineStage> stages;  // In order of evaluation.
  // "stage.output", or the name of an input that is handed through; empty: those of the last stage.
  std::vector<std::string> outputs = {};
};

// One immutable surrogate, trained or composed of others.
struct ModelVersion {
  std::string name;  // "models/{id}/versions/{n}"
  ModelKind kind = ModelKind::kUnknown;
  // Within maps and ensembles, else as `kind`. Of versions from before servers told it kUnknown,
  // and what follows from input_maps to extrapolation, and of shapes, is not told either.
  ModelKind core_kind = ModelKind::kUnknown;
  std::vector<int> hidden;                        // Of networks, also within, ...
  Activation activation = Activation::kSoftplus;  // ... as are this,
  bool skip = false;                              // this,
  bool residual = false;                          // and this.
  std::map<std::string, Slope> monotone;          // By construction, by name of the input.
  std::optional<Convexity> convexity;             // By construction.
  std::vector<InputMap> input_maps;               // Of inputs that do not enter as they are.
  int feature_degree = 1;                         // Products up to it enter, too.
  std::vector<OutputMap> output_maps;             // Bounds that outputs keep, and logarithms.
  Extrapolation extrapolation = Extrapolation::kOwn;
  Schema schema;
  // n: the box of the training samples, or the one that it was pruned for; of pipelines, what their
  // parts agree on, infinite where none says anything.
  std::vector<Range> domain;
  std::int64_t parameter_count = 0;  // Weights, biases or coefficients.
  std::int64_t nonzero_weights = 0;  // With kNetwork: weights that are not 0, without biases.
  std::string weights_sha256;
  TrainingReport report;                 // Empty with kPipeline.
  std::optional<PruningReport> pruning;  // Of versions that pruning made.
  Pipeline pipeline;  // With kPipeline, all defaults filled in and versions pinned.
  std::optional<LocalTaylor> local_taylor;  // With kLocalTaylor, also within.
  Time create_time;
};

struct Model {
  std::string name;  // "models/{id}"
  ModelVersion latest_version;
  std::int64_t version_count = 0;
  Time create_time;
  Time update_time;
};

// ---- Prediction -----------------------------------------------------------------------------

// What to compute at the points. Tangents and adjoints are asked for by giving directions.
struct Quantities {
  bool value = true;
  bool jacobian = false;
  bool hessian = false;
  Matrix tangents = {};  // ẋ: n×p shared by all points, or n×(p·N) with `tangents_per_point`.
  bool tangents_per_point = false;
  Matrix adjoints = {};  // ȳ: m×q shared by all points, or m×(q·N) with `adjoints_per_point`.
  bool adjoints_per_point = false;
  bool hvp = false;  // Second-order adjoints of all pairs of both.
  // Standard deviations as the model judges its own uncertainty. Gaussian processes and ensembles.
  bool spread = false;
  bool jacobian_spread = false;
};

// The function restricted to some outputs and inputs, by position, each at most once; empty: all.
// They are m and n in adjoints, tangents and answers; X has all inputs all the same.
struct PredictionBlock {
  std::vector<int> outputs = {};
  std::vector<int> inputs = {};
};

// What was not asked for is empty.
struct Prediction {
  std::string model_version;  // The version that answered.
  Matrix value;               // Y = f(X), m×N.
  Matrix jacobian;            // n×(m·N)
  Matrix hessian;             // n×(n·m·N)
  Matrix jvp;                 // Ẏ = J Ẋ, m×(p·N)
  Matrix vjp;                 // X̄ = Jᵀ Ȳ, n×(q·N)
  Matrix hvp;  // Σᵢ ȳᵢ ∇²yᵢ ẋ, n×(p·q·N): column (s·q+l)·p+k of ȳ_l and ẋ_k.
  Matrix spread;                // Standard deviations of `value`, m×N.
  Matrix jacobian_spread;       // Of `jacobian`, n×(m·N).
  std::vector<bool> in_domain;  // N: false where the surrogate extrapolates.

  // J at point s, m×n. The Jacobian must have been asked for.
  Matrix JacobianAt(Index s) const {
    const Index m = jacobian.cols() / static_cast<Index>(in_domain.size());
    return jacobian.middleCols(s * m, m).transpose();
  }
  // ∇²yᵢ at point s, n×n. The Hessian must have been asked for.
  Matrix HessianAt(Index s, Index i) const {
    const Index n = hessian.rows();
    const Index m = hessian.cols() / (n * static_cast<Index>(in_domain.size()));
    return hessian.middleCols((s * m + i) * n, n);
  }
};

}  // namespace sobolev::client

#endif  // SOBOLEV_TYPES_H_
