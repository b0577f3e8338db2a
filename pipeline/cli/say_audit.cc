#include "pipeline/cli/say_audit.h"

#include <fmt/format.h>

#include "db/reader.h"
#include "pipeline/base/log.h"
#include "pipeline/cli/reading/audit_words.h"

namespace besom::cli {
namespace {

Result<AuditFindings> FindingsOf(const WorkspaceLayout& layout,
                                 const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const auto reader,
                         db::Reader::Open(layout.database()));
  return AuditOf(*reader, sweep);
}

}  // namespace

void SayAudit(const WorkspaceLayout& layout, const std::string& sweep) {
  const Result<AuditFindings> findings = FindingsOf(layout, sweep);
  if (!findings.ok())
    return Log(LogLevel::kWarning, findings.status().ToString());
  for (const std::string& line : AuditLines(*findings))
    fmt::print("shortcut audit: {}\n", line);
}

}  // namespace besom::cli
