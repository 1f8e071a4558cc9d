// Adaptive sampling: jobs that decide where an expensive function F is evaluated next, workers that
// ask for points and tell what F is there.

#ifndef SOBOLEV_SAMPLING_H_
#define SOBOLEV_SAMPLING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::client {

enum class SamplingStrategy {
  kAdaptive,      // Where surrogates disagree, with a share that fills the space.
  kSpaceFilling,  // Evenly over the domain.
  kLolaVoronoi    // In cells that are large or where F is far from tangents, with such a share.
};

enum class SamplingGoalKind {
  kSurrogate,  // That is good everywhere.
  kMinimum,    // The least value of an output.
  kMaximum,    // The greatest.
  kLevel       // Where an output has a value.
};

// What points are placed for.
struct SamplingGoal {
  SamplingGoalKind kind = SamplingGoalKind::kSurrogate;
  std::string output = {};           // Its name; none for kSurrogate.
  std::optional<double> level = {};  // Of kLevel.
};

// How the domain is cut into boxes where the function is simple, and others.
struct SamplingBoxSpec {
  // How wrong a Taylor polynomial may be in its box, relative to the standard deviation.
  std::optional<double> tolerance = {};
  std::optional<int> max_boxes = {};  // 0: none.
};

// Holds when all that is set holds; at least one is.
struct StopRule {
  std::optional<std::int64_t> evaluations = {};
  std::optional<double> cost = {};
  std::optional<double> value_error = {};     // Relative to the standard deviation.
  std::optional<double> gradient_error = {};  // Relative to the root mean square.
  std::optional<double> seconds = {};         // Since the start.
  // That did not lower the best error by a tenth, or find a better value if that is the goal.
  std::optional<int> stale_rounds = {};
  std::optional<double> closed_share = {};  // Of the volume, in boxes where F is simple.
};

// What to sample, how, and until when; unset fields get the server's defaults
// (sobolev/v1/sampling.proto).
struct SamplingSpec {
  std::string dataset;             // Gets the results; its schema names inputs and outputs.
  std::string model = {};          // Id of the model that gets the versions; empty: chosen.
  std::string program = {};        // The server evaluates this one itself; empty: workers do.
  std::vector<Range> domain = {};  // One for each input; empty: the bounds of the schema.
  std::optional<SamplingStrategy> strategy = {};
  std::optional<int> initial_points = {};     // Spread evenly before the first model.
  std::optional<double> round_fraction = {};  // Of a round, of the points evaluated before.
  std::optional<bool> jacobian = {};          // Whether workers are to tell it.
  std::optional<double> value_cost = {};      // Of an evaluation,
  std::optional<double> jacobian_cost = {};   // and of its Jacobian on top.
  std::vector<StopRule> stop_rules = {};      // The first that holds ends the job.
  std::optional<TrainingSpec> training = {};  // Not in what the server tells of a job.
  std::optional<double> lease_seconds = {};   // Without a sign of life of the worker.
  std::optional<int> max_attempts = {};       // Then a point is given up.
  std::optional<std::uint64_t> seed = {};
  std::optional<SamplingGoal> goal = {};
  std::optional<SamplingBoxSpec> boxes = {};
};

// The part of a spec that may change while the job goes on; what is unset stays as it is.
struct SamplingChange {
  std::optional<std::vector<StopRule>> stop_rules = {};
  std::optional<SamplingStrategy> strategy = {};
  std::optional<SamplingGoal> goal = {};
  std::optional<SamplingBoxSpec> boxes = {};
  std::optional<double> round_fraction = {};
};

// What the spec said since then.
struct SamplingRevision {
  SamplingChange spec;
  Time time;
};

enum class SamplingPhase { kUnknown, kSampling, kPaused, kEnded };

enum class SamplingStop {
  kNone,
  kRule,       // Of the spec, see Sampling::stop_rule.
  kStopped,    // StopSampling was called.
  kExhausted,  // Every point of a domain of whole numbers is known.
  kNoise,      // The errors that Sampling::stop_rule asks for are below the noise of the function.
};

// The state of a sampling job.
struct Sampling {
  std::string job;    // "jobs/{id}"
  SamplingSpec spec;  // With the defaults filled in.
  SamplingPhase phase = SamplingPhase::kUnknown;
  SamplingCounts counts;
  double cost = 0;
  std::vector<SamplingRound> rounds;
  SamplingStop stop = SamplingStop::kNone;
  int stop_rule = 0;  // With kRule and kNoise: its place in the spec.
  // Of a goal of a least or greatest value: the best sample known.
  std::optional<SamplingBest> best = {};
  std::vector<SamplingRevision> revisions = {};  // In order; rounds name theirs.
  std::vector<LabelWarning> warnings = {};       // Jacobians that contradict the values.
};

enum class BoxOrder {
  kUnknown,
  kOpen,      // None of the others, as far as is known.
  kConstant,  // A constant is good enough.
  kLinear,    // A tangent is.
  kQuadratic  // A Taylor polynomial of degree 2 is.
};

// A part of the domain.
struct SamplingBox {
  Vector min;  // n
  Vector max;  // n
  BoxOrder order = BoxOrder::kUnknown;
  double volume = 0;                        // Its share of the domain.
  std::vector<std::string> linear_in = {};  // Inputs along which the function is quasi-linear.
};

// The domain in boxes, which overlap in their faces at most.
struct SamplingBoxes {
  int round = 0;  // Whose they are; 0 before the first.
  std::vector<SamplingBox> boxes;
  ClosedShare closed;
};

enum class SamplingPointState { kUnknown, kQueued, kLeased, kDone, kInfeasible, kFailed };

// A place where F is or was to be evaluated.
struct SamplingPoint {
  std::int64_t id = 0;  // Within the job, from 1.
  Vector x;             // n
  SamplingPointState state = SamplingPointState::kUnknown;
  bool space_filling = false;  // Placed to fill the space, whatever the models say.
  int round = 0;               // Whose model chose it; 0: before the first.
  std::string worker;          // That has it or had it last.
  int attempt = 0;             // How often it was handed out.
  Time lease_expire_time;
  std::string reason;  // Of the last failure.
  Vector y;            // m once it is done, NaN where missing.
};

// What a worker holds after it asked.
struct AskReply {
  std::vector<SamplingPoint> points;
  bool jacobian = false;           // Whether it is wanted.
  double retry_after_seconds = 0;  // When there are fewer points than asked for.
  bool finished = false;           // The job has ended: there will be no more points.
  double heartbeat_seconds = 0;    // Send a heartbeat at least this often.
};

// A point without a result.
struct SamplingFailure {
  std::int64_t point = 0;
  bool infeasible = false;  // F has no value there: nobody tries again.
  std::string reason = {};  // At most 1024 bytes.
  int attempt = 0;          // That failed, as Ask told it; 0: the latest.
};

enum class TellOutcome {
  kUnknown,
  kTaken,
  kKnown,  // The same was told before.
  kLate,   // Something else was told before; that stays.
  kRetry   // Goes back to the queue.
};

struct TellReply {
  std::vector<TellOutcome> outcomes;  // Of the results, then of the failures.
  bool finished = false;              // The job has ended.
};

struct HeartbeatReply {
  std::vector<std::int64_t> points;  // That the worker holds; others are to be given up.
  bool finished = false;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_SAMPLING_H_
