#include "engine/bounds/relaxation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>

#include "engine/ad/interval_bounds.h"
#include "engine/bounds/activation_jet.h"
#include "engine/nn/activation.h"

namespace sobolev::bounds {

namespace {

using nn::Activation;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// More than the errors of jets and of what is computed from them below, relative to the numbers
// that go into it, and more than what ψ, of which all derivatives are moderate, can do between a
// stationary point or inflection and its double.
constexpr double kSlack = 8 * kJetError;

constexpr std::array kZero = {0.0};
constexpr std::array kTanhThird = {-0.6584789484624085, 0.6584789484624085};
constexpr std::array kSiluFirst = {-1.278464542761074};
constexpr std::array kSiluSecond = {-2.3993572805154673, 2.3993572805154673};
constexpr std::array kSiluThird = {-3.4358409935351114, 0.0, 3.4358409935351114};
constexpr std::array kGeluFirst = {-0.7517915246935645};
constexpr std::array kGeluSecond = {-std::numbers::sqrt2, std::numbers::sqrt2};
constexpr std::array kGeluThird = {-2.0, 0.0, 2.0};

// The roots of φ′, φ″ or φ‴ (order 1, 2 or 3) of all but the sine, in ascending order.
std::span<const double> RootsOf(Activation activation, std::size_t order) {
  using Roots = std::array<std::span<const double>, 3>;
  switch (activation) {
    case Activation::kSoftplus:
      return Roots{{{}, {}, kZero}}[order - 1];
    case Activation::kTanh:
      return Roots{{{}, kZero, kTanhThird}}[order - 1];
    case Activation::kSilu:
      return Roots{{kSiluFirst, kSiluSecond, kSiluThird}}[order - 1];
    case Activation::kGelu:
      return Roots{{kGeluFirst, kGeluSecond, kGeluThird}}[order - 1];
    case Activation::kSin:
      break;
  }
  return {};
}

// Those within (l, u), which is no longer than a period of the sine.
class RootsWithin {
 public:
  RootsWithin(Activation activation, std::size_t order, double l, double u) {
    if (activation != Activation::kSin) {
      for (const double root : RootsOf(activation, order)) Add(root, l, u);
      return;
    }
    const double first = order == 2 ? 0 : 0.5;  // Of sin, else of cos.
    double k = std::ceil(l / std::numbers::pi - first);
    for (; count_ < roots_.size() && (k + first) * std::numbers::pi < u; ++k) {
      Add((k + first) * std::numbers::pi, l, u);
    }
  }
  const double* begin() const { return roots_.data(); }
  const double* end() const { return roots_.data() + count_; }

 private:
  void Add(double root, double l, double u) {
    if (l < root && root < u) roots_[count_++] = root;
  }

  std::array<double, 5> roots_{};
  std::size_t count_ = 0;
};

struct Extrema {
  double low = kInfinity;
  double high = -kInfinity;

  void Add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// ψ and ψ′ at z.
struct Sample {
  double z;
  double value;
  double slope;
};

// ψ = φ (order 0) or φ′ (order 1).
template <Activation activation_, std::size_t order_>
class Curve {
 public:
  Sample At(double z) const { return From(z, EvaluateJet<activation_>(z, order_ == 0)); }
  Sample From(double z, const Jet& jet) const { return {z, jet[order_], jet[order_ + 1]}; }

  // `middle` is null on a wide range.
  Relaxation Relax(const Sample& left, const Sample& right, const Sample* middle) const {
    Relaxation result;
    Extrema values;
    values.Add(left.value);
    values.Add(right.value);
    for (const double z : RootsWithin(activation_, order_ + 1, left.z, right.z)) {
      values.Add(At(z).value);
    }
    const RootsWithin inflections(activation_, order_ + 2, left.z, right.z);
    Extrema heights;
    if (middle != nullptr && inflections.begin() == inflections.end()) {
      // The tangent there is nearly parallel to the chord, and h is on one side of it.
      result.lambda = middle->slope;
      for (const Sample* const at : {&left, middle, &right})
        heights.Add(Height(*at, result.lambda));
    } else {
      // A slope that is not that of the chord makes the lines no less valid.
      const double width = right.z - left.z;
      result.lambda = width > 0x1p-20 ? (right.value - left.value) / width : left.slope;
      Sample start = left;
      for (const double z : inflections) {
        const Sample end = At(z);
        AddPiece(start, end, result.lambda, heights);
        start = end;
      }
      AddPiece(start, right, result.lambda, heights);
    }

    const double largest = std::max(std::abs(left.z), std::abs(right.z));
    const double slack = kSlack * (1 + largest) * (1 + std::abs(result.lambda));
    result.lo = values.low - slack;
    result.hi = values.high + slack;
    result.mu = 0.5 * (heights.low + heights.high);
    result.delta = 0.5 * (heights.high - heights.low) + slack;
    return result;
  }

 private:
  static double Height(const Sample& at, double lambda) { return at.value - lambda * at.z; }

  // Adds the extrema of h on a piece where it is convex or concave.
  void AddPiece(const Sample& start, const Sample& end, double lambda, Extrema& heights) const {
    const double end_height = Height(end, lambda);
    heights.Add(Height(start, lambda));
    heights.Add(end_height);
    double a = start.z;
    double b = end.z;
    double below = start.slope - lambda;
    double above = end.slope - lambda;
    if (!(below * above < 0)) return;  // h is monotone.
    Extrema tangent;
    for (int step = 0; step < 6; ++step) {
      const double secant = a - below * (b - a) / (above - below);
      const Sample turn = At(std::clamp(step == 2 ? 0.5 * (a + b) : secant, a, b));
      const double height = Height(turn, lambda);
      const double slope = turn.slope - lambda;
      tangent = {};
      tangent.Add(height + slope * (start.z - turn.z));
      tangent.Add(height + slope * (end.z - turn.z));
      if (tangent.high - tangent.low < (order_ == 0 ? 0.05 : 0.2) * std::abs(height - end_height))
        break;
      (slope * below > 0 ? a : b) = turn.z;
      (slope * below > 0 ? below : above) = slope;
    }
    heights.Add(tangent.low);
    heights.Add(tangent.high);
  }
};

template <Activation activation>
ActivationRelaxation RelaxOne(double l, double u, bool slope) {
  if (activation == Activation::kSin && u - l > 2 * std::numbers::pi) {
    const Relaxation all{.lambda = 0, .mu = 0, .delta = 1, .lo = -1, .hi = 1};
    return {all, all};
  }
  constexpr double kNarrow = 0.75;
  const double z = 0.5 * (l + u);
  const bool narrow = u - l < kNarrow;
  const Jet left = EvaluateJet<activation>(l);
  const Jet right = EvaluateJet<activation>(u);
  const Jet middle = narrow ? EvaluateJet<activation>(z) : Jet{};
  const auto relax = [&](const auto& curve) {
    const Sample at_middle = curve.From(z, middle);
    return curve.Relax(curve.From(l, left), curve.From(u, right), narrow ? &at_middle : nullptr);
  };
  return {relax(Curve<activation, 0>()), slope ? relax(Curve<activation, 1>()) : Relaxation{}};
}

// call.template operator()<activation>().
template <class Call>
auto Dispatch(Activation activation, const Call& call) {
  switch (activation) {
    case Activation::kSoftplus:
      return call.template operator()<Activation::kSoftplus>();
    case Activation::kTanh:
      return call.template operator()<Activation::kTanh>();
    case Activation::kSilu:
      return call.template operator()<Activation::kSilu>();
    case Activation::kGelu:
      return call.template operator()<Activation::kGelu>();
    case Activation::kSin:
      break;
  }
  return call.template operator()<Activation::kSin>();
}

}  // namespace

ActivationRelaxation Relax(Activation activation, double l, double u, bool slope) {
  return Dispatch(activation,
                  [&]<Activation kActivation>() { return RelaxOne<kActivation>(l, u, slope); });
}

ad::Bounds EncloseBend(Activation activation, double l, double u) {
  if (activation == Activation::kSin && u - l > 2 * std::numbers::pi) return {-1, 1};
  return Dispatch(activation, [&]<Activation kActivation>() {
    Extrema bends;
    bends.Add(EvaluateJet<kActivation>(l)[2]);
    bends.Add(EvaluateJet<kActivation>(u)[2]);
    for (const double z : RootsWithin(activation, 3, l, u)) {
      bends.Add(EvaluateJet<kActivation>(z)[2]);
    }
    const double slack = kSlack * (1 + std::max(std::abs(l), std::abs(u)));
    return ad::Bounds{bends.low - slack, bends.high + slack};
  });
}

double ActivationNear(Activation activation, double z) {
  return Dispatch(activation,
                  [&]<Activation kActivation>() { return EvaluateJet<kActivation>(z)[0]; });
}

}  // namespace sobolev::bounds
