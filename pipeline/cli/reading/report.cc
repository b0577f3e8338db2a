#include <fmt/format.h>

#include <memory>

#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/report_page.h"
#include "pipeline/cli/reading/workspace_reader.h"

namespace besom::cli {
namespace {

struct ReportVerbOptions {
  std::string output = "report.html";
  std::string sweep;
  std::string contact_sheet;
};

Status WriteReport(db::Reader& reader, const ReportVerbOptions& options) {
  ReportOptions page;
  BESOM_ASSIGN_OR_RETURN(page.sweep, reader.FindSweep(options.sweep));
  if (!options.contact_sheet.empty()) {
    page.contact_sheet = options.contact_sheet;
  }
  BESOM_ASSIGN_OR_RETURN(const std::string html, ReportPage(reader, page));
  if (options.output == "-") return Print(html);
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(options.output, html));
  return Print(options.output + "\n");
}

}  // namespace

void AddReportVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action) {
  auto* verb = app.add_subcommand(
      "report", "Writes a sweep's results as one self-contained page");
  const auto options = std::make_shared<ReportVerbOptions>();
  verb->add_option("-o,--output", options->output, "File; - = stdout")
      ->type_name("FILE.html")
      ->capture_default_str();
  AddSweepOption(*verb, options->sweep);
  verb->add_option("--contact-sheet", options->contact_sheet,
                   "PNG of augmented views to show in it")
      ->type_name("FILE.png");
  verb->callback([&global, &action, options] {
    action = [&global, options] {
      return RunReading(global, [&](db::Reader& reader) {
        return WriteReport(reader, *options);
      });
    };
  });
}

}  // namespace besom::cli
