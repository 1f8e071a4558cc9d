// The flags of a benchmark, --name=value.

#ifndef SOBOLEV_TESTS_BENCH_FLAGS_H_
#define SOBOLEV_TESTS_BENCH_FLAGS_H_

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "engine/base/matrix.h"

namespace sobolev::bench {

class Flags {
 public:
  // Ends the program if an argument is no flag.
  Flags(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      const std::size_t equals = argument.find('=');
      if (!argument.starts_with("--") || equals == std::string::npos) {
        std::fprintf(stderr, "expected --NAME=VALUE, got %s\n", argv[i]);
        std::exit(2);
      }
      values_[argument.substr(2, equals - 2)] = argument.substr(equals + 1);
    }
  }

  // The value of a flag, or what stands for one that is not given.
  std::string Text(const std::string& name, const std::string& fallback = "") const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second;
  }
  double Number(const std::string& name, double fallback) const {
    return values_.contains(name) ? std::strtod(Text(name).c_str(), nullptr) : fallback;
  }
  Index Whole(const std::string& name, Index fallback) const {
    return static_cast<Index>(Number(name, static_cast<double>(fallback)));
  }
  // Whether the flag, items with commas between them, has this one; true if it is not given.
  bool Lists(const std::string& name, const std::string& item) const {
    const std::string list = Text(name);
    return list.empty() || ("," + list + ",").find("," + item + ",") != std::string::npos;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_FLAGS_H_
