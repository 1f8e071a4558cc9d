#include "engine/train/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

namespace {

// Nocedal and Wright 2006, eq. 3.7: the part of the promised decrease that a step has to bring, and
// the part of the slope that may be left.
constexpr double kSufficient = 1e-4;
constexpr double kCurvature = 0.9;
// How much longer the next length is while F still falls.
constexpr double kLonger = 3;
// A new length stays away from the ends of its interval by this share of it.
constexpr double kMargin = 0.1;

}  // namespace

Lbfgs::Lbfgs(const nn::Architecture& architecture, const LabelledPoints& points,
             const LossWeights& weights, Vector theta, const LbfgsOptions& options)
    : options_(options),
      sweep_(architecture, options.shape, points, weights,
             {.use = nn::GramSweep::Use::kProducts, .isa = options.isa}),
      memory_(static_cast<std::size_t>(options.memory)) {
  RequireSize("theta", theta.size(), architecture.NumParameters());
  here_.theta = std::move(theta);
  here_.gradient.resize(here_.theta.size());
  there_ = here_;
  Evaluate(here_, {});
  if (!std::isfinite(here_.value)) status_ = Status::kDiverged;
}

void Lbfgs::Evaluate(Place& place, const std::stop_token& stop) {
  place.loss = sweep_.Gradient(place.theta, place.gradient, stop);
  place.gradient += options_.ridge * place.theta;
  place.gradient *= 2;
  place.value = place.loss + options_.ridge * place.theta.squaredNorm();
  if (!place.gradient.allFinite()) place.value = std::numeric_limits<double>::infinity();
}

Lbfgs::OnLine Lbfgs::Try(double length, const Vector& direction, const std::stop_token& stop) {
  there_.theta = here_.theta + length * direction;
  Evaluate(there_, stop);
  // NaN counts as infinite.
  if (!std::isfinite(there_.value)) there_.value = std::numeric_limits<double>::infinity();
  return {length, there_.value, there_.gradient.dot(direction)};
}

Lbfgs::Status Lbfgs::Step(const std::stop_token& stop) {
  if (status_ != Status::kRunning) return status_;
  const double norm = here_.gradient.norm();
  if (norm == 0) {
    status_ = Status::kConverged;
    return status_;
  }
  if (!memory_.empty()) {
    const Vector direction = -memory_.Apply(here_.gradient);
    if (direction.dot(here_.gradient) < 0 && Search(direction, 1, stop)) {
      Accept();
      return status_;
    }
  }
  // The steepest descent, from a first length of 1 on.
  const Vector direction = -here_.gradient;
  if (Search(direction, std::min(1.0, 1 / norm), stop)) {
    memory_.Clear();
    Accept();
  } else {
    status_ = Status::kStalled;
  }
  return status_;
}

bool Lbfgs::Search(const Vector& direction, double first, const std::stop_token& stop) {
  const OnLine start{0, here_.value, here_.gradient.dot(direction)};
  OnLine before = start;
  double length = first;
  for (Index tries = 0; tries < options_.max_evaluations; ++tries, length *= kLonger) {
    const OnLine now = Try(length, direction, stop);
    const bool rose = now.value > start.value + kSufficient * length * start.slope ||
                      (tries > 0 && now.value >= before.value);
    if (rose) return Zoom(start, before, now, tries, direction, stop);
    if (std::abs(now.slope) <= -kCurvature * start.slope) return true;
    if (now.slope >= 0) return Zoom(start, now, before, tries, direction, stop);
    before = now;
  }
  return there_.value < here_.value;
}

// Algorithm 3.6: `low` has the lower F, and the interval between both holds a length that will do.
bool Lbfgs::Zoom(const OnLine& start, OnLine low, OnLine high, Index tries, const Vector& direction,
                 const std::stop_token& stop) {
  for (; tries < options_.max_evaluations; ++tries) {
    // The minimum of the parabola through both values and the slope at the lower.
    const double width = high.length - low.length;
    const double excess = high.value - low.value - low.slope * width;
    double share = std::isfinite(excess) && excess > 0 ? -0.5 * low.slope * width / excess : 0.5;
    share = std::clamp(share, kMargin, 1 - kMargin);
    const OnLine now = Try(low.length + share * width, direction, stop);
    if (now.value > start.value + kSufficient * now.length * start.slope ||
        now.value >= low.value) {
      high = now;
      continue;
    }
    if (std::abs(now.slope) <= -kCurvature * start.slope) return true;
    if (now.slope * width >= 0) high = low;
    low = now;
  }
  if (!(low.value < start.value)) return false;
  Try(low.length, direction, stop);
  return true;
}

void Lbfgs::Accept() {
  memory_.Add(there_.theta - here_.theta, there_.gradient - here_.gradient);
  const double decrease = here_.value - there_.value;
  num_small_ = decrease < options_.tolerance * here_.value ? num_small_ + 1 : 0;
  std::swap(here_, there_);
  ++num_steps_;
  if (num_small_ >= options_.num_small_steps) status_ = Status::kConverged;
}

void Lbfgs::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(status_));
  writer.Write(static_cast<std::int64_t>(here_.theta.size()));
  writer.WriteVector(here_.theta);
  writer.Write(static_cast<std::int64_t>(num_steps_));
  writer.Write(static_cast<std::int64_t>(num_small_));
  writer.Write(static_cast<std::int64_t>(memory_.pairs().size()));
  for (const dense::LimitedMemory::Pair& pair : memory_.pairs()) {
    writer.WriteVector(pair.s);
    writer.WriteVector(pair.y);
  }
}

void Lbfgs::Load(ByteReader& reader) {
  constexpr Index kMost = std::numeric_limits<Index>::max();
  const Index p = here_.theta.size();
  const auto status = static_cast<Status>(reader.ReadInt(0, static_cast<Index>(Status::kDiverged)));
  reader.ReadInt(p, p);
  Place place{.theta = reader.ReadVector(p), .gradient = Vector(p)};
  const Index num_steps = reader.ReadInt(0, kMost);
  const Index num_small = reader.ReadInt(0, kMost);
  dense::LimitedMemory memory(static_cast<std::size_t>(options_.memory));
  for (Index left = reader.ReadInt(0, options_.memory); left > 0; --left) {
    const Vector s = reader.ReadVector(p);
    memory.Add(s, reader.ReadVector(p));
  }
  Evaluate(place, {});
  status_ = status;
  here_ = std::move(place);
  num_steps_ = num_steps;
  num_small_ = num_small;
  memory_ = std::move(memory);
}

}  // namespace sobolev::train
