// A target function y = F(x), given as text, evaluated and differentiated in every mode.
//
// A Program is immutable and shared: traces of derivatives are recorded when they are first asked
// for. Points lie in the lanes of vector registers and are dealt to threads in blocks; every point
// has the same bits whatever the batch, the lane width and the number of threads.

#ifndef SOBOLEV_ENGINE_PROGRAM_PROGRAM_H_
#define SOBOLEV_ENGINE_PROGRAM_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/definition.h"

namespace sobolev::program {

// Directions for products: `count` for each point. D has a column per direction: dimension×count if
// all points share them, else dimension×(count·N) with those of one point next to each other.
struct Directions {
  ConstMatrixMap D;
  Index count = 0;
  bool per_point = false;
};

// Where results go; null means not wanted. N points, n inputs, m outputs, p tangents, q adjoints.
struct Results {
  double* Y = nullptr;  // m×N                          bytes read as [N, m]
  double* J = nullptr;  // n×(m·N)                                    [N, m, n]
  double* H = nullptr;  // n×(n·m·N), ∂²yᵢ/∂xⱼ∂xₖ                     [N, m, n, n]
  double* Y_dot = nullptr;  // m×(p·N), J Ẋ                               [N, p, m]
  double* X_bar = nullptr;  // n×(q·N), Jᵀ Ȳ                              [N, q, n]
  double* X_bar_dot = nullptr;  // n×(p·q·N), Σᵢ ȳᵢ ∇²yᵢ ẋ                    [N, q, p, n]
};

enum class Arithmetic {
  kFast,    // Fused multiply-adds and vector functions, each accurate to a few units in the last
            // place.
  kStrict,  // Every operation rounds as <cmath> and IEEE 754 say: the bits of a plain scalar
            // program.
};

// How a stage that is repeated is reversed.
enum class Reversal {
  kAutomatic,   // Checkpoints such that the trace stays in the second-level cache.
  kVanilla,     // Every state is kept: no step is recomputed.
  kMemoryPoor,  // Only the first state is kept: l(l − 1)/2 steps are recomputed.
  kBinomial,  // At most `checkpoints` states are kept, with the fewest recomputed steps (revolve).
};

struct Settings {
  Arithmetic arithmetic = Arithmetic::kFast;
  Reversal reversal = Reversal::kAutomatic;
  Index checkpoints = 0;  // With kBinomial, at least 1: states kept at once, the first included.
};

// What one adjoint sweep over one block of points did in the stages that are repeated.
struct ReversalCounts {
  Index advanced_steps = 0;  // Steps run without being reversed: the first sweep and recomputation.
  Index peak_states = 0;     // States kept at once.
  Index state_bytes = 0;     // Of one state of one point.
};

// Bounds of y and J over boxes.
struct BoxResults {
  double* Y_min = nullptr;  // m×N
  double* Y_max = nullptr;
  double* J_min = nullptr;  // n×(m·N)
  double* J_max = nullptr;
};

struct Entry {
  Index row = 0;
  Index column = 0;
};

// What `program check` shows.
struct Summary {
  Index operations = 0;           // Of the value's trace; of a repeated stage, once.
  Index executed_operations = 0;  // With repetitions.
  Index jacobian_nonzeros = 0;
  Index hessian_nonzeros = 0;  // Of Σᵢ ∇²yᵢ; −1 if not determined because of size.
  std::string jacobian_mode;   // "forward", "reverse", "forward compressed", ...: the cheapest.
  // Cost over the cost of the value, by counted operations weighted as in op.h.
  double tangent_ratio = 0;
  double adjoint_ratio = 0;
  double jacobian_ratio = 0;
  double hessian_vector_ratio = 0;
};

class Program {
 public:
  // Throws as Parse (definition.h) does.
  explicit Program(std::string_view source, const SourceLimits& limits = {});
  explicit Program(Definition definition);
  ~Program();

  Index n() const;
  Index m() const;
  const std::vector<Variable>& inputs() const;
  const std::vector<Variable>& outputs() const;
  Summary Summarize() const;

  // Evaluates at the columns of X (n×N). `valid`, if not null, gets N flags: 0 for a point where a
  // result is not finite, such as outside the domain of a function; nothing is thrown for those.
  // Y_dot needs tangents, X_bar adjoints, X_bar_dot both. Thread-safe. Uses oneTBB's current arena.
  // Throws Error(kInvalidArgument) for shapes and Error(kCancelled) when `stop` fires.
  void Evaluate(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                const std::optional<Directions>& adjoints, const Results& results,
                std::uint8_t* valid, const Settings& settings, const std::stop_token& stop) const;

  // Encloses y and J over the boxes [X_min, X_max] (n×N each) by interval arithmetic with outward
  // rounding. Unbounded results are infinite; where F is defined nowhere in the box, NaN.
  // `bounded`, if not null, gets N flags: 0 where a bound is infinite or NaN.
  void Enclose(const ConstMatrixMap& X_min, const ConstMatrixMap& X_max, const BoxResults& results,
               std::uint8_t* bounded, const std::stop_token& stop) const;

  // The structural nonzeros of J, row by row.
  const std::vector<Entry>& jacobian_pattern() const;
  // The values of those entries: nonzeros×N, a column per point. Cheaper than J where J is sparse.
  void SparseJacobian(const ConstMatrixMap& X, double* values, double* Y, const Settings& settings,
                      const std::stop_token& stop) const;

  // An estimate of the cost of Evaluate in multiplications, for scheduling.
  double Cost(Index num_points, const Results& wanted, Index p, Index q) const;

  // The counts of the last kind of reversal that `settings` describe, as theory and execution
  // agree.
  ReversalCounts CountReversal(const Settings& settings) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_PROGRAM_H_
