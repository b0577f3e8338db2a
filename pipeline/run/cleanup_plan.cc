#include "pipeline/run/cleanup_plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace besom::run {
namespace {

/// What a blob is worth to the next run, the least first.
enum class Worth { kComputable, kModel, kResult };

/// What the database says of one digest, over all actions that left it.
struct Named {
  Worth worth = Worth::kComputable;
  CleanupKind kind = CleanupKind::kFeatures;  // Unless it is a result.
  double finished = 0;                        // Of the last action.
  std::vector<std::pair<std::string, std::string>> of;  // (key, port).
};

/// A trained model, over all sweeps that have it.
struct Model {
  bool best = false;      // Of some sweep.
  bool kept = false;      // By the policy, of some sweep.
  bool progress = false;  // Of a trial that has not ended.
  std::int64_t rank = 0;  // The best one; 0 = unranked.
};

Worth WorthOf(const db::StoredBlob& blob) {
  if (blob.stage == "ingest" || blob.stage == "augment" ||
      blob.stage == "features")
    return Worth::kComputable;
  return blob.stage == "fine_tune" && blob.port == "weights" ? Worth::kModel
                                                             : Worth::kResult;
}

CleanupKind KindOf(const db::StoredBlob& blob) {
  if (blob.stage == "ingest") return CleanupKind::kPixels;
  if (blob.stage == "augment") return CleanupKind::kViews;
  return blob.stage == "features" ? CleanupKind::kFeatures
                                  : CleanupKind::kWeights;
}

class Planner {
 public:
  Planner(const CleanupFacts& facts, const CleanupPolicy& policy)
      : facts_(facts), policy_(policy), gone_(facts.files.size()) {}

  CleanupPlan Plan() {
    for (const StoreFile& file : facts_.files) plan_.bytes_before += file.bytes;
    plan_.bytes_after = plan_.bytes_before;
    ReadBlobs();
    ReadModels();
    RemoveWhatIsNoUse();
    if (policy_.keep != KeepModels::kAll) RemoveModels();
    if (policy_.max_bytes) RemoveDownTo(*policy_.max_bytes);
    CountTheRest();
    return std::move(plan_);
  }

 private:
  void ReadBlobs() {
    for (const db::StoredBlob& blob : facts_.record.blobs) {
      bool& done = done_.try_emplace(blob.key, true).first->second;
      done = done && !blob.removed;
      if (blob.removed) {
        removed_.insert(blob.digest);
        continue;
      }
      Named& named = named_[blob.digest];
      const Worth worth = WorthOf(blob);
      if (named.of.empty() || worth > named.worth) {
        named.worth = worth;
        named.kind = KindOf(blob);
      }
      named.finished = std::max(named.finished, blob.finished);
      named.of.emplace_back(blob.key, blob.port);
    }
  }

  void ReadModels() {
    struct SweepModels {
      bool any_done = false, any_first = false;
      const db::FitModel* last = nullptr;
      std::unordered_set<std::string> digests;  // Of evaluated fits.
    };
    std::map<std::string, SweepModels> sweeps;
    const auto age = [](const db::FitModel& model) {
      return std::tuple(model.finished, model.ordinal);
    };
    for (const db::FitModel& model : facts_.record.models) {
      SweepModels& sweep = sweeps[model.sweep];
      sweep.digests.insert(model.digest);
      sweep.any_done |= model.done;
      sweep.any_first |= model.rank == 1;
      if (model.done && (!sweep.last || age(model) > age(*sweep.last)))
        sweep.last = &model;
    }
    for (const db::FitModel& model : facts_.record.models) {
      const SweepModels& sweep = sweeps[model.sweep];
      // It stays for `predict` even when its action was forgotten; but what was
      // called removed is no model any more, should its file be there yet.
      if (!named_.contains(model.digest) && !removed_.contains(model.digest))
        named_[model.digest] = {Worth::kModel, CleanupKind::kWeights, 0, {}};
      Model& known = models_[model.digest];
      known.best |= model.rank == 1;
      known.progress |= model.pending;
      known.kept |= model.rank == 1 || model.pending ||
                    (sweep.any_done && !sweep.any_first) ||
                    (policy_.keep == KeepModels::kLast && model.done &&
                     model.trial == sweep.last->trial);
      if (model.rank > 0 && (known.rank == 0 || model.rank < known.rank))
        known.rank = model.rank;
    }
    for (const auto& [sweep, digest] : facts_.record.unsettled) {
      if (sweeps[sweep].digests.contains(digest)) continue;
      models_[digest].progress = models_[digest].kept = true;
    }
  }

  void RemoveWhatIsNoUse() {
    for (std::size_t i = 0; i < facts_.files.size(); ++i) {
      const StoreFile& file = facts_.files[i];
      switch (file.kind) {
        case StoreFile::Kind::kBlob:
          if (facts_.of_parts.contains(file.name)) break;
          if (named_.contains(file.name))
            blobs_.emplace(file.name, i);
          else if (!facts_.to_adopt.contains(file.name))
            Remove(CleanupKind::kOrphans, i);
          break;
        case StoreFile::Kind::kDamaged:
          Remove(CleanupKind::kDamaged, i);
          break;
        case StoreFile::Kind::kTemporary:
          Remove(CleanupKind::kTemporaries, i);
          break;
        case StoreFile::Kind::kCheckpoint:
          if (const auto task = done_.find(file.name);
              task != done_.end() && task->second)
            Remove(CleanupKind::kCheckpoints, i);
          break;
        case StoreFile::Kind::kOther:
          break;
      }
    }
  }

  void RemoveModels() {
    for (const auto& [digest, file] : blobs_)
      if (named_.at(digest).worth == Worth::kModel && !models_[digest].kept)
        RemoveBlob(digest, file);
  }

  /// How early a blob goes when the store is too large; none: never.
  struct Turn {
    int round;
    double order;
  };
  std::optional<Turn> TurnOf(const std::string& digest) {
    const Named& named = named_.at(digest);
    if (named.worth == Worth::kResult) return std::nullopt;
    if (named.worth == Worth::kComputable) return Turn{0, named.finished};
    const Model& model = models_[digest];
    if (model.best) return std::nullopt;
    if (model.progress) return Turn{2, named.finished};
    return Turn{1, model.rank == 0 ? -std::numeric_limits<double>::infinity()
                                   : -static_cast<double>(model.rank)};
  }

  void RemoveDownTo(std::uint64_t most) {
    std::vector<std::tuple<int, double, CleanupKind, std::string, std::size_t>>
        order;
    for (const auto& [digest, file] : blobs_) {
      if (gone_[file]) continue;
      if (const std::optional<Turn> turn = TurnOf(digest))
        order.emplace_back(turn->round, turn->order, named_.at(digest).kind,
                           digest, file);
    }
    std::sort(order.begin(), order.end());
    for (const auto& [round, place, kind, digest, file] : order)
      if (plan_.bytes_after > most) RemoveBlob(digest, file);
    for (std::size_t i = 0; i < facts_.files.size(); ++i)
      if (facts_.files[i].kind == StoreFile::Kind::kCheckpoint && !gone_[i] &&
          plan_.bytes_after > most)
        Remove(CleanupKind::kCheckpoints, i);
  }

  void RemoveBlob(const std::string& digest, std::size_t file) {
    const Named& named = named_.at(digest);
    Remove(named.kind, file);
    plan_.forgotten.insert(plan_.forgotten.end(), named.of.begin(),
                           named.of.end());
  }

  void Remove(CleanupKind kind, std::size_t file) {
    gone_[file] = true;
    plan_.removals.push_back({kind, file});
    plan_.bytes_after -= facts_.files[file].bytes;
  }

  void CountTheRest() {
    for (std::size_t i = 0; i < facts_.files.size(); ++i) {
      if (gone_[i]) continue;
      const StoreFile& file = facts_.files[i];
      const auto named = named_.find(file.name);
      if (file.kind == StoreFile::Kind::kOther)
        plan_.bytes_of_unknown += file.bytes;
      else if (file.kind != StoreFile::Kind::kBlob)
        continue;
      else if (named == named_.end() || facts_.of_parts.contains(file.name))
        plan_.bytes_to_adopt += file.bytes;
      else if (named->second.worth == Worth::kResult)
        plan_.bytes_of_results += file.bytes;
      else if (named->second.worth == Worth::kModel && models_[file.name].best)
        plan_.bytes_of_best += file.bytes;
    }
  }

  const CleanupFacts& facts_;
  const CleanupPolicy& policy_;
  CleanupPlan plan_;
  std::vector<bool> gone_;                        // By file.
  std::unordered_map<std::string, bool> done_;    // By key of the action.
  std::unordered_set<std::string> removed_;       // Digests.
  std::unordered_map<std::string, Named> named_;  // By digest, as the rest.
  std::unordered_map<std::string, Model> models_;
  std::map<std::string, std::size_t> blobs_;  // Named ones that are there.
};

}  // namespace

CleanupPlan PlanCleanup(const CleanupFacts& facts,
                        const CleanupPolicy& policy) {
  return Planner(facts, policy).Plan();
}

}  // namespace besom::run
