#include "engine/program/language/parser.h"

#include <string>
#include <utility>

#include "engine/program/language/builder.h"
#include "engine/program/language/grammar.h"
#include "engine/program/language/statement_actions.h"

namespace sobolev::program::language {
namespace {

// A rule that was demanded and failed is the fault that is reported.
template <class Rule>
struct Control : grammar::p::normal<Rule> {
  template <class Input>
  [[noreturn]] static void raise(const Input& in, const Builder& builder) {
    const Position position = builder.At(in.current());
    throw builder.source().Fault(position, "SYNTAX_ERROR",
                                 std::string("expected ") + Rule::kExpected + ", got " +
                                     builder.source().Describe(position));
  }
};

}  // namespace

Ast ParseSource(const Source& source, std::size_t max_nesting) {
  Builder builder(source, max_nesting);
  // Lazy: positions in the text are looked up only for an error.
  grammar::p::memory_input<grammar::p::tracking_mode::lazy> in(source.text().data(),
                                                               source.text().size(), "");
  grammar::p::parse<grammar::Program, actions::Action, Control>(in, builder);
  return {.statements = std::move(builder.blocks.front())};
}

}  // namespace sobolev::program::language
