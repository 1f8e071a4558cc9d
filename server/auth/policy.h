// Who may call what: the one table of all methods.
//
// A method that has no rule here is refused to everyone; a test walks all services that are linked
// and fails for those without one.

#ifndef SOBOLEV_SERVER_AUTH_POLICY_H_
#define SOBOLEV_SERVER_AUTH_POLICY_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sobolev::server {

// What a method does to the resources of a tenant.
enum class Permission {
  kRead,     // Looks at resources and data.
  kPredict,  // Computes, and changes nothing.
  kUpload,   // Adds samples to a dataset.
  kWrite,    // Creates, trains, cancels, deletes.
  kAdmin,    // Sees how the server is made.
};

// What may be done with a token: everything up to here, in this order. A worker, besides, is a
// predictor that uploads what it computed.
enum class Role { kViewer, kPredictor, kWorker, kWriter, kAdmin };

// Calls of one lane share a limit of how many there are at once.
enum class Lane {
  kControl,   // Short, mostly on metadata.
  kPredict,   // Computes.
  kTransfer,  // Samples, up or down.
  kWatch,     // Waits for news; costs little.
  kHealth,    // Signs of life, of the server and of workers: never turned away for want of room.
};
inline constexpr int kNumLanes = 5;

struct Rule {
  std::string_view method;  // "/package.Service/Method"
  Permission permission;
  Lane lane;
};

std::span<const Rule> Rules();
// The rule for a method, or null.
const Rule* FindRule(std::string_view method);

bool Allows(Role role, Permission permission);
// Whether what needs the permission may leave something other than it was.
bool Changes(Permission permission);

// "viewer", "predictor", "worker", "writer", "admin", and back.
std::string_view Name(Role role);
std::optional<Role> ParseRole(std::string_view name);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_AUTH_POLICY_H_
