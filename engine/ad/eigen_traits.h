// What Eigen needs to know of a number type S that differentiates or encloses numbers of type T.
//
// Precision and limits are those of T. Plain constants of type double mix with S in
// coefficient-wise expressions and lazy products, without being turned into an S with zero
// derivatives first. The blocked matrix products of Eigen want one scalar type: cast the constant
// matrix there.

#ifndef SOBOLEV_ENGINE_AD_EIGEN_TRAITS_H_
#define SOBOLEV_ENGINE_AD_EIGEN_TRAITS_H_

#include <Eigen/Core>

namespace sobolev::ad {

// kCost: how many operations on T one operation on S takes, about.
template <class S, class T, int kCost>
struct EigenTraits : Eigen::GenericNumTraits<S> {
  // NOLINTBEGIN(readability-identifier-naming): the names are Eigen's.
  using Real = S;
  using NonInteger = S;
  using Nested = S;
  using Literal = typename Eigen::NumTraits<T>::Literal;
  enum {
    IsInteger = 0,
    IsSigned = 1,
    IsComplex = 0,
    RequireInitialization = 1,
    ReadCost = kCost * static_cast<int>(Eigen::NumTraits<T>::ReadCost),
    AddCost = kCost * static_cast<int>(Eigen::NumTraits<T>::AddCost),
    MulCost = 2 * kCost * static_cast<int>(Eigen::NumTraits<T>::MulCost)
  };
  static S epsilon() { return S(Eigen::NumTraits<T>::epsilon()); }
  static S dummy_precision() { return S(Eigen::NumTraits<T>::dummy_precision()); }
  static S highest() { return S(Eigen::NumTraits<T>::highest()); }
  static S lowest() { return S(Eigen::NumTraits<T>::lowest()); }
  static S infinity() { return S(Eigen::NumTraits<T>::infinity()); }
  static S quiet_NaN() { return S(Eigen::NumTraits<T>::quiet_NaN()); }
  static int digits10() { return Eigen::NumTraits<T>::digits10(); }
  static int max_digits10() { return Eigen::NumTraits<T>::max_digits10(); }
  // NOLINTEND(readability-identifier-naming)
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_EIGEN_TRAITS_H_
