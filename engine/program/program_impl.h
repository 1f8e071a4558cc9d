// What a program computes once and keeps, and the ways to derivatives that are too large to be
// symbolic.

#ifndef SOBOLEV_ENGINE_PROGRAM_PROGRAM_IMPL_H_
#define SOBOLEV_ENGINE_PROGRAM_PROGRAM_IMPL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/ad/compression.h"
#include "engine/ad/sparsity.h"
#include "engine/program/definition.h"
#include "engine/program/evolution.h"
#include "engine/program/program.h"
#include "engine/program/straight.h"
#include "engine/program/sweep.h"
#include "engine/program/symbolic_derivatives.h"

namespace sobolev::program {

// Straight programs and evolutions answer the same requests; of either there is one per kind of
// lanes. Thread-safe.
class Program::Impl {
 public:
  Impl(Definition definition_in, const ProgramLimits& limits_in);

  // Null in programs of several stages or time loops.
  Straight* FindStraight(LaneKind kind) const { return straight_[Number(kind)].get(); }
  // Null in straight programs.
  Evolution* FindEvolution(LaneKind kind) const { return evolutions_[Number(kind)].get(); }
  static LaneKind KindOf(const Settings& settings);

  void RunProducts(const ProductRequest& request, const Settings& settings,
                   const std::stop_token& stop) const;

  // The plan of the Jacobian, or null if it is not symbolic.
  const JacobianPlan* Plan();
  // The same, if its rows with all their zeros can be regions of a routine.
  const JacobianPlan* DensePlan();
  bool HasDenseHessian();
  // −1 if not determined.
  Index HessianNonzeros();

  // Of the Jacobian; null if not determined because of its size.
  const ad::SparsityPattern* Pattern();
  // Where the Jacobian is not symbolic: compressed tangents or adjoints, whichever are cheaper;
  // null if even those are too many.
  const ad::Compression* Compression();
  // Where there is not even a compression: whether n tangents are cheaper than m adjoints.
  bool PrefersUnitTangents() const { return 2 * m >= n; }

  // All entries of the pattern for every point: consume(s, values). Needs Compression().
  using Consume = std::function<void(Index s, const std::vector<double>& values)>;
  void RunCompressed(const ConstMatrixMap& X, const Settings& settings, const std::stop_token& stop,
                     const Consume& consume);
  void RunDenseJacobian(const ConstMatrixMap& X, double* J, const Settings& settings,
                        const std::stop_token& stop);
  void RunDenseHessian(const ConstMatrixMap& X, double* H, const Settings& settings,
                       const std::stop_token& stop) const;
  // Bounds of the Jacobian by adjoints of unit vectors, which are intervals of width 0.
  void EncloseDenseJacobian(const ConstMatrixMap& X_min, const ConstMatrixMap& X_max, double* J_min,
                            double* J_max, const std::stop_token& stop) const;

  const Definition definition;
  const ProgramLimits limits;
  Index n = 0;
  Index m = 0;
  double value_cost = 0;

  std::once_flag entries_once;
  std::vector<Entry> entries;
  std::once_flag summary_once;
  Summary summary;

 private:
  static std::size_t Number(LaneKind kind) { return static_cast<std::size_t>(kind); }
  void RunUnitTangents(const ConstMatrixMap& X, double* J, const Settings& settings,
                       const std::stop_token& stop) const;
  void RunUnitAdjoints(const ConstMatrixMap& X, double* J, const Settings& settings,
                       const std::stop_token& stop) const;

  std::optional<SymbolicDerivatives> symbolic_;  // Of straight programs.
  std::unique_ptr<Straight> straight_[3];
  std::unique_ptr<Evolution> evolutions_[3];

  std::once_flag pattern_once_;
  std::optional<ad::SparsityPattern> pattern_;
  std::once_flag compression_once_;
  std::optional<ad::Compression> compression_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_PROGRAM_IMPL_H_
