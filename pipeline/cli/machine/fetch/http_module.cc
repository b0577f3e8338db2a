#include "pipeline/cli/machine/fetch/http_module.h"

#include <curl/curl.h>

#include <cctype>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace {

constexpr long kRedirections = 10;
constexpr long kStallBytesPerSecond = 1000;

/// One transfer: the headers of the latest response, and what was told of it.
struct Transfer {
  CURL* curl;
  const BesomHttpEvents* events;
  std::string content_range, etag, last_modified;
  bool begun = false;
  bool stopped = false;
};

bool HeaderIs(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(line[i])) != name[i])
      return false;
  return true;
}

std::string ValueOf(std::string_view line) {
  line.remove_prefix(line.find(':') + 1);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line[0])))
    line.remove_prefix(1);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())))
    line.remove_suffix(1);
  return std::string(line);
}

std::size_t OnHeader(char* bytes, std::size_t, std::size_t size,
                     void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(bytes, size);
  if (line.starts_with("HTTP/")) {  // Another response, after a redirection.
    transfer.content_range.clear();
    transfer.etag.clear();
    transfer.last_modified.clear();
  }
  if (HeaderIs(line, "content-range")) transfer.content_range = ValueOf(line);
  if (HeaderIs(line, "etag")) transfer.etag = ValueOf(line);
  if (HeaderIs(line, "last-modified")) transfer.last_modified = ValueOf(line);
  return size;
}

/// Tells of the response once; false when that stops the transfer.
bool Begin(Transfer& transfer) {
  if (transfer.begun) return true;
  transfer.begun = true;
  long status = 0;
  curl_off_t length = -1;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  const BesomHttpResponse response{status, transfer.content_range.c_str(),
                                   transfer.etag.c_str(),
                                   transfer.last_modified.c_str(), length};
  transfer.stopped =
      transfer.events->begin(transfer.events->context, &response) != 0;
  return !transfer.stopped;
}

std::size_t OnData(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!Begin(transfer)) return 0;
  transfer.stopped =
      transfer.events->data(transfer.events->context, bytes, size) != 0;
  return transfer.stopped ? 0 : size;
}

int OnTick(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.events->tick(transfer.events->context) == 0) return 0;
  transfer.stopped = true;
  return 1;
}

void SetOptions(CURL* curl, const BesomHttpRequest& request,
                Transfer& transfer) {
  const bool secure = std::string_view(request.url).starts_with("https:");
  curl_easy_setopt(curl, CURLOPT_URL, request.url);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, request.agent);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirections);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   secure ? "https" : "http,https");
#else
  const long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS, both);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
                   secure ? long{CURLPROTO_HTTPS} : both);
#endif
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, request.connect_seconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, request.stall_seconds);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnData);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnTick);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

int OutcomeOf(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return kBesomHttpDone;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return kBesomHttpUnreachable;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return kBesomHttpBroken;
    default:
      return kBesomHttpFailed;
  }
}

struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListFree>;

/// Range and If-Range, as headers of our own: CURLOPT_RESUME_FROM would end
/// with an error where a server sends all.
HeaderList RangeHeaders(const BesomHttpRequest& request) {
  if (request.from == 0) return nullptr;
  const std::string range =
      "Range: bytes=" + std::to_string(request.from) + "-";
  HeaderList list(curl_slist_append(nullptr, range.c_str()));
  if (*request.if_range != '\0') {
    const std::string only = std::string("If-Range: ") + request.if_range;
    list.reset(curl_slist_append(list.release(), only.c_str()));
  }
  return list;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int besom_http_get(
    const BesomHttpRequest* request, const BesomHttpEvents* events,
    char* message, unsigned long long message_size) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(
      curl_easy_init(), &curl_easy_cleanup);
  if (!curl) {
    std::snprintf(message, message_size, "libcurl does not start");
    return kBesomHttpFailed;
  }
  char words[CURL_ERROR_SIZE] = {};
  Transfer transfer{curl.get(), events, {}, {}, {}};
  SetOptions(curl.get(), *request, transfer);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, words);
  const HeaderList headers = RangeHeaders(*request);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK) Begin(transfer);  // A response without a body.
  if (transfer.stopped) return kBesomHttpStopped;
  std::snprintf(message, message_size, "%s",
                *words ? words : curl_easy_strerror(code));
  return OutcomeOf(code);
}
