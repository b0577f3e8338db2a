#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "cluster/group_exchange.h"
#include "stages/model/head/fit_trainer.h"

namespace besom::stages {

/// Keeps the members of a group that train one head together: they go on, stop
/// and fail at the same points. Made without a group it agrees with itself.
class FitAgreement {
 public:
  FitAgreement() = default;
  /// `group` outlives it; every wait has `timeout_seconds`.
  static Result<FitAgreement> Make(cluster::Group& group,
                                   double timeout_seconds);

  /// Whether all members have the same `bytes`.
  Result<bool> Alike(std::string_view bytes);
  /// After an epoch: whether any member was asked to stop. kInternal when
  /// their `figures` differ by a bit.
  Result<bool> AfterEpoch(bool stop, std::span<const double> figures);
  /// kInternal when the members' weights differ by a bit.
  Status AtTheEnd(const FitWeights& weights);

  /// Passes on an error that every member returns at this point, so that
  /// nobody needs to be told.
  Status OnAll(Status status);
  /// Whether there was such an error.
  bool on_all() const { return on_all_; }

 private:
  /// What all members say together.
  struct Answer {
    bool alike = true;  ///< In their bytes.
    bool stop = false;  ///< One of them at least.
  };
  Result<Answer> Ask(bool stop, std::string_view bytes);
  /// The wish to stop of members whose bytes must be alike.
  Result<bool> Compare(bool stop, std::string_view bytes);

  std::optional<cluster::GroupExchange> exchange_;
  double timeout_seconds_ = 0;
  bool on_all_ = false;
};

}  // namespace besom::stages
