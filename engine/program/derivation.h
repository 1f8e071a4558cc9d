// The graphs of a stage's derivatives, and the routines compiled from them.
//
// For one transition z ↦ Φ(z, t), by the names of the regions:
//
//   value          z, t            → Φ
//   tangent        z, t, ż         → Φ, Φ̇
//   adjoint        z, t, z̄′        → z̄                z̄ = Φ′ᵀ z̄′
//   second order   z, t, ż, z̄′, z̄̇′ → z̄, z̄̇             z̄̇ = Φ′ᵀ z̄̇′ + (d/dε Φ′(z + ε ż)ᵀ) z̄′
//
// Jacobian and Hessian are symbolic: each row of Φ′ is differentiated by itself, rows share what
// they have in common, and structural zeros cost nothing. Rows are taken in reverse mode or columns
// in forward mode, whichever gives the cheaper trace.

#ifndef SOBOLEV_ENGINE_PROGRAM_DERIVATION_H_
#define SOBOLEV_ENGINE_PROGRAM_DERIVATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/ad/sparsity.h"
#include "engine/program/definition.h"
#include "engine/program/routine.h"

namespace sobolev::program {

// Regions of the routines below.
inline constexpr int kState = 0;
inline constexpr int kCounter = 1;

enum class Mode { kForward, kReverse };

// A derivative of two indices, by its structural nonzeros.
struct SymbolicEntry {
  ad::PatternEntry place;
  NodeId node = kNoNode;
};

// The entries of Φ′, appended to `graph`, which holds the stage's graph; in order of their place.
// Nothing if that takes the graph beyond max_nodes nodes; the graph is of no use then.
std::optional<std::vector<SymbolicEntry>> AppendJacobian(Graph& graph, const Stage& stage,
                                                         Mode mode, std::size_t max_nodes);

// ∂²Φᵢ/∂zⱼ∂zₖ for k <= j at place (i·n + j, k), from the entries of Φ′.
std::optional<std::vector<SymbolicEntry>> AppendHessian(Graph& graph, const Stage& stage,
                                                        std::span<const SymbolicEntry> jacobian,
                                                        std::size_t max_nodes);

// The mode whose trace of Φ and Φ′ costs less; nothing if both are beyond max_nodes.
struct JacobianPlan {
  Mode mode = Mode::kReverse;
  double cost = 0;
  ad::SparsityPattern pattern;
};
std::optional<JacobianPlan> PlanJacobian(const Stage& stage, std::size_t max_nodes);

// Which of Φ's elements depend on which of z's, without differentiation. Superset of the pattern
// that DeriveJacobian finds.
ad::SparsityPattern DependencePattern(const Stage& stage);

// lanes: as for Replayer.
std::unique_ptr<const Routine> MakeValue(const Stage& stage, LaneKind kind, Index lanes);
std::unique_ptr<const Routine> MakeTangent(const Stage& stage, LaneKind kind, Index lanes);
// Output region: z̄.
std::unique_ptr<const Routine> MakeAdjoint(const Stage& stage, LaneKind kind, Index lanes);
// Output regions: z̄, z̄̇.
std::unique_ptr<const Routine> MakeSecondOrder(const Stage& stage, LaneKind kind, Index lanes);

// What a point of the routine costs, together with the value, by op.h.
enum class DerivedKind { kTangent, kAdjoint, kSecondOrder };
double DerivedCost(const Stage& stage, DerivedKind kind);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_DERIVATION_H_
