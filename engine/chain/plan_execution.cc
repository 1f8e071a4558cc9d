#include "engine/chain/plan_execution.h"

#include <cstddef>
#include <utility>

#include "engine/base/stop.h"

namespace sobolev::chain {
namespace {

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

// F'_{j,i} = F'_{j,k+1} F'_{k,i} at each point, by rows.
Jacobians Multiply(Jacobians& later, Jacobians& earlier, Index num_points) {
  const Matrix& left = earlier.Rows();  // n×(m_k·N)
  const Matrix& right = later.Rows();   // m_k×(m_j·N)
  const Index inner = right.rows();
  const Index m = right.cols() / num_points;
  Matrix rows(left.rows(), right.cols());
  // Column by column, so that a point has the same bits wherever it lies in the batch.
  for (Index s = 0; s < num_points; ++s) {
    for (Index column = s * m; column < (s + 1) * m; ++column) {
      rows.col(column) = left.col(s * inner) * right(0, column);
      for (Index k = 1; k < inner; ++k) {
        rows.col(column) += left.col(s * inner + k) * right(k, column);
      }
    }
  }
  return Jacobians::ByRows(std::move(rows), m);
}

}  // namespace

Matrix ExecutePlan(const ChainPlan& plan, const std::vector<LinearisedFactor>& factors,
                   Index num_points, const std::stop_token& stop) {
  std::vector<Jacobians> made(plan.steps.size());
  const auto tangents = [&](int factor, const Matrix& U_dot) {
    const LinearisedFactor& f = factors[static_cast<std::size_t>(factor)];
    const Index p = U_dot.cols() / num_points;
    Matrix Y_dot(f.m, U_dot.cols());
    f.tangents(View(U_dot), p, Y_dot.data());
    return Jacobians::ByColumns(std::move(Y_dot), p);
  };
  const auto adjoints = [&](int factor, const Matrix& Y_bar) {
    const LinearisedFactor& f = factors[static_cast<std::size_t>(factor)];
    const Index q = Y_bar.cols() / num_points;
    Matrix U_bar(f.n, Y_bar.cols());
    f.adjoints(View(Y_bar), q, U_bar.data());
    return Jacobians::ByRows(std::move(U_bar), q);
  };
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    ThrowIfStopped(stop);
    const PlanStep& step = plan.steps[s];
    const auto operand = [&](int place) {
      return std::exchange(made[static_cast<std::size_t>(place)], {});
    };
    switch (step.kind) {
      case StepKind::kZero:
      case StepKind::kGiven:
        break;
      case StepKind::kAccumulateTangent:
        made[s] = tangents(
            step.first, UnitVectors(factors[static_cast<std::size_t>(step.first)].n, num_points));
        break;
      case StepKind::kAccumulateAdjoint:
        made[s] = adjoints(
            step.first, UnitVectors(factors[static_cast<std::size_t>(step.first)].m, num_points));
        break;
      case StepKind::kTangent:
        made[s] = tangents(step.last, operand(step.earlier).Columns());
        break;
      case StepKind::kAdjoint:
        made[s] = adjoints(step.first, operand(step.later).Rows());
        break;
      case StepKind::kProduct: {
        Jacobians later = operand(step.later);
        Jacobians earlier = operand(step.earlier);
        made[s] = Multiply(later, earlier, num_points);
        break;
      }
    }
  }
  return made.back().TakeRows();
}

}  // namespace sobolev::chain
