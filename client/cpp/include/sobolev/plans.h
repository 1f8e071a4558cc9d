// Plans of derivatives: how the Jacobian of a model is made with the fewest multiply-adds.

#ifndef SOBOLEV_CLIENT_PLANS_H_
#define SOBOLEV_CLIENT_PLANS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sobolev::client {

struct PlanOptions {
  // Adjoints only through factors with at most that many edges.
  std::optional<std::int64_t> tape_memory = {};
  // At most that many numbers of values, Jacobians and tapes at a time; not with the two others.
  std::optional<std::int64_t> memory = {};
  // With several, the plan that ends first instead of the one with the least work.
  int workers = 1;
};

enum class PlanStepKind {
  kAccumulateTangent,  // The Jacobian of a single factor, by unit tangents.
  kAccumulateAdjoint,  // Likewise, by unit adjoints.
  kTangent,            // Columns of `earlier` carried through the last factor.
  kAdjoint,            // Rows of `later` carried back through the first factor.
  kProduct             // `later` times `earlier`.
};

// The plan for a chain of functions. Costs are multiply-adds for a point.
struct DerivativePlan {
  struct Factor {
    std::string label;
    std::int64_t n = 0;
    std::int64_t m = 0;
    std::int64_t edges = 0;  // Multiply-adds of one tangent or adjoint.
  };
  // The Jacobian of factors first … last, counted from 1.
  struct Step {
    PlanStepKind kind = PlanStepKind::kProduct;
    int first = 0;
    int last = 0;
    std::optional<int> later;  // Positions of the operands.
    std::optional<int> earlier;
    std::int64_t cost = 0;
    std::optional<int> worker;  // With several workers.
    std::optional<std::int64_t> start;
  };
  // What is done next within a memory.
  struct Move {
    enum class Kind {
      kEvaluate,  // What factor `value` computes.
      kDrop,      // Likewise.
      kStep
    };
    Kind kind = Kind::kStep;
    std::optional<int> value;  // A factor, counted from 1.
    std::optional<int> step;   // A position in `steps`.
    std::int64_t cost = 0;
    std::int64_t memory = 0;  // Numbers held during the move.
  };
  // What plans take at the speeds measured on the server.
  struct Calibrated {
    double tangent_seconds = 0;  // For a multiply-add.
    double adjoint_seconds = 0;
    double product_seconds = 0;
    double optimum_seconds = 0;  // For a point, of the plan with the fewest multiply-adds.
    double fastest_seconds = 0;  // Of the fastest.
    std::int64_t fastest_cost = 0;
    std::string fastest_bracketing;
  };
  struct Timing {
    std::string mode;  // "predict", "tangents" or "adjoints".
    std::int64_t cost = 0;
    double predicted_seconds = 0;            // For a point.
    std::optional<double> measured_seconds;  // Unless it would take too long.
  };

  std::string model;            // The version.
  std::vector<Factor> factors;  // From the inputs on.
  std::int64_t tangent_cost = 0;
  std::int64_t adjoint_cost = 0;
  std::int64_t preaccumulation_cost = 0;
  std::int64_t dense_product_cost = 0;
  std::int64_t cost = 0;    // Of the plan.
  std::vector<Step> steps;  // The last is the model's Jacobian.
  std::string bracketing;
  std::string method;  // How Predict makes Jacobians.
  std::vector<Timing> timings;
  std::optional<Calibrated> calibrated;  // Neither with several workers nor within a memory.
  // Within a memory.
  std::vector<Move> moves;
  std::optional<std::int64_t> evaluation_cost;  // Beside `cost`.
  std::optional<std::int64_t> memory;           // The most that a move holds.
  // With several workers; the last also within a memory.
  std::optional<std::int64_t> makespan;
  std::optional<std::int64_t> makespan_lower_bound;
  std::optional<bool> proven_optimal;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_PLANS_H_
