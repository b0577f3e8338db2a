#pragma once

#include <functional>
#include <string>

namespace besom::run {

/// How long a run waits for others that write to the database, for
/// db::Connection::WaitWhileBusy. Who merges the part of a shard may write for
/// minutes: that must not end a run, whose ranks go on meanwhile. Ten minutes,
/// or half a minute once `stop` says true; twice a minute the log tells of it.
/// `place`: of the database, for messages.
std::function<bool(double waited)> WhileOthersWrite(std::string place,
                                                    std::function<bool()> stop);

}  // namespace besom::run
