#include "client/cli/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;

constexpr int kInfeasibleCode = 3;
constexpr std::size_t kMaxReasonBytes = 1024;
constexpr std::size_t kShownBytes = 80;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The text with U+FFFD for what is not UTF-8, cut to what the server takes.
std::string Reason(const std::string& text) {
  const Json dumped = Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
  std::string reason = dumped.get<std::string>();
  reason.erase(reason.find_last_not_of(" \t\r\n") + 1);
  if (reason.size() <= kMaxReasonBytes) return reason;
  std::size_t begin = reason.size() - kMaxReasonBytes;
  const auto continues = [&](std::size_t i) {
    return (static_cast<unsigned char>(reason[i]) & 0xC0U) == 0x80U;
  };
  while (begin < reason.size() && continues(begin)) ++begin;
  return reason.substr(begin);
}

Evaluation Without(Evaluation::Kind kind, const std::string& reason) {
  return {.kind = kind, .y = {}, .jacobian = {}, .reason = Reason(reason)};
}

std::string Shown(const std::string& text) {
  if (text.empty()) return "nothing";
  return "\"" + text.substr(0, kShownBytes) + (text.size() > kShownBytes ? "...\"" : "\"");
}

// NaN for null and for the words that the command line itself writes.
double ReadNumber(const Json& value, const std::string& field) {
  if (value.is_number()) return value.get<double>();
  if (value.is_null() || value == "NaN" || value == "Infinity" || value == "-Infinity") return kNan;
  throw UsageError(field + ": expected a number, got " + Shown(value.dump()));
}

// What belongs to each of the names: the items of an array in that order, or the members of an
// object.
std::vector<const Json*> ReadItems(const Json& value, const std::vector<std::string>& names,
                                   const std::string& field) {
  const std::string size = std::to_string(names.size());
  if (!value.is_array() && !value.is_object()) {
    throw UsageError(field + ": expected " + size + " items in an array or by name, got " +
                     Shown(value.dump()));
  }
  if (value.size() != names.size()) {
    throw UsageError(field + ": expected " + size + " items, got " + std::to_string(value.size()));
  }
  std::vector<const Json*> items;
  items.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (value.is_array()) {
      items.push_back(&value[i]);
    } else if (const auto found = value.find(names[i]); found != value.end()) {
      items.push_back(&*found);
    } else {
      throw UsageError(field + ": has no \"" + names[i] + "\"");
    }
  }
  return items;
}

client::Vector ReadVector(const Json& value, const std::vector<std::string>& names,
                          const std::string& field) {
  const std::vector<const Json*> items = ReadItems(value, names, field);
  client::Vector numbers(static_cast<Index>(items.size()));
  for (std::size_t i = 0; i < items.size(); ++i) {
    numbers[static_cast<Index>(i)] = ReadNumber(*items[i], field + "[" + std::to_string(i) + "]");
  }
  return numbers;
}

client::Matrix ReadJacobian(const Json& value, const client::Schema& schema) {
  const std::vector<std::string> inputs = Names(schema.inputs);
  const std::vector<const Json*> rows = ReadItems(value, Names(schema.outputs), "jacobian");
  client::Matrix jacobian(std::ssize(inputs), std::ssize(rows));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    jacobian.col(static_cast<Index>(i)) =
        ReadVector(*rows[i], inputs, "jacobian[" + std::to_string(i) + "]");
  }
  return jacobian;
}

// The first output without the value that it must have.
const client::Variable* FindMissing(const client::Vector& y, const client::Schema& schema) {
  bool has_any = false;
  const client::Variable* missing = nullptr;
  for (std::size_t i = 0; i < schema.outputs.size(); ++i) {
    const client::Variable& output = schema.outputs[i];
    const bool is_known = std::isfinite(y[static_cast<Index>(i)]);
    has_any = has_any || is_known;
    if (!is_known && !output.allow_missing && missing == nullptr) missing = &output;
  }
  return has_any ? missing : &schema.outputs.front();
}

bool IsTrue(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end()) return false;
  if (!found->is_boolean()) {
    throw UsageError(std::string(member) + ": expected true or false, got " + Shown(found->dump()));
  }
  return found->get<bool>();
}

// Where the text goes on behind a string that begins at `begin`.
std::size_t EndOfString(std::string_view text, std::size_t begin) {
  std::size_t i = begin + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

}  // namespace

Evaluation ReadEvaluation(const Json& object, const client::Schema& schema) {
  if (!object.is_object()) {
    throw UsageError("expected an object, got " + Shown(object.dump()));
  }
  const auto told = object.find("reason");
  const std::string reason =
      told == object.end() || !told->is_string() ? "" : told->get<std::string>();
  if (IsTrue(object, "infeasible")) return Without(Evaluation::Kind::kInfeasible, reason);
  if (IsTrue(object, "failed")) return Without(Evaluation::Kind::kFailed, reason);
  const auto y = object.find("y");
  if (y == object.end()) throw UsageError("expected \"y\", got " + Shown(object.dump()));
  Evaluation evaluation{.kind = Evaluation::Kind::kValue,
                        .y = ReadVector(*y, Names(schema.outputs), "y"),
                        .jacobian = {},
                        .reason = {}};
  if (const client::Variable* missing = FindMissing(evaluation.y, schema)) {
    return Without(Evaluation::Kind::kInfeasible, missing->name + " is not finite");
  }
  if (const auto jacobian = object.find("jacobian");
      jacobian != object.end() && !jacobian->is_null()) {
    evaluation.jacobian = ReadJacobian(*jacobian, schema);
    const bool is_usable = schema.allow_missing_derivatives || evaluation.jacobian.allFinite();
    if (!is_usable) evaluation.jacobian = {};
  }
  return evaluation;
}

Json PointToJson(const client::SamplingPoint& point, const client::Schema& schema, bool jacobian) {
  Json inputs = Json::object();
  Json x = Json::array();
  for (Index j = 0; j < point.x.size(); ++j) {
    x.push_back(point.x[j]);
    inputs[schema.inputs[static_cast<std::size_t>(j)].name] = point.x[j];
  }
  return {{"point", point.id},
          {"attempt", point.attempt},
          {"x", std::move(x)},
          {"inputs", std::move(inputs)},
          {"jacobian", jacobian}};
}

Json ParseJson(const std::string& text) {
  constexpr std::array<std::string_view, 4> kWords = {"-Infinity", "Infinity", "-NaN", "NaN"};
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    std::string_view part = std::string_view(text).substr(i, 1);
    if (text[i] == '"') {
      end = EndOfString(text, i);
      part = std::string_view(text).substr(i, end - i);
    } else {
      for (const std::string_view word : kWords) {
        if (!std::string_view(text).substr(i).starts_with(word)) continue;
        end = i + word.size();
        part = "null";
        break;
      }
    }
    plain += part;
    i = end;
  }
  return Json::parse(plain);
}

Evaluation JudgeProcess(const ProcessResult& result, const client::Schema& schema) {
  using End = ProcessResult::End;
  const std::string tail =
      result.error_tail.empty() ? "" : "; standard error ends with: " + result.error_tail;
  const auto failed = [&](const std::string& what) {
    return Without(Evaluation::Kind::kFailed, what + tail);
  };
  switch (result.end) {
    case End::kTimedOut:
      return failed("took longer than --timeout");
    case End::kStopped:
      return failed("the worker was stopped");
    case End::kFlooded:
      return failed("printed more than 64 MiB");
    case End::kSignalled:
      return failed("ended by signal " + std::to_string(result.code));
    case End::kExited:
      break;
  }
  if (result.code != 0 && result.code != kInfeasibleCode) {
    return failed("exit code " + std::to_string(result.code));
  }
  Json object;
  try {
    object = ParseJson(result.out);
  } catch (const Json::parse_error&) {
    if (result.code == 0) {
      return failed("expected one JSON object on standard output, got " + Shown(result.out));
    }
  }
  if (result.code == 0) {
    try {
      return ReadEvaluation(object, schema);
    } catch (const UsageError& error) {
      return failed(error.what());
    }
  }
  if (object.is_object() && object.contains("reason") && object["reason"].is_string()) {
    return Without(Evaluation::Kind::kInfeasible, object["reason"].get<std::string>());
  }
  return Without(Evaluation::Kind::kInfeasible, result.error_tail);
}

}  // namespace sobolev::cli
