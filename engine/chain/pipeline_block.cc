#include "engine/chain/pipeline_block.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/chain/pipeline.h"
#include "engine/chain/plan_execution.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

namespace {

ConstMatrixMap View(const Matrix& matrix) { return {matrix.data(), matrix.rows(), matrix.cols()}; }

Directions PerPoint(const Matrix& D, Index count) {
  return {.D = View(D), .count = count, .per_point = true};
}

double* DataOrNull(Matrix& matrix) { return matrix.size() > 0 ? matrix.data() : nullptr; }

// The rows of the pool that a stage takes.
Matrix Gather(const Matrix& pool, const std::vector<Index>& rows) { return pool(rows, Eigen::all); }

// Gathering in reverse: what is taken twice has the sum.
void ScatterAdd(const Matrix& bar, const std::vector<Index>& rows, Matrix& pool) {
  for (Index column = 0; column < bar.cols(); ++column) {
    for (Index j = 0; j < bar.rows(); ++j) {
      pool(rows[static_cast<std::size_t>(j)], column) += bar(j, column);
    }
  }
}

// Columns first … first + D.cols() − 1 of the directions at a point.
void CopyDirections(const Directions* from, Index point, Index first, Eigen::Ref<Matrix> D) {
  if (from != nullptr) {
    D = from->At(point).middleCols(first, D.cols());
  } else {
    D.setZero();
    for (Index k = 0; k < D.cols(); ++k) D(first + k, k) = 1;
  }
}

// Pairs of tangents and adjoints need most.
void FitIntoMemory(Index width, Sweep& sweep) {
  const Index most = std::max<Index>(1, kSweepDoubles / width);
  sweep.tangents_at_once = std::min(sweep.num_tangents, most);
  sweep.adjoints_at_once = std::min(sweep.num_adjoints, most);
  if (sweep.X_bar_dot == nullptr || sweep.tangents_at_once == 0) return;
  sweep.adjoints_at_once =
      std::min(sweep.adjoints_at_once, std::max<Index>(1, most / sweep.tangents_at_once));
}

}  // namespace

bool PlansJacobian(const Pipeline& pipeline, const PredictionBuffers& out) {
  return out.J != nullptr && out.H == nullptr && pipeline.jacobian_plan().has_value();
}

std::vector<Sweep> MakeSweeps(const Pipeline& pipeline, const std::optional<Directions>& tangents,
                              const std::optional<Directions>& adjoints,
                              const PredictionBuffers& out, Index width) {
  std::vector<Sweep> sweeps;
  if (out.NeedsTangents() || out.NeedsAdjoints()) {
    sweeps.push_back({.tangents = tangents ? &*tangents : nullptr,
                      .adjoints = adjoints ? &*adjoints : nullptr,
                      .num_tangents = out.NeedsTangents() ? tangents->count : 0,
                      .num_adjoints = out.NeedsAdjoints() ? adjoints->count : 0,
                      .Y_dot = out.Y_dot,
                      .X_bar = out.X_bar,
                      .X_bar_dot = out.X_bar_dot});
  }
  if ((out.J != nullptr && !PlansJacobian(pipeline, out)) || out.H != nullptr) {
    const bool by_tangents = pipeline.jacobian_by_tangents();
    sweeps.push_back({.num_tangents = out.H != nullptr || by_tangents ? pipeline.n() : 0,
                      .num_adjoints = out.H != nullptr || !by_tangents ? pipeline.m() : 0,
                      .J = by_tangents ? out.J : nullptr,
                      .X_bar = by_tangents ? nullptr : out.J,
                      .X_bar_dot = out.H});
  }
  for (Sweep& sweep : sweeps) FitIntoMemory(width, sweep);
  return sweeps;
}

PipelineBlock::PipelineBlock(const PipelineRequest& request, Index first, Index count)
    : request_(request),
      pipeline_(request.pipeline),
      first_(first),
      count_(count),
      n_(pipeline_.n()),
      m_(pipeline_.m()),
      pool_(pipeline_.pool_size(), count) {
  pool_.topRows(n_) = request.X.middleCols(first, count);
}

void PipelineBlock::Predict() {
  for (const Sweep& sweep : request_.sweeps) Run(sweep);
  if (request_.J_by_plan != nullptr) MakeJacobiansByPlan();
  if (request_.Y == nullptr) return;
  Forward({}, {.first = 0, .count = 0});
  WriteValues();
}

void PipelineBlock::Run(const Sweep& sweep) {
  Slice tangents{.first = 0, .count = 0};
  do {
    tangents.count = std::min(sweep.tangents_at_once, sweep.num_tangents - tangents.first);
    Forward(sweep, tangents);
    WriteTangents(sweep, tangents);
    // Adjoints do not depend on tangents.
    const bool is_first = tangents.first == 0;
    Slice adjoints{.first = 0, .count = 0};
    while ((is_first || sweep.X_bar_dot != nullptr) && adjoints.first < sweep.num_adjoints) {
      adjoints.count = std::min(sweep.adjoints_at_once, sweep.num_adjoints - adjoints.first);
      Reverse(sweep, tangents, adjoints);
      if (is_first) WriteAdjoints(sweep, adjoints);
      WriteSecondAdjoints(sweep, tangents, adjoints);
      adjoints.first += adjoints.count;
    }
    tangents.first += tangents.count;
  } while (tangents.first < sweep.num_tangents);
}

void PipelineBlock::Forward(const Sweep& sweep, Slice tangents) {
  const Index p = tangents.count;
  if (has_values_ && p == 0) return;
  pool_dot_.resize(pipeline_.pool_size(), p * count_);
  for (Index s = 0; p > 0 && s < count_; ++s) {
    CopyDirections(sweep.tangents, first_ + s, tangents.first, pool_dot_.block(0, s * p, n_, p));
  }
  for (const Pipeline::PlacedStage& stage : pipeline_.stages()) {
    if (!stage.needed) continue;
    ThrowIfStopped(request_.stop);
    const Surrogate& function = *stage.function;
    const Matrix U = Gather(pool_, stage.inputs);
    const Matrix U_dot = Gather(pool_dot_, stage.inputs);
    std::optional<Directions> directions;
    if (p > 0) directions.emplace(PerPoint(U_dot, p));
    Matrix Y(function.m(), has_values_ ? 0 : count_);
    Matrix Y_dot(function.m(), p * count_);
    function.Predict(View(U), directions, std::nullopt,
                     {.Y = DataOrNull(Y), .Y_dot = DataOrNull(Y_dot)}, request_.stop);
    if (!has_values_) pool_.middleRows(stage.first_output, function.m()) = Y;
    pool_dot_.middleRows(stage.first_output, function.m()) = Y_dot;
  }
  has_values_ = true;
}

void PipelineBlock::Reverse(const Sweep& sweep, Slice tangents, Slice adjoints) {
  const bool second_order = sweep.X_bar_dot != nullptr;
  SeedAdjoints(sweep, adjoints);
  if (second_order) {
    pool_bar_dot_.setZero(pipeline_.pool_size(), tangents.count * adjoints.count * count_);
  }
  const auto& stages = pipeline_.stages();
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    if (!stage->needed || stage->function->n() == 0) continue;
    ThrowIfStopped(request_.stop);
    ReverseStage(*stage, second_order, tangents, adjoints);
  }
}

void PipelineBlock::SeedAdjoints(const Sweep& sweep, Slice adjoints) {
  const Index q = adjoints.count;
  pool_bar_.setZero(pipeline_.pool_size(), q * count_);
  Matrix Y_bar(m_, q);
  for (Index s = 0; s < count_; ++s) {
    CopyDirections(sweep.adjoints, first_ + s, adjoints.first, Y_bar);
    for (Index o = 0; o < m_; ++o) {
      const Index position = pipeline_.outputs()[static_cast<std::size_t>(o)];
      pool_bar_.row(position).segment(s * q, q) += Y_bar.row(o);
    }
  }
}

void PipelineBlock::ReverseStage(const Pipeline::PlacedStage& stage, bool second_order,
                                 Slice tangents, Slice adjoints) {
  const Surrogate& function = *stage.function;
  const Index p = tangents.count;
  const Index q = adjoints.count;
  const Matrix U = Gather(pool_, stage.inputs);
  const Matrix Y_bar = pool_bar_.middleRows(stage.first_output, function.m());
  Matrix U_bar(function.n(), q * count_);
  if (!second_order) {
    function.Predict(View(U), std::nullopt, PerPoint(Y_bar, q), {.X_bar = U_bar.data()},
                     request_.stop);
    return ScatterAdd(U_bar, stage.inputs, pool_bar_);
  }
  const Matrix U_dot = Gather(pool_dot_, stage.inputs);
  Matrix U_bar_dot(function.n(), p * q * count_);
  function.Predict(View(U), PerPoint(U_dot, p), PerPoint(Y_bar, q),
                   {.X_bar = U_bar.data(), .X_bar_dot = U_bar_dot.data()}, request_.stop);
  ScatterAdd(U_bar, stage.inputs, pool_bar_);
  ScatterAdd(U_bar_dot, stage.inputs, pool_bar_dot_);
  if (!stage.feeds) return;  // The adjoints of its outputs are constant.
  const Matrix Y_bar_dot = pool_bar_dot_.middleRows(stage.first_output, function.m());
  function.Predict(View(U), std::nullopt, PerPoint(Y_bar_dot, p * q), {.X_bar = U_bar_dot.data()},
                   request_.stop);
  ScatterAdd(U_bar_dot, stage.inputs, pool_bar_dot_);
}

void PipelineBlock::MakeJacobiansByPlan() {
  Forward({}, {.first = 0, .count = 0});
  std::vector<Matrix> inputs;
  std::vector<LinearisedFactor> factors;
  inputs.reserve(pipeline_.stages().size());
  factors.reserve(pipeline_.stages().size());
  for (const Pipeline::PlacedStage& stage : pipeline_.stages()) {
    const Matrix& U = inputs.emplace_back(Gather(pool_, stage.inputs));
    const Surrogate& function = *stage.function;
    factors.push_back(
        {.n = function.n(),
         .m = function.m(),
         .tangents =
             [this, &U, &function](const ConstMatrixMap& U_dot, Index p, double* Y_dot) {
               function.Predict(View(U), Directions{.D = U_dot, .count = p, .per_point = true},
                                std::nullopt, {.Y_dot = Y_dot}, request_.stop);
             },
         .adjoints =
             [this, &U, &function](const ConstMatrixMap& Y_bar, Index q, double* U_bar) {
               function.Predict(View(U), std::nullopt,
                                Directions{.D = Y_bar, .count = q, .per_point = true},
                                {.X_bar = U_bar}, request_.stop);
             }});
  }
  const Matrix J = ExecutePlan(*pipeline_.jacobian_plan(), factors, count_, request_.stop);
  std::copy_n(J.data(), J.size(), request_.J_by_plan + first_ * m_ * n_);
}

void PipelineBlock::WriteValues() const {
  MatrixMap Y(request_.Y + first_ * m_, m_, count_);
  Y = Gather(pool_, pipeline_.outputs());
}

void PipelineBlock::WriteTangents(const Sweep& sweep, Slice tangents) const {
  const Index p = tangents.count;
  for (Index s = 0; s < count_; ++s) {
    for (Index k = 0; k < p; ++k) {
      for (Index o = 0; o < m_; ++o) {
        const double y_dot = pool_dot_(pipeline_.outputs()[static_cast<std::size_t>(o)], s * p + k);
        const Index tangent = tangents.first + k;
        if (sweep.Y_dot != nullptr) {
          sweep.Y_dot[((first_ + s) * sweep.num_tangents + tangent) * m_ + o] = y_dot;
        }
        if (sweep.J != nullptr) sweep.J[((first_ + s) * m_ + o) * n_ + tangent] = y_dot;
      }
    }
  }
}

void PipelineBlock::WriteAdjoints(const Sweep& sweep, Slice adjoints) const {
  if (sweep.X_bar == nullptr) return;
  const Index q = adjoints.count;
  for (Index s = 0; s < count_; ++s) {
    const Index column = (first_ + s) * sweep.num_adjoints + adjoints.first;
    MatrixMap(sweep.X_bar + column * n_, n_, q) = pool_bar_.block(0, s * q, n_, q);
  }
}

void PipelineBlock::WriteSecondAdjoints(const Sweep& sweep, Slice tangents, Slice adjoints) const {
  if (sweep.X_bar_dot == nullptr) return;
  const Index p = tangents.count;
  for (Index pair = 0; pair < adjoints.count * count_; ++pair) {
    const Index adjoint = (first_ + pair / adjoints.count) * sweep.num_adjoints + adjoints.first +
                          pair % adjoints.count;
    const Index column = adjoint * sweep.num_tangents + tangents.first;
    MatrixMap(sweep.X_bar_dot + column * n_, n_, p) = pool_bar_dot_.block(0, pair * p, n_, p);
  }
}

}  // namespace sobolev::chain
