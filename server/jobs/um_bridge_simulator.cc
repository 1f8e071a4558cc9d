#include "server/jobs/um_bridge_simulator.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kMaxVector = 4096;

Error Malformed(const HttpUrl& url, const std::string& path, const std::string& what) {
  return FailedPrecondition("BAD_REPLY", "",
                            "the simulator at " + url.Authority() + " answered " + path +
                                " with something else than UM-Bridge says: " + what);
}

// Python servers write NaN and Infinity, which JSON does not have: null, no value.
std::string WithoutNonFinite(std::string_view text) {
  constexpr std::array<std::string_view, 3> kWords = {"-Infinity", "Infinity", "NaN"};
  std::string clean;
  clean.reserve(text.size());
  bool is_in_string = false;
  while (!text.empty()) {
    const auto* const word = std::ranges::find_if(
        kWords, [&](std::string_view candidate) { return text.starts_with(candidate); });
    if (!is_in_string && word != kWords.end()) {
      clean += "null";
      text.remove_prefix(word->size());
      continue;
    }
    // An escape and what it escapes go together.
    const std::size_t taken = is_in_string && text.starts_with('\\') && text.size() > 1 ? 2 : 1;
    if (text.front() == '"') is_in_string = !is_in_string;
    clean += text.substr(0, taken);
    text.remove_prefix(taken);
  }
  return clean;
}

Index Total(const std::vector<Index>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), Index{0});
}

Json::array_t Cut(const double* numbers, const std::vector<Index>& sizes) {
  Json::array_t vectors;
  vectors.reserve(sizes.size());
  for (const Index size : sizes) {
    vectors.emplace_back(std::vector<double>(numbers, numbers + size));
    numbers += size;
  }
  return vectors;
}

// `size` numbers; null, which is what is not finite, as NaN.
void ReadNumbers(const Json& list, Index size, double* numbers) {
  if (!list.is_array() || static_cast<Index>(list.size()) != size) {
    throw InvalidArgument("SHAPE_MISMATCH", "output",
                          "expected a list of " + std::to_string(size) + " numbers");
  }
  for (const Json& number : list) {
    if (!number.is_number() && !number.is_null()) {
      throw InvalidArgument("INVALID_JSON", "output", "expected numbers");
    }
    *numbers++ = number.is_null() ? kNaN : number.get<double>();
  }
}

}  // namespace

UmBridgeSimulator::UmBridgeSimulator(HttpUrl url, std::string model, Index n, Index m,
                                     bool jacobian, const HttpLimits& limits,
                                     const std::stop_token& stop)
    : url_(std::move(url)), model_(std::move(model)), jacobian_(jacobian), limits_(limits) {
  input_sizes_ = Sizes("/InputSizes", "inputSizes", stop);
  output_sizes_ = Sizes("/OutputSizes", "outputSizes", stop);
  if (Total(input_sizes_) != n || Total(output_sizes_) != m) {
    throw FailedPrecondition("SHAPE_MISMATCH", "spec.um_bridge.model",
                             "expected a model with the " + std::to_string(n) + " inputs and " +
                                 std::to_string(m) + " outputs of the dataset, got \"" + model_ +
                                 "\" with " + std::to_string(Total(input_sizes_)) + " and " +
                                 std::to_string(Total(output_sizes_)));
  }
  const Json info = Call("/ModelInfo", {}, stop);
  const auto supports = [&](const char* what) {
    const auto support = info.find("support");
    return support != info.end() && support->is_object() && support->contains(what) &&
           (*support)[what].is_boolean() && (*support)[what].get<bool>();
  };
  if (!supports("Evaluate") || (jacobian && !supports("Gradient"))) {
    throw FailedPrecondition("NOT_SUPPORTED", "spec.um_bridge.model",
                             "expected a model that supports Evaluate" +
                                 std::string(jacobian ? " and Gradient" : "") + ", got \"" +
                                 model_ + "\", which does not; " +
                                 (jacobian ? "set spec.jacobian to false" : "choose another"));
  }
}

Evaluation UmBridgeSimulator::Evaluate(const std::vector<double>& x,
                                       const std::stop_token& stop) const {
  const Index n = Total(input_sizes_);
  const Index m = Total(output_sizes_);
  const Json input = Cut(x.data(), input_sizes_);
  Evaluation evaluation{.y = Vector(m), .jacobian = Matrix(n, jacobian_ ? m : 0)};
  try {
    const Json reply = Call("/Evaluate", {{"input", input}, {"config", Json::object()}}, stop);
    const Json& output = RequireMember(reply, "output", "output", "a list of lists of numbers");
    if (!output.is_array() || output.size() != output_sizes_.size()) {
      throw InvalidArgument("SHAPE_MISMATCH", "output",
                            "expected " + std::to_string(output_sizes_.size()) + " lists");
    }
    Index first = 0;
    for (std::size_t k = 0; k < output_sizes_.size(); ++k) {
      ReadNumbers(output[k], output_sizes_[k], evaluation.y.data() + first);
      first += output_sizes_[k];
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Malformed(url_, "/Evaluate", error.what());
  }
  if (!jacobian_ || !evaluation.y.allFinite()) return evaluation;
  Index row = 0;
  for (std::size_t out = 0; out < output_sizes_.size(); ++out) {
    for (Index i = 0; i < output_sizes_[out]; ++i, ++row) {
      std::vector<double> sensitivity(static_cast<std::size_t>(output_sizes_[out]), 0.0);
      sensitivity[static_cast<std::size_t>(i)] = 1;
      Index first = 0;
      for (std::size_t in = 0; in < input_sizes_.size(); ++in) {
        try {
          const Json reply = Call("/Gradient",
                                  {{"outWrt", out},
                                   {"inWrt", in},
                                   {"input", input},
                                   {"sens", sensitivity},
                                   {"config", Json::object()}},
                                  stop);
          ReadNumbers(RequireMember(reply, "output", "output", "a list of numbers"),
                      input_sizes_[in], evaluation.jacobian.col(row).data() + first);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::kInvalidArgument) throw;
          throw Malformed(url_, "/Gradient", error.what());
        }
        first += input_sizes_[in];
      }
    }
  }
  return evaluation;
}

Json UmBridgeSimulator::Call(const std::string& path, Json body,
                             const std::stop_token& stop) const {
  body["name"] = model_;
  const std::string reply = PostJson(url_, path, ToText(body), limits_, stop);
  try {
    return ParseObject(WithoutNonFinite(reply));
  } catch (const Error& error) {
    throw Malformed(url_, path, error.what());
  }
}

std::vector<Index> UmBridgeSimulator::Sizes(const std::string& path, const std::string& member,
                                            const std::stop_token& stop) const {
  try {
    const Json reply = Call(path, {{"config", Json::object()}}, stop);
    const Json& list = RequireMember(reply, member, member, "a list of sizes");
    if (!list.is_array()) throw InvalidArgument("INVALID_JSON", member, "expected a list");
    std::vector<Index> sizes;
    sizes.reserve(list.size());
    for (const Json& size : list) {
      sizes.push_back(RequireInteger(size, member));
      if (sizes.back() < 1 || sizes.back() > kMaxVector) {
        throw InvalidArgument("OUT_OF_RANGE", member,
                              "expected sizes of 1 to " + std::to_string(kMaxVector));
      }
    }
    return sizes;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Malformed(url_, path, error.what());
  }
}

}  // namespace sobolev::server
