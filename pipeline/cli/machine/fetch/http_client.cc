#include "pipeline/cli/machine/fetch/http_client.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

#include "pipeline/base/files.h"
#include "pipeline/cli/machine/fetch/http_module.h"

namespace besom::cli {
namespace {

constexpr char kFile[] = "libbesom-http.so";
constexpr long kConnectSeconds = 30;

int Begin(void* context, const BesomHttpResponse* response) {
  return static_cast<const HttpEvents*>(context)->begin(
             {response->status, response->content_range, response->etag,
              response->last_modified, response->length})
             ? 0
             : 1;
}

int Data(void* context, const char* bytes, unsigned long long size) {
  return static_cast<const HttpEvents*>(context)->data({bytes, size}) ? 0 : 1;
}

int Tick(void* context) {
  return static_cast<const HttpEvents*>(context)->tick() ? 0 : 1;
}

class LoadedHttpClient final : public HttpClient {
 public:
  explicit LoadedHttpClient(BesomHttpGet* get) : get_(get) {}

  HttpOutcome Get(const HttpRequest& request,
                  const HttpEvents& events) override {
    const BesomHttpRequest plain{request.url.c_str(),      request.from,
                                 request.if_range.c_str(), kConnectSeconds,
                                 request.stall_seconds,    "besom"};
    HttpEvents told = events;
    const BesomHttpEvents calls{&told, Begin, Data, Tick};
    std::array<char, 512> message{};
    const int outcome = get_(&plain, &calls, message.data(), message.size());
    return {KindOf(outcome), message.data()};
  }

 private:
  static HttpOutcome::Kind KindOf(int outcome) {
    switch (outcome) {
      case kBesomHttpDone:
        return HttpOutcome::Kind::kDone;
      case kBesomHttpStopped:
        return HttpOutcome::Kind::kStopped;
      case kBesomHttpUnreachable:
        return HttpOutcome::Kind::kUnreachable;
      case kBesomHttpBroken:
        return HttpOutcome::Kind::kBroken;
      default:
        return HttpOutcome::Kind::kFailed;
    }
  }

  BesomHttpGet* get_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> LoadHttpClient() {
  std::error_code error;  // Without /proc the path is relative; not found.
  const Path path =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
      kFile;
  const auto unusable = [&](const std::string& cause) {
    return Status(StatusCode::kUnavailable, path.string(), cause,
                  "call `./besom build`, or get the file by other means and "
                  "call `besom weights import FILE`");
  };
  // Never closed: libcurl and its TLS library keep state until the end.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* told = ::dlerror();
    return unusable(fmt::format("cannot be loaded: {}",
                                told == nullptr ? "unknown error" : told));
  }
  void* get = ::dlsym(library, "besom_http_get");
  if (get == nullptr) return unusable("is not besom's library for downloads");
  return std::unique_ptr<HttpClient>(
      std::make_unique<LoadedHttpClient>(reinterpret_cast<BesomHttpGet*>(get)));
}

}  // namespace besom::cli
