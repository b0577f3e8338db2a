#include "pipeline/cli/machine/fetch/weights_fetch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "pipeline/base/subprocess.h"
#include "pipeline/cli/machine/weights_import.h"
#include "pipeline/cli/machine/weights_listing.h"
#include "pipeline/store/file_lock.h"
#include "pipeline/store/lock_holder.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/weights/published_file.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
namespace {

constexpr double kMebibyte = 1024.0 * 1024.0;
/// Where the publisher names no size. No backbone has half as much.
constexpr std::uint64_t kMostBytes = std::uint64_t{2} << 30;
/// The plain copy that is read, and the converted one.
constexpr int kCopies = 2;
constexpr double kLockPoll = 0.2;
constexpr double kTerminalPeriod = 0.2, kPlainPeriod = 10;

std::uint64_t MostBytesOf(const stages::PretrainedWeights& entry) {
  if (entry.mebibytes <= 0) return kMostBytes;
  return static_cast<std::uint64_t>((entry.mebibytes * 1.1 + 1) * kMebibyte);
}

LockHolder ThisProcess() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return {.host = host, .pid = ::getpid()};
}

/// Makes the weights of a package that the set-up installs.
Result<Path> ConvertPackage(const stages::PretrainedWeights& entry) {
  const Path target = TargetOf(entry);
  BESOM_RETURN_IF_ERROR(MakeFolders(target.parent_path()));
  const auto outcome = RunProcess(
      {BESOM_PYTHON, "-I", "-B", BESOM_CONVERT_WEIGHTS, target.string()});
  if (outcome.ok() && outcome->exit_code == 0) return target;
  return Status(
      StatusCode::kUnavailable, entry.name,
      fmt::format("cannot be made from the package {}", entry.package),
      "call `./besom build`: it brings that package");
}

}  // namespace

Result<Path> WeightsFetcher::Fetch(const std::string& name) {
  BESOM_ASSIGN_OR_RETURN(const NamedWeights named,
                         ReadWeightsName(name, registry_));
  BESOM_RETURN_IF_ERROR(stages::DescribeBackbone(named.backbone).status());
  if (const auto here = FindNamedWeights(name, registry_); here.ok()) {
    services_.note(fmt::format("{} is here already", name));
    return here;
  }
  const stages::PretrainedWeights* entry =
      named.weights == "imagenet" ? registry_.Imagenet(named.backbone)
                                  : registry_.Find(named.weights);
  if (entry == nullptr)
    return InvalidError("weights fetch",
                        fmt::format("nobody is known to publish {}", name),
                        "besom weights list tells what there is; other files: "
                        "besom weights import FILE");
  return FetchEntry(*entry);
}

Result<Path> WeightsFetcher::FetchEntry(
    const stages::PretrainedWeights& entry) {
  const Path path = stages::WeightsFolder() / (entry.name + ".lock");
  bool told = false;
  while (true) {
    BESOM_ASSIGN_OR_RETURN(auto lock,
                           FileLock::TryTake(path, ThisProcess().ToText()));
    if (lock) {
      Result<Path> fetched = FetchLocked(entry);
      lock->RemoveFile();
      return fetched;
    }
    if (!told)
      services_.note(
          fmt::format("{} is being fetched by another besom ({}); "
                      "waiting for it",
                      entry.name, FileLock::HolderOf(path)));
    told = true;
    if (!services_.wait(kLockPoll))
      return Status(StatusCode::kInterrupted, entry.name, "stopped",
                    "the same command goes on from here");
  }
}

Result<Path> WeightsFetcher::FetchLocked(
    const stages::PretrainedWeights& entry) {
  // The one that had the lock before may have done it.
  if (auto here = FindNamedWeights(entry.name, registry_); here.ok())
    return here;
  if (entry.url.empty()) return ConvertPackage(entry);
  const Path part = stages::WeightsFolder() / (entry.name + ".part");
  services_.note(
      fmt::format("{}: {} ({})", entry.name, entry.url, entry.license));
  BESOM_RETURN_IF_ERROR(DownloadWhole(entry, part));
  BESOM_ASSIGN_OR_RETURN(
      const ImportedWeights imported,
      ImportWeights({.file = part, .entry = entry.name, .replace = true},
                    registry_));
  RemovePart(part);
  return imported.path;
}

Status WeightsFetcher::DownloadWhole(const stages::PretrainedWeights& entry,
                                     const Path& part) {
  bool from_parts = StatFile(part).ok();
  while (true) {
    BESOM_RETURN_IF_ERROR(Download({.url = entry.url,
                                    .part = part,
                                    .most_bytes = MostBytesOf(entry),
                                    .room_for_copies = kCopies,
                                    .retries = options_.retries,
                                    .retry_wait = options_.retry_wait,
                                    .stall_seconds = options_.stall_seconds},
                                   services_));
    BESOM_ASSIGN_OR_RETURN(const stages::FileDigests digests,
                           stages::DigestsOf(part));
    if (digests.Match(entry.digest)) return Status::Ok();
    RemovePart(part);
    if (!from_parts)
      return CorruptError(
          entry.url,
          fmt::format("what came is not the published file: sha256:{}, md5:{} "
                      "instead of {}",
                      digests.sha256, digests.md5, entry.digest.ToText()),
          "nothing of it was kept; a proxy or the server gives something "
          "else under this address: look at it with a browser");
    services_.note("the parts do not make the published file; starting again");
    from_parts = false;
  }
}

void FetchProgress::Show(const DownloadProgress& progress) {
  const double now = clock_.Monotonic();
  if (first_time_ < 0) {
    first_time_ = now;
    first_bytes_ = progress.have;
    last_time_ = now;
  }
  const bool whole = progress.total > 0 && progress.have == progress.total;
  const double period = terminal_ ? kTerminalPeriod : kPlainPeriod;
  if (!whole && now < last_time_ + period) return;
  last_time_ = now;
  const double seconds = std::max(now - first_time_, 1e-3);
  const double have = static_cast<double>(progress.have) / kMebibyte;
  const double came =
      static_cast<double>(progress.have -
                          std::min(progress.have, first_bytes_)) /
      kMebibyte;
  std::string text = fmt::format("{:.1f} MiB", have);
  if (progress.total > 0)
    text = fmt::format("{:.1f} of {:.1f} MiB, {:.0f} %", have,
                       static_cast<double>(progress.total) / kMebibyte,
                       100.0 * static_cast<double>(progress.have) /
                           static_cast<double>(progress.total));
  text += fmt::format(", {:.1f} MiB/s", came / seconds);
  if (terminal_)
    fmt::print(stderr, "\rbesom: {:<60}", text);
  else
    fmt::print(stderr, "besom: {}\n", text);
  std::fflush(stderr);
  open_line_ = terminal_;
}

void FetchProgress::EndLine() {
  if (open_line_) fmt::print(stderr, "\n");
  open_line_ = false;
}

}  // namespace besom::cli
