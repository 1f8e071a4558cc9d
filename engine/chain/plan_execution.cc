#include "engine/chain/plan_execution.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "engine/base/isa.h"
#include "engine/base/stop.h"
#include "engine/chain/cost.h"
#include "engine/chain/product_kernels.h"

namespace sobolev::chain {
namespace {

const ProductKernels& KernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512ProductKernels;
    case Isa::kAvx2:
      return kAvx2ProductKernels;
    case Isa::kSse2:
      return kSse2ProductKernels;
  }
  return kSse2ProductKernels;
}

ConstMatrixMap View(const Matrix& matrix) { return {matrix.data(), matrix.rows(), matrix.cols()}; }

// count unit vectors of that size at each of N points.
Matrix UnitVectors(Index size, Index num_points) {
  Matrix units = Matrix::Zero(size, size * num_points);
  for (Index s = 0; s < num_points; ++s) units.middleCols(s * size, size).setIdentity();
  return units;
}

// The transposes of N matrices side by side, each with `cols` columns.
Matrix Transposed(const Matrix& matrices, Index cols) {
  const Index num_points = matrices.cols() / cols;
  const Index rows = matrices.rows();
  Matrix result(cols, rows * num_points);
  for (Index s = 0; s < num_points; ++s) {
    result.middleCols(s * rows, rows) = matrices.middleCols(s * cols, cols).transpose();
  }
  return result;
}

// F'_{j,i} at N points: m×n matrices side by side, as tangents make them, or their transposes, as
// adjoints do.
class Jacobians {
 public:
  Jacobians() = default;
  static Jacobians ByColumns(Matrix columns, Index n) {
    return Jacobians(std::move(columns), n, false);
  }
  static Jacobians ByRows(Matrix rows, Index m) { return Jacobians(std::move(rows), m, true); }

  // m×(n·N).
  const Matrix& Columns() { return In(false); }
  // n×(m·N).
  const Matrix& Rows() { return In(true); }
  Matrix TakeRows() {
    In(true);
    return std::move(matrices_);
  }

 private:
  Jacobians(Matrix matrices, Index cols, bool by_rows)
      : matrices_(std::move(matrices)), cols_(cols), by_rows_(by_rows) {}

  const Matrix& In(bool by_rows) {
    if (by_rows_ != by_rows) {
      Matrix turned = Transposed(matrices_, cols_);
      cols_ = matrices_.rows();
      matrices_ = std::move(turned);
      by_rows_ = by_rows;
    }
    return matrices_;
  }

  Matrix matrices_;
  Index cols_ = 0;  // Of each of the N matrices.
  bool by_rows_ = false;
};

// Makes the steps of a plan.
class Execution {
 public:
  Execution(const ChainPlan& plan, const std::vector<LinearisedFactor>& factors, Index num_points,
            const std::stop_token& stop)
      : plan_(plan), factors_(factors), num_points_(num_points), stop_(stop) {
    work_.reserve(plan.steps.size());
    for (const PlanStep& step : plan.steps) {
      Cost work = step.cost;
      for (const int operand : {step.later, step.earlier}) {
        if (operand >= 0) work += work_[static_cast<std::size_t>(operand)];
      }
      work_.push_back(work);
    }
  }

  // The Jacobians that a step makes, after those that it takes up.
  Jacobians Make(int place) const {
    const PlanStep& step = plan_.steps[static_cast<std::size_t>(place)];
    Jacobians later;
    Jacobians earlier;
    if (IsWorthTwoThreads(step)) {
      // A thread that waits takes no work from elsewhere, which would hold its memory meanwhile.
      tbb::this_task_arena::isolate([&] {
        tbb::task_group group;
        group.run([&] { later = Make(step.later); });
        group.run_and_wait([&] { earlier = Make(step.earlier); });
      });
    } else {
      if (step.later >= 0) later = Make(step.later);
      if (step.earlier >= 0) earlier = Make(step.earlier);
    }
    ThrowIfStopped(stop_);
    switch (step.kind) {
      case StepKind::kZero:
      case StepKind::kGiven:
        break;
      case StepKind::kAccumulateTangent:
        return Tangents(step.first, UnitVectors(Factor(step.first).n, num_points_));
      case StepKind::kAccumulateAdjoint:
        return Adjoints(step.first, UnitVectors(Factor(step.first).m, num_points_));
      case StepKind::kTangent:
        return Tangents(step.last, earlier.Columns());
      case StepKind::kAdjoint:
        return Adjoints(step.first, later.Rows());
      case StepKind::kProduct:
        return Jacobians::ByRows(MultiplyJacobians(later.Rows(), earlier.Rows(), num_points_),
                                 later.Rows().cols() / num_points_);
    }
    return {};
  }

 private:
  // Multiply-adds of the lesser operand from which on another thread for it pays, some 50 us.
  static constexpr std::uint64_t kMinForkWork = std::uint64_t{1} << 17;

  bool IsWorthTwoThreads(const PlanStep& step) const {
    if (step.later < 0 || step.earlier < 0) return false;
    const Cost work = std::min(work_[static_cast<std::size_t>(step.later)],
                               work_[static_cast<std::size_t>(step.earlier)]);
    return work * Cost(num_points_) >= Cost(kMinForkWork);
  }

  const LinearisedFactor& Factor(int factor) const {
    return factors_[static_cast<std::size_t>(factor)];
  }

  Jacobians Tangents(int factor, const Matrix& U_dot) const {
    const LinearisedFactor& f = Factor(factor);
    const Index p = U_dot.cols() / num_points_;
    Matrix Y_dot(f.m, U_dot.cols());
    f.tangents(View(U_dot), p, Y_dot.data());
    return Jacobians::ByColumns(std::move(Y_dot), p);
  }

  Jacobians Adjoints(int factor, const Matrix& Y_bar) const {
    const LinearisedFactor& f = Factor(factor);
    const Index q = Y_bar.cols() / num_points_;
    Matrix U_bar(f.n, Y_bar.cols());
    f.adjoints(View(Y_bar), q, U_bar.data());
    return Jacobians::ByRows(std::move(U_bar), q);
  }

  const ChainPlan& plan_;
  const std::vector<LinearisedFactor>& factors_;
  const Index num_points_;
  const std::stop_token& stop_;
  std::vector<Cost> work_;  // For a point, of each step and all before it that it needs.
};

}  // namespace

Matrix MultiplyJacobians(const Matrix& later, const Matrix& earlier, Index num_points, Isa isa) {
  const ProductKernels& kernels = KernelsFor(isa);
  const Index inner = later.rows();
  const Index m = later.cols() / num_points;
  Matrix rows(earlier.rows(), later.cols());
  Eigen::VectorXd strip(kernels.rows * inner);
  kernels.multiply(earlier.rows(), inner, m, num_points, earlier.data(), later.data(), rows.data(),
                   strip.data());
  return rows;
}

Matrix ExecutePlan(const ChainPlan& plan, const std::vector<LinearisedFactor>& factors,
                   Index num_points, const std::stop_token& stop) {
  const int root = static_cast<int>(plan.steps.size()) - 1;
  return Execution(plan, factors, num_points, stop).Make(root).TakeRows();
}

}  // namespace sobolev::chain
