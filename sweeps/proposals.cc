#include "sweeps/proposals.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "sweeps/schema.h"
#include "sweeps/section_reader.h"

namespace besom::sweeps {
namespace {

// Above this a space is not worth counting.
constexpr std::int64_t kLargestSpace = std::int64_t{1} << 60;
// A draw that misses its key's range so often never meets it.
constexpr std::uint64_t kMostRedraws = 10'000;

/// Points of a finite space by number, last axis fastest.
class Space {
 public:
  explicit Space(std::vector<std::vector<Json>> values)
      : values_(std::move(values)) {
    for (const auto& axis : values_) {
      const auto size = static_cast<std::int64_t>(axis.size());
      if (total_ > kLargestSpace / size) too_large_ = true;
      if (!too_large_) total_ *= size;
    }
  }

  bool too_large() const { return too_large_; }
  std::int64_t total() const { return total_; }

  Proposal At(std::int64_t number) const {
    Proposal point(values_.size());
    for (std::size_t i = values_.size(); i-- > 0;) {
      const auto size = static_cast<std::int64_t>(values_[i].size());
      point[i] = values_[i][static_cast<std::size_t>(number % size)];
      number /= size;
    }
    return point;
  }

 private:
  std::vector<std::vector<Json>> values_;
  std::int64_t total_ = 1;
  bool too_large_ = false;
};

class GridProposals final : public Proposals {
 public:
  explicit GridProposals(Space space) : space_(std::move(space)) {}

  Result<std::optional<Proposal>> Next() override {
    if (next_ == space_.total()) return std::optional<Proposal>();
    return std::optional<Proposal>(space_.At(next_++));
  }
  std::optional<std::int64_t> total() const override { return space_.total(); }

 private:
  Space space_;
  std::int64_t next_ = 0;
};

/// A finite space in random order: the forward shuffle of Fisher and Yates,
/// whose step p needs draw p alone; only moved entries are stored.
class ShuffledProposals final : public Proposals {
 public:
  ShuffledProposals(Space space, std::uint64_t seed)
      : space_(std::move(space)), seed_(seed) {}

  Result<std::optional<Proposal>> Next() override {
    if (next_ == space_.total()) return std::optional<Proposal>();
    KeyedRandom random(seed_, "random search",
                       {static_cast<std::uint64_t>(next_)});
    const auto left = static_cast<std::uint64_t>(space_.total() - next_);
    const std::int64_t other =
        next_ + static_cast<std::int64_t>(random.Below(left));
    const std::int64_t chosen = Entry(other);
    moved_[other] = Entry(next_);
    ++next_;
    return std::optional<Proposal>(space_.At(chosen));
  }
  std::optional<std::int64_t> total() const override { return space_.total(); }

 private:
  std::int64_t Entry(std::int64_t at) const {
    const auto it = moved_.find(at);
    return it == moved_.end() ? at : it->second;
  }

  Space space_;
  std::uint64_t seed_;
  std::int64_t next_ = 0;
  std::unordered_map<std::int64_t, std::int64_t> moved_;
};

/// Independent draws; each axis has its own stream, so that a further axis
/// leaves the draws of the others alone.
class DrawnProposals final : public Proposals {
 public:
  explicit DrawnProposals(const SweepSpec& spec)
      : axes_(spec.axes), seed_(spec.seed) {}

  Result<std::optional<Proposal>> Next() override {
    Proposal point;
    for (const Axis& axis : axes_) {
      BESOM_ASSIGN_OR_RETURN(Json value, Draw(axis));
      point.push_back(std::move(value));
    }
    ++next_;
    return std::optional<Proposal>(std::move(point));
  }
  std::optional<std::int64_t> total() const override { return std::nullopt; }

 private:
  Result<Json> Draw(const Axis& axis) const {
    const Key* key = SweepSchema().Find(axis.path);
    for (std::uint64_t attempt = 0; attempt < kMostRedraws; ++attempt) {
      KeyedRandom random(seed_, "random search of " + axis.path,
                         {next_, attempt});
      Json value = axis.Draw(random);
      if (!axis.values.empty() || FitsKey(*key, value)) return value;
    }
    return InvalidError(
        axis.place.ToString(),
        fmt::format("draws of `{}` are never in its range", axis.path),
        "it must be " + DescribeBuilt(key->forms));
  }

  const std::vector<Axis>& axes_;
  std::uint64_t seed_;
  std::uint64_t next_ = 0;
};

class ListedProposals final : public Proposals {
 public:
  explicit ListedProposals(const SweepSpec& spec)
      : listed_(spec.listed), paths_(VariedPaths(spec)) {}

  Result<std::optional<Proposal>> Next() override {
    if (next_ == listed_.size()) return std::optional<Proposal>();
    const Json& trial = listed_[next_++];
    Proposal point(paths_.size());
    for (std::size_t i = 0; i < paths_.size(); ++i)
      if (trial.contains(paths_[i])) point[i] = trial[paths_[i]];
    return std::optional<Proposal>(std::move(point));
  }
  std::optional<std::int64_t> total() const override {
    return static_cast<std::int64_t>(listed_.size());
  }

 private:
  const std::vector<Json>& listed_;
  std::vector<std::string> paths_;
  std::size_t next_ = 0;
};

bool IsEnumerable(const SweepSpec& spec) {
  return std::all_of(spec.axes.begin(), spec.axes.end(),
                     [](const Axis& axis) { return axis.enumerable(); });
}

Result<Space> FiniteSpace(const SweepSpec& spec) {
  std::vector<std::vector<Json>> values;
  for (const Axis& axis : spec.axes) {
    auto of_axis = axis.GridValues();
    BESOM_CHECK(of_axis.has_value(), axis.path + " is not finite");
    values.push_back(*std::move(of_axis));
  }
  Space space(std::move(values));
  if (space.too_large())
    return InvalidError(spec.PlaceOf("parameters").ToString(),
                        "the axes have more combinations than can be counted",
                        "remove some values");
  return space;
}

}  // namespace

std::vector<std::string> VariedPaths(const SweepSpec& spec) {
  std::vector<std::string> paths;
  for (const Axis& axis : spec.axes) paths.push_back(axis.path);
  for (const Json& trial : spec.listed)
    for (const auto& [path, value] : trial.items())
      if (std::find(paths.begin(), paths.end(), path) == paths.end())
        paths.push_back(path);
  return paths;
}

Result<std::unique_ptr<Proposals>> MakeProposals(const SweepSpec& spec) {
  using Made = std::unique_ptr<Proposals>;
  if (spec.method == "list") return Made(new ListedProposals(spec));
  if (spec.method == "random" && !IsEnumerable(spec))
    return Made(new DrawnProposals(spec));
  BESOM_ASSIGN_OR_RETURN(Space space, FiniteSpace(spec));
  if (spec.method == "random")
    return Made(new ShuffledProposals(std::move(space), spec.seed));
  return Made(new GridProposals(std::move(space)));
}

}  // namespace besom::sweeps
