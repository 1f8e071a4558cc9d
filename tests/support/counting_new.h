// Counts what passes through operator new, which counting_new.cc replaces in the programs that it
// is a part of.

#ifndef SOBOLEV_TESTS_SUPPORT_COUNTING_NEW_H_
#define SOBOLEV_TESTS_SUPPORT_COUNTING_NEW_H_

#include <atomic>
#include <cstddef>

namespace sobolev {

inline std::atomic<int> num_allocations = 0;
inline std::atomic<std::size_t> num_bytes = 0;

}  // namespace sobolev

#endif  // SOBOLEV_TESTS_SUPPORT_COUNTING_NEW_H_
