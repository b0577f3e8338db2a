#include "pipeline/run/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace besom::run {

std::string Duration(double seconds) {
  const auto whole = static_cast<long>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60,
                       whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Progress::Progress(ProgressMode mode, const Clock& clock, std::FILE* out)
    : mode_(mode), clock_(clock), out_(out), last_draw_(clock.Monotonic()) {}

Progress::~Progress() { Erase(); }

Progress::Stage& Progress::StageOf(const std::string& name) {
  for (auto& [known, stage] : stages_)
    if (known == name) return stage;
  return stages_.emplace_back(name, Stage{}).second;
}

void Progress::Expect(const std::string& stage, std::size_t tasks,
                      std::size_t cached) {
  StageOf(stage).tasks = tasks;
  StageOf(stage).cached = cached;
}

void Progress::TaskShare(const std::string& name, std::size_t task,
                         double share) {
  Stage& stage = StageOf(name);
  if (stage.first < 0) stage.first = clock_.Monotonic();
  stage.shares[task] = share;
  changed_ = true;
}

void Progress::TaskDone(const std::string& name, std::size_t task) {
  Stage& stage = StageOf(name);
  if (stage.first < 0) stage.first = clock_.Monotonic();
  stage.shares.erase(task);
  ++stage.done;
  changed_ = true;
}

void Progress::Best(std::string text) {
  changed_ = changed_ || text != best_;
  best_ = std::move(text);
}

std::string Progress::LineOf(const std::string& name,
                             const Stage& stage) const {
  double done = static_cast<double>(stage.done);
  for (const auto& [task, share] : stage.shares) done += share;
  const double total = static_cast<double>(stage.tasks);
  std::string line =
      fmt::format("{:<10} {:>5}/{} tasks {:>3.0f} %", name, stage.done,
                  stage.tasks, total > 0 ? 100 * done / total : 100.0);
  const double elapsed = clock_.Monotonic() - stage.first;
  if (done > 0 && elapsed > 0 && stage.done < stage.tasks)
    line += fmt::format("  {:.1f} tasks/s, {} left", done / elapsed,
                        Duration((total - done) * elapsed / done));
  if (stage.cached > 0) line += fmt::format("  ({} reused)", stage.cached);
  return line;
}

void Progress::Erase() {
  for (; lines_drawn_ > 0; --lines_drawn_) std::fputs("\x1b[1A\x1b[2K", out_);
  std::fflush(out_);
}

void Progress::Say(const std::string& line) {
  if (mode_ == ProgressMode::kNone) return;
  Erase();
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
  changed_ = true;
}

void Progress::Draw() {
  const double now = clock_.Monotonic();
  const double pause =
      mode_ == ProgressMode::kTerminal ? kRedrawSeconds : kPlainSeconds;
  if (mode_ == ProgressMode::kNone || !changed_ || now - last_draw_ < pause)
    return;
  last_draw_ = now;
  changed_ = false;
  Erase();
  for (const auto& [name, stage] : stages_) {
    const bool active = stage.first >= 0 && stage.done < stage.tasks;
    if (!active) continue;
    std::fprintf(out_, "%s\n", LineOf(name, stage).c_str());
    ++lines_drawn_;
  }
  if (!best_.empty()) {
    std::fprintf(out_, "%s\n", best_.c_str());
    ++lines_drawn_;
  }
  if (mode_ == ProgressMode::kPlain) lines_drawn_ = 0;
  std::fflush(out_);
}

}  // namespace besom::run
