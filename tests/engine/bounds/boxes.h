// Boxes, programs and errors of the tests of bounds.

#ifndef SOBOLEV_TESTS_ENGINE_BOUNDS_BOXES_H_
#define SOBOLEV_TESTS_ENGINE_BOUNDS_BOXES_H_

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/chain/program_surrogate.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {

using every_kind::Shared;

inline Shared Program(const std::string& source) {
  return std::make_shared<chain::ProgramSurrogate>(source);
}

inline Box Cube(Index n, double lo, double hi) {
  return {Vector::Constant(n, lo), Vector::Constant(n, hi)};
}

template <class Call>
std::string FieldOfError(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.field();
  }
  return "no error";
}

}  // namespace sobolev::bounds

#endif  // SOBOLEV_TESTS_ENGINE_BOUNDS_BOXES_H_
