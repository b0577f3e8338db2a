// Prints the settings table of SWEEP_YAML.md; a test compares the two.
#include <cstdio>

#include "sweeps/schema.h"

int main() {
  std::fputs(besom::sweeps::SettingsTable(besom::sweeps::SweepSchema()).c_str(),
             stdout);
}
