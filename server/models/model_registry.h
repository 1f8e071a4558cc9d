// The models being served, by name.

#ifndef SOBOLEV_SERVER_MODELS_MODEL_REGISTRY_H_
#define SOBOLEV_SERVER_MODELS_MODEL_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/models.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// One version of a model, ready to predict. Immutable.
struct ServedModel {
  std::string model_id;
  std::int64_t version = 0;
  std::shared_ptr<const Surrogate> surrogate;
  Vector domain_min;  // n, the box of the training samples.
  Vector domain_max;  // n
  // Position and name of the inputs of which a logarithm is taken: where one is not > 0 there is no
  // prediction.
  std::vector<std::pair<Index, std::string>> logarithmic;
  // Names of the variables, units, errors: all that is known but the weights.
  v1::ModelVersion description;
};

// A cache over the store, bounded in bytes; the least recently used versions leave first.
// Thread-safe.
//
// A Handle keeps its model alive, so Publish, Remove and eviction never disturb a request that is
// already running.
class ModelRegistry {
 public:
  using Handle = std::shared_ptr<const ServedModel>;

  // `store` must outlive the registry.
  ModelRegistry(Store& store, std::size_t max_bytes);

  // The version, or with 0 the newest one. Loads it from the store on first use. Throws
  // Error(kNotFound) or Error(kDataLoss).
  Handle Get(const std::string& model_id, std::int64_t version);

  // The version if it is in memory, else null. Never waits for the store.
  Handle FindCached(const std::string& model_id, std::int64_t version);

  // A new version exists: it answers from now on for requests without version.
  void Publish(const std::string& model_id, std::int64_t version);
  // The model was deleted.
  void Remove(const std::string& model_id);

  std::size_t NumModels() const;
  std::size_t SizeBytes() const;
  // Calls of Get that found the version in memory, and that did not.
  std::int64_t NumHits() const { return hits_; }
  std::int64_t NumMisses() const { return misses_; }

 private:
  struct Entry {
    Handle model;
    // Value of `uses_` at the last Get; readers set it under the shared lock.
    std::unique_ptr<std::atomic<std::uint64_t>> last_use;
  };
  using Key = std::pair<std::string, std::int64_t>;

  void EvictToFit(std::size_t incoming_bytes);

  Store& store_;
  const std::size_t max_bytes_;
  std::atomic<std::uint64_t> uses_{0};
  std::atomic<std::int64_t> hits_{0};
  std::atomic<std::int64_t> misses_{0};
  mutable std::shared_mutex mutex_;
  std::map<Key, Entry> entries_;                // Guarded by mutex_.
  std::map<std::string, std::int64_t> latest_;  // Guarded by mutex_.
  std::size_t size_bytes_ = 0;                  // Guarded by mutex_.
  std::uint64_t removals_ = 0;                  // Guarded by mutex_.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_MODELS_MODEL_REGISTRY_H_
