#include "pipeline/run/checkpoint_file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "pipeline/base/digest.h"
#include "pipeline/base/log.h"

namespace besom::run {
namespace {

// The file: 64 hexadecimal digits, an end of line, and the task's bytes.
constexpr std::size_t kDigestDigits = 64;

void Warn(const Status& status) {
  Log(LogLevel::kWarning, "checkpoint: " + status.ToString());
}

}  // namespace

CheckpointFile::CheckpointFile(Path path, double interval_seconds,
                               const Clock& clock,
                               CheckpointElsewhere elsewhere)
    : path_(std::move(path)),
      interval_seconds_(interval_seconds),
      clock_(clock),
      elsewhere_(std::move(elsewhere)),
      saved_at_(clock.Monotonic()) {}

std::optional<std::string> CheckpointFile::Load() {
  Result<std::string> file =
      elsewhere_.fetch ? elsewhere_.fetch() : ReadFile(path_);
  if (!file.ok()) {
    if (file.status().code() != StatusCode::kNotFound) Warn(file.status());
    return std::nullopt;
  }
  there_ = !elsewhere_.fetch;
  const std::string_view all = *file;
  if (all.size() > kDigestDigits && all[kDigestDigits] == '\n') {
    const std::string_view bytes = all.substr(kDigestDigits + 1);
    if (DigestOf(bytes).Hex() == all.substr(0, kDigestDigits))
      return std::string(bytes);
  }
  Warn(CorruptError(path_.string(), "it is not what was written"));
  Remove();
  return std::nullopt;
}

bool CheckpointFile::Due(Moment moment) {
  const double passed = clock_.Monotonic() - saved_at_;
  switch (moment) {
    case Moment::kStep:
      return interval_seconds_ > 0 && passed >= interval_seconds_;
    case Moment::kEpoch:
      return passed >= interval_seconds_;
    case Moment::kStop:
      return passed >= std::min(interval_seconds_, kWorthKeeping);
  }
  return false;
}

void CheckpointFile::Save(std::string_view bytes) {
  const std::string file = DigestOf(bytes).Hex() + '\n' + std::string(bytes);
  const Status written = elsewhere_.deliver ? elsewhere_.deliver(file)
                                            : WriteFileAtomic(path_, file);
  if (!written.ok()) Warn(written);
  there_ = there_ || (written.ok() && !elsewhere_.deliver);
  saved_at_ = clock_.Monotonic();
}

void CheckpointFile::Remove() {
  if (!std::exchange(there_, false)) return;
  std::error_code error;
  std::filesystem::remove(path_, error);
  if (error) Warn(IoError(path_.string(), error.message()));
}

}  // namespace besom::run
