#pragma once

#include <string>

namespace besom::stages {

/// The tables of BACKBONES.md: all backbones with their sizes and costs, and
/// their blocks with the maps that a base gives which is cut off there.
std::string BackboneTables();

}  // namespace besom::stages
