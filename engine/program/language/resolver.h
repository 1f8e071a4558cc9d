// From names to places.
//
// Names are visible from their declaration to the end of their block, and a name is declared once:
// nothing that is visible is declared again, except that parameters and names inside of a function
// may be those of the program around it. A function reads what is visible where it is defined.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_RESOLVER_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_RESOLVER_H_

#include "engine/program/language/ast.h"
#include "engine/program/language/source.h"

namespace sobolev::program::language {

// Gives every symbol of `ast` its slot and every call its function. `ast` stays where it is from
// now on: calls point into it.
//
// Throws SourceError with reason UNKNOWN_NAME, DUPLICATE_NAME, RECURSION, TYPE_MISMATCH (a function
// used as a number, an assignment to what is not a var, a wrong number of arguments) or
// SYNTAX_ERROR (a statement where it must not stand).
void Resolve(const Source& source, Ast& ast);

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_RESOLVER_H_
