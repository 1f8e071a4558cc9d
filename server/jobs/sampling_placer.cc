#include "server/jobs/sampling_placer.h"

#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "engine/base/error.h"
#include "engine/sampling/noise.h"
#include "server/jobs/sampling_evidence.h"
#include "server/jobs/sampling_goal.h"

namespace sobolev::server {
namespace {

bool HasDiscreteInputs(const sampling::Domain& domain) {
  for (Index axis = 0; axis < domain.num_free(); ++axis) {
    if (domain.NumValues(axis) > 0) return true;
  }
  return false;
}

sampling::Strategy ToStrategy(v1::SamplingSpec::Strategy strategy) {
  switch (strategy) {
    case v1::SamplingSpec::STRATEGY_SPACE_FILLING:
      return sampling::Strategy::kSpaceFilling;
    case v1::SamplingSpec::STRATEGY_LOLA_VORONOI:
      return sampling::Strategy::kLolaVoronoi;
    default:
      return sampling::Strategy::kDisagreement;
  }
}

sampling::Goal ToGoal(v1::SamplingGoal::Kind kind) {
  switch (kind) {
    case v1::SamplingGoal::KIND_MINIMUM:
      return sampling::Goal::kMinimum;
    case v1::SamplingGoal::KIND_MAXIMUM:
      return sampling::Goal::kMaximum;
    case v1::SamplingGoal::KIND_LEVEL:
      return sampling::Goal::kLevel;
    default:
      return sampling::Goal::kFit;
  }
}

}  // namespace

SamplingPlacer::SamplingPlacer(const v1::SamplingSpec& spec, sampling::Domain domain,
                               const v1::Schema& schema)
    : spec_(spec),
      schema_(schema),
      domain_(std::move(domain)),
      has_discrete_inputs_(HasDiscreteInputs(domain_)),
      known_{.X = Matrix(domain_.num_free(), 0), .Y = Matrix(schema.outputs_size(), 0)} {}

void SamplingPlacer::Learn(const train::SampleSet& samples, std::int64_t uploads) {
  known_ = EvidenceOf(samples, domain_);
  columns_ = ColumnsOf(samples, domain_);
  uploads_ = uploads;
}

sampling::Feasible SamplingPlacer::Feasibility(const std::stop_token& stop) const {
  if (!domain_.HasConstraints()) return nullptr;
  return [this, stop](const Vector& u) {
    return domain_.Feasible(domain_.ToUser(u), stop).front() != 0;
  };
}

sampling::RelativeErrors SamplingPlacer::Judge(const std::vector<train::HeldOutSample>& held_out,
                                               const std::vector<SamplingPointRecord>& points,
                                               const std::stop_token& stop) const {
  sampling::Evidence evidence = known_;
  evidence.failed = FailedPoints(points, domain_);
  return sampling::JudgeByHeldOut(held_out, evidence, columns_,
                                  {.feasible = Feasibility(stop), .seed = spec_.seed()}, stop);
}

double SamplingPlacer::MeasureNoise(bool has_suspects, const std::stop_token& stop) {
  noise_ = has_suspects ? Vector::Zero(known_.m()) : sampling::EstimateNoise(known_, stop);
  const Vector shares = noise_.cwiseQuotient(sampling::OutputScales(known_));
  return std::sqrt(shares.squaredNorm() / static_cast<double>(shares.size()));
}

void SamplingPlacer::Trust(std::shared_ptr<const Surrogate> model) {
  model_before_ = std::exchange(model_, std::move(model));
}

sampling::PlacementOptions SamplingPlacer::Options(std::int64_t num_points) const {
  return {.strategy = ToStrategy(spec_.strategy()),
          .goal = ToGoal(spec_.goal().kind()),
          .output = OutputOf(spec_.goal(), schema_),
          .level = spec_.goal().level(),
          .ensemble = OpinionsOf(model_, model_before_, domain_),
          .noise = noise_,
          .seed = spec_.seed(),
          .num_proposed = num_points};
}

std::vector<NewSamplingPoint> SamplingPlacer::Place(const std::vector<SamplingPointRecord>& points,
                                                    std::int64_t count, std::int64_t round,
                                                    const std::stop_token& stop) const {
  // Other coordinates may stand for the same values of discrete inputs.
  std::set<std::vector<double>> taken;
  if (has_discrete_inputs_) {
    for (const SamplingPointRecord& point : points) taken.insert(point.x);
    const Matrix X = domain_.ToUser(known_.X);
    for (Index s = 0; s < X.cols(); ++s) taken.insert({X.col(s).begin(), X.col(s).end()});
    const std::optional<Index> all = domain_.NumPoints();
    if (all && static_cast<Index>(taken.size()) >= *all) return {};
  }
  sampling::Evidence evidence = known_;
  AddPoints(points, uploads_, domain_, evidence);
  sampling::PlacementOptions options = Options(std::ssize(points));
  if (domain_.HasConstraints() || has_discrete_inputs_) {
    options.feasible = [&](const Vector& u) {
      const Matrix x = domain_.ToUser(u);
      return !taken.contains({x.data(), x.data() + x.size()}) &&
             domain_.Feasible(x, stop).front() != 0;
    };
  }
  Matrix U;
  try {
    U = sampling::NextPoints(evidence, options, count, stop);
  } catch (const Error& error) {
    // There were some before: these were all.
    if (error.code() == ErrorCode::kFailedPrecondition && !points.empty()) return {};
    throw;
  }
  const bool needs_opinions =
      options.strategy == sampling::Strategy::kDisagreement && options.goal == sampling::Goal::kFit;
  const bool is_even =
      options.strategy == sampling::Strategy::kSpaceFilling ||
      evidence.NumSamples() < sampling::LeastSamples(evidence.n()) ||
      (needs_opinions && options.ensemble.empty() && evidence.n() > sampling::kMaxTaylorInputs);
  const Matrix X = domain_.ToUser(U);
  std::vector<NewSamplingPoint> placed;
  placed.reserve(static_cast<std::size_t>(X.cols()));
  for (Index i = 0; i < X.cols(); ++i) {
    std::vector<double> x(X.col(i).begin(), X.col(i).end());
    if (has_discrete_inputs_ && !taken.insert(x).second) continue;
    placed.push_back({.x = std::move(x),
                      .space_filling = is_even || sampling::FillsSpace(options.num_proposed + i),
                      .round = round});
  }
  return placed;
}

}  // namespace sobolev::server
