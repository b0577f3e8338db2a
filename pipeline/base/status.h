#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace besom {

/// What kind of thing went wrong. Additions should be rare: a caller decides
/// by the code only what to do next, the words are for people.
enum class StatusCode {
  kOk,
  kInvalid,      ///< Bad input of the user: usage, spec, data. Exit code 2.
  kNotFound,     ///< A named thing does not exist.
  kIo,           ///< The operating system refused; trying again may help.
  kCorrupt,      ///< Stored bytes are not what was written.
  kUnavailable,  ///< This machine lacks something. Exit code 4.
  kInterrupted,  ///< Asked to stop; the same command resumes. Exit code 3.
  kFailed,       ///< The work itself failed (a NaN loss, a bad image).
  kOutOfMemory,  ///< More memory was needed than there is.
  kInternal,     ///< A bug of ours. Exit code 70.
};

/// The outcome of an operation: OK, or an error with place, cause and cure.
/// OK costs one null pointer. Values are immutable and may be shared between
/// threads.
class [[nodiscard]] Status {
 public:
  /// Makes an OK status.
  Status() = default;
  /// Makes an error. `place` says where (a file:line:column, an option, a
  /// table), `cause` what is wrong, `cure` what to do; place and cure may be
  /// empty. REQUIRES: code != kOk.
  Status(StatusCode code, std::string place, std::string cause,
         std::string cure = "");

  static Status Ok() { return {}; }
  bool ok() const { return error_ == nullptr; }
  StatusCode code() const;
  /// Empty strings when OK.
  const std::string& place() const;
  const std::string& cause() const;
  const std::string& cure() const;

  /// Returns the same error with `outer` put before its place, OK for OK.
  Status Within(std::string_view outer) const;
  /// "place: cause\n  cure: ..." or "ok".
  std::string ToString() const;

 private:
  struct Error {
    StatusCode code;
    std::string place, cause, cure;
  };
  std::shared_ptr<const Error> error_;
};

/// Shorthands for the common codes.
Status InvalidError(std::string place, std::string cause,
                    std::string cure = "");
Status IoError(std::string place, std::string cause, std::string cure = "");
Status CorruptError(std::string place, std::string cause,
                    std::string cure = "");
Status InternalError(std::string place, std::string cause);
/// An I/O error from the current `errno`, kNotFound for a file that is gone (by
/// ESTALE also for an open one of a network file system); `place` is usually
/// the path.
Status ErrnoError(std::string place, std::string_view action);

/// The exit code that a verb ending with `status` returns (INTERFACE: 0 done,
/// 1 failed, 2 usage or spec, 3 interrupted, 4 machine lacks, 70 bug).
int ExitCodeOf(const Status& status);

}  // namespace besom

#define BESOM_CONCAT_INNER(a, b) a##b
#define BESOM_CONCAT(a, b) BESOM_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expression` is an error.
#define BESOM_RETURN_IF_ERROR(expression)                                \
  do {                                                                   \
    if (::besom::Status besom_status = (expression); !besom_status.ok()) \
      return besom_status;                                               \
  } while (false)
