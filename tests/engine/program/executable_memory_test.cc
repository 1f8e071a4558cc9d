// What happens when the operating system refuses pages: the interpreter takes over.

#include "engine/program/executable_memory.h"

#include <cstddef>
#include <cstdlib>

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include "engine/base/isa.h"
#include "engine/program/machine_code.h"
#include "engine/program/replay.h"
#include "tests/engine/program/unrolled_loops.h"

namespace sobolev::program {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnsHeap = false;
#else
constexpr bool kOwnsHeap = true;
#endif

// While it lives, the process gets no more pages, but memory that it has is given out as before.
class NoMorePages {
 public:
  NoMorePages() {
    // The heap keeps what is freed here, and serves requests of all sizes from it.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    void* volatile memory = std::malloc(std::size_t{16} << 20);
    std::free(memory);
    getrlimit(RLIMIT_AS, &before_);
    const rlimit none{.rlim_cur = 1, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_AS, &none);
  }
  ~NoMorePages() { setrlimit(RLIMIT_AS, &before_); }
  NoMorePages(const NoMorePages&) = delete;
  NoMorePages& operator=(const NoMorePages&) = delete;

 private:
  rlimit before_ = {};
};

InstructionList SquareOfInput() {
  ListMaker maker;
  maker.Output(maker.Make(Op::kSquare, maker.Input()));
  return maker.list();
}

double SquareOfThree(const Replayer& replayer) {
  Replayer::Workspace workspace(replayer);
  workspace.slots()[0] = 3;
  workspace.Run(1);
  return workspace.slots()[Index{replayer.trace().output_slots[0]} * replayer.stride()];
}

bool HasCode(const Replayer& replayer) { return replayer.code() != nullptr; }

// In processes of their own: limits and heaps are everyone's. Death tests run before others, so
// that nobody has asked for pages yet.
class ExecutableMemoryDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!kOwnsHeap) GTEST_SKIP() << "a sanitizer's heap needs pages itself";
  }
};

TEST_F(ExecutableMemoryDeathTest, ARefusalIsAskedAboutAgain) {
  const auto check = [] {
    bool was_available = true;
    {
      const NoMorePages limit;
      was_available = ExecutableMemory::IsAvailable();
    }
    const bool is_available = ExecutableMemory::IsAvailable();
    std::_Exit(!was_available && is_available == ExecutableMemory(1).Seal() ? 0 : 1);
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(0), "");
}

TEST_F(ExecutableMemoryDeathTest, TheInterpreterReplaysWhatGetsNoPages) {
  const auto check = [] {
    const InstructionList list = SquareOfInput();
    const bool expects_code = MachineCode::IsAvailable();
    bool is_right = false;
    {
      const NoMorePages limit;
      const Replayer replayer(list, LaneKind::kFast);
      is_right = !HasCode(replayer) && SquareOfThree(replayer) == 9;
    }
    const Replayer replayer(list, LaneKind::kFast);
    is_right = is_right && HasCode(replayer) == expects_code && SquareOfThree(replayer) == 9;
    std::_Exit(is_right ? 0 : 1);
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(0), "");
}

TEST(ExecutableMemoryTest, HasNoDataIfThereAreNoPages) {
  ExecutableMemory memory(std::size_t{1} << 62);  // More than any address space.
  EXPECT_EQ(memory.data(), nullptr);
  EXPECT_FALSE(memory.Seal());
}

}  // namespace
}  // namespace sobolev::program
