// Parse of definition.h: text, tree, places, record.

#include <string>
#include <string_view>

#include "engine/program/definition.h"
#include "engine/program/language/ast.h"
#include "engine/program/language/parser.h"
#include "engine/program/language/recorder.h"
#include "engine/program/language/resolver.h"
#include "engine/program/language/source.h"

namespace sobolev::program {
namespace {

// Some editors begin a text with the byte order mark of UTF-8 and do not show it.
std::string_view WithoutByteOrderMark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

}  // namespace

Definition Parse(std::string_view text, const SourceLimits& limits) {
  const language::Source source(WithoutByteOrderMark(text));
  if (text.size() > limits.max_source_bytes) {
    throw source.Fault(0, "SOURCE_TOO_LONG",
                       "expected at most " + std::to_string(limits.max_source_bytes) +
                           " bytes, got " + std::to_string(text.size()) +
                           "; write repetitions as loops, and data as inputs");
  }
  language::Ast ast = language::ParseSource(source, limits.max_nesting);
  language::Resolve(source, ast);
  return language::Recorder(source, limits).Record(ast);
}

}  // namespace sobolev::program
