// The grammar, as parsing expressions of PEGTL. README.md shows it in EBNF.
//
// Every choice is decided by the next word or character, and what must follow is demanded (must<>),
// so that nothing with an action is ever parsed twice: parsing takes linear time, and the first
// fault is reported where it is. Tokens take the space behind them along. A rule that can be
// demanded says in kExpected how a message names it.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_GRAMMAR_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_GRAMMAR_H_

#include <tao/pegtl.hpp>

#include "engine/program/language/source.h"

namespace sobolev::program::language::grammar {

namespace p = tao::pegtl;

// --- Space ---

struct Comment : p::seq<p::one<'#'>, p::until<p::at<p::eolf>>> {};
struct Blank : p::one<' ', '\t', '\r'> {};
// Inside of brackets and behind operators lines may break.
struct Spread : p::star<p::sor<p::one<' ', '\t', '\r', '\n'>, Comment>> {};
// Between statements.
struct Separators : p::star<p::sor<p::one<' ', '\t', '\r', '\n', ';'>, Comment>> {};

// Space behind a token: it may hold line breaks where a bracket is open.
struct Gap {
  using rule_t = Gap;
  using subs_t = p::type_list<>;

  template <p::apply_mode, p::rewind_mode, template <typename...> class Action,
            template <typename...> class Control, typename Input, typename Builder>
  static bool match(Input& in, const Builder& builder) {
    return builder.brackets > 0 ? p::parse<Spread>(in) : p::parse<p::star<Blank>>(in);
  }
};

// --- Words ---

struct Word : p::identifier {};

// A word that is not reserved; its text becomes the builder's `word`.
struct Name {
  using rule_t = Name;
  using subs_t = p::type_list<>;
  static constexpr auto kExpected = "a name";

  template <p::apply_mode, p::rewind_mode, template <typename...> class Action,
            template <typename...> class Control, typename Input, typename Builder>
  static bool match(Input& in, Builder& builder) {
    const char* const begin = in.current();
    const std::string_view text = FirstWord({begin, in.size()});
    if (text.empty() || IsReserved(text)) return false;
    builder.word = {.text = text, .position = builder.At(begin)};
    in.bump_in_this_line(text.size());
    return true;
  }
};

template <char... kLetters>
struct Keyword : p::seq<p::string<kLetters...>, p::not_at<p::identifier_other>, Gap> {};

struct And : Keyword<'a', 'n', 'd'> {};
struct Const : Keyword<'c', 'o', 'n', 's', 't'> {};
struct Else : Keyword<'e', 'l', 's', 'e'> {};
struct EvolveWord : Keyword<'e', 'v', 'o', 'l', 'v', 'e'> {};
struct Fn : Keyword<'f', 'n'> {};
struct ForWord : Keyword<'f', 'o', 'r'> {};
struct IfWord : Keyword<'i', 'f'> {};
struct In : Keyword<'i', 'n'> {
  static constexpr auto kExpected = "'in'";
};
struct InputWord : Keyword<'i', 'n', 'p', 'u', 't'> {};
struct Let : Keyword<'l', 'e', 't'> {};
struct Not : Keyword<'n', 'o', 't'> {};
struct Or : Keyword<'o', 'r'> {};
struct OutputWord : Keyword<'o', 'u', 't', 'p', 'u', 't'> {};
struct ReturnWord : Keyword<'r', 'e', 't', 'u', 'r', 'n'> {};
struct Step : Keyword<'s', 't', 'e', 'p'> {};
struct Var : Keyword<'v', 'a', 'r'> {};

// --- Brackets and nesting: the actions of these empty rules count. ---

struct EnterBracket : p::success {};
struct LeaveBracket : p::success {};
struct EnterNesting : p::success {};
struct LeaveNesting : p::success {};

struct CloseParenthesis : p::one<')'> {
  static constexpr auto kExpected = "')'";
};
struct CloseBracket : p::one<']'> {
  static constexpr auto kExpected = "']'";
};

template <class Open, class Body, class Close>
struct Bracketed : p::seq<Open, EnterBracket, Spread, Body, p::must<Close>, LeaveBracket, Gap> {};

template <class Rule>
struct Nested : p::seq<EnterNesting, Rule, LeaveNesting> {};

// An operator, behind which the line may break.
template <class Symbol>
struct Token : p::seq<Symbol, Spread> {};

struct Comma : Token<p::one<','>> {
  static constexpr auto kExpected = "','";
};
struct Equals : Token<p::seq<p::one<'='>, p::not_at<p::one<'='>>>> {
  static constexpr auto kExpected = "'='";
};
struct Colon : Token<p::one<':'>> {
  static constexpr auto kExpected = "':'";
};
struct DotDot : Token<p::two<'.'>> {
  static constexpr auto kExpected = "'..'";
};

// --- Expressions ---

struct ExpectsExpression {
  static constexpr auto kExpected = "an expression";
};

struct Expression;
struct Unary;
struct Negation;

struct Exponent : p::seq<p::one<'e', 'E'>, p::opt<p::one<'+', '-'>>, p::plus<p::digit>> {};
// A point that is followed by another one begins the `..` of a range.
struct Fraction : p::seq<p::one<'.'>, p::not_at<p::one<'.'>>, p::star<p::digit>> {};
struct Digits : p::seq<p::sor<p::seq<p::plus<p::digit>, p::opt<Fraction>>,
                              p::seq<p::one<'.'>, p::plus<p::digit>>>,
                       p::opt<Exponent>> {};
struct NumberEnd : p::not_at<p::identifier_other> {
  static constexpr auto kExpected = "an operator behind the number, such as * in 2*x";
};
struct Number : p::seq<Digits, p::must<NumberEnd>, Gap> {};

struct Variable : p::seq<Name, Gap> {};

struct IndexName : p::seq<Name, Gap> {
  static constexpr auto kExpected = "the name of an index";
};
struct StepPart : p::seq<Step, p::must<Expression>> {};
struct Range : p::seq<p::must<Expression>, p::must<DotDot>, p::must<Expression>, p::opt<StepPart>> {
};
struct IndexRange : p::seq<p::must<IndexName>, p::must<In>, Range> {};

struct ReductionPart
    : p::seq<p::at<p::seq<Word, Spread, In>>, IndexRange, p::must<Colon>, p::must<Expression>> {};
struct Arguments : p::seq<p::must<Expression>, p::star<Comma, p::must<Expression>>> {};
struct CallOpen : p::seq<Name, Gap, p::one<'('>> {};
struct Call
    : Bracketed<CallOpen, p::sor<p::at<p::one<')'>>, ReductionPart, Arguments>, CloseParenthesis> {
};

struct Parenthesis : Bracketed<p::one<'('>, p::must<Expression>, CloseParenthesis> {};

struct ComprehensionPart : p::seq<ForWord, IndexRange> {};
struct ListOpen : p::one<'['> {};
struct List : Bracketed<ListOpen,
                        p::seq<p::must<Expression>,
                               p::sor<ComprehensionPart, p::star<Comma, p::must<Expression>>>>,
                        CloseBracket> {};

struct SliceEnd : p::seq<DotDot, p::must<Expression>> {};
struct Subscript : p::seq<p::must<Expression>, p::opt<SliceEnd>> {};
struct SubscriptsOpen : p::one<'['> {};
struct Subscripts
    : Bracketed<SubscriptsOpen, p::seq<Subscript, p::star<Comma, Subscript>>, CloseBracket> {};
struct Indexing : p::seq<Subscripts> {};

struct Primary : p::sor<Number, Call, Variable, Parenthesis, List> {};
struct Postfix : p::seq<Primary, p::star<Indexing>> {};

struct Caret : Token<p::one<'^'>> {};
struct PowerPart : p::seq<Caret, Nested<p::must<Unary>>> {};
struct Power : p::seq<Postfix, p::opt<PowerPart>> {};

struct Minus : Token<p::one<'-'>> {};
struct Negative : p::seq<Minus, Nested<p::must<Unary>>> {};
struct Unary : p::sor<Negative, Power>, ExpectsExpression {};

struct ProductOperator : p::one<'*', '/', '@'> {};
struct ProductPart : p::seq<ProductOperator, p::not_at<p::one<'*', '/'>>, Spread, p::must<Unary>> {
};
struct Product : p::seq<Unary, p::star<ProductPart>>, ExpectsExpression {};

struct SumOperator : p::one<'+', '-'> {};
struct SumPart : p::seq<SumOperator, Spread, p::must<Product>> {};
struct Sum : p::seq<Product, p::star<SumPart>>, ExpectsExpression {};

struct ComparisonOperator : p::sor<p::string<'<', '='>, p::string<'>', '='>, p::string<'=', '='>,
                                   p::string<'!', '='>, p::one<'<', '>'>> {};
struct NoComparison : p::not_at<ComparisonOperator> {
  static constexpr auto kExpected = "one comparison at a time (join two with 'and')";
};
struct ComparisonPart : p::seq<ComparisonOperator, Spread, p::must<Sum>, p::must<NoComparison>> {};
struct Comparison : p::seq<Sum, p::opt<ComparisonPart>> {};

struct NotPart : p::seq<Not, Spread, Nested<p::must<Negation>>> {};
struct Negation : p::sor<NotPart, Comparison>, ExpectsExpression {};
struct AndPart : p::seq<And, Spread, p::must<Negation>> {};
struct Conjunction : p::seq<Negation, p::star<AndPart>>, ExpectsExpression {};
struct OrPart : p::seq<Or, Spread, p::must<Conjunction>> {};
struct Disjunction : p::seq<Conjunction, p::star<OrPart>> {};
struct Expression : Nested<Disjunction>, ExpectsExpression {};

// --- Statements ---

struct Statement;

struct StatementEnd : p::sor<p::at<p::one<'}', '#'>>, p::one<';', '\n'>, p::eof> {
  static constexpr auto kExpected = "an operator or the end of the statement";
};
struct Statements
    : p::seq<Separators, p::star<p::not_at<p::sor<p::one<'}'>, p::eof>>, p::must<Statement>,
                                 p::must<StatementEnd>, Separators>> {};

struct BlockOpen : p::one<'{'> {};
struct BlockClose : p::one<'}'> {
  static constexpr auto kExpected = "'}'";
};
struct Block : p::seq<BlockOpen, Nested<Statements>, p::must<BlockClose>, Gap> {
  static constexpr auto kExpected = "'{'";
};

struct DeclaredName : p::seq<Name, Gap> {
  static constexpr auto kExpected = "a name to declare";
};
struct ShapeOpen : p::one<'['> {};
struct Shape : Bracketed<ShapeOpen, Arguments, CloseBracket> {};
struct BoundsOpen : p::one<'['> {};
struct Bounds
    : Bracketed<BoundsOpen, p::seq<p::must<Expression>, p::must<Comma>, p::must<Expression>>,
                CloseBracket> {
  static constexpr auto kExpected = "bounds such as [0, 1]";
};
struct InitialValue : p::seq<Equals, p::must<Expression>> {
  static constexpr auto kExpected = "'=' and a value";
};
// The text behind `##` on the line of a declaration, with the carriage return that may end it.
struct DescriptionText : p::star<p::not_one<'\n'>> {};
struct Description : p::seq<p::string<'#', '#'>, DescriptionText> {};

struct Input : p::seq<InputWord, p::must<DeclaredName>, p::opt<Shape>, p::opt<In, p::must<Bounds>>,
                      p::opt<Description>> {};
struct Output : p::seq<OutputWord, p::must<DeclaredName>, p::opt<Shape>, p::opt<InitialValue>,
                       p::opt<Description>> {};
struct Constant : p::seq<Const, p::must<DeclaredName>, p::must<InitialValue>> {};
struct LetStatement : p::seq<Let, p::must<DeclaredName>, p::must<InitialValue>> {};
struct VarStatement : p::seq<Var, p::must<DeclaredName>, p::opt<Shape>, p::must<InitialValue>> {};

struct For : p::seq<ForWord, IndexRange, p::must<Block>> {};
struct Evolve : p::seq<EvolveWord, IndexRange, p::must<Block>> {};

struct IfOpen : p::seq<IfWord> {};
struct Branch : p::seq<p::must<Expression>, p::must<Block>> {};
struct Otherwise : p::seq<p::must<Block>> {};
struct ElseIf : p::seq<Separators, Else, IfWord, Branch> {};
struct FinalElse : p::seq<Separators, Else, Otherwise> {};
struct If : p::seq<IfOpen, Branch, p::star<ElseIf>, p::opt<FinalElse>> {};

struct Return : p::seq<ReturnWord, p::must<Expression>> {};

struct FunctionName : p::seq<Name, Gap> {
  static constexpr auto kExpected = "the name of the function";
};
struct Parameter : p::seq<Name, Gap> {
  static constexpr auto kExpected = "the name of a parameter";
};
struct OpenParenthesis : p::one<'('> {};
struct Parameters
    : Bracketed<OpenParenthesis, p::seq<p::must<Parameter>, p::star<Comma, p::must<Parameter>>>,
                CloseParenthesis> {
  static constexpr auto kExpected = "'('";
};
struct FunctionValue : p::seq<Equals, p::must<Expression>> {};
struct FunctionBody : p::sor<FunctionValue, Block> {
  static constexpr auto kExpected = "'=' or '{'";
};
struct Function : p::seq<Fn, p::must<FunctionName>, p::must<Parameters>, p::must<FunctionBody>> {};

struct CompoundOperator : p::seq<p::one<'+', '-', '*', '/'>, p::one<'='>> {};
struct AssignmentOperator : p::sor<p::seq<CompoundOperator, Spread>, Equals> {
  static constexpr auto kExpected = "'=' or an operator such as +=";
};
struct Target : p::seq<Name, Gap> {};
struct TargetSubscripts : p::seq<Subscripts> {};
struct Assignment
    : p::seq<Target, p::opt<TargetSubscripts>, p::must<AssignmentOperator>, p::must<Expression>> {};

struct Statement : p::sor<Input, Output, Constant, LetStatement, VarStatement, For, Evolve, If,
                          Return, Function, Assignment> {
  static constexpr auto kExpected = "a statement";
};

struct End : p::eof {
  static constexpr auto kExpected = "a statement or the end of the source";
};
struct Program : p::seq<Statements, p::must<End>> {};

}  // namespace sobolev::program::language::grammar

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_GRAMMAR_H_
