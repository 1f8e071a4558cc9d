// What is refused, and how: the place, the reason, what was expected and what came.

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/program/definition.h"

namespace sobolev::program {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The error that Parse throws.
Error ErrorOf(std::string_view source, const SourceLimits& limits = {}) {
  try {
    Parse(source, limits);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "source");
    return error;
  }
  ADD_FAILURE() << "expected an Error for " << source.substr(0, 200);
  return InvalidArgument("NONE", "", "none");
}

// Expects `reason` and the message "source: line ..., column ...: " + `message`.
void ExpectError(std::string_view source, const std::string& reason, const std::string& message) {
  const Error error = ErrorOf(source);
  EXPECT_EQ(error.reason(), reason) << source;
  EXPECT_EQ(std::string(error.what()), "source: " + message) << source;
}

// The same for an expression behind `input x[3]; output y = `, whose first column is 24.
void ExpectExpressionError(const std::string& expression, const std::string& reason,
                           const std::string& message) {
  ExpectError("input x[3]; output y = " + expression, reason, message);
}

TEST(LanguageErrorsTest, SyntaxErrorsSayWhatWasExpectedAndWhatCame) {
  ExpectExpressionError("", "SYNTAX_ERROR",
                        "line 1, column 24: expected an expression, got the end of the source");
  ExpectExpressionError("x[0] +", "SYNTAX_ERROR",
                        "line 1, column 30: expected an expression, got the end of the source");
  ExpectExpressionError("(1 + 2", "SYNTAX_ERROR",
                        "line 1, column 30: expected ')', got the end of the source");
  ExpectExpressionError("[1, 2)", "SYNTAX_ERROR", "line 1, column 29: expected ']', got ')'");
  ExpectExpressionError("1 < 2 < 3", "SYNTAX_ERROR",
                        "line 1, column 30: expected one comparison at a time (join two with "
                        "'and'), got '<'");
  ExpectError("input x\nlet 5 = x", "SYNTAX_ERROR",
              "line 2, column 5: expected a name to declare, got '5'");
  ExpectError("input x\nlet y x", "SYNTAX_ERROR",
              "line 2, column 7: expected '=' and a value, got 'x'");
  ExpectError("input x\nfor i = 0..3 { }", "SYNTAX_ERROR",
              "line 2, column 7: expected 'in', got '='; equality is written ==");
  ExpectError("input x\nfor i in 0, 3 { }", "SYNTAX_ERROR",
              "line 2, column 11: expected '..', got ','");
  ExpectError("input x\nif 1 < 2\n", "SYNTAX_ERROR",
              "line 2, column 9: expected '{', got the end of the line");
  ExpectError("input x\nfor i in 0..3 {\nlet a = 1\n", "SYNTAX_ERROR",
              "line 4, column 1: expected '}', got the end of the source");
  ExpectError("input x\n}", "SYNTAX_ERROR",
              "line 2, column 1: expected a statement or the end of the source, got '}'");
  ExpectError("input x\nprint(x)", "SYNTAX_ERROR",
              "line 2, column 6: expected '=' or an operator such as +=, got '('");
  ExpectError("input x in 3", "SYNTAX_ERROR",
              "line 1, column 12: expected bounds such as [0, 1], got '3'");
  ExpectError("fn f() = 1", "SYNTAX_ERROR",
              "line 1, column 6: expected the name of a parameter, got ')'");
}

TEST(LanguageErrorsTest, SlipsFromOtherLanguagesGetAdvice) {
  ExpectExpressionError("x[0]**2", "SYNTAX_ERROR",
                        "line 1, column 28: expected an operator or the end of the statement, got "
                        "'**'; write powers with ^");
  ExpectExpressionError("2x", "SYNTAX_ERROR",
                        "line 1, column 25: expected an operator behind the number, such as * in "
                        "2*x, got 'x'");
  EXPECT_THAT(ErrorOf("input x; output y = x % 2").what(), HasSubstr("mod(a, b)"));
  EXPECT_THAT(ErrorOf("input x; output y = where(x < 1 && x > 0, 1, 0)").what(),
              HasSubstr("write 'and'"));
  EXPECT_THAT(ErrorOf("input x; output y = where(!x, 1, 0)").what(), HasSubstr("write 'not'"));
  EXPECT_THAT(ErrorOf("input x; output y = \"text\"").what(), HasSubstr("there are no texts"));
  EXPECT_THAT(ErrorOf("input x; output y = x // half").what(), HasSubstr("comments begin with #"));
}

TEST(LanguageErrorsTest, OperatorsInFrontOfALineBelongBehindTheOneBefore) {
  ExpectError("input x\noutput y = x\n  + 2", "SYNTAX_ERROR",
              "line 3, column 3: expected a statement, got '+'; a line goes on behind an operator "
              "or in brackets, so write it at the end of the line before");
  for (const std::string line : {"- 2", "* 2", "/ 2", "@ x", "^ 2", "and x < 2", "< 2", "== 2"}) {
    EXPECT_THAT(ErrorOf("input x\noutput y = x\n" + line).what(),
                HasSubstr("at the end of the line before"))
        << line;
  }
  EXPECT_THAT(ErrorOf("input x\noutput y = x\n// half").what(), HasSubstr("comments begin with #"));
  EXPECT_THAT(ErrorOf("input x\noutput y = x\n3").what(), Not(HasSubstr("line before")));
}

TEST(LanguageErrorsTest, CharactersThatAreNotAsciiAreNamed) {
  ExpectExpressionError(
      "\xcf\x80", "SYNTAX_ERROR",
      "line 1, column 24: expected an expression, got the byte 0xcf; only comments "
      "may hold other characters than printable ASCII");
  EXPECT_NO_THROW(Parse("input x  ## \xcf\x80\noutput y = x # \xcf\x80"));
}

TEST(LanguageErrorsTest, NumbersAreFinite) {
  ExpectExpressionError("1e999", "SYNTAX_ERROR",
                        "line 1, column 24: expected a finite number, got '1e999', which is beyond "
                        "1.8e308");
  ExpectExpressionError(
      "inf", "UNKNOWN_NAME",
      "line 1, column 24: expected a known name, got 'inf'; there are only finite "
      "numbers");
  ExpectExpressionError(
      "nan", "UNKNOWN_NAME",
      "line 1, column 24: expected a known name, got 'nan'; there are only finite "
      "numbers");
}

TEST(LanguageErrorsTest, UnknownNamesGetTheNearestKnownOne) {
  ExpectError("input sigma\noutput y = sgima", "UNKNOWN_NAME",
              "line 2, column 12: expected a known name, got 'sgima'; did you mean 'sigma'?");
  ExpectExpressionError(
      "sqr(2)", "UNKNOWN_NAME",
      "line 1, column 24: expected a known name, got 'sqr'; did you mean 'sqrt'?");
  ExpectExpressionError("nothing_like_it", "UNKNOWN_NAME",
                        "line 1, column 24: expected a known name, got 'nothing_like_it'");
  // Half of a short word is another word.
  for (const std::string name : {"foo", "qq", "bar", "q"}) {
    EXPECT_THAT(ErrorOf("input x; output y = " + name + "(x)").what(),
                Not(HasSubstr("did you mean")));
  }
  ExpectExpressionError(
      "csoh(2)", "UNKNOWN_NAME",
      "line 1, column 24: expected a known name, got 'csoh'; did you mean 'cosh'?");
  ExpectExpressionError("e", "UNKNOWN_NAME",
                        "line 1, column 24: expected a known name, got 'e'; e is written exp(1)");
  EXPECT_EQ(ErrorOf("input x; if 1 > 2 { let a = unknown }; output y = x").reason(),
            "UNKNOWN_NAME");
  EXPECT_EQ(ErrorOf("input x; for i in 0..2 { let a = i }; output y = a").reason(), "UNKNOWN_NAME");
  // A very long name is shortened.
  EXPECT_LT(
      std::string_view(ErrorOf("input x; output y = " + std::string(100000, 'a')).what()).size(),
      200);
}

TEST(LanguageErrorsTest, NamesAreDeclaredOnce) {
  ExpectError("input x\nlet x = 1", "DUPLICATE_NAME",
              "line 2, column 5: expected a new name, got 'x', which is visible as input already; "
              "choose another name");
  ExpectError("input sin", "DUPLICATE_NAME",
              "line 1, column 7: expected a new name, got 'sin', which is built in; choose another "
              "name");
  ExpectError("input x\nlet a = x\noutput a\noutput a", "DUPLICATE_NAME",
              "line 4, column 8: expected a new name, got 'a', which is an output already; remove "
              "one of the two");
  ExpectError("input for", "SYNTAX_ERROR",
              "line 1, column 7: expected a name to declare, got the reserved word 'for'");
  EXPECT_EQ(ErrorOf("input x; let i = 1; output y = sum(i in 0..2: x)").reason(), "DUPLICATE_NAME");
  EXPECT_EQ(ErrorOf("input x; fn f(a, a) = a; output y = x").reason(), "DUPLICATE_NAME");
  EXPECT_EQ(ErrorOf("input pi; output y = pi").reason(), "DUPLICATE_NAME");
}

TEST(LanguageErrorsTest, FunctionsDoNotCallThemselves) {
  ExpectError("fn f(a) = f(a - 1)", "RECURSION",
              "line 1, column 11: expected a function that is complete, got 'f', which would call "
              "itself; write a loop");
  ExpectError("fn f(a) = g(a)\nfn g(a) = f(a)", "UNKNOWN_NAME",
              "line 1, column 11: expected a function that is defined above, got 'g', which is "
              "defined below; move its definition up (functions are not recursive)");
}

TEST(LanguageErrorsTest, ShapesMustFit) {
  ExpectExpressionError("x + [1, 2]", "SHAPE_MISMATCH",
                        "line 1, column 28: expected a vector of 3 or a number to go with a vector "
                        "of 3, got a vector of 2");
  ExpectExpressionError("[[1, 2], [3]]", "SHAPE_MISMATCH",
                        "line 1, column 33: expected elements of one shape, a vector of 2 like the "
                        "first, got a vector of 1");
  ExpectExpressionError("[[1, 2]] @ x", "SHAPE_MISMATCH",
                        "line 1, column 35: expected 2 rows on the right of @ to go with a 1x2 "
                        "matrix, got a vector of 3");
  ExpectExpressionError("x[0, 1]", "SHAPE_MISMATCH",
                        "line 1, column 29: expected at most one subscript for each dimension of a "
                        "vector of 3, got 2");
  for (const std::string expression :
       {"dot(x, 1)", "transpose(x)", "len(3)", "norm(3)", "sum(3)", "[[[1]]]", "3 @ x", "x[0][0]",
        "max(i in 0..0: 1)", "[x[1..1], x[1..1]]", "[1, x]", "[i for i in 0..0]"}) {
    EXPECT_EQ(ErrorOf("input x[3]; output y = " + expression).reason(), "SHAPE_MISMATCH")
        << expression;
  }
  for (const std::string statement :
       {"var v[3] = [1, 2]", "var v = x; v = [1, 2]", "var v = x; v[0] = x", "var v[0] = 1",
        "var s = 1; s += x", "input z[-1]", "input z[2, 2, 2]", "output x[2]",
        "var s = 1; s[0] = 2"}) {
    EXPECT_EQ(ErrorOf("input x[3]\n" + statement + "\noutput y = 1").reason(), "SHAPE_MISMATCH")
        << statement;
  }
}

TEST(LanguageErrorsTest, SubscriptsStayInside) {
  ExpectExpressionError("x[3]", "INDEX_OUT_OF_RANGE",
                        "line 1, column 26: expected an index from 0 to 2, got 3");
  ExpectExpressionError("x[-1]", "INDEX_OUT_OF_RANGE",
                        "line 1, column 26: expected an index from 0 to 2, got -1");
  ExpectExpressionError("x[1..4]", "INDEX_OUT_OF_RANGE",
                        "line 1, column 29: expected an end of the slice from 1 to 3, got 4");
  ExpectExpressionError("x[2..1]", "INDEX_OUT_OF_RANGE",
                        "line 1, column 29: expected an end of the slice from 2 to 3, got 1");
  ExpectExpressionError("sum(i in 0..3 step 0: i)", "INDEX_OUT_OF_RANGE",
                        "line 1, column 43: expected a step that is not 0, got 0");
  EXPECT_EQ(ErrorOf("input x[3]; output y = x[2^52]").reason(), "INDEX_OUT_OF_RANGE");
  EXPECT_EQ(ErrorOf("input x[3]; output y = x[0..2^52]").reason(), "INDEX_OUT_OF_RANGE");
}

TEST(LanguageErrorsTest, WhatMustBeKnownIsKnown) {
  ExpectExpressionError("x[x[0]]", "NOT_CONSTANT",
                        "line 1, column 26: expected a constant (of numbers, consts and indices of "
                        "loops), got a value that depends on an input or on an evolve loop");
  ExpectError(
      "input x\nconst c = 2 * x", "NOT_CONSTANT",
      "line 2, column 11: expected a constant, got a value that depends on an input; declare "
      "it with let");
  for (const std::string statement :
       {"if x[0] > 1 { }", "var v[x[0]] = 0", "for i in 0..x[0] { }", "input z in [0, x[0]]",
        "var k = 0; evolve t in 0..3 { k += 1; let a = x[k] }", "evolve t in 0..3 { let a = x[t] }",
        "evolve t in 0..3 { if t > 1 { } }"}) {
    EXPECT_EQ(ErrorOf("input x[3]\n" + statement + "\noutput y = 1").reason(), "NOT_CONSTANT")
        << statement;
  }
}

TEST(LanguageErrorsTest, NumbersThatAreNotWholeAreShownInFull) {
  const auto message = [](const std::string& subscript) -> std::string {
    return ErrorOf("input x[9]; output y = x[" + subscript + "]").what();
  };
  EXPECT_THAT(message("0.1 * 3 / 0.1"), HasSubstr("got 3.0000000000000004; round down with floor"));
  EXPECT_THAT(message("2.5"), HasSubstr("got 2.5; round down with floor"));
  for (const std::string subscript : {"1e300", "-1e300", "1/0", "0/0"}) {
    EXPECT_THAT(message(subscript), AllOf(HasSubstr("expected a whole number of at most 2^52"),
                                          Not(HasSubstr("floor"))))
        << subscript;
  }
}

TEST(LanguageErrorsTest, KindsOfValuesAreNotMixed) {
  ExpectError(
      "input x\nlet c = x < 3", "TYPE_MISMATCH",
      "line 2, column 9: expected a number, got a condition; choose with where(condition, a, "
      "b)");
  ExpectExpressionError(
      "where(x, 1, 0)", "TYPE_MISMATCH",
      "line 1, column 24: expected a condition such as a < b, got a number; compare "
      "it, for example with != 0");
  ExpectExpressionError(
      "x[0.5]", "TYPE_MISMATCH",
      "line 1, column 26: expected a whole number of at most 2^52, got 0.5; round "
      "down with floor");
  ExpectExpressionError(
      "sin", "TYPE_MISMATCH",
      "line 1, column 24: expected a number, got the function 'sin'; call it with "
      "(...)");
  ExpectExpressionError("sin(x, 1)", "TYPE_MISMATCH",
                        "line 1, column 24: expected 1 argument of 'sin', got 2");
  ExpectExpressionError("min()", "TYPE_MISMATCH",
                        "line 1, column 24: expected 1 or more arguments of 'min', got 0");
  ExpectExpressionError(
      "x(0)", "TYPE_MISMATCH",
      "line 1, column 24: expected a function, got the input 'x'; elements are read "
      "with [...], products need *");
  for (const std::string expression :
       {"-(x < 1)", "(x < 1) + 1", "not x", "x and x", "sum(x < 1)", "[x[0] < 1]", "x[1 < 2]",
        "f(x < 1)", "f + 1", "where(x < 1, x < 1, 0)", "sin(i in 0..2: i)", "f(1, 2)"}) {
    EXPECT_EQ(ErrorOf("input x[3]; fn f(a) = a; output y = " + expression).reason(),
              "TYPE_MISMATCH")
        << expression;
  }
}

TEST(LanguageErrorsTest, OnlyVariablesAreAssigned) {
  ExpectError(
      "input x\nx = 3", "TYPE_MISMATCH",
      "line 2, column 1: expected a var to assign, got the input 'x'; declare a var with its "
      "value and assign that");
  ExpectError("input x\nvar a = x\nfn f(b) {\n a = b\n return a\n}", "TYPE_MISMATCH",
              "line 4, column 2: expected a var of the function, got 'a' from outside; return the "
              "value and assign it there");
  for (const std::string statement :
       {"let a = 1; a = 2", "const a = 1; a = 2", "for i in 0..2 { i = 3 }", "output z = 1; z = 2",
        "fn f(a) { a = 1; return a }", "fn f(a) = a; f = 1"}) {
    EXPECT_EQ(ErrorOf("input x\n" + statement + "\noutput y = 1").reason(), "TYPE_MISMATCH")
        << statement;
  }
}

TEST(LanguageErrorsTest, StatementsStandWhereTheyMay) {
  ExpectError("input x\nfor i in 0..2 { input z }", "SYNTAX_ERROR",
              "line 2, column 17: expected input outside of blocks and functions, got it inside; "
              "move it out");
  ExpectError(
      "input x\nreturn x", "SYNTAX_ERROR",
      "line 2, column 1: expected return inside of a function, got one outside; results are "
      "declared as output");
  for (const std::string statement :
       {"if 1 < 2 { evolve t in 0..3 { } }", "evolve t in 0..3 { evolve s in 0..3 { } }",
        "for i in 0..2 { fn f(a) = a }", "fn f(a) { output b = a; return a }",
        "fn f(a) { fn g(b) = b; return a }", "evolve t in 0..3 { }; input z",
        "evolve t in 0..8 step 2 { }", "fn f(a) { let b = a }; let c = f(1)"}) {
    EXPECT_EQ(ErrorOf("input x\n" + statement + "\noutput y = 1").reason(), "SYNTAX_ERROR")
        << statement;
  }
}

TEST(LanguageErrorsTest, ProgramsHaveInputsAndOutputs) {
  ExpectError("", "SYNTAX_ERROR",
              "line 1, column 1: expected at least one input, got none; declare one with input x");
  ExpectError(
      "input x\n", "SYNTAX_ERROR",
      "line 2, column 1: expected at least one output, got none; declare one with output y = "
      "...");
}

TEST(LanguageErrorsTest, BoundsAreFiniteAndInOrder) {
  EXPECT_THAT(
      ErrorOf("input x in [3, 1]").what(),
      StartsWith("source: line 1, column 13: expected two finite bounds, the lower one first"));
  EXPECT_EQ(ErrorOf("input x in [0, 1/0]").reason(), "INDEX_OUT_OF_RANGE");
  EXPECT_EQ(ErrorOf("input x in [0/0, 1]").reason(), "INDEX_OUT_OF_RANGE");
  EXPECT_NO_THROW(Parse("input x in [2, 2]; output y = x"));
}

}  // namespace
}  // namespace sobolev::program
