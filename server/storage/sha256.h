// SHA-256 (FIPS 180-4).

#ifndef SOBOLEV_SERVER_STORAGE_SHA256_H_
#define SOBOLEV_SERVER_STORAGE_SHA256_H_

#include <string>
#include <string_view>

namespace sobolev::server {

// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_SHA256_H_
