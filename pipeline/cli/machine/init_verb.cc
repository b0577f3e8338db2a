#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "pipeline/cli/machine/machine_verbs.h"
#include "pipeline/cli/machine/report_error.h"
#include "pipeline/cli/machine/shell_environment.h"
#include "pipeline/cli/machine/starter_spec.h"

namespace besom::cli {
namespace {

/// Makes the file, empty, only if there is none: two calls cannot both win.
Status Claim(const Path& file) {
  const int fd =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd >= 0) {
    ::close(fd);
    return Status::Ok();
  }
  if (errno == EEXIST)
    return InvalidError(file.string(), "exists already and stays as it is",
                        "name another file with -o");
  const Status status = ErrnoError(file.string(), "write");
  return InvalidError(status.place(), status.cause(),
                      "name a file in a folder that exists with -o");
}

Result<FolderLayout> WriteStarter(const Path& folder, const Path& file) {
  BESOM_ASSIGN_OR_RETURN(FolderLayout layout, InspectFolder(folder));
  BESOM_RETURN_IF_ERROR(Claim(file));
  std::error_code error;
  const Path absolute = std::filesystem::absolute(file, error);
  BESOM_RETURN_IF_ERROR(
      WriteFileAtomic(absolute, StarterYaml(layout, absolute.parent_path())));
  return layout;
}

int Init(const Path& folder, const Path& file) {
  const Result<FolderLayout> layout = WriteStarter(folder, file);
  if (!layout.ok()) return ReportError(layout.status());
  const std::string word = ShellWord(file.string());
  fmt::print(
      "wrote {}: {} images, classes {}\n"
      "look through it, then:\n"
      "  besom data {}     what is used, and in which part\n"
      "  besom plan {}     what a run would do\n"
      "  besom run {}\n",
      file.string(), layout->Images(), fmt::join(layout->Classes(), ", "), word,
      word, word);
  return 0;
}

}  // namespace

void AddInitVerb(CLI::App& app, VerbAction& action) {
  struct Options {
    std::string folder;
    std::string file = "sweep.yaml";
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("init", "A starter YAML for a folder of images");
  verb->add_option("dir", options->folder, "The folder of images")->required();
  verb->add_option("-o,--output", options->file,
                   "The file to write; never one that exists")
      ->capture_default_str();
  verb->callback([&action, options] {
    action = [options] { return Init(options->folder, options->file); };
  });
}

}  // namespace besom::cli
