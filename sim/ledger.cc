#include "sim/ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::sim {

void Ledger::violated(std::string what) {
  if (!violation_) violation_ = std::move(what);
}

void Ledger::know(const char* who, Offset offset, const std::string& text) {
  const auto [known, is_new] = known_.try_emplace(offset, text);
  if (!is_new && known->second != text) {
    violated(fmt::format("{}: offset {} is '{}', and was '{}'", who, offset, text, known->second));
  }
  const auto [place, first] = places_.try_emplace(text, offset);
  if (!first && place->second != offset) {
    violated(fmt::format("{}: '{}' is at offset {}, and was at {}", who, text, offset, place->second));
  }
  if (refused_.contains(text)) violated(fmt::format("{}: '{}' was said to be not written", who, text));
}

void Ledger::acknowledged(Offset offset, const std::string& text) {
  know("acknowledged", offset, text);
  acknowledged_end_ = std::max(acknowledged_end_, offset + 1);
}

void Ledger::not_written(const std::string& text) {
  if (places_.contains(text))
    violated(fmt::format("'{}' is said to be not written, and is in the log", text));
  refused_.insert(text);
}

void Ledger::shown(const char* who, Offset offset, const std::string& text) { know(who, offset, text); }

void Ledger::trim_wished(Offset before) { highest_trim_ = std::max(highest_trim_, before); }

}  // namespace varve::sim
