#include "engine/program/language/parser.h"

#include <string>
#include <type_traits>
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
    const Source& source = builder.source();
    const Position position = builder.At(in.current());
    std::string message =
        std::string("expected ") + Rule::kExpected + ", got " + source.Describe(position);
    if constexpr (std::is_same_v<Rule, grammar::Statement>) {
      if (source.IsOperatorAt(position)) {
        message +=
            "; a line goes on behind an operator or in brackets, so write it at the end of the "
            "line before";
      }
    }
    throw source.Fault(position, "SYNTAX_ERROR", message);
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
