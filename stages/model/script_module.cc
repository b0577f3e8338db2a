#include "stages/model/script_module.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/jit/serialization/import.h>

#include <exception>
#include <map>
#include <memory>
#include <sstream>

#include "stages/model/torch_error.h"

namespace besom::stages {
namespace {

using torch::jit::Module;

/// Modules by the path of names that leads to them, with "" for the whole.
class ModuleTree {
 public:
  ModuleTree()
      : unit_(std::make_shared<torch::jit::CompilationUnit>()), root_(Make()) {}

  Module& root() { return root_; }

  void AddTensor(const FloatTensor& tensor) {
    const std::size_t dot = tensor.name.rfind('.');
    const std::string own =
        dot == std::string::npos ? tensor.name : tensor.name.substr(dot + 1);
    Module& owner =
        dot == std::string::npos ? root_ : At(tensor.name.substr(0, dot));
    const at::Tensor numbers =
        at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape,
                      at::TensorOptions().dtype(at::kFloat))
            .clone();
    owner.register_parameter(own, numbers,
                             /*is_buffer=*/own.starts_with("running_"));
  }

 private:
  Module Make() {
    // The name of a class in the file; made unique by LibTorch.
    Module module("__torch__.besom.Module", unit_, /*shouldMangle=*/true);
    // What nn.Module.eval() and train() of Python look for.
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
  }

  Module& At(const std::string& path) {
    const auto found = modules_.find(path);
    if (found != modules_.end()) return found->second;
    const std::size_t dot = path.rfind('.');
    Module made = Make();
    if (dot == std::string::npos)
      root_.register_module(path, made);
    else
      At(path.substr(0, dot)).register_module(path.substr(dot + 1), made);
    return modules_.emplace(path, made).first->second;
  }

  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  Module root_;
  std::map<std::string, Module> modules_;
};

Module Compile(const ScriptProgram& program) {
  ModuleTree tree;
  Module& root = tree.root();
  for (const FloatTensor& tensor : program.tensors) tree.AddTensor(tensor);
  if (!program.base.empty()) {
    Module base = torch::jit::load(program.base.string(), at::kCPU);
    base.eval();
    root.register_module("base", base);
  }
  c10::List<std::string> classes;
  for (const std::string& name : program.classes) classes.push_back(name);
  root.register_attribute(
      "classes", c10::ListType::create(c10::StringType::get()), classes);
  root.define(program.source);
  return root;
}

Status StatusOf(const std::exception& error, const ScriptProgram& program) {
  const Status status = StatusOfTorch(error);
  if (program.base.empty() || status.code() == StatusCode::kOutOfMemory)
    return status;
  return InvalidError(
      program.base.string(),
      "LibTorch does not put it into a larger module: " + status.cause(),
      "its forward takes and gives one tensor");
}

}  // namespace

Result<Module> CompileScript(const ScriptProgram& program) {
  try {
    return Compile(program);
  } catch (const std::exception& error) {
    return StatusOf(error, program);
  }
}

Result<std::string> PackTorchScript(const ScriptProgram& program) {
  try {
    std::ostringstream bytes;
    Compile(program).save(bytes, {program.files.begin(), program.files.end()});
    return std::move(bytes).str();
  } catch (const std::exception& error) {
    return StatusOf(error, program);
  }
}

}  // namespace besom::stages
