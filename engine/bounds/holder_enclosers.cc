#include "engine/bounds/holder_enclosers.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/composition_ranges.h"
#include "engine/bounds/intervals.h"
#include "engine/surrogate/feature_map.h"

namespace sobolev::bounds {

Enclosure ProgramEncloser::EncloseBox(const Box& box, bool jacobian) const {
  Enclosure enclosure = Enclosure::Entire(n(), m(), jacobian);
  program_.program().Enclose({box.lo.data(), n(), 1}, {box.hi.data(), n(), 1},
                             {.Y_min = enclosure.y_lo.data(),
                              .Y_max = enclosure.y_hi.data(),
                              .J_min = jacobian ? enclosure.J_lo.data() : nullptr,
                              .J_max = jacobian ? enclosure.J_hi.data() : nullptr},
                             nullptr, {});
  return enclosure;
}

EnsembleEncloser::EnsembleEncloser(const EnsembleSurrogate& ensemble, Effort effort)
    : SurrogateEncloser(ensemble) {
  members_.reserve(ensemble.members().size());
  for (const auto& member : ensemble.members()) members_.push_back(MakeEncloser(*member, effort));
}

bool EnsembleEncloser::IsSmooth() const {
  return std::ranges::all_of(members_, [](const auto& member) { return member->IsSmooth(); });
}

Enclosure EnsembleEncloser::EncloseBox(const Box& box, bool jacobian) const {
  IntervalVector y = IntervalVector::Constant(m(), Interval(0));
  IntervalMatrix J = IntervalMatrix::Constant(jacobian ? n() : 0, jacobian ? m() : 0, Interval(0));
  Vector influence = Vector::Zero(n());
  for (const auto& member : members_) {
    const Enclosure part = member->Enclose(box, jacobian);
    y += ValuesOf(part);
    J += JacobianOf(part);
    if (part.influence.size() == n()) influence += part.influence;
  }
  const Interval count(static_cast<double>(members_.size()));
  for (Interval& sum : y) sum /= count;
  for (Interval& sum : J.reshaped()) sum /= count;
  Enclosure enclosure = EnclosureOf(y, J);
  if (influence.sum() > 0) enclosure.influence = influence;
  return enclosure;
}

Enclosure ComposedEncloser::EncloseNaturally(const Box& box, bool jacobian) const {
  const Composition& composition = composed_.composition();
  const FeatureRanges features = EncloseFeatures(composition.features, box);
  const IntervalVector phi = features.phi;
  Box feature_box{Vector(phi.size()), Vector(phi.size())};
  for (Index a = 0; a < phi.size(); ++a) {
    // The logarithm of negative numbers is nowhere.
    if (phi(a).is_empty()) return Enclosure::Entire(n(), m(), jacobian);
    feature_box.lo(a) = phi(a).lo();
    feature_box.hi(a) = phi(a).hi();
  }
  const Enclosure core = core_->Enclose(feature_box, jacobian);
  IntervalVector u = ValuesOf(core);
  const auto& entries = composition.features.gradient_entries();
  IntervalMatrix J = IntervalMatrix::Constant(jacobian ? n() : 0, jacobian ? m() : 0, Interval(0));
  const IntervalMatrix of_core = JacobianOf(core);
  for (Index i = 0; i < m(); ++i) {
    for (std::size_t k = 0; jacobian && k < entries.size(); ++k) {
      J(entries[k].input, i) += of_core(entries[k].feature, i) * features.gradient[k];
    }
    for (Index j = 0; !composition.wings.Empty() && j < n(); ++j) {
      const Interval below(composition.wings.below(i, j));
      const Interval above(composition.wings.above(i, j));
      const OutsideRange& outside = features.outside[static_cast<std::size_t>(j)];
      u(i) += below * outside.below + above * outside.above;
      if (jacobian) J(j, i) += below * outside.below_slope + above * outside.above_slope;
    }
    const OutputRange g = EncloseOutput(composition.outputs[static_cast<std::size_t>(i)], u(i));
    u(i) = g.value;
    for (Index j = 0; jacobian && j < n(); ++j) J(j, i) *= g.slope;
  }
  return EnclosureOf(u, J);
}

PipelineEncloser::PipelineEncloser(const chain::Pipeline& pipeline, Effort effort)
    : CentredEncloser(pipeline), pipeline_(pipeline) {
  for (const auto& stage : pipeline.stages()) {
    stages_.push_back(stage.needed ? MakeEncloser(*stage.function, effort) : nullptr);
  }
}

bool PipelineEncloser::IsSmooth() const {
  return std::ranges::all_of(
      stages_, [](const auto& stage) { return stage == nullptr || stage->IsSmooth(); });
}

Enclosure PipelineEncloser::EncloseNaturally(const Box& box, bool jacobian) const {
  IntervalVector pool = IntervalVector::Constant(pipeline_.pool_size(), Interval(0));
  // Row by row the derivatives of the pool with respect to the inputs.
  IntervalMatrix tangents = IntervalMatrix::Constant(
      jacobian ? n() : 0, jacobian ? pipeline_.pool_size() : 0, Interval(0));
  pool.head(n()) = IntervalsOf(box);
  for (Index j = 0; jacobian && j < n(); ++j) tangents(j, j) = Interval(1);
  for (std::size_t k = 0; k < stages_.size(); ++k) {
    const auto& stage = pipeline_.stages()[k];
    if (!stage.needed) continue;
    const auto size = static_cast<Index>(stage.inputs.size());
    Box inputs{Vector(size), Vector(size)};
    for (Index a = 0; a < size; ++a) {
      const Interval& input = pool(stage.inputs[static_cast<std::size_t>(a)]);
      inputs.lo(a) = input.lo();
      inputs.hi(a) = input.hi();
    }
    const Enclosure outputs = stages_[k]->Enclose(inputs, jacobian);
    pool.segment(stage.first_output, outputs.y_lo.size()) = ValuesOf(outputs);
    const IntervalMatrix J = JacobianOf(outputs);
    for (Index o = 0; jacobian && o < J.cols(); ++o) {
      for (Index a = 0; a < size; ++a) {
        const Index from = stage.inputs[static_cast<std::size_t>(a)];
        for (Index j = 0; j < n(); ++j) {
          tangents(j, stage.first_output + o) += J(a, o) * tangents(j, from);
        }
      }
    }
  }
  IntervalVector y(m());
  IntervalMatrix J(tangents.rows(), jacobian ? m() : 0);
  for (Index i = 0; i < m(); ++i) {
    const Index from = pipeline_.outputs()[static_cast<std::size_t>(i)];
    y(i) = pool(from);
    if (jacobian) J.col(i) = tangents.col(from);
  }
  return EnclosureOf(y, J);
}

}  // namespace sobolev::bounds
