// Every setting of sobolev-server with its default.
//
// A setting is given as a flag (--max-message-bytes 16MiB), as an environment variable
// (SOBOLEV_MAX_MESSAGE_BYTES=16MiB) or in the file named by --config (max-message-bytes = 16MiB);
// flags win over the environment, the environment over the file, the file over the defaults.

#ifndef SOBOLEV_SERVER_BASE_CONFIG_H_
#define SOBOLEV_SERVER_BASE_CONFIG_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <variant>

#include "server/base/log.h"

namespace sobolev::server {

// Where to listen.
struct Endpoint {
  std::string host;  // A name or an address, without brackets.
  int port = 0;      // 0: the kernel chooses.

  // "host:port", with brackets around an IPv6 address.
  std::string ToString() const;
  // Whether host is localhost, 127.x.y.z or ::1.
  bool IsLoopback() const;
};

// Reads "HOST:PORT" or "[IPV6]:PORT". Throws Error(kInvalidArgument INVALID_ENDPOINT) naming
// `field`.
Endpoint ParseEndpoint(std::string_view text, const std::string& field);

struct ServerConfig {
  static constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  static constexpr std::int64_t kGiB = std::int64_t{1} << 30;

  // Listeners.
  Endpoint listen{"127.0.0.1", 50551};  // gRPC.
  Endpoint metrics{"127.0.0.1", 9464};  // HTTP: /metrics, /healthz.
  // HTTP: UM-Bridge and Tesseract clients. Without a host: nowhere.
  Endpoint gateway{"127.0.0.1", 4242};
  bool insecure = false;          // Allows listeners without encryption or login beyond it.
  bool reflection = true;         // gRPC server reflection.
  double self_probe_seconds = 0;  // How often the server checks its gRPC listener; 0: never.
  std::string port_file;          // Where to write the ports in use; empty: nowhere.

  // Who may call. Paths of PEM files; empty: no TLS, no client certificates.
  std::string tls_cert;       // The server's certificate, and those in between up to the CA.
  std::string tls_key;        // Its private key.
  std::string tls_client_ca;  // Callers need a certificate that one of these signed.
  std::string auth_tokens;    // Who may do what, as server/auth/tokens.h says; empty: everyone may.
  std::string audit_log;      // Where changes are noted: a file; "-": the log; empty: nowhere.
  int reload_seconds = 5;     // How often the files above are looked at for a change.

  // What one principal may do a second; 0: no limit. Without login there is none either.
  double control_rate = 200;
  double predict_rate = 5000;
  std::int64_t byte_rate = 200 * kMiB;

  // Calls at once, over all callers; more are turned away.
  int max_predict_calls = 0;  // 0: 4 per processor, and 256.
  int max_transfers = 64;     // Uploads and downloads.
  int max_control_calls = 128;
  int max_watches = 256;
  int max_queued_calls = 256;                    // Of those above, how many may wait for a thread.
  std::int64_t request_memory_bytes = 1 * kGiB;  // For all requests under way, as sent.

  // Storage and logs.
  std::string data_dir;  // $XDG_DATA_HOME/sobolev or ~/.local/share/sobolev.
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kAuto;

  // Compute. 0 threads: one per processor.
  int threads = 0;        // Sweeps of Predict and Evaluate.
  int train_threads = 0;  // Each training job.
  int max_running_jobs = 1;
  int max_sampling_jobs = 16;
  std::string um_bridge_hosts;  // "host:port" separated by commas.
  std::int64_t job_memory_bytes = 8 * kGiB;
  double checkpoint_interval_seconds = 30;
  std::int64_t model_cache_bytes = 1 * kGiB;
  std::int64_t program_cache_bytes = 1 * kGiB;

  // Limits of single calls.
  double call_timeout_seconds = 60;  // Of a call with one reply whose caller set no deadline.
  double upload_idle_seconds = 60;   // An upload that rests for so long is ended.
  std::int64_t max_message_bytes = 64 * kMiB;
  std::int64_t max_http_body_bytes = 16 * kMiB;
  std::int64_t max_block_rows = 65536;
  std::int64_t upload_window_bytes = 32 * kMiB;  // Received and not yet durable, per stream.
  double upload_ttl_seconds = 86400;             // Uncommitted uploads are dropped after this.
  std::int64_t max_predict_rows = 16384;
  std::int64_t max_predict_reply_bytes = 64 * kMiB;
  std::int64_t max_program_bytes = 1 * kMiB;  // Of the source.
  std::int64_t max_program_operations = std::int64_t{1} << 22;

  // Limits of connections.
  std::int64_t resource_quota_bytes = 256 * kMiB;  // gRPC's buffers, over all connections.
  int max_streams_per_connection = 100;
  std::int64_t max_metadata_bytes = 8 << 10;
  double handshake_timeout_seconds = 10;
  double max_connection_idle_seconds = 900;
  double max_connection_age_seconds = 3600;   // Then it is closed; clients connect again.
  double connection_age_grace_seconds = 300;  // How long calls may still run on it.
  int min_open_files = 4096;                  // Of which the system must allow so many.

  // Shutdown.
  double drain_grace_seconds = 0;     // NOT_SERVING before calls are refused.
  double drain_timeout_seconds = 30;  // Then running calls are cut.
};

// "0.1.0".
std::string_view Version();

// Reads flags, environment and file. Where the process should end at once (--help, --version,
// --print-config, --check-config, or an error), writes to `out` or `err` and returns the exit code
// instead: 0, or 2 after an error. An error names the setting, what was expected and what came.
std::variant<ServerConfig, int> ParseConfig(int argc, const char* const* argv, std::ostream& out,
                                            std::ostream& err);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_CONFIG_H_
