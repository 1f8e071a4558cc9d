// W3C Trace Context: how a caller tells which of its traces a call belongs to.

#ifndef SOBOLEV_SERVER_BASE_TRACE_H_
#define SOBOLEV_SERVER_BASE_TRACE_H_

#include <optional>
#include <string_view>

namespace sobolev::server {

// Views of the header.
struct TraceParent {
  std::string_view trace_id;  // 32 lower-case hex digits.
  std::string_view span_id;   // 16.
  bool sampled = false;
};

// Reads "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", and later versions as far as
// they agree. Nothing for headers that a receiver must ignore.
std::optional<TraceParent> ParseTraceParent(std::string_view header);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_TRACE_H_
