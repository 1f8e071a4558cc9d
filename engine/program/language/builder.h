// The stacks on which parsing puts a tree together.
//
// A rule of the grammar that succeeds takes what its parts left on the stacks and puts its own node
// there. A bracket leaves a mark, so that its end knows how many operands are its own.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_BUILDER_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_BUILDER_H_

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/program/language/ast.h"
#include "engine/program/language/source.h"

namespace sobolev::program::language {

class Builder {
 public:
  // A bracket that is open.
  struct Mark {
    Symbol callee;  // Of a call.
    std::size_t num_operands = 0;
    std::size_t num_subscripts = 0;
    bool has_range = false;  // A reduction or a comprehension.
  };

  Builder(const Source& source, std::size_t max_nesting)
      : source_(source), max_nesting_(max_nesting) {}

  const Source& source() const { return source_; }
  Position At(const char* place) const {
    return static_cast<Position>(place - source_.text().data());
  }

  void Nest(Position position) {
    deepest = std::max(deepest, ++nesting);
    if (nesting <= max_nesting_) return;
    throw source_.Fault(position, "NESTING_TOO_DEEP",
                        "expected at most " + std::to_string(max_nesting_) +
                            " levels of brackets, signs and blocks, got more; name parts with let");
  }

  void PushMark(const Symbol& callee = {}) {
    marks.push_back(
        {.callee = callee, .num_operands = operands.size(), .num_subscripts = subscripts.size()});
  }
  Mark PopMark() {
    Mark mark = marks.back();
    marks.pop_back();
    return mark;
  }

  void Push(Position position, Expression::Node node) {
    operands.push_back({.position = position, .node = std::move(node)});
  }
  std::unique_ptr<Expression> Pop() {
    auto top = std::make_unique<Expression>(std::move(operands.back()));
    operands.pop_back();
    return top;
  }
  std::vector<Expression> PopFrom(std::size_t mark) { return TakeTail(operands, mark); }
  std::vector<Subscript> PopSubscriptsFrom(std::size_t mark) { return TakeTail(subscripts, mark); }
  Symbol PopName() { return PopBack(names); }
  Operator PopOperator() { return PopBack(operators); }
  Range PopRange() { return PopBack(ranges); }
  language::Block PopBlock() { return PopBack(closed_blocks); }

  // Joins the last two operands by the last operator. A chain of the same precedence grows: its
  // operands are combined from left to right whether or not the first stood in brackets.
  void Link(bool (*same_precedence)(Operator)) {
    const Operator op = PopOperator();
    Expression right = std::move(operands.back());
    operands.pop_back();
    Expression& left = operands.back();
    auto* chain = std::get_if<Chain>(&left.node);
    if (chain == nullptr || !same_precedence(chain->operators.back())) {
      const Position position = left.position;
      Chain fresh;
      fresh.operands.push_back(std::move(left));
      left = {.position = position, .node = std::move(fresh)};
      chain = &std::get<Chain>(left.node);
    }
    chain->operators.push_back(op);
    chain->operands.push_back(std::move(right));
  }

  void Add(Position position, Statement::Node node) {
    blocks.back().push_back({.position = position, .node = std::move(node)});
  }

  // State of the text.
  int brackets = 0;         // That are open; lines may break inside.
  std::size_t nesting = 0;  // Of the place that is being parsed.
  std::size_t deepest = 0;  // Of the function that is being parsed.
  Symbol word;              // The last name.

  // Stacks.
  std::vector<Mark> marks;
  std::vector<Expression> operands;
  std::vector<Subscript> subscripts;
  std::vector<Operator> operators;
  std::vector<Symbol> names;
  std::vector<Range> ranges;
  std::vector<language::Block> blocks = std::vector<language::Block>(1);
  std::vector<language::Block> closed_blocks;
  std::vector<If> ifs;
  std::vector<language::Function> functions;

  // Parts of one node, which cannot be inside of each other.
  bool has_step = false;
  bool has_slice_end = false;
  std::vector<Subscript> last_subscripts;
  std::vector<Subscript> target_subscripts;
  std::vector<Expression> shape;
  std::vector<Expression> bounds;
  std::unique_ptr<Expression> value;
  std::string description;
  std::optional<Operator> compound;

 private:
  template <class T>
  static T PopBack(std::vector<T>& stack) {
    T top = std::move(stack.back());
    stack.pop_back();
    return top;
  }
  template <class T>
  static std::vector<T> TakeTail(std::vector<T>& stack, std::size_t mark) {
    const auto tail = stack.begin() + static_cast<std::ptrdiff_t>(mark);
    std::vector<T> taken(std::make_move_iterator(tail), std::make_move_iterator(stack.end()));
    stack.erase(tail, stack.end());
    return taken;
  }

  const Source& source_;
  std::size_t max_nesting_;
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_BUILDER_H_
