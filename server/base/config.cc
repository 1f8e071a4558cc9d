#include "server/base/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <ostream>
#include <set>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "engine/base/error.h"
#include "server/base/setting.h"

namespace sobolev::server {
namespace {

Setting Address(std::string name, std::string group, std::string meaning, Endpoint& value) {
  return {std::move(name),
          "HOST:PORT",
          std::move(group),
          std::move(meaning),
          [&value](const std::string& text, const std::string& field) {
            value = ParseEndpoint(text, field);
          },
          [&value] { return value.ToString(); }};
}

// The table. --help, the file's syntax and --print-config all come from here.
std::vector<Setting> Settings(ServerConfig& config) {
  constexpr std::int64_t kKiB = std::int64_t{1} << 10;
  constexpr std::int64_t kMiB = ServerConfig::kMiB;
  constexpr std::int64_t kTiB = std::int64_t{1} << 40;
  constexpr std::int64_t kMessageMax = std::int64_t{1} << 30;
  constexpr int kThreadsMax = 4096;
  const std::string listeners = "Listeners";
  const std::string access = "Who may call";
  const std::string storage = "Storage and logs";
  const std::string compute = "Compute";
  const std::string calls = "Limits of single calls";
  const std::string connections = "Limits of connections";
  const std::string rates = "What one principal may do a second; 0: no limit";
  const std::string at_once = "Calls at once; more are turned away";
  const std::string shutdown = "Shutdown";
  return {
      Address("listen", listeners, "gRPC; port 0 lets the kernel choose", config.listen),
      Address("metrics", listeners, "HTTP with /metrics and /healthz", config.metrics),
      {"gateway", "HOST:PORT|off", listeners,
       "HTTP for UM-Bridge and Tesseract clients; the default takes its port from $PORT, if set",
       [&config](const std::string& text, const std::string& field) {
         config.gateway = text == "off" ? Endpoint{} : ParseEndpoint(text, field);
       },
       [&config] { return config.gateway.host.empty() ? "off" : config.gateway.ToString(); }},
      Switch("insecure", listeners, "Allow listeners beyond loopback without encryption or login",
             config.insecure),
      Switch("reflection", listeners, "Offer gRPC server reflection", config.reflection),
      Seconds("self-probe-seconds", listeners,
              "How often the server checks that its gRPC listener reacts; after three failures it "
              "ends with exit code 3, to be started again; 0: never",
              0, config.self_probe_seconds),
      Text("port-file", "FILE", listeners,
           "Once the listeners are up, write their addresses here: lines grpc=HOST:PORT, "
           "metrics=HOST:PORT and gateway=HOST:PORT",
           config.port_file),
      Text("tls-cert", "FILE", access, "PEM certificate of the server with its chain; turns on TLS",
           config.tls_cert),
      Text("tls-key", "FILE", access, "PEM private key of that certificate", config.tls_key),
      Text("tls-client-ca", "FILE", access,
           "PEM certificates of authorities; callers need a certificate that one of them signed",
           config.tls_client_ca),
      Text("auth-tokens", "FILE", access,
           "Tokens or certificates that callers need, one line of `sobolev token create` each; "
           "without it there is no login",
           config.auth_tokens),
      Text("audit-log", "FILE|-", access,
           "Where each call that changes something is noted, with its caller; - is the log, and "
           "empty is nowhere",
           config.audit_log),
      Count("reload-seconds", access, "How often these files are read again, without a restart", 1,
            3600, config.reload_seconds),
      Text("data-dir", "DIR", storage, "Where datasets, jobs and models are kept; one server each",
           config.data_dir),
      Choice<LogLevel>("log-level", storage, "Least severe event that is logged",
                       {{"debug", LogLevel::kDebug},
                        {"info", LogLevel::kInfo},
                        {"warning", LogLevel::kWarning},
                        {"error", LogLevel::kError}},
                       config.log_level),
      Choice<LogFormat>(
          "log-format", storage,
          "Form of the log lines on stderr; auto is text on a terminal, else json",
          {{"auto", LogFormat::kAuto}, {"json", LogFormat::kJson}, {"text", LogFormat::kText}},
          config.log_format),
      Count("threads", compute, "Threads for predictions and programs; 0: one per processor", 0,
            kThreadsMax, config.threads),
      Count("train-threads", compute, "Threads of one training job; 0: one per processor", 0,
            kThreadsMax, config.train_threads),
      Count("max-running-jobs", compute, "Jobs that train or prune at once; others wait", 1, 1024,
            config.max_running_jobs),
      Count("max-sampling-jobs", compute,
            "Sampling jobs that are open at once; others wait in the queue", 1, 1024,
            config.max_sampling_jobs),
      Text("um-bridge-hosts", "HOST:PORT,...", compute,
           "UM-Bridge servers that sampling jobs may call; none by default",
           config.um_bridge_hosts),
      Bytes("job-memory-bytes", compute, "Most memory one job may need", kMiB, kTiB,
            config.job_memory_bytes),
      Seconds("checkpoint-interval-seconds", compute,
              "How often a running job saves its state; what a crash can cost", 0.01,
              config.checkpoint_interval_seconds),
      Bytes("model-cache-bytes", compute, "Memory for models held ready to predict", kMiB, kTiB,
            config.model_cache_bytes),
      Bytes("program-cache-bytes", compute, "Memory for programs held ready to evaluate", kMiB,
            kTiB, config.program_cache_bytes),
      Seconds("call-timeout-seconds", calls,
              "Deadline of a call with one reply if its caller sets none", 0.01,
              config.call_timeout_seconds),
      Seconds("upload-idle-seconds", calls,
              "An upload whose caller rests this long is ended; what it stored stays", 0.01,
              config.upload_idle_seconds),
      Bytes("max-message-bytes", calls, "Largest message taken or sent", 64 * kKiB, kMessageMax,
            config.max_message_bytes),
      Bytes("max-http-body-bytes", calls, "Largest body of a request to the HTTP gateway", kKiB,
            kMessageMax, config.max_http_body_bytes),
      Count("max-block-rows", calls, "Most samples in one block of an upload", std::int64_t{1},
            std::int64_t{1} << 30, config.max_block_rows),
      Bytes("upload-window-bytes", calls,
            "Most bytes of one upload that are received and not yet on disk", kMiB, kTiB,
            config.upload_window_bytes),
      Seconds("upload-ttl-seconds", calls, "Uploads left uncommitted this long are dropped", 1,
              config.upload_ttl_seconds),
      Count("max-predict-rows", calls, "Most points in one Predict or Evaluate", std::int64_t{1},
            std::int64_t{1} << 30, config.max_predict_rows),
      Bytes("max-predict-reply-bytes", calls, "Largest reply to one Predict or Evaluate", kKiB,
            kMessageMax, config.max_predict_reply_bytes),
      Bytes("max-program-bytes", calls, "Longest source of a program", std::int64_t{1}, 16 * kMiB,
            config.max_program_bytes),
      Count("max-program-operations", calls, "Most operations of a program's trace",
            std::int64_t{1}, std::int64_t{1} << 28, config.max_program_operations),
      Rate("control-rate", rates, "Calls but predictions", config.control_rate),
      Rate("predict-rate", rates, "Predictions and evaluations", config.predict_rate),
      Bytes("byte-rate", rates, "Bytes of requests", 0, kTiB, config.byte_rate),
      Count("max-predict-calls", at_once,
            "Predictions and evaluations; 0: 4 per processor, and 256 more", 0, 1 << 20,
            config.max_predict_calls),
      Count("max-transfers", at_once, "Uploads and downloads of samples", 1, 1 << 20,
            config.max_transfers),
      Count("max-control-calls", at_once, "Other calls", 1, 1 << 20, config.max_control_calls),
      Count("max-watches", at_once, "Watches of jobs", 1, 1 << 20, config.max_watches),
      Count("max-queued-calls", at_once, "Of all these, how many may wait for a thread", 1, 1 << 20,
            config.max_queued_calls),
      Bytes("request-memory-bytes", at_once,
            "Memory for all requests under way; beyond it they are turned away unread", kMiB, kTiB,
            config.request_memory_bytes),
      Bytes("resource-quota-bytes", connections, "Memory for gRPC's buffers, over all connections",
            8 * kMiB, kTiB, config.resource_quota_bytes),
      Count("max-streams-per-connection", connections, "Calls at once over one connection", 1,
            1 << 20, config.max_streams_per_connection),
      Bytes("max-metadata-bytes", connections, "Headers of one call", kKiB, kMiB,
            config.max_metadata_bytes),
      Seconds("handshake-timeout-seconds", connections, "For TLS and HTTP/2 to begin", 0.1,
              config.handshake_timeout_seconds),
      Seconds("max-connection-idle-seconds", connections, "Without a call it is closed", 1,
              config.max_connection_idle_seconds),
      Seconds("max-connection-age-seconds", connections,
              "Then it takes no more calls, and clients make another", 1,
              config.max_connection_age_seconds),
      Seconds("connection-age-grace-seconds", connections,
              "How long calls may go on after that before they are cut", 0,
              config.connection_age_grace_seconds),
      Count("min-open-files", connections,
            "Refuse to start if the system allows fewer; at the limit gRPC stops listening", 64,
            1 << 30, config.min_open_files),
      Seconds("drain-grace-seconds", shutdown,
              "After SIGTERM, go on serving this long while health says NOT_SERVING", 0,
              config.drain_grace_seconds),
      Seconds("drain-timeout-seconds", shutdown,
              "After that, let running calls end for this long before they are cut", 0,
              config.drain_timeout_seconds),
  };
}

std::string EnvironmentName(const std::string& name) {
  std::string variable = "SOBOLEV_";
  for (const char c : name) variable += c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return variable;
}

// Levenshtein's distance, for "did you mean".
std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// Reads lines "name = value"; empty lines and lines that start with # are skipped.
void ApplyFile(const std::string& path, const std::vector<Setting>& settings) {
  std::ifstream file(path);
  if (!file) {
    throw FailedPrecondition("CANNOT_READ_CONFIG", "--config", "cannot read '" + path + "'");
  }
  std::set<std::string> seen;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string text = CLI::detail::trim_copy(line);
    if (text.empty() || text.front() == '#') continue;
    const std::string place = path + ":" + std::to_string(number);
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) throw Unexpected(place, "'name = value'", text);
    const std::string name = CLI::detail::trim_copy(text.substr(0, equals));
    const auto setting = std::find_if(settings.begin(), settings.end(),
                                      [&](const Setting& s) { return s.name == name; });
    if (setting == settings.end()) {
      const auto nearest = std::min_element(
          settings.begin(), settings.end(), [&](const Setting& a, const Setting& b) {
            return EditDistance(name, a.name) < EditDistance(name, b.name);
          });
      throw InvalidArgument("UNKNOWN_SETTING", place,
                            "unknown setting '" + name + "'; did you mean '" + nearest->name +
                                "'? --print-config lists all");
    }
    if (!seen.insert(name).second) {
      throw InvalidArgument("REPEATED_SETTING", place, "'" + name + "' is set a second time");
    }
    std::string field = place;
    field += ": " + name;
    setting->set(CLI::detail::trim_copy(text.substr(equals + 1)), field);
  }
}

// Beyond loopback, gRPC needs encryption and login; the metrics listener has neither.
void RequireSafeListeners(const ServerConfig& config) {
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    const bool has_key = config.tls_cert.empty();
    throw InvalidArgument("INVALID_SETTING", has_key ? "tls-cert" : "tls-key",
                          std::string("expected a file, because ") +
                              (has_key ? "tls-key" : "tls-cert") + " is given, got ''");
  }
  const bool has_tls = !config.tls_cert.empty();
  if (!config.tls_client_ca.empty() && !has_tls) {
    throw InvalidArgument("INVALID_SETTING", "tls-client-ca",
                          "expected tls-cert and tls-key as well: certificates of callers are "
                          "seen only with TLS");
  }
  if (config.insecure) return;
  const auto refuse = [](const std::string& name, const Endpoint& endpoint,
                         const std::string& consequence, const std::string& fix) {
    throw InvalidArgument("INSECURE_LISTENER", name,
                          "expected a loopback address such as 127.0.0.1, got '" + endpoint.host +
                              "'; " + consequence + ": " + fix +
                              "give --insecure if a firewall or proxy guards it");
  };
  if (!config.listen.IsLoopback()) {
    const std::string everyone =
        "everyone who reaches another address can read and delete everything";
    if (!has_tls) refuse("listen", config.listen, everyone, "set tls-cert and tls-key, or ");
    if (config.auth_tokens.empty() && config.tls_client_ca.empty()) {
      refuse("listen", config.listen, everyone, "set auth-tokens or tls-client-ca, or ");
    }
  }
  if (!config.gateway.host.empty() && !config.gateway.IsLoopback()) {
    refuse("gateway", config.gateway,
           "HTTP has no encryption, so that tokens and data can be read on the way", "");
  }
  if (!config.metrics.IsLoopback()) {
    refuse("metrics", config.metrics, "everyone who reaches another address can read the metrics",
           "");
  }
}

void RequireSound(const ServerConfig& config) {
  if (config.data_dir.empty()) {
    throw InvalidArgument(
        "INVALID_SETTING", "data-dir",
        "expected a directory, got '' (and neither XDG_DATA_HOME nor HOME is set)");
  }
  RequireSafeListeners(config);
  if (config.request_memory_bytes < config.max_message_bytes) {
    throw InvalidArgument("INVALID_SETTING", "request-memory-bytes",
                          "expected at least max-message-bytes (" +
                              FormatBytes(config.max_message_bytes) + "), got " +
                              FormatBytes(config.request_memory_bytes));
  }
  if (config.max_predict_reply_bytes > config.max_message_bytes) {
    throw InvalidArgument("INVALID_SETTING", "max-predict-reply-bytes",
                          "expected at most max-message-bytes (" +
                              FormatBytes(config.max_message_bytes) + "), got " +
                              FormatBytes(config.max_predict_reply_bytes));
  }
}

// `text` in lines of at most `width` characters, where its words allow it.
std::string Wrap(const std::string& text, std::size_t width) {
  std::string wrapped;
  std::size_t column = 0;
  for (const std::string& word : CLI::detail::split(text, ' ')) {
    const bool fits = column + 1 + word.size() <= width;
    if (column > 0) wrapped += fits ? ' ' : '\n';
    column = (column > 0 && fits ? column + 1 : 0) + word.size();
    wrapped += word;
  }
  return wrapped;
}

void PrintConfig(const std::vector<Setting>& settings, std::ostream& out) {
  std::string group;
  for (const Setting& setting : settings) {
    if (setting.group != group) {
      out << (group.empty() ? "" : "\n") << "# " << setting.group << ".\n\n";
      group = setting.group;
    }
    const std::string value = setting.get();
    out << "# " << setting.meaning << ".\n"
        << setting.name << " =" << (value.empty() ? "" : " ") << value << "\n";
  }
}

std::string DefaultDataDir() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string xdg = variable("XDG_DATA_HOME"); !xdg.empty()) return xdg + "/sobolev";
  if (const std::string home = variable("HOME"); !home.empty()) {
    return home + "/.local/share/sobolev";
  }
  return "";
}

}  // namespace

std::string Endpoint::ToString() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Endpoint::IsLoopback() const {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos &&
         std::count(host.begin(), host.end(), '.') == 3;
}

Endpoint ParseEndpoint(std::string_view text, const std::string& field) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool has_colon = host.find(':') != std::string_view::npos;
    const std::optional<int> port = ParseNumber<int>(text.substr(colon + 1));
    if (!host.empty() && has_colon == bracketed && port && *port >= 0 && *port <= 65535) {
      return {std::string(host), *port};
    }
  }
  throw InvalidArgument("INVALID_ENDPOINT", field,
                        "expected HOST:PORT or [IPV6]:PORT with a port from 0 to 65535, got '" +
                            std::string(text) + "'");
}

std::string_view Version() { return SOBOLEV_VERSION; }

std::variant<ServerConfig, int> ParseConfig(int argc, const char* const* argv, std::ostream& out,
                                            std::ostream& err) {
  constexpr int kUsageError = 2;
  constexpr std::size_t kHelpColumn = 42;
  constexpr std::size_t kHelpWidth = 58;
  ServerConfig config;
  config.data_dir = DefaultDataDir();
  const std::vector<Setting> settings = Settings(config);

  CLI::App app("Trains and serves differentiable surrogates on values and gradients, over gRPC.",
               "sobolev-server");
  app.footer(
      "Each setting can also come from the environment (SOBOLEV_MAX_MESSAGE_BYTES=16MiB) or from\n"
      "the file given by --config (max-message-bytes = 16MiB). Flags win over the environment, "
      "the\n"
      "environment over the file. SIGTERM or SIGINT drains and stops; a second one stops at once.");
  app.get_formatter()->column_width(kHelpColumn);
  app.set_version_flag("--version", "sobolev-server " + std::string(Version()));
  std::string config_file;
  app.add_option("--config", config_file, "File with settings, one 'name = value' per line")
      ->type_name("FILE")
      ->envname("SOBOLEV_CONFIG");
  bool print_config = false;
  bool check_config = false;
  app.add_flag("--print-config", print_config,
               "Print the settings in force as a file for --config; exit");
  app.add_flag("--check-config", check_config, "Check the settings and exit");

  std::vector<std::string> flags(settings.size());
  std::vector<const CLI::Option*> options;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const Setting& setting = settings[i];
    const std::string name = "--" + setting.name;
    const std::string value = setting.get();
    const std::string meaning =
        Wrap(setting.meaning + (value.empty() ? "" : " [" + value + "]"), kHelpWidth);
    CLI::Option* const option = setting.type.empty() ? app.add_flag(name, flags[i], meaning)
                                                     : app.add_option(name, flags[i], meaning);
    option->group(setting.group)->type_name(setting.type);
    options.push_back(option);
  }

  try {
    app.parse(argc, argv);
    // Where clusters run UM-Bridge servers, their scripts say by this variable where to listen.
    if (const char* const port = std::getenv("PORT"); port != nullptr && *port != 0) {
      config.gateway = ParseEndpoint(config.gateway.host + ":" + port, "PORT");
    }
    if (!config_file.empty()) ApplyFile(config_file, settings);
    for (const Setting& setting : settings) {
      const std::string variable = EnvironmentName(setting.name);
      const char* const value = std::getenv(variable.c_str());
      if (value != nullptr) setting.set(value, variable);
    }
    for (std::size_t i = 0; i < settings.size(); ++i) {
      if (options[i]->count() > 0) settings[i].set(flags[i], "--" + settings[i].name);
    }
    RequireSound(config);
  } catch (const CLI::Success& end) {
    return app.exit(end, out, err);
  } catch (const std::exception& error) {
    err << "sobolev-server: " << error.what() << "\nRun sobolev-server --help for all settings.\n";
    return kUsageError;
  }
  if (print_config) PrintConfig(settings, out);
  if (print_config || check_config) return 0;
  return config;
}

}  // namespace sobolev::server
