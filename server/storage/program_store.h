// Programs, in the embedded store: text in a table.

#ifndef SOBOLEV_SERVER_STORAGE_PROGRAM_STORE_H_
#define SOBOLEV_SERVER_STORAGE_PROGRAM_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/storage/store_core.h"

namespace sobolev::server {

// The methods are those of Store. Thread-safe.
class ProgramStore {
 public:
  // `core` outlives this.
  explicit ProgramStore(StoreCore& core) : core_(core) {}

  ProgramRecord Create(ProgramRecord program);
  ProgramRecord Get(const std::string& id);
  std::vector<ProgramRecord> List(const std::string& after, std::int64_t limit);
  void Delete(const std::string& id);

 private:
  StoreCore& core_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_PROGRAM_STORE_H_
