#include "pipeline/cli/machine/fetch/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "pipeline/base/json.h"

namespace besom::cli {
namespace {

/// A try that brings at least so much counts as getting further.
constexpr std::uint64_t kFurther = 64 << 10;
constexpr int kMostDoublings = 6;
constexpr double kMegabyte = 1e6;

constexpr const char* kSameCommand = "the same command goes on from here";

Path NotesPath(const Path& part) { return part.string() + ".json"; }

/// "bytes 5-9/10": first byte and whole size (0 = "*").
struct ContentRange {
  std::uint64_t first = 0, total = 0;
};

std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  ContentRange range;
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const auto first = TakeNumber(text);
  if (!first || !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  if (!TakeNumber(text) || !text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  range.first = *first;
  range.total = TakeNumber(text).value_or(0);
  return range;
}

/// The part file, open for writing, and the version of the file it is of.
class Part {
 public:
  static Result<std::unique_ptr<Part>> Open(const DownloadOptions& options) {
    BESOM_RETURN_IF_ERROR(MakeFolders(options.part.parent_path()));
    auto part = std::unique_ptr<Part>(new Part(options));
    part->fd_ =
        ::open(options.part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (part->fd_ < 0) return ErrnoError(options.part.string(), "open");
    part->ReadNotes();
    const off_t size = ::lseek(part->fd_, 0, SEEK_END);
    part->size_ = size > 0 ? static_cast<std::uint64_t>(size) : 0;
    if (part->size_ > 0 && part->url_ != options.url) {
      BESOM_RETURN_IF_ERROR(part->StartAgain());
    }
    return part;
  }
  ~Part() {
    if (fd_ >= 0) ::close(fd_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  std::uint64_t size() const { return size_; }
  const std::string& validator() const { return validator_; }

  Status StartAgain() {
    size_ = 0;
    validator_.clear();
    if (::ftruncate(fd_, 0) != 0) return ErrnoError(path_.string(), "empty");
    if (::lseek(fd_, 0, SEEK_SET) != 0)
      return ErrnoError(path_.string(), "empty");
    return Status::Ok();
  }

  /// Remembers which version of the file the bytes from now on are of.
  Status NoteVersion(const HttpResponse& response) {
    // Weak ETags ("W/...") name contents, not bytes.
    validator_ =
        response.etag.starts_with('"') ? response.etag : response.last_modified;
    const Json notes = {{"url", wanted_url_}, {"validator", validator_}};
    return WriteFileAtomic(NotesPath(path_), CanonicalText(notes));
  }

  Status Append(std::span<const char> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        return IoError(path_.string(),
                       fmt::format("cannot write: {}", std::strerror(errno)),
                       std::string("free some disk space; ") + kSameCommand);
      size_ += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return Status::Ok();
  }

 private:
  explicit Part(const DownloadOptions& options)
      : path_(options.part), wanted_url_(options.url) {}

  void ReadNotes() {
    const auto text = ReadFile(NotesPath(path_));
    if (!text.ok()) return;
    const Json notes = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!notes.is_object()) return;
    const auto read = [&](const char* key) {
      const auto it = notes.find(key);
      return it != notes.end() && it->is_string() ? it->get<std::string>() : "";
    };
    url_ = read("url");
    validator_ = read("validator");
  }

  Path path_;
  std::string wanted_url_;
  std::string url_, validator_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

/// What to do after a try.
enum class Next { kDone, kAgain, kAgainAtOnce, kGiveUp };

/// One download over several connections.
class Downloader {
 public:
  Downloader(const DownloadOptions& options, const DownloadServices& services,
             Part& part)
      : options_(options), services_(services), part_(part) {}

  Status Run() {
    int failures = 0;
    while (true) {
      const std::uint64_t before = part_.size();
      const Next next = Try();
      if (next == Next::kDone) return Status::Ok();
      if (next == Next::kGiveUp) return problem_;
      if (next == Next::kAgainAtOnce) continue;
      if (part_.size() >= before + kFurther) failures = 0;
      if (++failures > options_.retries) return TooOften();
      const double seconds =
          options_.retry_wait * (1 << std::min(failures - 1, kMostDoublings));
      services_.note(fmt::format("{}; trying again in {:g} s ({} of {})",
                                 problem_.cause(), seconds, failures,
                                 options_.retries));
      if (!services_.wait(seconds)) return Stopped();
    }
  }

 private:
  Next Try() {
    const HttpRequest request{options_.url, ignore_part_ ? 0 : part_.size(),
                              part_.validator(), options_.stall_seconds};
    asked_from_ = request.from;
    const HttpOutcome outcome = services_.http.Get(
        request, {.begin = [this](const HttpResponse& r) { return Begin(r); },
                  .data = [this](std::span<const char> d) { return Data(d); },
                  .tick = [this] { return !services_.stopped(); }});
    switch (outcome.kind) {
      case HttpOutcome::Kind::kDone:
        if (total_ == 0 || part_.size() == total_) return Next::kDone;
        problem_ = Unavailable("the connection ended too early");
        return Next::kAgain;
      case HttpOutcome::Kind::kStopped:
        if (services_.stopped()) problem_ = Stopped();
        return std::exchange(next_, Next::kGiveUp);
      case HttpOutcome::Kind::kUnreachable:
        unreachable_ = part_.size() == 0;
        [[fallthrough]];
      case HttpOutcome::Kind::kBroken:
        problem_ = Unavailable(outcome.message);
        return Next::kAgain;
      case HttpOutcome::Kind::kFailed:
        problem_ = Unavailable(outcome.message);
        return Next::kGiveUp;
    }
    return Next::kGiveUp;
  }

  /// Takes the response or says in next_ and problem_ why not.
  bool Begin(const HttpResponse& response) {
    problem_ = Status::Ok();
    unreachable_ = false;
    switch (response.status) {
      case 200:
        return BeginWhole(response);
      case 206:
        return BeginRange(response);
      case 416:
        return EndOrStartAgain(response);
      case 408:
      case 425:
      case 429:
        return Refuse(Next::kAgain, response.status);
      default:
        return Refuse(response.status >= 500 ? Next::kAgain : Next::kGiveUp,
                      response.status);
    }
  }

  bool BeginWhole(const HttpResponse& response) {
    if (asked_from_ > 0)
      services_.note(
          "the server starts the file again (it has another "
          "version, or cannot send parts)");
    Status status = part_.StartAgain();
    if (status.ok()) status = part_.NoteVersion(response);
    if (!status.ok()) return GiveUp(status);
    return SetTotal(
        response.length < 0 ? 0 : static_cast<std::uint64_t>(response.length));
  }

  bool BeginRange(const HttpResponse& response) {
    const auto range = ParseContentRange(response.content_range);
    if (range && range->first == part_.size() && asked_from_ > 0)
      return SetTotal(range->total);
    return StartAgain("the server sends another part than asked for");
  }

  /// 416: the part is whole, or it is no part of that file.
  bool EndOrStartAgain(const HttpResponse& response) {
    if (asked_from_ > 0 &&
        response.content_range == fmt::format("bytes */{}", part_.size())) {
      next_ = Next::kDone;
      return false;
    }
    return StartAgain("the server has another file");
  }

  /// Asks for all of it, once; a server that then errs again is given up.
  bool StartAgain(const std::string& why) {
    if (ignore_part_) return GiveUp(Unavailable(why));
    services_.note(why + "; starting again");
    ignore_part_ = true;
    const Status status = part_.StartAgain();
    if (!status.ok()) return GiveUp(status);
    next_ = Next::kAgainAtOnce;
    return false;
  }

  bool SetTotal(std::uint64_t total) {
    total_ = total;
    if (total > options_.most_bytes) return TooLong();
    std::error_code error;
    const auto space =
        std::filesystem::space(options_.part.parent_path(), error);
    const std::uint64_t needed =
        total - std::min(total, part_.size()) +
        total * static_cast<std::uint64_t>(options_.room_for_copies);
    if (!error && space.available < needed)
      return GiveUp(
          IoError(options_.part.parent_path().string(),
                  fmt::format("{:.0f} MB are needed, {:.0f} MB are free",
                              static_cast<double>(needed) / kMegabyte,
                              static_cast<double>(space.available) / kMegabyte),
                  std::string("free some disk space; ") + kSameCommand));
    services_.progress({part_.size(), total_});
    return true;
  }

  bool Data(std::span<const char> bytes) {
    if (services_.stopped()) return false;
    if (part_.size() + bytes.size() > options_.most_bytes) return TooLong();
    if (const Status status = part_.Append(bytes); !status.ok())
      return GiveUp(status);
    services_.progress({part_.size(), total_});
    return true;
  }

  bool TooLong() {
    return GiveUp(CorruptError(
        options_.url,
        fmt::format("the file is longer than the {:.0f} MB that it may have",
                    static_cast<double>(options_.most_bytes) / kMegabyte),
        "it is not the published one: try again later or elsewhere"));
  }

  bool Refuse(Next next, long status) {
    next_ = next;
    problem_ = Unavailable(
        fmt::format("the server answers {}{}", status,
                    status == 404 || status == 410   ? " (it has no such file)"
                    : status == 401 || status == 403 ? " (it does not give it)"
                                                     : ""));
    return false;
  }

  bool GiveUp(Status problem) {
    problem_ = std::move(problem);
    next_ = Next::kGiveUp;
    return false;
  }

  Status Unavailable(const std::string& cause) const {
    return Status(
        StatusCode::kUnavailable, options_.url, cause,
        "look at the network (and https_proxy), or get the file by other "
        "means and call `besom weights import FILE`");
  }

  Status TooOften() const {
    if (unreachable_ || part_.size() == 0) return problem_;
    return Status(StatusCode::kInterrupted, options_.url,
                  fmt::format("given up after {} tries: {}",
                              options_.retries + 1, problem_.cause()),
                  kSameCommand);
  }

  Status Stopped() const {
    return Status(StatusCode::kInterrupted, options_.url, "stopped",
                  kSameCommand);
  }

  const DownloadOptions& options_;
  const DownloadServices& services_;
  Part& part_;
  std::uint64_t asked_from_ = 0, total_ = 0;
  bool ignore_part_ = false;
  bool unreachable_ = false;
  Next next_ = Next::kGiveUp;  ///< When an event stops a transfer.
  Status problem_;
};

}  // namespace

Status Download(const DownloadOptions& options,
                const DownloadServices& services) {
  BESOM_ASSIGN_OR_RETURN(const auto part, Part::Open(options));
  const Status status = Downloader(options, services, *part).Run();
  const bool of_use = part->size() > 0 && status.code() != StatusCode::kCorrupt;
  if (!status.ok() && !of_use) RemovePart(options.part);
  return status;
}

void RemovePart(const Path& part) {
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  std::filesystem::remove(NotesPath(part), ignored);
}

}  // namespace besom::cli
