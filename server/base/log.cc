#include "server/base/log.h"

#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using Json = nlohmann::ordered_json;

// One line, whatever `json` holds.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ToJson(const LogField::Value& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

// `"msg":"job started","job":"j1"}`: what follows the time and the level.
std::string JsonPayload(std::string_view message, LogFields fields) {
  Json line = {{"msg", message}};
  for (const LogField& field : fields) line[std::string(field.key)] = ToJson(field.value);
  return Dump(line).substr(1);
}

// A bare word, or else a JSON string.
std::string TextValue(const LogField::Value& value) {
  std::string quoted = Dump(ToJson(value));
  if (!std::holds_alternative<std::string_view>(value)) return quoted;
  std::string word = quoted.substr(1, quoted.size() - 2);
  const bool bare = !word.empty() && word.find_first_of(" =\\") == std::string::npos;
  return bare ? word : quoted;
}

std::string TextPayload(std::string_view message, LogFields fields) {
  const std::string quoted = Dump(Json(message));
  std::string line = quoted.substr(1, quoted.size() - 2);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += TextValue(field.value);
  }
  return line;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v)";

// The process has one log, as it has one stderr.
class Log {
 public:
  static Log& Get() {
    static Log* const log = new Log;  // Never destroyed: the last threads may still log.
    return *log;
  }

  void Configure(LogLevel level, LogFormat format) {
    json_ =
        format == LogFormat::kJson || (format == LogFormat::kAuto && isatty(STDERR_FILENO) == 0);
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        json_ ? kJsonPattern : "%Y-%m-%dT%H:%M:%S.%fZ %-7l %v", spdlog::pattern_time_type::utc));
    logger_.set_level(ToSpdlog(level));
  }

  void Write(LogLevel level, std::string_view message, LogFields fields) {
    const spdlog::level::level_enum severity = ToSpdlog(level);
    if (!logger_.should_log(severity)) return;
    logger_.log(severity, spdlog::string_view_t(json_ ? JsonPayload(message, fields)
                                                      : TextPayload(message, fields)));
  }

 private:
  Log() : logger_("sobolev", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    Configure(LogLevel::kInfo, LogFormat::kAuto);
  }

  spdlog::logger logger_;
  bool json_ = true;
};

}  // namespace

void ConfigureLog(LogLevel level, LogFormat format) { Log::Get().Configure(level, format); }

AuditLog::AuditLog(const std::string& destination) : to_log_(destination == "-") {
  if (to_log_ || destination.empty()) return;
  // Made here so that others cannot read it.
  constexpr mode_t kOwnerOnly = 0600;
  const int file = open(destination.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
  if (file < 0) {
    throw FailedPrecondition("CANNOT_WRITE", "audit-log", "cannot write \"" + destination + "\"");
  }
  close(file);
  file_ = std::make_unique<spdlog::logger>(
      "audit", std::make_shared<spdlog::sinks::basic_file_sink_mt>(destination));
  file_->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(kJsonPattern, spdlog::pattern_time_type::utc));
  file_->flush_on(spdlog::level::info);
}

AuditLog::~AuditLog() = default;

void AuditLog::Write(LogFields fields) {
  if (to_log_) LogInfo("audit", fields);
  if (file_ != nullptr) {
    file_->log(spdlog::level::info, spdlog::string_view_t(JsonPayload("audit", fields)));
  }
}

void LogDebug(std::string_view message, LogFields fields) {
  Log::Get().Write(LogLevel::kDebug, message, fields);
}
void LogInfo(std::string_view message, LogFields fields) {
  Log::Get().Write(LogLevel::kInfo, message, fields);
}
void LogWarning(std::string_view message, LogFields fields) {
  Log::Get().Write(LogLevel::kWarning, message, fields);
}
void LogError(std::string_view message, LogFields fields) {
  Log::Get().Write(LogLevel::kError, message, fields);
}

}  // namespace sobolev::server
