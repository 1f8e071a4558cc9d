#include "engine/program/symbolic_derivatives.h"

namespace sobolev::program {
namespace {

// A Hessian must be smaller than a Jacobian to be worth its trace: the alternative, products with
// unit directions, costs n gradients and needs no time to be found.
constexpr std::size_t kHessianShare = 8;

}  // namespace

const JacobianPlan* SymbolicDerivatives::Jacobian() {
  std::call_once(jacobian_once_, [&] { jacobian_ = PlanJacobian(stage_, max_size_); });
  return jacobian_ ? &*jacobian_ : nullptr;
}

bool SymbolicDerivatives::HasHessian() { return HessianNonzeros() >= 0; }

Index SymbolicDerivatives::HessianNonzeros() {
  std::call_once(hessian_once_, [&] {
    const std::size_t max_size = max_size_ / kHessianShare;
    Graph graph = stage_.graph;
    const auto jacobian = AppendJacobian(graph, stage_, Mode::kReverse, max_size);
    if (!jacobian) return;
    const auto hessian = AppendHessian(graph, stage_, *jacobian, max_size);
    if (hessian) hessian_nonzeros_ = CountHessianNonzeros(*hessian, stage_.state_size);
  });
  return hessian_nonzeros_;
}

}  // namespace sobolev::program
