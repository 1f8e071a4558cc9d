#include "client/cli/design.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/option_values.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using sampling::DesignKind;

constexpr std::int64_t kDefaultCount = 1000;
constexpr std::int64_t kMaxCount = 100'000'000;

// Whether the kind itself says how many points there are.
bool HasItsOwnCount(DesignKind kind) {
  return kind == DesignKind::kCentredGrid || kind == DesignKind::kFullFactorial ||
         kind == DesignKind::kFractionalFactorial || kind == DesignKind::kUserPoints;
}

// Options that say nothing about this kind would be a mistake.
void RequireFitting(const DesignArguments& arguments) {
  const DesignKind kind = arguments.kind;
  if (!arguments.levels.empty() && kind != DesignKind::kCentredGrid &&
      kind != DesignKind::kFullFactorial) {
    throw UsageError("--levels: only for grid and centred-grid");
  }
  if (kind == DesignKind::kFractionalFactorial) return;
  if (!arguments.generators.empty()) throw UsageError("--generators: only for fractional");
  if (arguments.resolution != 0) throw UsageError("--resolution: only for fractional");
}

}  // namespace

const std::map<std::string, DesignKind>& Designs() {
  static const std::map<std::string, DesignKind> kDesigns = {
      {"centred-grid", DesignKind::kCentredGrid},
      {"fractional", DesignKind::kFractionalFactorial},
      {"grid", DesignKind::kFullFactorial},
      {"halton", DesignKind::kHalton},
      {"lhs", DesignKind::kLatinHypercube},
      {"lhs-ese", DesignKind::kOptimizedLatinHypercube},
      {"lhs-maximin", DesignKind::kMaximinLatinHypercube},
      {"points", DesignKind::kUserPoints},
      {"random", DesignKind::kRandom},
      {"sobol", DesignKind::kSobol}};
  return kDesigns;
}

std::string_view Name(DesignKind kind) {
  return std::ranges::find(Designs(), kind, [](const auto& entry) { return entry.second; })->first;
}

void AddDesignOptions(CLI::App& app, const std::string& kind_option, DesignArguments& arguments) {
  app.add_option("--count", arguments.count,
                 "Number of points. Default: 1000, or all of a grid, factorial or file")
      ->check(CLI::Range(std::int64_t{1}, kMaxCount).description(""));
  std::string help =
      "Where the points lie: lhs (Latin hypercube), lhs-ese or lhs-maximin (the same, spread out), "
      "sobol, halton, random, grid (with the ends of the ranges), centred-grid, fractional "
      "(two-level factorial). Default: ";
  help += Name(arguments.kind);
  app.add_option(kind_option, arguments.kind, help)->transform(OneOf(Designs()));
  AddList(app, "--levels", arguments.levels, "K,...",
          "Of a grid: for each input that is not fixed, or one for all that are continuous");
  AddList(app, "--generators", arguments.generators, "D=ABC,...",
          "Of a fractional factorial, where A is the first input that is not fixed");
  app.add_option("--resolution", arguments.resolution,
                 "Of a fractional factorial, instead of generators: 3, 4 or 5");
}

sampling::DesignPoints MakeDesign(const sampling::Domain& domain, const DesignArguments& arguments,
                                  std::uint64_t seed, const Matrix& points,
                                  const sampling::Continuation& continuation) {
  RequireFitting(arguments);
  // A grid without levels has its count to go by.
  const bool has_levels = arguments.kind == DesignKind::kFractionalFactorial ||
                          arguments.kind == DesignKind::kUserPoints || !arguments.levels.empty() ||
                          domain.NumPoints().has_value();
  const std::int64_t fallback = HasItsOwnCount(arguments.kind) && has_levels ? 0 : kDefaultCount;
  try {
    return sampling::MakeDesign(domain,
                                {.kind = arguments.kind,
                                 .seed = seed,
                                 .levels = arguments.levels,
                                 .generators = arguments.generators,
                                 .resolution = arguments.resolution,
                                 .points = points},
                                arguments.count.value_or(fallback), continuation, {});
  } catch (const Error& error) {
    throw ToUsageError(error);
  }
}

UsageError ToUsageError(const Error& error) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kOptions = {
      {{"count", "--count"},
       {"levels", "--levels"},
       {"generators", "--generators"},
       {"resolution", "--resolution"},
       {"points", "--points"},
       {"existing", "--extend"},
       {"first", "--first"}}};
  const std::string text = error.what();
  const std::string_view field = std::string_view(error.field()).substr(0, error.field().find('['));
  const auto option =
      std::ranges::find(kOptions, field, [](const auto& pair) { return pair.first; });
  if (option == kOptions.end()) return UsageError(text);
  return UsageError(std::string(option->second) + text.substr(field.size()));
}

sampling::Domain DomainOf(const Box& box, const std::vector<std::string>& names) {
  std::vector<sampling::Input> inputs;
  inputs.reserve(names.size());
  for (Index j = 0; j < box.low.size(); ++j) {
    sampling::Input input{
        .name = names[static_cast<std::size_t>(j)], .min = box.low(j), .max = box.high(j)};
    if (input.min == input.max) input.fixed = input.min;
    inputs.push_back(std::move(input));
  }
  try {
    return sampling::Domain(std::move(inputs));
  } catch (const Error& error) {
    throw ToUsageError(error);
  }
}

}  // namespace sobolev::cli
