#pragma once

// The border of libbesom-http.so, which alone links libcurl: `besom` loads it
// for a download and starts in a third of the time without it. Plain C, so
// that nothing of besom is in it.

extern "C" {

struct BesomHttpRequest {
  const char* url;
  unsigned long long from;  // First byte that is wanted; 0 = all.
  const char* if_range;     // An ETag or a date; empty = none.
  long connect_seconds;     // Until a connection stands.
  long stall_seconds;       // With next to no bytes: given up.
  const char* agent;
};

struct BesomHttpResponse {
  long status;
  const char* content_range;  // Headers of the final response; empty = none.
  const char* etag;
  const char* last_modified;
  long long length;  // Of this response's body; -1 = unknown.
};

struct BesomHttpEvents {
  void* context;
  // The final response, once, before its body. Another value than 0 stops.
  int (*begin)(void* context, const BesomHttpResponse* response);
  // A piece of the body. Another value than 0 stops.
  int (*data)(void* context, const char* bytes, unsigned long long size);
  // About once a second or more often. Another value than 0 stops.
  int (*tick)(void* context);
};

enum BesomHttpOutcome {
  kBesomHttpDone,         // The whole response came.
  kBesomHttpStopped,      // An event said so.
  kBesomHttpUnreachable,  // No name, no route, no answer, no trust in it.
  kBesomHttpBroken,       // The connection was cut or stalled.
  kBesomHttpFailed,       // Anything else; trying again is of no use.
};

// Gets `request` over HTTP or HTTPS, following redirections (never from HTTPS
// to HTTP). `message` gets a word on what went wrong.
typedef int BesomHttpGet(const BesomHttpRequest* request,
                         const BesomHttpEvents* events, char* message,
                         unsigned long long message_size);

// The only name that the library shows.
BesomHttpGet besom_http_get;

}  // extern "C"
