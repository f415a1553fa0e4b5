// Every single bit and every truncation of a small log's objects, seen through the real reader, through
// `inspect` and `verify`, and by an opener: each is reported, or does no harm. Never a wrong record,
// never a shorter log, never a crash.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "append/opening.h"
#include "format/key.h"
#include "object_store/bytes.h"
#include "testing/log_builder.h"
#include "varve/inspect.h"
#include "varve/reader.h"

namespace varve {
namespace {

using testing::BuiltWriter;
using testing::LogBuilder;
using testing::payload_of;
using testing::Unstored;

/// Answers before it returns, on the caller's thread: tens of thousands of logs are read in seconds.
class PlainStore final : public Store {
 public:
  using Objects = std::map<std::string, Bytes>;

  explicit PlainStore(Objects objects = {}) : objects_(std::move(objects)) {}
  [[nodiscard]] const Objects& objects() const { return objects_; }

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    const bool created = objects_.try_emplace(key, object_store::copy_bytes(body.data)).second;
    done(created ? Result<void>() : Error(Code::already_exists, key + " exists"));
  }
  void put(std::string key, Bytes body, Done<void> done) override {
    objects_.insert_or_assign(key, object_store::copy_bytes(body.data));
    done({});
  }
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    const auto object = objects_.find(key);
    if (object == objects_.end()) return done(Error(Code::not_found, key + " is not there"));
    const ByteRange part = object_store::clamp(range, object->second.data.size());
    done(Bytes{object->second.data.subspan(part.offset, part.length), object->second.owner});
  }
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    Listing page;
    for (auto object = objects_.upper_bound(std::max(prefix, after));
         object != objects_.end() && object->first.starts_with(prefix); ++object) {
      if (page.objects.size() == limit) {
        page.truncated = true;
        break;
      }
      page.objects.push_back({object->first, object->second.data.size()});
    }
    done(std::move(page));
  }
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    for (const std::string& key : keys) objects_.erase(key);
    done(std::vector<RemoveFailure>());
  }
  [[nodiscard]] std::string describe() const override { return "plain"; }

 private:
  Objects objects_;
};

constexpr std::string_view log_path = "log";
constexpr Offset start_offset = 2;
// From here on records are in compressed objects.
constexpr Offset packed_from = 5;
constexpr std::size_t packed_record_bytes = 100;

/// A log with everything that one can have: a compressed object, a closed epoch and one that was cut, a void
/// with garbage, a seal placed ahead, what a trim left to be deleted, an unfinished tail, a checkpoint.
PlainStore::Objects sound_log() {
  const auto store = std::make_shared<PlainStore>();
  LogBuilder log({.store = store, .path = std::string(log_path)}, 2);
  BuiltWriter first = log.open();  // seal 0
  first.put(2);
  first.put(1, 40);
  first.close();
  BuiltWriter second = log.open();
  second.put(2);
  second.trim(start_offset);
  second.write_checkpoint();
  const Unstored lost = second.make(1);
  const Unstored voided = second.make(1);
  log.store(voided);
  log.store(log.make_seal_ahead());
  BuiltWriter third = log.open();
  third.pack_with({.codec = format::Codec::zstd, .level = 1, .block_log2 = format::block_log2_min});
  third.put(2, packed_record_bytes);
  const Unstored hole = third.make(1);
  log.store(third.make(1));
  return store->objects();
}

/// What a sound look at the log tells.
struct Sound {
  PlainStore::Objects objects = sound_log();
  LogInfo info = inspect(address_of(objects)).value();

  static LogAddress address_of(const PlainStore::Objects& objects) {
    return {.store = std::make_shared<PlainStore>(objects), .path = std::string(log_path)};
  }
};

bool is_report(const Error& error) {
  const Code code = error.code();
  return code == Code::corruption || code == Code::foreign || code == Code::unsupported;
}

/// Reads from `from` on: what is wrong with what comes, if anything is. `reported`: an error said so.
std::string read_wrongly(const LogAddress& log, Offset from, Offset end, bool& reported) {
  auto reader = Reader::open(log, {.from = from, .give_up_ms = 1000});
  if (!reader) {
    reported = true;
    return is_report(reader.error()) ? "" : "the reader's open says: " + reader.error().message();
  }
  for (Offset offset = from;; ++offset) {
    const auto record = (*reader)->next();
    if (!record) {
      reported = true;
      return is_report(record.error()) ? "" : "the reader says: " + record.error().message();
    }
    if (!*record) return offset == end ? "" : fmt::format("the reader's log ends at {}", offset);
    const std::string_view data(reinterpret_cast<const char*>((*record)->data.data()),
                                (*record)->data.size());
    const std::size_t bytes = offset == 2 ? 40 : offset >= packed_from ? packed_record_bytes : 0;
    const bool right = data == payload_of(offset, bytes);
    if ((*record)->offset != offset || !right || offset >= end)
      return fmt::format("a wrong record at {}", offset);
  }
}

/// What is wrong with how the log is seen; empty if nothing is. `reported`: somebody told of damage.
std::string seen_wrongly(const PlainStore::Objects& objects, const std::string& key, const Sound& sound,
                         bool& reported) {
  const LogAddress log = Sound::address_of(objects);
  const Offset end = sound.info.end_offset;
  for (const Offset from : {start_offset, end - 2}) {
    if (auto wrong = read_wrongly(log, from, end, reported); !wrong.empty()) return wrong;
  }
  if (const auto info = inspect(log); !info) {
    if (!is_report(info.error())) return "inspect says: " + info.error().message();
  } else if (info->damage) {
    reported = true;
  } else if (info->start_offset != start_offset || info->end_offset != end) {
    return fmt::format("inspect sees {} to {}", info->start_offset, info->end_offset);
  }
  if (const auto report = verify(log); !report) {
    if (!is_report(report.error())) return "verify says: " + report.error().message();
    reported = true;
  } else {
    for (const Finding& finding : report->findings) {
      reported = reported || (finding.key == key && finding.severity != Severity::note);
    }
  }
  // Last, for it changes the log.
  const auto owned = append::take_over(log::LogStore(log), {.window = 2, .open_timeout_ms = 1000});
  if (!owned) return is_report(owned.error()) ? "" : "open says: " + owned.error().message();
  if (owned->next.offset != end) return fmt::format("the opener goes on at {}", owned->next.offset);
  return owned->seal.start_offset == start_offset ? "" : "the opener's start is another";
}

// Sanitizers make each look ten times as dear: there, a part of the damages is tried.
#ifdef VARVE_SANITIZED
constexpr std::size_t step = 37;
#else
constexpr std::size_t step = 1;
#endif

using Damage = std::function<void(std::vector<std::byte>& object, std::size_t number)>;

/// Does `damage` 0, 1, 2, ... to each object, one after the other, `damages_a_byte` for each of its bytes.
/// In what the log needs, each must be reported; elsewhere it may do no harm.
void expect_seen(std::size_t damages_a_byte, const Damage& damage) {
  const Sound sound;
  ASSERT_EQ(sound.info.start_offset, start_offset);
  ASSERT_EQ(sound.info.end_offset, 7U);
  ASSERT_EQ(sound.info.truncated_objects, 1U);
  ASSERT_EQ(sound.info.garbage_objects, 2U);
  std::set<std::string> needless;
  // The first seal, below the log's start; what the trim left; the void's; the unfinished tail.
  for (const Seq seq : {0, 2, 10, 17}) needless.insert(format::wal_key(log_path, seq));
  std::size_t found = 0;
  for (const auto& [key, object] : sound.objects) {
    const bool needed = !needless.contains(key);
    found += needed ? 0 : 1;
    for (std::size_t i = 0; i < object.data.size() * damages_a_byte; i += step) {
      std::vector<std::byte> damaged(object.data.begin(), object.data.end());
      damage(damaged, i);
      PlainStore::Objects objects = sound.objects;
      objects[key] = object_store::copy_bytes(damaged);
      bool reported = false;
      const std::string wrong = seen_wrongly(objects, key, sound, reported);
      ASSERT_TRUE(wrong.empty()) << key << ", damage " << i << ": " << wrong;
      ASSERT_TRUE(reported || !needed) << key << ", damage " << i << " is not reported";
    }
  }
  EXPECT_EQ(found, needless.size());
}

TEST(Corruption, OfAnySingleBit) {
  expect_seen(8, [](std::vector<std::byte>& object, std::size_t bit) {
    object[bit / 8] ^= std::byte{1} << (bit % 8);
  });
}

TEST(Corruption, ByAnyTruncation) {
  expect_seen(1, [](std::vector<std::byte>& object, std::size_t length) { object.resize(length); });
}

}  // namespace
}  // namespace varve
