// A target function y = F(x), given as text, evaluated and differentiated in every mode.
//
// A Program is immutable and shared: traces of derivatives are recorded when they are first asked
// for. Points lie in the lanes of vector registers and are dealt to threads in blocks; every point
// has the same bits whatever the batch, the lane width and the number of threads.

#ifndef SOBOLEV_ENGINE_PROGRAM_PROGRAM_H_
#define SOBOLEV_ENGINE_PROGRAM_PROGRAM_H_

#include <cstddef>
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
// Bytes are read as the shape at the end of the line.
struct Results {
  double* Y = nullptr;          // m×N                          [N, m]
  double* J = nullptr;          // n×(m·N)                      [N, m, n]
  double* H = nullptr;          // n×(n·m·N), ∂²yᵢ/∂xⱼ∂xₖ       [N, m, n, n]
  double* Y_dot = nullptr;      // m×(p·N), J Ẋ                 [N, p, m]
  double* X_bar = nullptr;      // n×(q·N), Jᵀ Ȳ                [N, q, n]
  double* X_bar_dot = nullptr;  // n×(p·q·N), Σᵢ ȳᵢ ∇²yᵢ ẋ      [N, q, p, n]
};

enum class Arithmetic {
  // Fused multiply-adds and vector functions, each accurate to a few units in the last place.
  kFast,
  // Every operation of the graph rounds as <cmath> and IEEE 754 say, on every processor. Those are
  // the bits of a plain scalar program, but for what graph.h rewrites: powers with constant
  // exponents that are small integers or ½ are products and √, and zeros may have the other sign.
  kStrict,
};

// How a stage that is repeated is reversed.
enum class Reversal {
  kAutomatic,   // Every state if those of a block of points take 64 MiB or less, else what fits.
  kVanilla,     // Every state is kept: no step is recomputed.
  kMemoryPoor,  // Only the first state is kept: l(l − 1)/2 steps are recomputed.
  kBinomial,    // At most `checkpoints` are kept, with the fewest recomputed steps (revolve).
};

struct Settings {
  Arithmetic arithmetic = Arithmetic::kFast;
  Reversal reversal = Reversal::kAutomatic;
  Index checkpoints = 0;  // With kBinomial, at least 1: states kept at once, the first included.
};

// What derivatives of one program may take.
struct ProgramLimits {
  // A symbolic Jacobian has at most this many entries, in a graph of at most this many nodes
  // (derivation.h), a symbolic Hessian an eighth. Larger ones are products with directions,
  // compressed if the structural nonzeros are at most as many.
  std::size_t max_symbolic_size = std::size_t{1} << 22;
  // Of the states that an adjoint sweep over one block of points keeps. Every thread runs a block.
  Index max_state_bytes = Index{1} << 30;
};

// What one adjoint sweep over one block of points did in the stages that are repeated.
struct ReversalCounts {
  Index advanced_steps = 0;  // Steps run without being reversed: the first sweep and recomputation.
  Index peak_states = 0;     // States kept at once.
  Index state_bytes = 0;     // Of one state of one point, with its tangent if there is one.
};

// Bounds of y and J over boxes. Null means not wanted; what has a minimum has a maximum.
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
  // Places that may hold other numbers than 0, of n·m of J and of n² of Σᵢ ∇²yᵢ; −1 if not
  // determined because of size.
  Index jacobian_nonzeros = 0;
  Index hessian_nonzeros = 0;
  // The cheapest way to J: "forward" or "reverse" if it is symbolic, else by products with
  // "forward compressed" or "reverse compressed" directions, or with all, "forward dense" or
  // "reverse dense".
  std::string jacobian_mode;
  // Cost over the cost of the value, by counted operations weighted as in op.h.
  double tangent_ratio = 0;
  double adjoint_ratio = 0;
  double jacobian_ratio = 0;
  double hessian_vector_ratio = 0;
};

class Program {
 public:
  // Throws as Parse (definition.h) does.
  explicit Program(std::string_view source, const SourceLimits& source_limits = {},
                   const ProgramLimits& limits = {});
  explicit Program(Definition definition, const ProgramLimits& limits = {});
  ~Program();

  Index n() const;
  Index m() const;
  const std::vector<Variable>& inputs() const;
  const std::vector<Variable>& outputs() const;
  Summary Summarize() const;

  // Evaluates at the columns of X (n×N). `valid`, if not null, gets N flags: 0 for a point where
  // the value, asked for or not, or a result is not finite, such as outside the domain of a
  // function; nothing is thrown for those. Y_dot needs tangents, X_bar adjoints, X_bar_dot both.
  // Thread-safe. Uses oneTBB's current arena. Throws Error(kInvalidArgument) for shapes and
  // settings, Error(kResourceExhausted) naming "reversal" if that keeps more than
  // ProgramLimits::max_state_bytes, and Error(kCancelled) when `stop` fires.
  void Evaluate(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                const std::optional<Directions>& adjoints, const Results& results,
                std::uint8_t* valid, const Settings& settings, const std::stop_token& stop) const;

  // Encloses y and J over the boxes [X_min, X_max] (n×N each) by interval arithmetic with outward
  // rounding: at every point of a box each element of y that is not NaN lies within its bounds, and
  // so does each of J (by adjoints, if F has `evolve` loops), all in exact arithmetic with the
  // signed zeros, infinities and NaN of IEEE 754. So F need not be defined in all of the box, a
  // comparison of NaN is false, and 1/0 is an infinity of either sign; but nothing overflows, and
  // what Evaluate rounds may lie outside by that. Unbounded results are infinite; bounds are NaN
  // only if the element is NaN in all of the box. `bounded`, if not null, gets N flags: 0 where a
  // bound is infinite or NaN. Thread-safe. Uses oneTBB's current arena. X_min <= X_max is not
  // checked. Throws Error(kInvalidArgument) for shapes and for a minimum without its maximum or the
  // reverse, and Error(kCancelled).
  void Enclose(const ConstMatrixMap& X_min, const ConstMatrixMap& X_max, const BoxResults& results,
               std::uint8_t* bounded, const std::stop_token& stop) const;

  // The structural nonzeros of J, row by row. Thread-safe. Throws Error(kResourceExhausted) where
  // Summary::jacobian_nonzeros is −1.
  const std::vector<Entry>& jacobian_pattern() const;
  // The values of those entries: nonzeros×N, a column per point; and Y if not null. Cheaper than J
  // where J is sparse. Thread-safe. Uses oneTBB's current arena. Throws as Evaluate does, and
  // Error(kResourceExhausted) also where not even compressed directions are few.
  void SparseJacobian(const ConstMatrixMap& X, double* values, double* Y, const Settings& settings,
                      const std::stop_token& stop) const;

  // An estimate of the cost of Evaluate in multiplications, for scheduling. It knows nothing of
  // steps that are recomputed: it holds for automatic and vanilla reversal.
  double Cost(Index num_points, const Results& wanted, Index p, Index q) const;

  // Whether what is wanted (not null) takes an adjoint sweep through the program: products with
  // adjoints do, and so do a Hessian or Jacobian that are made of such.
  bool RunsAdjointSweep(const Results& wanted) const;
  // What such a sweep does by these settings. A sweep of second order keeps states with their
  // tangents. All 0 for programs without time loops.
  ReversalCounts CountReversal(const Settings& settings, bool with_tangents = false) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_PROGRAM_H_
