#include "server/models/model_registry.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/train/surrogate_codec.h"

namespace sobolev::server {
namespace {

// As ServedModel::logarithmic. Where inputs are clamped they stay > 0.
std::vector<std::pair<Index, std::string>> LogarithmicInputs(const v1::ModelVersion& description) {
  std::vector<std::pair<Index, std::string>> inputs;
  if (description.extrapolation() != v1::ModelVersion::EXTRAPOLATION_OWN) return inputs;
  for (const v1::InputMap& map : description.input_maps()) {
    for (int j = 0; map.logarithmic() && j < description.schema().inputs_size(); ++j) {
      if (description.schema().inputs(j).name() == map.input()) inputs.emplace_back(j, map.input());
    }
  }
  return inputs;
}

ModelRegistry::Handle Load(Store& store, const ModelVersionRecord& record) {
  std::shared_ptr<const Surrogate> surrogate = train::DecodeSurrogate(store.LoadWeights(record));
  v1::ModelVersion description;
  const Index n = surrogate->n();
  if (!description.ParseFromString(record.description) || description.domain_size() != n) {
    throw Error(ErrorCode::kDataLoss, "CORRUPT_MODEL", "model",
                "the stored description is damaged; train the model again");
  }
  Vector domain_min(n);
  Vector domain_max(n);
  for (Index j = 0; j < n; ++j) {
    domain_min[j] = description.domain(static_cast<int>(j)).min();
    domain_max[j] = description.domain(static_cast<int>(j)).max();
  }
  std::vector<std::pair<Index, std::string>> logarithmic = LogarithmicInputs(description);
  return std::make_shared<const ServedModel>(
      ServedModel{record.model_id, record.version, std::move(surrogate), std::move(domain_min),
                  std::move(domain_max), std::move(logarithmic), std::move(description)});
}

}  // namespace

ModelRegistry::ModelRegistry(Store& store, std::size_t max_bytes)
    : store_(store), max_bytes_(max_bytes) {}

ModelRegistry::Handle ModelRegistry::FindCached(const std::string& model_id, std::int64_t version) {
  const std::shared_lock lock(mutex_);
  if (version == 0) {
    const auto latest = latest_.find(model_id);
    if (latest == latest_.end()) return nullptr;
    version = latest->second;
  }
  const auto entry = entries_.find({model_id, version});
  if (entry == entries_.end()) return nullptr;
  entry->second.last_use->store(++uses_, std::memory_order_relaxed);
  return entry->second.model;
}

ModelRegistry::Handle ModelRegistry::Get(const std::string& model_id, std::int64_t version) {
  if (Handle found = FindCached(model_id, version)) {
    ++hits_;
    return found;
  }
  ++misses_;
  std::uint64_t removals = 0;
  {
    const std::shared_lock lock(mutex_);
    removals = removals_;
  }
  const bool newest = version == 0;
  const ModelVersionRecord record =
      newest ? store_.GetModel(model_id).latest : store_.GetModelVersion(model_id, version);
  Handle loaded = Load(store_, record);

  const std::unique_lock lock(mutex_);
  // The model may have been deleted meanwhile: answer this request, remember nothing.
  if (removals != removals_) return loaded;
  if (newest) latest_[model_id] = std::max(latest_[model_id], record.version);
  const std::size_t bytes = loaded->surrogate->SizeBytes();
  const auto present = entries_.find({model_id, record.version});
  if (present != entries_.end()) return present->second.model;
  if (bytes > max_bytes_) return loaded;
  EvictToFit(bytes);
  size_bytes_ += bytes;
  entries_.try_emplace({model_id, record.version},
                       Entry{loaded, std::make_unique<std::atomic<std::uint64_t>>(++uses_)});
  return loaded;
}

void ModelRegistry::EvictToFit(std::size_t incoming_bytes) {
  while (!entries_.empty() && size_bytes_ + incoming_bytes > max_bytes_) {
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return *a.second.last_use < *b.second.last_use; });
    size_bytes_ -= oldest->second.model->surrogate->SizeBytes();
    entries_.erase(oldest);
  }
}

void ModelRegistry::Publish(const std::string& model_id, std::int64_t version) {
  const std::unique_lock lock(mutex_);
  latest_[model_id] = std::max(latest_[model_id], version);
}

void ModelRegistry::Remove(const std::string& model_id) {
  const std::unique_lock lock(mutex_);
  ++removals_;
  latest_.erase(model_id);
  std::erase_if(entries_, [&](const auto& entry) {
    if (entry.first.first != model_id) return false;
    size_bytes_ -= entry.second.model->surrogate->SizeBytes();
    return true;
  });
}

std::size_t ModelRegistry::NumModels() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

std::size_t ModelRegistry::SizeBytes() const {
  const std::shared_lock lock(mutex_);
  return size_bytes_;
}

}  // namespace sobolev::server
