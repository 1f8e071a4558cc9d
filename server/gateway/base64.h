// Base64 (RFC 4648, section 4).

#ifndef SOBOLEV_SERVER_GATEWAY_BASE64_H_
#define SOBOLEV_SERVER_GATEWAY_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace sobolev::server {

// Appends the characters, padded with '='.
void AppendBase64(std::string_view bytes, std::string& text);

// The bytes, or nothing if `text` is not what AppendBase64 writes.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_BASE64_H_
