#include "server/base/setting.h"

#include <array>

namespace sobolev::server {
namespace {

struct SizeUnit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array<SizeUnit, 5> kSizeUnits = {{{"TiB", std::int64_t{1} << 40},
                                                 {"GiB", std::int64_t{1} << 30},
                                                 {"MiB", std::int64_t{1} << 20},
                                                 {"KiB", std::int64_t{1} << 10},
                                                 {"B", 1}}};

}  // namespace

std::string FormatBytes(std::int64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return std::to_string(bytes / unit.bytes) + (unit.bytes == 1 ? "" : std::string(unit.name));
    }
  }
  return std::to_string(bytes);
}

namespace {

std::optional<std::int64_t> ParseBytes(std::string_view text) {
  std::int64_t factor = 1;
  for (const SizeUnit& unit : kSizeUnits) {
    if (text.ends_with(unit.name)) {
      factor = unit.bytes;
      text.remove_suffix(unit.name.size());
      break;
    }
  }
  const std::optional<std::int64_t> count = ParseNumber<std::int64_t>(text);
  std::int64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, factor, &bytes)) return std::nullopt;
  return bytes;
}

}  // namespace

Error Unexpected(const std::string& field, const std::string& expected, const std::string& got) {
  return InvalidArgument("INVALID_SETTING", field, "expected " + expected + ", got '" + got + "'");
}

Setting Bytes(std::string name, std::string group, std::string meaning, std::int64_t minimum,
              std::int64_t maximum, std::int64_t& value) {
  return {std::move(name),
          "SIZE",
          std::move(group),
          std::move(meaning),
          [&value, minimum, maximum](const std::string& text, const std::string& field) {
            const std::optional<std::int64_t> bytes = ParseBytes(text);
            if (!bytes || *bytes < minimum || *bytes > maximum) {
              throw Unexpected(field,
                               "a size from " + FormatBytes(minimum) + " to " +
                                   FormatBytes(maximum) + " such as 512KiB, 64MiB or 8GiB",
                               text);
            }
            value = *bytes;
          },
          [&value] { return FormatBytes(value); }};
}

Setting Seconds(std::string name, std::string group, std::string meaning, double minimum,
                double& value) {
  constexpr double kYear = 366.0 * 86400;
  const auto format = [](double seconds) {
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), seconds);
    return std::string(text.data(), end);
  };
  return {std::move(name),
          "SECONDS",
          std::move(group),
          std::move(meaning),
          [&value, minimum, format](const std::string& text, const std::string& field) {
            const std::optional<double> seconds = ParseNumber<double>(text);
            if (!seconds || !(*seconds >= minimum && *seconds <= kYear)) {
              throw Unexpected(field, "seconds from " + format(minimum) + " to " + format(kYear),
                               text);
            }
            value = *seconds;
          },
          [&value, format] { return format(value); }};
}

Setting Rate(std::string name, std::string group, std::string meaning, double& value) {
  constexpr double kMaximum = 1e9;
  return {std::move(name),
          "NUMBER",
          std::move(group),
          std::move(meaning),
          [&value](const std::string& text, const std::string& field) {
            const std::optional<double> rate = ParseNumber<double>(text);
            if (!rate || !(*rate >= 0 && *rate <= kMaximum)) {
              throw Unexpected(field, "a number from 0 to 1e9", text);
            }
            value = *rate;
          },
          [&value] {
            std::array<char, 32> text{};
            const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
            return std::string(text.data(), end);
          }};
}

Setting Switch(std::string name, std::string group, std::string meaning, bool& value) {
  return {std::move(name),
          "",
          std::move(group),
          std::move(meaning),
          [&value](const std::string& text, const std::string& field) {
            if (text != "true" && text != "false") throw Unexpected(field, "true or false", text);
            value = text == "true";
          },
          [&value] { return std::string(value ? "true" : "false"); }};
}

Setting Text(std::string name, std::string type, std::string group, std::string meaning,
             std::string& value) {
  return {std::move(name),
          std::move(type),
          std::move(group),
          std::move(meaning),
          [&value](const std::string& text, const std::string&) { value = text; },
          [&value] { return value; }};
}

}  // namespace sobolev::server
