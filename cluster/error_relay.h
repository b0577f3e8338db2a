#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "pipeline/base/result.h"

namespace besom::cluster {

/// Passes what other processes write to a pipe on to this process's standard
/// error, at once, and shows each whole line to somebody.
class ErrorRelay {
 public:
  /// `on_line` is called from a thread of this object, without the line's end.
  static Result<std::unique_ptr<ErrorRelay>> Start(
      std::function<void(std::string_view)> on_line);
  /// Passes on what is in the pipe, then ends, whoever still has it open.
  ~ErrorRelay();
  ErrorRelay(const ErrorRelay&) = delete;
  ErrorRelay& operator=(const ErrorRelay&) = delete;

  /// What to write to; borrowed.
  int fd() const { return write_end_; }

 private:
  ErrorRelay(int read_end, int write_end, int stop,
             std::function<void(std::string_view)> on_line);
  void Loop();
  bool PassOn(std::string& line) const;

  const int read_end_, write_end_;
  const int stop_;  // An eventfd.
  const std::function<void(std::string_view)> on_line_;
  std::thread thread_;
};

/// The node that `line` says is lost, in Slurm's notation ("node[3-4]") when
/// there are several: it is one of mpirun's (Open MPI 4 and 5) about a daemon
/// that no longer answers, or of srun's about a node that failed. "" = says no
/// such thing.
std::string LostNodeIn(std::string_view line);

}  // namespace besom::cluster
