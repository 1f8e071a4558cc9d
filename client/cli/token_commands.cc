// `sobolev token`: makes tokens for the server's --auth-tokens file. Asks no server.

#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "client/cli/commands.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr int kDefaultDays = 90;
constexpr int kMaxDays = 36500;

struct TokenOptions {
  std::string principal;
  std::string tenant;
  std::string role;
  int days = kDefaultDays;
};

std::string IsName(const std::string& text) {
  const bool is_good =
      !text.empty() && text.size() <= 63 &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-@") == std::string::npos;
  return is_good ? "" : "expected 1 to 63 characters of a-z, 0-9, '.', '_', '-', '@'";
}

// RFC 4648, section 5, without padding.
std::string WebSafeBase64(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned int bits = 0;
  int count = 0;
  for (const unsigned char byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

std::string NewToken() {
  std::array<unsigned char, kTokenBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw std::runtime_error("the system gave no random bytes");
  }
  return "sbv_" + WebSafeBase64(bytes);
}

std::string Sha256Hex(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::ostringstream hex;
  for (const unsigned char byte : digest) {
    hex << std::hex << std::setw(2) << std::setfill('0') << static_cast<int>(byte);
  }
  return hex.str();
}

// "2027-01-31T12:00:00Z"
std::string DaysFromNow(int days) {
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() +
                                                                std::chrono::hours(24 * days));
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::ostringstream text;
  text << std::put_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
  return text.str();
}

void CreateToken(const TokenOptions& options, const Context& context) {
  const std::string token = NewToken();
  Json line = {{"sha256", Sha256Hex(token)},
               {"principal", options.principal},
               {"tenant", options.tenant},
               {"role", options.role}};
  if (options.days > 0) line["expires"] = DaysFromNow(options.days);
  if (context.json) {
    std::cout << Json{{"token", token}, {"line", line.dump()}}.dump() << '\n';
    return;
  }
  std::cout << line.dump() << '\n';
  std::cerr << token << "\nThis is the token, shown only now. The line on standard output belongs "
            << "into the server's --auth-tokens file.\n";
}

}  // namespace

void AddTokenCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("token", "Make tokens that callers log in with.");
  group->require_subcommand(1)->fallthrough();
  CLI::App* create = group->add_subcommand("create", "Make a token.")->fallthrough();
  create->footer(
      "Example:\n"
      "  sobolev token create --principal ann --role writer >> tokens.jsonl\n\n"
      "The token itself goes to standard error, the line with its SHA-256 to standard output.");
  const auto options = std::make_shared<TokenOptions>();
  create->add_option("--principal", options->principal, "Who calls with it")
      ->required()
      ->type_name("NAME")
      ->check(IsName);
  create->add_option("--role", options->role, "What they may do")
      ->required()
      ->check(CLI::IsMember({"viewer", "predictor", "worker", "writer", "admin"}));
  create
      ->add_option("--tenant", options->tenant, "Whose resources they see; without: the default's")
      ->type_name("NAME")
      ->check(IsName);
  create->add_option("--expires", options->days, "For how many days it is good; 0: for ever")
      ->type_name("DAYS")
      ->check(CLI::Range(0, kMaxDays))
      ->capture_default_str();
  create->callback([options, &context] { CreateToken(*options, context); });
}

}  // namespace sobolev::cli
