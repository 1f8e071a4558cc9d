#include "engine/train/composition.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numbers>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/logarithmic_inputs.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

using Feature = FeatureMap::Feature;
using Kind = FeatureFactor::Kind;

// Width of a soft clamp, of the range of the samples.
constexpr double kClampShare = 0.1;

template <class... Parts>
std::string Text(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

std::vector<InputMapping> InputsOf(const CompositionOptions& options, Index n) {
  return options.inputs.empty() ? std::vector<InputMapping>(static_cast<std::size_t>(n))
                                : options.inputs;
}

// Ranges and, of logarithms, moments.
struct InputFacts {
  Vector lower;
  Vector upper;
  Vector log_mean;
  Vector log_scale;
};

InputFacts FactsOf(const std::vector<InputMapping>& inputs, const SampleSet& samples,
                   const std::stop_token& stop) {
  const Index n = samples.n;
  InputFacts facts{.lower = Vector::Constant(n, std::numeric_limits<double>::infinity()),
                   .upper = Vector::Constant(n, -std::numeric_limits<double>::infinity()),
                   .log_mean = Vector::Zero(n),
                   .log_scale = Vector::Zero(n)};
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    for (Index j = 0; j < n; ++j) {
      const double x = sample.x[j];
      facts.lower[j] = std::min(facts.lower[j], x);
      facts.upper[j] = std::max(facts.upper[j], x);
      const InputMapping& input = inputs[static_cast<std::size_t>(j)];
      if (!input.logarithmic) continue;
      if (!(x > 0)) {
        throw FailedPrecondition(
            "NOT_POSITIVE", "spec.input_maps",
            Text("expected input '", input.name, "' > 0 because its logarithm is used, got ", x,
                 " in sample ", number, "; remove the sample or unset logarithmic"));
      }
      // Welford 1962.
      const double before = std::log(x) - facts.log_mean[j];
      facts.log_mean[j] += before / static_cast<double>(number + 1);
      facts.log_scale[j] += before * (std::log(x) - facts.log_mean[j]);
    }
  });
  const auto count = static_cast<double>(samples.NumSamples());
  for (double& square : facts.log_scale) square = square > 0 ? std::sqrt(square / count) : 1;
  return facts;
}

// Appends the monomials of degree 2 up to `degree` of standardised z, by recursion over inputs: a
// feature of `product` times powers of inputs from `next` on.
void AppendMonomials(const std::vector<FeatureFactor>& factors, std::size_t next, Index degree_left,
                     const Feature& product, std::vector<Feature>& features) {
  for (std::size_t k = next; k < factors.size(); ++k) {
    for (Index degree = 1; degree <= degree_left; ++degree) {
      Feature feature = product;
      feature.push_back(factors[k]);
      feature.back().degree = degree;
      if (feature.size() > 1 || degree > 1) features.push_back(feature);
      AppendMonomials(factors, k + 1, degree_left - degree, feature, features);
    }
  }
}

std::vector<Feature> FeaturesOf(const std::vector<InputMapping>& inputs, Index degree,
                                const InputFacts& facts, const nn::Scaling& scaling) {
  const Index n = facts.lower.size();
  std::vector<Feature> features;
  std::vector<FeatureFactor> factors;  // z of the inputs without period.
  for (Index j = 0; j < n; ++j) {
    const InputMapping& input = inputs[static_cast<std::size_t>(j)];
    for (Index k = 1; input.period && k <= input.harmonics; ++k) {
      const double frequency = 2 * std::numbers::pi * static_cast<double>(k) / *input.period;
      features.push_back({{.input = j, .kind = Kind::kSine, .scale = frequency}});
      features.push_back({{.input = j, .kind = Kind::kCosine, .scale = frequency}});
    }
    if (input.period) continue;
    const Kind kind = input.logarithmic ? Kind::kLogPower : Kind::kPower;
    features.push_back({{.input = j, .kind = kind}});
    factors.push_back({.input = j,
                       .kind = kind,
                       .offset = input.logarithmic ? facts.log_mean[j] : scaling.x_mean[j],
                       .scale = 1 / (input.logarithmic ? facts.log_scale[j] : scaling.x_scale[j])});
  }
  if (degree > 1) AppendMonomials(factors, 0, degree, {}, features);
  return features;
}

std::vector<SoftClamp> ClampsOf(const std::vector<InputMapping>& inputs, const InputFacts& facts,
                                const nn::Scaling& scaling) {
  const Index n = facts.lower.size();
  std::vector<SoftClamp> clamps(static_cast<std::size_t>(n));
  for (Index j = 0; j < n; ++j) {
    const InputMapping& input = inputs[static_cast<std::size_t>(j)];
    if (input.period) continue;
    const double range = std::max(facts.upper[j] - facts.lower[j], scaling.x_scale[j]);
    // A logarithm still has something to be taken of.
    const double most = input.logarithmic ? facts.lower[j] / 2 : kClampShare * range;
    clamps[static_cast<std::size_t>(j)] = {.lower = facts.lower[j],
                                           .upper = facts.upper[j],
                                           .width = std::min(kClampShare * range, most)};
  }
  return clamps;
}

OutputMap MapOf(const OutputMapping& output, double scale) {
  OutputMap map{.lower = output.lower.value_or(0), .upper = output.upper.value_or(0)};
  if (output.logarithmic) {
    map.kind = OutputMap::Kind::kExponential;
  } else if (output.lower && output.upper) {
    map.kind = OutputMap::Kind::kBetween;
    map.scale = (map.upper - map.lower) / 4;  // Slope 1 in the middle.
  } else if (output.lower || output.upper) {
    map.kind = output.lower ? OutputMap::Kind::kAbove : OutputMap::Kind::kBelow;
    map.scale = scale;
  }
  return map;
}

// The slopes at the edges: ∂u_i/∂x_j of the core at the points X (n×N) moved to either end of input
// j, mean over the points; 0 for inputs that are not clamped.
Wings EdgeSlopes(const Composition& composition, const std::shared_ptr<const Surrogate>& core,
                 const Matrix& X, const std::stop_token& stop) {
  const Index n = X.rows();
  const auto m = static_cast<Index>(composition.outputs.size());
  // The same without outputs, which predicts u.
  const ComposedSurrogate before_outputs(
      {.features = composition.features,
       .outputs = std::vector<OutputMap>(composition.outputs.size()),
       .wings = {}},
      core);
  Wings wings{.below = Matrix::Zero(m, n), .above = Matrix::Zero(m, n)};
  Matrix J(n, m * X.cols());
  for (Index j = 0; j < n; ++j) {
    const SoftClamp& clamp = composition.features.clamps()[static_cast<std::size_t>(j)];
    if (clamp.width == 0) continue;
    for (const auto& [edge, slopes] :
         {std::pair(clamp.lower, &wings.below), std::pair(clamp.upper, &wings.above)}) {
      Matrix moved = X;
      moved.row(j).setConstant(edge);
      before_outputs.Predict(ConstMatrixMap(moved.data(), n, X.cols()), std::nullopt, std::nullopt,
                             {.J = J.data()}, stop);
      for (Index i = 0; i < m; ++i) {
        double sum = 0;
        for (Index s = 0; s < X.cols(); ++s) sum += J(j, s * m + i);
        const double mean = sum / static_cast<double>(X.cols());
        (*slopes)(i, j) = std::isfinite(mean) ? mean : 0;
      }
    }
  }
  return wings;
}

}  // namespace

bool CompositionOptions::MapsSamples() const {
  const auto changes = [](const InputMapping& input) { return input.period || input.logarithmic; };
  return std::ranges::any_of(inputs, changes) ||
         !std::ranges::all_of(outputs, &OutputMapping::IsIdentity) || degree > 1;
}

void Add(const CompositionOptions& options, Hasher& hasher) {
  const auto add_optional = [&](const std::optional<double>& number) {
    hasher.Add(number.has_value());
    hasher.Add(number.value_or(0));
  };
  for (const InputMapping& input : options.inputs) {
    add_optional(input.period);
    hasher.Add(input.harmonics);
    hasher.Add(input.logarithmic);
  }
  for (const OutputMapping& output : options.outputs) {
    add_optional(output.lower);
    add_optional(output.upper);
    hasher.Add(output.logarithmic);
  }
  hasher.Add(options.degree);
  hasher.Add(options.extrapolation);
}

Logarithms PromisingLogarithms(const CompositionOptions& options, const SampleSet& samples,
                               const std::stop_token& stop) {
  const CompositionOptions both =
      WithLogarithms(options, Logarithms::kInputsAndOutputs, samples, stop);
  const auto more = [](const auto& after, const auto& before) {
    const auto logarithmic = [](const auto& variable) { return variable.logarithmic; };
    return std::ranges::count_if(after, logarithmic) > std::ranges::count_if(before, logarithmic);
  };
  if (!more(both.outputs, options.outputs)) return Logarithms::kNone;
  return more(both.inputs, options.inputs) ? Logarithms::kInputsAndOutputs : Logarithms::kOutputs;
}

CompositionOptions WithLogarithms(const CompositionOptions& options, Logarithms logarithms,
                                  const SampleSet& samples, const std::stop_token& stop) {
  if (logarithms == Logarithms::kNone) return options;
  std::vector<bool> positive_outputs(static_cast<std::size_t>(samples.m), true);
  ForEachSample(samples, stop, [&](Index, const Sample& sample) {
    for (std::size_t i = 0; i < positive_outputs.size(); ++i) {
      if (sample.y != nullptr && sample.y[i] <= 0) positive_outputs[i] = false;
    }
  });
  CompositionOptions changed = options;
  changed.inputs = InputsOf(options, samples.n);
  changed.outputs.resize(positive_outputs.size());
  for (std::size_t i = 0; i < positive_outputs.size(); ++i) {
    OutputMapping& output = changed.outputs[i];
    positive_outputs[i] = positive_outputs[i] && output.IsIdentity();
    if (positive_outputs[i]) output.logarithmic = true;
  }
  if (logarithms == Logarithms::kOutputs || std::ranges::count(positive_outputs, true) == 0) {
    return changed;
  }
  const std::vector<bool> inputs = LogarithmicInputs(samples, positive_outputs, stop);
  for (std::size_t j = 0; j < inputs.size(); ++j) {
    InputMapping& input = changed.inputs[j];
    if (inputs[j] && !input.period) input.logarithmic = true;
  }
  return changed;
}

FeatureMap NominalFeatures(const CompositionOptions& options, Index n) {
  const InputFacts facts{.lower = Vector::Zero(n),
                         .upper = Vector::Ones(n),
                         .log_mean = Vector::Zero(n),
                         .log_scale = Vector::Ones(n)};
  const nn::Scaling scaling{
      .x_mean = Vector::Zero(n), .x_scale = Vector::Ones(n), .y_mean = {}, .y_scale = {}};
  return FeatureMap(FeaturesOf(InputsOf(options, n), options.degree, facts, scaling),
                    std::vector<SoftClamp>(static_cast<std::size_t>(n)));
}

Composition MakeComposition(const CompositionOptions& options, const SampleSet& samples,
                            const nn::Scaling& scaling, const std::stop_token& stop) {
  const std::vector<InputMapping> inputs = InputsOf(options, samples.n);
  const InputFacts facts = FactsOf(inputs, samples, stop);
  std::vector<SoftClamp> clamps(inputs.size());
  if (options.extrapolation != Extrapolation::kOwn) clamps = ClampsOf(inputs, facts, scaling);
  std::vector<OutputMap> outputs(static_cast<std::size_t>(samples.m));
  for (std::size_t i = 0; i < options.outputs.size(); ++i) {
    outputs[i] = MapOf(options.outputs[i], scaling.y_scale[static_cast<Index>(i)]);
  }
  return {
      .features = FeatureMap(FeaturesOf(inputs, options.degree, facts, scaling), std::move(clamps)),
      .outputs = std::move(outputs),
      .wings = {}};
}

std::shared_ptr<const Surrogate> Around(const Composition& composition,
                                        std::shared_ptr<const Surrogate> core,
                                        const Matrix& anchors, const std::stop_token& stop) {
  Composition whole = composition;
  if (anchors.size() > 0) whole.wings = EdgeSlopes(composition, core, anchors, stop);
  return std::make_shared<ComposedSurrogate>(std::move(whole), std::move(core));
}

}  // namespace sobolev::train
