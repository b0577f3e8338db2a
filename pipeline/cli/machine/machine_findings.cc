#include <fmt/format.h>

#include <algorithm>

#include "pipeline/cli/machine/machine_facts.h"

namespace besom::cli {
namespace {

using State = Finding::State;

constexpr double kGigabyte = 1e9;

// Of a sweep's results and features, on the small side.
constexpr std::uint64_t kLowDisk = 5'000'000'000;
// Of one rank with a large backbone.
constexpr std::uint64_t kLowMemory = 4'000'000'000;

Finding Memory(const MemoryFacts& memory) {
  const bool low = memory.available < kLowMemory;
  return {
      low ? State::kNote : State::kOk,
      "memory",
      fmt::format("{:.1f} GB, {:.1f} GB free", memory.total / kGigabyte,
                  memory.available / kGigabyte),
      low ? "large backbones may not fit; use fewer ranks" : "",
      {{"total_bytes", memory.total}, {"available_bytes", memory.available}}};
}

/// A text of the capabilities; empty when there is none.
std::string TextOf(const Json& capabilities, const char* name) {
  const auto found = capabilities.find(name);
  return found != capabilities.end() && found->is_string()
             ? found->get<std::string>()
             : "";
}

Finding Library(const std::string& title, const char* key,
                const Json& capabilities, const std::string& cure) {
  const std::string version = TextOf(capabilities, key);
  if (version.empty())
    return {State::kMissing, title, "not found", cure, nullptr};
  return {State::kOk, title, version, "", version};
}

Finding Mpi(const Json& capabilities, const std::string& mpirun) {
  Finding finding = Library("MPI", "mpi", capabilities, "call `./besom build`");
  if (finding.state != State::kOk) return finding;
  const auto flag = capabilities.find("ulfm");
  const bool ulfm = flag != capabilities.end() && *flag == true;
  finding.facts = {
      {"version", finding.value}, {"ulfm", ulfm}, {"mpirun", mpirun}};
  // MPI_Get_library_version goes on with who built it, where and when.
  finding.value = finding.value.substr(0, finding.value.find_first_of(",\n"));
  finding.value +=
      fmt::format(", fault tolerance (ULFM): {}", ulfm ? "yes" : "no");
  if (!mpirun.empty()) finding.value += "; " + mpirun;
  if (!ulfm) {
    finding.state = State::kNote;
    finding.cure = "a rank that dies ends the whole job; resume goes on";
  }
  return finding;
}

Finding Gpus(const MachineFacts& facts) {
  int visible = 0;
  if (facts.capabilities.ok()) {
    const auto devices = facts.capabilities->find("cuda_devices");
    if (devices != facts.capabilities->end() && devices->is_number_integer())
      visible = devices->get<int>();
  }
  const Json json = {{"driver", facts.gpus}, {"usable", visible}};
  if (facts.gpus.empty() && visible == 0)
    return {State::kOk, "GPUs", "none: sweeps run on the cores", "", json};
  const bool some_hidden = visible < static_cast<int>(facts.gpus.size());
  return {some_hidden ? State::kNote : State::kOk, "GPUs",
          fmt::format("{} usable of {}", visible,
                      std::max<std::size_t>(facts.gpus.size(), visible)),
          some_hidden ? "see CUDA_VISIBLE_DEVICES, or the driver is older "
                        "than LibTorch's CUDA"
                      : "",
          json};
}

Finding Weights(const MachineFacts& facts) {
  const bool none = facts.weights.empty();
  return {none ? State::kNote : State::kOk,
          "weights",
          fmt::format(
              "{} in {}",
              none ? "none" : fmt::format("{}", fmt::join(facts.weights, ", ")),
              facts.weights_folder.string()),
          none ? "call `./besom build`, or `besom weights fetch`" : "",
          {{"folder", facts.weights_folder.string()},
           {"backbones", facts.weights}}};
}

Finding Workspace(const WorkspaceFacts& workspace) {
  Finding finding;
  finding.name = "workspace";
  finding.value =
      fmt::format("{}{}: {}, {:.1f} GB free", workspace.path.string(),
                  workspace.exists ? "" : " (not there yet)",
                  workspace.filesystem, workspace.free_bytes / kGigabyte);
  finding.facts = {
      {"path", workspace.path.string()},    {"exists", workspace.exists},
      {"filesystem", workspace.filesystem}, {"network", workspace.network},
      {"free_bytes", workspace.free_bytes}, {"locks", workspace.usable.ok()}};
  if (!workspace.usable.ok()) {
    finding.state = State::kMissing;
    finding.value += "; " + workspace.usable.cause();
    finding.cure = workspace.usable.cure();
  } else if (workspace.free_bytes < kLowDisk) {
    finding.state = State::kNote;
    finding.value += ", locks work";
    finding.cure = "little space; choose another folder with -w";
  } else {
    finding.value += ", locks work";
  }
  return finding;
}

const char* StateWord(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kNote:
      return "note";
    case State::kMissing:
      return "MISSING";
  }
  return "";
}

}  // namespace

std::vector<Finding> JudgeMachine(const MachineFacts& facts) {
  std::vector<Finding> findings;
  findings.push_back({State::kOk, "cores",
                      fmt::format("{} usable", facts.cores), "", facts.cores});
  findings.push_back(Memory(facts.memory));
  findings.push_back(Gpus(facts));
  if (facts.capabilities.ok()) {
    const Json& capabilities = *facts.capabilities;
    findings.push_back(
        Library("LibTorch", "libtorch", capabilities, "call `./besom build`"));
    findings.push_back(Mpi(capabilities, facts.mpirun));
    findings.push_back(
        Library("NCCL", "nccl", capabilities, "call `./besom build`"));
  } else {
    const Status& status = facts.capabilities.status();
    findings.push_back({State::kMissing, "worker",
                        fmt::format("{} {}", status.place(), status.cause()),
                        status.cure(), nullptr});
  }
  findings.push_back(Weights(facts));
  findings.push_back(Workspace(facts.workspace));
  return findings;
}

int DoctorExitCode(const std::vector<Finding>& findings) {
  const bool missing =
      std::any_of(findings.begin(), findings.end(),
                  [](const Finding& f) { return f.state == State::kMissing; });
  return missing ? 4 : 0;
}

std::string FindingsTable(const std::vector<Finding>& findings) {
  std::string table;
  for (const Finding& finding : findings) {
    table += fmt::format("{:<8} {:<10} {}\n", StateWord(finding.state),
                         finding.name, finding.value);
    if (!finding.cure.empty())
      table += fmt::format("{:<8} {:<10}   {}\n", "", "", finding.cure);
  }
  return table;
}

Json FindingsJson(const std::vector<Finding>& findings) {
  Json json = Json::object();
  for (const Finding& finding : findings) {
    std::string state = StateWord(finding.state);
    std::transform(state.begin(), state.end(), state.begin(), ::tolower);
    json[finding.name] = {{"state", state},
                          {"text", finding.value},
                          {"cure", finding.cure},
                          {"facts", finding.facts}};
  }
  return json;
}

}  // namespace besom::cli
