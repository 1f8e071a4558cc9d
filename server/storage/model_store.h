// Models with their immutable versions, in the embedded store.

#ifndef SOBOLEV_SERVER_STORAGE_MODEL_STORE_H_
#define SOBOLEV_SERVER_STORAGE_MODEL_STORE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/storage/store_core.h"

namespace sobolev::server {

// The methods are those of Store. Thread-safe.
class ModelStore {
 public:
  // `core` outlives this.
  explicit ModelStore(StoreCore& core) : core_(core) {}

  ModelRecord Get(const std::string& id);
  std::vector<ModelRecord> List(const std::string& after, std::int64_t limit);
  void Delete(const std::string& id);
  ModelVersionRecord GetVersion(const std::string& model_id, std::int64_t version);
  std::vector<ModelVersionRecord> ListVersions(const std::string& model_id, std::int64_t after,
                                               std::int64_t limit);
  ModelVersionRecord AddVersion(
      const std::string& model_id, std::string_view weights, const std::string& description,
      const std::function<bool(const ModelVersionRecord& newest)>& is_same);
  std::string LoadWeights(const ModelVersionRecord& version);

 private:
  StoreCore& core_;
};

// Inside a write transaction: adds the next version of the model, which is made if missing.
ModelVersionRecord PublishModelVersion(Database& db, const std::string& model_id,
                                       const BlobRef& weights, const DescribeVersion& describe,
                                       std::int64_t now_micros);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_MODEL_STORE_H_
