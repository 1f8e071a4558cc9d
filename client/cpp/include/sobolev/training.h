// What to train, how far a training is, and how it went, in standard types.

#ifndef SOBOLEV_TRAINING_H_
#define SOBOLEV_TRAINING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sobolev::client {

enum class Activation { kSoftplus, kTanh, kSilu, kGelu, kSin };

// How Jacobian entries are made comparable before they are squared.
enum class DerivativeScale {
  kBalanced,   // Per input, but none below a tenth of the output's largest.
  kPerOutput,  // One scale per output; right for exact labels, fits the noise of noisy ones.
  kPerInput,   // One per output and input (Huge and Savine 2020); collapses on dead inputs.
};

enum class Precision { kFloat32, kFloat64 };

// What kind of surrogate to fit.
enum class TrainingKind {
  kAuto,             // The server tries all kinds and takes the best on held-out samples.
  kNetwork,          // The network and optimizer of the spec.
  kPolynomial,       // Sparse; degree and terms chosen by leave-one-out errors.
  kGaussianProcess,  // Knows its own uncertainty; for up to some thousand labels.
  kLocalTaylor,      // A base and local Taylor models of what it misses at the samples.
};

// What local Taylor models are put on.
enum class TaylorBase {
  kNetwork,     // The network and optimizer of the spec.
  kPolynomial,  // Sparse.
  kConstant,    // The means of the outputs: local models alone.
};

// How the weights of a network are found.
enum class Optimizer {
  kAdam,                // Stochastic; for large, kinked or noisy problems.
  kLevenbergMarquardt,  // Far more accurate on smooth functions with few weights.
  kHybrid,              // Adam, then Levenberg-Marquardt.
  kLbfgs,               // As Levenberg-Marquardt, slower, for more weights.
};

// What an input is to the function, so that no surrogate has to learn it.
struct InputMap {
  std::string input;                  // Its name.
  std::optional<double> period = {};  // > 0: the function repeats, and so does the model.
  std::optional<int> harmonics = {};  // Of the period: sines and cosines, 1 to 8; 1 unless set.
  bool logarithmic = false;           // The model sees the logarithm of an input that is > 0.
};

// What an output never leaves, whatever the model predicts.
struct OutputMap {
  std::string output;  // Its name.
  std::optional<double> lower = {};
  std::optional<double> upper = {};
  bool logarithmic = false;  // For values above `lower`, else 0, over several decades.
};

// How a model goes on outside the box of its samples. Inside, nothing changes.
enum class Extrapolation {
  kOwn,       // By the formula of the model.
  kConstant,  // Smoothly to a constant.
  kLinear,    // Smoothly to the mean slope at that side of the box.
};

// How the outputs respond to an input: none falls when it grows, or none grows.
enum class Slope { kIncreasing, kDecreasing };

// The shape of the outputs as functions of all inputs together.
enum class Convexity { kConvex, kConcave };

// What to train and how; unset fields get the server's defaults (sobolev/v1/training.proto). An
// empty spec lets the server choose. The loss is alpha · value loss + beta · gradient loss
// + gamma · loss of Hessian-vector labels.
struct TrainingSpec {
  // Unset: kLocalTaylor if an option of that is set, else kNetwork if one of networks is.
  std::optional<TrainingKind> kind = {};
  std::vector<int> hidden = {};  // Units of each hidden layer.
  std::optional<Activation> activation = {};
  std::optional<bool> skip = {};      // Layers after the first see the inputs, too.
  std::optional<bool> residual = {};  // Hidden layers are added to those before, if as wide.
  // What the model obeys by construction, whatever the labels say: slopes by name of the input.
  std::map<std::string, Slope> monotone = {};
  std::optional<Convexity> convexity = {};
  std::optional<Optimizer> optimizer = {};
  std::optional<double> effort = {};  // Of kAuto: work to spend, about in seconds of one core.
  std::optional<double> time_limit_seconds = {};  // Then the best so far is taken.
  // Networks whose mean is predicted and whose differences tell the spread; not with kAdam alone.
  std::optional<int> ensemble_size = {};
  std::optional<double> alpha = {};
  std::optional<double> beta = {};
  std::optional<double> gamma = {};
  std::optional<DerivativeScale> derivative_scale = {};
  std::vector<double> output_weights = {};      // m: factors of the errors of outputs.
  std::vector<double> derivative_weights = {};  // m×n row-major: those of Jacobian entries.
  std::optional<double> huber = {};  // Robust standard deviations beyond which errors count less.
  std::optional<int> epochs = {};
  std::optional<int> batch_size = {};
  std::optional<double> learning_rate = {};
  std::optional<double> validation_fraction = {};
  std::optional<int> patience = {};
  std::optional<std::uint64_t> seed = {};
  std::optional<Precision> precision = {};
  // Of kAdam: outputs whose rows of the Jacobian a step fits; 0: all.
  std::optional<int> derivative_sketch = {};
  std::vector<InputMap> input_maps = {};    // At most one for each input.
  std::optional<int> feature_degree = {};   // Products of inputs up to it are inputs too; 1 to 4.
  std::vector<OutputMap> output_maps = {};  // At most one for each output.
  std::optional<Extrapolation> extrapolation = {};
  std::optional<TaylorBase> taylor_base = {};  // Of kLocalTaylor; unset: kNetwork.
  // Of kLocalTaylor, 1 to 3; unset: the one with the lowest held-out error.
  std::optional<int> taylor_order = {};
};

struct TrainOptions {
  std::string model = {};            // Id of the model that gets the version; empty: chosen.
  std::int64_t dataset_version = 0;  // 0: the current one.
  std::string request_id = {};       // Repeating it returns the same job; empty: made up.
};

// Errors on samples that the optimiser did not see.
struct ErrorReport {
  // What no label tells is NaN.
  std::vector<double> value_rmse;     // m, each in its output's unit; empty without values.
  double value_relative = 0;          // RMS of value_rmse / σ_y over the outputs with values.
  std::vector<double> jacobian_rmse;  // m, standardised; empty without Jacobians.
  double jacobian_relative = 0;       // ‖J − J*‖ / ‖J*‖, standardised.
  // ‖h − h*‖ / ‖h*‖ over Hessian-vector labels, standardised; unset without such labels.
  std::optional<double> hvp_relative = {};

  bool operator==(const ErrorReport&) const = default;
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

enum class StopReason {
  kUnknown,
  kMaxEpochs,
  kEarlyStopping,
  kSelectionDone,
  kTimeLimit,
  kDiverged
};

// One way to fit that was tried.
struct Trial {
  enum class State {
    kUnknown,
    kRunning,
    kFinished,
    kAbandoned,  // Clearly worse than the best on the first part of the samples.
    kFailed,     // Made no model from these samples.
  };

  std::string recipe;  // In words, such as "network 20-20 tanh, lm, 3 directions".
  State state = State::kUnknown;
  ErrorReport validation;       // Mean over the folds; no value_rmse: not judged yet.
  double score = 0;             // Lower is better.
  double work = 0;              // Multiply-adds.
  std::int64_t iterations = 0;  // After which it was best; 0 for closed forms.
};

// The winning recipe on other labels.
struct ComparisonPoint {
  std::int64_t sample_count = 0;
  ErrorReport validation;  // No value_rmse: it made no model of these.
};

// Labels of d<output>/d<input> that contradict the values.
struct LabelWarning {
  enum class Kind {
    kUnknown,
    kSign,     // The negative of what the values say.
    kScale,    // A multiple of it.
    kBias,     // Something else on average.
    kSwapped,  // The derivative by other_input.
  };

  std::string input;
  std::string output;
  Kind kind = Kind::kUnknown;
  double factor = 0;  // What they would have to be multiplied by.
  std::string message;
  std::string other_input;  // Of kSwapped.
};

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
  double gamma = 0;
  std::uint64_t seed = 0;
  int epochs = 0;
  int best_epoch = 0;
  StopReason stop_reason = StopReason::kUnknown;
  // Of a network trained with Adam alone: how often a number that was not finite sent the training
  // back to its best epoch, to go on with a tenth of the rate, and the peak rate after the last.
  int rollbacks = 0;
  double learning_rate = 0;
  double train_seconds = 0;
  double samples_per_second = 0;
  ErrorReport validation;
  std::vector<EpochRecord> history;
  std::string instruction_set;
  // Empty for a network trained with Adam alone:
  std::vector<Trial> leaderboard;               // By score; the best first.
  std::vector<ComparisonPoint> learning_curve;  // The winner on fewer samples, ascending.
  std::optional<ComparisonPoint> value_only;    // The winner without derivative labels.
  std::vector<LabelWarning> warnings;

  // The trial that became the model, which need not have the best score: a cheaper one wins where
  // the difference is noise. Null without leaderboard.
  const Trial* Winner() const;
};

struct TrainingProgress {
  EpochRecord epoch;  // The latest finished one.
  int epochs = 0;     // Asked for; 0 where there are none, and trials instead.
  double samples_per_second = 0;
  double remaining_seconds = 0;
  std::vector<Trial> leaderboard;  // As in the report.
  double fraction = 0;             // Of the work, 0 to 1.
  std::string stage;               // Of a pruning, such as "retraining"; empty of others.
};

}  // namespace sobolev::client

#endif  // SOBOLEV_TRAINING_H_
