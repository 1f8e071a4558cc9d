// The kinds of settings that the table of server/base/config.cc is made of.

#ifndef SOBOLEV_SERVER_BASE_SETTING_H_
#define SOBOLEV_SERVER_BASE_SETTING_H_

#include <charconv>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace sobolev::server {

// One row of the table of settings: how to read it, how to print it, and what to say about it.
struct Setting {
  std::string name;     // As a flag and in the file; SOBOLEV_NAME in the environment.
  std::string type;     // What --help shows; empty for an on/off switch.
  std::string group;    // Heading in --help.
  std::string meaning;  // With unit.
  std::function<void(const std::string& text, const std::string& field)> set;
  std::function<std::string()> get;
};

// The error INVALID_SETTING that says what was expected and what came.
Error Unexpected(const std::string& field, const std::string& expected, const std::string& got);

// The number that is all of `text`, or nothing.
template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

// "64MiB", with the largest unit that is exact.
std::string FormatBytes(std::int64_t bytes);

// Each of these makes a row that reads into `value`, which must outlive it. What is not of the
// kind, or out of range, throws Unexpected.
Setting Bytes(std::string name, std::string group, std::string meaning, std::int64_t minimum,
              std::int64_t maximum, std::int64_t& value);
Setting Seconds(std::string name, std::string group, std::string meaning, double minimum,
                double& value);
Setting Rate(std::string name, std::string group, std::string meaning, double& value);
Setting Switch(std::string name, std::string group, std::string meaning, bool& value);
Setting Text(std::string name, std::string type, std::string group, std::string meaning,
             std::string& value);

template <class Integer>
Setting Count(std::string name, std::string group, std::string meaning, Integer minimum,
              Integer maximum, Integer& value) {
  return {std::move(name),
          "COUNT",
          std::move(group),
          std::move(meaning),
          [&value, minimum, maximum](const std::string& text, const std::string& field) {
            const std::optional<Integer> number = ParseNumber<Integer>(text);
            if (!number || *number < minimum || *number > maximum) {
              throw Unexpected(field,
                               "a whole number from " + std::to_string(minimum) + " to " +
                                   std::to_string(maximum),
                               text);
            }
            value = *number;
          },
          [&value] { return std::to_string(value); }};
}

template <class Enum>
Setting Choice(std::string name, std::string group, std::string meaning,
               std::vector<std::pair<std::string, Enum>> choices, Enum& value) {
  const auto join = [](std::string all, const std::pair<std::string, Enum>& choice) {
    return all.empty() ? choice.first : std::move(all) + "|" + choice.first;
  };
  std::string names = std::accumulate(choices.begin(), choices.end(), std::string(), join);
  return {std::move(name),
          names,
          std::move(group),
          std::move(meaning),
          [&value, choices, names](const std::string& text, const std::string& field) {
            for (const auto& [choice, meant] : choices) {
              if (choice == text) {
                value = meant;
                return;
              }
            }
            throw Unexpected(field, names, text);
          },
          [&value, choices] {
            for (const auto& [choice, meant] : choices) {
              if (meant == value) return choice;
            }
            return std::string();
          }};
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_SETTING_H_
