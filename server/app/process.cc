#include "server/app/process.h"

#include <absl/synchronization/mutex.h>
#include <malloc.h>

namespace sobolev::server {
namespace {

constexpr int kReusedBufferBytes = 32 << 20;

}  // namespace

void TuneProcess() {
  // Buffers of messages are used again instead of being mapped and zeroed by the kernel each time.
  mallopt(M_MMAP_THRESHOLD, kReusedBufferBytes);
  mallopt(M_TRIM_THRESHOLD, kReusedBufferBytes);
  // Debian's Abseil looks for deadlocks at each lock, under one lock for all and among all mutexes
  // there are: with thousands of connections, calls wait for milliseconds.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace sobolev::server
