#include "pipeline/cli/capabilities.h"

#include <cstdio>

#include "cluster/job_launcher.h"
#include "cluster/mpi_session.h"
#include "cluster/nccl_version.h"
#include "pipeline/base/json.h"
#include "pipeline/cli/report_status.h"
#include "stages/model/engine_facts.h"

namespace besom::cli {

int PrintCapabilities() {
  const Result<stages::EngineFacts> engine = stages::FindEngineFacts();
  const auto session = cluster::MpiSession::Start();
  const Result<std::string> nccl = cluster::NcclVersion();
  if (!engine.ok()) return ReportStatus(engine.status());
  if (!session.ok()) return ReportStatus(session.status());
  if (!nccl.ok()) return ReportStatus(nccl.status());
  const Json facts = {{"libtorch", engine->libtorch},
                      {"cuda_devices", engine->cuda_devices},
                      {"mpi", (*session)->library()},
                      {"ulfm", cluster::BuiltMpi().has_ulfm},
                      {"nccl", *nccl}};
  std::printf("%s\n", facts.dump().c_str());
  return 0;
}

}  // namespace besom::cli
