#pragma once

#include <CLI/App.hpp>
#include <string>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/verb.h"

namespace besom::cli {

// The verbs that only read `besom.db`. Each opens it read-only, so that it is
// safe while a run writes, and returns 2 with a word when there is none yet.

void AddStatusVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action);
void AddQueryVerb(CLI::App& app, const GlobalOptions& global,
                  VerbAction& action);
void AddBestVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action);
void AddShowVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action);
void AddCompareVerb(CLI::App& app, const GlobalOptions& global,
                    VerbAction& action);
void AddReportVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action);

/// What the `data` verb prints: class x source x split of images and patients,
/// and what was left out and why, of `sweep` in the workspace's database.
/// kNotFound when there is no database or no such sweep.
Result<std::string> DataTables(const std::string& workspace,
                               const std::string& sweep);

/// What `show` prints of an external set of a trial; of one without any used
/// image, how many were left out.
Result<std::string> SetFigures(db::Reader& reader, const db::TrialName& name,
                               const std::string& set);

}  // namespace besom::cli
