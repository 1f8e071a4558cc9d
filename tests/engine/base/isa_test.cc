#include "engine/base/isa.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace sobolev {
namespace {

// The kernel lists only what the operating system saves across a switch of threads.
TEST(IsaTest, BestIsaIsWhatTheKernelReports) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line;
  while (std::getline(cpuinfo, line) && !line.starts_with("flags")) {
  }
  if (line.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  const std::string flags = line + " ";
  const auto has_all = [&](const std::string& names) {
    std::istringstream stream(names);
    std::string name;
    while (stream >> name) {
      if (flags.find(" " + name + " ") == std::string::npos) return false;
    }
    return true;
  };
  const Isa expected = has_all("avx512f avx512dq avx512bw avx512vl") ? Isa::kAvx512
                       : has_all("avx2 fma")                         ? Isa::kAvx2
                                                                     : Isa::kSse2;
  EXPECT_EQ(Name(BestIsa()), Name(expected));
}

TEST(IsaTest, NamesAreLowerCase) {
  EXPECT_EQ(Name(Isa::kSse2), "sse2");
  EXPECT_EQ(Name(Isa::kAvx2), "avx2");
  EXPECT_EQ(Name(Isa::kAvx512), "avx512");
}

}  // namespace
}  // namespace sobolev
