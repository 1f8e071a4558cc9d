// Values of options that are words or lists, with errors that say what is allowed.

#ifndef SOBOLEV_CLIENT_CLI_OPTION_VALUES_H_
#define SOBOLEV_CLIENT_CLI_OPTION_VALUES_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

namespace sobolev::cli {

// For CLI::Option::transform: one of the words, which becomes the number of its enumerator.
template <class Enum>
CLI::Validator OneOf(const std::map<std::string, Enum>& words) {
  return {[words](std::string& text) -> std::string {
            if (const auto found = words.find(text); found != words.end()) {
              text = std::to_string(static_cast<int>(found->second));
              return "";
            }
            std::string problem = "expected ";
            std::size_t left = words.size();
            for (const auto& [word, value] : words) {
              --left;
              problem.append(word).append(left > 1 ? ", " : left == 1 ? " or " : "");
            }
            return problem.append(", got \"").append(text).append("\"");
          },
          ""};
}

// The items of a text "a,b,c". Throws CLI::ValidationError naming the option where one is empty or
// no T, which is std::string or a number.
template <class T>
std::vector<T> ParseList(const std::string& option, const std::string& text) {
  std::vector<T> items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    bool valid = !item.empty();
    T value{};
    if constexpr (std::is_same_v<T, std::string>) {
      value = item;
    } else if (valid) {
      const auto [rest, error] = std::from_chars(item.data(), item.data() + item.size(), value);
      valid = error == std::errc() && rest == item.data() + item.size();
    }
    if (!valid) {
      const char* const kind = std::is_same_v<T, std::string> ? "names"
                               : std::is_integral_v<T>        ? "whole numbers"
                                                              : "numbers";
      throw CLI::ValidationError(option, std::string("expected ") + kind +
                                             " with a comma between two, got \"" + text + "\"");
    }
    items.push_back(std::move(value));
    begin = end + 1;
  }
  return items;
}

// An option that takes such a list; used again, it adds to it. `type` is what help shows for it.
template <class T>
CLI::Option* AddList(CLI::App& app, const std::string& option, std::vector<T>& list,
                     const std::string& type, const std::string& help) {
  constexpr int kMostUses = 1 << 20;
  return app
      .add_option_function<std::vector<std::string>>(
          option,
          [&list, option](const std::vector<std::string>& texts) {
            list.clear();
            for (const std::string& text : texts) {
              for (T& item : ParseList<T>(option, text)) list.push_back(std::move(item));
            }
          },
          help)
      ->type_name(type)
      ->expected(1, kMostUses)
      ->allow_extra_args(false);
}

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_OPTION_VALUES_H_
