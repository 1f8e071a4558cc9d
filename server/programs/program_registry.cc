#include "server/programs/program_registry.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/chain/program_surrogate.h"
#include "proto/sobolev/v1/programs.pb.h"
#include "server/base/stored_id.h"

namespace sobolev::server {
namespace {

// By the statistics that were stored with the program: to make them anew takes its time.
std::size_t EstimateBytes(const ProgramRecord& record) {
  v1::Program overview;
  if (!overview.ParseFromString(record.overview)) {
    throw Error(ErrorCode::kDataLoss, "CORRUPT_PROGRAM", "program",
                "the stored statistics of \"" + LocalId(record.id) +
                    "\" are damaged; delete the program and create it again");
  }
  const v1::ProgramStatistics& statistics = overview.statistics();
  program::Summary summary;
  summary.operations = statistics.operations();
  summary.jacobian_mode = statistics.jacobian_mode();
  summary.tangent_ratio = statistics.tangent_ratio();
  summary.adjoint_ratio = statistics.adjoint_ratio();
  summary.jacobian_ratio = statistics.jacobian_ratio();
  summary.hessian_vector_ratio = statistics.hessian_vector_ratio();
  return chain::EstimateProgramBytes(summary, record.source.size());
}

}  // namespace

ServedProgram::ServedProgram(const std::string& source, const program::SourceLimits& limits,
                             std::size_t size_bytes)
    : program_(source, limits), size_bytes_(size_bytes) {}

ProgramRegistry::ProgramRegistry(Store& store, std::size_t max_bytes,
                                 const program::SourceLimits& limits)
    : store_(store), max_bytes_(max_bytes), limits_(limits) {}

std::unique_ptr<const program::Program> ProgramRegistry::Compile(const std::string& source) const {
  return std::make_unique<const program::Program>(source, limits_);
}

ProgramRegistry::Handle ProgramRegistry::FindCached(const std::string& program_id) {
  const std::shared_lock lock(mutex_);
  const auto entry = entries_.find(program_id);
  if (entry == entries_.end()) return nullptr;
  entry->second.last_use->store(++uses_, std::memory_order_relaxed);
  return entry->second.program;
}

ProgramRegistry::Handle ProgramRegistry::Get(const std::string& program_id) {
  if (Handle found = FindCached(program_id)) return found;
  std::uint64_t removals = 0;
  {
    const std::shared_lock lock(mutex_);
    removals = removals_;
  }
  const ProgramRecord record = store_.GetProgram(program_id);
  Handle compiled = std::make_shared<const ServedProgram>(
      record.source, chain::AcceptedSourceLimits(), EstimateBytes(record));

  const std::unique_lock lock(mutex_);
  // The program may have been deleted meanwhile: answer this request, remember nothing.
  if (removals != removals_) return compiled;
  const auto present = entries_.find(program_id);
  if (present != entries_.end()) return present->second.program;
  const std::size_t bytes = compiled->SizeBytes();
  if (bytes > max_bytes_) return compiled;
  EvictToFit(bytes);
  size_bytes_ += bytes;
  entries_.try_emplace(program_id,
                       Entry{compiled, std::make_unique<std::atomic<std::uint64_t>>(++uses_)});
  return compiled;
}

void ProgramRegistry::EvictToFit(std::size_t incoming_bytes) {
  while (!entries_.empty() && size_bytes_ + incoming_bytes > max_bytes_) {
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return *a.second.last_use < *b.second.last_use; });
    size_bytes_ -= oldest->second.program->SizeBytes();
    entries_.erase(oldest);
  }
}

void ProgramRegistry::Remove(const std::string& program_id) {
  const std::unique_lock lock(mutex_);
  ++removals_;
  const auto entry = entries_.find(program_id);
  if (entry == entries_.end()) return;
  size_bytes_ -= entry->second.program->SizeBytes();
  entries_.erase(entry);
}

std::size_t ProgramRegistry::NumPrograms() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

std::size_t ProgramRegistry::SizeBytes() const {
  const std::shared_lock lock(mutex_);
  return size_bytes_;
}

}  // namespace sobolev::server
