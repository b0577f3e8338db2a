#include "pipeline/store/blob_search.h"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace besom {
namespace {

/// Opens and reads the folder, which makes the client of a network file system
/// ask its server what is in it now.
void RefreshFolder(const Path& folder) {
  DIR* const entries = ::opendir(folder.c_str());
  if (entries == nullptr) return;  // Not there yet either.
  while (::readdir(entries) != nullptr) {
  }
  ::closedir(entries);
}

}  // namespace

BlobSearch::BlobSearch(const BlobStore& blobs,
                       std::optional<double> most_seconds)
    : blobs_(blobs),
      seconds_(std::min(blobs.patience().seconds,
                        most_seconds.value_or(blobs.patience().seconds))) {}

BlobSearch::Answer BlobSearch::Look(const std::vector<BlobRef>& wanted) {
  const auto missing = [&](const BlobRef& ref) { return blobs_.Lacks(ref); };
  if (seconds_ <= 0)
    return std::ranges::any_of(wanted, missing) ? Answer::kGone
                                                : Answer::kNoneMissing;
  const double now = blobs_.patience().clock->Monotonic();
  if (deadline_ && now < next_look_ && now < *deadline_)
    return Answer::kLookAgain;
  if (deadline_) {
    std::set<Path> folders;
    for (const BlobRef& ref : wanted)
      folders.insert(blobs_.layout().blob(ref.digest).parent_path());
    RefreshFolder(blobs_.layout().blobs());
    for (const Path& folder : folders) RefreshFolder(folder);
  }
  if (std::ranges::none_of(wanted, missing)) {
    deadline_.reset();
    pause_ = kFirstPause;
    return Answer::kNoneMissing;
  }
  if (!deadline_) deadline_ = now + seconds_;
  if (now >= *deadline_) return Answer::kGone;
  next_look_ = std::min(now + pause_, *deadline_);
  pause_ = std::min(2 * pause_, kLongestPause);
  return Answer::kLookAgain;
}

Result<bool> BlobSearch::Await(const std::vector<BlobRef>& wanted,
                               const std::function<bool()>& stop) {
  while (true) {
    const Answer answer = Look(wanted);
    if (answer != Answer::kLookAgain) return answer == Answer::kNoneMissing;
    if (stop())
      return Status(
          StatusCode::kInterrupted, blobs_.layout().blobs().string(),
          "asked to stop while looking for files that other machines have "
          "written");
    const Patience& patience = blobs_.patience();
    patience.sleep(std::max(next_look_ - patience.clock->Monotonic(), 0.0));
  }
}

}  // namespace besom
