#include "engine/regression/terms.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>

#include "engine/base/matrix.h"

namespace sobolev::regression {

namespace {

// Appends every extension of `term` by factors of axes >= axis. Returns false when there are too
// many.
bool Extend(Index n, Index axis, double q, double budget, Index most, Term& term, Terms& terms) {
  if (static_cast<Index>(terms.size()) >= most) return false;
  terms.push_back(term);
  for (Index j = axis; j < n; ++j) {
    for (Index degree = 1;; ++degree) {
      const double rest = budget - std::pow(static_cast<double>(degree), q);
      if (rest < -1e-9) break;
      term.push_back(
          {.axis = static_cast<std::int32_t>(j), .degree = static_cast<std::int32_t>(degree)});
      const bool fits = Extend(n, j + 1, q, rest, most, term, terms);
      term.pop_back();
      if (!fits) return false;
    }
  }
  return true;
}

// term · φ of one degree more along an axis.
Term Raised(const Term& term, std::int32_t axis) {
  Term raised = term;
  auto place = std::lower_bound(raised.begin(), raised.end(), Factor{.axis = axis, .degree = 0});
  if (place != raised.end() && place->axis == axis) {
    ++place->degree;
  } else {
    raised.insert(place, Factor{.axis = axis, .degree = 1});
  }
  return raised;
}

bool AllDivisorsWithin(const Term& term, const std::set<Term>& members) {
  for (std::size_t f = 0; f < term.size(); ++f) {
    Term lowered = term;
    if (--lowered[f].degree == 0) lowered.erase(lowered.begin() + static_cast<std::ptrdiff_t>(f));
    if (!members.contains(lowered)) return false;
  }
  return true;
}

// Terms of the lowest total degrees, at most `most` of them.
class Lowest {
 public:
  explicit Lowest(Index most) : most_(most) {}

  void Add(Term term) {
    const Index degree = TotalDegree(term);
    found_.emplace(degree, std::move(term));
    if (static_cast<Index>(found_.size()) > most_) found_.erase(std::prev(found_.end()));
  }

  Terms Take() const {
    Terms terms;
    terms.reserve(found_.size());
    for (const auto& [degree, term] : found_) terms.push_back(term);
    return terms;
  }

 private:
  Index most_;
  std::set<std::pair<Index, Term>> found_;
};

}  // namespace

Index TotalDegree(const Term& term) {
  Index degree = 0;
  for (const Factor& factor : term) degree += factor.degree;
  return degree;
}

Terms HyperbolicTerms(Index n, Index degree, double q, Index most) {
  Terms terms;
  Term term;
  if (!Extend(n, 0, q, std::pow(static_cast<double>(degree), q), most, term, terms)) return {};
  return terms;
}

Terms Neighbours(const Terms& terms, Index n, Index max_degree, Index most) {
  const std::set<Term> members(terms.begin(), terms.end());
  Lowest lowest(most);
  for (const Term& term : terms) {
    if (TotalDegree(term) + 1 > max_degree) continue;
    for (Index j = 0; j < n; ++j) {
      Term raised = Raised(term, static_cast<std::int32_t>(j));
      if (members.contains(raised) || !AllDivisorsWithin(raised, members)) continue;
      lowest.Add(std::move(raised));
    }
  }
  return lowest.Take();
}

Terms FarNeighbours(const Terms& terms, Index n, Index max_degree, Index most) {
  const std::set<Term> members(terms.begin(), terms.end());
  Lowest lowest(most);
  for (const Term& term : terms) {
    for (Index j = 0; j < n; ++j) {
      Term raised = term;
      for (Index degree = TotalDegree(term) + 1;
           degree <= std::min(TotalDegree(term) + 2, max_degree); ++degree) {
        raised = Raised(raised, static_cast<std::int32_t>(j));
        if (!members.contains(raised)) lowest.Add(raised);
      }
    }
  }
  return lowest.Take();
}

}  // namespace sobolev::regression
