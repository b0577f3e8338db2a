#include "pipeline/cli/standing_here.h"

#include "cluster/cpu.h"
#include "pipeline/cli/rank_places.h"

namespace besom::cli {

Result<run::Standing> StandingHere(const run::RunOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> offered,
                         NumericsHere());
  return run::FindStanding(options, cluster::UsableCores(), offered);
}

}  // namespace besom::cli
