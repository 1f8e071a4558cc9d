// Structured logs on stderr: one event per line.
//
//   LogInfo("job started", {{"job", id}, {"samples", num_samples}});
//
// gives, as JSON (the default unless stderr is a terminal) or as text,
//
//   {"time":"2026-01-31T12:00:00.123456Z","level":"info","msg":"job
//   started","job":"j1","samples":8} 2026-01-31T12:00:00.123456Z info  job started job=j1 samples=8
//
// Values never break a line or the JSON: control characters are escaped, invalid UTF-8 is replaced.
// Thread-safe.

#ifndef SOBOLEV_SERVER_BASE_LOG_H_
#define SOBOLEV_SERVER_BASE_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace sobolev::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kAuto, kJson, kText };  // kAuto: text on a terminal, JSON elsewhere.

// A key with a value. Views: what they point at must live through the call.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, double, bool>;

  template <class T>
  LogField(std::string_view field_key, const T& field_value)
      : key(field_key), value(ToValue(field_value)) {}

  std::string_view key;
  Value value;

 private:
  template <class T>
  static Value ToValue(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      return value;
    } else if constexpr (std::integral<T>) {
      return static_cast<std::int64_t>(value);
    } else if constexpr (std::floating_point<T>) {
      return static_cast<double>(value);
    } else {
      return std::string_view(value);
    }
  }
};

using LogFields = std::initializer_list<LogField>;

// What is logged, and how, from now on. Before the first call: kInfo and kAuto. Call it before
// other threads log.
void ConfigureLog(LogLevel level, LogFormat format);

void LogDebug(std::string_view message, LogFields fields = {});
void LogInfo(std::string_view message, LogFields fields = {});
void LogWarning(std::string_view message, LogFields fields = {});
void LogError(std::string_view message, LogFields fields = {});

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_LOG_H_
