// What the client sends and receives, in Eigen and standard types.
//
// A batch holds one sample per column: X is n×N, Y is m×N. Its Jacobian is n×(m·N): column s·m+i is
// ∇yᵢ at sample s. Likewise p tangent results per sample are m×(p·N), q adjoint results n×(q·N).

#ifndef SOBOLEV_TYPES_H_
#define SOBOLEV_TYPES_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

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

  bool operator==(const Variable&) const = default;
};

struct Schema {
  std::vector<Variable> inputs;   // n
  std::vector<Variable> outputs;  // m

  bool operator==(const Schema&) const = default;
};

// A closed interval.
struct Range {
  double min = 0;
  double max = 0;
};

struct DatasetStatistics {
  std::int64_t sample_count = 0;
  std::int64_t jacobian_count = 0;  // Samples that carry a Jacobian.
  std::int64_t weight_count = 0;    // Samples that carry an explicit weight.
  std::vector<Range> inputs;        // Observed, in schema order; empty without samples.
  std::vector<Range> outputs;
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

// N samples.
struct Samples {
  Matrix X;         // n×N
  Matrix Y;         // m×N
  Matrix jacobian;  // n×(m·N), or empty: these carry none.
  Vector weight;    // N, or empty: each weighs 1.
};

// ---- Training -------------------------------------------------------------------------------

enum class Activation { kSoftplus, kTanh, kSilu, kGelu, kSin };

// How Jacobian entries are made comparable before they are squared.
enum class DerivativeScale {
  kBalanced,   // Per input, but none below a tenth of the output's largest.
  kPerOutput,  // One scale per output; right for exact labels, fits the noise of noisy ones.
  kPerInput,   // One per output and input (Huge and Savine 2020); collapses on dead inputs.
};

enum class Precision { kFloat32, kFloat64 };

// What to train and how; unset fields get the server's defaults (sobolev/v1/training.proto).
// The loss is alpha · value loss + beta · gradient loss.
struct TrainingSpec {
  std::vector<int> hidden = {};  // Units of each hidden layer.
  std::optional<Activation> activation = {};
  std::optional<double> alpha = {};
  std::optional<double> beta = {};
  std::optional<DerivativeScale> derivative_scale = {};
  std::optional<int> epochs = {};
  std::optional<int> batch_size = {};
  std::optional<double> learning_rate = {};
  std::optional<double> validation_fraction = {};
  std::optional<int> patience = {};
  std::optional<std::uint64_t> seed = {};
  std::optional<Precision> precision = {};
};

struct TrainOptions {
  std::string model = {};            // Id of the model that gets the version; empty: chosen.
  std::int64_t dataset_version = 0;  // 0: the current one.
  std::string request_id = {};       // Repeating it returns the same job; empty: made up.
};

// Errors on samples that the optimiser did not see.
struct ErrorReport {
  std::vector<double> value_rmse;     // m, each in its output's unit.
  double value_relative = 0;          // RMS over outputs of value_rmse / σ_y.
  std::vector<double> jacobian_rmse;  // m, standardised; empty without Jacobians.
  double jacobian_relative = 0;       // ‖J − J*‖ / ‖J*‖, standardised.
};

struct EpochRecord {
  int epoch = 0;  // From 1; 0: none yet.
  double value_loss = 0;
  double gradient_loss = 0;
  double validation_loss = 0;
  double validation_value_relative = 0;
  double validation_jacobian_relative = 0;
  double learning_rate = 0;
};

enum class StopReason { kUnknown, kMaxEpochs, kEarlyStopping };

struct TrainingReport {
  std::string job;
  std::string dataset;
  std::int64_t dataset_version = 0;
  std::string dataset_fingerprint;
  std::int64_t training_samples = 0;
  std::int64_t validation_samples = 0;
  std::int64_t jacobian_samples = 0;
  double alpha = 0;
  double beta = 0;
  std::uint64_t seed = 0;
  int epochs = 0;
  int best_epoch = 0;
  StopReason stop_reason = StopReason::kUnknown;
  double train_seconds = 0;
  double samples_per_second = 0;
  ErrorReport validation;
  std::vector<EpochRecord> history;
  std::string instruction_set;
};

// ---- Jobs -----------------------------------------------------------------------------------

enum class JobState { kUnknown, kQueued, kRunning, kSucceeded, kFailed, kCancelled };

inline bool IsTerminal(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

struct TrainingProgress {
  EpochRecord epoch;  // The latest finished one.
  int epochs = 0;     // Asked for.
  double samples_per_second = 0;
  double remaining_seconds = 0;
};

struct JobStatus {
  std::string name;  // "jobs/{id}"
  JobState state = JobState::kUnknown;
  std::string error_code;  // With kFailed: a gRPC code such as "INTERNAL", ...
  std::string error_reason;
  std::string error_message;
  bool cancel_requested = false;
  int attempt = 0;  // Times started.
  std::string dataset;
  std::int64_t dataset_version = 0;
  std::string model;  // With kSucceeded "models/{id}/versions/{n}", else "models/{id}".
  TrainingProgress progress;
  Time create_time;
  Time start_time;
  Time end_time;
};

struct JobEvent {
  std::int64_t number = 0;  // Grows from event to event.
  Time time;
  JobState state = JobState::kUnknown;
  std::optional<TrainingProgress> progress;
};

// ---- Models ---------------------------------------------------------------------------------

// One immutable, trained surrogate.
struct ModelVersion {
  std::string name;  // "models/{id}/versions/{n}"
  std::vector<int> hidden;
  Activation activation = Activation::kSoftplus;
  Schema schema;
  std::vector<Range> domain;  // n: the box of the training samples.
  std::int64_t parameter_count = 0;
  std::string weights_sha256;
  TrainingReport report;
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
  bool hessian = false;  // Programs only.
  Matrix tangents = {};  // ẋ: n×p shared by all points, or n×(p·N) with `tangents_per_point`.
  bool tangents_per_point = false;
  Matrix adjoints = {};  // ȳ: m×q shared by all points, or m×(q·N) with `adjoints_per_point`.
  bool adjoints_per_point = false;
  bool hvp = false;  // Second-order adjoints of all pairs of both. Programs only.
};

// What was not asked for is empty.
struct Prediction {
  std::string model_version;    // The version that answered.
  Matrix value;                 // Y = f(X), m×N.
  Matrix jacobian;              // n×(m·N)
  Matrix jvp;                   // Ẏ = J Ẋ, m×(p·N)
  Matrix vjp;                   // X̄ = Jᵀ Ȳ, n×(q·N)
  std::vector<bool> in_domain;  // N: false where the surrogate extrapolates.

  // J at point s, m×n. The Jacobian must have been asked for.
  Matrix JacobianAt(Index s) const {
    const Index m = jacobian.cols() / static_cast<Index>(in_domain.size());
    return jacobian.middleCols(s * m, m).transpose();
  }
};

}  // namespace sobolev::client

#endif  // SOBOLEV_TYPES_H_
