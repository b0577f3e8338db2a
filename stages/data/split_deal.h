#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/data/split_assign.h"
#include "stages/data/split_groups.h"
#include "stages/data/split_stage.h"

namespace besom::stages {

/// Deals groups to parts of given shares, class by class (or all classes as
/// one, without stratification). Borrows its arguments.
class GroupDealer {
 public:
  GroupDealer(const SourceScan& scan, const std::vector<std::string>& classes,
              const std::vector<SplitGroup>& groups,
              const SplitOptions& options);

  static constexpr int kOpen = -1;   ///< To be dealt.
  static constexpr int kAside = -2;  ///< Not of this deal.

  /// One part of a deal.
  struct Share {
    std::string name;  ///< For messages.
    double share;      ///< Of the images that are not aside; 0 = gets none.
  };

  /// Gives every open group a part. `given[g]` is kOpen, kAside, or the index
  /// of the part that group g stands in already (its images count). Returns
  /// `given` with the open ones filled in. kInvalid, naming the class, when a
  /// part cannot get a group of each class. The first part takes what no
  /// other wants.
  Result<std::vector<int>> Deal(const std::vector<Share>& shares,
                                const std::vector<int>& given,
                                std::uint64_t repeat, std::uint64_t step) const;

 private:
  PartWishes WishesOf(const std::vector<Share>& shares,
                      const std::vector<int>& given) const;
  Status CheckEnough(const std::vector<CountedGroup>& open,
                     const PartWishes& wishes,
                     const std::vector<Share>& shares) const;
  Status CheckFilled(const std::vector<CountedGroup>& open,
                     const std::vector<int>& dealt, const PartWishes& wishes,
                     const std::vector<Share>& shares) const;
  Status TooFew(std::size_t column, const std::vector<CountedGroup>& open,
                const std::string& parts) const;

  const SplitOptions& options_;
  std::vector<std::string> columns_;  ///< Classes, or "any class".
  std::vector<CountedGroup> counted_;
};

}  // namespace besom::stages
