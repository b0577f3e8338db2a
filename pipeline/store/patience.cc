#include "pipeline/store/patience.h"

#include <chrono>
#include <thread>

#include "pipeline/base/file_system.h"

namespace besom {

Patience Patience::For(const Path& folder) {
  static const SystemClock clock;
  return {IsOnNetworkFileSystem(folder) ? kNetworkSeconds : 0, &clock,
          [](double seconds) {
            std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
          }};
}

}  // namespace besom
