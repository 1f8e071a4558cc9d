// A composition of surrogates and programs, differentiated through the whole chain.
//
// All values lie in a pool z = [x; outputs of stage 1; outputs of stage 2; …]. A stage takes its
// inputs u from any positions of the pool before its own outputs, so that the stages are in the
// order of an evaluation: z_k = f_k(u_k). Derivatives never form matrices of inner values, but
// carry directions through the stages:
//   tangents in order:             ż_k = J_k u̇_k
//   adjoints in reverse:           ū_k = J_kᵀ z̄_k, added to the adjoints of where u_k lies
//   second order, in reverse too:  ū˙_k = J_kᵀ z̄˙_k + Σ_o z̄_ko ∇²f_ko u̇_k
// The Jacobian is made of tangents or adjoints of unit vectors, Hessians of both. Where each stage
// takes just the outputs of the one before, the Jacobian is a chain product, and made by the
// optimal plan for it (chain_planner.h).

#ifndef SOBOLEV_ENGINE_CHAIN_PIPELINE_H_
#define SOBOLEV_ENGINE_CHAIN_PIPELINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/chain/chain_plan.h"
#include "engine/chain/jacobian_chain.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

// f_k and the positions of its inputs in the pool.
struct Stage {
  std::shared_ptr<const Surrogate> function;
  std::vector<Index> inputs;
};

// E_i of a factor: the multiply-adds of one more tangent at a point of a batch.
std::uint64_t EdgesOf(const Surrogate& function);

class Pipeline : public Surrogate {
 public:
  static constexpr Index kMaxStages = 64;
  static constexpr Index kMaxPool = Index{1} << 20;
  // Pipelines within pipelines, this one included.
  static constexpr Index kMaxDepth = 4;

  // `outputs` are positions in the pool; inputs, and the same position again, are allowed. Throws
  // Error(kInvalidArgument) naming "stages[k]", "stages[k].inputs" or "outputs" for counts, sizes
  // and positions that are not there yet.
  Pipeline(Index n, std::vector<Stage> stages, std::vector<Index> outputs);

  // A stage with what follows from the others.
  struct PlacedStage : Stage {
    Index first_output = 0;  // Position.
    bool needed = false;     // Some output depends on it; others are not evaluated.
    bool feeds = false;      // A stage that is needed takes one of its outputs.
  };
  const std::vector<PlacedStage>& stages() const { return stages_; }
  const std::vector<Index>& outputs() const { return outputs_; }
  Index pool_size() const { return pool_size_; }
  Index depth() const { return depth_; }
  // Whether Jacobians, if not by a plan, are made of n unit tangents instead of m unit adjoints.
  bool jacobian_by_tangents() const { return jacobian_by_tangents_; }
  // How Jacobians are made if that is cheaper than unit directions through all stages; factor k of
  // the plan is stage k.
  const std::optional<ChainPlan>& jacobian_plan() const { return jacobian_plan_; }
  // The stages as factors, E_i being the multiply-adds of one more direction, if each takes all
  // outputs of the one before in order, and nothing else.
  std::optional<JacobianChain> AsChain() const;

  SurrogateKind kind() const override { return SurrogateKind::kPipeline; }
  Index n() const override { return n_; }
  Index m() const override { return static_cast<Index>(outputs_.size()); }
  // Of all stages; a function of two stages counts twice, here and below.
  Index NumParameters() const override;
  std::size_t SizeBytes() const override;
  double Cost(const PredictionSize& size) const override;
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;
  // n; the number of stages and for each its kind, what it saves, and the positions of its inputs;
  // the number and the positions of the outputs. train/surrogate_codec.h reads it.
  void Save(ByteWriter& writer) const override;

 private:
  void PlaceStages(std::vector<Stage> stages);
  void FindNeededStages();
  // Of p tangents forward and q adjoints in reverse, with second order of all pairs.
  double SweepCost(Index num_points, Index p, Index q, bool second_order) const;

  Index n_;
  std::vector<PlacedStage> stages_;
  std::vector<Index> outputs_;
  Index pool_size_ = 0;
  Index width_ = 0;  // The pool and the inputs and outputs of the widest stage, twice.
  Index depth_ = 1;
  bool jacobian_by_tangents_ = false;
  std::optional<ChainPlan> jacobian_plan_;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_PIPELINE_H_
