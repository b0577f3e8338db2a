#include "pipeline/base/status.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "pipeline/base/check.h"

namespace besom {
namespace {
const std::string& Nothing() {
  static const std::string nothing;
  return nothing;
}
}  // namespace

Status::Status(StatusCode code, std::string place, std::string cause,
               std::string cure)
    : error_(std::make_shared<const Error>(
          Error{code, std::move(place), std::move(cause), std::move(cure)})) {
  BESOM_CHECK(code != StatusCode::kOk, "an error needs an error code");
}

StatusCode Status::code() const {
  return error_ ? error_->code : StatusCode::kOk;
}
const std::string& Status::place() const {
  return error_ ? error_->place : Nothing();
}
const std::string& Status::cause() const {
  return error_ ? error_->cause : Nothing();
}
const std::string& Status::cure() const {
  return error_ ? error_->cure : Nothing();
}

Status Status::Within(std::string_view outer) const {
  if (ok()) return *this;
  std::string place = error_->place.empty()
                          ? std::string(outer)
                          : fmt::format("{}: {}", outer, error_->place);
  return {error_->code, std::move(place), error_->cause, error_->cure};
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  std::string text = error_->place.empty()
                         ? error_->cause
                         : fmt::format("{}: {}", error_->place, error_->cause);
  if (!error_->cure.empty()) text += fmt::format("\n  cure: {}", error_->cure);
  return text;
}

Status InvalidError(std::string place, std::string cause, std::string cure) {
  return {StatusCode::kInvalid, std::move(place), std::move(cause),
          std::move(cure)};
}
Status IoError(std::string place, std::string cause, std::string cure) {
  return {StatusCode::kIo, std::move(place), std::move(cause), std::move(cure)};
}
Status CorruptError(std::string place, std::string cause, std::string cure) {
  return {StatusCode::kCorrupt, std::move(place), std::move(cause),
          std::move(cure)};
}
Status InternalError(std::string place, std::string cause) {
  return {StatusCode::kInternal, std::move(place), std::move(cause),
          "this is a bug of besom; please report it with this message"};
}
Status ErrnoError(std::string place, std::string_view action) {
  const int error = errno;
  return {
      error == ENOENT || error == ESTALE ? StatusCode::kNotFound
                                         : StatusCode::kIo,
      std::move(place),
      fmt::format("cannot {}: {}", action, std::strerror(error)),
      error == ENOSPC ? "free some disk space, then run the same command" : ""};
}

int ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalid:
    case StatusCode::kNotFound:
      return 2;
    case StatusCode::kInterrupted:
      return 3;
    case StatusCode::kUnavailable:
      return 4;
    case StatusCode::kInternal:
      return 70;
    case StatusCode::kIo:
    case StatusCode::kCorrupt:
    case StatusCode::kFailed:
    case StatusCode::kOutOfMemory:
      return 1;
  }
  return 70;
}

}  // namespace besom
