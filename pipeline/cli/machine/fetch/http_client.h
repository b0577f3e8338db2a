#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "pipeline/base/result.h"

namespace besom::cli {

struct HttpRequest {
  std::string url;
  std::uint64_t from = 0;  ///< First byte that is wanted; 0 = all.
  std::string if_range;    ///< Validator of what is there; empty = none.
  int stall_seconds = 30;  ///< With next to no bytes: the connection is dead.
};

/// The final response, after redirections.
struct HttpResponse {
  long status = 0;
  std::string content_range, etag, last_modified;  ///< Empty = no such header.
  std::int64_t length = -1;  ///< Of the body; -1 = unknown.
};

/// What a transfer tells as it goes. Each returns whether to go on.
struct HttpEvents {
  std::function<bool(const HttpResponse&)> begin;  ///< Once, before the body.
  std::function<bool(std::span<const char>)> data;
  std::function<bool()> tick;  ///< Once a second or more often.
};

/// How a transfer ended.
struct HttpOutcome {
  enum class Kind {
    kDone,         ///< The whole response came.
    kStopped,      ///< An event said so.
    kUnreachable,  ///< No name, no route, no answer, no trust in it.
    kBroken,       ///< The connection was cut or stalled.
    kFailed,       ///< Anything else; trying again is of no use.
  };
  Kind kind = Kind::kDone;
  std::string message;  ///< What went wrong, for people.
};

/// Gets files over HTTP(S). One thread at a time.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual HttpOutcome Get(const HttpRequest& request,
                          const HttpEvents& events) = 0;
};

/// A client of libcurl, which is loaded now (http_module.h): proxies and
/// certificates are those that its environment variables and the system name.
/// kUnavailable when that library cannot be loaded.
Result<std::unique_ptr<HttpClient>> LoadHttpClient();

}  // namespace besom::cli
