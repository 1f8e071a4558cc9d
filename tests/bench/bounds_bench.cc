// Bounds of trained networks over boxes: how wide against plain interval arithmetic and against
// what sampling finds, and what they cost against one Jacobian.
//
//     bounds_bench [--checks=N]
//
// Then the certificate of an 8-64-64-1 network whose weights were changed by 10%: the largest
// difference that was sampled in the whole domain and the one that is proven.
//
// Then the widths of gradients of five networks over boxes of a sixteenth of the domain's sides.
//
// Trains 8-64-64-64-1 networks on the borehole function, then bounds them on boxes with 10% of the
// sides of the domain, and checks that values and derivatives at N points lie within (10⁶).

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_layers.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "tests/engine/bounds/borehole.h"

namespace sobolev::bounds {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of the fastest of many slices of ten calls, because others use the machine too.
template <class Call>
double SecondsOf(const Call& call, int slices) {
  double fastest = 1e9;
  for (int slice = 0; slice < slices; ++slice) {
    const double start = Seconds();
    for (int k = 0; k < 10; ++k) call();
    fastest = std::min(fastest, (Seconds() - start) / 10);
  }
  return fastest;
}

struct Widths {
  double y = 0;
  double J = 0;

  // Derivatives count by what they mean over the sides of the box.
  void Add(const Enclosure& enclosure, const Box& box) {
    y += (enclosure.y_hi - enclosure.y_lo).sum();
    J += ((box.hi - box.lo).asDiagonal() * (enclosure.J_hi - enclosure.J_lo)).sum();
  }
};

void Measure(const nn::NetworkSurrogate& network, double fraction, long long num_checks) {
  constexpr int kBoxes = 50;
  const auto encloser = MakeEncloser(network);
  const NetworkLayers layers(network);
  Widths tight;
  Widths natural;
  Widths sampled;
  long long outside = 0;
  Rng rng(3);
  const auto num_points = static_cast<Index>(num_checks / kBoxes);
  for (int k = 0; k < kBoxes; ++k) {
    const Box box = RandomBox(BoreholeDomain(), fraction, rng);
    const Enclosure enclosure = encloser->Enclose(box, true);
    tight.Add(enclosure, box);
    natural.Add(EncloseNaturally(layers, box, true), box);
    const Matrix X = RandomPoints(box, num_points, rng);
    Matrix Y(1, num_points);
    Matrix J(8, num_points);
    network.Predict({X.data(), 8, num_points}, std::nullopt, std::nullopt,
                    {.Y = Y.data(), .J = J.data()});
    for (Index s = 0; s < num_points; ++s) {
      if (!enclosure.ContainsValues(Y.col(s)) || !enclosure.ContainsJacobian(J.col(s))) ++outside;
    }
    sampled.Add({.y_lo = Y.rowwise().minCoeff(),
                 .y_hi = Y.rowwise().maxCoeff(),
                 .J_lo = J.rowwise().minCoeff(),
                 .J_hi = J.rowwise().maxCoeff()},
                box);
  }
  const Box box = RandomBox(BoreholeDomain(), fraction, rng);
  const Vector x = box.Centre();
  Vector y(1);
  Matrix J(8, 1);
  const double point = SecondsOf(
      [&] {
        network.Predict({x.data(), 8, 1}, std::nullopt, std::nullopt,
                        {.Y = y.data(), .J = J.data()});
      },
      500);
  const double bound = SecondsOf([&] { encloser->Enclose(box, true); }, 100);
  const double plain = SecondsOf([&] { EncloseNaturally(layers, box, true); }, 5);
  std::printf(
      "%-8s %4.1f%% boxes: of plain intervals y %.3f J %.3f; of sampled y %.2f J %.2f; "
      "cost in Jacobians %.0f (%.0f us), of plain intervals %.0f; %lld of %lld outside\n",
      std::string(nn::Name(network.architecture().activation)).c_str(), 100 * fraction,
      tight.y / natural.y, tight.J / natural.J, tight.y / sampled.y, tight.J / sampled.J,
      bound / point, 1e6 * bound, plain / point, outside, num_checks);
}

void PrintCertificate() {
  const nn::NetworkSurrogate f = TrainBorehole({64, 64}, nn::Activation::kSoftplus, 2000, 100);
  Vector theta = f.theta();
  Rng rng(5);
  for (double& weight : theta) weight *= 1 + 0.1 * rng.Normal();
  const nn::NetworkSurrogate g(f.architecture(), f.scaling(), theta);
  const auto difference = MakeDifferenceEncloser(f, g);
  for (const Index max_boxes : {1, 100, 1000, 10'000}) {
    const double start = Seconds();
    const BoundResult result = Bound(*difference, BoreholeDomain(),
                                     {.jacobian = false,
                                      .target = Target::kMagnitudes,
                                      .max_boxes = max_boxes,
                                      .tolerance = 0.5});
    const double sampled = std::max(-result.sampled.y_lo(0), result.sampled.y_hi(0));
    const double proven = std::max(-result.proven.y_lo(0), result.proven.y_hi(0));
    std::printf("certificate, %5ld boxes: sampled %.4g proven %.4g ratio %.2f in %.2f s\n",
                static_cast<long>(result.num_boxes), sampled, proven, proven / sampled,
                Seconds() - start);
  }
}

// One function, on the cube from lo to hi or the domain of the borehole function.
struct Trained {
  const char* name;
  const char* source;
  double lo;
  double hi;
  std::vector<Index> hidden;
  nn::Activation activation;
};

constexpr const char* kBump = R"(
input x
input y
output z = exp(-20 * ((x - 0.4)^2 + (y - 0.6)^2))
)";
constexpr const char* kSines = R"(
input a
input b
input c
input d
output y = sin(2 * a + b) + 0.5 * sin(3 * c) * cos(d) + 0.2 * a * d
)";

void PrintGradientWidths() {
  constexpr Index kBoxes = 20;
  const Trained networks[] = {
      {"borehole, 64-64 softplus", kBorehole, 0, 0, {64, 64}, nn::Activation::kSoftplus},
      {"borehole, 64-64-64 tanh", kBorehole, 0, 0, {64, 64, 64}, nn::Activation::kTanh},
      {"borehole, 64-64-64 SiLU", kBorehole, 0, 0, {64, 64, 64}, nn::Activation::kSilu},
      {"bump in 2 inputs, 32-32 tanh", kBump, 0, 1, {32, 32}, nn::Activation::kTanh},
      {"sines of 4 inputs, 48-48 GELU", kSines, -1, 1, {48, 48}, nn::Activation::kGelu}};
  for (const Trained& trained : networks) {
    const bool borehole = trained.source == kBorehole;
    const Index n = borehole ? 8 : (trained.source == kBump ? 2 : 4);
    const Box domain = borehole
                           ? BoreholeDomain()
                           : Box{Vector::Constant(n, trained.lo), Vector::Constant(n, trained.hi)};
    const nn::NetworkSurrogate network =
        TrainOn(trained.source, domain, trained.hidden, trained.activation, 2000, 200);
    const NetworkLayers layers(network);
    const auto quick = MakeEncloser(network);
    const auto thorough = MakeEncloser(network, Effort::kThorough);
    Widths natural;
    Widths of_quick;
    Widths of_thorough;
    Widths of_pieces;
    Widths sampled;
    Rng rng(11);
    for (Index k = 0; k < kBoxes; ++k) {
      const Box box = RandomBox(domain, 1.0 / 16, rng);
      natural.Add(EncloseNaturally(layers, box, true), box);
      of_quick.Add(quick->Enclose(box, true), box);
      of_thorough.Add(thorough->Enclose(box, true), box);
      const BoundResult result = Bound(*thorough, box, {.max_boxes = 30, .num_samples = 5000});
      of_pieces.Add(result.proven, box);
      sampled.Add(result.sampled, box);
    }
    std::printf(
        "gradient of %s over 1/16 boxes, of sampled widths: natural intervals %.1f, quick %.2f, "
        "thorough %.2f, 30 pieces %.2f\n",
        trained.name, natural.J / sampled.J, of_quick.J / sampled.J, of_thorough.J / sampled.J,
        of_pieces.J / sampled.J);
  }
}

int Run(long long num_checks) {
  for (const nn::Activation activation :
       {nn::Activation::kSoftplus, nn::Activation::kTanh, nn::Activation::kSilu}) {
    const nn::NetworkSurrogate network = TrainBorehole({64, 64, 64}, activation, 2000, 100);
    for (const double fraction : {0.02, 0.1, 0.3, 1.0}) {
      Measure(network, fraction, fraction == 0.1 ? num_checks : num_checks / 10);
    }
  }
  PrintCertificate();
  PrintGradientWidths();
  return 0;
}

}  // namespace
}  // namespace sobolev::bounds

int main(int argc, char** argv) {
  const std::string flag = argc > 1 ? argv[1] : "";
  const std::string prefix = "--checks=";
  const bool given = flag.rfind(prefix, 0) == 0;
  return sobolev::bounds::Run(given ? std::atoll(flag.c_str() + prefix.size()) : 1'000'000);
}
