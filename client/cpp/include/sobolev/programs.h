// Programs: target functions y = F(x) given as text, which the server evaluates, differentiates and
// encloses.
//
// n and m count the elements of all inputs and outputs. Batches lie as everywhere (types.h); a
// Hessian batch is n×(n·m·N): column (s·m + i)·n + j holds ∂²yᵢ/∂xⱼ∂xₖ for all k, at point s.

#ifndef SOBOLEV_PROGRAMS_H_
#define SOBOLEV_PROGRAMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::client {

// A named input or output.
struct ProgramVariable {
  std::string name;
  std::vector<std::int64_t> shape;  // Empty for a scalar, {k} for a vector, {r, c} for a matrix.
  std::int64_t offset = 0;          // Row of its first element in X or Y.
  std::optional<Range> bounds;      // Inputs: as declared, of each element.
  std::string description;
};

// One name for each element, in order: "T", "x.0", "x.1", "A.0.0", ... They serve as names of a
// dataset's variables and of the columns of a file.
std::vector<std::string> ElementNames(const std::vector<ProgramVariable>& variables);

// Ratios are to the cost of the value, by counted and weighted operations.
struct ProgramStatistics {
  std::int64_t operations = 0;           // Of the trace; those of a repeated step once.
  std::int64_t executed_operations = 0;  // With repetitions.
  std::int64_t jacobian_nonzeros = 0;    // Of m·n entries; −1 if not determined.
  // Of the n² entries of Σᵢ ∇²yᵢ; unset if not determined.
  std::optional<std::int64_t> hessian_nonzeros;
  std::string jacobian_mode;  // The cheapest: "forward", "reverse", ...
  double tangent_ratio = 0;
  double adjoint_ratio = 0;
  double jacobian_ratio = 0;
  double hessian_vector_ratio = 0;
};

struct Program {
  std::string name;                      // "programs/{id}"; empty if it was only checked.
  std::string source;                    // Not in lists.
  std::int64_t input_size = 0;           // n
  std::int64_t output_size = 0;          // m
  std::vector<ProgramVariable> inputs;   // Not in lists.
  std::vector<ProgramVariable> outputs;  // Not in lists.
  ProgramStatistics statistics;
  Time create_time;
};

enum class Arithmetic {
  kFast,    // Each operation is accurate to a few units in the last place.
  kStrict,  // Each rounds as IEEE 754 and <cmath> say; xᵏ with small constant k is a product.
};

// How marked time loops are reversed: which states are kept. The results are the same.
enum class Reversal {
  kAutomatic,   // All if they take at most 64 MiB for a block of points, else as many as do.
  kVanilla,     // All.
  kMemoryPoor,  // The first only.
  kBinomial,    // At most `checkpoints`, such that the fewest steps are recomputed.
};

struct EvaluationSettings {
  Arithmetic arithmetic = Arithmetic::kFast;
  Reversal reversal = Reversal::kAutomatic;
  std::int64_t checkpoints = 0;  // With kBinomial, at least 1.
};

// What an adjoint sweep did in the marked time loops; with second derivatives, that of second
// order.
struct ReversalCounts {
  std::int64_t advanced_steps = 0;  // Run without being reversed.
  std::int64_t peak_states = 0;     // Kept at once.
  std::int64_t state_bytes = 0;     // Of one state of one point, with its tangent if there is one.
};

// What was not asked for is empty.
struct Evaluation {
  Matrix value;     // Y = F(X), m×N.
  Matrix jacobian;  // n×(m·N)
  Matrix hessian;   // n×(n·m·N)
  Matrix jvp;       // Ẏ = J Ẋ, m×(p·N)
  Matrix vjp;       // X̄ = Jᵀ Ȳ, n×(q·N)
  // Σᵢ ȳᵢ ∇²yᵢ ẋ, n×(p·q·N); the tangents of an adjoint follow each other.
  Matrix hvp;
  // N: false where one of the numbers is NaN or infinite.
  std::vector<bool> valid;
  // Where a program with marked time loops ran an adjoint sweep.
  std::optional<ReversalCounts> reversal;

  // J at point s, m×n. The Jacobian must have been asked for.
  Matrix JacobianAt(Index s) const {
    const Index m = jacobian.cols() / static_cast<Index>(valid.size());
    return jacobian.middleCols(s * m, m).transpose();
  }
  // ∇²yᵢ at point s, n×n. The Hessian must have been asked for.
  Matrix HessianAt(Index s, Index i) const {
    const Index n = hessian.rows();
    const Index m = hessian.cols() / (n * static_cast<Index>(valid.size()));
    return hessian.middleCols((s * m + i) * n, n);
  }
};

// Bounds over N boxes, of every value and derivative that is a number, in exact arithmetic.
struct Enclosure {
  Matrix value_min;  // m×N; infinite where there is no bound, NaN if the value is in all the box.
  Matrix value_max;
  Matrix jacobian_min;  // n×(m·N), or empty if not asked for.
  Matrix jacobian_max;
  std::vector<bool> bounded;  // N: false where a bound is infinite or NaN.
};

}  // namespace sobolev::client

#endif  // SOBOLEV_PROGRAMS_H_
