// Prints the tables of BACKBONES.md; a test compares the two.
#include <cstdio>

#include "stages/model/backbone_table.h"

int main() { std::fputs(besom::stages::BackboneTables().c_str(), stdout); }
