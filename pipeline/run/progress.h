#pragma once

#include <cstddef>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "pipeline/base/clock.h"

namespace besom::run {

enum class ProgressMode { kNone, kPlain, kTerminal };

/// Shows on stderr how far a run is: on a terminal one line per active stage,
/// redrawn; otherwise a plain line at most every kPlainSeconds.
/// One thread at a time; borrows the clock.
class Progress {
 public:
  static constexpr double kRedrawSeconds = 0.1;
  static constexpr double kPlainSeconds = 10;

  Progress(ProgressMode mode, const Clock& clock, std::FILE* out);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `tasks` tasks of `stage` are to be run, `cached` need not.
  void Expect(const std::string& stage, std::size_t tasks, std::size_t cached);
  /// The share of a running task that is done, in [0, 1].
  void TaskShare(const std::string& stage, std::size_t task, double share);
  void TaskDone(const std::string& stage, std::size_t task);
  /// The best trial so far, as one line; empty = none.
  void Best(std::string text);
  /// A line of its own, now (mode kNone: not shown).
  void Say(const std::string& line);
  /// Draws if it is time.
  void Draw();

 private:
  struct Stage {
    std::size_t tasks = 0, cached = 0, done = 0;
    double first = -1;  // When its first task was heard of.
    std::map<std::size_t, double> shares;
  };
  Stage& StageOf(const std::string& name);
  std::string LineOf(const std::string& name, const Stage& stage) const;
  void Erase();

  const ProgressMode mode_;
  const Clock& clock_;
  std::FILE* const out_;
  std::vector<std::pair<std::string, Stage>> stages_;
  std::string best_;
  double last_draw_;
  bool changed_ = false;
  int lines_drawn_ = 0;
};

/// "1:05", "2:03:20": for people.
std::string Duration(double seconds);

}  // namespace besom::run
