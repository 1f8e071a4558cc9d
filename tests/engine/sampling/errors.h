// What a call throws, for tests of bad input.

#ifndef SOBOLEV_TESTS_ENGINE_SAMPLING_ERRORS_H_
#define SOBOLEV_TESTS_ENGINE_SAMPLING_ERRORS_H_

#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace sobolev::sampling {

// "REASON field: description" of the Error that it throws.
template <class Call>
std::string ErrorOf(Call&& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.reason() + " " + e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace sobolev::sampling

#endif  // SOBOLEV_TESTS_ENGINE_SAMPLING_ERRORS_H_
