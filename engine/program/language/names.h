// Which names are visible while a tree is resolved, and where their values live.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_NAMES_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/program/language/ast.h"
#include "engine/program/language/source.h"

namespace sobolev::program::language {

enum class Role : std::uint8_t {
  kInput,
  kOutput,
  kConst,
  kLet,
  kVar,
  kIndex,
  kParameter,
  kFunction
};

// As a message names it.
std::string_view NameOf(Role role);

class Names {
 public:
  struct Known {
    Role role = Role::kLet;
    std::uint32_t slot = 0;
    const Function* function = nullptr;
  };

  explicit Names(const Source& source) : source_(source) {}

  // Makes the name visible and gives it the next slot. Throws DUPLICATE_NAME if it is visible
  // already.
  void Declare(Symbol& symbol, Role role, const Function* function = nullptr);
  // What the name stands for; the symbol gets its slot. Throws UNKNOWN_NAME.
  const Known& Find(Symbol& symbol);
  // A function of that name stands somewhere in the source: advice for those who look for it above.
  void Announce(std::string_view function) { announced_.insert(function); }

  // What body() declares is forgotten behind it, and its slots are free again.
  template <class Body>
  void InBlock(const Body& body) {
    const std::size_t num_names = scope().order.size();
    const std::uint32_t next_slot = scope().next_slot;
    body();
    Forget(num_names, next_slot);
  }
  // body() is in a frame of its own. Returns the number of its slots.
  template <class Body>
  std::uint32_t InFunction(const Body& body) {
    in_function_ = true;
    body();
    in_function_ = false;
    return std::exchange(function_, {}).num_slots;
  }

  bool in_function() const { return in_function_; }
  // Of the program's own frame: slots in use are below the first, and all are below the second.
  std::uint32_t next_slot() const { return program_.next_slot; }
  std::uint32_t num_slots() const { return program_.num_slots; }

 private:
  // The names of the program, or of one function, and the slots of its frame.
  struct Scope {
    std::unordered_map<std::string_view, Known> names;
    std::vector<std::string_view> order;  // Of declaration; blocks take theirs back from the end.
    std::uint32_t next_slot = 0;
    std::uint32_t num_slots = 0;
  };

  Scope& scope() { return in_function_ ? function_ : program_; }
  void Forget(std::size_t num_names, std::uint32_t next_slot);
  [[noreturn]] void FailUnknown(const Symbol& symbol) const;

  const Source& source_;
  Scope program_;
  Scope function_;  // Of the one that is being resolved, if in_function_.
  bool in_function_ = false;
  std::unordered_set<std::string_view> announced_;
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_NAMES_H_
