#include "server/base/trace.h"

#include <algorithm>
#include <cstddef>

namespace sobolev::server {
namespace {

constexpr std::size_t kVersionEnd = 2;
constexpr std::size_t kTraceId = 3;
constexpr std::size_t kTraceIdLength = 32;
constexpr std::size_t kSpanId = kTraceId + kTraceIdLength + 1;
constexpr std::size_t kSpanIdLength = 16;
constexpr std::size_t kFlags = kSpanId + kSpanIdLength + 1;
constexpr std::size_t kLength = kFlags + 2;

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

}  // namespace

std::optional<TraceParent> ParseTraceParent(std::string_view header) {
  if (header.size() < kLength) return std::nullopt;
  const std::string_view version = header.substr(0, kVersionEnd);
  const std::string_view flags = header.substr(kFlags, 2);
  const TraceParent parent{
      .trace_id = header.substr(kTraceId, kTraceIdLength),
      .span_id = header.substr(kSpanId, kSpanIdLength),
      // The lowest bit of the second digit.
      .sampled = std::string_view("13579bdf").find(flags[1]) != std::string_view::npos};
  const bool has_dashes =
      header[kVersionEnd] == '-' && header[kSpanId - 1] == '-' && header[kFlags - 1] == '-';
  const bool has_digits =
      IsHex(version) && IsHex(parent.trace_id) && IsHex(parent.span_id) && IsHex(flags);
  if (!has_dashes || !has_digits || version == "ff") return std::nullopt;
  if (IsZero(parent.trace_id) || IsZero(parent.span_id)) return std::nullopt;
  const bool goes_on = header.size() > kLength;
  if (goes_on && (version == "00" || header[kLength] != '-')) return std::nullopt;
  return parent;
}

}  // namespace sobolev::server
