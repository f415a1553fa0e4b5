#include "format/records.h"

#include <gtest/gtest.h>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;
using samples::Claim;

std::vector<Bytes> payloads_of(std::span<const Claim> claims) {
  std::vector<Bytes> payloads;
  for (const Claim& claim : claims) payloads.push_back(claim.payload);
  return payloads;
}

TEST(Records, ComeBackInOrderAroundPadding) {
  Header header = samples::data_header();
  const auto claims = samples::small_claims();
  const Bytes object = samples::data_object(header, claims);
  const auto read = samples::read_data(object);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->header, header);
  EXPECT_EQ(read->payloads, payloads_of(claims));
}

TEST(Records, MayBeNone) {
  Header header = samples::data_header();
  const Bytes object = samples::data_object(header, {});
  EXPECT_EQ(object.size(), header_bytes + trailer_bytes(0));
  const auto read = samples::read_data(object);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_TRUE(read->payloads.empty());
}

TEST(Records, SayTheirOffsetAndPlace) {
  Header header = samples::data_header();
  const Bytes object = samples::data_object(header, samples::small_claims());
  RecordCursor cursor(object, header);
  std::vector<std::pair<Offset, std::size_t>> places;
  for (auto record = cursor.next(); *record; record = cursor.next()) {
    places.emplace_back((*record)->offset, (*record)->position);
    EXPECT_EQ((*record)->position % 8, 0U);
    EXPECT_EQ((*record)->payload.data(), object.data() + (*record)->position + record_header_bytes);
  }
  const std::vector<std::pair<Offset, std::size_t>> expected{{5000, 256}, {5001, 272}, {5002, 304}};
  EXPECT_EQ(places, expected);
}

// As a caller does who lays out a record in its place: nothing of what was there before shows.
TEST(Records, SealedWhereTheyLieAreTheSame) {
  for (const std::size_t bytes : {0, 1, 7, 8, 9}) {
    const Bytes payload(bytes, std::byte{'x'});
    Bytes written(stored_bytes(bytes));
    write_record(written.data(), payload, 42);
    Bytes sealed(stored_bytes(bytes), std::byte{0xaa});
    std::copy(payload.begin(), payload.end(), sealed.begin() + record_header_bytes);
    seal_record(sealed.data(), bytes, 42);
    EXPECT_EQ(sealed, written) << bytes;
  }
}

// Swaps two equally long records, whose own bytes stay sound.
TEST(Records, OutOfPlaceAreDamage) {
  Header header = samples::data_header();
  const std::vector<Claim> claims{{.payload = samples::bytes_of("same")},
                                  {.payload = samples::bytes_of("same")}};
  Bytes object = samples::data_object(header, claims);
  std::swap_ranges(object.begin() + 256, object.begin() + 272, object.begin() + 272);
  RecordCursor cursor(object, header);
  const auto record = cursor.next();
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code(), Code::corruption);
  EXPECT_EQ(cursor.next().error().message(), record.error().message()) << "it stays where it is";
}

TEST(Records, OfAnotherObjectAreDamage) {
  Header header = samples::data_header();
  Header later = samples::data_header();
  later.first_offset += 3;
  const auto claims = samples::small_claims();
  Bytes object = samples::data_object(header, claims);
  const Bytes other = samples::data_object(later, claims);
  std::copy(other.begin() + header_bytes, other.end(), object.begin() + header_bytes);
  EXPECT_FALSE(samples::read_data(object));
}

TEST(Records, AreAsManyAsTheHeaderSays) {
  Header header = samples::data_header();
  const Bytes object = samples::data_object(header, samples::small_claims());
  for (const std::uint32_t count : {2U, 4U}) {
    Header other = header;
    other.record_count = count;
    RecordCursor cursor(object, other);
    Result<std::optional<RecordView>> record = cursor.next();
    while (record && *record) record = cursor.next();
    EXPECT_FALSE(record) << count;
  }
}

TEST(Records, CanBeReadFromAnyIndexEntryToAnother) {
  Header header = samples::data_header();
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < 40; ++i)
    claims.push_back({.payload = Bytes(i * 701, static_cast<std::byte>(i))});
  const Bytes object = samples::data_object(header, claims);
  std::vector<IndexEntry> cuts = samples::read_data(object)->index;
  cuts.push_back({.record = header.record_count, .position = static_cast<std::uint32_t>(header.body_end)});
  ASSERT_GT(cuts.size(), 8U);
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const auto part = std::span(object).subspan(cuts[i].position, cuts[i + 1].position - cuts[i].position);
    RecordCursor cursor(part, header, cuts[i], cuts[i + 1]);
    for (std::uint32_t number = cuts[i].record; number < cuts[i + 1].record; ++number) {
      const auto record = cursor.next();
      ASSERT_TRUE(record && *record) << number;
      EXPECT_EQ((*record)->offset, header.first_offset + number);
      EXPECT_EQ((*record)->payload.size(), claims[number].payload.size());
    }
    const auto end = cursor.next();
    ASSERT_TRUE(end);
    EXPECT_FALSE(*end);
  }
}

}  // namespace
}  // namespace varve::format
