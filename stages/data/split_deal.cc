#include "stages/data/split_deal.h"

#include <fmt/format.h>

#include <algorithm>

namespace besom::stages {
namespace {

using Counts = std::vector<int>;

}  // namespace

GroupDealer::GroupDealer(const SourceScan& scan,
                         const std::vector<std::string>& classes,
                         const std::vector<SplitGroup>& groups,
                         const SplitOptions& options)
    : options_(options),
      columns_(options.stratify ? classes
                                : std::vector<std::string>{"any class"}) {
  for (const SplitGroup& group : groups) {
    CountedGroup counted{group.name, Counts(columns_.size())};
    for (const std::size_t image : group.images) {
      const auto found = std::find(columns_.begin(), columns_.end(),
                                   scan.entries[image].label);
      ++counted.counts[options.stratify
                           ? static_cast<std::size_t>(found - columns_.begin())
                           : 0];
    }
    counted_.push_back(std::move(counted));
  }
}

Result<std::vector<int>> GroupDealer::Deal(const std::vector<Share>& shares,
                                           const std::vector<int>& given,
                                           std::uint64_t repeat,
                                           std::uint64_t step) const {
  // A part of share 0 gets nothing, not even what fits nowhere else.
  std::vector<Share> active;
  std::vector<int> index;
  for (std::size_t p = 0; p < shares.size(); ++p)
    if (shares[p].share > 0) {
      active.push_back(shares[p]);
      index.push_back(static_cast<int>(p));
    }
  std::vector<CountedGroup> open;
  std::vector<int> result = given, places = given;
  for (std::size_t g = 0; g < counted_.size(); ++g) {
    if (given[g] == kOpen) open.push_back(counted_[g]);
    if (given[g] < 0) continue;
    const auto found = std::find(index.begin(), index.end(), given[g]);
    places[g] =
        found == index.end() ? kAside : static_cast<int>(found - index.begin());
  }
  const PartWishes wishes = WishesOf(active, places);
  BESOM_RETURN_IF_ERROR(CheckEnough(open, wishes, active));
  const std::vector<int> dealt =
      AssignGroups(open, wishes, {options_.seed, repeat, step});
  BESOM_RETURN_IF_ERROR(CheckFilled(open, dealt, wishes, active));
  std::size_t next = 0;
  for (int& part : result)
    if (part == kOpen) part = index[static_cast<std::size_t>(dealt[next++])];
  return result;
}

PartWishes GroupDealer::WishesOf(const std::vector<Share>& shares,
                                 const std::vector<int>& given) const {
  const std::size_t parts = shares.size(), columns = columns_.size();
  std::vector<Counts> fixed(parts, Counts(columns));
  Counts open(columns), all(columns);
  for (std::size_t g = 0; g < counted_.size(); ++g) {
    if (given[g] == kAside) continue;
    Counts& sum =
        given[g] == kOpen ? open : fixed[static_cast<std::size_t>(given[g])];
    for (std::size_t c = 0; c < columns; ++c) {
      sum[c] += counted_[g].counts[c];
      all[c] += counted_[g].counts[c];
    }
  }
  PartWishes wishes{{parts, std::vector<double>(columns)},
                    {parts, std::vector<bool>(columns)}};
  wishes.even = std::ranges::all_of(shares, [&](const Share& share) {
    return share.share == shares.front().share;
  });
  for (std::size_t c = 0; c < columns; ++c) {
    double sum = 0;
    for (std::size_t p = 0; p < parts; ++p) {
      wishes.wanted[p][c] =
          std::max(0.0, shares[p].share * all[c] - fixed[p][c]);
      wishes.needed[p][c] = all[c] > 0 && fixed[p][c] == 0;
      sum += wishes.wanted[p][c];
    }
    // Where given images overfill a part, all others get less alike.
    for (std::size_t p = 0; p < parts; ++p)
      wishes.wanted[p][c] = sum > 0  ? wishes.wanted[p][c] * open[c] / sum
                            : p == 0 ? open[c]
                                     : 0.0;
  }
  return wishes;
}

Status GroupDealer::TooFew(std::size_t column,
                           const std::vector<CountedGroup>& open,
                           const std::string& parts) const {
  int groups = 0, images = 0;
  for (const CountedGroup& group : open) {
    groups += group.counts[column] > 0 ? 1 : 0;
    images += group.counts[column];
  }
  return InvalidError(
      fmt::format("split, class '{}'", columns_[column]),
      fmt::format("{} group(s) with {} image(s) cannot fill {}: each part "
                  "needs a group of its own",
                  groups, images, parts),
      "bring more patients of that class, lower split.folds, set split.test "
      "or split.validation to 0, or leave the class out");
}

Status GroupDealer::CheckEnough(const std::vector<CountedGroup>& open,
                                const PartWishes& wishes,
                                const std::vector<Share>& shares) const {
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::ptrdiff_t needed = 0;
    std::string parts;
    for (std::size_t p = 0; p < shares.size(); ++p) {
      if (!wishes.needed[p][c]) continue;
      parts += (needed++ == 0 ? "" : ", ") + shares[p].name;
    }
    const auto holds = [c](const CountedGroup& group) {
      return group.counts[c] > 0;
    };
    if (std::count_if(open.begin(), open.end(), holds) < needed)
      return TooFew(c, open, parts);
  }
  return Status::Ok();
}

// Even enough groups of each class may tie the classes together too much.
Status GroupDealer::CheckFilled(const std::vector<CountedGroup>& open,
                                const std::vector<int>& dealt,
                                const PartWishes& wishes,
                                const std::vector<Share>& shares) const {
  std::vector<Counts> got(shares.size(), Counts(columns_.size()));
  for (std::size_t i = 0; i < open.size(); ++i)
    for (std::size_t c = 0; c < columns_.size(); ++c)
      got[static_cast<std::size_t>(dealt[i])][c] += open[i].counts[c];
  for (std::size_t p = 0; p < shares.size(); ++p)
    for (std::size_t c = 0; c < columns_.size(); ++c)
      if (wishes.needed[p][c] && got[p][c] == 0)
        return TooFew(c, open, shares[p].name);
  return Status::Ok();
}

}  // namespace besom::stages
