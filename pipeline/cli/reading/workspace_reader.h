#pragma once

#include <functional>
#include <memory>
#include <string>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/verb.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// `workspace`, or $BESOM_WORKSPACE, or ./besom-runs.
WorkspaceLayout WorkspaceOf(const std::string& workspace);

/// Opens `besom.db` of the workspace for reading; says on stderr when it does
/// not hold what shards have done so far.
Result<std::unique_ptr<db::Reader>> OpenWorkspace(const std::string& workspace);

/// Writes to stdout; kIo when it does not take it all (a full disk).
Status Print(std::string_view text);

/// Opens the workspace and runs `body`; an error goes to stderr. Returns the
/// exit code of the verb.
int RunReading(const GlobalOptions& global,
               const std::function<Status(db::Reader&)>& body);

/// Prints an error to stderr and returns its exit code.
int FailWith(const Status& status);

/// Adds `--sweep NAME` to a verb.
void AddSweepOption(CLI::App& verb, std::string& sweep);

}  // namespace besom::cli
