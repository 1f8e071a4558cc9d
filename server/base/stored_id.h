// How the store names what tenants own.
//
// In the store the ids of a tenant's resources begin with "tenant/"; those of the default tenant
// have no '/'. Messages for callers name a resource as its tenant does, by its local id.

#ifndef SOBOLEV_SERVER_BASE_STORED_ID_H_
#define SOBOLEV_SERVER_BASE_STORED_ID_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace sobolev::server {

// What the tenant of a stored id calls it.
inline std::string LocalId(std::string_view stored_id) {
  const std::size_t slash = stored_id.find('/');
  return std::string(slash == std::string_view::npos ? stored_id : stored_id.substr(slash + 1));
}

// The tenant of a stored id; empty: the default one.
inline std::string TenantOf(std::string_view stored_id) {
  const std::size_t slash = stored_id.find('/');
  return std::string(slash == std::string_view::npos ? "" : stored_id.substr(0, slash));
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_STORED_ID_H_
