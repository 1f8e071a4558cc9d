#include "client/cli/program_box.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;

// The rows that have a name: all of a variable, or one element.
struct Rows {
  Index first = 0;
  Index count = 0;
  bool is_whole = false;
};

std::optional<Rows> Find(const client::Program& program, const std::vector<std::string>& elements,
                         std::string_view name) {
  for (const client::ProgramVariable& input : program.inputs) {
    if (input.name != name) continue;
    const auto count = static_cast<Index>(client::ElementNames({input}).size());
    return Rows{.first = input.offset, .count = count, .is_whole = true};
  }
  const auto element = std::ranges::find(elements, name);
  if (element == elements.end()) return std::nullopt;
  return Rows{.first = element - elements.begin(), .count = 1};
}

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct NamedRange {
  std::string_view name;
  client::Range range;  // kUnknown where an end is left out.
};

// NAME=LOWER:UPPER, of which one may be missing.
NamedRange ParseRange(std::string_view text) {
  const auto fail = [&](const std::string& what) {
    return UsageError("--bounds: \"" + std::string(text) + "\": " + what);
  };
  const auto parse_bound = [&](std::string_view bound, const std::string& which) {
    if (bound.empty()) return kUnknown;
    double value = 0;
    const char* const end = bound.data() + bound.size();
    const auto [rest, error] = std::from_chars(bound.data(), end, value);
    if (error != std::errc() || rest != end || !std::isfinite(value)) {
      throw fail("expected a finite number as " + which + " bound, got \"" + std::string(bound) +
                 "\"");
    }
    return value;
  };
  const std::size_t equals = text.find('=');
  const std::size_t colon = text.find(':', equals == std::string_view::npos ? 0 : equals);
  if (equals == std::string_view::npos || equals == 0 || colon == std::string_view::npos ||
      text.size() == equals + 2) {
    throw fail("expected NAME=LOWER:UPPER");
  }
  const NamedRange range{
      .name = text.substr(0, equals),
      .range = {.min = parse_bound(text.substr(equals + 1, colon - equals - 1), "lower"),
                .max = parse_bound(text.substr(colon + 1), "upper")}};
  if (range.range.min > range.range.max) throw fail("expected LOWER at most UPPER");
  return range;
}

std::vector<NamedRange> ParseRanges(std::string_view text) {
  std::vector<NamedRange> ranges;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const NamedRange range = ParseRange(text.substr(begin, end - begin));
    if (std::ranges::find(ranges, range.name, &NamedRange::name) != ranges.end()) {
      throw UsageError("--bounds: expected each name once, got \"" + std::string(range.name) +
                       "\" twice");
    }
    ranges.push_back(range);
    begin = end + 1;
  }
  return ranges;
}

void Set(const Rows& rows, const client::Range& range, Box& box) {
  if (!std::isnan(range.min)) box.low.segment(rows.first, rows.count).setConstant(range.min);
  if (!std::isnan(range.max)) box.high.segment(rows.first, rows.count).setConstant(range.max);
}

// Those of elements come last, so that they hold inside of the whole in any order.
void Override(const client::Program& program, const std::vector<std::string>& elements,
              const std::vector<NamedRange>& ranges, Box& box) {
  for (const bool is_whole : {true, false}) {
    for (const NamedRange& range : ranges) {
      const std::optional<Rows> rows = Find(program, elements, range.name);
      if (!rows) {
        throw UsageError("--bounds: \"" + std::string(range.name) + "\" is no input of " +
                         program.name + "; expected " + Join(elements, ", ").substr(0, 200));
      }
      if (rows->is_whole == is_whole) Set(*rows, range.range, box);
    }
  }
}

}  // namespace

client::Schema SchemaOf(const client::Program& program) {
  client::Schema schema;
  for (std::string& name : ElementNames(program.inputs)) {
    schema.inputs.push_back({.name = std::move(name)});
  }
  for (std::string& name : ElementNames(program.outputs)) {
    schema.outputs.push_back({.name = std::move(name)});
  }
  return schema;
}

Box BoxOf(const client::Program& program, const std::string& overrides) {
  const std::vector<std::string> elements = ElementNames(program.inputs);
  Box box{.low = client::Vector::Constant(program.input_size, kUnknown),
          .high = client::Vector::Constant(program.input_size, kUnknown)};
  for (const client::ProgramVariable& input : program.inputs) {
    if (!input.bounds) continue;
    Set(*Find(program, elements, input.name), *input.bounds, box);
  }
  if (!overrides.empty()) Override(program, elements, ParseRanges(overrides), box);
  for (Index j = 0; j < program.input_size; ++j) {
    const std::string& element = elements[static_cast<std::size_t>(j)];
    if (std::isnan(box.low(j)) || std::isnan(box.high(j))) {
      throw UsageError("--bounds: input \"" + element +
                       "\" declares no bounds; add NAME=LOWER:UPPER");
    }
    if (box.low(j) > box.high(j)) {
      throw UsageError("--bounds: expected " + element + "=LOWER:UPPER with LOWER at most UPPER, " +
                       "got " + FormatExact(box.low(j)) + ":" + FormatExact(box.high(j)) +
                       ", one of which is the end of its own range");
    }
  }
  return box;
}

Box BoxOf(const client::ModelVersion& version, const std::string& overrides) {
  client::Program function{
      .name = version.name, .source = {}, .inputs = {}, .outputs = {}, .statistics = {}};
  for (const client::Variable& input : version.schema.inputs) {
    client::ProgramVariable& added = function.inputs.emplace_back();
    added.name = input.name;
    added.offset = function.input_size;
    const client::Range& range = version.domain.at(static_cast<std::size_t>(added.offset));
    if (std::isfinite(range.min) && std::isfinite(range.max)) added.bounds = range;
    ++function.input_size;
  }
  return BoxOf(function, overrides);
}

std::vector<client::Range> RangesOf(const Box& box) {
  std::vector<client::Range> ranges;
  ranges.reserve(static_cast<std::size_t>(box.low.size()));
  for (Index j = 0; j < box.low.size(); ++j) ranges.push_back({box.low(j), box.high(j)});
  return ranges;
}

}  // namespace sobolev::cli
