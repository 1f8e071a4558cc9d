// Pruning: what to remove from a network, and the report of what that cost, in standard types.

#ifndef SOBOLEV_PRUNING_H_
#define SOBOLEV_PRUNING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sobolev/training.h>

namespace sobolev::client {

// A closed interval.
struct Range {
  double min = 0;
  double max = 0;
};

enum class PrunedParts {
  kVertices,  // Layers become smaller.
  kWeights,   // Layers get zeros.
};

// Which vertices or weights go first.
enum class PruningRule {
  kSobolevObs,  // What costs least in values and tangents when the others take over.
  kInterval,    // Interval adjoint significance.
  kSampled,     // Of vertices, the spread that they cause over points.
  kTaylor,      // Of vertices, what dropping them does to first order.
  kMagnitude,   // The size of the weights.
  kWanda,       // Of weights, their size times that of what they multiply.
  kRandom,
};

// What takes the place of what is removed.
enum class PruningCompensation {
  kSobolev,   // Every layer behind is refitted to values and tangents.
  kMean,      // Means over points.
  kMidpoint,  // Midpoints of the ranges over the box.
  kZero,
};

// What to prune; unset fields get the server's defaults (sobolev/v1/pruning.proto). How far to go
// is one of the first three, or one or both errors; none of them is needed with input_threshold.
struct PruneOptions {
  std::optional<double> fraction = {};             // Of the vertices or weights to remove.
  std::optional<std::int64_t> parameters = {};     // Left at most.
  std::optional<std::int64_t> multiply_adds = {};  // Of a Jacobian, left at most.
  std::optional<double> value_error = {};          // PruningReport::Deviation::value at most.
  std::optional<double> jacobian_error = {};       // PruningReport::Deviation::jacobian at most.
  std::optional<double> input_threshold = {};  // Of bounds on total Sobol indices; 0.01 is usual.
  std::optional<PrunedParts> parts = {};
  std::optional<PruningRule> rule = {};
  std::optional<PruningCompensation> compensation = {};
  std::vector<Range> box = {};  // n, within the domain; empty: the domain.
  bool retrain = false;         // On samples; so do the next six, unless unset.
  std::string dataset = {};     // Empty: what the model was trained on.
  std::int64_t dataset_version = 0;
  std::optional<std::int64_t> steps = {};
  std::optional<double> learning_rate = {};
  std::optional<double> alpha = {};
  std::optional<double> beta = {};
  std::optional<std::int64_t> certificate_boxes = {};  // 0: no certificate.
  std::optional<std::int64_t> num_points = {};         // To rank and fit with.
  std::optional<std::uint64_t> seed = {};
  std::string model_id = {};    // Of the model that gets the version; empty: the same.
  std::string request_id = {};  // Repeating it returns the same job; empty: made up.
};

struct PruningReport {
  struct Size {
    std::int64_t inputs = 0;
    std::vector<int> hidden;
    std::int64_t parameters = 0;  // Biases, and weights that are not 0.
    std::int64_t value_multiply_adds = 0;
    std::int64_t jacobian_multiply_adds = 0;  // By tangents or adjoints.
    std::int64_t plan_multiply_adds = 0;      // Of the Jacobian by the best plan.
  };
  // From the original, over points that nothing was fitted to.
  struct Deviation {
    double value = 0;     // RMS, in standard deviations of the outputs in training.
    double jacobian = 0;  // RMS over that of the original's Jacobian.
  };
  struct RemovedInput {
    std::string input;
    double value = 0;  // What it is fixed at.
    double sobol_bound = 0;
  };
  // The largest difference from the original in the box.
  struct Bound {
    double sampled = 0;  // It is at least that, ...
    double proved = 0;   // ... and nowhere more. Infinite if nothing could be proved.
  };
  struct Certificate {
    std::vector<Bound> value;     // m, each in its output's unit.
    std::vector<Bound> jacobian;  // m×n row-major.
    std::int64_t boxes = 0;
    bool tight = false;  // Whether all that is proved is within a tenth of what was sampled.
  };
  struct Retraining {
    std::int64_t steps = 0;
    int epochs = 0;
    double learning_rate = 0;
    double scratch_learning_rate = 0;
    bool kept = false;  // Whether the version is the retrained network, and not the pruned one.
  };

  std::string source;  // The version that was pruned.
  std::string job;
  std::vector<std::string> inputs;  // Names of those of the source.
  std::vector<Range> box;           // Of each of them.
  PrunedParts parts = PrunedParts::kVertices;
  PruningRule rule = PruningRule::kSobolevObs;
  PruningCompensation compensation = PruningCompensation::kSobolev;
  std::uint64_t seed = 0;
  Size before;
  Size after;
  std::vector<std::int64_t> removed_vertices;  // Of each hidden layer of the source.
  std::vector<std::int64_t> removed_weights;   // Of each layer; empty unless weights were pruned.
  std::vector<RemovedInput> removed_inputs;
  Deviation pruned;  // Before any retraining.
  Deviation result;  // Of the version.
  std::optional<Retraining> retraining;
  // Held-out errors on a dataset, if there is one: of the source, as pruned, of the version, and of
  // a network of the new size that was trained from scratch for as many steps.
  std::optional<ErrorReport> source_errors;
  std::optional<ErrorReport> pruned_errors;
  std::optional<ErrorReport> result_errors;
  std::optional<ErrorReport> scratch_errors;
  std::optional<Certificate> certificate;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_PRUNING_H_
