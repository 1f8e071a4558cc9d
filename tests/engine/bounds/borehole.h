// Networks trained on the borehole function (Harper and Gupta 1983) and others, values and
// gradients.

#ifndef SOBOLEV_TESTS_ENGINE_BOUNDS_BOREHOLE_H_
#define SOBOLEV_TESTS_ENGINE_BOUNDS_BOREHOLE_H_

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/box.h"
#include "engine/nn/network_surrogate.h"
#include "engine/program/program.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"

namespace sobolev::bounds {

inline constexpr const char* kBorehole = R"(
input rw
input r
input Tu
input Hu
input Tl
input Hl
input L
input Kw
output flow = 6.283185307179586 * Tu * (Hu - Hl) / (log(r/rw) * (1 + 2*L*Tu / (log(r/rw) * rw^2 * Kw) + Tu/Tl))
)";

inline Box BoreholeDomain() {
  Box box{Vector(8), Vector(8)};
  box.lo << 0.05, 100, 63070, 990, 63.1, 700, 1120, 9855;
  box.hi << 0.15, 50000, 115600, 1110, 116, 820, 1680, 12045;
  return box;
}

inline Matrix RandomPoints(const Box& box, Index count, Rng& rng) {
  Matrix X(box.n(), count);
  for (Index s = 0; s < count; ++s) {
    for (Index j = 0; j < box.n(); ++j) {
      const double x = box.lo(j) + rng.Uniform() * (box.hi(j) - box.lo(j));
      X(j, s) = std::min(std::max(x, box.lo(j)), box.hi(j));
    }
  }
  return X;
}

// A box within the domain whose sides are `fraction` of those of the domain.
inline Box RandomBox(const Box& domain, double fraction, Rng& rng) {
  Box box = domain;
  for (Index j = 0; j < domain.n(); ++j) {
    const double side = domain.hi(j) - domain.lo(j);
    box.lo(j) = domain.lo(j) + rng.Uniform() * (1 - fraction) * side;
    box.hi(j) = box.lo(j) + fraction * side;
  }
  return box;
}

// On values and gradients of a program of one output.
inline nn::NetworkSurrogate TrainOn(const char* source, const Box& domain,
                                    const std::vector<Index>& hidden, nn::Activation activation,
                                    Index num_samples, Index epochs) {
  const program::Program program(source);
  Rng rng(7);
  const Matrix X = RandomPoints(domain, num_samples, rng);
  Matrix Y(1, num_samples);
  Matrix J(domain.n(), num_samples);
  program.Evaluate({X.data(), domain.n(), num_samples}, std::nullopt, std::nullopt,
                   {.Y = Y.data(), .J = J.data()}, nullptr, {}, {});
  const train::SampleSet samples{
      .n = domain.n(),
      .m = 1,
      .blocks = {{.rows = num_samples, .x = X.data(), .y = Y.data(), .jacobian = J.data()}}};
  train::Trainer trainer(samples, {.hidden = hidden,
                                   .activation = activation,
                                   .epochs = epochs,
                                   .learning_rate = 0.01,
                                   .patience = 0});
  while (true) {
    const train::Status status = trainer.Advance({}, 1 << 20);
    if (status != train::Status::kRunning && status != train::Status::kEpochDone) break;
  }
  return trainer.MakeSurrogate();
}

inline nn::NetworkSurrogate TrainBorehole(const std::vector<Index>& hidden,
                                          nn::Activation activation, Index num_samples,
                                          Index epochs) {
  return TrainOn(kBorehole, BoreholeDomain(), hidden, activation, num_samples, epochs);
}

}  // namespace sobolev::bounds

#endif  // SOBOLEV_TESTS_ENGINE_BOUNDS_BOREHOLE_H_
