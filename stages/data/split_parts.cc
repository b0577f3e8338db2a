#include "stages/data/split_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "stages/data/split_deal.h"

namespace besom::stages {
namespace {

SplitPart PartOf(std::string_view name) {
  for (int part = 0; part < 3; ++part)
    if (kSplitParts[static_cast<std::size_t>(part)] == name)
      return static_cast<SplitPart>(part);
  return kNoPart;
}

/// Draws the fits of one repeat after another.
class FitDrawer {
 public:
  FitDrawer(const SourceScan& scan, const std::vector<std::string>& classes,
            const std::vector<SplitGroup>& groups, const SplitOptions& options)
      : scan_(scan),
        groups_(groups),
        options_(options),
        dealer_(scan, classes, groups, options) {}

  Result<std::vector<FitParts>> Draw() {
    BESOM_RETURN_IF_ERROR(ReadFixed());
    std::vector<FitParts> fits;
    for (int repeat = 0; repeat < options_.repeats; ++repeat) {
      repeat_ = static_cast<std::uint64_t>(repeat);
      BESOM_RETURN_IF_ERROR(options_.folds == 1 ? DrawPlain(fits)
                            : HasTest()         ? DrawValidationFolds(fits)
                                                : DrawTestFolds(fits));
    }
    return fits;
  }

 private:
  using Parts = std::vector<SplitPart>;  // Parallel to groups_.

  bool HasTest() const { return options_.test > 0 || FixesAny(kTest); }
  bool FixesAny(SplitPart part) const {
    return std::find(fixed_.begin(), fixed_.end(), part) != fixed_.end();
  }

  /// The part that `use:` fixes each group to.
  Status ReadFixed() {
    for (const SplitGroup& group : groups_) {
      SplitPart fixed = kNoPart;
      std::size_t by = 0;
      for (const std::size_t image : group.images) {
        const SplitPart part = PartOf(scan_.entries[image].use);
        if (part == kNoPart || part == fixed) continue;
        if (fixed != kNoPart && options_.group)
          return TwoSidesError(scan_, group, by, scan_.entries[by].use, image,
                               scan_.entries[image].use);
        if (fixed == kNoPart) std::tie(fixed, by) = std::pair(part, image);
      }
      fixed_.push_back(fixed);
    }
    if (options_.folds > 1 && HasTest() && FixesAny(kValidation))
      return InvalidError(
          "split.folds",
          "each fold in turn is validation, but a source has "
          "use: validation",
          "set split.folds to 1, or that source's use to auto or train");
    return Status::Ok();
  }

  std::vector<int> Given() const {
    std::vector<int> given;
    for (const SplitPart part : fixed_)
      given.push_back(part == kNoPart ? GroupDealer::kOpen
                                      : static_cast<int>(part));
    return given;
  }

  FitParts FitOf(const std::vector<int>& part_of_group,
                 std::array<double, 3> asked) const {
    FitParts fit{Parts(scan_.entries.size(), kNoPart), asked};
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (const std::size_t image : groups_[g].images) {
        // A group of two given sides (allowed with `group: false`) keeps both.
        const SplitPart own = PartOf(scan_.entries[image].use);
        fit.part[image] =
            own != kNoPart ? own : static_cast<SplitPart>(part_of_group[g]);
      }
    return fit;
  }

  Status DrawPlain(std::vector<FitParts>& fits) {
    const std::array<double, 3> shares = {
        1 - options_.test - options_.validation, options_.validation,
        options_.test};
    BESOM_ASSIGN_OR_RETURN(const std::vector<int> parts,
                           dealer_.Deal({{"train", shares[kTrain]},
                                         {"validation", shares[kValidation]},
                                         {"test", shares[kTest]}},
                                        Given(), repeat_, 0));
    fits.push_back(FitOf(parts, shares));
    return Status::Ok();
  }

  /// Deals the groups that are marked open to equal folds.
  Result<std::vector<int>> DealFolds(const std::vector<int>& given) {
    std::vector<GroupDealer::Share> folds;
    for (int fold = 0; fold < options_.folds; ++fold)
      folds.push_back({fmt::format("fold {}", fold), 1.0 / options_.folds});
    return dealer_.Deal(folds, given, repeat_, 1);
  }

  /// The test set is the same in all folds of a repeat.
  Status DrawValidationFolds(std::vector<FitParts>& fits) {
    BESOM_ASSIGN_OR_RETURN(
        const std::vector<int> parts,
        dealer_.Deal({{"train and validation", 1 - options_.test},
                      {"validation", 0},
                      {"test", options_.test}},
                     Given(), repeat_, 0));
    std::vector<int> rest(parts.size(), GroupDealer::kAside);
    for (std::size_t g = 0; g < parts.size(); ++g)
      if (parts[g] == kTrain && fixed_[g] == kNoPart)
        rest[g] = GroupDealer::kOpen;
    BESOM_ASSIGN_OR_RETURN(const std::vector<int> folds, DealFolds(rest));
    const double share = (1 - options_.test) / options_.folds;
    for (int fold = 0; fold < options_.folds; ++fold) {
      std::vector<int> fit = parts;
      for (std::size_t g = 0; g < fit.size(); ++g)
        if (folds[g] == fold) fit[g] = kValidation;
      fits.push_back(
          FitOf(fit, {1 - options_.test - share, share, options_.test}));
    }
    return Status::Ok();
  }

  Status DrawTestFolds(std::vector<FitParts>& fits) {
    std::vector<int> open(groups_.size(), GroupDealer::kAside);
    for (std::size_t g = 0; g < open.size(); ++g)
      if (fixed_[g] == kNoPart) open[g] = GroupDealer::kOpen;
    BESOM_ASSIGN_OR_RETURN(const std::vector<int> folds, DealFolds(open));
    const double share = 1.0 / options_.folds;
    // Shares count all images, the validation is drawn from what is left.
    const double validation = options_.validation / (1 - share);
    if (validation >= 1)
      return InvalidError("split.validation",
                          fmt::format("{} leaves nothing to train on beside a "
                                      "fold of {:.3}",
                                      options_.validation, share),
                          "lower it or raise split.folds");
    for (int fold = 0; fold < options_.folds; ++fold) {
      std::vector<int> given = Given();
      for (std::size_t g = 0; g < given.size(); ++g)
        if (folds[g] == fold) given[g] = GroupDealer::kAside;
      BESOM_ASSIGN_OR_RETURN(
          std::vector<int> fit,
          dealer_.Deal({{"train", 1 - validation}, {"validation", validation}},
                       given, repeat_, 2 + static_cast<std::uint64_t>(fold)));
      for (std::size_t g = 0; g < fit.size(); ++g)
        if (folds[g] == fold) fit[g] = kTest;
      fits.push_back(FitOf(
          fit, {1 - share - options_.validation, options_.validation, share}));
    }
    return Status::Ok();
  }

  const SourceScan& scan_;
  const std::vector<SplitGroup>& groups_;
  const SplitOptions& options_;
  const GroupDealer dealer_;
  Parts fixed_;
  std::uint64_t repeat_ = 0;
};

}  // namespace

Status TwoSidesError(const SourceScan& scan, const SplitGroup& group,
                     std::size_t a, std::string_view side_a, std::size_t b,
                     std::string_view side_b) {
  return InvalidError(
      fmt::format("split, group '{}'", group.name),
      fmt::format("stands on two given sides: {} is {}, {} is {}",
                  NameOf(scan.entries[a]), side_a, NameOf(scan.entries[b]),
                  side_b),
      "put them on one side, or set split.group: false to allow it and have "
      "it reported as a leak");
}

Result<std::vector<FitParts>> DrawFits(const SourceScan& scan,
                                       const std::vector<std::string>& classes,
                                       const std::vector<SplitGroup>& groups,
                                       const SplitOptions& options) {
  return FitDrawer(scan, classes, groups, options).Draw();
}

}  // namespace besom::stages
