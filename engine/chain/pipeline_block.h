// Some points of a prediction of a pipeline (pipeline.h), by sweeps through its stages.
//
// A sweep carries p tangents forward and q adjoints back, of which as many at a time as memory
// allows. A request is at most two of them: one of the caller's directions, and one of unit vectors
// for Jacobians and Hessians.

#ifndef SOBOLEV_ENGINE_CHAIN_PIPELINE_BLOCK_H_
#define SOBOLEV_ENGINE_CHAIN_PIPELINE_BLOCK_H_

#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/chain/pipeline.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

// Doubles that a block may take; more only if a single point with single directions does.
inline constexpr Index kSweepDoubles = Index{1} << 20;

// What is carried through the stages, and where results go; null means not wanted.
struct Sweep {
  const Directions* tangents = nullptr;  // Null: the unit vectors.
  const Directions* adjoints = nullptr;
  Index num_tangents = 0;  // p
  Index num_adjoints = 0;  // q
  Index tangents_at_once = 0;
  Index adjoints_at_once = 0;
  double* Y_dot = nullptr;      // m×(p·N)
  double* J = nullptr;          // n×(m·N), of unit tangents; of unit adjoints it is X_bar.
  double* X_bar = nullptr;      // n×(q·N)
  double* X_bar_dot = nullptr;  // n×(p·q·N)

  // Columns of the pool besides the values.
  Index ColumnsPerPoint() const {
    const Index pairs = X_bar_dot != nullptr ? tangents_at_once * adjoints_at_once : 0;
    return tangents_at_once + adjoints_at_once + 2 * pairs;
  }
};

// Whether the Jacobians asked for are made by the pipeline's plan; with Hessians they come along.
bool PlansJacobian(const Pipeline& pipeline, const PredictionBuffers& out);

// The sweeps that fill `out`; a column of the pool takes `width` doubles with all that it needs.
// The directions outlive them.
std::vector<Sweep> MakeSweeps(const Pipeline& pipeline, const std::optional<Directions>& tangents,
                              const std::optional<Directions>& adjoints,
                              const PredictionBuffers& out, Index width);

// The arguments of Predict.
struct PipelineRequest {
  const Pipeline& pipeline;
  const ConstMatrixMap& X;
  std::vector<Sweep> sweeps;
  double* Y;
  double* J_by_plan;  // n×(m·N), or null.
  const std::stop_token& stop;
};

// Points first … first + count − 1 of a request.
class PipelineBlock {
 public:
  PipelineBlock(const PipelineRequest& request, Index first, Index count);

  // Writes everything that was asked for.
  void Predict();

 private:
  // Directions first … first + count − 1 of those of a sweep.
  struct Slice {
    Index first;
    Index count;
  };

  void Run(const Sweep& sweep);
  // Fills pool_dot_, and pool_ the first time.
  void Forward(const Sweep& sweep, Slice tangents);
  // Fills pool_bar_ and, with X_bar_dot, pool_bar_dot_.
  void Reverse(const Sweep& sweep, Slice tangents, Slice adjoints);
  void SeedAdjoints(const Sweep& sweep, Slice adjoints);
  void ReverseStage(const Pipeline::PlacedStage& stage, bool second_order, Slice tangents,
                    Slice adjoints);
  void MakeJacobiansByPlan();
  void WriteValues() const;
  void WriteTangents(const Sweep& sweep, Slice tangents) const;
  void WriteAdjoints(const Sweep& sweep, Slice adjoints) const;
  void WriteSecondAdjoints(const Sweep& sweep, Slice tangents, Slice adjoints) const;

  const PipelineRequest& request_;
  const Pipeline& pipeline_;
  const Index first_;
  const Index count_;
  const Index n_;
  const Index m_;

  bool has_values_ = false;
  // The pool, columns in the order of PredictionBuffers; of p′ tangents and q′ adjoints:
  Matrix pool_;          // pool×count
  Matrix pool_dot_;      // pool×(p′·count)
  Matrix pool_bar_;      // pool×(q′·count)
  Matrix pool_bar_dot_;  // pool×(p′·q′·count)
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_PIPELINE_BLOCK_H_
