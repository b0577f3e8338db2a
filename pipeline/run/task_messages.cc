#include "pipeline/run/task_messages.h"

#include <fmt/format.h>

namespace besom::run {
namespace {

using run::ToJson;  // Of parts of messages.

Json ToJson(const std::vector<BlobRef>& refs) {
  Json list = Json::array();
  for (const BlobRef& ref : refs) list.push_back(ToJson(ref));
  return list;
}

std::vector<BlobRef> BlobRefsFrom(const Json& json) {
  std::vector<BlobRef> refs;
  for (const Json& ref : json) refs.push_back(BlobRefFrom(ref));
  return refs;
}

Json ToJson(const CompanionRequest& companion) {
  return {companion.task, companion.attempt, companion.key.Hex(),
          companion.params, ToJson(companion.prior)};
}

CompanionRequest CompanionFrom(const Json& json) {
  return {json.at(0), json.at(1),
          Digest::FromHex(json.at(2).get<std::string>()).value(), json.at(3),
          BlobRefsFrom(json.at(4))};
}

Json ToJson(const TaskRequest& request) {
  Json companions = Json::array();
  for (const CompanionRequest& companion : request.companions)
    companions.push_back(ToJson(companion));
  Json inputs = Json::object();
  for (const auto& [port, refs] : request.inputs) inputs[port] = ToJson(refs);
  return {{"kind", "request"},           {"task", request.task},
          {"attempt", request.attempt},  {"key", request.key.Hex()},
          {"stage", request.stage},      {"numerics", request.numerics},
          {"params", request.params},    {"hints", request.hints},
          {"inputs", std::move(inputs)}, {"ranks", request.ranks},
          {"number", request.number},    {"companions", std::move(companions)}};
}

Json ToJson(const TaskReport& report) {
  Json outputs = Json::array();
  for (const auto& [port, ref] : report.outputs)
    outputs.push_back({port, ToJson(ref)});
  return {{"kind", "report"},
          {"task", report.task},
          {"attempt", report.attempt},
          {"code", static_cast<int>(report.status.code())},
          {"place", report.status.place()},
          {"cause", report.status.cause()},
          {"cure", report.status.cure()},
          {"broken_input",
           report.broken_input ? ToJson(*report.broken_input) : Json()},
          {"outputs", std::move(outputs)},
          {"counters", report.counters},
          {"seconds", report.seconds},
          {"elapsed", report.elapsed},
          {"host", report.host},
          {"device", report.device},
          {"device_peak", report.device_peak},
          {"device_bytes", report.device_bytes}};
}

Json ToJson(const TaskProgress& progress) {
  return {{"kind", "progress"},
          {"task", progress.task},
          {"attempt", progress.attempt},
          {"share", progress.share}};
}

Json ToJson(const Hello& hello) {
  return {{"kind", "hello"}, {"pid", hello.pid}};
}

Json ToJson(const TaskReturned& returned) {
  return {{"kind", "returned"},
          {"task", returned.task},
          {"attempt", returned.attempt}};
}

Json ToJson(const RunBegins& begins) {
  return {{"kind", "run"},
          {"run", begins.run},
          {"threads", begins.threads},
          {"memory", begins.memory},
          {"checkpoint_seconds", begins.checkpoint_seconds},
          {"own_store", begins.own_store}};
}

Json ToJson(const Recall& recall) {
  return {
      {"kind", "recall"}, {"task", recall.task}, {"attempt", recall.attempt}};
}

Json ToJson(const TokenAsked& asked) {
  return {{"kind", "token"},
          {"name", asked.token.name},
          {"content", asked.token.content}};
}

Json ToJson(const TokenAnswer& answer) {
  return {{"kind", "sight"}, {"sees", answer.sees}, {"host", answer.host}};
}

Json ToJson(const Shutdown&) { return {{"kind", "shutdown"}}; }
Json ToJson(const Interrupt&) { return {{"kind", "interrupt"}}; }

TaskRequest RequestFrom(const Json& json) {
  TaskRequest request;
  request.task = json.at("task");
  request.attempt = json.at("attempt");
  request.key = Digest::FromHex(json.at("key").get<std::string>()).value();
  request.stage = json.at("stage");
  request.numerics = json.at("numerics");
  request.params = json.at("params");
  request.hints = json.at("hints");
  for (const auto& [port, refs] : json.at("inputs").items())
    request.inputs[port] = BlobRefsFrom(refs);
  request.ranks = json.at("ranks").get<std::vector<int>>();
  request.number = json.at("number");
  for (const Json& companion : json.at("companions"))
    request.companions.push_back(CompanionFrom(companion));
  return request;
}

TaskReport ReportFrom(const Json& json) {
  TaskReport report;
  report.task = json.at("task");
  report.attempt = json.at("attempt");
  const auto code = static_cast<StatusCode>(json.at("code").get<int>());
  if (code != StatusCode::kOk)
    report.status =
        Status(code, json.at("place"), json.at("cause"), json.at("cure"));
  if (const Json& broken = json.at("broken_input"); !broken.is_null())
    report.broken_input = BlobRefFrom(broken);
  for (const Json& output : json.at("outputs"))
    report.outputs.push_back({output.at(0), BlobRefFrom(output.at(1))});
  report.counters = json.at("counters");
  report.seconds = json.at("seconds");
  report.elapsed = json.at("elapsed");
  report.host = json.at("host");
  report.device = json.at("device");
  report.device_peak = json.at("device_peak");
  report.device_bytes = json.at("device_bytes");
  return report;
}

}  // namespace

TaskRequest RequestOf(const TaskOrder& order) {
  TaskRequest request;
  request.task = order.task;
  request.attempt = order.attempt;
  request.key = order.node->key;
  request.stage = order.node->stage;
  request.numerics = order.node->numerics;
  request.params = order.node->params;
  request.hints = order.node->hints;
  for (const auto& [port, blob] : order.inputs)
    request.inputs[port].push_back(blob);
  request.ranks = order.ranks;
  request.number = order.number;
  for (const Companion& companion : order.companions)
    request.companions.push_back({companion.task, companion.attempt,
                                  companion.node->key, companion.node->params,
                                  companion.prior});
  return request;
}

Json ReportToJson(const TaskReport& report) { return ToJson(report); }

Result<TaskReport> ReportFromJson(const Json& json) {
  try {
    return ReportFrom(json);
  } catch (const std::exception& error) {
    return CorruptError("report", error.what());
  }
}

std::string Encode(const Message& message) {
  const Json json =
      std::visit([](const auto& part) { return ToJson(part); }, message);
  std::string bytes;
  Json::to_cbor(json, bytes);
  return bytes;
}

Result<Message> Decode(std::string_view bytes) {
  try {
    const Json json = Json::from_cbor(bytes);
    const std::string kind = json.at("kind");
    if (kind == "hello") return Message(Hello{json.at("pid")});
    if (kind == "request") return Message(RequestFrom(json));
    if (kind == "report") return Message(ReportFrom(json));
    if (kind == "progress")
      return Message(
          TaskProgress{json.at("task"), json.at("attempt"), json.at("share")});
    if (kind == "returned")
      return Message(TaskReturned{json.at("task"), json.at("attempt")});
    if (kind == "run")
      return Message(RunBegins{json.at("run"), json.at("threads"),
                               json.at("memory"), json.at("checkpoint_seconds"),
                               json.at("own_store")});
    if (kind == "recall")
      return Message(Recall{json.at("task"), json.at("attempt")});
    if (kind == "token")
      return Message(TokenAsked{{json.at("name"), json.at("content")}});
    if (kind == "sight")
      return Message(TokenAnswer{json.at("sees"), json.at("host")});
    if (kind == "asked") return Message(PieceAskedFrom(json));
    if (kind == "sent") return Message(PieceSentFrom(json));
    if (kind == "given") return Message(PieceGivenFrom(json));
    if (kind == "taken") return Message(PieceTakenFrom(json));
    if (kind == "shutdown") return Message(Shutdown{});
    if (kind == "interrupt") return Message(Interrupt{});
    return CorruptError("message", fmt::format("unknown kind '{}'", kind));
  } catch (const Json::exception& error) {
    return CorruptError("message", error.what());
  }
}

}  // namespace besom::run
