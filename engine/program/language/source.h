// The text of a program, and how its faults are reported.
//
// Everything after parsing refers to the text by byte offsets, which are cheap to carry along; they
// become "line L, column C" only when there is something to complain about.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_SOURCE_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace sobolev::program::language {

// An offset into the source in bytes. Sources are at most a few megabytes.
using Position = std::uint32_t;

// A fault of the source whose message begins "line L, column C:". Errors of other kinds, thrown
// where the position is not known, become this one on their way up.
class SourceError : public Error {
 public:
  using Error::Error;
};

// Refers to a text that outlives it.
class Source {
 public:
  explicit Source(std::string_view text) : text_(text) {}

  std::string_view text() const { return text_; }

  // The error that `description` is, at `position`. Columns count bytes from 1.
  SourceError Fault(Position position, const std::string& reason,
                    const std::string& description) const;
  // The same fault as `error`, which is not a SourceError, at `position`.
  SourceError Located(Position position, const Error& error) const;

  // What stands at `position`, for "got ...", followed by advice where a slip is a common one.
  std::string Describe(Position position) const;
  // Whether an operator between two operands stands there.
  bool IsOperatorAt(Position position) const;

 private:
  std::string_view text_;
};

// A name as it is shown in a message: in quotes, and shortened if it is very long.
std::string Quoted(std::string_view name);

// "; did you mean 'x'?" for the one of `known` that takes the fewest edits to reach from `name`, or
// nothing if all take more than one edit for each three letters or so.
std::string Suggestion(std::string_view name, std::span<const std::string_view> known);

// The name or reserved word that `text` begins with, or nothing.
std::string_view FirstWord(std::string_view text);

// Whether the language keeps this word for itself.
bool IsReserved(std::string_view word);

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_SOURCE_H_
