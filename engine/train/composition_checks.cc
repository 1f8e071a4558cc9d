#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>
#include <string>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/train/composition.h"

namespace sobolev::train {

namespace {

constexpr Index kMaxHarmonics = 8;
constexpr Index kMaxDegree = 4;
constexpr Index kMaxFeatures = 1024;

template <class... Parts>
std::string Text(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

[[noreturn]] void Refuse(const char* reason, const char* field, const std::string& message) {
  throw InvalidArgument(reason, field, message);
}

void CheckInput(const InputMapping& input) {
  const char* const field = "spec.input_maps";
  if (input.period && !(std::isfinite(*input.period) && *input.period > 0)) {
    Refuse("OUT_OF_RANGE", field,
           Text("expected a finite period > 0 of input '", input.name, "', got ", *input.period,
                "; give the distance after which the function repeats, or unset it"));
  }
  if (input.harmonics < 1 || input.harmonics > kMaxHarmonics) {
    Refuse("OUT_OF_RANGE", field,
           Text("expected 1 to ", kMaxHarmonics, " harmonics of input '", input.name, "', got ",
                input.harmonics, "; 1 is enough for most, unset it"));
  }
  if (input.harmonics > 1 && !input.period) {
    Refuse("NOT_APPLICABLE", field,
           Text("expected harmonics of input '", input.name,
                "' to be unset, because it has no period; set the period or unset them"));
  }
  if (input.period && input.logarithmic) {
    Refuse("CONFLICT", field,
           Text("expected either a period or the logarithm of input '", input.name,
                "', got both; unset one of them"));
  }
}

void CheckOutput(const OutputMapping& output) {
  const char* const field = "spec.output_maps";
  for (const auto& bound : {output.lower, output.upper}) {
    if (!bound || std::isfinite(*bound)) continue;
    Refuse("NON_FINITE", field,
           Text("expected finite bounds of output '", output.name, "', got ", *bound,
                "; unset the bound if there is none"));
  }
  if (output.lower && output.upper && !(*output.lower < *output.upper)) {
    Refuse("OUT_OF_RANGE", field,
           Text("expected lower < upper of output '", output.name, "', got ", *output.lower,
                " and ", *output.upper, "; exchange or unset them"));
  }
  if (output.logarithmic && output.upper) {
    Refuse("CONFLICT", field,
           Text("expected no upper bound of output '", output.name,
                "', because it is fitted as its logarithm; unset upper or logarithmic"));
  }
}

// Numbers of monomials of degree 0 to `degree` of `count` variables; more than kMaxFeatures is
// not counted out.
double NumMonomials(Index count, Index degree) {
  double number = 1;
  for (Index k = 1; k <= degree; ++k) {
    number *= static_cast<double>(count + k) / static_cast<double>(k);
  }
  return number;
}

}  // namespace

void CheckComposition(const CompositionOptions& options, Index n) {
  std::ranges::for_each(options.inputs, CheckInput);
  std::ranges::for_each(options.outputs, CheckOutput);
  if (options.degree < 1 || options.degree > kMaxDegree) {
    Refuse("OUT_OF_RANGE", "spec.feature_degree",
           Text("expected 1 to ", kMaxDegree, ", got ", options.degree,
                "; 2 appends squares and products of two inputs, 1 nothing"));
  }
  const Index periodic = std::ranges::count_if(
      options.inputs, [](const InputMapping& input) { return input.period.has_value(); });
  const double monomials = NumMonomials(n - periodic, options.degree);
  if (options.degree > 1 && monomials > static_cast<double>(kMaxFeatures)) {
    Refuse(
        "OUT_OF_RANGE", "spec.feature_degree",
        Text("expected at most ", kMaxFeatures, " features, got ", monomials, " of degree up to ",
             options.degree, " in ", n - periodic, " inputs; choose a lower degree"));
  }
}

}  // namespace sobolev::train
