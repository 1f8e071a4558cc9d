// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected), as in RFC 3720 appendix B.4.

#ifndef SOBOLEV_PROTO_WIRE_CRC32C_H_
#define SOBOLEV_PROTO_WIRE_CRC32C_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace sobolev {

// Extends `crc` (0 to start) by `bytes`. Uses the processor's instruction where there is one.
// Crc32c("123456789") = 0xE3069283.
std::uint32_t Crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

// The same by tables, for processors without the instruction.
std::uint32_t Crc32cPortable(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace sobolev

#endif  // SOBOLEV_PROTO_WIRE_CRC32C_H_
