#include "cluster/slurm_queue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "pipeline/base/subprocess.h"

namespace besom::cluster {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

double SecondsOf(std::string_view text) {
  double seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

Status NoSlurm(const std::string& program) {
  return {StatusCode::kUnavailable, program,
          "Slurm's programs are not on the PATH of this machine",
          "call it on a login node of the cluster; without Slurm: "
          "`besom run SPEC -n RANKS`"};
}

/// Slurm's daemon may come back; everything else it has decided.
bool IsNoAnswer(std::string_view words) {
  for (const std::string_view sign :
       {"Unable to contact", "Connection refused", "Socket timed out",
        "connect failure", "Zero Bytes were transmitted",
        "Communication connection failure", "authentication error",
        "standby mode", "Unexpected message received"})
    if (words.find(sign) != std::string_view::npos) return true;
  return false;
}

/// Runs one of Slurm's programs and returns what it prints.
Result<std::string> Ask(const std::vector<std::string>& command) {
  std::vector<std::string> words = {"env", "SLURM_TIME_FORMAT=%s"};
  words.insert(words.end(), command.begin(), command.end());
  BESOM_ASSIGN_OR_RETURN(const ProcessOutcome outcome,
                         RunProcess(words, StandardError::kInOutput));
  if (outcome.exit_code == 0) return outcome.output;
  const std::string said(Trimmed(outcome.output));
  if (outcome.exit_code == 127) return NoSlurm(command[0]);
  // The second: a task of an array whose others Slurm still knows.
  if (said.find("Invalid job id") != std::string::npos ||
      (said.find("Job ") != std::string::npos &&
       said.find(" not found") != std::string::npos))
    return Status(StatusCode::kNotFound, command[0], said);
  if (IsNoAnswer(said))
    return IoError(command[0], said,
                   "look whether the cluster's Slurm runs (scontrol ping)");
  return InvalidError(
      command[0], said,
      "mend what Slurm says is wrong (`slurm:` in the sweep, or the options)");
}

/// As Ask, of the job's own cluster.
Result<std::string> AskOf(const JobName& name, const char* program,
                          const std::vector<std::string>& words) {
  std::vector<std::string> command = {program};
  if (!name.cluster.empty()) command.push_back("--clusters=" + name.cluster);
  command.insert(command.end(), words.begin(), words.end());
  return Ask(command);
}

/// Of a time limit: "10:00", "04:00:00", "2-00:00:00"; 0 = none.
double LimitOf(std::string_view text) {
  double days = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    days = SecondsOf(text.substr(0, dash));
    text.remove_prefix(dash + 1);
  }
  double seconds = 0;
  for (const std::string_view part : SplitAt(text, ':'))
    seconds = seconds * 60 + SecondsOf(part);
  return days * 86400 + seconds;
}

}  // namespace

Result<SubmittedJob> ParseSubmitted(std::string_view output) {
  // Warnings of the site may stand before it.
  const std::vector<std::string_view> lines = SplitAt(Trimmed(output), '\n');
  const std::vector<std::string_view> parts =
      SplitAt(Trimmed(lines.back()), ';');
  SubmittedJob job{std::string(parts[0]),
                   parts.size() > 1 ? std::string(parts[1]) : ""};
  if (job.job.empty() ||
      job.job.find_first_not_of("0123456789") != std::string::npos)
    return InvalidError(
        "sbatch",
        fmt::format("it printed '{}' instead of a job's number",
                    Trimmed(output)),
        "see with squeue whether the job is there; submit again if it is not");
  return job;
}

std::vector<std::string> ParseJobsOf(std::string_view output,
                                     std::string_view script) {
  std::vector<std::string> jobs;
  for (const std::string_view line : SplitAt(output, '\n')) {
    const std::size_t first = line.find('|');
    const std::size_t second = line.find('|', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos ||
        Trimmed(line.substr(second + 1)) != script)
      continue;
    const std::string_view job = Trimmed(line.substr(0, first));
    const std::string_view task =
        Trimmed(line.substr(first + 1, second - first - 1));
    jobs.push_back(task == "N/A" ? std::string(job)
                                 : fmt::format("{}_{}", job, task));
  }
  return jobs;
}

Result<QueuedJob> ParseJob(std::string_view output) {
  std::string_view line;
  for (const std::string_view one : SplitAt(Trimmed(output), '\n'))
    if (line.empty() && one.starts_with("JobId=")) line = one;
  std::map<std::string, std::string, std::less<>> fields;
  for (const std::string_view word : SplitAt(line, ' ')) {
    const std::size_t equals = word.find('=');
    if (equals != std::string_view::npos)
      fields.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  const auto field = [&](std::string_view name) {
    const auto found = fields.find(name);
    if (found == fields.end() || found->second == "None" ||
        found->second == "(null)")
      return std::string();
    return found->second;
  };
  QueuedJob job;
  job.job = field("JobId");
  job.state = field("JobState");
  if (job.job.empty() || job.state.empty())
    return IoError("scontrol",
                   fmt::format("it printed no job, but '{}'", Trimmed(output)));
  job.phase = PhaseOf(job.state);
  job.reason = field("Reason");
  job.nodes = field("NodeList");
  job.excluded = field("ExcNodeList");
  job.start = SecondsOf(field("StartTime"));
  job.end = SecondsOf(field("EndTime"));
  if (const double limit = LimitOf(field("TimeLimit")); limit > 0)
    job.limit = job.start + limit;
  job.restarts = static_cast<int>(SecondsOf(field("Restarts")));
  job.may_requeue = field("Requeue") == "1";
  job.preempted = SecondsOf(field("PreemptTime")) > 0;
  return job;
}

std::vector<std::string> ParseNodes(std::string_view output) {
  std::vector<std::string> nodes;
  for (const std::string_view line : SplitAt(output, '\n')) {
    const std::string_view node = Trimmed(line);
    if (!node.empty() && node.find_first_of(" :") == std::string_view::npos)
      nodes.emplace_back(node);
  }
  return nodes;
}

std::vector<std::string> ParseLost(std::string_view output) {
  std::set<std::string> lost;  // A node is told once for each partition.
  for (const std::string_view line : SplitAt(output, '\n')) {
    const std::vector<std::string_view> words = SplitAt(Trimmed(line), ' ');
    if (words.size() != 2) continue;
    // "down", "down*", "fail", "unknown", "idle*": a star = it is silent.
    const std::string_view state = words[1];
    if (state.ends_with('*') || state.starts_with("down") ||
        state.starts_with("fail") || state.starts_with("unk"))
      lost.emplace(words[0]);
  }
  return {lost.begin(), lost.end()};
}

Status CheckSlurmIsHere() { return Ask({"sbatch", "--version"}).status(); }

Result<SubmittedJob> Submit(const Submission& submission) {
  std::vector<std::string> command = {"sbatch", "--parsable"};
  command.insert(command.end(), submission.options.begin(),
                 submission.options.end());
  command.push_back(submission.script.string());
  BESOM_ASSIGN_OR_RETURN(const std::string output, Ask(command));
  return ParseSubmitted(output);
}

Result<std::vector<std::string>> JobsOf(const Path& script) {
  BESOM_ASSIGN_OR_RETURN(const std::string output,
                         Ask({"squeue", "--me", "-h", "-o", "%F|%K|%o"}));
  return ParseJobsOf(output, script.string());
}

Result<QueuedJob> FindJob(const JobName& name) {
  BESOM_ASSIGN_OR_RETURN(
      const std::string output,
      AskOf(name, "scontrol", {"-o", "show", "job", name.job}));
  return ParseJob(output);
}

Status Requeue(const std::string& job) {
  return Ask({"scontrol", "requeue", job}).status();
}

Status Cancel(const JobName& name) {
  return AskOf(name, "scancel", {name.job}).status();
}

Status SignalScript(const JobName& name, const std::string& signal) {
  return AskOf(name, "scancel", {"--batch", "--signal=" + signal, name.job})
      .status();
}

Status ExcludeNodes(const std::string& job,
                    const std::vector<std::string>& nodes) {
  BESOM_ASSIGN_OR_RETURN(const QueuedJob known, FindJob({job, ""}));
  std::string list = fmt::format("{}", fmt::join(nodes, ","));
  if (!known.excluded.empty()) list = known.excluded + "," + list;
  return Ask({"scontrol", "update", "JobId=" + job, "ExcNodeList=" + list})
      .status();
}

Result<std::vector<std::string>> NodesIn(const std::string& list) {
  BESOM_ASSIGN_OR_RETURN(const std::string output,
                         Ask({"scontrol", "show", "hostnames", list}));
  return ParseNodes(output);
}

Result<std::vector<std::string>> LostAmong(
    const std::vector<std::string>& nodes) {
  BESOM_ASSIGN_OR_RETURN(
      const std::string output,
      Ask({"sinfo", "-h", "-N", "-n", fmt::format("{}", fmt::join(nodes, ",")),
           "-o", "%N %T"}));
  return ParseLost(output);
}

}  // namespace besom::cluster
