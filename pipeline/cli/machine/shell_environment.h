#pragma once

#include <map>
#include <string>
#include <string_view>

namespace besom::cli {

/// What `env` is made from.
struct ShellEnvironment {
  std::string launcher_folder;  ///< Holds `besom`; empty = not known.
  std::string mpirun_folder;    ///< Holds the right mpirun; empty = none.
  bool as_root = false;
  /// More than one node in the current allocation: the choice of network is
  /// left to the site.
  bool several_nodes = false;
  /// Variables of the caller, for what must not be set again.
  std::map<std::string, std::string> variables;
};

/// A word of POSIX shell that means exactly `text`.
std::string ShellWord(std::string_view text);

/// Lines `export NAME='value';` for eval, quoted or not. What the caller has
/// set stays as it is; folders that already lead the PATH are not put there
/// again.
std::string ExportLines(const ShellEnvironment& environment);

}  // namespace besom::cli
