#include "pipeline/run/busy_database.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/base/log.h"

namespace besom::run {
namespace {

// Seconds.
constexpr double kLongestWait = 600;
constexpr double kLongestOfStopping = 30;
constexpr double kBetweenWords = 30;

}  // namespace

std::function<bool(double waited)> WhileOthersWrite(
    std::string place, std::function<bool()> stop) {
  return [place = std::move(place), stop = std::move(stop),
          speak_at = kBetweenWords](double waited) mutable {
    if (waited <= 0) speak_at = kBetweenWords;
    if (waited >= speak_at) {
      Log(LogLevel::kWarning,
          fmt::format("{}: another process has been writing for {:.0f} s; this "
                      "run waits for it",
                      place, waited));
      speak_at += kBetweenWords;
    }
    return waited < (stop() ? kLongestOfStopping : kLongestWait);
  };
}

}  // namespace besom::run
