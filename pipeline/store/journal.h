#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/store/workspace_layout.h"

namespace besom {

/// What one rank of one run did, line by line, outside the database: survives
/// kill -9 of the writer (not a power cut: nothing is synced).
/// Thread safety: one thread at a time.
class Journal {
 public:
  /// Opens for appending; makes file and folder where missing. A torn last
  /// line of an earlier writer is ended, so that it spoils no record of ours.
  static Result<Journal> Open(const Path& path);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  /// Appends `record` as one line with one write(2). After an error (a full
  /// disk) no part of it is ever read as a record.
  Status Append(const Json& record);

 private:
  Journal(int fd, Path path, bool torn)
      : fd_(fd), path_(std::move(path)), torn_(torn) {}
  int fd_;
  Path path_;
  bool torn_;  ///< The file does not end with a whole line.
};

struct JournalRecords {
  std::vector<Json> records;  ///< In the order of writing.
  int damaged = 0;            ///< Lines left out because they are no JSON.
  bool torn = false;          ///< The last line has no end; it is left out.
};

/// kNotFound when there is no such journal.
Result<JournalRecords> ReadJournal(const Path& path);

/// The journals of `run`, by rank; none when it wrote none.
Result<std::vector<Path>> ListJournals(const WorkspaceLayout& layout,
                                       std::string_view run);

}  // namespace besom
