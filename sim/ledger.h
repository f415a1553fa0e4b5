// What users of a log were told and shown, record by record, and the first thing that does not agree with it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "varve/result.h"

namespace varve::sim {

class Ledger {
 public:
  [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
  void violated(std::string what);

  /// An append was acknowledged.
  void acknowledged(Offset offset, const std::string& text);
  /// An append was said to be certainly in no log, now and later.
  void not_written(const std::string& text);
  /// A reader was handed this record.
  void shown(const char* who, Offset offset, const std::string& text);
  /// Somebody may have the log begin here.
  void trim_wished(Offset before);

  /// Below it everything is acknowledged.
  [[nodiscard]] Offset acknowledged_end() const { return acknowledged_end_; }
  [[nodiscard]] Offset highest_trim() const { return highest_trim_; }
  [[nodiscard]] const std::map<Offset, std::string>& known() const { return known_; }

 private:
  void know(const char* who, Offset offset, const std::string& text);

  std::map<Offset, std::string> known_;  // acknowledged or shown: this stays so
  std::map<std::string, Offset> places_;
  std::set<std::string> refused_;
  Offset acknowledged_end_ = 0;
  Offset highest_trim_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace varve::sim
