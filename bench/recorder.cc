#include "bench/recorder.h"

#include <algorithm>
#include <type_traits>

#include "format/header.h"
#include "varve/doctor.h"

namespace varve::bench {

double StoreUse::dollars() const {
  return price_of({.puts = puts, .gets = gets, .lists = lists, .deletes = removes});
}

StoreUse operator-(const StoreUse& after, const StoreUse& before) {
  return {.puts = after.puts - before.puts,
          .gets = after.gets - before.gets,
          .lists = after.lists - before.lists,
          .removes = after.removes - before.removes,
          .put_bytes = after.put_bytes - before.put_bytes,
          .got_bytes = after.got_bytes - before.got_bytes};
}

Recorder::Recorder(std::shared_ptr<Store> below) : below_(std::move(below)) {}

StoreUse Recorder::use() const {
  const std::lock_guard lock(notes_->mutex);
  return notes_->use;
}

std::vector<Upload> Recorder::uploads() const {
  const std::lock_guard lock(notes_->mutex);
  return notes_->uploads;
}

Histogram Recorder::put_us() const {
  const std::lock_guard lock(notes_->mutex);
  Histogram took_us;
  for (const Upload& upload : notes_->uploads) {
    took_us.add(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(upload.ended - upload.began).count()));
  }
  return took_us;
}

std::uint32_t Recorder::trips() const {
  const std::lock_guard lock(notes_->mutex);
  return notes_->trips;
}

void Recorder::forget_trips() {
  const std::lock_guard lock(notes_->mutex);
  notes_->trips = 0;
}

template <class T>
Store::Done<T> Recorder::noted(std::uint64_t StoreUse::*kind, Done<T> done) {
  std::uint32_t trip = 0;
  {
    const std::lock_guard lock(notes_->mutex);
    ++(notes_->use.*kind);
    trip = notes_->trips + 1;
  }
  return [notes = notes_, trip, done = std::move(done)](Result<T> result) {
    {
      const std::lock_guard lock(notes->mutex);
      notes->trips = std::max(notes->trips, trip);
      if constexpr (std::is_same_v<T, Bytes>) {
        if (result) notes->use.got_bytes += result->data.size();
      }
    }
    done(std::move(result));
  };
}

void Recorder::put_if_absent(std::string key, Bytes body, Done<void> done) {
  Upload upload{.key = key, .bytes = body.data.size(), .began = {}, .ended = {}};
  if (const auto header = format::decode_header(body.data); header && header->kind == format::Kind::data) {
    upload.end_offset = header->end_offset();
  }
  upload.began = Clock::now();
  auto answered = [notes = notes_, upload = std::move(upload),
                   done = std::move(done)](Result<void> stored) mutable {
    if (stored) {
      upload.ended = Clock::now();
      const std::lock_guard lock(notes->mutex);
      notes->use.put_bytes += upload.bytes;
      // What is empty is a claim, and soon gone.
      if (upload.bytes > 0) notes->uploads.push_back(std::move(upload));
    }
    done(std::move(stored));
  };
  below_->put_if_absent(std::move(key), std::move(body), noted<void>(&StoreUse::puts, std::move(answered)));
}

void Recorder::put(std::string key, Bytes body, Done<void> done) {
  below_->put(std::move(key), std::move(body), noted<void>(&StoreUse::puts, std::move(done)));
}

void Recorder::get(std::string key, ByteRange range, Done<Bytes> done) {
  below_->get(std::move(key), range, noted<Bytes>(&StoreUse::gets, std::move(done)));
}

void Recorder::list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) {
  below_->list(std::move(prefix), std::move(after), limit, noted<Listing>(&StoreUse::lists, std::move(done)));
}

void Recorder::remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) {
  below_->remove(std::move(keys), noted<std::vector<RemoveFailure>>(&StoreUse::removes, std::move(done)));
}

}  // namespace varve::bench
