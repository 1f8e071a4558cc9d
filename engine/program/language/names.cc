#include "engine/program/language/names.h"

#include <algorithm>

#include "engine/program/language/builtins.h"

namespace sobolev::program::language {

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kInput:
      return "input";
    case Role::kOutput:
      return "output";
    case Role::kConst:
      return "const";
    case Role::kLet:
      return "let";
    case Role::kVar:
      return "var";
    case Role::kIndex:
      return "index";
    case Role::kParameter:
      return "parameter";
    case Role::kFunction:
      return "function";
  }
  return "name";
}

void Names::Declare(Symbol& symbol, Role role, const Function* function) {
  if (symbol.text == "pi" || FindBuiltin(symbol.text) != nullptr) {
    throw source_.Fault(symbol.position, "DUPLICATE_NAME",
                        "expected a new name, got " + Quoted(symbol.text) +
                            ", which is built in; choose another name");
  }
  Scope& here = scope();
  symbol.slot = here.next_slot;
  symbol.is_local = in_function_;
  const Known known = {.role = role, .slot = symbol.slot, .function = function};
  const auto [entry, is_new] = here.names.try_emplace(symbol.text, known);
  if (!is_new) {
    throw source_.Fault(symbol.position, "DUPLICATE_NAME",
                        "expected a new name, got " + Quoted(symbol.text) +
                            ", which is visible as " + std::string(NameOf(entry->second.role)) +
                            " already; choose another name");
  }
  here.order.push_back(symbol.text);
  here.num_slots = std::max(here.num_slots, ++here.next_slot);
}

const Names::Known& Names::Find(Symbol& symbol) {
  if (in_function_) {
    const auto local = function_.names.find(symbol.text);
    if (local != function_.names.end()) {
      symbol.slot = local->second.slot;
      symbol.is_local = true;
      return local->second;
    }
  }
  const auto found = program_.names.find(symbol.text);
  if (found == program_.names.end()) FailUnknown(symbol);
  symbol.slot = found->second.slot;
  symbol.is_local = false;
  return found->second;
}

void Names::Forget(std::size_t num_names, std::uint32_t next_slot) {
  Scope& here = scope();
  for (; here.order.size() > num_names; here.order.pop_back()) {
    here.names.erase(here.order.back());
  }
  here.next_slot = next_slot;
}

void Names::FailUnknown(const Symbol& symbol) const {
  if (announced_.contains(symbol.text)) {
    throw source_.Fault(symbol.position, "UNKNOWN_NAME",
                        "expected a function that is defined above, got " + Quoted(symbol.text) +
                            ", which is defined below; move its definition up (functions are not "
                            "recursive)");
  }
  std::string advice;
  if (symbol.text == "e") {
    advice = "; e is written exp(1)";
  } else if (symbol.text == "inf" || symbol.text == "nan" || symbol.text == "NaN") {
    advice = "; there are only finite numbers";
  } else {
    std::vector<std::string_view> known = {"pi"};
    for (const auto& [name, unused] : program_.names) known.push_back(name);
    for (const auto& [name, unused] : function_.names) known.push_back(name);
    for (const Builtin& builtin : Builtins()) known.push_back(builtin.name);
    std::sort(known.begin(), known.end());  // The same advice on every run.
    advice = Suggestion(symbol.text, known);
  }
  throw source_.Fault(symbol.position, "UNKNOWN_NAME",
                      "expected a known name, got " + Quoted(symbol.text) + advice);
}

}  // namespace sobolev::program::language
