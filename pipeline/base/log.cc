#include "pipeline/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace besom {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

struct Sinks {
  std::shared_ptr<spdlog::sinks::stderr_color_sink_mt> terminal =
      std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  spdlog::logger logger{"besom", terminal};
  Sinks() {
    terminal->set_level(spdlog::level::warn);
    terminal->set_pattern("besom: %^%l%$: %v");
    logger.set_level(spdlog::level::debug);
  }
};

Sinks& TheSinks() {
  static Sinks sinks;
  return sinks;
}

}  // namespace

void Log(LogLevel level, std::string_view message) {
  TheSinks().logger.log(LevelOf(level), message);
}

Status OpenLogFile(const Path& path) {
  BESOM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  try {
    auto sink =
        std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    TheSinks().logger.sinks().push_back(std::move(sink));
    TheSinks().logger.flush_on(spdlog::level::info);
  } catch (const spdlog::spdlog_ex& error) {
    return IoError(path.string(), error.what());
  }
  return Status::Ok();
}

void SetStderrLevel(LogLevel level) {
  TheSinks().terminal->set_level(LevelOf(level));
}

}  // namespace besom
