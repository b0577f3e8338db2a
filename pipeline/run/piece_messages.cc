#include "pipeline/run/piece_messages.h"

namespace besom::run {
namespace {

Json BytesToJson(const std::string& bytes) {
  return Json::binary({bytes.begin(), bytes.end()});
}

std::string BytesFrom(const Json& json) {
  const Json::binary_t& bytes = json.get_binary();
  return {bytes.begin(), bytes.end()};
}

Json StatusToJson(const Status& status) {
  return {static_cast<int>(status.code()), status.place(), status.cause(),
          status.cure()};
}

Status StatusFrom(const Json& json) {
  const auto code = static_cast<StatusCode>(json.at(0).get<int>());
  if (code == StatusCode::kOk) return Status::Ok();
  return Status(code, json.at(1), json.at(2), json.at(3));
}

}  // namespace

Json ToJson(const BlobRef& blob) { return {blob.digest.Hex(), blob.size}; }

BlobRef BlobRefFrom(const Json& json) {
  return {Digest::FromHex(json.at(0).get<std::string>()).value(),
          json.at(1).get<std::uint64_t>()};
}

Json ToJson(const PieceAsked& asked) {
  return {{"kind", "asked"},
          {"number", asked.number},
          {"blob", ToJson(asked.blob)},
          {"what", static_cast<int>(asked.what)},
          {"file", asked.file},
          {"offset", asked.offset}};
}

Json ToJson(const PieceSent& sent) {
  return {{"kind", "sent"},
          {"number", sent.number},
          {"status", StatusToJson(sent.status)},
          {"size", sent.size},
          {"bytes", BytesToJson(sent.bytes)}};
}

Json ToJson(const PieceGiven& given) {
  return {
      {"kind", "given"},
      {"number", given.number},
      {"blob", ToJson(given.blob)},
      {"checkpoint", given.checkpoint ? Json(given.checkpoint->Hex()) : Json()},
      {"offset", given.offset},
      {"bytes", BytesToJson(given.bytes)}};
}

Json ToJson(const PieceTaken& taken) {
  return {{"kind", "taken"},
          {"number", taken.number},
          {"status", StatusToJson(taken.status)},
          {"complete", taken.complete}};
}

PieceAsked PieceAskedFrom(const Json& json) {
  return {json.at("number"), BlobRefFrom(json.at("blob")),
          static_cast<PieceAsked::What>(json.at("what").get<int>()),
          json.at("file"), json.at("offset")};
}

PieceSent PieceSentFrom(const Json& json) {
  return {json.at("number"), StatusFrom(json.at("status")), json.at("size"),
          BytesFrom(json.at("bytes"))};
}

PieceGiven PieceGivenFrom(const Json& json) {
  PieceGiven given{json.at("number"), BlobRefFrom(json.at("blob")),
                   std::nullopt, json.at("offset"),
                   BytesFrom(json.at("bytes"))};
  if (const Json& key = json.at("checkpoint"); !key.is_null())
    given.checkpoint = Digest::FromHex(key.get<std::string>()).value();
  return given;
}

PieceTaken PieceTakenFrom(const Json& json) {
  return {json.at("number"), StatusFrom(json.at("status")),
          json.at("complete")};
}

}  // namespace besom::run
