#include "pipeline/run/ended_tasks.h"

#include "pipeline/store/journal.h"

namespace besom::run {

Status ForEachEnded(const WorkspaceLayout& layout, const std::string& run,
                    const std::function<void(const std::string& key,
                                             const Json& report)>& take) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<Path> journals,
                         ListJournals(layout, run));
  for (const Path& path : journals) {
    BESOM_ASSIGN_OR_RETURN(const JournalRecords journal, ReadJournal(path));
    for (const Json& record : journal.records)
      if (record.is_object() && record.contains("end") &&
          record.contains("report"))
        take(record.value("end", ""), record["report"]);
  }
  return Status::Ok();
}

}  // namespace besom::run
