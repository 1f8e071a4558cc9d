// From text to tree.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_PARSER_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_PARSER_H_

#include <cstddef>

#include "engine/program/language/ast.h"
#include "engine/program/language/source.h"

namespace sobolev::program::language {

// The tree of `source`, which outlives it: names are views of the text. Names have no places yet.
//
// Throws SourceError with reason SYNTAX_ERROR or, for more than `max_nesting` levels of expressions
// and blocks, NESTING_TOO_DEEP.
Ast ParseSource(const Source& source, std::size_t max_nesting);

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_PARSER_H_
