#include "pipeline/cli/reading/workspace_reader.h"

#include <cstdio>
#include <cstdlib>

#include "pipeline/cli/reading/shard_status.h"

namespace besom::cli {

WorkspaceLayout WorkspaceOf(const std::string& workspace) {
  if (!workspace.empty()) return WorkspaceLayout(workspace);
  const char* named = std::getenv("BESOM_WORKSPACE");
  const bool set = named != nullptr && *named != '\0';
  return WorkspaceLayout(set ? named : "besom-runs");
}

Result<std::unique_ptr<db::Reader>> OpenWorkspace(
    const std::string& workspace) {
  const WorkspaceLayout layout = WorkspaceOf(workspace);
  auto reader = db::Reader::Open(layout.database());
  if (reader.ok()) std::fputs(UnmergedNote(layout).c_str(), stderr);
  return reader;
}

Status Print(std::string_view text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return Status::Ok();
  return ErrnoError("standard output", "write");
}

int FailWith(const Status& status) {
  std::fprintf(stderr, "besom: %s\n", status.ToString().c_str());
  return ExitCodeOf(status);
}

int RunReading(const GlobalOptions& global,
               const std::function<Status(db::Reader&)>& body) {
  const auto reader = OpenWorkspace(global.workspace);
  if (!reader.ok()) return FailWith(reader.status());
  const Status status = body(**reader);
  return status.ok() ? 0 : FailWith(status);
}

void AddSweepOption(CLI::App& verb, std::string& sweep) {
  verb.add_option("--sweep", sweep, "Name of the sweep; default the only one")
      ->type_name("NAME");
}

}  // namespace besom::cli
