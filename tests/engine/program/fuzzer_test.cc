// The fuzzer's checks on every example, on what it once stumbled over (tests/fuzz/corpus), and on
// examples with a byte too many, too few or changed.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/rng.h"

// Ends the process if a promise is broken (tests/fuzz/program_fuzzer.cc).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sobolev::program {
namespace {

int Fuzz(const std::string& source) {
  const std::vector<std::uint8_t> bytes(source.begin(), source.end());
  return LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::string> Sources() {
  std::vector<std::string> sources;
  for (const std::string folder : {"client/examples/programs", "tests/fuzz/corpus"}) {
    const auto path = std::filesystem::path(SOBOLEV_SOURCE_DIR) / folder;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      std::ifstream file(entry.path(), std::ios::binary);
      std::stringstream text;
      text << file.rdbuf();
      sources.push_back(text.str());
    }
  }
  return sources;
}

TEST(FuzzerTest, KnownSourcesKeepThePromises) {
  for (const std::string& source : Sources()) EXPECT_EQ(Fuzz(source), 0);
}

TEST(FuzzerTest, DamagedSourcesKeepThePromises) {
  Rng rng(8);
  const std::string alphabet = "()[]{}+-*/^@=<>!.,:;# \n09axitS_\x80";
  for (const std::string& source : Sources()) {
    for (int trial = 0; trial < 200 && !source.empty(); ++trial) {
      std::string damaged = source;
      const std::size_t place = rng.Below(source.size());
      switch (rng.Below(4)) {
        case 0:
          damaged.erase(place, 1 + rng.Below(8));
          break;
        case 1:
          damaged.insert(place, 1, alphabet[rng.Below(alphabet.size())]);
          break;
        case 2:
          damaged[place] = alphabet[rng.Below(alphabet.size())];
          break;
        default:
          damaged.resize(place);
      }
      EXPECT_EQ(Fuzz(damaged), 0);
    }
  }
}

}  // namespace
}  // namespace sobolev::program
