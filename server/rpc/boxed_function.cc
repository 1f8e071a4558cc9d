#include "server/rpc/boxed_function.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "engine/bounds/enclosure_cost.h"
#include "server/convert/range.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

// Of one box; some seconds of one thread.
constexpr double kMaxMultiplyAdds = 2e10;
// Kept for one box, and of the points around the best ones: 512 MiB.
constexpr double kMaxNumbers = 0x1p26;
// Kept for the boxes of one search.
constexpr Index kMaxSearchBytes = Index{1} << 30;
constexpr Index kMaxBoxes = 1'000'000;
// Names told in a message.
constexpr std::size_t kMaxTold = 20;

std::string Field(Index j) { return "box[" + std::to_string(j) + "]"; }

std::string Told(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t k = 0; k < std::min(names.size(), kMaxTold); ++k) {
    if (k > 0) text += ", ";
    text += names[k];
  }
  if (names.size() > kMaxTold) text += ", ...";
  return text;
}

void RequireDomain(const v1::Range& range, const std::string& input) {
  if (!std::isfinite(range.min()) || !std::isfinite(range.max())) {
    throw InvalidArgument("MISSING_FIELD", "box",
                          "expected a range for each input, because \"" + input +
                              "\" has no bounds of its own; give a box");
  }
  if (range.min() <= range.max()) return;
  throw FailedPrecondition("EMPTY_DOMAIN", "box",
                           "expected a domain that is not empty, got none for \"" + input +
                               "\", on which the parts of the model do not agree; give a box to "
                               "the parts one by one");
}

}  // namespace

std::vector<std::string> NamesOf(
    const google::protobuf::RepeatedPtrField<v1::Variable>& variables) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(variables.size()));
  for (const v1::Variable& variable : variables) names.push_back(variable.name());
  return names;
}

Index PositionOf(const std::string& name, const std::vector<std::string>& names,
                 const std::string& field) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return std::distance(names.begin(), found);
  throw InvalidArgument("UNKNOWN_NAME", field,
                        "expected one of " + Told(names) + ", got \"" + name + "\"");
}

bounds::Box ToBox(const google::protobuf::RepeatedPtrField<v1::Range>& ranges,
                  const PipelinePart& part) {
  const std::vector<std::string> inputs = NamesOf(part.schema.inputs());
  const auto n = static_cast<Index>(inputs.size());
  bounds::Box box{.lo = Vector(n), .hi = Vector(n)};
  if (!ranges.empty() && ranges.size() != n) {
    throw InvalidArgument("SHAPE_MISMATCH", "box",
                          "expected " + std::to_string(n) + " ranges, one for each of " +
                              Told(inputs) + ", got " + std::to_string(ranges.size()));
  }
  for (Index j = 0; j < n; ++j) {
    const v1::Range& domain = part.domain[static_cast<std::size_t>(j)];
    const v1::Range& range = ranges.empty() ? domain : ranges[static_cast<int>(j)];
    const std::string& input = inputs[static_cast<std::size_t>(j)];
    if (ranges.empty()) {
      RequireDomain(domain, input);
    } else {
      CheckRange(range, Field(j));
      if (part.stage.has_model()) CheckWithinDomain(range, domain, input, Field(j));
    }
    box.lo(j) = range.min();
    box.hi(j) = range.max();
  }
  return box;
}

void ToProto(const bounds::Box& box, google::protobuf::RepeatedPtrField<v1::Range>& ranges) {
  for (Index j = 0; j < box.n(); ++j) {
    v1::Range& range = *ranges.Add();
    range.set_min(box.lo(j));
    range.set_max(box.hi(j));
  }
}

PipelinePart FindPart(const std::string& name, const std::string& field, ModelRegistry& models,
                      Store& store) {
  if (name.starts_with("programs/")) return FindProgramPart(name, field, store);
  return FindModelPart(name, field, models, store);
}

std::optional<Error> WhyNotEnclosable(const BoxedFunction& function, bool jacobian) {
  const Surrogate& surrogate = function.surrogate();
  const bounds::EnclosureCost cost = bounds::CostOfEnclosure(surrogate);
  const auto n = static_cast<double>(surrogate.n());
  const auto m = static_cast<double>(surrogate.m());
  // Derivatives are sampled at two neighbours along every input.
  const double sampled = 2 * n * m * (jacobian ? n : 1);
  if (cost.multiply_adds <= kMaxMultiplyAdds && cost.numbers <= kMaxNumbers &&
      sampled <= kMaxNumbers) {
    return std::nullopt;
  }
  return FailedPrecondition("TOO_LARGE", function.field,
                            "expected a function of which one box takes at most " +
                                Text(kMaxMultiplyAdds) + " multiply-adds and " + Text(kMaxNumbers) +
                                " numbers, got about " + Text(cost.multiply_adds) + " and " +
                                Text(std::max(cost.numbers, sampled)) +
                                "; prune the model or ask for values alone");
}

Index ToMaxBoxes(std::optional<std::int64_t> requested, Index usual, const Surrogate& surrogate,
                 bool jacobian) {
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  const Index numbers = 3 * n + 2 * m + (jacobian ? 2 * n * m : 0);
  const Index most = std::clamp<Index>(
      kMaxSearchBytes / static_cast<Index>(sizeof(double)) / numbers, 1, kMaxBoxes);
  if (!requested) return std::min(usual, most);
  if (*requested >= 1 && *requested <= most) return *requested;
  throw InvalidArgument("OUT_OF_RANGE", "max_boxes",
                        "expected 1 to " + std::to_string(most) +
                            (most < kMaxBoxes ? " boxes, which take 1 GiB, got " : ", got ") +
                            std::to_string(*requested));
}

void RequireRange(const std::string& field, double number, double least, double most) {
  if (least <= number && number <= most) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + Text(least) + " to " + Text(most) + ", got " + Text(number));
}

}  // namespace sobolev::server
